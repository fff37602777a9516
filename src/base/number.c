/* base/number.c - digit by digit: strtol would take signs and spaces, and a number too large unless errno is asked. */
#include "espalier/number.h"

#include <stddef.h>

const char *esp_read_count(const char *text, long max, long *count)
{
  const char *at = text;
  for (*count = 0; *at >= '0' && *at <= '9'; at++) {
    const int digit = *at - '0';
    if (digit > max || *count > (max - digit) / 10) /* 10 count + digit > max */
      return NULL;
    *count = 10 * *count + digit;
  }
  return at > text ? at : NULL;
}
