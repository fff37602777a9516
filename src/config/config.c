/* config/config.c - from a text to a struct, or to all that is wrong with the text.
 *
 * The file becomes a tree (yaml.c), each override a small one of its own. Then it is looked up which experiment is meant, for
 * that says which keys there are and what their defaults are. Then the values of the file are read, then those of the overrides,
 * so that the last one wins, and at the end the rules between keys are asked (rules.c).
 *
 * A fault never stops the reading: it is noted with its place, the value keeps its default, and the next key is read; all faults
 * are sorted by place when it is over. The trap is to tell of one mistake twice: so what follows a fault of syntax is dropped, a
 * rule is not asked about a value that has a fault itself, and nothing is missing from a text that was not read to its end. */
#include "espalier/config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "espalier/file.h"
#include "rules.h"
#include "schema.h"
#include "yaml.h"

enum { MAX_KEYS = 192 };

typedef struct {
  int source; /* 0: the file, s: override number s - 1 */
  int line, column;
} place;

typedef struct {
  place at;
  int order;
  char *text;
} fault;

typedef struct {
  const char *arg;    /* borrowed                          */
  char *path;         /* what is left of '=', owned        */
  const esp_key *key; /* NULL: not understood, reported    */
  esp_yaml document;
} override;

typedef struct {
  const char *name; /* of the file, in messages */
  int n_set;
  override *set;
  esp_yaml document;
  fault *faults;
  int n_faults, capacity;
  bool nomem;
  int source;            /* which text is being read                */
  unsigned experiments;  /* the chosen one as a bit; all if unknown */
  bool named;            /* there is a key experiment, good or bad  */
  esp_config *values;
  place given[MAX_KEYS]; /* line 0: the key was not given           */
  bool faulty[MAX_KEYS]; /* a value of the key has a fault          */
} reading;

/* ---- faults ---- */

static void note_text(reading *r, place at, char *text)
{
  if (at.source == 0 && r->document.broken_line > 0 && at.line >= r->document.broken_line) {
    free(text); /* only follows from the syntax fault of this line (noted while broken_line was still 0) */
    return;
  }
  if (r->n_faults == r->capacity) {
    const int capacity = r->capacity > 0 ? 2 * r->capacity : 16;
    fault *more = realloc(r->faults, (size_t)capacity * sizeof *more);
    if (!more) {
      r->nomem = true;
      free(text);
      return;
    }
    r->faults = more;
    r->capacity = capacity;
  }
  r->faults[r->n_faults] = (fault){at, r->n_faults, text};
  r->n_faults++;
}

__attribute__((format(printf, 3, 4))) static void note(reading *r, place at, const char *format, ...)
{
  char *text;
  va_list args;
  va_start(args, format);
  const int n = vasprintf(&text, format, args);
  va_end(args);
  if (n < 0)
    r->nomem = true;
  else
    note_text(r, at, text);
}

static void note_yaml(void *context, int line, int column, const char *text)
{
  reading *r = context;
  note(r, (place){r->source, line, column}, "%s", text);
}

static int by_place(const void *a, const void *b)
{
  const fault *f = a, *g = b;
  if (f->at.source != g->at.source)
    return f->at.source < g->at.source ? -1 : 1;
  if (f->at.line != g->at.line)
    return f->at.line < g->at.line ? -1 : 1;
  if (f->at.column != g->at.column)
    return f->at.column < g->at.column ? -1 : 1;
  return f->order < g->order ? -1 : 1;
}

