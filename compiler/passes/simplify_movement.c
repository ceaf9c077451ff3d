/* Simplify: views of views. */
#include "compiler/passes/simplify.h"

/* ---- expand, reshape, permute ---- */

static node *no_expand(simplifier *s, node *n) {
  (void)s;
  return shape_equal(n->shape, n->operands[0]->shape) ? n->operands[0] : NULL;
}

static node *expand_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  return x->op == OP_expand ? graph_expand(s->to, x->operands[0], n->shape, n->where) : NULL;
}

static node *no_reshape(simplifier *s, node *n) {
  (void)s;
  return shape_equal(n->shape, n->operands[0]->shape) ? n->operands[0] : NULL;
}

static node *reshape_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  return x->op == OP_reshape ? graph_reshape(s->to, x->operands[0], n->shape, n->where) : NULL;
}

static node *no_permute(simplifier *s, node *n) {
  (void)s;
  const axes *order = &n->attributes.axes;
  for (int i = 0; i < order->count; i++)
    if (order->axis[i] != i)
      return NULL;
  return n->operands[0];
}

static node *permute_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_permute)
    return NULL;
  axes order = n->attributes.axes;
  for (int i = 0; i < order.count; i++)
    order.axis[i] = x->attributes.axes.axis[order.axis[i]];
  return graph_permute(s->to, x->operands[0], order, n->where);
}

/* When the axes that are longer than 1 keep their order, no element moves. */
static node *permute_of_units(simplifier *s, node *n) {
  const axes *order = &n->attributes.axes;
  int last = -1;
  for (int i = 0; i < order->count; i++) {
    if (simplify_is_one(n->shape.dims[i]))
      continue;
    if (order->axis[i] < last)
      return NULL;
    last = order->axis[i];
  }
  return graph_reshape(s->to, n->operands[0], n->shape, n->where);
}

static node *permute_of_expand(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_expand)
    return NULL;
  node *moved = graph_permute(s->to, x->operands[0], n->attributes.axes, n->where);
  return graph_expand(s->to, moved, n->shape, n->where);
}

/* One group of axes of reshape(expand(source)): axes [from, from_end) of `wide` hold the same elements as [to, to_end)
 * of the result. Gives the sizes that the reshaped source has there; false when the group is repeated only in part. */
static bool reshape_group(const node *source, shape wide, int from, int from_end, shape result, int to, int to_end,
                          shape *small, const dim *one) {
  bool repeated = false, kept = false;
  for (int i = from; i < from_end; i++) {
    bool stretched = source->shape.dims[i] != wide.dims[i];
    repeated = repeated || stretched;
    kept = kept || (!stretched && !simplify_is_one(wide.dims[i]));
  }
  for (int i = to; i < to_end; i++)
    small->dims[i] = repeated ? one : result.dims[i];
  return !(repeated && kept);
}

/* reshape(expand(x)) = expand(reshape(x)) where whole groups of axes are repeated. */
static node *reshape_of_expand(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_expand)
    return NULL;
  dim_table *t = s->to->dims;
  const dim *one = dim_constant(t, 1);
  shape wide = x->shape, small = n->shape;
  int from = 0, to = 0;
  while (from < wide.rank || to < n->shape.rank) {
    int from_end = from, to_end = to;
    const dim *left = one, *right = one; /* products of both sides of the group */
    if (from < wide.rank)
      left = wide.dims[from_end++];
    if (to < n->shape.rank)
      right = n->shape.dims[to_end++];
    while (left != right) {
      if (from_end < wide.rank && dim_divide_exact(t, right, left))
        left = dim_multiply(t, left, wide.dims[from_end++]);
      else if (to_end < n->shape.rank && dim_divide_exact(t, left, right))
        right = dim_multiply(t, right, n->shape.dims[to_end++]);
      else
        return NULL;
    }
    if (!reshape_group(x->operands[0], wide, from, from_end, n->shape, to, to_end, &small, one))
      return NULL;
    from = from_end;
    to = to_end;
  }
  return graph_expand(s->to, graph_reshape(s->to, x->operands[0], small, n->where), n->shape, n->where);
}

/* ---- slice, pad, concat ---- */

static bool zero(const dim *d) {
  int64_t value;
  return dim_is_constant(d, &value) && value == 0;
}

static node *slice_at(simplifier *s, node *x, const node_attributes *slice, const node *n) {
  return graph_add(s->to, OP_slice, 1, &x, slice, n->dtype, &n->shape, n->where);
}

static node *no_slice(simplifier *s, node *n) {
  (void)s;
  if (!shape_equal(n->shape, n->operands[0]->shape))
    return NULL;
  for (int i = 0; i < n->shape.rank; i++)
    if (!zero(n->attributes.slice.low[i]) || n->attributes.slice.step[i] != 1)
      return NULL;
  return n->operands[0];
}

static node *slice_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_slice)
    return NULL;
  dim_table *t = s->to->dims;
  node_attributes both = n->attributes;
  for (int i = 0; i < n->shape.rank; i++) {
    const dim *steps = dim_constant(t, x->attributes.slice.step[i]);
    both.slice.low[i] = dim_add(t, x->attributes.slice.low[i], dim_multiply(t, n->attributes.slice.low[i], steps));
    bool one = simplify_is_one(n->shape.dims[i]); /* then the step is any, and may be huge */
    both.slice.step[i] = one ? 1 : n->attributes.slice.step[i] * x->attributes.slice.step[i];
  }
  return slice_at(s, x->operands[0], &both, n);
}

