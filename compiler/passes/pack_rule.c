/* Which operations go by tokens, and how. */
#include "compiler/passes/pack.h"

static bool has_tokens(const packing *p, const node *n) {
  return packing_tokens(p, n).count > 0;
}

static bool same_tokens(const packing *p, const node *x, const node *y) {
  token_axes s = packing_tokens(p, x), t = packing_tokens(p, y);
  return s.count > 0 && s.count == t.count && s.first == t.first;
}

static bool is_zero_padded(const packing *p, const node *n) {
  return packing_zeros(p, n) & token_bit(packing_tokens(p, n));
}

/* ---- by token ---- */

/* The operands that have no axis of the tokens are numbers, or matrices that all tokens share. */
static bool is_product_by_token(const packing *p, const node *n) {
  const node *x = n->operands[0], *y = n->operands[1];
  token_axes t = packing_tokens(p, n);
  if (!same_tokens(p, x, n) || t.first + t.count >= n->shape.rank)
    return false;
  if (y->shape.rank == 2 && n->shape.rank > 2)
    return x->shape.rank - t.count + 1 >= 2;
  if (y->shape.rank == 2 && n->shape.rank == 2)
    return t.count == 1;
  return same_tokens(p, y, n) && t.first + t.count <= n->shape.rank - 2;
}

static bool is_reshape_by_token(const packing *p, const node *n) {
  const node *x = n->operands[0];
  if (!has_tokens(p, x))
    return false;
  token_axes s = packing_tokens(p, x), t = packing_tokens(p, n);
  shape before = x->shape, after = n->shape;
  before.rank = s.first;
  after.rank = t.first;
  return shape_elements(p->from->dims, before) == shape_elements(p->from->dims, after);
}

static bool is_permute_by_token(const packing *p, const node *n) {
  const node *x = n->operands[0];
  token_axes s = packing_tokens(p, x), t = packing_tokens(p, n);
  bool same = s.count > 0 && s.count == t.count;
  for (int i = 0; same && i < t.count; i++)
    same = n->attributes.axes.axis[t.first + i] == s.first + i;
  return same;
}

static bool is_movement_by_token(const packing *p, const node *n) {
  if (n->op == OP_reshape)
    return is_reshape_by_token(p, n);
  if (n->op == OP_permute)
    return is_permute_by_token(p, n);
  if (packing_puts_first(p, n))
    return true;
  for (int i = 0; i < n->operand_count; i++)
    if (!same_tokens(p, n->operands[i], n))
      return false;
  return true;
}

bool packing_by_token(const packing *p, const node *n) {
  if (!has_tokens(p, n) || p->padding[n->id].mask)
    return false;
  switch (op_describe(n->op)->class) {
  case CLASS_POINTWISE:
    return true;
  case CLASS_REDUCTION:
    return same_tokens(p, n->operands[0], n);
  case CLASS_MOVEMENT:
    return is_movement_by_token(p, n);
  case CLASS_CONTRACTION:
    return is_product_by_token(p, n);
  case CLASS_GATHER:
    return same_tokens(p, n->operands[1], n);
  case CLASS_LEAF:
  case CLASS_RANDOM:
  case CLASS_SCATTER:
    break;
  }
  return false;
}

/* An axis of the dense tensor as one of the packed one. */
static int packed_axis(token_axes t, int axis) {
  return axis < t.first ? axis : axis < t.first + t.count ? t.first : axis - t.count + 1;
}

static axes packed_axes(token_axes t, axes of) {
  axes result = {.count = 0};
  for (int i = 0; i < of.count; i++) {
    int axis = packed_axis(t, of.axis[i]);
    if (result.count == 0 || result.axis[result.count - 1] != axis)
      result.axis[result.count++] = axis;
  }
  return result;
}

static node *add(packing *p, const node *n, node **operands, const node_attributes *attributes, shape s) {
  node *made = graph_add(p->to, n->op, n->operand_count, operands, attributes, n->dtype, &s, n->where);
  made->name = n->name;
  return made;
}

static node_attributes packed_attributes(const packing *p, const node *n, token_axes t) {
  node_attributes a = n->attributes;
  attribute_kind kind = op_describe(n->op)->attribute;
  const dim *zero = dim_constant(p->from->dims, 0);
  for (int i = 0; i < n->shape.rank; i++) {
    int to = packed_axis(t, i);
    bool tokens = to == t.first;
    if (kind == ATTRIBUTE_SLICE) {
      a.slice.low[to] = tokens ? zero : n->attributes.slice.low[i];
      a.slice.step[to] = tokens ? 1 : n->attributes.slice.step[i];
    } else if (kind == ATTRIBUTE_PAD) {
      a.pad.low[to] = tokens ? zero : n->attributes.pad.low[i];
      a.pad.high[to] = tokens ? zero : n->attributes.pad.high[i];
      a.pad.interior[to] = tokens ? 0 : n->attributes.pad.interior[i];
    }
  }
  if (n->op == OP_permute)
    a.axes = packed_axes(packing_tokens(p, n->operands[0]), n->attributes.axes);
  else if (kind == ATTRIBUTE_AXES)
    a.axes = packed_axes(t, n->attributes.axes);
  return a;
}

/* Whether operand i of n is taken by tokens; what is not is shared by all of them. */
static bool is_taken_by_token(const packing *p, const node *n, int i) {
  if (n->op == OP_gather)
    return i == 1;
  if (n->op == OP_matmul)
    return i == 0 || same_tokens(p, n->operands[1], n);
  return n->operands[i]->shape.rank > 0;
}

