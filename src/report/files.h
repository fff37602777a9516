/* report/files.h - files of a report appear whole or not at all: made under another name, then renamed. */
#ifndef ESPALIER_REPORT_FILES_H
#define ESPALIER_REPORT_FILES_H
#include <stdio.h>

#include "espalier/error.h"

/** Last part of a path. */
const char *esp_base_name(const char *path);

/** A text that is written in memory, and may then appear as a file. */
typedef struct {
  FILE *out; /* print here */
  char *text;
  size_t size;
} esp_draft;

esp_err esp_draft_begin(esp_draft *draft);

/** Nothing more is printed: text is whole, and the caller frees it whatever this returns. */
esp_err esp_draft_end(esp_draft *draft);

/** Make the draft the file directory/name, in place of one that is there. Ends the draft whatever this returns. */
esp_err esp_draft_save(esp_draft *draft, const char *directory, const char *name);

/** directory/name and a suffix as heap text; the caller frees it. */
esp_err esp_path_join(const char *directory, const char *name, const char *suffix, char **path);

/** A file is made as temporary, and end gives it its name, in place of one that is there; then temporary is gone. */
typedef struct {
  char *path, *temporary;
} esp_replacement;

esp_err esp_replacement_begin(const char *directory, const char *name, esp_replacement *r);

/** err: how making it went. Call this also where begin has failed. @return the first failure. */
esp_err esp_replacement_end(esp_replacement *r, esp_err err);

/** Make a directory unless it is there. */
esp_err esp_directory_make(const char *path);

#endif
