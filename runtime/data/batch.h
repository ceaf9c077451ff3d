/* Batches of a set. Which rows batch `step` holds depends on nothing but the set's size, the batch size, the seed and
 * the step, so a run can start at any of them. */
#ifndef RETORT_BATCH_H
#define RETORT_BATCH_H
#include "runtime/data/dataset.h"

typedef struct batch {
  int64_t rows;
  int64_t width;        /* the longest row, or the fixed width */
  int32_t *ids;         /* [rows, width], filled up with the set's padding */
  int32_t *types;       /* [rows, width], filled up with 0 */
  int32_t *labels;      /* [rows]; zeros when the set has none */
  float *targets;       /* [rows]; zeros when the set has none */
  float *class_weights; /* [rows], of each row's class; ones when the set has no labels */
  int32_t *lengths;
  const int64_t *indices; /* the rows in the set */
} batch;

typedef struct batcher batcher;

/* `width`: of every batch, at least the set's longest row; 0: each batch as wide as its longest. Not shuffled: the
 * set's order. The set must outlive the batcher. */
batcher *batcher_create(const dataset *data, int64_t size, int64_t width, bool shuffled, uint64_t seed);
/* Of a shuffled batcher, before its first batch: rows of like length share a batch. Of the shuffled order, as many rows
 * as `batches` batches hold are sorted by length at a time (equal ones stay as shuffled), and the batches are shuffled;
 * the smaller one stays the last. The more, the less padding, and the less chance in who shares a batch. 0: by chance
 * alone. */
void batcher_by_length(batcher *b, int64_t batches);
void batcher_free(batcher *b);
int64_t batcher_per_epoch(const batcher *b); /* batches; the last, smaller one counts */
/* The batch of a step (from 0, running on over the epochs); valid until the next call. */
const batch *batcher_fill(batcher *b, int64_t step);
/* Rows first … first + count - 1 of that batch, as wide as the whole of it. */
const batch *batcher_fill_part(batcher *b, int64_t step, int64_t first, int64_t count);
/* Any rows of the set, at most the batch size of them, as wide as said and no narrower than they are; `rows` must last
 * as long as the batch is used. */
const batch *batcher_fill_rows(batcher *b, const int64_t *rows, int64_t count, int64_t width);
int64_t batcher_rows(const batcher *b, int64_t step); /* of the batch */
/* The share of padding in the first `count` batches of an epoch, or in all if there are fewer. */
double batcher_padding(batcher *b, int64_t count);

#endif
