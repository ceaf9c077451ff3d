/* Simplify: repetition (expand) moves behind computation, so that what is the same everywhere is computed once. */
#include "compiler/passes/simplify.h"

/* The one element that expand x repeats, as a scalar; NULL when it repeats more. */
static node *as_scalar(simplifier *s, node *x) {
  node *source = x->operands[0];
  for (int i = 0; i < source->shape.rank; i++)
    if (!simplify_is_one(source->shape.dims[i]))
      return NULL;
  return graph_reshape(s->to, source, (shape){.rank = 0}, x->where);
}

static node *again(simplifier *s, const node *n, node **operands) {
  return graph_add(s->to, n->op, n->operand_count, operands, &n->attributes, n->dtype, NULL, n->where);
}

/* op(x, expand(scalar)) = op(x, scalar); when all are such, expand(op(scalars)). */
static node *scalar_operand(simplifier *s, node *n) {
  node *operands[3];
  bool changed = false;
  for (int i = 0; i < n->operand_count; i++) {
    node *x = n->operands[i];
    node *scalar = x->op == OP_expand ? as_scalar(s, x) : NULL;
    operands[i] = scalar ? scalar : x;
    changed = changed || scalar;
  }
  return changed ? simplify_conform(s, again(s, n, operands), n) : NULL;
}

/* Is x the same all along this axis? */
static bool repeats(const node *x, int axis) {
  return x->shape.rank == 0 || simplify_is_one(x->shape.dims[axis]) ||
         (x->op == OP_expand && simplify_is_one(x->operands[0]->shape.dims[axis]));
}

/* The part of x that has the small shape: x is repeated along the axes where small has size 1. */
static node *shrink(simplifier *s, node *x, shape small) {
  if (x->shape.rank == 0 || x->op != OP_expand)
    return x;
  node *source = x->operands[0];
  return shape_equal(source->shape, small) ? source : graph_expand(s->to, source, small, x->where);
}

/* op(expand(x), expand(y)) = expand(op(x, y)), along the axes where all operands repeat. */
static node *behind_operation(simplifier *s, node *n) {
  shape small = n->shape;
  bool changed = false;
  for (int axis = 0; axis < n->shape.rank; axis++) {
    if (simplify_is_one(n->shape.dims[axis]))
      continue;
    bool shared = true;
    for (int i = 0; i < n->operand_count && shared; i++)
      shared = repeats(n->operands[i], axis);
    if (shared) {
      small.dims[axis] = dim_constant(s->to->dims, 1);
      changed = true;
    }
  }
  if (!changed)
    return NULL;
  node *operands[3];
  for (int i = 0; i < n->operand_count; i++)
    operands[i] = shrink(s, n->operands[i], small);
  return graph_expand(s->to, again(s, n, operands), n->shape, n->where);
}

/* x / expand(sqrt(y)) = x * expand(rsqrt(y)) */
static node *repeated_root(simplifier *s, node *n) {
  node *divisor = n->operands[1];
  if (divisor->op != OP_expand || divisor->operands[0]->op != OP_sqrt)
    return NULL;
  node *root = divisor->operands[0];
  node *inverse = graph_unary(s->to, OP_rsqrt, root->operands[0], root->where);
  return graph_binary(s->to, OP_mul, n->operands[0], graph_expand(s->to, inverse, n->shape, divisor->where), n->where);
}

const simplify_row simplify_broadcasts[] = {
    {OP_neg, OP_where, scalar_operand, "op(x, expand(scalar)) = op(x, scalar)"},
    {OP_neg, OP_where, behind_operation, "op(expand(x), expand(y)) = expand(op(x, y))"},
    {OP_div, OP_div, repeated_root, "x / expand(sqrt(y)) = x expand(rsqrt(y))"},
    {.apply = NULL},
};
