/* train/scg.c - one step reads top to bottom like the algorithm; the variants differ in four marked places. */
#include "espalier/scg.h"

#include <math.h>
#include <string.h>

#include "espalier/linear.h"

esp_err esp_scg_state_take(size_t n, esp_workspace *ws, esp_scg_state *state)
{
  *state = (esp_scg_state){0};
  double **const vectors[] = {&state->w, &state->p, &state->r, &state->g, &state->trial, &state->step_g};
  for (int i = 0; i < 6; i++)
    ESP_TRY(esp_workspace_take(ws, n, vectors[i]));
  return ESP_OK;
}

static void apply_mask(size_t n, const double *mask, double *v)
{
  if (mask)
    for (size_t i = 0; i < n; i++)
      v[i] *= mask[i];
}

void esp_scg_begin(esp_scg_state *s, const esp_objective *f, const esp_scg_options *options, const double *mask)
{
  s->E = s->E_start = f->loss(f->context, s->w);
  f->gradient(f->context, s->g);
  s->n_losses++;
  s->n_gradients++;
  for (size_t i = 0; i < f->n; i++)
    s->r[i] = -s->g[i];
  apply_mask(f->n, mask, s->r);
  memcpy(s->p, s->r, f->n * sizeof *s->p);
  s->n_kept = f->n;
  for (size_t i = 0; mask && i < f->n; i++)
    s->n_kept -= mask[i] == 0.0;
  s->lambda = options->lambda;
  s->lambda_bar = 0.0;
  s->delta = 0.0;
  s->success = true;
  s->failures = 0;
  s->step = 0;
}

/* Curvature p'Hp along p: exact, or by a difference of gradients. */
static double curvature(esp_scg_state *s, const esp_objective *f, const esp_scg_options *options)
{
  if (f->curvature) {
    s->n_curvatures++;
    return f->curvature(f->context, s->p);
  }
  const double sigma = options->sigma / s->norm_p;
  esp_step(f->n, s->w, sigma, s->p, s->trial);
  f->loss(f->context, s->trial);
  f->gradient(f->context, s->step_g);
  s->n_losses++;
  s->n_gradients++;
  esp_step(f->n, s->step_g, -1.0, s->g, s->step_g);
  return esp_dot(f->n, s->p, s->step_g) / sigma;
}

/* Add lambda |p|^2 until the curvature is positive. The published code adds the whole lambda again after every failure;
 * Moller adds what is new of it (lambda_bar is what an earlier try has added). */
static void regularise(esp_scg_state *s, esp_scg_variant variant)
{
  const double norm2 = s->norm_p * s->norm_p;
  s->delta += (s->lambda - s->lambda_bar) * norm2;
  s->negative_curvature = variant == ESP_SCG_MOLLER ? s->delta <= 0 : s->delta < 0;
  if (!s->negative_curvature)
    return;
  const double raised = 2 * (s->lambda - s->delta / norm2);
  if (variant == ESP_SCG_MOLLER) {
    s->delta = -s->delta + s->lambda * norm2;
    s->lambda_bar = raised;
  } else {
    s->delta += raised * norm2;
  }
  s->lambda = raised;
}

/* The trial point becomes the point; the next direction is conjugate to the last. */
static void accept(esp_scg_state *s, const esp_objective *f, const esp_scg_options *options, const double *mask)
{
  double *const old_w = s->w, *const old_g = s->g;
  s->w = s->trial;
  s->trial = old_w;
  f->gradient(f->context, s->step_g);
  s->n_gradients++;
  if (options->variant == ESP_SCG_MOLLER)
    apply_mask(f->n, mask, s->step_g); /* everything in the subspace of kept weights; otherwise r keeps all entries */
  const double norm2 = esp_dot(f->n, s->step_g, s->step_g);
  const double old_new = -esp_dot(f->n, s->step_g, s->r);
  const bool restart = options->variant == ESP_SCG_MOLLER && (size_t)s->step % s->n_kept == 0;
  s->beta = restart ? 0.0 : (norm2 - old_new) / s->mu;
  for (size_t i = 0; i < f->n; i++)
    s->r[i] = -s->step_g[i];
  esp_step(f->n, s->r, s->beta, s->p, s->p);
  apply_mask(f->n, mask, s->p);
  s->g = s->step_g;
  s->step_g = old_g;
  s->success = true;
  s->failures = 1; /* so counted by the published code: the first failure of a call is number 1, later ones number 2 */
  s->lambda_bar = 0.0;
  s->E = s->trial_E;
  if (options->variant == ESP_SCG_MOLLER ? s->comparison >= 0.75 : s->comparison > 0.75)
    s->lambda *= 0.25;
}

