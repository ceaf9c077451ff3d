#include "runtime/data/batch.h"
#include "runtime/data/shuffle.h"
#include <stdlib.h>
#include <string.h>

struct batcher {
  const dataset *data;
  int64_t size, width;
  bool shuffled;
  uint64_t seed;
  int64_t by_length; /* batches whose rows are sorted at a time; 0: none */
  int64_t epoch;     /* that `order` is for; -1: none yet */
  int64_t *order;    /* of all rows */
  int64_t capacity;  /* of ids and types */
  batch batch;
};

batcher *batcher_create(const dataset *data, int64_t size, int64_t width, bool shuffled, uint64_t seed) {
  batcher *b = memory_allocate(1, sizeof *b);
  *b = (batcher){.data = data, .size = size, .width = width, .shuffled = shuffled, .seed = seed, .epoch = -1};
  b->order = memory_allocate((size_t)data->count, sizeof *b->order);
  for (int64_t i = 0; i < data->count; i++)
    b->order[i] = i;
  b->batch.labels = memory_allocate((size_t)size, sizeof *b->batch.labels);
  b->batch.targets = memory_allocate((size_t)size, sizeof *b->batch.targets);
  b->batch.class_weights = memory_allocate((size_t)size, sizeof *b->batch.class_weights);
  b->batch.lengths = memory_allocate((size_t)size, sizeof *b->batch.lengths);
  return b;
}

void batcher_free(batcher *b) {
  if (!b)
    return;
  free(b->order);
  free(b->batch.ids);
  free(b->batch.types);
  free(b->batch.labels);
  free(b->batch.targets);
  free(b->batch.class_weights);
  free(b->batch.lengths);
  free(b);
}

int64_t batcher_per_epoch(const batcher *b) {
  return (b->data->count + b->size - 1) / b->size;
}

static void reserve(batcher *b, int64_t tokens) {
  if (tokens <= b->capacity)
    return;
  b->capacity = tokens;
  b->batch.ids = memory_resize(b->batch.ids, (size_t)tokens, sizeof *b->batch.ids);
  b->batch.types = memory_resize(b->batch.types, (size_t)tokens, sizeof *b->batch.types);
}

static void fill_row(batcher *b, int64_t i) {
  const dataset *d = b->data;
  int64_t row = b->batch.indices[i], width = b->batch.width, length = b->batch.lengths[i];
  int32_t *ids = b->batch.ids + i * width, *types = b->batch.types + i * width;
  memcpy(ids, d->ids + d->starts[row], (size_t)length * sizeof *ids);
  memcpy(types, d->types + d->starts[row], (size_t)length * sizeof *types);
  for (int64_t k = length; k < width; k++) {
    ids[k] = d->padding;
    types[k] = 0;
  }
  b->batch.labels[i] = d->labels ? d->labels[row] : 0;
  b->batch.targets[i] = d->targets ? d->targets[row] : 0;
  b->batch.class_weights[i] = d->class_weights ? d->class_weights[d->labels[row]] : 1;
}

static int64_t length_of(const dataset *d, int64_t row) {
  return d->starts[row + 1] - d->starts[row];
}

/* ---- rows of like length ---- */

typedef struct sorted_row {
  int64_t row, length, place;
} sorted_row;

static int compare_rows(const void *a, const void *b) {
  const sorted_row *x = a, *y = b;
  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

static void sort_pools(batcher *b) {
  int64_t count = b->data->count, most = b->by_length > count / b->size ? count : b->by_length * b->size;
  sorted_row *pool = memory_allocate((size_t)most, sizeof *pool);
  for (int64_t first = 0; first < count; first += most) {
    int64_t rows = count - first < most ? count - first : most;
    for (int64_t i = 0; i < rows; i++)
      pool[i] = (sorted_row){b->order[first + i], length_of(b->data, b->order[first + i]), i};
    qsort(pool, (size_t)rows, sizeof *pool, compare_rows);
    for (int64_t i = 0; i < rows; i++)
      b->order[first + i] = pool[i].row;
  }
  free(pool);
}

/* Whole batches, or else an epoch would begin with the shortest rows. */
static void shuffle_batches(batcher *b, int64_t epoch) {
  int64_t whole = b->data->count / b->size;
  int64_t *from = memory_allocate((size_t)whole + 1, sizeof *from);
  int64_t *order = memory_allocate((size_t)(whole * b->size) + 1, sizeof *order);
  shuffle_rows(from, whole, b->seed, epoch, SHUFFLE_BATCHES);
  for (int64_t i = 0; i < whole; i++)
    memcpy(order + i * b->size, b->order + from[i] * b->size, (size_t)b->size * sizeof *order);
  memcpy(b->order, order, (size_t)(whole * b->size) * sizeof *order);
  free(order);
  free(from);
}

void batcher_by_length(batcher *b, int64_t batches) {
  b->by_length = batches;
}

/* Where the rows of a step's batch begin in `order`, which is made for its epoch. */
static int64_t find_first(batcher *b, int64_t step) {
  int64_t per_epoch = batcher_per_epoch(b), epoch = step / per_epoch;
  if (b->shuffled && epoch != b->epoch) {
    shuffle_rows(b->order, b->data->count, b->seed, epoch, SHUFFLE_EPOCH);
    if (b->by_length > 0) {
      sort_pools(b);
      shuffle_batches(b, epoch);
    }
    b->epoch = epoch;
  }
  return step % per_epoch * b->size;
}

int64_t batcher_rows(const batcher *b, int64_t step) {
  int64_t left = b->data->count - step % batcher_per_epoch(b) * b->size;
  return left < b->size ? left : b->size;
}

const batch *batcher_fill_rows(batcher *b, const int64_t *rows, int64_t count, int64_t width) {
  batch *to = &b->batch;
  to->rows = count;
  to->indices = rows;
  to->width = width;
  for (int64_t i = 0; i < count; i++)
    to->lengths[i] = (int32_t)length_of(b->data, rows[i]);
  reserve(b, count * width);
  for (int64_t i = 0; i < count; i++)
    fill_row(b, i);
  return to;
}

const batch *batcher_fill_part(batcher *b, int64_t step, int64_t first, int64_t count) {
  const int64_t *whole = b->order + find_first(b, step);
  int64_t width = b->width;
  for (int64_t i = 0; i < batcher_rows(b, step); i++)
    if (length_of(b->data, whole[i]) > width)
      width = length_of(b->data, whole[i]);
  return batcher_fill_rows(b, whole + first, count, width);
}

const batch *batcher_fill(batcher *b, int64_t step) {
  return batcher_fill_part(b, step, 0, batcher_rows(b, step));
}

double batcher_padding(batcher *b, int64_t count) {
  double all = 0, real = 0;
  for (int64_t step = 0; step < count && step < batcher_per_epoch(b); step++) {
    const batch *filled = batcher_fill(b, step);
    all += (double)filled->rows * (double)filled->width;
    for (int64_t i = 0; i < filled->rows; i++)
      real += (double)filled->lengths[i];
  }
  return all > 0 ? 1 - real / all : 0;
}
