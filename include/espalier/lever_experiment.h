/* espalier/lever_experiment.h - arms and times of the lever experiment, for those who read its results. Pure, local. */
#ifndef ESPALIER_LEVER_EXPERIMENT_H
#define ESPALIER_LEVER_EXPERIMENT_H
#include "espalier/config.h"
#include "espalier/lever_state.h"

enum {
  ESP_LEVER_ARM_PLASTIC,
  ESP_LEVER_ARM_APPROXIMATE,
  ESP_LEVER_ARM_FIXED,
  ESP_LEVER_ARM_FORGETTING,
  ESP_LEVER_ARM_CONSOLIDATED
};

esp_lever_options esp_lever_options_of(const esp_config *config);

/* ---- times; the config is checked: all of these are whole ---- */

/** Stages: learning 0 .. n_learning - 1, then n_unrewarded without reward. */
typedef struct {
  int n_before;          /* of learning, before the pools are exchanged */
  int n_learning, n_unrewarded;
  int consolidated_from; /* stage; -1: none                             */
} esp_lever_timetable;

esp_lever_timetable esp_lever_timetable_of(const esp_config *config);

/** Hours from the start of learning to the end of a stage. */
double esp_lever_hour_at_end(const esp_config *config, int stage);

/** Moves in the averages over movements. */
int esp_lever_movement_length(const esp_config *config);

#endif
