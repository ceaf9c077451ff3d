#include "runtime/data/batch.h"
#include "runtime/core/retort.h"
#include <stdlib.h>
#include <string.h>

enum { SITE_SHUFFLE = 0x73687566 };

struct batcher {
  const dataset *data;
  int64_t size, width;
  bool shuffled;
  uint64_t seed;
  int64_t epoch;    /* that `order` is for; -1: none yet */
  int64_t *order;   /* of all rows */
  int64_t capacity; /* of ids and types */
  batch batch;
};

batcher *batcher_create(const dataset *data, int64_t size, int64_t width, bool shuffled, uint64_t seed) {
  batcher *b = memory_allocate(1, sizeof *b);
  *b = (batcher){.data = data, .size = size, .width = width, .shuffled = shuffled, .seed = seed, .epoch = -1};
  b->order = memory_allocate((size_t)data->count, sizeof *b->order);
  for (int64_t i = 0; i < data->count; i++)
    b->order[i] = i;
  b->batch.labels = memory_allocate((size_t)size, sizeof *b->batch.labels);
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
  free(b->batch.lengths);
  free(b);
}

int64_t batcher_per_epoch(const batcher *b) {
  return (b->data->count + b->size - 1) / b->size;
}

/* Fisher-Yates with numbers by position; two of 24 bits make one fine enough for any set. */
static void shuffle(batcher *b, int64_t epoch) {
  const int64_t key[2] = {(int64_t)b->seed, epoch};
  for (int64_t i = 0; i < b->data->count; i++)
    b->order[i] = i;
  for (int64_t i = b->data->count - 1; i > 0; i--) {
    double fine = retort_uniform(key, SITE_SHUFFLE, (uint64_t)i * 2 + 1) * 0x1p-24;
    double u = retort_uniform(key, SITE_SHUFFLE, (uint64_t)i * 2) + fine;
    int64_t k = (int64_t)(u * (double)(i + 1));
    int64_t swapped = b->order[i];
    b->order[i] = b->order[k];
    b->order[k] = swapped;
  }
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
}

const batch *batcher_fill(batcher *b, int64_t step) {
  int64_t per_epoch = batcher_per_epoch(b), epoch = step / per_epoch, first = step % per_epoch * b->size;
  if (b->shuffled && epoch != b->epoch) {
    shuffle(b, epoch);
    b->epoch = epoch;
  }
  batch *to = &b->batch;
  to->rows = b->data->count - first < b->size ? b->data->count - first : b->size;
  to->indices = b->order + first;
  to->width = b->width;
  for (int64_t i = 0; i < to->rows; i++) {
    int64_t row = to->indices[i];
    to->lengths[i] = (int32_t)(b->data->starts[row + 1] - b->data->starts[row]);
    if (to->lengths[i] > to->width)
      to->width = to->lengths[i];
  }
  reserve(b, to->rows * to->width);
  for (int64_t i = 0; i < to->rows; i++)
    fill_row(b, i);
  return to;
}
