#include "runtime/run/comparison.h"
#include "runtime/data/file.h"
#include "runtime/run/grid.h"
#include "runtime/run/table.h"
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct compared_run {
  char *name;
  json_t *settings; /* key: text */
  json_t *results;  /* as in results.json */
  char *source;     /* its bytes */
  size_t source_size;
} compared_run;

enum { NAMES_WIDTH_MAX = 72 };

struct comparison {
  int count;
  compared_run *runs;
};

comparison *comparison_create(void) {
  return memory_allocate(1, sizeof(comparison));
}

void comparison_free(comparison *c) {
  for (int i = 0; i < c->count; i++) {
    json_decref(c->runs[i].settings);
    json_decref(c->runs[i].results);
    free(c->runs[i].source);
    free(c->runs[i].name);
  }
  free(c->runs);
  free(c);
}

int comparison_count(const comparison *c) {
  return c->count;
}

/* ---- reading ---- */

static json_t *read_json(const char *folder, const char *name, json_type type, failure *f) {
  json_error_t error;
  char *path = memory_print("%s/%s", folder, name);
  json_t *value = NULL;
  if (access(path, R_OK) != 0) {
    fail(f, "cannot read %s: %s", path, strerror(errno));
  } else if (!(value = json_load_file(path, 0, &error))) {
    fail(f, "%s:%d: %s", path, error.line, error.text);
  } else if (json_typeof(value) != type) {
    fail(f, "%s holds something else than a run's", path);
    json_decref(value);
    value = NULL;
  }
  free(path);
  return value;
}

static void set_text(json_t *settings, const char *key, const json_t *value) {
  char *text = json_is_string(value) ? memory_print("%s", json_string_value(value))
                                     : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
  json_object_set_new(settings, key, json_string(text ? text : ""));
  free(text);
}

/* "student.width=8" as a setting of its own; kind: before its name. */
static void set_assignments(json_t *settings, const char *kind, const json_t *list) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    const char *assignment = json_string_value(item), *equals = assignment ? strchr(assignment, '=') : NULL;
    if (!equals)
      continue;
    char *key = memory_print("%s%.*s", kind, (int)(equals - assignment), assignment);
    json_object_set_new(settings, key, json_string(equals + 1));
    free(key);
  }
}

static json_t *flat_settings(const json_t *from) {
  json_t *settings = json_object(), *value;
  const char *key;
  json_object_foreach((json_t *)from, key, value) {
    if (strcmp(key, "set") == 0)
      set_assignments(settings, "", value);
    else if (strcmp(key, "load") == 0)
      set_assignments(settings, "load ", value);
    else if (strcmp(key, "identity") != 0 && !json_is_null(value))
      set_text(settings, key, value);
  }
  return settings;
}

