/* Any bytes as a file of kept rows: refused with a reason, or rows that lie inside it. Behind the checksum too: with
 * the sum made right, and rows of any bytes read in every form. */
#include "runtime/run/kept_rows.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { HEAD = 80, ROWS = 2, LENGTH = 3, WIDTH = 5 };

static void demand(bool holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "fuzz_kept: %s\n", what);
    abort();
  }
}

static const kept_value values[] = {
    {.name = "whole", .dtype = RETORT_F32, .rank = 2, .sizes = {0, 0}},
    {.name = "half", .dtype = RETORT_F32, .rank = 1, .sizes = {0}, .form = KEPT_HALF},
    {.name = "top", .dtype = RETORT_F32, .rank = 2, .sizes = {0, 6}, .form = KEPT_TOP, .top = 2},
    {.name = "number", .dtype = RETORT_I32, .rank = 0}};
enum { VALUES = sizeof values / sizeof *values };

static void read_rows(const unsigned char *rows) {
  for (int row = 0; row < ROWS; row++)
    for (int i = 0; i < VALUES; i++) {
      size_t bytes = (size_t)kept_elements(&values[i], WIDTH) * sizeof(float);
      void *to = malloc(bytes);
      kept_read(&values[i], LENGTH, WIDTH, rows, to);
      rows += kept_bytes(&values[i], LENGTH);
      free(to);
    }
}

static kept_file expected_file(void) {
  kept_file expected = {.count = ROWS};
  for (int i = 0; i < VALUES; i++)
    expected.bytes += ROWS * kept_bytes(&values[i], LENGTH);
  return expected;
}

static void check(const unsigned char *bytes, size_t size, const kept_file *expected) {
  const unsigned char *rows = NULL;
  kept_error error;
  const char *wrong = kept_file_check(bytes, size, expected, &rows, &error);
  demand((rows == NULL) == (wrong != NULL), "a reason and rows, or neither");
  if (!rows)
    return;
  demand(rows >= bytes && (size_t)(rows - bytes) + expected->bytes <= size, "the rows are larger than the file");
  read_rows(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kept_file expected = expected_file();
  check(data, size, &expected);
  if (size < HEAD + sizeof(uint64_t))
    return 0;
  /* as it says itself, with a checksum that agrees */
  unsigned char *copy = malloc(size);
  memcpy(copy, data, size);
  memcpy(&expected.key, copy + 16, sizeof expected.key);
  uint64_t sum = XXH3_64bits(copy, size - sizeof sum);
  memcpy(copy + size - sizeof sum, &sum, sizeof sum);
  check(copy, size, &expected);
  free(copy);
  return 0;
}
