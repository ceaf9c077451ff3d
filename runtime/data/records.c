#include "runtime/data/records.h"
#include "runtime/data/utf8.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const record_part_names[RECORD_PARTS] = {"text", "label", "pair", "target"};

struct records {
  const record_source *source;
  text_file file;
  delimited *rows;           /* of all formats but jsonl */
  int columns[RECORD_PARTS]; /* of rows, names looked up */
  int width;                 /* fields of the first row; 0: none was read */
  const char *at, *end;      /* of jsonl */
  int64_t next_line, line;
  field fields[RECORD_PARTS]; /* of the row */
  char *own[RECORD_PARTS];    /* a field's text where it was made */
  json_t *object;
};

bool record_source_has(const record_source *s, record_part part) {
  return s->columns[part].name || s->columns[part].number >= 0 || (part == RECORD_LABEL && s->class);
}

/* ---- delimited rows ---- */

static delimited_format delimited_of(record_format format) {
  return format == RECORDS_CSV ? DELIMITED_CSV : format == RECORDS_TSV ? DELIMITED_TSV : DELIMITED_LINES;
}

static bool find_column(const records *r, int count, record_part part, int *number, failure *f) {
  const char *name = r->source->columns[part].name;
  for (int i = 0; i < count; i++)
    if (strcmp(delimited_field(r->rows, i).text, name) == 0) {
      *number = i;
      return true;
    }
  fail(f, "%s:%lld: the header has no column '%s' for %s; it has", r->source->path, (long long)delimited_line(r->rows),
       name, record_part_names[part]);
  for (int i = 0; i < count && i < 20; i++)
    failure_add(f, "%s '%.40s'", i ? "," : "", delimited_field(r->rows, i).text);
  return false;
}

/* Reads the header when there is one, and what the columns are. */
static bool begin_rows(records *r, failure *f) {
  const record_source *s = r->source;
  bool header = s->header;
  for (int i = 0; i < RECORD_PARTS; i++) {
    r->columns[i] = s->columns[i].number;
    header |= s->columns[i].name != NULL;
  }
  int count = header ? delimited_next(r->rows, f) : 0;
  r->width = count;
  if (header && count == 0)
    return true; /* empty: the set says so */
  for (int i = 0; count >= 0 && i < RECORD_PARTS; i++)
    if (s->columns[i].name && !find_column(r, count, (record_part)i, &r->columns[i], f))
      return false;
  return count >= 0;
}

static int next_row(records *r, failure *f) {
  const record_source *s = r->source;
  int count = delimited_next(r->rows, f);
  if (count <= 0)
    return count;
  r->line = delimited_line(r->rows);
  if (r->width == 0)
    r->width = count;
  if (s->format == RECORDS_CSV && count != r->width) {
    fail(f, "%s:%lld: the row has %d field%s, the first one has %d (a field with a comma in it stands in quotes)",
         s->path, (long long)r->line, count, count == 1 ? "" : "s", r->width);
    return -1;
  }
  for (int i = 0; i < RECORD_PARTS; i++) {
    int column = r->columns[i];
    if (column >= count) {
      fail(f, "%s:%lld: too few columns: the row has %d, and %s is column %d (counted from 0)", s->path,
           (long long)r->line, count, record_part_names[i], column);
      return -1;
    }
    if (column >= 0)
      r->fields[i] = delimited_field(r->rows, column);
  }
  return 1;
}

/* ---- objects ---- */

static bool refuse_key(const records *r, record_part part, failure *f) {
  fail(f, "%s:%lld: the object has no key '%s' for %s; it has", r->source->path, (long long)r->line,
       r->source->columns[part].name, record_part_names[part]);
  const char *key;
  json_t *value;
  int count = 0;
  json_object_foreach(r->object, key, value) {
    if (count < 20)
      failure_add(f, "%s '%.40s'", count ? "," : "", key);
    count++;
  }
  if (count == 0)
    failure_add(f, " none");
  return false;
}