static int is_named(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* The sizes of the models that the run has left: MODEL/config.json. */
static void add_models(json_t *settings, const char *folder) {
  struct dirent **entries = NULL;
  int count = scandir(folder, &entries, is_named, alphasort);
  for (int i = 0; i < count; i++) {
    char *path = memory_print("%s/%s/config.json", folder, entries[i]->d_name);
    json_t *config = json_load_file(path, 0, NULL), *value;
    const char *key;
    json_object_foreach(config, key, value) {
      char *name = memory_print("%s.%s", entries[i]->d_name, key);
      if (!json_object_get(settings, name))
        set_text(settings, name, value);
      free(name);
    }
    json_decref(config);
    free(path);
    free(entries[i]);
  }
  free(entries);
}

static void read_source(compared_run *run, const char *folder) {
  const char *name = json_string_value(json_object_get(run->settings, "file"));
  char *path = memory_print("%s/%s", folder, name ? name : "");
  mapped_file file;
  failure f = {0};
  if (name && file_map(path, &file, &f)) {
    run->source = memory_copy_text((const char *)file.bytes, file.size);
    run->source_size = file.size;
    file_unmap(&file);
  }
  failure_free(&f);
  free(path);
}

static bool add_run(comparison *c, const char *folder, const char *name, failure *f) {
  json_t *settings = read_json(folder, "settings.json", JSON_OBJECT, f);
  json_t *results = settings ? read_json(folder, "results.json", JSON_ARRAY, f) : NULL;
  if (results) {
    c->runs = memory_resize(c->runs, (size_t)c->count + 1, sizeof *c->runs);
    compared_run *run = &c->runs[c->count++];
    *run = (compared_run){
        .name = memory_print("%s", name), .settings = flat_settings(settings), .results = json_incref(results)};
    add_models(run->settings, folder);
    read_source(run, folder);
  }
  json_decref(settings);
  json_decref(results);
  return results != NULL;
}

static bool holds(const char *folder, const char *name) {
  char *path = memory_print("%s/%s", folder, name);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static bool add_experiment(comparison *c, const char *folder, failure *f) {
  struct dirent **entries = NULL;
  int count = scandir(folder, &entries, is_named, versionsort), before = c->count;
  bool good = true;
  for (int i = 0; i < count; i++) {
    char *path = memory_print("%s/%s", folder, entries[i]->d_name);
    const char *dot = strrchr(entries[i]->d_name, '.');
    bool whole = !dot || (strcmp(dot, ".running") != 0 && strcmp(dot, ".checkpoint") != 0);
    if (good && whole && holds(path, "settings.json"))
      good = add_run(c, path, entries[i]->d_name, f);
    free(path);
    free(entries[i]);
  }
  free(entries);
  return good && (c->count > before || fail(f, "%s holds no run that is finished", folder));
}

bool comparison_add(comparison *c, const char *folder, failure *f) {
  struct stat about;
  if (stat(folder, &about) != 0)
    return fail(f, "cannot read %s: %s", folder, strerror(errno));
  if (!S_ISDIR(about.st_mode))
    return fail(f, "%s is no folder", folder);
  if (holds(folder, "experiment.json"))
    return add_experiment(c, folder, f);
  if (!holds(folder, "settings.json"))
    return fail(f, "%s is no run: it has no settings.json", folder);
  return add_run(c, folder, folder, f);
}

/* ---- settings ---- */

static const char *setting(const compared_run *run, const char *key) {
  const char *value = json_string_value(json_object_get(run->settings, key));
  return value ? value : "-";
}

static bool differs(const comparison *c, const char *key) {
  for (int i = 1; i < c->count; i++)
    if (strcmp(setting(&c->runs[i], key), setting(&c->runs[0], key)) != 0)
      return true;
  return false;
}

/* The keys of all runs, each once, in the order in which they come up first. */
static json_t *all_keys(const comparison *c) {
  json_t *keys = json_object(), *value;
  const char *key;
  for (int i = 0; i < c->count; i++)
    json_object_foreach(c->runs[i].settings, key, value) json_object_set(keys, key, value);
  return keys;
}

/* The first run with the same source; -1 when it was not kept. */
static int first_with_source(const comparison *c, int index) {
  const compared_run *own = &c->runs[index];
  for (int i = 0; i <= index && own->source; i++)
    if (c->runs[i].source && c->runs[i].source_size == own->source_size &&
        memcmp(c->runs[i].source, own->source, own->source_size) == 0)
      return i;
  return -1;
}

/* Sources have numbers: equal ones the same. */
static void number_sources(comparison *c) {
  int *numbers = memory_allocate((size_t)c->count, sizeof *numbers), used = 0;
  for (int i = 0; i < c->count; i++) {
    int first = first_with_source(c, i);
    numbers[i] = first < 0 ? 0 : first == i ? ++used : numbers[first];
    char *text = memory_print("text %d", numbers[i]);
    json_object_set_new(c->runs[i].settings, "source", json_string(numbers[i] ? text : "-"));
    free(text);
  }
  free(numbers);
}

/* Whether the runs' names are too long to stand beside each other. */
static bool are_numbered(const comparison *c) {
  size_t width = 0;
  for (int i = 0; i < c->count; i++)
    width += strlen(c->runs[i].name) + 2;
  return width > NAMES_WIDTH_MAX;
}

static void set_head(text_grid *g, const comparison *c, int column) {
  for (int i = 0; i < c->count; i++)
    if (are_numbered(c))
      grid_set(g, 0, column + i, "run %d", i + 1);
    else
      grid_set(g, 0, column + i, "%s", c->runs[i].name);
}

static void print_settings(const comparison *c, FILE *to, bool colour, bool all) {
  json_t *keys = all_keys(c), *value;
  const char *key;
  int count = 0, at = 1;
  json_object_foreach(keys, key, value) count += all || differs(c, key);
  if (count == 0) {
    fputs("all settings are the same\n", to);
    json_decref(keys);
    return;
  }
  text_grid *g = grid_create(1 + c->count, 1 + count);
  grid_set(g, 0, 0, all ? "settings" : "what differs");
  set_head(g, c, 1);
  json_object_foreach(keys, key, value) {
    if (!all && !differs(c, key))
      continue;
    grid_set(g, at, 0, "%s", key);
    for (int i = 0; i < c->count; i++)
      grid_set(g, at, 1 + i, "%s", setting(&c->runs[i], key));
    at++;
  }
  grid_print(g, to, colour, 1);
  grid_free(g);
  json_decref(keys);
}

/* ---- results ---- */

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static const json_t *find_result(const compared_run *run, const char *on, const char *label) {
  size_t i;
  json_t *result;
  json_array_foreach(run->results, i, result) if (strcmp(text_of(result, "on"), on) == 0 &&
                                                  strcmp(text_of(result, "label"), label) == 0) return result;
  return NULL;
}

static void add_row(json_t *rows, const char *metric, const char *label) {
  json_t *labels = json_object_get(rows, metric);
  if (!labels) {
    labels = json_object();
    json_object_set_new(rows, metric, labels);
  }
  json_object_set_new(labels, label, json_true());
}

/* metric: {label: true}: scores, then what belongs to the models themselves. */
static json_t *rows_on(const comparison *c, const char *on) {
  static const char *const further[] = {"parameters", "MB", "ms/sample"};
  json_t *rows = json_object(), *result, *score;
  const char *metric;
  size_t i;
  for (int k = 0; k < c->count; k++)
    json_array_foreach(c->runs[k].results, i, result) {
      if (strcmp(text_of(result, "on"), on) == 0)
        json_object_foreach(json_object_get(result, "scores"), metric, score)
            add_row(rows, metric, text_of(result, "label"));
    }
  for (size_t m = 0; m < sizeof further / sizeof *further; m++)
    for (int k = 0; k < c->count; k++)
      json_array_foreach(c->runs[k].results, i, result) {
        if (strcmp(text_of(result, "on"), on) == 0)
          add_row(rows, further[m], text_of(result, "label"));
      }
  return rows;
}

static void set_value(text_grid *g, int row, int column, const json_t *result, const char *metric) {
  const json_t *score = json_object_get(json_object_get(result, "scores"), metric);
  if (score) {
    grid_set(g, row, column, "%.2f", 100 * json_number_value(score));
  } else if (result && strcmp(metric, "parameters") == 0) {
    char *count = table_count_text(json_integer_value(json_object_get(result, "parameters")));
    grid_set(g, row, column, "%s", count);
    free(count);
  } else if (result && strcmp(metric, "MB") == 0) {
    grid_set(g, row, column, "%.3g", json_number_value(json_object_get(result, "bytes")) / 1e6);
  } else if (result && strcmp(metric, "ms/sample") == 0) {
    grid_set(g, row, column, "%.3g", json_number_value(json_object_get(result, "milliseconds_per_sample")));
  } else {
    grid_set(g, row, column, "-");
  }
}

static void print_results(const comparison *c, FILE *to, bool colour, const char *on) {
  json_t *rows = rows_on(c, on), *labels, *value;
  const char *metric, *label;
  int count = 0, at = 1;
  json_object_foreach(rows, metric, labels) count += (int)json_object_size(labels);
  text_grid *g = grid_create(2 + c->count, 1 + count);
  grid_set(g, 0, 0, "on %s", on);
  set_head(g, c, 2);
  json_object_foreach(rows, metric, labels) {
    bool first = true;
    json_object_foreach(labels, label, value) {
      if (first)
        grid_set(g, at, 0, "%s", metric);
      first = false;
      grid_set(g, at, 1, "%s", label);
      for (int i = 0; i < c->count; i++)
        set_value(g, at, 2 + i, find_result(&c->runs[i], on, label), metric);
      at++;
    }
  }
  fputc('\n', to);
  grid_print(g, to, colour, 2);
  grid_free(g);
  json_decref(rows);
}

void comparison_print(comparison *c, FILE *to, bool colour, bool all) {
  number_sources(c);
  for (int i = 0; i < c->count && are_numbered(c); i++)
    fprintf(to, "run %d: %s\n%s", i + 1, c->runs[i].name, i + 1 == c->count ? "\n" : "");
  print_settings(c, to, colour, all);
  json_t *sets = json_object(), *result, *value;
  size_t i;
  const char *on;
  for (int k = 0; k < c->count; k++)
    json_array_foreach(c->runs[k].results, i, result) json_object_set_new(sets, text_of(result, "on"), json_true());
  json_object_foreach(sets, on, value) print_results(c, to, colour, on);
  json_decref(sets);
}
