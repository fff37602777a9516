/* config/yaml.h - YAML text as a small tree whose nodes know where they stand. Private to src/config.
 *
 * The part of YAML that a configuration needs: one document of maps, lists and scalars in UTF-8. Anchors, aliases and
 * tags are refused, and size, depth and number of nodes are bounded, so that a hostile file costs little. Local. */
#ifndef ESPALIER_CONFIG_YAML_H
#define ESPALIER_CONFIG_YAML_H
#include <stdbool.h>
#include <stddef.h>

#include "espalier/error.h"

enum { ESP_YAML_MAX_BYTES = 1 << 20, ESP_YAML_MAX_DEPTH = 16, ESP_YAML_MAX_NODES = 10000 };

typedef enum { ESP_YAML_SCALAR, ESP_YAML_LIST, ESP_YAML_MAP, ESP_YAML_REFUSED } esp_yaml_kind; /* refused: already reported */

typedef struct esp_yaml_node {
  esp_yaml_kind kind;
  int line, column;           /* from 1; columns count characters                */
  char *text;                 /* of a scalar                                     */
  bool plain;                 /* a scalar without quotes                         */
  struct esp_yaml_node *key;  /* of a child of a map                             */
  struct esp_yaml_node *child, *last; /* items of a list, values of a map, in order      */
  struct esp_yaml_node *next;
  struct esp_yaml_node *older; /* all nodes of a document                         */
} esp_yaml_node;

typedef struct {
  esp_yaml_node *root; /* NULL: nothing but comments                                        */
  bool complete;       /* false: the text could not be read to its end; the tree is what was */
  int broken_line;     /* ... because of a fault reported on this line                       */
  int n_nodes;
  esp_yaml_node *newest;
} esp_yaml;

/** Told of each fault; text is borrowed during the call. */
typedef struct {
  void (*report)(void *context, int line, int column, const char *text);
  void *context;
} esp_yaml_listener;

/** Read text [size] into a tree. Faults go to the listener.
 *  @return ESP_OK (also with faults), ESP_ERR_NOMEM. In either case the caller frees document. */
esp_err esp_yaml_read(const char *text, size_t size, const esp_yaml_listener *listener, esp_yaml *document);

/** Free the nodes; a zeroed document is fine. */
void esp_yaml_free(esp_yaml *document);

/** "a list", "a section of keys", "a single value". */
const char *esp_yaml_kind_word(const esp_yaml_node *node);

#endif