static char *all_faults(reading *r)
{
  enum { MOST = 100, MOST_OF_ARG = 500 }; /* nobody reads more */
  char *text;
  size_t size;
  FILE *out = esp_text_begin(&text, &size);
  if (!out)
    return NULL;
  qsort(r->faults, (size_t)r->n_faults, sizeof *r->faults, by_place);
  for (int i = 0; i < r->n_faults && i < MOST; i++) {
    const fault *f = &r->faults[i];
    if (f->at.source == 0) {
      fprintf(out, "%s:%d:%d: %s\n", r->name, f->at.line, f->at.column, f->text);
      continue;
    }
    const char *arg = r->set[f->at.source - 1].arg;
    fputs("--set ", out);
    for (int c = 0; arg[c] && c < MOST_OF_ARG; c++)
      fputc((unsigned char)arg[c] < ' ' ? '?' : arg[c], out); /* a fault is one line */
    fprintf(out, "%s: %s\n", strlen(arg) > MOST_OF_ARG ? "..." : "", f->text);
  }
  if (r->n_faults > MOST)
    fprintf(out, "... and %d more\n", r->n_faults - MOST);
  return esp_text_end(out, &text) == ESP_OK ? text : NULL;
}

static place place_of(const reading *r, const esp_yaml_node *node)
{
  return (place){r->source, node->line, node->column};
}

/* ---- keys that are not understood ---- */

static bool in_experiment(const reading *r, const esp_key *key)
{
  return key->experiments & r->experiments;
}

/* Keys of a section, or top-level keys and sections, that the experiment has: printed, and the one closest to word. */
static const char *list_names(const reading *r, const char *section, const char *word, FILE *out)
{
  int n, best = ESP_FAR;
  const esp_key *keys = esp_schema_keys(&n);
  const char *closest = NULL, *last = "", *between = "";
  for (int k = 0; k < n; k++) {
    const bool names_section = !section[0] && keys[k].section[0];
    const char *name = names_section ? keys[k].section : keys[k].name;
    if (!in_experiment(r, &keys[k]) || (!names_section && strcmp(keys[k].section, section) != 0))
      continue;
    if (strcmp(name, last) == 0)
      continue; /* a section is named once: it is one run of lines in the table */
    fprintf(out, "%s%s", between, last = name);
    between = ", ";
    closest = esp_closest(word, name, closest, &best);
  }
  return closest;
}

/* A key of this name anywhere: with exact spelling, or else the closest. */
static const esp_key *elsewhere(const reading *r, const char *name, bool exact)
{
  int n, best = ESP_FAR;
  const esp_key *keys = esp_schema_keys(&n), *found = NULL;
  for (int k = 0; k < n; k++) {
    if (!in_experiment(r, &keys[k]))
      continue;
    if (exact && strcmp(keys[k].name, name) == 0)
      return &keys[k];
    if (!exact && esp_closest(name, keys[k].name, NULL, &best))
      found = &keys[k];
  }
  return found;
}

/* What may have been meant by a name that is not known here; closest: of those that are. */
static void print_guess(const reading *r, const char *section, const char *name, const char *closest, FILE *out)
{
  const esp_key *other = elsewhere(r, name, true), *dotted = esp_schema_find_path(name), *similar = elsewhere(r, name, false);
  if (dotted && dotted->section[0] && in_experiment(r, dotted) && !section[0])
    fprintf(out, " (write '%s' on a line of its own, indented beneath '%s:')", dotted->name, dotted->section);
  else if (other && other->section[0])
    fprintf(out, " (%s belongs to section %s)", name, other->section);
  else if (other)
    fprintf(out, " (%s belongs to the top level)", name);
  else if (closest)
    fprintf(out, " (did you mean %s?)", closest);
  else if (similar)
    fprintf(out, " (did you mean %s?)", similar->path);
}

static void note_unknown(reading *r, place at, const char *section, const char *name)
{
  char *text;
  size_t size;
  FILE *out = esp_text_begin(&text, &size);
  if (!out) {
    r->nomem = true;
    return;
  }
  fprintf(out, "unknown key %s%s%s; allowed: ", esp_quoted(name), section[0] ? " in section " : " at the top level",
          section);
  const char *closest = list_names(r, section, name, out);
  print_guess(r, section, name, closest, out);
  if (esp_text_end(out, &text) == ESP_OK)
    note_text(r, at, text);
  else
    r->nomem = true;
}

static esp_experiment_id first_of(unsigned experiments)
{
  int e = 0;
  while (e < ESP_N_EXPERIMENTS - 1 && !(experiments & 1u << e))
    e++;
  return (esp_experiment_id)e;
}

