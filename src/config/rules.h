/* config/rules.h - what must hold between keys; what a key may be by itself stands in the schema. Private to src/config. */
#ifndef ESPALIER_CONFIG_RULES_H
#define ESPALIER_CONFIG_RULES_H
#include <stdbool.h>

#include "espalier/config.h"

enum { ESP_RULE_OTHERS = 2 };

/** One rule; it is for the experiments that have all its keys. */
typedef struct {
  const char *key;
  const char *others[ESP_RULE_OTHERS]; /* that it has to fit; a fault names the first that was given, or else the first */
  const char *allowed;                 /* in words                                                                   */
  const char *noun; /* "a rung": the value has to be an item of the other key's list; "levels": the list has too many */
  bool holds;
} esp_rule;

/** Set values that follow others, of keys that the experiment has: at most so many members, an item of a list for one that is
 *  nearly its equal (so that == finds it). */
void esp_rules_settle(esp_config *config);

/** Tell of every rule that does not hold in a settled config, whatever its experiment is. */
void esp_rules_ask(const esp_config *config, void (*broken)(void *context, const esp_rule *rule), void *context);

#endif
