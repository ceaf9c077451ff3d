#include "runtime/data/dataset.h"
#include "runtime/data/shuffle.h"
#include <errno.h>
#include <math.h>
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
  if (record_source_has(&l->options->sources[0], RECORD_TARGET))
    d->targets = memory_resize(d->targets, capacity, sizeof *d->targets);
}

static bool read_target(loading *l, const record_source *source, field text, int64_t line) {
  char *own = trimmed(text), *end;
  float value = strtof(own, &end);
  bool good = *own && !*end && isfinite(value);
  if (good)
    l->data->targets[l->data->count] = value;
  else
    fail(l->f, "%s:%lld: target '%.60s' is no number", source->path, (long long)line, own);
  free(own);
  return good;
}

static bool add_row(loading *l, const record_source *source, const records *from) {
  dataset *d = l->data;
  grow(l);
  field text = records_field(from, RECORD_TEXT), pair = {0};
  if (record_source_has(source, RECORD_PAIR))
    pair = records_field(from, RECORD_PAIR);
  if (d->targets && !read_target(l, source, records_field(from, RECORD_TARGET), records_line(from)))
    return false;
  d->lines[d->count] = records_line(from);
  d->starts[d->count] = l->ids.count;
  l->labels[d->count] = record_source_has(source, RECORD_LABEL) ? trimmed(records_field(from, RECORD_LABEL)) : NULL;
  wordpiece_encode_pair(l->tokenizer, text.text, text.length, pair.text, pair.length, l->options->length, &l->ids,
                        &l->types);
  d->count++;
  d->starts[d->count] = l->ids.count;
  return true;
}

static bool read_source(loading *l, const record_source *source) {
  dataset *d = l->data;
  int64_t before = d->count;
  records *from = records_open(source, l->f);
  if (!from)
    return false;
  int got;
  while ((got = records_next(from, l->f)) > 0 && add_row(l, source, from))
    ;
  bool header = source->header || source->columns[RECORD_TEXT].name;
  records_close(from);
  d->files[d->file_count].path = memory_copy_text(source->path, strlen(source->path));
  d->files[d->file_count++].end = d->count;
  if (got == 0 && d->count == before)
    fail(l->f, "%s: no rows: the file is empty%s", source->path,
         header && source->format != RECORDS_JSONL ? " but for its header" : "");
  return !l->f->text;
}

static bool read_sources(loading *l) {
  const dataset_options *o = l->options;
  l->data->files = memory_allocate((size_t)o->source_count, sizeof *l->data->files);
  for (int i = 0; i < o->source_count; i++)
    if (!read_source(l, &o->sources[i]))
      return false;
  return true;
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
  return fail(l->f, "%s:%lld: label '%.60s' %s", dataset_file_of(l->data, row), (long long)l->data->lines[row],
              l->labels[row], problem);
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
    fail(l->f, "%s: the labels have %zu classes, not %d: '%.40s', '%.40s', … '%.40s'", l->data->path, distinct,
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
      return fail(l->f, "%s:%lld: the label is empty", dataset_file_of(l->data, row), (long long)l->data->lines[row]);
  bool numbers = classes->known ? !classes->names : parse_number(l->labels[0], &number);
  return numbers ? read_numbers(l, classes) : read_names(l, classes);
}

/* ---- shares ---- */

/* Whether each row is taken; the caller frees it. */
static bool *choose_rows(const dataset *d, const struct dataset_share *share) {
  size_t count = (size_t)d->count;
  int64_t *order = memory_allocate(count, sizeof *order);
  bool *taken = memory_allocate(count, sizeof *taken);
  shuffle_rows(order, d->count, share->seed, 0, SHUFFLE_SHARE);
  int64_t begin = llround(share->begin * (double)count), end = llround(share->end * (double)count);
  for (int64_t i = begin; i < end && i < d->count; i++)
    taken[order[i]] = true;
  free(order);
  return taken;
}

/* Moves row `from` to place `to`, which is not behind it. */
static void move_row(dataset *d, int64_t to, int64_t from) {
  int64_t length = d->starts[from + 1] - d->starts[from];
  size_t bytes = (size_t)length * sizeof *d->ids;
  memmove(d->ids + d->starts[to], d->ids + d->starts[from], bytes);
  memmove(d->types + d->starts[to], d->types + d->starts[from], bytes);
  d->starts[to + 1] = d->starts[to] + length;
  d->lines[to] = d->lines[from];
  if (d->labels)
    d->labels[to] = d->labels[from];
  if (d->targets)
    d->targets[to] = d->targets[from];
}

static bool take_share(loading *l) {
  dataset *d = l->data;
  const struct dataset_share *share = &l->options->share;
  if (share->end <= 0)
    return true;
  bool *taken = choose_rows(d, share);
  int64_t kept = 0, row = 0, count = d->count;
  for (int file = 0; file < d->file_count; file++) {
    for (; row < d->files[file].end; row++)
      if (taken[row])
        move_row(d, kept++, row);
    d->files[file].end = kept;
  }
  free(taken);
  d->count = kept;
  return kept > 0 ? true
                  : fail(l->f, "%s: a share of %g of %lld rows has none", d->path, share->end - share->begin,
                         (long long)count);
}

/* ---- sets ---- */

/* The tokens' arrays are handed over, the share is taken, then what depends on the rows that are left is counted. */
static void finish(loading *l, const class_list *classes) {
  dataset *d = l->data;
  for (int64_t row = 0; row < d->count; row++)
    if (d->starts[row + 1] - d->starts[row] > d->longest)
      d->longest = d->starts[row + 1] - d->starts[row];
  if (!d->labels)
    return;
  d->class_weights = memory_allocate((size_t)classes->count, sizeof *d->class_weights);
  int64_t *rows = memory_allocate((size_t)classes->count, sizeof *rows);
  int occurring = 0;
  for (int64_t row = 0; row < d->count; row++)
    occurring += rows[d->labels[row]]++ == 0;
  for (int i = 0; i < classes->count; i++)
    if (rows[i] > 0)
      d->class_weights[i] = (float)((double)d->count / ((double)occurring * (double)rows[i]));
  free(rows);
}

dataset *dataset_load(const dataset_options *options, const wordpiece *tokenizer, class_list *classes, failure *f) {
  const record_source *first = &options->sources[0];
  int least = record_source_has(first, RECORD_PAIR) ? 3 : 2;
  if (options->length < least) {
    fail(f, "%s: rows of %d tokens have no room for the %d special ones", first->path, options->length, least);
    return NULL;
  }
  dataset *d = memory_allocate(1, sizeof *d);
  loading l = {.options = options, .tokenizer = tokenizer, .data = d, .f = f};
  d->path = memory_copy_text(first->path, strlen(first->path));
  d->padding = wordpiece_padding(tokenizer);
  bool good = read_sources(&l) && (!record_source_has(first, RECORD_LABEL) || read_labels(&l, classes));
  d->ids = l.ids.items;
  d->types = l.types.items;
  for (int64_t row = 0; row < d->count; row++)
    free(l.labels[row]);
  free(l.labels);
  if (good && take_share(&l)) {
    finish(&l, classes);
    return d;
  }
  dataset_free(d);
  return NULL;
}

const char *dataset_file_of(const dataset *d, int64_t row) {
  for (int i = 0; i < d->file_count; i++)
    if (row < d->files[i].end)
      return d->files[i].path;
  return d->path;
}

void dataset_free(dataset *d) {
  if (!d)
    return;
  for (int i = 0; i < d->file_count; i++)
    free(d->files[i].path);
  free(d->files);
  free(d->path);
  free(d->targets);
  free(d->class_weights);
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
