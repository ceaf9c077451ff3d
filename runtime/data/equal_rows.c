#include "runtime/data/equal_rows.h"
#include "runtime/data/memory.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static size_t row_length(const dataset *d, int64_t row) {
  return (size_t)(d->starts[row + 1] - d->starts[row]);
}

static uint64_t row_hash(const dataset *d, int64_t row) {
  size_t bytes = row_length(d, row) * sizeof *d->ids;
  uint64_t ids = XXH3_64bits(d->ids + d->starts[row], bytes);
  return XXH3_64bits_withSeed(d->types + d->starts[row], bytes, ids);
}

static bool rows_equal(const dataset *a, int64_t row, const dataset *b, int64_t other) {
  size_t bytes = row_length(a, row) * sizeof *a->ids;
  return row_length(a, row) == row_length(b, other) &&
         memcmp(a->ids + a->starts[row], b->ids + b->starts[other], bytes) == 0 &&
         memcmp(a->types + a->starts[row], b->types + b->starts[other], bytes) == 0;
}

/* Rows by their hash, open addressing; -1: free. Equal rows have one place. */
typedef struct row_table {
  const dataset *of;
  uint64_t mask;
  int64_t *rows;
} row_table;

static int64_t *place_of_row(const row_table *t, const dataset *d, int64_t row) {
  uint64_t at = row_hash(d, row) & t->mask;
  while (t->rows[at] >= 0 && !rows_equal(d, row, t->of, t->rows[at]))
    at = (at + 1) & t->mask;
  return &t->rows[at];
}

int64_t dataset_count_equal(const dataset *rows, const dataset *among, int64_t *first) {
  row_table t = {.of = among, .mask = 1};
  while (t.mask < (uint64_t)among->count * 2)
    t.mask = t.mask * 2 + 1;
  t.rows = memory_allocate((size_t)t.mask + 1, sizeof *t.rows);
  memset(t.rows, -1, ((size_t)t.mask + 1) * sizeof *t.rows);
  for (int64_t i = 0; i < among->count; i++)
    *place_of_row(&t, among, i) = i;
  int64_t count = 0;
  *first = -1;
  for (int64_t i = 0; i < rows->count; i++)
    if (*place_of_row(&t, rows, i) >= 0) {
      *first = count++ ? *first : i;
    }
  free(t.rows);
  return count;
}
