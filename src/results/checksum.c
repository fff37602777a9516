/* results/checksum.c - isa-l computes CRC-32C with the CPU's own instruction; here it gets the usual convention around it. */
#include <endian.h>
#include <isa-l/crc.h>
#include <string.h>

#include "internal.h"

uint32_t esp_crc32c(uint32_t crc, const void *data, size_t n_bytes)
{
  /* isa-l takes a pointer to non-const and a length in int, reads only, and leaves both inversions to the caller. */
  unsigned char *at = (unsigned char *)(uintptr_t)data;
  crc = ~crc;
  while (n_bytes > 0) {
    const size_t n = n_bytes < ((size_t)1 << 30) ? n_bytes : (size_t)1 << 30;
    crc = crc32_iscsi(at, (int)n, crc);
    at += n;
    n_bytes -= n;
  }
  return ~crc;
}

/* The checksum is that of the bytes in the file, which are little-endian on every machine. */
static uint32_t crc_elements(uint32_t crc, const unsigned char *data, size_t count, size_t size)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
  return esp_crc32c(crc, data, count * size);
#else
  for (size_t i = 0; i < count; i++) {
    unsigned char element[8];
    for (size_t b = 0; b < size; b++)
      element[b] = data[i * size + size - 1 - b];
    crc = esp_crc32c(crc, element, size);
  }
  return crc;
#endif
}

static uint32_t crc_record(const esp_record *record)
{
  uint32_t crc = 0;
  const esp_layout *layout = record->layout;
  for (int f = 0; f < layout->n_fields; f++)
    crc = crc_elements(crc, record->data + layout->offset[f], layout->count[f], esp_type_bytes(layout->field[f].type));
  return crc;
}

void esp_put_le(unsigned char *at, size_t n_bytes, uint64_t value)
{
  for (size_t b = 0; b < n_bytes; b++)
    at[b] = (unsigned char)(value >> (8 * b));
}

uint64_t esp_get_le(const unsigned char *at, size_t n_bytes)
{
  uint64_t value = 0;
  for (size_t b = n_bytes; b > 0; b--)
    value = value << 8 | at[b - 1];
  return value;
}

static uint32_t crc_cell(uint32_t crc, esp_cell cell)
{
  unsigned char raw[12];
  esp_put_le(raw, 4, (uint32_t)cell.member);
  esp_put_le(raw + 4, 4, (uint32_t)cell.arm);
  esp_put_le(raw + 8, 4, (uint32_t)cell.stage);
  return esp_crc32c(crc, raw, sizeof raw);
}

uint32_t esp_cell_crc(const esp_record *record, esp_cell cell, const esp_outcome *outcome)
{
  unsigned char raw[10] = {(unsigned char)outcome->state, (unsigned char)outcome->stop};
  esp_put_le(raw + 2, 8, (uint64_t)outcome->n_evaluations);
  return esp_crc32c(crc_cell(crc_record(record), cell), raw, sizeof raw);
}

uint32_t esp_resume_crc(const esp_record *state, esp_cell cell, uint64_t sequence)
{
  unsigned char raw[8];
  esp_put_le(raw, 8, sequence);
  return esp_crc32c(crc_cell(crc_record(state), cell), raw, sizeof raw);
}

/* An entry that landed in the wrong place is wrong too: the slot number is part of its checksum. */
static uint32_t crc_entry(const unsigned char *raw, long slot)
{
  unsigned char number[8];
  esp_put_le(number, 8, (uint64_t)slot);
  return esp_crc32c(esp_crc32c(0, raw, ESP_COMMIT_BYTES - 4), number, sizeof number);
}

void esp_commit_encode(const esp_commit *commit, long slot, unsigned char *raw)
{
  uint64_t seconds;
  memcpy(&seconds, &commit->seconds, sizeof seconds);
  memset(raw, 0, ESP_COMMIT_BYTES);
  raw[0] = (unsigned char)commit->outcome.state;
  raw[1] = (unsigned char)commit->outcome.stop;
  esp_put_le(raw + 2, 2, (uint16_t)(commit->peak_mib < UINT16_MAX ? commit->peak_mib : UINT16_MAX));
  esp_put_le(raw + 4, 4, commit->crc);
  esp_put_le(raw + 8, 8, (uint64_t)commit->outcome.n_evaluations);
  esp_put_le(raw + 16, 8, seconds);
  esp_put_le(raw + 24, 4, (uint32_t)commit->rank);
  esp_put_le(raw + 28, 4, crc_entry(raw, slot));
}

bool esp_commit_decode(const unsigned char *raw, long slot, esp_commit *commit)
{
  static const unsigned char empty[ESP_COMMIT_BYTES];
  *commit = (esp_commit){0};
  if (memcmp(raw, empty, sizeof empty) == 0)
    return true;
  if (esp_get_le(raw + 28, 4) != crc_entry(raw, slot) || raw[0] == ESP_CELL_EMPTY || raw[0] > ESP_CELL_FAILED)
    return false;
  const uint64_t seconds = esp_get_le(raw + 16, 8);
  commit->outcome = (esp_outcome){(esp_cell_state)raw[0], (esp_stop_reason)raw[1], (int64_t)esp_get_le(raw + 8, 8)};
  commit->peak_mib = (int)esp_get_le(raw + 2, 2);
  commit->crc = (uint32_t)esp_get_le(raw + 4, 4);
  memcpy(&commit->seconds, &seconds, sizeof seconds);
  commit->rank = (int32_t)esp_get_le(raw + 24, 4);
  return true;
}

void esp_resume_encode(const esp_resume_entry *entry, unsigned char *raw)
{
  esp_put_le(raw, 4, (uint32_t)entry->stage);
  esp_put_le(raw + 4, 4, entry->crc);
  esp_put_le(raw + 8, 8, entry->sequence);
}

void esp_resume_decode(const unsigned char *raw, esp_resume_entry *entry)
{
  entry->stage = (int32_t)esp_get_le(raw, 4);
  entry->crc = (uint32_t)esp_get_le(raw + 4, 4);
  entry->sequence = esp_get_le(raw + 8, 8);
}
