#include "tests/reference/tensors.h"
#include "runtime/data/safetensors.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tensor *tensors_add(tensors *to, const char *name, dtype type, int rank, const int64_t *sizes) {
  tensor t = {.name = arena_copy(to->arena, name, strlen(name)), .dtype = type, .rank = rank, .count = 1};
  for (int i = 0; i < rank; i++) {
    t.sizes[i] = sizes[i];
    t.count *= sizes[i];
  }
  t.data = arena_allocate(to->arena, dtype_size(type) * (size_t)(t.count + 1));
  arena_append(to->arena, to->items, to->count, t);
  return &to->items[to->count - 1];
}

tensor *tensors_find(const tensors *from, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *name = NULL;
  if (vasprintf(&name, format, arguments) < 0)
    abort();
  va_end(arguments);
  tensor *found = NULL;
  for (int i = 0; i < from->count && !found; i++)
    if (strcmp(from->items[i].name, name) == 0)
      found = &from->items[i];
  free(name);
  return found;
}

bool tensors_load(tensors *to, const char *path, const char *prefix) {
  failure f = {0};
  safetensors *file = safetensors_open(path, &f);
  if (!file) {
    fprintf(stderr, "%s\n", f.text);
    failure_free(&f);
    return false;
  }
  for (int i = 0; i < safetensors_tensor_count(file); i++) {
    const safetensor *t = safetensors_at(file, i);
    dtype type = t->dtype == SAFETENSORS_I64    ? DTYPE_I64
                 : t->dtype == SAFETENSORS_I32  ? DTYPE_I32
                 : t->dtype == SAFETENSORS_BOOL ? DTYPE_BOOL
                                                : DTYPE_F32;
    tensor *made = tensors_add(to, arena_print(to->arena, "%s%s", prefix, t->name), type, t->rank, t->sizes);
    if (type == DTYPE_F32)
      safetensor_read_floats(t, made->data);
    else
      memcpy(made->data, t->data, dtype_size(type) * (size_t)made->count);
  }
  safetensors_close(file);
  return true;
}

double tensor_number(const tensor *t, int64_t i) {
  switch (t->dtype) {
  case DTYPE_BOOL:
    return ((const uint8_t *)t->data)[i] != 0;
  case DTYPE_I32:
    return ((const int32_t *)t->data)[i];
  case DTYPE_I64:
    return (double)((const int64_t *)t->data)[i];
  case DTYPE_F32:
    return ((const float *)t->data)[i];
  }
  return NAN;
}

tensor tensor_convert(arena *a, const tensor *t, dtype type) {
  tensor result = *t;
  if (t->dtype == type)
    return result;
  result.dtype = type;
  result.data = arena_allocate(a, dtype_size(type) * (size_t)(t->count + 1));
  for (int64_t i = 0; i < t->count; i++) {
    double x = tensor_number(t, i);
    if (type == DTYPE_F32)
      ((float *)result.data)[i] = (float)x;
    else if (type == DTYPE_I32)
      ((int32_t *)result.data)[i] = (int32_t)x;
    else if (type == DTYPE_I64)
      ((int64_t *)result.data)[i] = (int64_t)x;
    else
      ((uint8_t *)result.data)[i] = x != 0;
  }
  return result;
}

void comparison_fail(comparison *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("  ", stdout);
  vprintf(format, arguments);
  fputc('\n', stdout);
  va_end(arguments);
  c->failed = true;
}

void compare_masked(comparison *c, const char *name, const tensor *got, const tensor *expected, const bool *mask) {
  if (!got || !expected) {
    comparison_fail(c, "%s: %s", name, got ? "no such tensor is expected" : "was not computed");
    return;
  }
  if (got->count != expected->count) {
    comparison_fail(c, "%s: %lld elements, expected %lld", name, (long long)got->count, (long long)expected->count);
    return;
  }
  c->tensors++;
  double worst_here = 0;
  for (int64_t i = 0; i < got->count; i++) {
    if (mask && !mask[i])
      continue;
    double a = tensor_number(got, i), b = tensor_number(expected, i);
    double error = a == b ? 0 : fabs(a - b), part = error / (c->atol + c->rtol * fabs(b));
    if (!(part <= worst_here)) /* NaN counts as worst */
      worst_here = isnan(part) ? INFINITY : part;
    if (!(error <= c->worst))
      c->worst = isnan(error) ? INFINITY : error;
  }
  if (worst_here > c->worst_part) {
    c->worst_part = worst_here;
    c->where = name;
  }
  if (worst_here > 1)
    comparison_fail(c, "%s: off by %.3g times the tolerance", name, worst_here);
}

void compare(comparison *c, const char *name, const tensor *got, const tensor *expected) {
  compare_masked(c, name, got, expected, NULL);
}
