/* analysis/flow.c - points are stepped in the full space and only looked at on three axes. */
#include "espalier/flow.h"

#include <math.h>

enum { CENTRE = ESP_FLOW_N_POINTS / 2 };

static double dot(int n, const double *a, const double *b)
{
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

static double length(int n, const double *v)
{
  return sqrt(dot(n, v, v));
}

typedef struct {
  double x1, x2;
} displacement;

static displacement displacement_of(int point)
{
  return (displacement){(point / 3 - 1) * ESP_FLOW_SPACING, (point % 3 - 1) * ESP_FLOW_SPACING};
}

/* Start and step of every grid point, on the three axes. */
static esp_err step_points(const esp_rnn_shape *shape, const double *w, const double *const axis[ESP_FLOW_N_AXES],
                           const double *u, const double *a, esp_flow *flow, esp_workspace *ws)
{
  const int n = shape->n_hid, m = shape->n_in;
  const double *w_rec = w + esp_rnn_w_rec_offset(shape);
  double *drive, *state, *rate, *change;
  const esp_piece list[] = {{&drive, (size_t)n}, {&state, (size_t)n}, {&rate, (size_t)n}, {&change, (size_t)n}};
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
  for (int i = 0; i < n; i++)
    drive[i] = dot(m, w + (size_t)i * (size_t)m, u);
  for (int point = 0; point < ESP_FLOW_N_POINTS; point++) {
    const displacement d = displacement_of(point);
    for (int i = 0; i < n; i++) {
      state[i] = a[i] + (axis[0][i] * d.x1 + axis[1][i] * d.x2);
      rate[i] = tanh(state[i]);
    }
    for (int i = 0; i < n; i++)
      change[i] = drive[i] + dot(n, w_rec + (size_t)i * (size_t)n, rate) - state[i];
    const double x[ESP_FLOW_N_AXES] = {d.x1, d.x2, 0.0};
    for (int c = 0; c < ESP_FLOW_N_AXES; c++) {
      flow->start[point][c] = dot(n, axis[c], a) + x[c];
      flow->step[point][c] = dot(n, axis[c], change);
    }
  }
  return ESP_OK;
}

/* The three numbers from the points. fraction: variance of each axis over the whole. */
static void measure(const double fraction[ESP_FLOW_N_AXES], esp_flow *flow)
{
  double distance_before = 0.0, distance_after = 0.0, spread_before = 0.0, spread_after = 0.0, approach = 0.0;
  for (int point = 0; point < ESP_FLOW_N_POINTS; point++) {
    if (point == CENTRE)
      continue;
    double before[ESP_FLOW_N_AXES], after[ESP_FLOW_N_AXES];
    for (int c = 0; c < ESP_FLOW_N_AXES; c++) {
      before[c] = flow->start[point][c] - flow->start[CENTRE][c];
      after[c] = (flow->start[point][c] + flow->step[point][c]) - (flow->start[CENTRE][c] + flow->step[CENTRE][c]);
      spread_before += fraction[c] * before[c] * before[c];
      spread_after += fraction[c] * after[c] * after[c];
    }
    distance_before += length(2, before);
    distance_after += length(2, after);
    const displacement d = displacement_of(point);
    approach += hypot(d.x1, d.x2) - length(ESP_FLOW_N_AXES, after);
  }
  flow->contraction = distance_after / distance_before;
  flow->contraction_published = sqrt(spread_after) / sqrt(spread_before);
  flow->approach = approach / (ESP_FLOW_N_POINTS - 1);
}

esp_err esp_flow_at(const esp_rnn_shape *shape, const double *w, const double *eigenvalue, const double *component,
                    const double *u, const double *a, esp_flow *flow, esp_workspace *ws)
{
  const int n = shape->n_hid;
  ESP_REQUIRE(n >= ESP_FLOW_N_AXES, ESP_ERR_ARG, "%d units, the flow needs %d", n, ESP_FLOW_N_AXES);
  const double *const axis[ESP_FLOW_N_AXES] = {component, component + n, w + esp_rnn_w_out_offset(shape)};
  const size_t mark = ws->used;
  const esp_err err = step_points(shape, w, axis, u, a, flow, ws);
  ws->used = mark;
  ESP_TRY(err);
  double total = 0.0, fraction[ESP_FLOW_N_AXES];
  for (int i = 0; i < n; i++)
    total += eigenvalue[i];
  for (int c = 0; c < ESP_FLOW_N_AXES; c++)
    fraction[c] = eigenvalue[c] / total;
  measure(fraction, flow);
  return ESP_OK;
}
