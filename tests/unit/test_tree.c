/* tests/unit/test_tree.c - input histories counted the slow way, and what a node has to say about its trials. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/dms_task.h"
#include "espalier/tree.h"

enum { MAX_TRIALS = 48 };

static esp_workspace ws;
static double input[MAX_TRIALS * 58 * 6], target[MAX_TRIALS * 58];

static int make_workspace(void **state)
{
  (void)state;
  return esp_workspace_create(&ws) != ESP_OK;
}

static int free_workspace(void **state)
{
  (void)state;
  esp_workspace_free(&ws);
  return 0;
}

static esp_trials make_set(esp_dms_set set, int repeats, double input_noise_sd)
{
  esp_trials t = {.input = input, .target = target};
  const esp_dms_noise noise = {repeats, 0.1, input_noise_sd};
  const esp_rng_key key = {.seed = 3};
  esp_dms_trials(set, &noise, &key, 0, &t);
  return t;
}

static esp_tree build(const esp_trials *trials, int input_lag)
{
  esp_tree tree;
  ws.used = 0;
  assert_int_equal(esp_tree_build(trials, input_lag, &ws, &tree), ESP_OK);
  return tree;
}

/* Steps at which no earlier trial has had the same inputs so far. */
static int count_histories(const esp_trials *t)
{
  int n = 0;
  for (int trial = 0; trial < t->n_trials; trial++)
    for (int k = 0; k < t->n_steps; k++) {
      int seen = 0;
      for (int other = 0; other < trial && !seen; other++) {
        seen = 1;
        for (int i = 0; i < (k + 1) * t->n_in; i++)
          seen = seen && t->input[trial * t->n_steps * t->n_in + i] == t->input[other * t->n_steps * t->n_in + i];
      }
      n += !seen;
    }
  return n;
}

static void dms_sets_share_what_they_can(void **state)
{
  (void)state;
  esp_trials t = make_set(ESP_DMS_OLD_CUES, 5, 0);
  assert_int_equal(count_histories(&t), 142);
  assert_int_equal(build(&t, 0).n_nodes, 142);
  static const esp_dms_set sets[] = {ESP_DMS_OLD_CUES, ESP_DMS_NEW_CUES_BOTH, ESP_DMS_NEW_CUES_ONLY};
  for (int s = 0; s < 3; s++)
    for (int repeats = 1; repeats <= 6; repeats++) {
      t = make_set(sets[s], repeats, 0);
      assert_int_equal(build(&t, 0).n_nodes, count_histories(&t));
    }
  t = make_set(ESP_DMS_OLD_CUES, 5, 0.1);
  assert_int_equal(build(&t, 0).n_nodes, 20 * 58);
  memcpy(input + 10 * 58 * 6, input, 10 * 58 * 6 * sizeof *input); /* many inputs, and yet half the trials repeat */
  assert_int_equal(count_histories(&t), 10 * 58);
  assert_int_equal(build(&t, 0).n_nodes, 10 * 58);
}

static void assert_sound(const esp_trials *t, const esp_tree *tree)
{
  const int n_steps = t->n_steps, n_in = t->n_in;
  double sum_of_weights = 0, constant = 0;
  assert_int_equal(tree->level[0], 0);
  assert_int_equal(tree->level[n_steps], tree->n_nodes);
  for (int k = 0; k < n_steps; k++)
    for (int node = tree->level[k]; node < tree->level[k + 1]; node++) {
      int n = 0;
      double mean = 0;
      for (int trial = 0; trial < t->n_trials; trial++)
        if (tree->node[trial * n_steps + k] == node) {
          n++;
          mean += t->target[trial * n_steps + k];
          assert_int_equal(tree->parent[node], k == 0 ? -1 : tree->node[trial * n_steps + k - 1]);
          for (int c = 0; c < n_in; c++)
            assert_true(tree->drive_input[tree->drive[node] * tree->ld_in + c] == t->input[(trial * n_steps + k) * n_in + c]);
        }
      assert_true(n > 0 && tree->weight[node] == n);
      mean /= n;
      assert_true(fabs(tree->target[node] - mean) <= 1e-15);
      for (int trial = 0; trial < t->n_trials; trial++)
        if (tree->node[trial * n_steps + k] == node)
          constant += pow(t->target[trial * n_steps + k] - mean, 2);
      if (k > 0)
        assert_true(tree->parent[node] >= tree->level[k - 1] && tree->parent[node] < tree->level[k]);
      sum_of_weights += n;
    }
  assert_true(sum_of_weights == t->n_trials * n_steps);
  assert_true(fabs(tree->constant - constant) <= 1e-12 * (1 + constant));
}

