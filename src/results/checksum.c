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

static void put16(unsigned char *at, uint16_t value)
{
  value = htole16(value);
  memcpy(at, &value, sizeof value);
}

static void put32(unsigned char *at, uint32_t value)
{
  value = htole32(value);
  memcpy(at, &value, sizeof value);
}

static void put64(unsigned char *at, uint64_t value)
{
  value = htole64(value);
  memcpy(at, &value, sizeof value);
}

static uint16_t get16(const unsigned char *at)
{
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return le16toh(value);
}

static uint32_t get32(const unsigned char *at)
{
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return le32toh(value);
}

static uint64_t get64(const unsigned char *at)
{
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return le64toh(value);
}

static uint32_t crc_cell(uint32_t crc, esp_cell cell)
{
  unsigned char raw[12];
  put32(raw, (uint32_t)cell.member);
  put32(raw + 4, (uint32_t)cell.arm);
  put32(raw + 8, (uint32_t)cell.stage);
  return esp_crc32c(crc, raw, sizeof raw);
}

uint32_t esp_cell_crc(const esp_record *record, esp_cell cell, const esp_outcome *outcome)
{
  unsigned char raw[10] = {(unsigned char)outcome->state, (unsigned char)outcome->stop};
  put64(raw + 2, (uint64_t)outcome->n_evaluations);
  return esp_crc32c(crc_cell(crc_record(record), cell), raw, sizeof raw);
}

uint32_t esp_resume_crc(const esp_record *state, esp_cell cell, uint64_t sequence)
{
  unsigned char raw[8];
  put64(raw, sequence);
  return esp_crc32c(crc_cell(crc_record(state), cell), raw, sizeof raw);
}

/* An entry that landed in the wrong place is wrong too: the slot number is part of its checksum. */
static uint32_t crc_entry(const unsigned char *raw, long slot)
{
  unsigned char number[8];
  put64(number, (uint64_t)slot);
  return esp_crc32c(esp_crc32c(0, raw, ESP_COMMIT_BYTES - 4), number, sizeof number);
}

void esp_commit_encode(const esp_commit *commit, long slot, unsigned char *raw)
{
  uint64_t seconds;
  memcpy(&seconds, &commit->seconds, sizeof seconds);
  memset(raw, 0, ESP_COMMIT_BYTES);
  raw[0] = (unsigned char)commit->outcome.state;
  raw[1] = (unsigned char)commit->outcome.stop;
  put16(raw + 2, (uint16_t)(commit->peak_mib < UINT16_MAX ? commit->peak_mib : UINT16_MAX));
  put32(raw + 4, commit->crc);
  put64(raw + 8, (uint64_t)commit->outcome.n_evaluations);
  put64(raw + 16, seconds);
  put32(raw + 24, (uint32_t)commit->rank);
  put32(raw + 28, crc_entry(raw, slot));
}

bool esp_commit_decode(const unsigned char *raw, long slot, esp_commit *commit)
{
  static const unsigned char empty[ESP_COMMIT_BYTES];
  *commit = (esp_commit){0};
  if (memcmp(raw, empty, sizeof empty) == 0)
    return true;
  if (get32(raw + 28) != crc_entry(raw, slot) || raw[0] == ESP_CELL_EMPTY || raw[0] > ESP_CELL_FAILED)
    return false;
  const uint64_t seconds = get64(raw + 16);
  commit->outcome = (esp_outcome){(esp_cell_state)raw[0], (esp_stop_reason)raw[1], (int64_t)get64(raw + 8)};
  commit->peak_mib = get16(raw + 2);
  commit->crc = get32(raw + 4);
  memcpy(&commit->seconds, &seconds, sizeof seconds);
  commit->rank = (int32_t)get32(raw + 24);
  return true;
}

void esp_resume_encode(const esp_resume_entry *entry, unsigned char *raw)
{
  put32(raw, (uint32_t)entry->stage);
  put32(raw + 4, entry->crc);
  put64(raw + 8, entry->sequence);
}

void esp_resume_decode(const unsigned char *raw, esp_resume_entry *entry)
{
  entry->stage = (int32_t)get32(raw);
  entry->crc = get32(raw + 4);
  entry->sequence = get64(raw + 8);
}
