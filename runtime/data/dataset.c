#include "runtime/data/dataset.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void class_list_free(class_list *c) {
  for (int i = 0; c->names && i < c->count; i++)
    free(c->names[i]);
  free(c->names);
  *c = (class_list){0};
}

typedef struct loading {
  const dataset_options *options;
  const wordpiece *tokenizer;
  dataset *data;
  int64_t capacity; /* of rows */
  token_list ids, types;
  char **labels; /* texts, until all are read */
  failure *f;
} loading;

/* ---- rows ---- */

static bool check_columns(const loading *l, int columns, int64_t line) {
  const dataset_options *o = l->options;
  const struct {
    const char *name;
    int column;
  } wanted[] = {{"text", o->text}, {"label", o->label}, {"pair", o->pair}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (wanted[i].column >= columns)
      return fail(l->f, "%s:%lld: too few columns: the row has %d, and %s is column %d (counted from 0)", o->path,
                  (long long)line, columns, wanted[i].name, wanted[i].column);
  return true;
}

static char *trimmed(field text) {
  while (text.length > 0 && text.text[text.length - 1] == ' ')
    text.length--;
  while (text.length > 0 && *text.text == ' ') {
    text.text++;
    text.length--;
  }
  return memory_copy_text(text.text, text.length);
}

static void grow(loading *l) {
  dataset *d = l->data;
  if (d->count < l->capacity)
    return;
  l->capacity = l->capacity ? l->capacity * 2 : 1024;
  size_t capacity = (size_t)l->capacity;
  d->starts = memory_resize(d->starts, capacity + 1, sizeof *d->starts);
  d->lines = memory_resize(d->lines, capacity, sizeof *d->lines);
  l->labels = memory_resize(l->labels, capacity, sizeof *l->labels);
}

static bool add_row(loading *l, const delimited *source, int columns) {
  const dataset_options *o = l->options;
  dataset *d = l->data;
  if (!check_columns(l, columns, delimited_line(source)))
    return false;
  grow(l);
  field text = delimited_field(source, o->text), pair = {0};
  if (o->pair >= 0)
    pair = delimited_field(source, o->pair);
  d->lines[d->count] = delimited_line(source);
  d->starts[d->count] = l->ids.count;
  l->labels[d->count] = o->label >= 0 ? trimmed(delimited_field(source, o->label)) : NULL;
  wordpiece_encode_pair(l->tokenizer, text.text, text.length, pair.text, pair.length, o->length, &l->ids, &l->types);
  d->count++;
  d->starts[d->count] = l->ids.count;
  if (l->ids.count - d->starts[d->count - 1] > d->longest)
    d->longest = l->ids.count - d->starts[d->count - 1];
  return true;
}

static bool read_rows(loading *l) {
  delimited *source = delimited_open(l->options->path, l->options->format, l->f);
  if (!source)
    return false;
  int columns = 1;
  if (l->options->header)
    columns = delimited_next(source, l->f);
  while (columns > 0) {
    columns = delimited_next(source, l->f);
    if (columns > 0 && !add_row(l, source, columns))
      columns = -1;
  }
  delimited_close(source);
  if (columns == 0 && l->data->count == 0)
    fail(l->f, "%s: no rows: the file is empty%s", l->options->path, l->options->header ? " but for its header" : "");
  return !l->f->text;
}

/* ---- labels ---- */

static bool parse_number(const char *text, int64_t *number) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  *number = value;
  return *text && !*end && !errno && *text != ' ' && *text != '+';
}

static bool refuse_label(const loading *l, int64_t row, const char *problem) {
  return fail(l->f, "%s:%lld: label '%.60s' %s", l->options->path, (long long)l->data->lines[row], l->labels[row],
              problem);
}

