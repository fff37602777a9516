/* config/schema.h - the one table of keys and what follows from it for a single key. Private to src/config.
 *
 * Values are read and printed as YAML scalars: the default in the table, a value in a file and a value after --set go
 * through the same reader, and what is printed reads back to the same bits. Local; independent of the C locale. */
#ifndef ESPALIER_CONFIG_SCHEMA_H
#define ESPALIER_CONFIG_SCHEMA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "espalier/config.h"

enum { ESP_KEY_TEXT = 2048 }; /* bytes that hold any printed value */

typedef enum { ESP_KEY_INTEGER, ESP_KEY_UINT64, ESP_KEY_REAL, ESP_KEY_CHOICE, ESP_KEY_LIST } esp_key_type;
typedef enum { ESP_RANGE_CLOSED, ESP_RANGE_ABOVE_LOW, ESP_RANGE_BELOW_HIGH, ESP_RANGE_INSIDE } esp_key_range;

typedef struct {
  const char *section, *name; /* section "" at the top level                                   */
  const char *path;           /* "section.name", or the name at the top level                  */
  esp_key_type type;
  size_t offset;              /* in esp_config                                                 */
  double low, high;           /* integers, real numbers and the items of lists                 */
  esp_key_range range;        /* whether low and high themselves are allowed                   */
  const char *const *choices; /* by enum value, NULL-terminated                                */
  const char *preset;         /* the default, as it would be written in YAML; NULL: required   */
  const char *preset_of[ESP_N_EXPERIMENTS]; /* of an experiment that has its own; NULL: preset */
  const char *unit;           /* NULL: dimensionless, or a word                                */
  unsigned experiments;       /* bit 1 << esp_experiment_id                                    */
  const char *meaning;
  const char *example;        /* of a list                                                     */
  bool whole;                 /* the items of a list are integers                              */
  bool analysis;              /* says what is measured in finished networks, not how they came about */
  bool run_only;              /* says how to run, not what to compute: may differ between runs */
} esp_key;

/** All keys in canonical order. */
const esp_key *esp_schema_keys(int *n_keys);

/** The key of that path, or section and name ("" for the top level); NULL: there is none. */
const esp_key *esp_schema_find_path(const char *path);
const esp_key *esp_schema_find(const char *section, const char *name);

/** The experiments (by bits) that have keys in this section; 0: there is no such section. */
unsigned esp_schema_owners(const char *section);

/** Experiments (by bits) in words: "dms, scratch and bandit" with " and " before the last, each between before and after.
 *  Returns buffer. */
const char *esp_list_experiments(unsigned experiments, const char *before, const char *after, const char *last, char *buffer,
                                 size_t size);

/** Fill every member with its default in that experiment (experiment itself: dms). */
void esp_schema_defaults(esp_experiment_id experiment, esp_config *config);

/** What the key may be, in words: "an integer from 1 to 4096". Returns buffer. */
const char *esp_key_allowed(const esp_key *key, char *buffer, size_t size);

/** Read one scalar into its member. plain: not in quotes.
 *  @param[out] fault  what is wrong with it, in words, if the call returns false (the member is then untouched). */
bool esp_key_set(const esp_key *key, const char *text, bool plain, esp_config *config, char *fault, size_t size);

/** The list that a key of that type is. */
esp_number_list *esp_key_list(const esp_key *key, esp_config *config);

/** Append one item to a list (emptied by the caller). As esp_key_set. */
bool esp_key_append(const esp_key *key, const char *text, bool plain, esp_config *config, char *fault, size_t size);

/** The value in force as a YAML scalar or flow list. Returns buffer (ESP_KEY_TEXT bytes). */
const char *esp_key_print(const esp_key *key, const esp_config *config, char *buffer, size_t size);

/** A number with the fewest digits that read back equal. */
void esp_print_real(double value, char *buffer, size_t size);

/** Text of a file in quotes for a message: cut when long, control characters replaced; in a buffer of the calling thread. */
const char *esp_quoted(const char *text);

/** A text that grows: NULL with a message if memory is exhausted. Once it is ended it is there (ESP_OK) for the caller to free, or
 *  is NULL (ESP_ERR_NOMEM). */
FILE *esp_text_begin(char **text, size_t *size);
esp_err esp_text_end(FILE *stream, char **text);

/** Every key that the experiment has, as YAML; heap text, the caller frees it. ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_schema_resolved(const esp_config *config, char **text);

/** Search for what a misspelt word may mean (Damerau-Levenshtein distance, case aside), one candidate a call.
 *  @param[in,out] best  distance of the best so far; ESP_FAR before the first call
 *  @return candidate if it is close and closer than the best so far, or else best_so_far. */
enum { ESP_FAR = 1000 };
const char *esp_closest(const char *word, const char *candidate, const char *best_so_far, int *best);

#endif
