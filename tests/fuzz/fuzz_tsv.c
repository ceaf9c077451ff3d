/* Any bytes as a TSV and as a CSV file: rows of UTF-8 fields, or a failure with path and line. */
#include "runtime/data/delimited.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_as(DELIMITED_TSV, data, size);
  read_as(DELIMITED_CSV, data, size);
  return 0;
}
