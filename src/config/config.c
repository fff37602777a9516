/* config/config.c - a fault never stops the reading: it is noted with its place, the value keeps its default, and the next
 * key is read; at the end all faults are sorted by place. */
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
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out)
    return NULL;
  qsort(r->faults, (size_t)r->n_faults, sizeof *r->faults, by_place);
  for (int i = 0; i < r->n_faults && i < MOST; i++) {
    const fault *f = &r->faults[i];
    if (f->at.source == 0)
      fprintf(out, "%s:%d:%d: %s\n", r->name, f->at.line, f->at.column, f->text);
    else {
      const char *arg = r->set[f->at.source - 1].arg;
      fputs("--set ", out);
      for (int c = 0; arg[c] != '\0' && c < MOST_OF_ARG; c++)
        fputc((unsigned char)arg[c] < ' ' ? '?' : arg[c], out); /* a fault is one line */
      fprintf(out, "%s: %s\n", strlen(arg) > MOST_OF_ARG ? "..." : "", f->text);
    }
  }
  if (r->n_faults > MOST)
    fprintf(out, "... and %d more\n", r->n_faults - MOST);
  const bool bad = ferror(out) != 0;
  if (fclose(out) != 0 || bad) {
    free(text);
    return NULL;
  }
  return text;
}

static place place_of(const reading *r, const esp_yaml_node *node)
{
  return (place){r->source, node->line, node->column};
}

/* ---- keys that are not understood ---- */

/* Keys of a section, or top-level keys and sections, that the experiment has: printed, and the one closest to word. */
static const char *list_names(const reading *r, const char *section, const char *word, FILE *out)
{
  int n, best = ESP_FAR;
  const esp_key *keys = esp_schema_keys(&n);
  const char *closest = NULL, *last = "", *between = "";
  for (int k = 0; k < n; k++) {
    const char *name = keys[k].name;
    if ((keys[k].experiments & r->experiments) == 0)
      continue;
    if (section[0] == '\0' && keys[k].section[0] != '\0')
      name = keys[k].section; /* named once: a section is one run of lines in the table */
    else if (strcmp(keys[k].section, section) != 0)
      continue;
    if (strcmp(name, last) == 0)
      continue;
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
    if ((keys[k].experiments & r->experiments) == 0)
      continue;
    if (exact && strcmp(keys[k].name, name) == 0)
      return &keys[k];
    if (!exact && esp_closest(name, keys[k].name, NULL, &best))
      found = &keys[k];
  }
  return found;
}

static const esp_key *find_path(const char *path)
{
  char section[64];
  const char *dot = strchr(path, '.');
  if (!dot || (size_t)(dot - path) >= sizeof section)
    return NULL;
  snprintf(section, sizeof section, "%.*s", (int)(dot - path), path);
  return esp_schema_find(section, dot + 1);
}

static void note_unknown(reading *r, place at, const char *section, const char *name)
{
  char *text = NULL, quoted[80], path[64];
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) {
    r->nomem = true;
    return;
  }
  fprintf(out, "unknown key %s%s%s; allowed: ", esp_quoted(name, quoted, sizeof quoted),
          section[0] ? " in section " : " at the top level", section);
  const char *closest = list_names(r, section, name, out);
  const esp_key *other = elsewhere(r, name, true), *dotted = find_path(name);
  if (dotted && section[0] == '\0')
    fprintf(out, " (write '%s' on a line of its own, indented beneath '%s:')", dotted->name, dotted->section);
  else if (other && other->section[0] != '\0')
    fprintf(out, " (%s belongs to section %s)", name, other->section);
  else if (other)
    fprintf(out, " (%s belongs to the top level)", name);
  else if (closest)
    fprintf(out, " (did you mean %s?)", closest);
  else if ((other = elsewhere(r, name, false)))
    fprintf(out, " (did you mean %s?)", esp_key_path(other, path, sizeof path));
  if (fclose(out) != 0) {
    free(text);
    r->nomem = true;
    return;
  }
  note_text(r, at, text);
}

