/* Named tensors of a test: what a safetensors file holds, what a graph reads, and what it gives. */
#ifndef TEST_TENSORS_H
#define TEST_TENSORS_H

#include "compiler/graph/graph.h"

typedef struct tensor {
  const char *name;
  dtype dtype;
  int rank;
  int64_t sizes[RANK_MAX];
  int64_t count;
  void *data;
} tensor;

typedef struct tensors { /* everything lives in the arena */
  arena *arena;
  int count;
  tensor *items;
} tensors;

/* Adds all tensors of a file, `prefix` before their names. False after saying what is wrong. */
bool tensors_load(tensors *to, const char *path, const char *prefix);
/* Adds one, zeroed. The pointer holds until the next addition; its data stays where it is. */
tensor *tensors_add(tensors *to, const char *name, dtype type, int rank, const int64_t *sizes);
/* The tensor of that name, or NULL. */
tensor *tensors_find(const tensors *from, const char *format, ...) __attribute__((format(printf, 2, 3)));
double tensor_number(const tensor *t, int64_t index);
/* The same elements as another type, under the same name. */
tensor tensor_convert(arena *a, const tensor *t, dtype type);

/* The state of one case. */
typedef struct comparison {
  double atol, rtol;
  double worst;      /* the largest |got - expected| */
  double worst_part; /* the largest |got - expected| / (atol + rtol |expected|) */
  const char *where; /* the name of the tensor with worst_part */
  int tensors;
  bool failed;
} comparison;

/* Compares element by element; `mask` (may be NULL): only those where mask[index] is not 0. Another number of elements
 * fails. */
void compare_masked(comparison *c, const char *name, const tensor *got, const tensor *expected, const bool *mask);
void compare(comparison *c, const char *name, const tensor *got, const tensor *expected);
/* Fails the case and says why. */
void comparison_fail(comparison *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
