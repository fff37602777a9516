/* fuzz_options.c - what stands behind --max-time, --ranks, --members and --part: any text is refused or means what it may mean.
 *
 * Input: the text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = malloc(size + 1);
  double seconds;
  int part, n_parts;
  esp_members members;
  esp_rank_list list;
  memcpy(text, data, size);
  text[size] = '\0';
  if (esp_cli_read_time(text, &seconds) && !(seconds >= 0 && isfinite(seconds)))
    abort();
  if (esp_cli_read_ranks(text, &list)) {
    if (list.n < 1 || list.n > ESP_MAX_RANK_LIST || list.ranks[0] < 1)
      abort();
    for (int i = 1; i < list.n; i++)
      if (list.ranks[i] <= list.ranks[i - 1])
        abort();
  }
  if (esp_part_parse(text, &part, &n_parts) && !(part >= 0 && part < n_parts))
    abort();
  if (esp_members_parse(text, 100, &members) == ESP_OK &&
      !(members.first >= 0 && members.first <= members.last && members.last < 100))
    abort();
  free(text);
  return 0;
}
