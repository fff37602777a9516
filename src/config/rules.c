/* config/rules.c - the one table of rules between keys: a line has the keys, what is allowed in words, and what must hold.
 *
 * All lines are asked of every config, as keys that an experiment does not have hold their defaults; config.c picks those that
 * concern it. A rule that makes sense only under a condition says so itself (there is a transfer, there is time without reward).
 * The numerical modules take all of this for granted: a rule that is missing here is an assertion that fails there. */
#include "rules.h"

#include <math.h>

static int item_near(const esp_number_list *list, double value)
{
  for (int i = 0; i < list->n; i++)
    if (fabs(list->value[i] - value) <= 1e-9)
      return i;
  return -1;
}

static void take_item(const esp_number_list *list, double *value)
{
  const int i = item_near(list, *value);
  if (i >= 0)
    *value = list->value[i];
}

static void limit(int *members, const esp_config *c)
{
  if (*members > c->ensemble.members)
    *members = c->ensemble.members;
}

void esp_rules_settle(esp_config *c)
{
  if (c->experiment == ESP_EXPERIMENT_DMS) {
    limit(&c->transfer.members, c);
    take_item(&c->ladder.fractions, &c->transfer.from);
  }
  if (c->experiment == ESP_EXPERIMENT_BANDIT) {
    limit(&c->new_option.members, c);
    take_item(&c->ladder.fractions, &c->new_option.from);
    take_item(&c->ladder.value_noise, &c->new_option.ladder);
  }
}

static bool is_multiple(double value, double of)
{
  const double n = nearbyint(value / of);
  return n >= 1 && fabs(n * of - value) <= 1e-9 * value;
}