static void nodes_know_their_trials(void **state)
{
  (void)state;
  for (int s = 0; s < 6; s++) {
    const esp_trials t = make_set((esp_dms_set)(s % 3), 4, s < 3 ? 0 : 0.2);
    const esp_tree tree = build(&t, 0);
    assert_sound(&t, &tree);
    if (s < 3) /* distinct inputs: each once */
      for (int d = 1; d < tree.n_drives; d++)
        for (int e = 0; e < d; e++)
          assert_true(memcmp(tree.drive_input + d * tree.ld_in, tree.drive_input + e * tree.ld_in, 6 * sizeof(double)) != 0);
  }
}

static void lag_is_a_shift_of_the_inputs(void **state)
{
  (void)state;
  for (int s = 0; s < 6; s++) {
    const esp_trials t = make_set((esp_dms_set)(s % 3), 3, s < 3 ? 0 : 0.2);
    double shifted_input[MAX_TRIALS * 58 * 6] = {0};
    esp_trials shifted = t;
    shifted.input = shifted_input;
    for (int trial = 0; trial < t.n_trials; trial++)
      memcpy(shifted_input + (trial * 58 + 1) * 6, input + trial * 58 * 6, 57 * 6 * sizeof *input);
    esp_tree tree, by_hand;
    ws.used = 0;
    assert_int_equal(esp_tree_build(&t, 1, &ws, &tree), ESP_OK);
    assert_int_equal(esp_tree_build(&shifted, 0, &ws, &by_hand), ESP_OK);
    assert_int_equal(tree.n_nodes, by_hand.n_nodes);
    assert_sound(&shifted, &tree);
    assert_memory_equal(tree.node, by_hand.node, (size_t)(t.n_trials * 58) * sizeof *tree.node);
    assert_memory_equal(tree.parent, by_hand.parent, (size_t)tree.n_nodes * sizeof *tree.parent);
  }
}

static void zeros_of_both_signs_are_equal(void **state)
{
  (void)state;
  double u[] = {0.0, 1, -0.0, 1}, t[] = {1, 2, 3, 4};
  const esp_trials trials = {.n_trials = 2, .n_steps = 2, .n_in = 1, .n_out = 1, .input = u, .target = t};
  const esp_tree tree = build(&trials, 0);
  assert_int_equal(tree.n_nodes, 2);
  assert_true(tree.target[0] == 2 && tree.target[1] == 3 && tree.constant == 4);
}

static void empty_sets_are_refused(void **state)
{
  (void)state;
  const esp_trials good = make_set(ESP_DMS_OLD_CUES, 1, 0);
  esp_tree tree;
  for (int i = 0; i < 5; i++) {
    esp_trials t = good;
    int *const sizes[] = {&t.n_trials, &t.n_steps, &t.n_in, &t.n_out};
    if (i < 4)
      *sizes[i] = 0;
    assert_int_equal(esp_tree_build(&t, i < 4 ? 0 : -1, &ws, &tree), ESP_ERR_ARG);
  }
}

/* It needs as much the second time, to the byte: with a line less it says so. */
static void trees_take_the_same_again(void **state)
{
  (void)state;
  static double u[3 * 4 * 20], y[3 * 4 * 2];
  for (int n_in = 1; n_in <= 20; n_in++) {
    const esp_trials trials = {.n_trials = 3, .n_steps = 4, .n_in = n_in, .n_out = 2, .input = u, .target = y};
    for (int i = 0; i < 3 * 4 * n_in; i++)
      u[i] = i;
    esp_workspace own;
    esp_tree tree;
    assert_int_equal(esp_workspace_create(&own), ESP_OK);
    assert_int_equal(esp_tree_build(&trials, 0, &own, &tree), ESP_OK);
    assert_true(own.used < own.high && own.high <= own.size); /* what was needed on the way is given back */
    const size_t size = own.size;
    own.used = 0;
    own.size = own.high;
    assert_int_equal(esp_tree_build(&trials, 0, &own, &tree), ESP_OK);
    own.used = 0;
    own.size = own.high - 64;
    assert_int_equal(esp_tree_build(&trials, 0, &own, &tree), ESP_ERR_NOMEM);
    own.size = size;
    esp_workspace_free(&own);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dms_sets_share_what_they_can), cmocka_unit_test(nodes_know_their_trials),
      cmocka_unit_test(lag_is_a_shift_of_the_inputs), cmocka_unit_test(zeros_of_both_signs_are_equal),
      cmocka_unit_test(empty_sets_are_refused),       cmocka_unit_test(trees_take_the_same_again),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