static node *slice_of_expand(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_expand)
    return NULL;
  node *source = x->operands[0];
  dim_table *t = s->to->dims;
  node_attributes slice = n->attributes;
  shape small = n->shape;
  for (int i = 0; i < n->shape.rank; i++) {
    if (source->shape.dims[i] == x->shape.dims[i])
      continue;
    small.dims[i] = dim_constant(t, 1);
    slice.slice.low[i] = dim_constant(t, 0);
    slice.slice.step[i] = 1;
  }
  node *part = graph_add(s->to, OP_slice, 1, &source, &slice, n->dtype, &small, n->where);
  return graph_expand(s->to, part, n->shape, n->where);
}

/* Takes back what a pad put around. */
static node *slice_of_pad(simplifier *s, node *n) {
  (void)s;
  node *x = n->operands[0];
  if (x->op != OP_pad || !shape_equal(n->shape, x->operands[0]->shape))
    return NULL;
  for (int i = 0; i < n->shape.rank; i++)
    if (n->attributes.slice.low[i] != x->attributes.pad.low[i] ||
        n->attributes.slice.step[i] != x->attributes.pad.interior[i] + 1)
      return NULL;
  return x->operands[0];
}

/* Of the parts of a concat, the one that begins where the slice begins and is as long. */
static node *slice_of_concat(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_concat)
    return NULL;
  dim_table *t = s->to->dims;
  int axis = x->attributes.axes.axis[0];
  const dim *begin = dim_constant(t, 0);
  node_attributes slice = n->attributes;
  for (int i = 0; i < x->operand_count; i++) {
    node *part = x->operands[i];
    if (begin == slice.slice.low[axis] && n->shape.dims[axis] == part->shape.dims[axis] &&
        slice.slice.step[axis] == 1) {
      slice.slice.low[axis] = dim_constant(t, 0);
      return slice_at(s, part, &slice, n);
    }
    begin = dim_add(t, begin, part->shape.dims[axis]);
  }
  return NULL;
}

static node *no_pad(simplifier *s, node *n) {
  (void)s;
  for (int i = 0; i < n->shape.rank; i++)
    if (!zero(n->attributes.pad.low[i]) || !zero(n->attributes.pad.high[i]) ||
        (n->attributes.pad.interior[i] != 0 && !simplify_is_one(n->operands[0]->shape.dims[i])))
      return NULL;
  return n->operands[0];
}

static node *pad_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_pad)
    return NULL;
  dim_table *t = s->to->dims;
  node_attributes both = x->attributes;
  for (int i = 0; i < n->shape.rank; i++) {
    if (n->attributes.pad.interior[i] != 0)
      return NULL;
    both.pad.low[i] = dim_add(t, both.pad.low[i], n->attributes.pad.low[i]);
    both.pad.high[i] = dim_add(t, both.pad.high[i], n->attributes.pad.high[i]);
  }
  return graph_add(s->to, OP_pad, 1, &x->operands[0], &both, n->dtype, &n->shape, n->where);
}

static node *concat_of_one(simplifier *s, node *n) {
  (void)s;
  return n->operand_count == 1 ? n->operands[0] : NULL;
}

static node *cast_to_same(simplifier *s, node *n) {
  (void)s;
  return n->dtype == n->operands[0]->dtype ? n->operands[0] : NULL;
}

/* A cast that lost nothing on the way may be left out: from bool to anything, from i32 to i64. */
static node *cast_twice(simplifier *s, node *n) {
  node *x = n->operands[0];
  if (x->op != OP_cast)
    return NULL;
  dtype first = x->operands[0]->dtype;
  bool wider = first == DTYPE_BOOL || (first == DTYPE_I32 && x->dtype == DTYPE_I64);
  return wider ? graph_cast(s->to, x->operands[0], n->dtype, n->where) : NULL;
}

const simplify_row simplify_movement[] = {
    {OP_expand, OP_expand, no_expand, "expand(x) to x's shape = x"},
    {OP_expand, OP_expand, expand_twice, "expand(expand(x)) = expand(x)"},
    {OP_reshape, OP_reshape, no_reshape, "reshape(x) to x's shape = x"},
    {OP_reshape, OP_reshape, reshape_twice, "reshape(reshape(x)) = reshape(x)"},
    {OP_reshape, OP_reshape, reshape_of_expand, "reshape(expand(x)) = expand(reshape(x))"},
    {OP_permute, OP_permute, no_permute, "permute(x) in x's order = x"},
    {OP_permute, OP_permute, permute_twice, "permute(permute(x)) = permute(x)"},
    {OP_permute, OP_permute, permute_of_units, "permute of axes of size 1 = reshape"},
    {OP_permute, OP_permute, permute_of_expand, "permute(expand(x)) = expand(permute(x))"},
    {OP_slice, OP_slice, no_slice, "slice of everything = x"},
    {OP_slice, OP_slice, slice_twice, "slice(slice(x)) = slice(x)"},
    {OP_slice, OP_slice, slice_of_expand, "slice(expand(x)) = expand(slice(x))"},
    {OP_slice, OP_slice, slice_of_pad, "slice(pad(x)) = x where the one undoes the other"},
    {OP_slice, OP_slice, slice_of_concat, "slice(concat(x, y)) = slice(x) where it lies in x"},
    {OP_pad, OP_pad, no_pad, "pad by nothing = x"},
    {OP_pad, OP_pad, pad_twice, "pad(pad(x)) = pad(x)"},
    {OP_concat, OP_concat, concat_of_one, "concat(x) = x"},
    {OP_cast, OP_cast, cast_to_same, "cast(x) to x's type = x"},
    {OP_cast, OP_cast, cast_twice, "cast(cast(x)) = cast(x)"},
    {.apply = NULL},
};
