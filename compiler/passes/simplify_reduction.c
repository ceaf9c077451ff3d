/* Simplify: reductions and contractions. */
#include "compiler/passes/simplify.h"

static bool reduces(const node *n, int axis) {
  for (int i = 0; i < n->attributes.axes.count; i++)
    if (n->attributes.axes.axis[i] == axis)
      return true;
  return false;
}

static node *reduce_or_same(simplifier *s, op o, node *x, axes over, const node *n) {
  return over.count ? graph_reduce(s->to, o, x, over, n->where) : x;
}

/* Over an axis of size 1 there is nothing to reduce. */
static node *unit_axes(simplifier *s, node *n) {
  node *x = n->operands[0];
  axes over = {.count = 0};
  for (int i = 0; i < n->attributes.axes.count; i++)
    if (!simplify_is_one(x->shape.dims[n->attributes.axes.axis[i]]))
      over.axis[over.count++] = n->attributes.axes.axis[i];
  return over.count < n->attributes.axes.count ? reduce_or_same(s, n->op, x, over, n) : NULL;
}

static node *argmax_of_one(simplifier *s, node *n) {
  return simplify_is_one(n->operands[0]->shape.dims[n->attributes.axes.axis[0]]) ? simplify_constant(s, n, 0) : NULL;
}

/* times the number of elements along the given axes of `wide` */
static node *times_count(simplifier *s, node *x, shape wide, axes over, const node *n) {
  dim_table *t = s->to->dims;
  const dim *count = dim_constant(t, 1);
  for (int i = 0; i < over.count; i++)
    count = dim_multiply(t, count, wide.dims[over.axis[i]]);
  return graph_binary(s->to, OP_mul, x, simplify_size(s, count, n->dtype, n->where), n->where);
}

/* sum(expand(x)) = sum(x) * count over the axes that repeat; of largest and least, repetition changes nothing. */
static node *reduce_of_expand(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_expand)
    return NULL;
  node *source = x->operands[0];
  axes repeated = {.count = 0}, rest = {.count = 0};
  shape narrow = x->shape;
  for (int i = 0; i < n->attributes.axes.count; i++) {
    int axis = n->attributes.axes.axis[i];
    if (source->shape.dims[axis] != x->shape.dims[axis]) {
      repeated.axis[repeated.count++] = axis;
      narrow.dims[axis] = dim_constant(s->to->dims, 1);
    } else
      rest.axis[rest.count++] = axis;
  }
  if (!repeated.count)
    return NULL;
  node *partial = shape_equal(source->shape, narrow) ? source : graph_expand(s->to, source, narrow, x->where);
  partial = reduce_or_same(s, n->op, partial, rest, n);
  return n->op == OP_reduce_sum ? times_count(s, partial, x->shape, repeated, n) : partial;
}

static node *reduce_of_number(simplifier *s, node *n) {
  double number;
  if (!simplify_number(n->operands[0], &number))
    return NULL;
  node *constant = simplify_constant(s, n, number);
  return n->op == OP_reduce_sum ? times_count(s, constant, n->operands[0]->shape, n->attributes.axes, n) : constant;
}

static node *reduce_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != n->op || !simplify_sole_user(s, 0))
    return NULL;
  axes both = {.count = 0};
  for (int axis = 0; axis < n->shape.rank; axis++)
    if (reduces(n, axis) || reduces(x, axis))
      both.axis[both.count++] = axis;
  return graph_reduce(s->to, n->op, x->operands[0], both, n->where);
}

/* Over everything, the shape does not matter. */
static node *reduce_all_of_view(simplifier *s, node *n) {
  node *x = n->operands[0];
  if ((x->op != OP_reshape && x->op != OP_permute) || n->attributes.axes.count != x->shape.rank)
    return NULL;
  node *source = x->operands[0];
  axes all = {.count = source->shape.rank};
  for (int i = 0; i < all.count; i++)
    all.axis[i] = i;
  return graph_reshape(s->to, reduce_or_same(s, n->op, source, all, n), n->shape, n->where);
}

static node *sum_of_negative(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_neg || !simplify_sole_user(s, 0))
    return NULL;
  node *sum = graph_reduce(s->to, OP_reduce_sum, x->operands[0], n->attributes.axes, n->where);
  return graph_unary(s->to, OP_neg, sum, n->where);
}

/* ---- contractions ---- */

static bool swaps_last_two(const node *n) {
  const axes *order = &n->attributes.axes;
  if (n->op != OP_permute || order->count < 2)
    return false;
  for (int i = 0; i < order->count - 2; i++)
    if (order->axis[i] != i)
      return false;
  return order->axis[order->count - 1] == order->count - 2;
}

/* (x y)^T = y^T x^T: operands of a contraction may be transposed for nothing, results not. */
static node *transposed_product(simplifier *s, node *n) {
  node *product = n->operands[0];
  if (!swaps_last_two(n) || product->op != OP_matmul || !simplify_sole_user(s, 0))
    return NULL;
  node *x = product->operands[0], *y = product->operands[1];
  if (x->shape.rank != y->shape.rank)
    return NULL;
  node *left = graph_transpose(s->to, y, n->where), *right = graph_transpose(s->to, x, n->where);
  node *made = graph_matmul(s->to, left, right, n->where);
  made->attributes = product->attributes;
  return made;
}

/* A right operand that is the same for all p is shared, not repeated. */
static node *repeated_right_operand(simplifier *s, node *n) {
  node *y = n->operands[1];
  if (y->op != OP_expand || y->shape.rank < 3)
    return NULL;
  node *source = y->operands[0];
  int rank = y->shape.rank;
  for (int i = 0; i < rank - 2; i++)
    if (!simplify_is_one(source->shape.dims[i]))
      return NULL;
  shape matrix = {.rank = 2, .dims = {source->shape.dims[rank - 2], source->shape.dims[rank - 1]}};
  shape wide = {.rank = 2, .dims = {y->shape.dims[rank - 2], y->shape.dims[rank - 1]}};
  node *shared = graph_reshape(s->to, source, matrix, y->where);
  if (!shape_equal(matrix, wide))
    shared = graph_expand(s->to, shared, wide, y->where);
  node *made = graph_matmul(s->to, n->operands[0], shared, n->where);
  made->attributes = n->attributes;
  return made;
}

const simplify_row simplify_reductions[] = {
    {OP_reduce_sum, OP_reduce_min, unit_axes, "reduce(x) over axes of size 1 = x"},
    {OP_argmax, OP_argmax, argmax_of_one, "argmax over one = 0"},
    {OP_reduce_sum, OP_reduce_min, reduce_of_number, "sum(c) = c count, max(c) = c"},
    {OP_reduce_sum, OP_reduce_min, reduce_of_expand, "sum(expand(x)) = sum(x) count, max(expand(x)) = max(x)"},
    {OP_reduce_sum, OP_reduce_min, reduce_twice, "reduce(reduce(x)) = reduce(x)"},
    {OP_reduce_sum, OP_reduce_min, reduce_all_of_view, "reduce(reshape(x)) over all = reshape(reduce(x))"},
    {OP_reduce_sum, OP_reduce_sum, sum_of_negative, "sum(-x) = -sum(x)"},
    {OP_permute, OP_permute, transposed_product, "(x y)^T = y^T x^T"},
    {OP_matmul, OP_matmul, repeated_right_operand, "x expand(y) = x y, y shared"},
    {.apply = NULL},
};
