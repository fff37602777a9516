/* train/prune.c - a rung: rank all recurrent weights, removed ones first, and take the front of the queue. */
#include "espalier/prune.h"

#include <gsl/gsl_heapsort.h>
#include <math.h>

typedef struct {
  double rank;  /* |w|, or a random number; -1 for weights that are gone already */
  int order;    /* breaks ties                                                    */
  int index;    /* row-major                                                      */
} candidate;

int esp_prune_count(int n_hid, double fraction)
{
  return (int)floor(fraction * n_hid * n_hid + 1e-9); /* 0.47 * 100 is 46.99..., and means 47 */
}

double esp_mask_sparsity(int n_hid, const uint8_t *mask)
{
  int removed = 0;
  for (int i = 0; i < n_hid * n_hid; i++)
    removed += mask[i] == 0;
  return (double)removed / ((double)n_hid * n_hid);
}

static int by_rank_then_order(const void *a, const void *b)
{
  const candidate *x = a, *y = b;
  if (x->rank != y->rank)
    return x->rank < y->rank ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

esp_err esp_mask_prune(int n_hid, double fraction, esp_prune_criterion criterion, esp_prune_ties ties,
                       const esp_rng_key *key, uint8_t *mask, double *w_rec, esp_workspace *ws)
{
  const int n = n_hid * n_hid, count = esp_prune_count(n_hid, fraction);
  const size_t mark = ws->used;
  unsigned char *bytes;
  ESP_TRY(esp_workspace_take_bytes(ws, (size_t)n * sizeof(candidate), &bytes));
  candidate *queue = (candidate *)(void *)bytes;
  int gone = 0;
  for (int i = 0; i < n; i++) {
    const int post = i / n_hid, pre = i % n_hid;
    gone += mask[i] == 0;
    queue[i] = (candidate){
        .rank = mask[i] == 0                     ? -1
                : criterion == ESP_PRUNE_RANDOM ? esp_rng_uniform(key, (uint64_t)i)
                                                : fabs(w_rec[i]),
        .order = ties == ESP_TIES_COLUMN_MAJOR ? pre * n_hid + post : i,
        .index = i,
    };
  }
  gsl_heapsort(queue, (size_t)n, sizeof *queue, by_rank_then_order); /* in place; the order is total, so stable or not is one */
  for (int i = 0; i < count; i++) {
    mask[queue[i].index] = 0;
    w_rec[queue[i].index] = 0.0;
  }
  ws->used = mark;
  ESP_REQUIRE(gone <= count, ESP_ERR_ARG, "%d of %d recurrent weights are removed already, more than fraction %g asks for", gone,
              n, fraction);
  return ESP_OK;
}
