#include "runtime/run/kept_value.h"
#include "runtime/data/half.h"
#include "runtime/run/weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool kept_value_of(const retort_tensor *t, int rows_dim, kept_value *value, failure *f) {
  *value = (kept_value){.name = t->name, .dtype = (retort_dtype)t->dtype, .rank = t->rank - 1};
  for (int i = 0; i < t->rank; i++) {
    const retort_size *size = &t->dims[i];
    bool plain = size->count == 1, symbol = plain && size->code[0] == RETORT_SIZE_DIM;
    bool rows = symbol && size->code[1] == rows_dim;
    if (!plain || rows != (i == 0) || (!symbol && size->code[0] != RETORT_SIZE_CONSTANT))
      return fail(f, "'%s' cannot be kept: dimension %d is neither rows, their length nor a number", t->name, i);
    if (i > 0)
      value->sizes[i - 1] = symbol ? 0 : size->code[1];
  }
  return t->rank > 0 ? true : fail(f, "'%s' cannot be kept: it has no rows", t->name);
}

int64_t kept_elements(const kept_value *v, int64_t length) {
  int64_t count = 1;
  for (int i = 0; i < v->rank; i++)
    count *= v->sizes[i] ? v->sizes[i] : length;
  return count;
}

static int64_t last_size(const kept_value *v) {
  return v->rank ? v->sizes[v->rank - 1] : 1;
}

size_t kept_bytes(const kept_value *v, int64_t length) {
  size_t count = (size_t)kept_elements(v, length);
  switch (v->form) {
  case KEPT_WHOLE:
    return count * retort_dtype_size(v->dtype);
  case KEPT_HALF:
    return count * sizeof(uint16_t);
  case KEPT_TOP:
    return count / (size_t)last_size(v) * (size_t)(v->top * KEPT_BYTES_PER_TOP + KEPT_BYTES_OF_TAIL);
  }
  return 0;
}

/* ---- rows of one length, filled up to different widths ---- */

/* Copies what both have from `axis` on. */
static void copy_corner(const kept_value *v, int axis, int64_t length, int64_t from_width, const unsigned char *from,
                        int64_t to_width, unsigned char *to) {
  int64_t count = axis == v->rank ? 1 : v->sizes[axis] ? v->sizes[axis] : length;
  size_t narrow = retort_dtype_size(v->dtype), from_step = narrow, to_step = narrow;
  for (int i = axis + 1; i < v->rank; i++) {
    narrow *= (size_t)(v->sizes[i] ? v->sizes[i] : length);
    from_step *= (size_t)(v->sizes[i] ? v->sizes[i] : from_width);
    to_step *= (size_t)(v->sizes[i] ? v->sizes[i] : to_width);
  }
  if (from_step == narrow && to_step == narrow) {
    memcpy(to, from, narrow * (size_t)count);
    return;
  }
  for (int64_t i = 0; i < count; i++)
    copy_corner(v, axis + 1, length, from_width, from + (size_t)i * from_step, to_width, to + (size_t)i * to_step);
}

void kept_copy(const kept_value *v, int64_t length, int64_t from_width, const void *from, int64_t to_width, void *to) {
  if (to_width != length && kept_elements(v, 1) != kept_elements(v, 2)) /* it has the length among its sizes */
    memset(to, 0, (size_t)kept_elements(v, to_width) * retort_dtype_size(v->dtype));
  copy_corner(v, 0, length, from_width, from, to_width, to);
}

/* ---- 16 bits ---- */

static bool write_halves(const float *from, int64_t count, unsigned char *to, kept_error *error) {
  for (int64_t i = 0; i < count; i++) {
    uint16_t half = half_of(from[i]);
    memcpy(to + i * 2, &half, sizeof half);
    double difference = fabs((double)half_read(half) - (double)from[i]);
    if (isfinite(from[i]) && !isfinite(difference))
      return false;
    error->largest = difference > error->largest ? difference : error->largest;
  }
  return true;
}

/* ---- the largest ---- */

typedef struct top_entry {
  int32_t index;
  float value;
} top_entry;

