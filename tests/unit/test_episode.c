/* tests/unit/test_episode.c - training calls in a row: how they end, and that an interruption leaves no trace. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/episode.h"

enum { N = 12, MAX_CALLS = 8 };

static esp_workspace ws;

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

static int workspace_is_empty(void **state)
{
  (void)state;
  return ws.used != 0;
}

/* Rosenbrock's valley in pairs: long enough that no call sees its end. */
typedef struct {
  double x[N];
  double floor; /* added to every loss */
  long n_losses, n_gradients, infinite_after; /* losses; 0: never */
} valley;

static double valley_loss(void *context, const double *w)
{
  valley *v = context;
  double E = v->floor;
  for (int i = 0; i < N; i += 2)
    E += 100 * pow(w[i + 1] - w[i] * w[i], 2) + pow(1 - w[i], 2);
  memcpy(v->x, w, sizeof v->x);
  v->n_losses++;
  return v->infinite_after > 0 && v->n_losses > v->infinite_after ? INFINITY : E;
}

static void valley_gradient(void *context, double *g)
{
  valley *v = context;
  const double *x = v->x;
  for (int i = 0; i < N; i += 2) {
    g[i] = -400 * x[i] * (x[i + 1] - x[i] * x[i]) - 2 * (1 - x[i]);
    g[i + 1] = 200 * (x[i + 1] - x[i] * x[i]);
  }
  v->n_gradients++;
}

/* Everything there is to an episode, in one piece that can be copied and compared. */
typedef struct {
  double weights[N], loss_at_start[MAX_CALLS], loss_at_end[MAX_CALLS];
  uint8_t call_end[MAX_CALLS];
  int32_t n_steps[MAX_CALLS];
  int n_calls;
  int64_t n_evaluations;
} story;

static void begin(story *s)
{
  memset(s, 0, sizeof *s);
  for (int i = 0; i < N; i++)
    s->weights[i] = i % 2 ? 1 : -1.2 + 0.1 * i;
}

typedef struct {
  story *s;
  esp_episode *episode;
  story saved[MAX_CALLS]; /* at each call boundary */
  int n_saved, n_asked, stop_at;
  esp_err answer;
} host;

static esp_err save(void *context)
{
  host *h = context;
  story *copy = &h->saved[h->n_saved++];
  *copy = *h->s;
  copy->n_calls = h->episode->n_calls;
  copy->n_evaluations = h->episode->n_evaluations;
  return h->answer;
}

static bool stop(void *context)
{
  host *h = context;
  return ++h->n_asked == h->stop_at;
}

static const esp_scg_options scg = {
    .variant = ESP_SCG_PUBLISHED, .sigma = 5e-5, .lambda = 5e-7, .fallback_step = 0.001, .max_failures = 10};

typedef struct {
  int max_calls, window;
  bool until_converged;
  double max_loss;
  int plateau_calls;
  double good_loss; /* > 0: the bandit's criterion, with this loss and no other way to converge */
} terms;

static const terms all_calls = {.max_calls = 6, .window = 12, .until_converged = false, .max_loss = 1e9};

/* Train from where s stands. */
static esp_err train(valley *v, const terms *t, story *s, host *h)
{
  const esp_objective f = {.n = N, .loss = valley_loss, .gradient = valley_gradient, .context = v};
  esp_criterion criterion;
  assert_int_equal(esp_criterion_take(t->window, 1e-2, t->max_loss, &ws, &criterion), ESP_OK);
  if (t->good_loss > 0) {
    criterion = esp_criterion_bandit();
    criterion.good_loss = t->good_loss;
    criterion.max_loss = 0;
  }
  esp_episode episode = {s->n_calls, s->loss_at_start, s->loss_at_end, s->call_end, s->n_steps, s->n_evaluations};
  const esp_episode_options options = {.scg = &scg,
                                       .steps_per_call = 15,
                                       .max_calls = t->max_calls,
                                       .until_converged = t->until_converged,
                                       .plateau_calls = t->plateau_calls,
                                       .criterion = &criterion,
                                       .stop = h ? stop : NULL,
                                       .call_made = h ? save : NULL,
                                       .context = h};
  if (h) {
    h->s = s;
    h->episode = &episode;
  }
  const size_t before = ws.used;
  const esp_err err = esp_episode_train(&f, &options, s->weights, &episode, &ws);
  assert_true(ws.used == before && ws.high <= ws.size);
  s->n_calls = episode.n_calls;
  s->n_evaluations = episode.n_evaluations;
  ws.used = 0;
  return err;
}

