/* espalier/members.h - which members of an ensemble one run computes: all of them, or a share, so that several jobs can split
 * the work. Pure, local. */
#ifndef ESPALIER_MEMBERS_H
#define ESPALIER_MEMBERS_H
#include <stdbool.h>
#include <stddef.h>

#include "espalier/error.h"

typedef struct {
  int first, last; /* both included, counted from 0; last < first: nobody */
} esp_members;

/** Read "A:B" or "A": members of an ensemble of n_members.
 *  @return ESP_OK, or ESP_ERR_USAGE with a message that names the members there are. */
esp_err esp_members_parse(const char *text, int n_members, esp_members *members);

/** Read "K/N", part K of N, 0 <= K < N.
 *  @return false if it is none. */
bool esp_part_parse(const char *text, int *part, int *n_parts);

/** The members of a part: those from floor(K n_members / N) to before floor((K + 1) n_members / N). So each member is in just one
 *  part, and parts differ by one member at most; of more parts than members some have nobody. */
esp_members esp_part_members(int part, int n_parts, int n_members);

bool esp_members_has(esp_members members, int member);

/** How many of them are below n. */
int esp_members_below(esp_members members, int n);

/** "members 0 to 99 of 400", "member 3 of 400" or "none of 400 members". Returns text. */
const char *esp_members_words(esp_members members, int n_members, char *text, size_t size);

#endif
