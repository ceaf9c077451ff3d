/* Rows of every format, encoding and compression; what is broken is refused with file and line. */
#include "runtime/data/compressed.h"
#include "runtime/data/records.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

/* A source of text and label columns, by name where there is one. */
static record_source source_of(record_format format, const char *text, const char *label) {
  record_source s = {.path = "x", .format = format};
  s.columns[RECORD_TEXT].name = text;
  s.columns[RECORD_LABEL] = (record_column){.name = label, .number = -1};
  s.columns[RECORD_PAIR].number = s.columns[RECORD_TARGET].number = -1;
  return s;
}

/* «line:text|label» of each row, then the failure. */
static void read_all(const record_source *s, const char *bytes, size_t size, char *got, size_t capacity) {
  failure f = {0};
  size_t used = 0;
  got[0] = 0;
  records *r = records_parse(s, bytes, size, &f);
  while (r && records_next(r, &f) > 0)
    used += (size_t)snprintf(got + used, capacity - used, "%d:%s|%s\n", (int)records_line(r),
                             records_field(r, RECORD_TEXT).text, records_field(r, RECORD_LABEL).text);
  if (f.text)
    snprintf(got + used, capacity - used, "%s", f.text);
  records_close(r);
  failure_free(&f);
}

static void reads_rows(void **state) {
  (void)state;
  static const struct {
    record_format format;
    const char *text, *label, *content, *expected;
  } cases[] = {
      {RECORDS_CSV, "text", "category", "category,text\nx,\"a, b\"\ny,c\n", "2:a, b|x\n3:c|y\n"},
      {RECORDS_TSV, "text", "more", "label\ttext\tmore\nx\ta\n",
       "x:2: too few columns: the row has 2, and label is column 2"},
      {RECORDS_TSV, "text", NULL, "label\ttext\nx\ta\n", "2:a|\n"},
      {RECORDS_CSV, "txt", NULL, "category,text\n",
       "x:1: the header has no column 'txt' for text; it has 'category', 'text'"},
      {RECORDS_CSV, NULL, NULL, "a,b\nc,d\ne\n", "1:a|\n2:c|\nx:3: the row has 1 field, the first one has 2"},
      {RECORDS_CSV, NULL, NULL, "a,b\nc,d,e\n", "1:a|\nx:2: the row has 3 fields, the first one has 2"},
      {RECORDS_LINES, NULL, NULL, "a\tb, \"c\n\nd\r\n", "1:a\tb, \"c|\n3:d|\n"},
      {RECORDS_JSONL, "text", "label", "{\"text\": \"a \\u00e9\", \"label\": 1}\n\n{\"label\": \"q\", \"text\": \"b\"}",
       "1:a é|1\n3:b|q\n"},
      {RECORDS_JSONL, "text", "label", "{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": 2.5}\n",
       "1:a|true\n2:b|2.5\n"},
      {RECORDS_JSONL, "text", NULL, "{\"text\": \"a\"}\n{\"text\": \"b\"\n{\"text\": \"c\"}\n",
       "1:a|\nx:2: broken JSON at byte "},
      {RECORDS_JSONL, "text", NULL, "[1]\n", "x:1: the line is no JSON object"},
      {RECORDS_JSONL, "text", NULL, "{\"txt\": \"a\"}\n", "x:1: the object has no key 'text' for text; it has 'txt'"},
      {RECORDS_JSONL, "text", NULL, "{}\n", "x:1: the object has no key 'text' for text; it has none"},
      {RECORDS_JSONL, "text", NULL, "{\"text\": 3}\n", "x:1: the value of 'text' is no string"},
      {RECORDS_JSONL, "text", "label", "{\"text\": \"a\", \"label\": null}\n",
       "x:1: the value of 'label' is no string or number"},
      {RECORDS_JSONL, "text", NULL, "{\"text\": \"a\", \"text\": \"b\"}\n", "x:1: broken JSON"},
      {RECORDS_JSONL, "text", NULL, "{\"text\": \"a\"}\n{\"text\": \"\xe9\"}\n", "1:a|\nx:2: byte 0xe9 is not UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char got[1024];
    record_source s = source_of(cases[i].format, cases[i].text, cases[i].label);
    read_all(&s, cases[i].content, strlen(cases[i].content), got, sizeof got);
    if (strncmp(got, cases[i].expected, strlen(cases[i].expected)) != 0)
      fail_msg("case %zu: %s", i, got);
  }
}

