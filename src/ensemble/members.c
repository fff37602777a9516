/* ensemble/members.c - shares of an ensemble, as they are written on the command line.
 *
 * The bounds of a part are products of two ints and so computed in 64 bits; each part begins where the one before ends because
 * both are the same formula. */
#include "espalier/members.h"

#include <limits.h>
#include <stdio.h>

#include "espalier/number.h"

/* Digits and nothing else, up to end, which must be there. */
static bool parse_count(const char *text, char end, const char **rest, int *value)
{
  long number;
  const char *stop = esp_read_count(text, INT_MAX, &number);
  if (!stop || *stop != end)
    return false;
  *value = (int)number;
  *rest = end ? stop + 1 : stop;
  return true;
}

esp_err esp_members_parse(const char *text, int n_members, esp_members *members)
{
  const char *rest;
  bool good = parse_count(text, '\0', &rest, &members->first);
  if (good)
    members->last = members->first;
  else
    good = parse_count(text, ':', &rest, &members->first) && parse_count(rest, '\0', &rest, &members->last);
  ESP_REQUIRE(good && members->first <= members->last && members->last < n_members, ESP_ERR_USAGE,
              "--members %s: the members are 0 to %d (ensemble.members: %d); write A:B with 0 <= A <= B <= %d, or one of them",
              text, n_members - 1, n_members, n_members - 1);
  return ESP_OK;
}

bool esp_part_parse(const char *text, int *part, int *n_parts)
{
  const char *rest;
  return parse_count(text, '/', &rest, part) && parse_count(rest, '\0', &rest, n_parts) && *part < *n_parts;
}

esp_members esp_part_members(int part, int n_parts, int n_members)
{
  const long long n = n_members;
  return (esp_members){(int)(part * n / n_parts), (int)((part + 1) * n / n_parts) - 1};
}

bool esp_members_has(esp_members members, int member)
{
  return member >= members.first && member <= members.last;
}

int esp_members_below(esp_members members, int n)
{
  const int end = members.last + 1 < n ? members.last + 1 : n;
  return end > members.first ? end - members.first : 0;
}

const char *esp_members_words(esp_members members, int n_members, char *text, size_t size)
{
  if (members.last < members.first)
    snprintf(text, size, "none of %d members", n_members);
  else if (members.first == members.last)
    snprintf(text, size, "member %d of %d", members.first, n_members);
  else
    snprintf(text, size, "members %d to %d of %d", members.first, members.last, n_members);
  return text;
}
