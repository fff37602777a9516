/* report/scatter.c - panels with a point for each network: exponents by another number of the network, their means in bins of that
 * number, and Pearson's correlation, of each arm and of both together. */
#include <math.h>
#include <stdlib.h>

#include "chapter.h"
#include "espalier/statistics.h"
#include "ladder.h"

enum { N_BINS = 21 }; /* of a fraction: 0, 0.05, ..., 1 */
static const char exponent[] = "lyapunov_max";

static void fill_bins(int n_members, const double *x, const double *y, double *values, esp_book *book)
{
  double mean[N_BINS], sem[N_BINS];
  int32_t n[N_BINS];
  for (int bin = 0; bin < N_BINS; bin++) {
    for (int member = 0; member < n_members; member++)
      values[member] = lround(x[member] * (N_BINS - 1)) == bin && !isnan(x[member]) ? y[member] : NAN;
    const esp_summary summary = esp_summarise(n_members, values);
    mean[bin] = summary.mean;
    sem[bin] = summary.sem;
    n[bin] = (int32_t)summary.n;
  }
  esp_book_put(book, "mean", "1", "largest Lyapunov exponent of the networks in the bin", mean, ESP_SHAPE(N_BINS));
  esp_book_put(book, "sem", "1", "standard error of the mean", sem, ESP_SHAPE(N_BINS));
  esp_book_put_counts(book, "n", "networks in the bin", n, ESP_SHAPE(N_BINS));
}

static void add_correlation(long n, const double *x, const double *y, esp_book *book)
{
  const esp_correlation c = esp_correlate(n, x, y);
  esp_book_number(book, "r", "1", "Pearson's correlation over networks", c.r);
  esp_book_number(book, "r_low", "1", "lower end of its 95 % interval", c.low);
  esp_book_number(book, "r_high", "1", "upper end of its 95 % interval", c.high);
  esp_book_number(book, "r_p", "1", "its two-sided p", c.p);
}

static void fill_arm(const esp_scatter *scatter, const esp_source *s, int arm, double *x, double *y, double *values, esp_book *book)
{
  const int n_members = s->plan->n_members;
  for (int member = 0; member < n_members; member++) {
    x[member] = esp_at_070(s, scatter->x_field, member, arm, scatter->x_element);
    y[member] = esp_at_070(s, exponent, member, arm, 0);
  }
  esp_book_put(book, "point_x", "1", scatter->x_what, x, ESP_SHAPE(n_members));
  esp_book_put(book, "point_y", "1", "largest Lyapunov exponent, by member", y, ESP_SHAPE(n_members));
  fill_bins(n_members, x, y, values, book);
  add_correlation(n_members, x, y, book);
}

/* room: x and y [side, member], values [member]. */
static void fill_sides(const esp_scatter *scatter, const esp_source *s, const esp_sides *sides, double *room, esp_book *book)
{
  const int n = s->plan->n_members;
  double *x = room, *y = room + 2 * n;
  for (int side = 0; side < sides->n; side++) {
    esp_sides_open(sides, scatter->panel, sides->name[side], book);
    fill_arm(scatter, s, sides->arm[side], x + side * n, y + side * n, room + 4 * n, book);
  }
  esp_sides_open(sides, scatter->panel, "", book);
  if (scatter->together)
    add_correlation(2L * n, x, y, book);
}

esp_err esp_scatter_fill(const esp_scatter *scatter, const esp_source *s, esp_book *book)
{
  double centre[N_BINS];
  esp_sides all[ESP_MAX_ARMS];
  const int n = esp_all_sides_of(s, scatter->level, all);
  double *room = malloc(5 * (size_t)s->plan->n_members * sizeof *room);
  ESP_REQUIRE(room, ESP_ERR_NOMEM, "no memory for panel %s", scatter->panel);
  for (int i = 0; i < N_BINS; i++)
    centre[i] = (double)i / (N_BINS - 1);
  esp_book_open(book, "%s", scatter->panel);
  esp_book_put(book, "x", "1", "centre of a bin of the fraction", centre, ESP_SHAPE(N_BINS));
  for (int i = 0; i < n; i++)
    fill_sides(scatter, s, &all[i], room, book);
  free(room);
  return esp_book_error(book);
}
