/* config/yaml.c - libyaml's events put together to a tree, each node with its place, and libyaml's faults in words for a person.
 *
 * Not libyaml's own tree, which knows no bounds: here every event is counted before it becomes a node, and reading ends where
 * the text is too long, too deep or has too many values. An alias, which is told of here, stays in the tree as a refused node,
 * so that nobody tells of it again. After a fault of syntax libyaml cannot go on: the tree is what was read before, and
 * broken_line says where it ended. */
#include "yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct {
  const char *text;
  size_t size;
  const esp_yaml_listener *listener;
  esp_yaml *document;
  esp_yaml_node *open[ESP_YAML_MAX_DEPTH]; /* lists and maps that are not closed yet */
  esp_yaml_node *key[ESP_YAML_MAX_DEPTH];  /* of a map: the key that waits for its value */
  int depth;
  int last_line; /* of the last fault */
  bool nomem;
} builder;

/* libyaml counts lines and columns from 0, we from 1. */
__attribute__((format(printf, 3, 4))) static void report(builder *b, yaml_mark_t at, const char *format, ...)
{
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  b->last_line = (int)at.line + 1;
  b->listener->report(b->listener->context, b->last_line, (int)at.column + 1, text);
}

/* Where the byte at offset stands. */
static yaml_mark_t locate(const builder *b, size_t offset)
{
  yaml_mark_t at = {0};
  for (size_t i = 0; i < offset && i < b->size; i++) {
    const unsigned char c = (unsigned char)b->text[i];
    if (c == '\n') {
      at.line++;
      at.column = 0;
    } else if ((c & 0xC0) != 0x80)
      at.column++;
  }
  return at;
}

/* ---- libyaml's faults in a person's words ---- */

static char character_at(const builder *b, yaml_mark_t mark)
{
  return mark.index < b->size ? b->text[mark.index] : '\0'; /* the index counts characters: good enough for a hint */
}

static const struct {
  const char *problem, *words;
} sentences[] = {
    {"mapping values are not allowed in this context",
     "a second ':' on this line, or an indentation that does not fit; write one 'key: value' a line, the keys of a section "
     "indented alike"},
    {"did not find expected key",
     "this line does not fit those above it; indent the keys of a section alike, with spaces"},
    {"did not find expected ',' or ']'", "a list is not closed or a comma is missing; write it as [0.5, 0.7]"},
    {"did not find expected ',' or '}'", "a '{' is not closed or a comma is missing; write one 'key: value' a line instead"},
    {"could not find expected ':'", "a key without ': ' and a value; write 'key: value'"},
    {"did not find expected '-' indicator", "this line does not continue the list above it; write the list as [0.5, 0.7]"},
    {"block sequence entries are not allowed in this context", "a list item '-' cannot stand here; write the list as [0.5, 0.7]"},
    {"found unexpected end of stream", "a quotation mark is opened and never closed; close it"},
    {"did not find expected <document start>", "text where a new document would begin; a configuration is one document"},
    {"did not find expected node content", "a value is missing or begins with a character that has to be quoted"},
    {"found a tab character where an indentation space is expected", "a tab cannot indent a line; use spaces"},
    {"found a tab character that violates indentation", "a tab cannot indent a line; use spaces"},
    {"found unexpected document indicator", "'---' or '...' inside a quoted text; close the quotation mark"},
};

static void report_syntax(builder *b, const yaml_parser_t *parser)
{
  const char *problem = parser->problem ? parser->problem : "it cannot be read";
  const yaml_mark_t mark = parser->problem_mark;
  if (parser->error == YAML_READER_ERROR) {
    const yaml_mark_t at = locate(b, parser->problem_offset);
    if (strstr(problem, "control characters"))
      report(b, at, "an invisible control character (code %d); delete it", parser->problem_value);
    else
      report(b, at, "a byte that is not UTF-8 text (%s); save the file as UTF-8", problem);
    return;
  }
  if (strcmp(problem, "found character that cannot start any token") == 0) {
    if (character_at(b, mark) == '\t')
      report(b, mark, "a tab cannot indent a line; use spaces");
    else
      report(b, mark, "the character '%c' cannot begin a value; put the value in quotes", character_at(b, mark));
    return;
  }
  for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
    if (strcmp(problem, sentences[i].problem) == 0) {
      /* an opening bracket or quotation mark is a better place to look than the end of the file */
      const bool opening = parser->context && parser->context_mark.line < mark.line &&
                           (strstr(parser->context, "flow") || strstr(parser->context, "quoted"));
      report(b, opening ? parser->context_mark : mark, "%s", sentences[i].words);
      return;
    }
  report(b, mark, "not valid YAML: %s%s%s; check quotes, brackets and indentation",
         parser->context ? parser->context : "", parser->context ? " " : "", problem);
}

/* ---- the tree ---- */

static esp_yaml_node *new_node(builder *b, esp_yaml_kind kind, yaml_mark_t mark)
{
  esp_yaml_node *node = calloc(1, sizeof *node);
  if (!node) {
    b->nomem = true;
    return NULL;
  }
  node->kind = kind;
  node->line = (int)mark.line + 1;
  node->column = (int)mark.column + 1;
  node->older = b->document->newest;
  b->document->newest = node;
  b->document->n_nodes++;
  return node;
}