static esp_experiment_id first_of(unsigned experiments)
{
  int e = 0;
  while (e < ESP_N_EXPERIMENTS - 1 && (experiments & 1u << e) == 0)
    e++;
  return (esp_experiment_id)e;
}

static const char *words_of(unsigned experiments)
{
  return esp_experiment_word(first_of(experiments));
}

/* ---- values ---- */

static int key_index(const esp_key *key)
{
  int n;
  return (int)(key - esp_schema_keys(&n));
}

/* "network.n_hid: " in a file; an override names its key itself. */
static void note_value(reading *r, place at, const esp_key *key, const char *what)
{
  r->faulty[key_index(key)] = true;
  char path[64] = "", allowed[256];
  int best = ESP_FAR;
  const char *closest = NULL;
  if (at.source == 0)
    esp_key_path(key, path, sizeof path);
  if (key->type == ESP_KEY_CHOICE && what[0] == '\'') {
    char word[80];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(what + 1, "'"), what + 1);
    for (int i = 0; key->choices[i]; i++)
      closest = esp_closest(word, key->choices[i], closest, &best);
  }
  note(r, at, "%s%s%s; allowed: %s%s%s%s", path, at.source == 0 ? ": " : "", what,
       esp_key_allowed(key, allowed, sizeof allowed), closest ? " (did you mean " : "",
       closest ? closest : "", closest ? "?)" : "");
}