/* A key or section that only other experiments have. */
static void note_foreign(reading *r, place at, const char *what, const char *name, unsigned owners)
{
  char words[256];
  const bool several = owners & (owners - 1);
  note(r, at, "experiment %s has no %s %s; it belongs to experiment%s %s%s", esp_experiment_name(first_of(r->experiments)), what,
       name, several ? "s" : "", esp_list_experiments(owners, "", "", " and ", words, sizeof words),
       at.source == 0 ? ", remove it here" : "");
}

/* ---- values ---- */

static int key_index(const esp_key *key)
{
  int n;
  return (int)(key - esp_schema_keys(&n));
}

static bool is_given(const reading *r, const esp_key *key)
{
  return r->given[key_index(key)].line > 0;
}

/* The choice that a misspelt one, which the text begins with in quotes, may mean; NULL: none. */
static const char *closest_choice(const esp_key *key, const char *what)
{
  char word[80];
  int best = ESP_FAR;
  const char *closest = NULL;
  if (key->type != ESP_KEY_CHOICE || what[0] != '\'')
    return NULL;
  snprintf(word, sizeof word, "%.*s", (int)strcspn(what + 1, "'"), what + 1);
  for (int i = 0; key->choices[i]; i++)
    closest = esp_closest(word, key->choices[i], closest, &best);
  return closest;
}

/* What is wrong with a value: "network.n_hid: ..." in a file; an override names its key itself. */
static void note_value(reading *r, place at, const esp_key *key, const char *what)
{
  char allowed[256], hint[80] = "";
  const char *closest = closest_choice(key, what);
  if (closest)
    snprintf(hint, sizeof hint, " (did you mean %s?)", closest);
  r->faulty[key_index(key)] = true;
  note(r, at, "%s%s%s; allowed: %s%s", at.source == 0 ? key->path : "", at.source == 0 ? ": " : "", what,
       esp_key_allowed(key, allowed, sizeof allowed), hint);
}

static bool read_list(reading *r, const esp_key *key, const esp_yaml_node *list)
{
  char what[256];
  esp_config read = *r->values; /* so that a list with a fault leaves the old one */
  esp_number_list *numbers = esp_key_list(key, &read);
  bool good = true;
  numbers->n = 0;
  for (const esp_yaml_node *item = list->child; item; item = item->next) {
    if (item->kind == ESP_YAML_SCALAR && esp_key_append(key, item->text, item->plain, &read, what, sizeof what))
      continue;
    good = false;
    if (item->kind == ESP_YAML_REFUSED)
      continue;
    if (item->kind != ESP_YAML_SCALAR)
      snprintf(what, sizeof what, "found %s in the list", esp_yaml_kind_word(item));
    note_value(r, place_of(r, item), key, what);
    if (numbers->n == ESP_MAX_LIST)
      break; /* once is enough */
  }
  if (!list->child) {
    note_value(r, place_of(r, list), key, "the list is empty");
    good = false;
  }
  if (good)
    *r->values = read;
  return good;
}

static void read_value(reading *r, const esp_key *key, const esp_yaml_node *node)
{
  char what[256];
  bool good = false;
  if (node->kind == ESP_YAML_REFUSED)
    return;
  if (node->kind == ESP_YAML_LIST && key->type == ESP_KEY_LIST)
    good = read_list(r, key, node);
  else if (node->kind != ESP_YAML_SCALAR) {
    snprintf(what, sizeof what, "found %s", esp_yaml_kind_word(node));
    note_value(r, place_of(r, node), key, what);
  } else if (!(good = esp_key_set(key, node->text, node->plain, r->values, what, sizeof what)))
    note_value(r, place_of(r, node), key, what);
  if (good)
    r->given[key_index(key)] = place_of(r, node);
}

/* ---- the file ---- */

static bool has_key(const esp_yaml_node *value, const char *word)
{
  return value->key && value->key->kind == ESP_YAML_SCALAR && strcmp(value->key->text, word) == 0;
}