static bool take_value(records *r, record_part part, failure *f) {
  const char *key = r->source->columns[part].name;
  if (!key)
    return true;
  const json_t *value = json_object_get(r->object, key);
  if (!value)
    return refuse_key(r, part, f);
  if (json_is_string(value)) {
    r->fields[part] = (field){.text = json_string_value(value), .length = json_string_length(value)};
    return true;
  }
  if (json_is_null(value) || json_is_object(value) || json_is_array(value) ||
      (part != RECORD_LABEL && part != RECORD_TARGET))
    return fail(f, "%s:%lld: the value of '%s' is no %s", r->source->path, (long long)r->line, key,
                part == RECORD_LABEL || part == RECORD_TARGET ? "string or number" : "string");
  free(r->own[part]);
  r->own[part] = json_dumps(value, JSON_ENCODE_ANY);
  r->fields[part] = (field){.text = r->own[part], .length = strlen(r->own[part])};
  return true;
}

static bool parse_object(records *r, const char *begin, size_t length, failure *f) {
  json_error_t error;
  if (!utf8_check(r->source->path, r->line, begin, begin + length, f))
    return false;
  json_decref(r->object);
  r->object = json_loadb(begin, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!r->object)
    return fail(f, "%s:%lld: broken JSON at byte %d of the line: %s", r->source->path, (long long)r->line,
                error.position, error.text);
  if (!json_is_object(r->object))
    return fail(f, "%s:%lld: the line is no JSON object {…}", r->source->path, (long long)r->line);
  for (int i = 0; i < RECORD_PARTS; i++)
    if (!take_value(r, (record_part)i, f))
      return false;
  return true;
}

static bool is_blank(const char *begin, const char *end) {
  while (begin < end && (*begin == ' ' || *begin == '\t' || *begin == '\r'))
    begin++;
  return begin == end;
}

static int next_object(records *r, failure *f) {
  while (r->at < r->end) {
    const char *begin = r->at, *stop = memchr(begin, '\n', (size_t)(r->end - begin));
    if (!stop)
      stop = r->end;
    r->at = stop < r->end ? stop + 1 : stop;
    r->line = r->next_line++;
    if (!is_blank(begin, stop))
      return parse_object(r, begin, (size_t)(stop - begin), f) ? 1 : -1;
  }
  return 0;
}

/* ---- both ---- */

static records *begin(records *r, const void *bytes, size_t size, failure *f) {
  static const field empty = {.text = "", .length = 0};
  for (int i = 0; i < RECORD_PARTS; i++)
    r->fields[i] = empty;
  r->next_line = r->line = 1;
  bool good = true;
  if (r->source->format == RECORDS_JSONL) {
    r->at = bytes;
    r->end = r->at + size;
    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
      r->at += 3;
  } else {
    r->rows = delimited_parse(r->source->path, delimited_of(r->source->format), bytes, size);
    good = begin_rows(r, f);
  }
  if (good)
    return r;
  records_close(r);
  return NULL;
}

records *records_parse(const record_source *source, const void *bytes, size_t size, failure *f) {
  records *r = memory_allocate(1, sizeof *r);
  r->source = source;
  return begin(r, bytes, size, f);
}

records *records_open(const record_source *source, failure *f) {
  text_file file;
  if (!text_file_open(source->path, source->encoding, &file, f))
    return NULL;
  records *r = memory_allocate(1, sizeof *r);
  r->source = source;
  r->file = file;
  return begin(r, file.bytes, file.size, f);
}

void records_close(records *r) {
  if (!r)
    return;
  delimited_close(r->rows);
  text_file_close(&r->file);
  json_decref(r->object);
  for (int i = 0; i < RECORD_PARTS; i++)
    free(r->own[i]);
  free(r);
}

int records_next(records *r, failure *f) {
  int got = r->rows ? next_row(r, f) : next_object(r, f);
  const char *class = r->source->class;
  if (class)
    r->fields[RECORD_LABEL] = (field){.text = class, .length = strlen(class)};
  return got;
}

field records_field(const records *r, record_part part) {
  return r->fields[part];
}

int64_t records_line(const records *r) {
  return r->line;
}
