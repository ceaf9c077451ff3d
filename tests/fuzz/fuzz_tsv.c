/* Any bytes as a TSV and as a CSV file, as lines of JSON objects and of text: rows of UTF-8 fields, or a failure with
 * path and line. Bytes that begin as gzip or zstd does are expanded first: text, or a failure with the path. */
#include "runtime/data/compressed.h"
#include "runtime/data/records.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static void demand(bool holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "fuzz_tsv: %s\n", what);
    abort();
  }
}

static void check_field(field x) {
  demand(strlen(x.text) == x.length, "a field has a zero byte or no end");
  for (size_t at = 0; at < x.length;) {
    utf8proc_int32_t character;
    utf8proc_ssize_t used =
        utf8proc_iterate((const utf8proc_uint8_t *)x.text + at, (utf8proc_ssize_t)(x.length - at), &character);
    demand(used > 0, "a field is not UTF-8");
    at += (size_t)used;
  }
}

static void read_as(delimited_format format, const uint8_t *data, size_t size) {
  failure f = {0};
  delimited *d = delimited_parse("input", format, data, size);
  int64_t line = 0;
  int count;
  while ((count = delimited_next(d, &f)) > 0) {
    demand(delimited_line(d) > line, "lines do not rise");
    line = delimited_line(d);
    for (int i = 0; i < count; i++)
      check_field(delimited_field(d, i));
  }
  demand((count < 0) == (f.text != NULL), "a failure without a text, or a text without a failure");
  demand(!f.text || strncmp(f.text, "input:", 6) == 0, "a failure without its place");
  delimited_close(d);
  failure_free(&f);
}

static void read_objects(const uint8_t *data, size_t size) {
  record_source source = {.path = "input", .format = RECORDS_JSONL};
  source.columns[RECORD_TEXT].name = "text";
  source.columns[RECORD_LABEL].name = "label";
  source.columns[RECORD_PAIR].number = source.columns[RECORD_TARGET].number = -1;
  failure f = {0};
  records *r = records_parse(&source, data, size, &f);
  int got;
  while ((got = records_next(r, &f)) > 0) {
    check_field(records_field(r, RECORD_TEXT));
    check_field(records_field(r, RECORD_LABEL));
  }
  demand((got < 0) == (f.text != NULL), "a failure without a text, or a text without a failure");
  demand(!f.text || strncmp(f.text, "input:", 6) == 0, "a failure without its place");
  records_close(r);
  failure_free(&f);
}

static void expand(const uint8_t *data, size_t size) {
  failure f = {0};
  size_t expanded;
  char *text = compressed_expand("input", data, size, &expanded, &f);
  demand((text == NULL) == (f.text != NULL), "no text and no failure, or both");
  demand(!f.text || strncmp(f.text, "input:", 6) == 0, "a failure without its file");
  free(text);
  failure_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_as(DELIMITED_TSV, data, size);
  read_as(DELIMITED_CSV, data, size);
  read_as(DELIMITED_LINES, data, size);
  read_objects(data, size);
  if (compressed_is(data, size))
    expand(data, size);
  return 0;
}