static bool read_list(reading *r, const esp_key *key, const esp_yaml_node *list)
{
  char what[256];
  esp_config read = *r->values; /* so that a list with a fault leaves the old one */
  esp_number_list *numbers = (esp_number_list *)((char *)&read + key->offset);
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

/* The key as written, unless an earlier key of the map is the same; keys that are not words were reported. */
static const char *key_word(reading *r, const esp_yaml_node *map, const esp_yaml_node *value)
{
  if (!value->key || value->key->kind != ESP_YAML_SCALAR)
    return NULL;
  for (const esp_yaml_node *v = map->child; v != value; v = v->next)
    if (v->key && v->key->kind == ESP_YAML_SCALAR && strcmp(v->key->text, value->key->text) == 0) {
      char quoted[80];
      note(r, place_of(r, value->key), "key %s is given twice, first on line %d; keep one of them",
           esp_quoted(value->key->text, quoted, sizeof quoted), v->key->line);
      return NULL;
    }
  return value->key->text;
}

static void read_key(reading *r, const char *section, const char *name, const esp_yaml_node *value)
{
  const place at = place_of(r, value->key ? value->key : value);
  const esp_key *key = esp_schema_find(section, name);
  char path[64];
  if (!key)
    note_unknown(r, at, section, name);
  else if ((key->experiments & r->experiments) == 0)
    note(r, at, "experiment %s has no key %s; it belongs to experiment %s, remove it here", words_of(r->experiments),
         esp_key_path(key, path, sizeof path), words_of(key->experiments));
  else
    read_value(r, key, value);
}

static void read_section(reading *r, const char *section, const esp_yaml_node *node)
{
  char quoted[80];
  if (!esp_schema_has_section(section, r->experiments)) {
    note(r, place_of(r, node->key), "experiment %s has no section %s; it belongs to experiment %s, remove it here",
         words_of(r->experiments), section, words_of(~r->experiments));
    return;
  }
  if (node->kind == ESP_YAML_MAP)
    for (const esp_yaml_node *value = node->child; value; value = value->next) {
      const char *name = key_word(r, node, value);
      if (name)
        read_key(r, section, name, value);
    }
  else if (node->kind == ESP_YAML_LIST)
    note(r, place_of(r, node), "%s: found a list; allowed: keys with values, indented beneath '%s:'", section, section);
  else if (node->kind == ESP_YAML_SCALAR && !(node->plain && node->text[0] == '\0')) /* all keys commented out: fine */
    note(r, place_of(r, node), "%s: found the value %s; allowed: keys with values, indented beneath '%s:'", section,
         esp_quoted(node->text, quoted, sizeof quoted), section);
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
    if (esp_schema_has_section(name, ~0u))
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

static const esp_key *override_key(reading *r, place at, const char *path)
{
  const char *dot = strchr(path, '.');
  char section[64] = "", quoted[80];
  if (dot)
    snprintf(section, sizeof section, "%.*s", (int)(dot - path), path);
  if (!dot && esp_schema_has_section(path, ~0u)) {
    int n;
    const esp_key *key = esp_schema_keys(&n);
    while (strcmp(key->section, path) != 0)
      key++;
    note(r, at, "%s is a section, not a key; name one of its keys, such as %s.%s", path, path, key->name);
    return NULL;
  }
  const esp_key *key = dot ? esp_schema_find(section, dot + 1) : esp_schema_find("", path);
  if (key)
    return key;
  if (!dot || esp_schema_has_section(section, ~0u)) {
    note_unknown(r, at, section, dot ? dot + 1 : path);
    return NULL;
  }
  const esp_key *other = elsewhere(r, dot + 1, true);
  char whole[64];
  if (other)
    note(r, at, "there is no section %s; %s is written %s", esp_quoted(section, quoted, sizeof quoted), dot + 1,
         esp_key_path(other, whole, sizeof whole));
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
  char path[64];
  r->source = i + 1;
  if (!o->path || !(o->key = override_key(r, at, o->path)))
    return;
  if ((o->key->experiments & r->experiments) == 0) {
    note(r, at, "experiment %s has no key %s; it belongs to experiment %s", words_of(r->experiments),
         esp_key_path(o->key, path, sizeof path), words_of(o->key->experiments));
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

static bool names_experiment(const esp_yaml_node *node, reading *r)
{
  char what[256];
  esp_config scrap;
  esp_schema_defaults(ESP_EXPERIMENT_DMS, &scrap);
  if (!node || node->kind != ESP_YAML_SCALAR ||
      !esp_key_set(esp_schema_find("", "experiment"), node->text, node->plain, &scrap, what, sizeof what))
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
      if (v->key && v->key->kind == ESP_YAML_SCALAR && strcmp(v->key->text, "experiment") == 0) {
        names_experiment(v, r);
        return;
      }
}

static bool mentions(const reading *r, const char *key)
{
  for (int i = 0; i < r->n_set; i++)
    if (r->set[i].path && strcmp(r->set[i].path, key) == 0)
      return true;
  for (const esp_yaml_node *v = r->document.root->child; v; v = v->next)
    if (v->key && v->key->kind == ESP_YAML_SCALAR && strcmp(v->key->text, key) == 0)
      return true;
  return false;
}

/* A value that must be one of a list's, which it is then set to, so that == finds it. Of two faults one is enough. */
static bool check_in_list(reading *r, const char *section, const char *name, double *value, const char *list_name,
                          const esp_number_list *numbers, const char *or_else)
{
  const int of_value = key_index(esp_schema_find(section, name)), of_list = key_index(esp_schema_find("ladder", list_name));
  const place at = r->given[of_value], at_list = r->given[of_list];
  if (r->faulty[of_value] || r->faulty[of_list])
    return false;
  for (int i = 0; i < numbers->n; i++)
    if (fabs(numbers->value[i] - *value) <= 1e-9) {
      *value = numbers->value[i];
      return true;
    }
  char list[ESP_KEY_TEXT], text[32];
  esp_print_real(*value, text, sizeof text);
  esp_key_print(esp_schema_find("ladder", list_name), r->values, list, sizeof list);
  note(r, at.line > 0 ? at : at_list, "%s.%s is %s%s, which is not %s; allowed: %sone of ladder.%s %s", section, name, text,
       at.line > 0 ? "" : " (its default)", strcmp(list_name, "fractions") == 0 ? "a rung" : "a level", or_else, list_name, list);
  return false;
}

static void check_transfer(reading *r)
{
  esp_config *c = r->values;
  if (c->transfer.members > c->ensemble.members)
    c->transfer.members = c->ensemble.members;
  if (c->transfer.from != 0.0)
    check_in_list(r, "transfer", "from", &c->transfer.from, "fractions", &c->ladder.fractions, "0 (no transfer) or ");
}

static void check_bandit(reading *r)
{
  enum { MOST_LEVELS = 4 }; /* with two arms each */
  esp_config *c = r->values;
  if (c->new_option.members > c->ensemble.members)
    c->new_option.members = c->ensemble.members;
  if (c->ladder.value_noise.n > MOST_LEVELS)
    note(r, r->given[key_index(esp_schema_find("ladder", "value_noise"))], "ladder.value_noise has %d levels; allowed: at most %d",
         c->ladder.value_noise.n, MOST_LEVELS);
  if (c->new_option.from == 0.0)
    return;
  check_in_list(r, "new_option", "from", &c->new_option.from, "fractions", &c->ladder.fractions, "0 (no new option) or ");
  check_in_list(r, "new_option", "ladder", &c->new_option.ladder, "value_noise", &c->ladder.value_noise, "");
}

/* Two keys that must go together, or else a fault at the one that was given. Of two faults one is enough. */
static void check_pair(reading *r, bool good, const char *path, const char *other_path, const char *allowed)
{
  const esp_key *key = find_path(path), *other = find_path(other_path);
  const int k = key_index(key), o = key_index(other);
  const place at = r->given[k].line > 0 ? r->given[k] : r->given[o].line > 0 ? r->given[o] : (place){0, 1, 1};
  char value[ESP_KEY_TEXT], other_value[ESP_KEY_TEXT];
  if (!good && !r->faulty[k] && !r->faulty[o])
    note(r, at, "%s is %s%s and %s is %s%s; allowed: %s", path, esp_key_print(key, r->values, value, sizeof value),
         r->given[k].line > 0 ? "" : " (its default)", other_path, esp_key_print(other, r->values, other_value, sizeof other_value),
         r->given[o].line > 0 ? "" : " (its default)", allowed);
}

static bool is_multiple(double value, double of)
{
  const double n = nearbyint(value / of);
  return n >= 1 && fabs(n * of - value) <= 1e-9 * value;
}

/* Stages are whole segments, segments whole snapshots, snapshots whole updates, updates whole steps. */
static void check_lever_times(reading *r)
{
  const esp_config *c = r->values;
  const double updates = (c->lever.hours + c->lever.unrewarded_hours) * 3.6e6 / c->synapses.update_ms;
  check_pair(r, is_multiple(c->lever.hours * 60, c->lever.segment_min), "lever.hours", "lever.segment_min",
             "a whole number of segments");
  check_pair(r, is_multiple(c->lever.switch_hour * 60, c->lever.segment_min), "lever.switch_hour", "lever.segment_min",
             "a switch between two segments");
  check_pair(r, c->lever.switch_hour < c->lever.hours, "lever.switch_hour", "lever.hours", "a switch before the end");
  check_pair(r, is_multiple(c->lever.segment_min, c->lever.snapshot_min), "lever.segment_min", "lever.snapshot_min",
             "a whole number of snapshots in a segment");
  check_pair(r, is_multiple(c->lever.snapshot_min * 60000, c->synapses.update_ms), "lever.snapshot_min", "synapses.update_ms",
             "a whole number of updates between snapshots");
  check_pair(r, c->lever.segment_min * 60000 / c->neurons.dt_ms < INT32_MAX, "lever.segment_min", "neurons.dt_ms",
             "fewer than 2^31 time steps in a segment");
  check_pair(r, c->lever.unrewarded_trials_min * 60000 / c->neurons.dt_ms < INT32_MAX, "lever.unrewarded_trials_min", "neurons.dt_ms",
             "fewer than 2^31 time steps of trials");
  check_pair(r, is_multiple(c->synapses.update_ms, c->neurons.dt_ms), "synapses.update_ms", "neurons.dt_ms",
             "a whole number of steps between updates");
  check_pair(r, is_multiple(c->trials.step_ms, c->neurons.dt_ms), "trials.step_ms", "neurons.dt_ms",
             "a whole number of time steps in a step of the lever");
  check_pair(r, is_multiple(c->trials.window_ms, c->neurons.dt_ms), "trials.window_ms", "neurons.dt_ms",
             "a whole number of time steps in the window");
  check_pair(r, is_multiple(c->lever.movement_before_ms, c->trials.step_ms), "lever.movement_before_ms", "trials.step_ms",
             "a whole number of steps of the lever");
  check_pair(r, is_multiple(c->lever.movement_after_ms, c->trials.step_ms), "lever.movement_after_ms", "trials.step_ms",
             "a whole number of steps of the lever");
  check_pair(r, updates < INT32_MAX, "lever.hours", "synapses.update_ms", "fewer than 2^31 updates in all");
}

static void check_unrewarded(reading *r)
{
  const esp_config *c = r->values;
  const double step_min = 60 * c->lever.unrewarded_step_hours, before = c->lever.consolidation_hour - c->lever.switch_hour;
  if (c->lever.unrewarded_hours == 0)
    return;
  check_pair(r, is_multiple(c->lever.unrewarded_hours, c->lever.unrewarded_step_hours), "lever.unrewarded_hours",
             "lever.unrewarded_step_hours", "a whole number of stages");
  check_pair(r, is_multiple(step_min, c->lever.snapshot_min), "lever.unrewarded_step_hours", "lever.snapshot_min",
             "a whole number of snapshots in a stage");
  check_pair(r, is_multiple(c->lever.unrewarded_trials_min, c->lever.snapshot_min), "lever.unrewarded_trials_min",
             "lever.snapshot_min", "a whole number of snapshots in the trials");
  check_pair(r, c->lever.unrewarded_trials_min < step_min, "lever.unrewarded_trials_min", "lever.unrewarded_step_hours",
             "less than the stage");
  if (c->lever.consolidation_hour == 0)
    return;
  check_pair(r, before >= 0, "lever.consolidation_hour", "lever.switch_hour", "0 (no consolidation), or not before the switch");
  check_pair(r, before < c->lever.unrewarded_hours, "lever.consolidation_hour", "lever.unrewarded_hours",
             "0 (no consolidation), or before the end of the time without reward, which begins at lever.switch_hour");
  const bool moved = r->given[key_index(esp_schema_find("lever", "switch_hour"))].line > 0;
  check_pair(r, before <= 0 || is_multiple(before, c->lever.unrewarded_step_hours), "lever.consolidation_hour",
             moved ? "lever.switch_hour" : "lever.unrewarded_step_hours",
             "0 (no consolidation), or lever.switch_hour and a whole number of lever.unrewarded_step_hours after it");
}

static void check_lever_sizes(reading *r)
{
  const esp_config *c = r->values;
  const double per_update = c->synapses.learning_rate * 1e-3 * c->synapses.update_ms;
  check_pair(r, c->neurons.n_receiving <= c->neurons.n_exc, "neurons.n_receiving", "neurons.n_exc", "not more than all of them");
  check_pair(r, c->neurons.n_receiving > c->neurons.n_exc || 2 * c->trials.n_pool <= c->neurons.n_exc - c->neurons.n_receiving,
             "trials.n_pool", "neurons.n_exc", "room for neurons.n_receiving and two pools");
  check_pair(r, c->neurons.exc_fall_ms > c->neurons.exc_rise_ms, "neurons.exc_fall_ms", "neurons.exc_rise_ms", "a slower fall than rise");
  check_pair(r, c->neurons.inh_fall_ms > c->neurons.inh_rise_ms, "neurons.inh_fall_ms", "neurons.inh_rise_ms", "a slower fall than rise");
  check_pair(r, c->trials.pause_min_s <= c->trials.pause_max_s, "trials.pause_min_s", "trials.pause_max_s", "a minimum below the maximum");
  check_pair(r, c->trials.cue_min_hz <= c->trials.cue_max_hz, "trials.cue_min_hz", "trials.cue_max_hz", "a minimum below the maximum");
  check_pair(r, c->trials.cue_max_hz * c->neurons.dt_ms < 1000, "trials.cue_max_hz", "neurons.dt_ms", "less than a spike in a step");
  check_pair(r, c->trials.background_hz * c->neurons.dt_ms < 1000, "trials.background_hz", "neurons.dt_ms", "less than a spike in a step");
  check_pair(r, c->synapses.return_theta <= c->synapses.theta_max, "synapses.return_theta", "synapses.theta_max",
             "not above the greatest parameter");
  check_pair(r, per_update < c->synapses.consolidated_sd * c->synapses.consolidated_sd, "synapses.consolidated_sd",
             "synapses.learning_rate", "a square of the former above the latter times synapses.update_ms in seconds");
}

static void check_lever(reading *r)
{
  check_lever_times(r);
  check_unrewarded(r);
  check_lever_sizes(r);
}

static void check_whole(reading *r)
{
  const esp_yaml_node *root = r->document.root;
  if (!r->document.complete || !root || root->kind != ESP_YAML_MAP)
    return; /* what is missing may be in the part that was not read */
  r->source = 0;
  if (!mentions(r, "experiment"))
    note(r, (place){0, 1, 1}, "the required key experiment is missing; write 'experiment: dms', 'experiment: scratch', "
                                  "'experiment: bandit' or 'experiment: lever'");
  if (r->experiments == 1u << ESP_EXPERIMENT_DMS)
    check_transfer(r);
  if (r->experiments == 1u << ESP_EXPERIMENT_BANDIT)
    check_bandit(r);
  if (r->experiments == 1u << ESP_EXPERIMENT_LEVER)
    check_lever(r);
}

/* The text as read, and each override as a comment on a line of its own. */
static char *verbatim(const reading *r, const char *text, size_t size)
{
  char *copy = NULL;
  size_t n;
  FILE *out = open_memstream(&copy, &n);
  if (!out)
    return NULL;
  fwrite(text, 1, size, out);
  if (r->n_set > 0 && size > 0 && text[size - 1] != '\n')
    fputc('\n', out);
  for (int i = 0; i < r->n_set; i++)
    fprintf(out, "# --set %s\n", r->set[i].arg);
  const bool bad = ferror(out) != 0;
  if (fclose(out) != 0 || bad) {
    free(copy);
    return NULL;
  }
  return copy;
}

static void free_reading(reading *r)
{
  for (int i = 0; r->set && i < r->n_set; i++) {
    free(r->set[i].path);
    esp_yaml_free(&r->set[i].document);
  }
  for (int i = 0; i < r->n_faults; i++)
    free(r->faults[i].text);
  free(r->set);
  free(r->faults);
  esp_yaml_free(&r->document);
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
  esp_err err = ESP_OK;
  if (!(r.set = calloc((size_t)n_set + 1, sizeof *r.set))) {
    err = esp_fail(ESP_ERR_NOMEM, "memory is exhausted while %s is read", name);
    goto done;
  }
  r.n_set = n_set;
  if ((err = esp_yaml_read(text, size, &listener, &r.document)) != ESP_OK)
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
    esp_fail(err, "memory is exhausted while %s is read", name);

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
  *size = 0;
  for (;;) { /* one byte more than allowed: the file may grow while it is read */
    const ssize_t n = read(fd, text + *size, ESP_YAML_MAX_BYTES + 1 - *size);
    if (n < 0 && errno == EINTR)
      continue;
    ESP_REQUIRE(n >= 0, ESP_ERR_IO, "%s: reading failed (%s); copy the file to another place and try again", path,
                strerror(errno));
    *size += (size_t)n;
    ESP_REQUIRE(*size <= ESP_YAML_MAX_BYTES, ESP_ERR_NO_INPUT,
                "%s: the file is larger than 1 MiB, so it is no configuration; check the name", path);
    if (n == 0)
      return ESP_OK;
  }
}

esp_err esp_config_load(const char *path, int n_set, const char *const *set, esp_config_file *out, char **problems)
{
  memset(out, 0, sizeof *out);
  *problems = NULL;
  char *text = NULL;
  size_t size;
  /* Not blocking: opening a pipe nobody writes to would wait for ever, on every rank. */
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return cannot_open(path);
  esp_err err = check_regular(path, fd);
  if (err != ESP_OK)
    goto done;
  if (!(text = malloc(ESP_YAML_MAX_BYTES + 1))) {
    err = esp_fail(ESP_ERR_NOMEM, "memory is exhausted while %s is read", path);
    goto done;
  }
  if ((err = read_all(path, fd, text, &size)) == ESP_OK)
    err = parse(path, text, size, n_set, set, out, problems);

done:
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
