#include "runtime/data/delimited.h"
#include "runtime/data/utf8.h"
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 65536 };

struct delimited {
  char *path;
  delimited_format format;
  const char *at, *end;
  int64_t line;     /* of `at` */
  int64_t row_line; /* of the current row */
  char *row;        /* the fields' texts, each with a terminating zero */
  size_t used, capacity;
  int field_count, field_capacity;
  size_t *fields; /* where each begins in row; one more: the end */
};

delimited *delimited_parse(const char *path, delimited_format format, const void *bytes, size_t size) {
  delimited *d = memory_allocate(1, sizeof *d);
  d->path = memory_copy_text(path, strlen(path));
  d->format = format;
  d->at = bytes;
  d->end = d->at + size;
  d->line = d->row_line = 1;
  if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
    d->at += 3;
  return d;
}

void delimited_close(delimited *d) {
  if (!d)
    return;
  free(d->path);
  free(d->row);
  free(d->fields);
  free(d);
}

static bool begin_field(delimited *d, failure *f) {
  if (d->field_count == FIELDS_MAX)
    return fail(f, "%s:%lld: a row of more than %d fields", d->path, (long long)d->row_line, FIELDS_MAX);
  if (d->field_count + 1 >= d->field_capacity) {
    d->field_capacity = d->field_capacity ? d->field_capacity * 2 : 16;
    d->fields = memory_resize(d->fields, (size_t)d->field_capacity, sizeof *d->fields);
  }
  d->fields[d->field_count++] = d->used;
  return true;
}

static void add_bytes(delimited *d, const char *bytes, size_t count) {
  if (d->used + count + 1 > d->capacity) {
    d->capacity = 2 * (d->used + count + 1);
    d->row = memory_resize(d->row, d->capacity, 1);
  }
  memcpy(d->row + d->used, bytes, count);
  d->used += count;
}

static void end_field(delimited *d) {
  add_bytes(d, "", 1);
  d->fields[d->field_count] = d->used;
}

/* `at` stands behind an opening quote; leaves it behind the closing one. */
static bool read_quoted(delimited *d, failure *f) {
  int64_t opened = d->line;
  for (;;) {
    const char *quote = memchr(d->at, '"', (size_t)(d->end - d->at));
    if (!quote)
      return fail(f, "%s:%lld: a quoted field is not closed", d->path, (long long)opened);
    for (const char *c = d->at; c < quote; c++)
      d->line += *c == '\n';
    add_bytes(d, d->at, (size_t)(quote - d->at));
    d->at = quote + 1;
    if (d->at == d->end || *d->at != '"')
      return true;
    add_bytes(d, "\"", 1);
    d->at++;
  }
}

static bool at_line_end(const delimited *d) {
  return d->at == d->end || *d->at == '\n' || (*d->at == '\r' && d->at + 1 < d->end && d->at[1] == '\n');
}

/* Reads the fields of a line up to its end, which `at` then points to. */
static bool read_fields(delimited *d, failure *f) {
  static const char separators[] = {[DELIMITED_TSV] = '\t', [DELIMITED_CSV] = ',', [DELIMITED_LINES] = '\n'};
  char separator = separators[d->format];
  for (;;) {
    if (!begin_field(d, f))
      return false;
    if (d->format == DELIMITED_CSV && d->at < d->end && *d->at == '"') {
      d->at++;
      if (!read_quoted(d, f))
        return false;
      if (!at_line_end(d) && *d->at != separator)
        return fail(f, "%s:%lld: text behind the closing quote of a field", d->path, (long long)d->line);
    } else {
      const char *begin = d->at;
      while (!at_line_end(d) && *d->at != separator)
        d->at++;
      add_bytes(d, begin, (size_t)(d->at - begin));
    }
    end_field(d);
    if (at_line_end(d))
      return true;
    d->at++;
  }
}

static void skip_line_end(delimited *d) {
  if (d->at < d->end && *d->at == '\r')
    d->at++;
  if (d->at < d->end) {
    d->at++;
    d->line++;
  }
}

int delimited_next(delimited *d, failure *f) {
  d->field_count = 0;
  d->used = 0;
  while (d->at < d->end && at_line_end(d))
    skip_line_end(d);
  if (d->at == d->end)
    return 0;
  d->row_line = d->line;
  const char *begin = d->at;
  bool good = read_fields(d, f);
  /* What is no text at all is the better message, even when it also breaks the quoting. */
  failure text = {0};
  if (!utf8_check(d->path, d->row_line, begin, d->at, &text)) {
    failure_free(f);
    *f = text;
    return -1;
  }
  if (!good)
    return -1;
  skip_line_end(d);
  return d->field_count;
}

field delimited_field(const delimited *d, int index) {
  return (field){.text = d->row + d->fields[index], .length = d->fields[index + 1] - d->fields[index] - 1};
}

int64_t delimited_line(const delimited *d) {
  return d->row_line;
}