static bool is_true(const node *n) {
  return n->op == OP_constant && n->attributes.number != 0;
}

static shape without_axis_1(shape s) {
  for (int i = 2; i < s.rank; i++)
    s.dims[i - 1] = s.dims[i];
  s.rank--;
  return s;
}

/* The rows of [B, 1, …] at the first tokens, zero at the others. */
static node *make_first(packing *p, const node *n) {
  node *rows = packing_dense(p, n->operands[0]), *position = packing_position(p);
  rows = graph_reshape(p->to, rows, without_axis_1(rows->shape), n->where);
  node *gathered = graph_binary(p->to, OP_gather, rows, packing_row(p), n->where);
  node *zero = graph_constant(p->to, 0, DTYPE_I32, (shape){0}, n->where);
  node *first = graph_binary(p->to, OP_equal, position, zero, n->where);
  shape narrow = {.rank = gathered->shape.rank, .dims = {p->tokens}};
  for (int i = 1; i < narrow.rank; i++)
    narrow.dims[i] = dim_constant(p->to->dims, 1);
  first = graph_expand(p->to, graph_reshape(p->to, first, narrow, n->where), gathered->shape, n->where);
  return graph_where(p->to, first, gathered, graph_constant(p->to, 0, n->dtype, (shape){0}, n->where), n->where);
}

node *packing_make_by_token(packing *p, const node *n) {
  if (packing_puts_first(p, n))
    return make_first(p, n);
  token_axes t = packing_tokens(p, n);
  node **operands = arena_array(p->to->arena, node *, n->operand_count + 1);
  for (int i = 0; i < n->operand_count; i++)
    operands[i] = is_taken_by_token(p, n, i) ? packing_packed(p, n->operands[i]) : packing_dense(p, n->operands[i]);
  if (n->op == OP_where && is_true(operands[0]) && operands[1]->shape.rank > 0)
    return operands[1];
  shape s = packing_shape(p, n->shape, t);
  if (n->op == OP_reshape && shape_equal(s, operands[0]->shape))
    return operands[0];
  node_attributes attributes = packed_attributes(p, n, t);
  return add(p, n, operands, &attributes, s);
}

/* ---- over tokens ---- */

typedef enum { OVER_NOTHING, OVER_ALL, OVER_ROWS, OVER_POSITIONS } sum_kind;

static bool is_reduced(const node *n, int axis) {
  for (int i = 0; i < n->attributes.axes.count; i++)
    if (n->attributes.axes.axis[i] == axis)
      return true;
  return false;
}

static sum_kind sum_over(const packing *p, const node *n) {
  const node *x = n->operands[0];
  token_axes t = packing_tokens(p, x);
  if (n->op != OP_reduce_sum || !t.count || !is_zero_padded(p, x))
    return OVER_NOTHING;
  bool first = is_reduced(n, t.first), second = t.count == 1 || is_reduced(n, t.first + 1);
  if (first && second)
    return OVER_ALL;
  if (t.first > 0 || n->attributes.axes.count != 1 || first == second || n->dtype != DTYPE_F32)
    return OVER_NOTHING;
  return first ? OVER_ROWS : OVER_POSITIONS;
}

static bool is_product_over_tokens(const packing *p, const node *n) {
  const node *x = n->operands[0], *y = n->operands[1];
  token_axes s = packing_tokens(p, x), t = packing_tokens(p, y);
  return x->shape.rank == 2 && y->shape.rank == 2 && s.count == 1 && s.first == 1 && t.count == 1 && t.first == 0 &&
         (is_zero_padded(p, x) || is_zero_padded(p, y));
}

bool packing_over_tokens(const packing *p, const node *n) {
  if (n->op == OP_slice)
    return packing_takes_first(p, n) && p->packed[n->operands[0]->id];
  if (n->op == OP_reduce_sum)
    return sum_over(p, n) != OVER_NOTHING;
  if (n->op == OP_matmul)
    return is_product_over_tokens(p, n);
  return n->op == OP_scatter_add && same_tokens(p, n->operands[0], n->operands[1]) &&
         packing_tokens(p, n->operands[0]).first == 0 && is_zero_padded(p, n->operands[1]);
}

static node *make_sum(packing *p, const node *n) {
  const node *x = n->operands[0];
  token_axes t = packing_tokens(p, x);
  node *packed = packing_packed(p, x), *sum;
  sum_kind kind = sum_over(p, n);
  if (kind == OVER_ALL) {
    node_attributes attributes = {.axes = packed_axes(t, n->attributes.axes)};
    sum = add(p, n, &packed, &attributes, packed->shape);
  } else { /* each token to its position, or its row */
    node *index = kind == OVER_ROWS ? packing_position(p) : packing_row(p);
    shape s = packed->shape;
    s.dims[0] = kind == OVER_ROWS ? p->width : p->rows;
    sum = graph_add(p->to, OP_scatter_add, 2, (node *[]){index, packed}, NULL, n->dtype, &s, n->where);
  }
  return graph_reshape(p->to, sum, n->shape, n->where);
}

node *packing_make_over_tokens(packing *p, const node *n) {
  if (n->op == OP_slice) {
    node *firsts = graph_binary(p->to, OP_gather, packing_packed(p, n->operands[0]), packing_first(p), n->where);
    return graph_reshape(p->to, firsts, n->shape, n->where);
  }
  if (n->op == OP_reduce_sum)
    return make_sum(p, n);
  node *operands[2] = {packing_packed(p, n->operands[0]), packing_packed(p, n->operands[1])};
  return add(p, n, operands, &n->attributes, n->shape);
}