/* ---- files ---- */

static size_t pack_gzip(const char *text, size_t size, unsigned char *to, size_t capacity) {
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = (unsigned char *)text;
  z.avail_in = (uInt)size;
  z.next_out = to;
  z.avail_out = (uInt)capacity;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  deflateEnd(&z);
  return capacity - z.avail_out;
}

static size_t pack_zstd(const char *text, size_t size, unsigned char *to, size_t capacity) {
  return ZSTD_compress(to, capacity, text, size, 3);
}

typedef size_t packer(const char *text, size_t size, unsigned char *to, size_t capacity);

static void expect_expanded(const unsigned char *bytes, size_t size, const char *expected, size_t expected_size) {
  failure f = {0};
  size_t expanded;
  char *got = compressed_expand("x", bytes, size, &expanded, &f);
  assert_null(f.text);
  assert_int_equal(expanded, expected_size);
  assert_memory_equal(got, expected, expected_size);
  free(got);
}

static void expect_refused(const unsigned char *bytes, size_t size, const char *expected) {
  failure f = {0};
  size_t expanded;
  assert_null(compressed_expand("x", bytes, size, &expanded, &f));
  if (!f.text || !strstr(f.text, expected))
    fail_msg("expected %s, got %s", expected, f.text ? f.text : "nothing");
  failure_free(&f);
}

/* Whole, twice behind each other, and cut at every byte. */
static void expands(packer *pack, const char *early) {
  enum { SIZE = 300000 };
  char *text = malloc(2 * SIZE);
  for (int i = 0; i < 2 * SIZE; i++)
    text[i] = (char)('a' + i % SIZE * 7 % 26);
  unsigned char *packed = malloc(2 * SIZE);
  size_t size = pack(text, SIZE, packed, SIZE);
  assert_true(compressed_is(packed, size));
  expect_expanded(packed, size, text, SIZE);
  memcpy(packed + size, packed, size);
  expect_expanded(packed, 2 * size, text, 2 * SIZE);
  for (size_t cut = 4; cut < size; cut += 1 + size / 40)
    expect_refused(packed, cut, early);
  expect_refused(packed, size - 1, early);
  packed[size] = 'x';
  packed[size + 1] = 'y';
  expect_refused(packed, size + 2, pack == pack_gzip ? "2 bytes behind the end of the gzip data" : "zstd");
  free(text);
  free(packed);
}

static void expands_gzip(void **state) {
  (void)state;
  expands(pack_gzip, "x: the gzip data ends early");
}

static void expands_zstd(void **state) {
  (void)state;
  expands(pack_zstd, "x: the zstd data ends early");
}

static void damage_is_seen(void **state) {
  (void)state;
  unsigned char packed[256];
  size_t size = pack_gzip("hello hello hello", 17, packed, sizeof packed);
  packed[size - 6] ^= 1; /* of the checksum */
  expect_refused(packed, size, "x: the gzip data is damaged");
}

static void reads_packed_files(void **state) {
  (void)state;
  unsigned char packed[256];
  char *path = memory_print("/tmp/retort-records-%d.gz", getpid());
  size_t size = pack_gzip("caf\xe9\tyes\n", 9, packed, sizeof packed);
  FILE *file = fopen(path, "wb");
  fwrite(packed, 1, size, file);
  fclose(file);
  record_source s = source_of(RECORDS_TSV, NULL, NULL);
  s.path = path;
  s.encoding = ENCODING_LATIN1;
  failure f = {0};
  records *r = records_open(&s, &f);
  assert_int_equal(records_next(r, &f), 1);
  assert_string_equal(records_field(r, RECORD_TEXT).text, "café");
  assert_int_equal(records_next(r, &f), 0);
  records_close(r);
  unlink(path);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_rows),     cmocka_unit_test(expands_gzip),       cmocka_unit_test(expands_zstd),
      cmocka_unit_test(damage_is_seen), cmocka_unit_test(reads_packed_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