void esp_rules_ask(const esp_config *c, void (*broken)(void *context, const esp_rule *rule), void *context)
{
  enum { MOST_LEVELS = 4 }; /* with two arms each */
  const double all_hours = c->lever.hours + c->lever.unrewarded_hours, drift_min = 60 * c->lever.unrewarded_step_hours;
  const double held_after = c->lever.consolidation_hour - c->lever.switch_hour; /* hours without reward */
  const double pull = c->synapses.learning_rate * 1e-3 * c->synapses.update_ms; /* of an update towards a prior of sd 1 */
  const bool always_rewarded = c->lever.unrewarded_hours == 0;
  const bool not_held = always_rewarded || c->lever.consolidation_hour == 0;
  const int n_free = c->neurons.n_exc - c->neurons.n_receiving;

  const esp_rule rules[] = {
      {"transfer.from", {"ladder.fractions"}, "0 (no transfer) or one of ladder.fractions", .noun = "a rung",
       .holds = c->transfer.from == 0 || item_near(&c->ladder.fractions, c->transfer.from) >= 0},

      {"ladder.value_noise", {NULL}, "at most 4", .noun = "levels", .holds = c->ladder.value_noise.n <= MOST_LEVELS},
      {"new_option.from", {"ladder.fractions"}, "0 (no new option) or one of ladder.fractions", .noun = "a rung",
       .holds = c->new_option.from == 0 || item_near(&c->ladder.fractions, c->new_option.from) >= 0},
      {"new_option.ladder", {"ladder.value_noise"}, "one of ladder.value_noise", .noun = "a level",
       .holds = c->new_option.from == 0 || item_near(&c->ladder.value_noise, c->new_option.ladder) >= 0},

      /* Stages are whole segments, segments whole snapshots, snapshots whole updates, updates whole steps. */
      {"lever.hours", {"lever.segment_min"}, "a whole number of segments",
       .holds = is_multiple(c->lever.hours * 60, c->lever.segment_min)},
      {"lever.switch_hour", {"lever.segment_min"}, "a switch between two segments",
       .holds = is_multiple(c->lever.switch_hour * 60, c->lever.segment_min)},
      {"lever.switch_hour", {"lever.hours"}, "a switch before the end", .holds = c->lever.switch_hour < c->lever.hours},
      {"lever.segment_min", {"lever.snapshot_min"}, "a whole number of snapshots in a segment",
       .holds = is_multiple(c->lever.segment_min, c->lever.snapshot_min)},
      {"lever.snapshot_min", {"synapses.update_ms"}, "a whole number of updates between snapshots",
       .holds = is_multiple(c->lever.snapshot_min * 60000, c->synapses.update_ms)},
      {"lever.segment_min", {"neurons.dt_ms"}, "fewer than 2^31 time steps in a segment",
       .holds = c->lever.segment_min * 60000 / c->neurons.dt_ms < INT32_MAX},
      {"lever.unrewarded_trials_min", {"neurons.dt_ms"}, "fewer than 2^31 time steps of trials",
       .holds = c->lever.unrewarded_trials_min * 60000 / c->neurons.dt_ms < INT32_MAX},
      {"synapses.update_ms", {"neurons.dt_ms"}, "a whole number of steps between updates",
       .holds = is_multiple(c->synapses.update_ms, c->neurons.dt_ms)},
      {"trials.step_ms", {"neurons.dt_ms"}, "a whole number of time steps in a step of the lever",
       .holds = is_multiple(c->trials.step_ms, c->neurons.dt_ms)},
      {"trials.window_ms", {"neurons.dt_ms"}, "a whole number of time steps in the window",
       .holds = is_multiple(c->trials.window_ms, c->neurons.dt_ms)},
      {"lever.movement_before_ms", {"trials.step_ms"}, "a whole number of steps of the lever",
       .holds = is_multiple(c->lever.movement_before_ms, c->trials.step_ms)},
      {"lever.movement_after_ms", {"trials.step_ms"}, "a whole number of steps of the lever",
       .holds = is_multiple(c->lever.movement_after_ms, c->trials.step_ms)},
      {"lever.hours", {"synapses.update_ms", "lever.unrewarded_hours"}, "fewer than 2^31 updates in all",
       .holds = all_hours * 3.6e6 / c->synapses.update_ms < INT32_MAX},

      /* The same of the time without reward, if there is any. */
      {"lever.unrewarded_hours", {"lever.unrewarded_step_hours"}, "a whole number of stages",
       .holds = always_rewarded || is_multiple(c->lever.unrewarded_hours, c->lever.unrewarded_step_hours)},
      {"lever.unrewarded_step_hours", {"lever.snapshot_min"}, "a whole number of snapshots in a stage",
       .holds = always_rewarded || is_multiple(drift_min, c->lever.snapshot_min)},
      {"lever.unrewarded_trials_min", {"lever.snapshot_min"}, "a whole number of snapshots in the trials",
       .holds = always_rewarded || is_multiple(c->lever.unrewarded_trials_min, c->lever.snapshot_min)},
      {"lever.unrewarded_trials_min", {"lever.unrewarded_step_hours"}, "less than the stage",
       .holds = always_rewarded || c->lever.unrewarded_trials_min < drift_min},
      {"lever.consolidation_hour", {"lever.switch_hour"}, "0 (no consolidation), or not before the switch",
       .holds = not_held || held_after >= 0},
      {"lever.consolidation_hour", {"lever.unrewarded_hours", "lever.switch_hour"},
       "0 (no consolidation), or before the end of the time without reward, which begins at lever.switch_hour",
       .holds = not_held || held_after < c->lever.unrewarded_hours},
      {"lever.consolidation_hour", {"lever.unrewarded_step_hours", "lever.switch_hour"},
       "0 (no consolidation), or lever.switch_hour and a whole number of lever.unrewarded_step_hours after it",
       .holds = not_held || held_after <= 0 || is_multiple(held_after, c->lever.unrewarded_step_hours)},

      /* Sizes, times and rates that fit. */
      {"neurons.n_receiving", {"neurons.n_exc"}, "not more than all of them", .holds = n_free >= 0},
      {"trials.n_pool", {"neurons.n_exc", "neurons.n_receiving"}, "room for neurons.n_receiving and two pools",
       .holds = n_free < 0 || 2 * c->trials.n_pool <= n_free},
      {"neurons.exc_fall_ms", {"neurons.exc_rise_ms"}, "a slower fall than rise",
       .holds = c->neurons.exc_fall_ms > c->neurons.exc_rise_ms},
      {"neurons.inh_fall_ms", {"neurons.inh_rise_ms"}, "a slower fall than rise",
       .holds = c->neurons.inh_fall_ms > c->neurons.inh_rise_ms},
      {"trials.pause_min_s", {"trials.pause_max_s"}, "a minimum below the maximum",
       .holds = c->trials.pause_min_s <= c->trials.pause_max_s},
      {"trials.cue_min_hz", {"trials.cue_max_hz"}, "a minimum below the maximum",
       .holds = c->trials.cue_min_hz <= c->trials.cue_max_hz},
      {"trials.cue_max_hz", {"neurons.dt_ms"}, "less than a spike in a step",
       .holds = c->trials.cue_max_hz * c->neurons.dt_ms < 1000},
      {"trials.background_hz", {"neurons.dt_ms"}, "less than a spike in a step",
       .holds = c->trials.background_hz * c->neurons.dt_ms < 1000},
      {"synapses.return_theta", {"synapses.theta_max"}, "not above the greatest parameter",
       .holds = c->synapses.return_theta <= c->synapses.theta_max},
      {"synapses.consolidated_sd", {"synapses.learning_rate", "synapses.update_ms"},
       "a square above synapses.learning_rate times synapses.update_ms in seconds",
       .holds = pull < c->synapses.consolidated_sd * c->synapses.consolidated_sd},
  };
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (!rules[i].holds)
      broken(context, &rules[i]);
}