/* The key as written, unless an earlier key of the map is the same; keys that are not words were reported. */
static const char *key_word(reading *r, const esp_yaml_node *map, const esp_yaml_node *value)
{
  if (!value->key || value->key->kind != ESP_YAML_SCALAR)
    return NULL;
  for (const esp_yaml_node *v = map->child; v != value; v = v->next)
    if (has_key(v, value->key->text)) {
      note(r, place_of(r, value->key), "key %s is given twice, first on line %d; keep one of them", esp_quoted(value->key->text),
           v->key->line);
      return NULL;
    }
  return value->key->text;
}

static void read_key(reading *r, const char *section, const char *name, const esp_yaml_node *value)
{
  const place at = place_of(r, value->key ? value->key : value);
  const esp_key *key = esp_schema_find(section, name);
  if (!key)
    note_unknown(r, at, section, name);
  else if (!in_experiment(r, key))
    note_foreign(r, at, "key", key->path, key->experiments);
  else
    read_value(r, key, value);
}

static void read_section(reading *r, const char *section, const esp_yaml_node *node)
{
  const unsigned owners = esp_schema_owners(section);
  if (!(owners & r->experiments)) {
    note_foreign(r, place_of(r, node->key), "section", section, owners);
    return;
  }
  const bool empty = node->kind == ESP_YAML_SCALAR && node->plain && !node->text[0]; /* all keys commented out: fine */
  if (node->kind == ESP_YAML_MAP)
    for (const esp_yaml_node *value = node->child; value; value = value->next) {
      const char *name = key_word(r, node, value);
      if (name)
        read_key(r, section, name, value);
    }
  else if (node->kind == ESP_YAML_LIST)
    note(r, place_of(r, node), "%s: found a list; allowed: keys with values, indented beneath '%s:'", section, section);
  else if (node->kind == ESP_YAML_SCALAR && !empty)
    note(r, place_of(r, node), "%s: found the value %s; allowed: keys with values, indented beneath '%s:'", section,
         esp_quoted(node->text), section);
}

static void read_file(reading *r)
{
  const esp_yaml_node *root = r->document.root;
  r->source = 0;
  if (!root || (root->kind == ESP_YAML_SCALAR && root->text[0] == '\0')) {
    if (r->document.complete)
      note(r, (place){0, 1, 1}, "the file is empty or holds only comments; it needs at least 'experiment: dms'");
    return;
  }
  if (root->kind != ESP_YAML_MAP) {
    if (root->kind != ESP_YAML_REFUSED)
      note(r, place_of(r, root), "found %s; allowed: keys with values, such as 'experiment: dms'", esp_yaml_kind_word(root));
    return;
  }
  for (const esp_yaml_node *value = root->child; value; value = value->next) {
    const char *name = key_word(r, root, value);
    if (!name)
      continue;
    if (esp_schema_owners(name))
      read_section(r, name, value);
    else
      read_key(r, "", name, value);
  }
}

/* ---- overrides ---- */

static char *trimmed(const char *text, size_t n)
{
  while (n > 0 && (*text == ' ' || *text == '\t'))
    text++, n--;
  while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
    n--;
  return strndup(text, n);
}

/* The first key of a section that the experiment has; it has the section. */
static const esp_key *first_key(const reading *r, const char *section)
{
  int n;
  const esp_key *key = esp_schema_keys(&n);
  while (strcmp(key->section, section) != 0 || !in_experiment(r, key))
    key++;
  return key;
}

static const esp_key *override_key(reading *r, place at, const char *path)
{
  const char *dot = strchr(path, '.'), *name = dot ? dot + 1 : path;
  char section[64] = "";
  if (dot)
    snprintf(section, sizeof section, "%.*s", (int)(dot - path), path);
  const esp_key *key = esp_schema_find_path(path), *other = elsewhere(r, name, true);
  const unsigned owners = esp_schema_owners(dot ? section : path);
  if (key)
    return key;
  if (owners && !(owners & r->experiments))
    note_foreign(r, at, "section", dot ? section : path, owners);
  else if (owners && !dot)
    note(r, at, "%s is a section, not a key; name one of its keys, such as %s.%s", path, path, first_key(r, path)->name);
  else if (owners || !dot)
    note_unknown(r, at, section, name);
  else if (other)
    note(r, at, "there is no section %s; %s is written %s", esp_quoted(section), name, other->path);
  else
    note_unknown(r, at, "", section);
  return NULL;
}