/* A failed step. After too many the published code steps along the residual, without looking what that does to E. */
static void reject(esp_scg_state *s, const esp_objective *f, const esp_scg_options *options, const double *mask)
{
  s->success = false;
  s->beta = NAN;
  if (options->variant == ESP_SCG_MOLLER) {
    s->lambda_bar = s->lambda;
    return;
  }
  if (++s->failures <= options->max_failures)
    return;
  memcpy(s->p, s->r, f->n * sizeof *s->p);
  if (options->variant == ESP_SCG_PUBLISHED)
    apply_mask(f->n, mask, s->p); /* deposited: not masked, which revives removed weights */
  esp_step(f->n, s->w, options->fallback_step, s->p, s->w);
  s->failures = 1;
  s->fallback = true;
}

esp_call_end esp_scg_step(esp_scg_state *s, const esp_objective *f, const esp_scg_options *options, const double *mask)
{
  const bool ends_if_not_finite = options->variant != ESP_SCG_DEPOSITED;
  s->step++;
  s->fallback = false;
  s->norm_p = sqrt(esp_dot(f->n, s->p, s->p));
  if (s->norm_p == 0.0 && ends_if_not_finite)
    return ESP_CALL_STATIONARY;
  if (s->success)
    s->delta = curvature(s, f, options);
  regularise(s, options->variant);
  s->mu = esp_dot(f->n, s->p, s->r);
  s->alpha = s->mu / s->delta;
  if (ends_if_not_finite && !(isfinite(s->delta) && isfinite(s->lambda)))
    return ESP_CALL_NOT_FINITE;

  esp_step(f->n, s->w, s->alpha, s->p, s->trial);
  s->trial_E = f->loss(f->context, s->trial);
  s->n_losses++;
  s->comparison = 2 * s->delta * (s->E - s->trial_E) / (s->mu * s->mu); /* how well the parabola predicted the decrease */
  if (s->comparison >= 0)
    accept(s, f, options, mask);
  else
    reject(s, f, options, mask); /* a loss that is not finite ends here too */
  if (s->comparison < 0.25)
    s->lambda += s->delta * (1 - s->comparison) / (s->norm_p * s->norm_p);
  return ends_if_not_finite && !isfinite(s->lambda) ? ESP_CALL_NOT_FINITE : ESP_CALL_NONE;
}

esp_call_end esp_scg_minimise(esp_scg_state *s, const esp_objective *f, const esp_scg_options *options, const double *mask,
                              long n_steps, const esp_scg_watch *watch)
{
  esp_scg_begin(s, f, options, mask);
  if (!isfinite(s->E)) /* in all variants: there is no network to train */
    return ESP_CALL_NOT_FINITE;
  for (long step = 0; step < n_steps; step++) {
    if (watch->stop && watch->stop(watch->stop_context))
      return ESP_CALL_STOPPED;
    const double E_before = s->E;
    const esp_call_end end = esp_scg_step(s, f, options, mask);
    if (end != ESP_CALL_NONE)
      return end;
    if (watch->converged && watch->converged(watch->context, s->success, E_before, s->E))
      return ESP_CALL_CONVERGED;
  }
  return ESP_CALL_STEPS;
}
