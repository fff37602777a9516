/* results/writer.c - payload first, then the entry that makes it count. */
#include <string.h>

#include "espalier/file.h"
#include "espalier/log.h"
#include "espalier/watchdog.h"
#include "internal.h"

/* The piece of a cell: of its stage, or of a slot. */
static esp_err write_piece(const esp_results *r, const esp_table *array, esp_cell cell, int k, const void *values)
{
  ESP_REQUIRE(esp_table_write(array, cell.member, cell.arm, k, values) >= 0, ESP_ERR_IO,
              "%s: cannot write %s of %s (HDF5: %s)%s", r->path, array->name, esp_cell_words(r->plan, cell), esp_h5_cause(),
              esp_disk_advice(esp_h5_errno()));
  return ESP_OK;
}

static esp_err write_fields(const esp_results *r, const esp_table *arrays, esp_cell cell, int k, const esp_record *record)
{
  for (int f = 0; f < record->layout->n_fields; f++)
    ESP_TRY(write_piece(r, &arrays[f], cell, k, record->data + record->layout->offset[f]));
  return ESP_OK;
}

static esp_err check_writable(const esp_results *r, esp_cell cell)
{
  ESP_REQUIRE(r->mode == ESP_RESULTS_WRITE, ESP_ERR_ARG, "%s: open for reading only", r->path);
  ESP_REQUIRE(esp_cell_in_plan(r->plan, cell), ESP_ERR_ARG, "%s: there is no cell (%d, %d, %d)", r->path, cell.member,
              cell.arm, cell.stage);
  esp_h5_start();
  return ESP_OK;
}

static esp_err written(esp_results *r)
{
  r->unsynced = true;
  return esp_results_sync_when_due(r);
}

esp_err esp_results_write_cell(esp_results *r, esp_cell cell, const esp_record *record, const esp_commit *commit)
{
  ESP_TRY(check_writable(r, cell));
  ESP_REQUIRE(commit->outcome.state == ESP_CELL_DONE || commit->outcome.state == ESP_CELL_FAILED, ESP_ERR_ARG,
              "%s: %s has no outcome to be written", r->path, esp_cell_words(r->plan, cell));
  ESP_TRY(write_fields(r, r->field, cell, cell.stage, record));

  unsigned char raw[ESP_COMMIT_BYTES];
  esp_commit entry = *commit;
  entry.crc = esp_cell_crc(record, cell, &commit->outcome);
  esp_commit_encode(&entry, esp_cell_slot(r->plan, cell), raw);
  ESP_TRY(write_piece(r, &r->commit, cell, cell.stage, raw));
  return written(r);
}

/* The slot to give up: one that is not whole, else the older. After a power failure the newest may be the broken one, so
 * the sequence numbers alone must not decide. */
static esp_err choose_slot(esp_results *r, esp_cell cell, const esp_resume_entry *entry, int *slot)
{
  const int newest = entry[1].sequence > entry[0].sequence;
  bool valid;
  ESP_TRY(esp_resume_load(r, (esp_cell){cell.member, cell.arm, entry[newest].stage}, newest, &entry[newest], &r->scratch,
                          &valid));
  *slot = valid ? !newest : newest;
  return ESP_OK;
}

esp_err esp_results_write_resume(esp_results *r, esp_cell cell, const esp_record *state)
{
  ESP_TRY(check_writable(r, cell));
  if (r->plan->resume.n_fields == 0)
    return ESP_OK;
  int slot;
  esp_resume_entry entry[ESP_RESUME_SLOTS];
  ESP_TRY(esp_resume_entries(r, cell, entry));
  ESP_TRY(choose_slot(r, cell, entry, &slot));
  ESP_TRY(write_fields(r, r->state, cell, slot, state));

  unsigned char raw[ESP_RESUME_BYTES];
  const uint64_t sequence = (entry[0].sequence > entry[1].sequence ? entry[0].sequence : entry[1].sequence) + 1;
  esp_resume_encode(&(esp_resume_entry){cell.stage, esp_resume_crc(state, cell, sequence), sequence}, raw);
  ESP_TRY(write_piece(r, &r->resume_commit, cell, slot, raw));
  return written(r);
}

esp_err esp_results_sync(esp_results *r)
{
  if (r->sync_fd < 0)
    return ESP_OK;
  r->last_sync = esp_seconds();
  r->unsynced = false;
  if (r->sync_failure == 0)
    r->sync_failure = esp_sync(r->sync_fd);
  ESP_REQUIRE(r->sync_failure == 0, ESP_ERR_IO, "%s: cannot be brought to disk: %s%s", r->path, strerror(r->sync_failure),
              esp_disk_advice(r->sync_failure));
  return ESP_OK;
}

esp_err esp_results_sync_when_due(esp_results *r)
{
  if (r && r->sync_failure)
    return esp_results_sync(r);
  if (!r || !r->unsynced || esp_seconds() - r->last_sync < ESP_SYNC_SECONDS)
    return ESP_OK;
  const esp_phase phase = esp_watchdog_phase_now();
  esp_watchdog_phase(ESP_PHASE_WRITING); /* it may take its time */
  const esp_err err = esp_results_sync(r);
  esp_watchdog_phase(phase);
  return err;
}
