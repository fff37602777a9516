/* cli/repair.c - a new results file with all that can be saved from a damaged one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "espalier/log.h"
#include "espalier/salvage.h"
#include "espalier/watchdog.h"
#include "session.h"

/* A name for the old file that nobody has yet; we have the lock, so nobody else makes one. */
static void name_aside(const char *output, char *aside, size_t size)
{
  char stamp[32];
  struct stat there;
  const time_t now = time(NULL);
  struct tm tm;
  strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", localtime_r(&now, &tm));
  snprintf(aside, size, "%s.old-%s", output, stamp);
  for (int i = 1; lstat(aside, &there) == 0; i++)
    snprintf(aside, size, "%s.old-%s.%d", output, stamp, i);
}

esp_err esp_cli_move_aside(const char *output, const char *successor)
{
  char aside[4224];
  struct stat there;
  /* The lock is that of the file behind a link: the new file in place of the link would have none. */
  ESP_REQUIRE(lstat(output, &there) != 0 || !S_ISLNK(there.st_mode), ESP_ERR_CANNOT_CREATE,
              "%s: a symbolic link, which --force and --repair leave alone; name the file itself, or remove the link", output);
  name_aside(output, aside, sizeof aside);
  /* With a successor the name is never without a file: a kill in between leaves the one or the other. */
  const bool moved = (successor && link(output, aside) == 0) || rename(output, aside) == 0;
  ESP_REQUIRE(moved, ESP_ERR_CANNOT_CREATE, "cannot move %s to %s: %s", output, aside, strerror(errno));
  ESP_REQUIRE(!successor || rename(successor, output) == 0, ESP_ERR_CANNOT_CREATE, "cannot move %s to %s: %s", successor, output,
              strerror(errno));
  esp_log("moved the old %s to %s", output, aside);
  return ESP_OK;
}

/* ---- is it of this config? ---- */

/* It may take as long as a member does: listen meanwhile. */
static bool stop_asked(void *context)
{
  const double *stop_at = context;
  esp_watchdog_moved();
  return esp_stop_signal() != 0 || esp_seconds() >= *stop_at;
}

/* One cell of each stage in each arm, with its parent: no key of a config can shape cells and none of these. Returns their
 * number. */
static long choose_cells(const esp_cli_file *file, long *slots)
{
  const esp_plan *plan = &file->plan;
  long n = 0;
  for (int stage = 0; stage < plan->n_stages; stage++)
    for (int arm = 0; arm < plan->n_arms; arm++)
      for (int member = 0; member < plan->n_members; member++) {
        const esp_cell cell = {member, arm, stage};
        esp_cell parent;
        if (plan->stages[stage].copy[arm] || !esp_cli_has(file, cell) ||
            (esp_cell_parent(plan, cell, &parent) && !esp_cli_has(file, parent)))
          continue;
        slots[n++] = esp_cell_slot(plan, cell);
        break;
      }
  return n;
}

static esp_err check_bits(const esp_session *o, const char *fresh)
{
  esp_cli_file file;
  long n = 0, n_different = 0;
  double stop_at = o->run.stop_at;
  const esp_stage_host host = {.stop = stop_asked, .context = &stop_at};
  esp_err err = esp_cli_open(fresh, &file);
  long *slots = err == ESP_OK ? malloc((size_t)esp_plan_n_slots(&file.plan) * sizeof *slots) : NULL;
  if (err == ESP_OK && !slots)
    err = esp_fail(ESP_ERR_NOMEM, "no memory for a list of cells");
  if (err == ESP_OK) {
    n = choose_cells(&file, slots);
    esp_log("%s: the config in it cannot be read; computing %ld cells again, one of each stage, to see whether it was this one",
            o->output, n);
    err = esp_cli_recompute(&file, &host, slots, n, &n_different);
  }
  free(slots);
  esp_cli_close(&file);
  ESP_TRY(err);
  ESP_REQUIRE(n > 0 && n_different == 0, ESP_ERR_CONFIG,
              "%s: %ld of %ld cells that were computed again with this config differ: the file was made with another config, "
              "version or kind of CPU. Give its own config, or --force to move it aside and begin anew. Nothing was changed.",
              o->output, n_different, n);
  return ESP_OK;
}

/* ---- all of it ---- */

static esp_err fill(const esp_session *o, const esp_config_file *config, const esp_plan *plan, bool config_known,
                    const char *fresh)
{
  esp_results *results;
  esp_salvage found;
  ESP_TRY(esp_results_open(fresh, plan, ESP_RESULTS_WRITE, &results));
  esp_err err = esp_salvage_cells(o->output, config, results, &found);
  const esp_err closed = esp_results_close(results);
  ESP_TRY(err == ESP_OK ? closed : err);
  ESP_REQUIRE(found.n_saved + found.n_states > 0, ESP_ERR_DATA,
              "%s: not one cell of this config is left in it; --force moves it aside and begins anew. Nothing was changed.",
              o->output);
  if (!config_known && !found.same_config)
    ESP_TRY(check_bits(o, fresh));
  esp_log("%s: %ld of %ld cells saved, %ld lost, %ld cut off with the end of the file", o->output, found.n_saved,
          esp_plan_n_cells(plan), found.n_lost, found.n_cut_off);
  return ESP_OK;
}

esp_err esp_cli_repair(const esp_session *o, const esp_config_file *config, const esp_plan *plan, bool config_known)
{
  char fresh[4224];
  snprintf(fresh, sizeof fresh, "%s.repair", o->output);
  unlink(fresh); /* left by a repair that was killed */
  ESP_TRY(esp_results_create(fresh, plan, config));
  esp_err err = fill(o, config, plan, config_known, fresh);
  if (err == ESP_OK)
    err = esp_cli_move_aside(o->output, fresh);
  if (err != ESP_OK)
    unlink(fresh);
  return err;
}
