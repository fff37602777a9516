/* espalier/number.h - whole numbers that somebody has typed. Pure, local. */
#ifndef ESPALIER_NUMBER_H
#define ESPALIER_NUMBER_H

/** Read the whole number that a text begins with: digits alone, no sign and no space before them, at most max.
 *  @return what comes after it; NULL if there is none or if it is larger. */
const char *esp_read_count(const char *text, long max, long *count);

#endif