/* Split "a.b=c" and read c; the key is looked up once the experiment is known. */
static void prepare_override(reading *r, int i, const char *arg)
{
  override *o = &r->set[i];
  o->arg = arg;
  r->source = i + 1;
  const place at = {i + 1, 1, 1};
  const char *equals = strchr(arg, '=');
  if (!equals || equals == arg) {
    note(r, at, "it is not of the form key=value, such as network.n_hid=30");
    return;
  }
  if (strpbrk(arg, "\r\n")) {
    note(r, at, "it holds a line break; write it on one line");
    return;
  }
  char *value = trimmed(equals + 1, strlen(equals + 1));
  o->path = trimmed(arg, (size_t)(equals - arg));
  const esp_yaml_listener listener = {note_yaml, r};
  if (!value || !o->path || esp_yaml_read(value, strlen(value), &listener, &o->document) != ESP_OK)
    r->nomem = true;
  free(value);
}

static void read_override(reading *r, int i)
{
  override *o = &r->set[i];
  const place at = {i + 1, 1, 1};
  r->source = i + 1;
  if (!o->path || !(o->key = override_key(r, at, o->path)))
    return;
  if (!in_experiment(r, o->key)) {
    note_foreign(r, at, "key", o->key->path, o->key->experiments);
    return;
  }
  if (!o->document.complete)
    return; /* reported when it was read */
  if (!o->document.root)
    note_value(r, at, o->key, "there is no value");
  else
    read_value(r, o->key, o->document.root);
}

/* ---- what concerns the whole ---- */

/* The value of a key experiment: which is it? */
static bool names_experiment(const esp_yaml_node *node, reading *r)
{
  char what[256];
  esp_config scrap;
  r->named = true;
  esp_schema_defaults(ESP_EXPERIMENT_DMS, &scrap);
  if (!node || node->kind != ESP_YAML_SCALAR ||
      !esp_key_set(esp_schema_find_path("experiment"), node->text, node->plain, &scrap, what, sizeof what))
    return false;
  r->experiments = 1u << scrap.experiment;
  return true;
}

/* Which keys are allowed depends on it, so it is looked for first: the last override, or else the file. */
static void find_experiment(reading *r)
{
  r->experiments = ~0u;
  for (int i = r->n_set - 1; i >= 0; i--)
    if (r->set[i].path && strcmp(r->set[i].path, "experiment") == 0 && names_experiment(r->set[i].document.root, r))
      return;
  if (r->document.root && r->document.root->kind == ESP_YAML_MAP)
    for (const esp_yaml_node *v = r->document.root->child; v; v = v->next)
      if (has_key(v, "experiment")) {
        names_experiment(v, r);
        return;
      }
}

/* Whether rules may speak of the key. Of two faults one is enough. */
static bool is_sound(const reading *r, const esp_key *key)
{
  return in_experiment(r, key) && !r->faulty[key_index(key)];
}

/* A rule that does not hold: told at its key or, if only another one was given, there. */
static void note_broken(void *context, const esp_rule *rule)
{
  reading *r = context;
  const esp_key *key = esp_schema_find_path(rule->key), *other = NULL;
  bool sound = is_sound(r, key);
  for (int i = 0; i < ESP_RULE_OTHERS && rule->others[i]; i++) {
    const esp_key *next = esp_schema_find_path(rule->others[i]);
    sound &= is_sound(r, next);
    if (!other || (!is_given(r, other) && is_given(r, next)))
      other = next;
  }
  if (!sound)
    return;
  const esp_key *blamed = is_given(r, key) || !other ? key : other;
  const place at = is_given(r, blamed) ? r->given[key_index(blamed)] : (place){0, 1, 1};
  const char *preset = is_given(r, key) ? "" : " (its default)";
  char value[ESP_KEY_TEXT], list[ESP_KEY_TEXT];
  esp_key_print(key, r->values, value, sizeof value);
  if (!other)
    note(r, at, "%s has %d %s; allowed: %s", rule->key, esp_key_list(key, r->values)->n, rule->noun, rule->allowed);
  else if (rule->noun)
    note(r, at, "%s is %s%s, which is not %s; allowed: %s %s", rule->key, value, preset, rule->noun, rule->allowed,
         esp_key_print(other, r->values, list, sizeof list));
  else
    note(r, at, "%s is %s%s and %s is %s%s; allowed: %s", rule->key, value, preset, other->path,
         esp_key_print(other, r->values, list, sizeof list), is_given(r, other) ? "" : " (its default)", rule->allowed);
}