/* Of `size` logits the `top` largest, the largest first, the first of equals; a sorted list is kept. */
static void find_top(const float *x, int64_t size, int top, top_entry *found) {
  int count = 0;
  for (int64_t i = 0; i < size; i++) {
    if (count == top && !(x[i] > found[count - 1].value))
      continue;
    int at = count < top ? count++ : top - 1;
    for (; at > 0 && x[i] > found[at - 1].value; at--)
      found[at] = found[at - 1];
    found[at] = (top_entry){(int32_t)i, x[i]};
  }
}

/* The divergence of what is read back from what was there: only the others differ, each of which gets the mean. */
static void write_top(const float *x, int64_t size, int top, unsigned char *to, top_entry *found, unsigned char *taken,
                      kept_error *error) {
  find_top(x, size, top, found);
  memset(taken, 0, (size_t)size);
  for (int i = 0; i < top; i++)
    taken[found[i].index] = 1;
  double largest = found[0].value, other = -INFINITY; /* the largest of the others */
  for (int64_t i = 0; i < size; i++)
    other = !taken[i] && x[i] > other ? x[i] : other;
  double all = 0, tail = 0, weighted = 0;
  for (int64_t i = 0; i < size; i++) {
    double mass = taken[i] || other == -INFINITY ? 0 : exp(x[i] - other);
    all += exp(x[i] - largest);
    tail += mass;
    weighted += mass > 0 ? mass * (x[i] - other) : 0;
  }
  double each = tail > 0 ? log(tail / (double)(size - top)) : 0;
  float logit = (float)(other + each);
  memcpy(to, found, (size_t)top * sizeof *found);
  memcpy(to + (size_t)top * sizeof *found, &logit, sizeof logit);
  double divergence = tail > 0 ? exp(other - largest) / all * (weighted - tail * each) : 0;
  error->divergence += divergence > 0 ? divergence : 0;
  error->count++;
}

static void read_top(const unsigned char *from, int64_t size, int top, float *x) {
  float tail;
  memcpy(&tail, from + (size_t)top * sizeof(top_entry), sizeof tail);
  for (int64_t i = 0; i < size; i++)
    x[i] = tail;
  for (int i = 0; i < top; i++) {
    top_entry entry;
    memcpy(&entry, from + (size_t)i * sizeof entry, sizeof entry);
    if (entry.index >= 0 && entry.index < size)
      x[entry.index] = entry.value;
  }
}

static void write_tops(const kept_value *v, const float *from, int64_t count, unsigned char *to, kept_error *error) {
  int64_t size = last_size(v);
  top_entry *found = memory_allocate((size_t)v->top, sizeof *found);
  unsigned char *taken = memory_allocate((size_t)size, 1);
  size_t step = (size_t)(v->top * KEPT_BYTES_PER_TOP + KEPT_BYTES_OF_TAIL);
  for (int64_t i = 0; i < count / size; i++)
    write_top(from + i * size, size, v->top, to + (size_t)i * step, found, taken, error);
  free(found);
  free(taken);
}

/* ---- rows ---- */

bool kept_write(const kept_value *v, int64_t length, int64_t width, const void *row, unsigned char *to,
                kept_error *error) {
  if (v->form == KEPT_WHOLE) {
    kept_copy(v, length, width, row, length, to);
    return true;
  }
  int64_t count = kept_elements(v, length);
  float *narrow = memory_allocate((size_t)count, sizeof *narrow);
  kept_copy(v, length, width, row, length, narrow);
  bool good = true;
  if (v->form == KEPT_HALF)
    good = write_halves(narrow, count, to, error);
  else
    write_tops(v, narrow, count, to, error);
  free(narrow);
  return good;
}

void kept_read(const kept_value *v, int64_t length, int64_t width, const unsigned char *from, void *row) {
  if (v->form == KEPT_WHOLE) {
    kept_copy(v, length, length, from, width, row);
    return;
  }
  int64_t count = kept_elements(v, length), size = last_size(v);
  float *narrow = memory_allocate((size_t)count, sizeof *narrow);
  if (v->form == KEPT_HALF)
    for (int64_t i = 0; i < count; i++) {
      uint16_t half;
      memcpy(&half, from + i * 2, sizeof half);
      narrow[i] = half_read(half);
    }
  else
    for (int64_t i = 0; i < count / size; i++)
      read_top(from + (size_t)i * (size_t)(v->top * KEPT_BYTES_PER_TOP + KEPT_BYTES_OF_TAIL), size, v->top,
               narrow + i * size);
  kept_copy(v, length, length, narrow, width, row);
  free(narrow);
}
