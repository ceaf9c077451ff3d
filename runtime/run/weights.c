#include "runtime/run/weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* In place of a step's number, so that no step's numbers are used again. */
enum { KEY_INITIAL = -1 };

size_t retort_dtype_size(retort_dtype dtype) {
  static const size_t sizes[] = {[RETORT_BOOL] = 1, [RETORT_I32] = 4, [RETORT_I64] = 8, [RETORT_F32] = 4};
  return sizes[dtype];
}

int64_t weight_count(const weight *w) {
  int64_t count = 1;
  for (int i = 0; i < w->rank; i++)
    count *= w->sizes[i];
  return count;
}

weight_set *weight_set_create(int count, const weight *descriptions) {
  weight_set *set = memory_allocate(1, sizeof *set);
  set->count = count;
  set->items = memory_allocate((size_t)count, sizeof *set->items);
  for (int i = 0; i < count; i++) {
    weight *w = &set->items[i];
    *w = descriptions[i];
    w->path = memory_copy_text(w->path, strlen(w->path));
    w->input = memory_copy_text(w->input, strlen(w->input));
    w->data = memory_allocate_aligned((size_t)weight_count(w), retort_dtype_size(w->dtype));
  }
  return set;
}

void weight_set_free(weight_set *set) {
  if (!set)
    return;
  for (int i = 0; i < set->count; i++) {
    free((char *)set->items[i].path);
    free((char *)set->items[i].input);
    free(set->items[i].data);
  }
  free(set->items);
  free(set);
}

/* Box and Muller: two uniform numbers give two normal ones; 1 - u is never zero. */
static void normal_pair(const float uniform[2], double normal[2]) {
  double radius = sqrt(-2 * log(1 - (double)uniform[0])), angle = 2 * 3.14159265358979323846 * (double)uniform[1];
  normal[0] = radius * cos(angle);
  normal[1] = radius * sin(angle);
}

/* The values of elements 4 block … 4 block + 3. */
static void initial_block(const weight *w, const int64_t key[2], uint32_t site, uint64_t block, double values[4]) {
  float uniform[4] = {0};
  if (w->initial == WEIGHT_NORMAL || w->initial == WEIGHT_UNIFORM)
    retort_uniform_block(key, site, block, uniform);
  if (w->initial == WEIGHT_NORMAL) {
    normal_pair(uniform, values);
    normal_pair(uniform + 2, values + 2);
  }
  for (int i = 0; i < 4; i++)
    switch (w->initial) {
    case WEIGHT_ZEROS:
      values[i] = 0;
      break;
    case WEIGHT_ONES:
      values[i] = 1;
      break;
    case WEIGHT_CONSTANT:
      values[i] = w->a;
      break;
    case WEIGHT_NORMAL:
      values[i] = w->b + w->a * values[i];
      break;
    case WEIGHT_UNIFORM:
      values[i] = w->a + (w->b - w->a) * (double)uniform[i];
      break;
    }
}

static void set_element(const weight *w, int64_t i, double value) {
  switch (w->dtype) {
  case RETORT_BOOL:
    ((uint8_t *)w->data)[i] = value != 0;
    break;
  case RETORT_I32:
    ((int32_t *)w->data)[i] = (int32_t)value;
    break;
  case RETORT_I64:
    ((int64_t *)w->data)[i] = (int64_t)value;
    break;
  case RETORT_F32:
    ((float *)w->data)[i] = (float)value;
    break;
  }
}

void weight_set_initialize(weight_set *set, uint64_t seed) {
  const int64_t key[2] = {(int64_t)seed, KEY_INITIAL};
  for (int k = 0; k < set->count; k++) {
    const weight *w = &set->items[k];
    uint32_t site = (uint32_t)XXH3_64bits(w->path, strlen(w->path));
    int64_t count = weight_count(w);
    double values[4] = {0};
    for (int64_t i = 0; i < count; i++) {
      if (i % 4 == 0)
        initial_block(w, key, site, (uint64_t)i / 4, values);
      set_element(w, i, values[i % 4]);
    }
  }
}

weight *weight_set_find(const weight_set *set, const char *input) {
  for (int i = 0; i < set->count; i++)
    if (strcmp(set->items[i].input, input) == 0)
      return &set->items[i];
  return NULL;
}

int64_t weight_set_elements(const weight_set *set) {
  int64_t total = 0;
  for (int i = 0; i < set->count; i++)
    total += weight_count(&set->items[i]);
  return total;
}

size_t weight_set_bytes(const weight_set *set) {
  size_t total = 0;
  for (int i = 0; i < set->count; i++)
    total += (size_t)weight_count(&set->items[i]) * retort_dtype_size(set->items[i].dtype);
  return total;
}

void weight_set_clear(weight_set *set) {
  for (int i = 0; i < set->count; i++)
    memset(set->items[i].data, 0, (size_t)weight_count(&set->items[i]) * retort_dtype_size(set->items[i].dtype));
}

void weight_set_copy(weight_set *to, const weight_set *from) {
  for (int i = 0; i < to->count; i++)
    memcpy(to->items[i].data, from->items[i].data,
           (size_t)weight_count(&to->items[i]) * retort_dtype_size(to->items[i].dtype));
}