static void check_whole(reading *r)
{
  const esp_yaml_node *root = r->document.root;
  char choices[256];
  if (!r->document.complete || !root || root->kind != ESP_YAML_MAP)
    return; /* what is missing may be in the part that was not read */
  r->source = 0;
  if (!r->named)
    note(r, (place){0, 1, 1}, "the required key experiment is missing; write %s",
         esp_list_experiments(~0u, "'experiment: ", "'", " or ", choices, sizeof choices));
  if (r->experiments == ~0u)
    return; /* not known: every rule may be somebody's */
  esp_rules_settle(r->values);
  esp_rules_ask(r->values, note_broken, r);
}

/* The text as read, and each override as a comment on a line of its own. */
static char *verbatim(const reading *r, const char *text, size_t size)
{
  char *copy;
  size_t n;
  FILE *out = esp_text_begin(&copy, &n);
  if (!out)
    return NULL;
  fwrite(text, 1, size, out);
  if (r->n_set > 0 && size > 0 && text[size - 1] != '\n')
    fputc('\n', out);
  for (int i = 0; i < r->n_set; i++)
    fprintf(out, "# --set %s\n", r->set[i].arg);
  return esp_text_end(out, &copy) == ESP_OK ? copy : NULL;
}

static void free_reading(reading *r)
{
  for (int i = 0; i < r->n_set; i++) {
    free(r->set[i].path);
    esp_yaml_free(&r->set[i].document);
  }
  for (int i = 0; i < r->n_faults; i++)
    free(r->faults[i].text);
  free(r->set);
  free(r->faults);
  esp_yaml_free(&r->document);
}

static esp_err no_memory(const char *name)
{
  return esp_fail(ESP_ERR_NOMEM, "memory is exhausted while %s is read", name);
}

static esp_err parse(const char *name, const char *text, size_t size, int n_set, const char *const *set,
                     esp_config_file *out, char **problems)
{
  memset(out, 0, sizeof *out);
  *problems = NULL;
  int n_keys;
  esp_schema_keys(&n_keys);
  ESP_REQUIRE(n_keys <= MAX_KEYS, ESP_ERR_INTERNAL, "%d keys: raise MAX_KEYS in config.c", n_keys);
  reading r = {.name = name, .values = &out->values};
  const esp_yaml_listener listener = {note_yaml, &r};
  if (!(r.set = calloc((size_t)n_set + 1, sizeof *r.set)))
    return no_memory(name);
  r.n_set = n_set;
  esp_err err = esp_yaml_read(text, size, &listener, &r.document);
  if (err != ESP_OK)
    goto done;
  for (int i = 0; i < n_set; i++)
    prepare_override(&r, i, set[i]);
  find_experiment(&r);
  esp_schema_defaults(first_of(r.experiments), &out->values);
  read_file(&r);
  for (int i = 0; i < n_set; i++)
    read_override(&r, i);
  check_whole(&r);

  if (r.nomem)
    err = ESP_ERR_NOMEM;
  else if (r.n_faults > 0) {
    err = esp_fail(ESP_ERR_CONFIG, "%s: %d fault%s in the configuration", name, r.n_faults, r.n_faults > 1 ? "s" : "");
    if (!(*problems = all_faults(&r)))
      err = ESP_ERR_NOMEM;
  } else if (!(out->text = verbatim(&r, text, size)) || esp_schema_resolved(&out->values, &out->resolved) != ESP_OK)
    err = ESP_ERR_NOMEM;
  if (err == ESP_ERR_NOMEM)
    no_memory(name);

done:
  free_reading(&r);
  if (err != ESP_OK)
    esp_config_file_free(out);
  return err;
}