static void attach(builder *b, esp_yaml_node *node, yaml_mark_t mark)
{
  if (b->depth == 0) {
    b->document->root = node;
    return;
  }
  esp_yaml_node *parent = b->open[b->depth - 1], **key = &b->key[b->depth - 1];
  if (parent->kind == ESP_YAML_MAP && !*key) {
    if (node->kind == ESP_YAML_LIST || node->kind == ESP_YAML_MAP)
      report(b, mark, "%s cannot be a key; write a word", esp_yaml_kind_word(node));
    *key = node;
    return;
  }
  if (parent->kind == ESP_YAML_MAP) {
    node->key = *key;
    *key = NULL;
  }
  if (parent->last)
    parent->last->next = node;
  else
    parent->child = node;
  parent->last = node;
}

static void refuse_extras(builder *b, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag)
{
  if (anchor)
    report(b, event->start_mark, "anchors and aliases (&%.40s, *%.40s) are not used here; write the value out",
           (const char *)anchor, (const char *)anchor);
  if (tag)
    report(b, event->start_mark, "tags (%.40s) are not used here; write the value alone", (const char *)tag);
}

static void add_scalar(builder *b, const yaml_event_t *event)
{
  const size_t length = event->data.scalar.length;
  esp_yaml_node *node = new_node(b, ESP_YAML_SCALAR, event->start_mark);
  if (!node)
    return;
  node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (memchr(event->data.scalar.value, 0, length)) {
    report(b, event->start_mark, "a text with a zero character; delete it");
    node->kind = ESP_YAML_REFUSED;
  } else if (!(node->text = strdup((const char *)event->data.scalar.value)))
    b->nomem = true;
  refuse_extras(b, event, event->data.scalar.anchor, event->data.scalar.tag);
  attach(b, node, event->start_mark);
}

/* Returns false if the text is too deep. */
static bool open_container(builder *b, const yaml_event_t *event, esp_yaml_kind kind)
{
  if (b->depth == ESP_YAML_MAX_DEPTH) {
    report(b, event->start_mark, "nested more than %d deep; a configuration has sections with keys, and no deeper",
           ESP_YAML_MAX_DEPTH);
    return false;
  }
  esp_yaml_node *node = new_node(b, kind, event->start_mark);
  if (!node)
    return false;
  attach(b, node, event->start_mark);
  b->open[b->depth] = node;
  b->key[b->depth++] = NULL;
  return true;
}

/* Returns false if reading ends here. */
static bool take(builder *b, const yaml_event_t *event, int *n_documents)
{
  if (b->document->n_nodes >= ESP_YAML_MAX_NODES) {
    report(b, event->start_mark, "more than %d values; a configuration has some dozens", ESP_YAML_MAX_NODES);
    return false;
  }
  esp_yaml_node *node;
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (++*n_documents > 1)
      report(b, event->start_mark, "a second document begins here; a file holds one configuration: split the file at '---'");
    return *n_documents == 1;
  case YAML_ALIAS_EVENT:
    refuse_extras(b, event, event->data.alias.anchor, NULL);
    if ((node = new_node(b, ESP_YAML_REFUSED, event->start_mark)))
      attach(b, node, event->start_mark);
    return true;
  case YAML_SCALAR_EVENT:
    add_scalar(b, event);
    return true;
  case YAML_SEQUENCE_START_EVENT:
    refuse_extras(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    return open_container(b, event, ESP_YAML_LIST);
  case YAML_MAPPING_START_EVENT:
    refuse_extras(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    return open_container(b, event, ESP_YAML_MAP);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT:
    b->depth--;
    return true;
  default:
    return true;
  }
}

esp_err esp_yaml_read(const char *text, size_t size, const esp_yaml_listener *listener, esp_yaml *document)
{
  memset(document, 0, sizeof *document);
  builder b = {.text = text, .size = size, .listener = listener, .document = document};
  const yaml_mark_t begin = {0};
  if (size > ESP_YAML_MAX_BYTES) {
    report(&b, begin, "the text is larger than 1 MiB; a configuration has a few kilobytes");
    return ESP_OK;
  }
  if (size >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)) {
    report(&b, begin, "the text is UTF-16; save the file as UTF-8"); /* libyaml would read it, h5dump would not show it */
    return ESP_OK;
  }
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser))
    return esp_fail(ESP_ERR_NOMEM, "memory is exhausted while a configuration is read");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
  int n_documents = 0;
  for (bool going = true; going && !b.nomem;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&parser, &event)) {
      if (parser.error == YAML_MEMORY_ERROR)
        b.nomem = true;
      else
        report_syntax(&b, &parser);
      break;
    }
    document->complete = event.type == YAML_STREAM_END_EVENT;
    going = take(&b, &event, &n_documents) && !document->complete;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  document->broken_line = document->complete ? 0 : b.last_line;
  ESP_REQUIRE(!b.nomem, ESP_ERR_NOMEM, "memory is exhausted while a configuration is read");
  return ESP_OK;
}

void esp_yaml_free(esp_yaml *document)
{
  for (esp_yaml_node *node = document->newest; node;) {
    esp_yaml_node *older = node->older;
    free(node->text);
    free(node);
    node = older;
  }
  memset(document, 0, sizeof *document);
}

const char *esp_yaml_kind_word(const esp_yaml_node *node)
{
  return node->kind == ESP_YAML_LIST ? "a list" : node->kind == ESP_YAML_MAP ? "a section of keys" : "a single value";
}