static void all_calls_are_made(void **state)
{
  (void)state;
  valley v = {0};
  story s;
  host h = {0};
  begin(&s);
  assert_int_equal(train(&v, &all_calls, &s, &h), ESP_OK);
  assert_int_equal(s.n_calls, 6);
  assert_int_equal(h.n_saved, 5); /* after every call but the last */
  assert_int_equal(s.n_evaluations, v.n_gradients);
  for (int call = 0; call < 6; call++) {
    assert_true(s.call_end[call] == (call < 5 ? h.saved[call].call_end[call] : s.call_end[call]));
    assert_in_range(s.n_steps[call], 1, 15);
    assert_true(s.loss_at_end[call] <= s.loss_at_start[call]);
    if (call > 0)
      assert_true(s.loss_at_start[call] == s.loss_at_end[call - 1]);
  }
  assert_true(s.loss_at_end[5] == valley_loss(&v, s.weights));
}

static void episode_ends_with_the_first_converged_call(void **state)
{
  (void)state;
  valley v = {0};
  story all, until;
  terms t = all_calls;
  t.max_loss = 1.0; /* so that the first calls do not count */
  begin(&all);
  assert_int_equal(train(&v, &t, &all, NULL), ESP_OK);
  int first = 0;
  while (first < 6 && all.call_end[first] != ESP_CALL_CONVERGED)
    first++;
  assert_in_range(first, 1, 4); /* or the test would show nothing */
  t.until_converged = true;
  begin(&until);
  assert_int_equal(train(&v, &t, &until, NULL), ESP_OK);
  assert_int_equal(until.n_calls, first + 1);
  assert_memory_equal(until.loss_at_end, all.loss_at_end, (size_t)until.n_calls * sizeof *until.loss_at_end);
}

/* The bandit's criterion ends a call at the first step with a good loss; calls that begin below it make one step. */
static void good_loss_ends_a_call(void **state)
{
  (void)state;
  valley v = {0};
  story all, s;
  begin(&all);
  assert_int_equal(train(&v, &all_calls, &all, NULL), ESP_OK);
  terms t = all_calls;
  t.good_loss = 0.5 * (all.loss_at_start[1] + all.loss_at_end[1]); /* reached in the second call */
  begin(&s);
  assert_int_equal(train(&v, &t, &s, NULL), ESP_OK);
  assert_int_equal(s.n_calls, 6);
  assert_true(s.call_end[0] == ESP_CALL_STEPS && s.loss_at_end[0] == all.loss_at_end[0]);
  for (int call = 1; call < 6; call++) {
    assert_int_equal(s.call_end[call], ESP_CALL_CONVERGED);
    assert_true(s.loss_at_end[call] < t.good_loss);
    assert_int_equal(s.n_steps[call] == 1, call > 1);
  }
  t.until_converged = true;
  begin(&s);
  assert_int_equal(train(&v, &t, &s, NULL), ESP_OK);
  assert_int_equal(s.n_calls, 2);
}

/* High above zero the valley's gains are soon less than a percent. */
static void plateau_ends_the_episode(void **state)
{
  (void)state;
  valley v = {.floor = 50};
  terms t = all_calls;
  t.max_loss = 0; /* never converges */
  for (t.plateau_calls = 1; t.plateau_calls <= 3; t.plateau_calls++) {
    story all, s;
    terms without = t;
    without.plateau_calls = 0;
    begin(&all);
    assert_int_equal(train(&v, &without, &all, NULL), ESP_OK);
    assert_int_equal(all.n_calls, 6);
    begin(&s);
    assert_int_equal(train(&v, &t, &s, NULL), ESP_OK);
    int expected = t.plateau_calls + 1;
    while (expected < 6 && all.loss_at_end[expected - 1] <= 0.99 * all.loss_at_end[expected - 1 - t.plateau_calls])
      expected++;
    assert_int_equal(s.n_calls, expected);
    if (t.plateau_calls == 1)
      assert_in_range(s.n_calls, 2, 5); /* or the test would show nothing */
  }
}

static void resumed_episode_has_the_bits_of_the_straight_one(void **state)
{
  (void)state;
  valley v = {0};
  story straight;
  host h = {0};
  begin(&straight);
  assert_int_equal(train(&v, &all_calls, &straight, &h), ESP_OK);
  for (int boundary = 0; boundary < h.n_saved; boundary++) {
    story s = h.saved[boundary];
    assert_int_equal(s.n_calls, boundary + 1);
    valley fresh = {0};
    assert_int_equal(train(&fresh, &all_calls, &s, NULL), ESP_OK);
    assert_memory_equal(&s, &straight, sizeof s);
  }
}