esp_err esp_config_parse(const char *name, const char *text, int n_set, const char *const *set, esp_config_file *out,
                         char **problems)
{
  return parse(name, text, strlen(text), n_set, set, out, problems);
}

/* ---- reading the file from disk ---- */

static esp_err cannot_open(const char *path)
{
  const int code = errno;
  char here[1024];
  if (code == ENOENT && path[0] != '/' && getcwd(here, sizeof here))
    return esp_fail(ESP_ERR_NO_INPUT, "%s: there is no such file in %s; check the name, or give the whole path", path, here);
  if (code == ENOENT || code == ENOTDIR)
    return esp_fail(ESP_ERR_NO_INPUT, "%s: there is no such file; check the name and the folders before it", path);
  if (code == EACCES || code == EPERM)
    return esp_fail(ESP_ERR_NO_INPUT, "%s: you may not read this file; ask its owner for it, or chmod +r it", path);
  if (code == ENXIO)
    return esp_fail(ESP_ERR_NO_INPUT, "%s: this is a pipe, a socket or a device; write the configuration to a file", path);
  return esp_fail(esp_open_error(code), "%s: the file cannot be opened (%s); copy it to another place and try again", path,
                  strerror(code));
}

static esp_err check_regular(const char *path, int fd)
{
  struct stat what;
  ESP_REQUIRE(fstat(fd, &what) == 0, ESP_ERR_NO_INPUT, "%s: the file cannot be examined (%s); try again", path,
              strerror(errno));
  ESP_REQUIRE(!S_ISDIR(what.st_mode), ESP_ERR_NO_INPUT, "%s: this is a directory; name a YAML file in it", path);
  ESP_REQUIRE(S_ISREG(what.st_mode), ESP_ERR_NO_INPUT,
              "%s: this is a pipe, a socket or a device; write the configuration to a file", path);
  ESP_REQUIRE(what.st_size <= ESP_YAML_MAX_BYTES, ESP_ERR_NO_INPUT,
              "%s: the file is larger than 1 MiB (%lld bytes), so it is no configuration; check the name", path,
              (long long)what.st_size);
  return ESP_OK;
}

static esp_err read_all(const char *path, int fd, char *text, size_t *size)
{
  const ssize_t n = esp_read_at(fd, text, ESP_YAML_MAX_BYTES + 1, 0); /* one byte more than allowed: it may grow meanwhile */
  ESP_REQUIRE(n >= 0, ESP_ERR_IO, "%s: reading failed (%s); copy the file to another place and try again", path, strerror(errno));
  ESP_REQUIRE(n <= ESP_YAML_MAX_BYTES, ESP_ERR_NO_INPUT,
              "%s: the file is larger than 1 MiB, so it is no configuration; check the name", path);
  *size = (size_t)n;
  return ESP_OK;
}

esp_err esp_config_load(const char *path, int n_set, const char *const *set, esp_config_file *out, char **problems)
{
  memset(out, 0, sizeof *out);
  *problems = NULL;
  char *text = NULL;
  size_t size = 0;
  /* Not blocking: opening a pipe nobody writes to would wait for ever, on every rank. */
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return cannot_open(path);
  esp_err err = check_regular(path, fd);
  if (err == ESP_OK && !(text = malloc(ESP_YAML_MAX_BYTES + 1)))
    err = no_memory(path);
  if (err == ESP_OK)
    err = read_all(path, fd, text, &size);
  if (err == ESP_OK)
    err = parse(path, text, size, n_set, set, out, problems);
  free(text);
  close(fd);
  return err;
}

void esp_config_file_free(esp_config_file *file)
{
  free(file->text);
  free(file->resolved);
  memset(file, 0, sizeof *file);
}
