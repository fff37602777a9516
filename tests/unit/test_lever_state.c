/* tests/unit/test_lever_state.c - saving and loading: in double precision without a trace, in single precision rounded with care. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/lever_state.h"
#include "lively_lever.h"

/* Full of rubbish, not the same twice: saving has to write everything. */
static esp_record make_state(const esp_plan *plan, int rubbish)
{
  const esp_record state = {&plan->record, malloc(plan->record.bytes)};
  assert_non_null(state.data);
  memset(state.data, rubbish, plan->record.bytes);
  return state;
}

static void assert_same_state(const esp_record *a, const esp_record *b)
{
  const esp_layout *layout = a->layout;
  for (int f = 0; f < layout->n_fields; f++)
    if (memcmp(a->data + layout->offset[f], b->data + layout->offset[f], layout->count[f] * esp_type_bytes(layout->field[f].type)))
      fail_msg("%s differs after an interruption", layout->field[f].name);
}

/* ---- interruption ---- */

enum { N_ROWS = 6, N_SAMPLED = 11 };

typedef struct {
  int32_t n_functional[N_ROWS], n_completed[N_ROWS], n_timed_out[N_ROWS];
  double completion_s[N_ROWS], theta[N_ROWS * N_SAMPLED];
  esp_lever_series series;
} rows;

static void begin_rows(rows *r)
{
  memset(r, 0, sizeof *r);
  r->series = (esp_lever_series){.capacity = N_ROWS,
                                 .n_functional = r->n_functional,
                                 .n_completed = r->n_completed,
                                 .n_timed_out = r->n_timed_out,
                                 .completion_s = r->completion_s,
                                 .theta = r->theta};
}

/* Six seconds in pieces; after each the network is thrown away and made again from its state. */
static void run_in_pieces(const esp_lever_options *o, const esp_lever_segment *segment, bool consolidated, int piece, rows *r,
                          const esp_record *state)
{
  esp_workspace ws;
  esp_lever_network net = make(o, &ws);
  if (consolidated)
    esp_lever_consolidate(&net);
  begin_rows(r);
  for (int done = 0; done < 60; done += piece) {
    assert_int_equal(esp_lever_run(&net, segment, 60 - done < piece ? 60 - done : piece, &r->series, NULL), ESP_OK);
    assert_int_equal(esp_lever_save(&net, state, &ws), ESP_OK);
    esp_workspace_free(&ws);
    net = make(o, &ws);
    assert_int_equal(esp_lever_load(&net, state, &ws), ESP_OK);
  }
  const size_t used = ws.used;
  assert_int_equal(esp_lever_save(&net, state, &ws), ESP_OK); /* also what loading made of it */
  assert_true(ws.used == used);
  esp_workspace_free(&ws);
}

static void interruptions_leave_no_trace(void **unused)
{
  (void)unused;
  const esp_lever_options o = lively();
  esp_plan plan = {0};
  esp_lever_declare_state(&o, ESP_F64, &plan);
  static const struct {
    esp_lever_segment segment;
    bool consolidated;
  } cases[] = {{{ESP_RULE_EXACT, false, true}, false},
               {{ESP_RULE_WAITING, true, true}, false},
               {{ESP_RULE_FIXED, false, false}, false},
               {{ESP_RULE_EXACT, false, true}, true}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    esp_record straight = make_state(&plan, 0x5a), pieces = make_state(&plan, 0x3c);
    rows a, b;
    run_in_pieces(&o, &cases[c].segment, cases[c].consolidated, 60, &a, &straight);
    static const int lengths[] = {1, 7};
    for (int i = 0; i < 2; i++) {
      run_in_pieces(&o, &cases[c].segment, cases[c].consolidated, lengths[i], &b, &pieces);
      assert_same_state(&straight, &pieces);
      assert_int_equal(a.series.n, N_ROWS);
      assert_memory_equal(&a, &b, offsetof(rows, series));
    }
    free(straight.data);
    free(pieces.data);
  }
  esp_plan_free(&plan);
}

/* ---- single precision ---- */

/* A theta just below 0 stays there, and what is past the last synapse is nothing. */
static void rounding_makes_no_synapse(void **unused)
{
  (void)unused;
  const esp_lever_options o = lively();
  esp_workspace ws;
  esp_plan plan = {0};
  esp_lever_declare_state(&o, ESP_F32, &plan);
  esp_lever_network net = make(&o, &ws);
  const esp_record state = make_state(&plan, 0x5a);
  const int n = net.synapses.n, capacity = plan.axes[ESP_LEVER_SYNAPSE].length;
  assert_int_equal(esp_rewiring_capacity(&o.synapses, &o.neurons), capacity);
  net.synapses.theta[net.synapses.place[5]] = -1e-60;
  assert_int_equal(esp_lever_save(&net, &state, &ws), ESP_OK);
  const float *theta = esp_record_f32(&state, ESP_STATE_THETA);
  assert_true(theta[5] == -FLT_MIN);
  assert_true(theta[6] == (float)net.synapses.theta[net.synapses.place[6]]);
  assert_true(n < capacity);
  for (int i = n; i < capacity; i++) {
    for (int f = ESP_STATE_THETA; f <= ESP_STATE_PRIOR_MEAN; f++)
      assert_true(isnan(esp_record_f32(&state, f)[i]));
    assert_int_equal(esp_record_i32(&state, ESP_STATE_RETURNS)[i], -1);
    assert_int_equal(esp_record_i32(&state, ESP_STATE_LAST_SEEN)[i], -1);
    assert_int_equal(esp_record_u8(&state, ESP_STATE_CONSOLIDATED)[i], 0);
  }
  assert_int_equal(esp_lever_load(&net, &state, &ws), ESP_OK);
  assert_true(net.synapses.theta[net.synapses.place[5]] == -(double)FLT_MIN);
  free(state.data);
  esp_plan_free(&plan);
  esp_workspace_free(&ws);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(interruptions_leave_no_trace),
      cmocka_unit_test(rounding_makes_no_synapse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