/* What was converged on an earlier set says nothing of this one: the calls go on, are counted on, and can end in convergence. */
static void calls_on_an_earlier_set_do_not_end_the_next(void **state)
{
  (void)state;
  terms easy = all_calls, hard = all_calls;
  valley v = {0}, higher = {.floor = 50};
  story s;
  host h = {0};
  easy.until_converged = hard.until_converged = true;
  easy.good_loss = 1e9;
  hard.good_loss = 1e-300;
  begin(&s);
  assert_int_equal(train(&v, &easy, &s, NULL), ESP_OK);
  assert_int_equal(s.n_calls, 1);
  assert_int_equal(s.call_end[0], ESP_CALL_CONVERGED);
  const story first = s;
  assert_int_equal(train(&higher, &hard, &s, &h), ESP_OK); /* to the number of calls of the whole */
  assert_int_equal(s.n_calls, 6);
  assert_int_equal(h.n_saved, 4);
  assert_int_equal(s.n_evaluations, v.n_gradients + higher.n_gradients);
  assert_true(s.loss_at_end[0] == first.loss_at_end[0] && s.loss_at_start[1] >= 50);
  s = first;
  assert_int_equal(train(&higher, &easy, &s, NULL), ESP_OK);
  assert_int_equal(s.n_calls, 2);
  hard.max_calls = 1; /* nothing is left to do */
  s = first;
  assert_int_equal(train(&higher, &hard, &s, NULL), ESP_OK);
  assert_memory_equal(&s, &first, sizeof s);
}

static void stop_leaves_the_last_boundary(void **state)
{
  (void)state;
  valley v = {0};
  story straight, again;
  host seen = {0};
  begin(&straight);
  assert_int_equal(train(&v, &all_calls, &straight, &seen), ESP_OK);
  for (int stop_at = 1; stop_at <= seen.n_asked; stop_at += 3) {
    host h = {.stop_at = stop_at};
    begin(&again);
    assert_int_equal(train(&v, &all_calls, &again, &h), ESP_ERR_STOPPED);
    story expected;
    begin(&expected);
    if (h.n_saved > 0)
      expected = h.saved[h.n_saved - 1];
    assert_int_equal(again.n_calls, h.n_saved);
    assert_memory_equal(&again, &expected, sizeof again);
    assert_int_equal(train(&v, &all_calls, &again, NULL), ESP_OK);
    assert_memory_equal(&again, &straight, sizeof again);
  }
}

static void loss_that_is_not_finite_ends_the_episode(void **state)
{
  (void)state;
  valley v = {0};
  story s;
  host h = {0};
  begin(&s);
  v.infinite_after = 60; /* in the course of the second or third call */
  assert_int_equal(train(&v, &all_calls, &s, &h), ESP_OK);
  assert_in_range(s.n_calls, 2, 5);
  assert_int_equal(h.n_saved, s.n_calls - 1);
  assert_int_equal(s.call_end[s.n_calls - 1], ESP_CALL_NOT_FINITE);
  assert_false(isfinite(s.loss_at_end[s.n_calls - 1]));
  assert_true(isfinite(s.loss_at_end[s.n_calls - 2]));
  const story before = s;
  assert_int_equal(train(&v, &all_calls, &s, &h), ESP_OK); /* and it stays ended */
  assert_memory_equal(&s, &before, sizeof s);
}

static void failing_save_is_passed_on(void **state)
{
  (void)state;
  valley v = {0};
  story s;
  host h = {.answer = ESP_ERR_IO};
  begin(&s);
  assert_int_equal(train(&v, &all_calls, &s, &h), ESP_ERR_IO);
  assert_int_equal(s.n_calls, 1);
}

static void too_small_a_workspace_is_noticed(void **state)
{
  (void)state;
  valley v = {0};
  const esp_objective f = {.n = 1 << 20, .loss = valley_loss, .gradient = valley_gradient, .context = &v};
  const esp_episode_options options = {.scg = &scg, .steps_per_call = 1, .max_calls = 1};
  esp_episode episode = {0};
  const size_t size = ws.size;
  ws.size = 1 << 20;
  assert_int_equal(esp_episode_train(&f, &options, NULL, &episode, &ws), ESP_ERR_NOMEM);
  ws.size = size;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, workspace_is_empty)
  const struct CMUnitTest tests[] = {
      TEST(all_calls_are_made),
      TEST(episode_ends_with_the_first_converged_call),
      TEST(good_loss_ends_a_call),
      TEST(plateau_ends_the_episode),
      TEST(calls_on_an_earlier_set_do_not_end_the_next),
      TEST(resumed_episode_has_the_bits_of_the_straight_one),
      TEST(stop_leaves_the_last_boundary),
      TEST(loss_that_is_not_finite_ends_the_episode),
      TEST(failing_save_is_passed_on),
      TEST(too_small_a_workspace_is_noticed),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
