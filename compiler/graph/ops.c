/* Accessors of the table of operations, and small functions of types. */
#include "compiler/graph/graph.h"

#include <string.h>

static const op_information operations[OP_COUNT] = {
#define OP(name, operands, class, attribute, shape, gradient, evaluate, lower, meaning) \
  [OP_##name] = {#name, operands, CLASS_##class, ATTRIBUTE_##attribute, meaning},
#include "compiler/graph/ops.def"
#undef OP
};

const op_information *op_describe(op o) {
  return &operations[o];
}

op op_by_name(const char *name) {
  for (int o = 0; o < OP_COUNT; o++)
    if (strcmp(operations[o].name, name) == 0)
      return (op)o;
  return OP_COUNT;
}

static const struct {
  const char *name;
  size_t size;
} dtypes[] = {
    [DTYPE_BOOL] = {"bool", 1},
    [DTYPE_I32] = {"i32", 4},
    [DTYPE_I64] = {"i64", 8},
    [DTYPE_F32] = {"f32", 4},
};

const char *dtype_name(dtype d) {
  return dtypes[d].name;
}

size_t dtype_size(dtype d) {
  return dtypes[d].size;
}

bool shape_equal(shape a, shape b) {
  if (a.rank != b.rank)
    return false;
  for (int i = 0; i < a.rank; i++)
    if (a.dims[i] != b.dims[i])
      return false;
  return true;
}

const dim *shape_elements(dim_table *t, shape s) {
  const dim *product = dim_constant(t, 1);
  for (int i = 0; i < s.rank; i++)
    product = dim_multiply(t, product, s.dims[i]);
  return product;
}

bool shape_broadcast(shape a, shape b, shape *result, dim_table *t) {
  const dim *one = dim_constant(t, 1);
  int rank = a.rank > b.rank ? a.rank : b.rank;
  shape common = {.rank = rank};
  for (int i = 0; i < rank; i++) {
    const dim *x = i < rank - a.rank ? one : a.dims[i - (rank - a.rank)];
    const dim *y = i < rank - b.rank ? one : b.dims[i - (rank - b.rank)];
    if (x != y && x != one && y != one)
      return false;
    common.dims[i] = x == one ? y : x;
  }
  *result = common;
  return true;
}

void shape_print(shape s, text *to) {
  text_add(to, "[");
  for (int i = 0; i < s.rank; i++) {
    if (i)
      text_add(to, ", ");
    dim_print(s.dims[i], to);
  }
  text_add(to, "]");
}

void node_type_print(const node *n, text *to) {
  text_add(to, "%s", dtype_name(n->dtype));
  if (n->shape.rank > 0)
    shape_print(n->shape, to);
}