static bool read_numbers(const loading *l, class_list *classes) {
  int64_t highest = -1, number;
  for (int64_t row = 0; row < l->data->count; row++) {
    if (!parse_number(l->labels[row], &number))
      return refuse_label(l, row, "is no number, but the labels before it are");
    int64_t limit = classes->known ? classes->count : l->options->classes ? l->options->classes : INT32_MAX;
    if (number < 0 || number >= limit) {
      char problem[80];
      snprintf(problem, sizeof problem, limit == INT32_MAX ? "is below 0" : "is outside the classes 0 … %lld",
               (long long)limit - 1);
      return refuse_label(l, row, problem);
    }
    l->data->labels[row] = (int32_t)number;
    if (number > highest)
      highest = number;
  }
  if (!classes->known)
    *classes = (class_list){.known = true, .count = l->options->classes ? l->options->classes : (int)highest + 1};
  return true;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The distinct labels, sorted. */
static bool collect_names(const loading *l, class_list *classes) {
  size_t count = (size_t)l->data->count, distinct = 0;
  char **sorted = memory_allocate(count, sizeof *sorted);
  memcpy(sorted, l->labels, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, compare_texts);
  for (size_t i = 0; i < count; i++)
    if (i == 0 || strcmp(sorted[i], sorted[distinct - 1]) != 0)
      sorted[distinct++] = sorted[i];
  if (l->options->classes && distinct > (size_t)l->options->classes) {
    fail(l->f, "%s: the labels have %zu classes, not %d: '%.40s', '%.40s', … '%.40s'", l->options->path, distinct,
         l->options->classes, sorted[0], sorted[1], sorted[distinct - 1]);
  } else {
    *classes = (class_list){.known = true, .count = (int)distinct};
    classes->names = memory_allocate(distinct, sizeof *classes->names);
    for (size_t i = 0; i < distinct; i++)
      classes->names[i] = memory_copy_text(sorted[i], strlen(sorted[i]));
  }
  free(sorted);
  return !l->f->text;
}

static bool read_names(const loading *l, class_list *classes) {
  if (!classes->known && !collect_names(l, classes))
    return false;
  for (int64_t row = 0; row < l->data->count; row++) {
    char **found = bsearch(&l->labels[row], classes->names, (size_t)classes->count, sizeof *found, compare_texts);
    if (!found) {
      char problem[80];
      snprintf(problem, sizeof problem, "is none of the %d classes of the first set", classes->count);
      return refuse_label(l, row, problem);
    }
    l->data->labels[row] = (int32_t)(found - classes->names);
  }
  return true;
}

/* Labels are numbers when the classes known already are, else when the first label is one. */
static bool read_labels(const loading *l, class_list *classes) {
  int64_t number;
  l->data->labels = memory_allocate((size_t)l->data->count, sizeof *l->data->labels);
  for (int64_t row = 0; row < l->data->count; row++)
    if (!*l->labels[row])
      return fail(l->f, "%s:%lld: the label is empty", l->options->path, (long long)l->data->lines[row]);
  bool numbers = classes->known ? !classes->names : parse_number(l->labels[0], &number);
  return numbers ? read_numbers(l, classes) : read_names(l, classes);
}

/* ---- sets ---- */

dataset *dataset_load(const dataset_options *options, const wordpiece *tokenizer, class_list *classes, failure *f) {
  int least = options->pair >= 0 ? 3 : 2;
  if (options->length < least) {
    fail(f, "%s: rows of %d tokens have no room for the %d special ones", options->path, options->length, least);
    return NULL;
  }
  dataset *d = memory_allocate(1, sizeof *d);
  loading l = {.options = options, .tokenizer = tokenizer, .data = d, .f = f};
  d->path = memory_copy_text(options->path, strlen(options->path));
  d->padding = wordpiece_padding(tokenizer);
  bool good = read_rows(&l) && (options->label < 0 || read_labels(&l, classes));
  d->ids = l.ids.items;
  d->types = l.types.items;
  for (int64_t row = 0; row < d->count; row++)
    free(l.labels[row]);
  free(l.labels);
  if (good)
    return d;
  dataset_free(d);
  return NULL;
}

void dataset_free(dataset *d) {
  if (!d)
    return;
  free(d->path);
  free(d->starts);
  free(d->ids);
  free(d->types);
  free(d->labels);
  free(d->lines);
  free(d);
}

int64_t dataset_row_over(const dataset *d, const int32_t *tokens, int32_t limit) {
  for (int64_t row = 0; row < d->count; row++)
    for (int64_t i = d->starts[row]; i < d->starts[row + 1]; i++)
      if (tokens[i] >= limit)
        return row;
  return -1;
}

int64_t dataset_label_over(const dataset *d, int32_t limit) {
  for (int64_t row = 0; d->labels && row < d->count; row++)
    if (d->labels[row] >= limit)
      return row;
  return -1;
}
