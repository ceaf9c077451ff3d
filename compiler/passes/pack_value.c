/* A value in its two forms: dense over [B, T], packed over the N tokens. A form that is not computed is made of the
 * other: packed rows are gathered to their places, and dense ones to their tokens. */
#include "compiler/passes/pack.h"

static const dim *one(const packing *p) {
  return dim_constant(p->to->dims, 1);
}

shape packing_shape(const packing *p, shape s, token_axes t) {
  shape packed = {.rank = s.rank - t.count + 1};
  for (int i = 0; i < packed.rank; i++)
    packed.dims[i] = i < t.first ? s.dims[i] : i == t.first ? p->tokens : s.dims[i + t.count - 1];
  return packed;
}

/* ---- rows to the front, and back ---- */

/* Moves `count` axes at `first` to the front, or from the front to `first`. */
static node *move_axes(packing *p, node *x, int first, int count, bool to_front) {
  if (first == 0)
    return x;
  axes order = {.count = x->shape.rank};
  for (int i = 0; i < x->shape.rank; i++) {
    int from = i < count ? first + i : i < first + count ? i - count : i;
    order.axis[to_front ? i : from] = to_front ? from : i;
  }
  return graph_permute(p->to, x, order, x->where);
}

static shape without_front(shape s, int count, const dim *front) {
  shape result = {.rank = s.rank - count + 1, .dims = {front}};
  for (int i = count; i < s.rank; i++)
    result.dims[i - count + 1] = s.dims[i];
  return result;
}

/* Rows of x, counted along `count` axes at `first`, in the order that `index` says: along one axis at `first`. */
static node *gather_rows(packing *p, node *x, int first, int count, const dim *rows, node *index) {
  node *front = move_axes(p, x, first, count, true);
  node *table = graph_reshape(p->to, front, without_front(front->shape, count, rows), x->where);
  node *gathered = graph_binary(p->to, OP_gather, table, index, x->where);
  return move_axes(p, gathered, first, 1, false);
}

/* ---- dense from packed ---- */

static node *mask_like(packing *p, shape s, token_axes t, span where) {
  shape narrow = {.rank = s.rank};
  for (int i = 0; i < s.rank; i++)
    narrow.dims[i] = i < t.first || i >= t.first + t.count ? one(p) : s.dims[i];
  return graph_expand(p->to, graph_reshape(p->to, packing_mask(p), narrow, where), s, where);
}

static node *unpack(packing *p, const node *old) {
  token_axes t = packing_tokens(p, old);
  const padding *of = &p->padding[old->id];
  node *front = move_axes(p, p->tokens_of[old->id], t.first, 1, true);
  node *rows = graph_binary(p->to, OP_gather, front, packing_token(p), old->where);
  node *dense = move_axes(p, rows, t.first, 2, false);
  dense = graph_reshape(p->to, dense, old->shape, old->where);
  if (of->unneeded & token_bit(t))
    return dense;
  node *filler = graph_constant(p->to, of->filler, old->dtype, (shape){0}, old->where);
  return graph_where(p->to, mask_like(p, old->shape, t, old->where), dense, filler, old->where);
}

static node *copy(packing *p, const node *old) {
  node **operands = arena_array(p->to->arena, node *, old->operand_count + 1);
  for (int i = 0; i < old->operand_count; i++)
    operands[i] = packing_dense(p, old->operands[i]);
  return graph_copy_node(p->to, old, operands);
}

node *packing_dense(packing *p, const node *old) {
  node **known = &p->dense[old->id];
  if (!*known)
    *known = p->packed[old->id]            ? unpack(p, old)
             : packing_over_tokens(p, old) ? packing_make_over_tokens(p, old)
                                           : copy(p, old);
  return *known;
}

/* ---- packed from dense ---- */

/* A vector i32[N] along the tokens of s, repeated along the other axes. */
static node *along_tokens(packing *p, node *x, shape s, int axis) {
  shape narrow = {.rank = s.rank};
  for (int i = 0; i < s.rank; i++)
    narrow.dims[i] = i == axis ? s.dims[i] : one(p);
  return graph_expand(p->to, graph_reshape(p->to, x, narrow, x->where), s, x->where);
}

static node *pack_iota(packing *p, const node *old, token_axes t) {
  shape s = packing_shape(p, old->shape, t);
  int axis = old->attributes.axes.axis[0];
  if (axis >= t.first && axis < t.first + t.count) {
    node *index = t.count == 1 ? packing_place(p) : axis == t.first ? packing_row(p) : packing_position(p);
    return along_tokens(p, index, s, t.first);
  }
  node_attributes along = {.axes = {.count = 1, .axis = {axis < t.first ? axis : axis - t.count + 1}}};
  return graph_add(p->to, OP_iota, 0, NULL, &along, DTYPE_I32, &s, old->where);
}

/* What is the same in all rows, or at all their positions, is gathered from there, before it is repeated. */
static node *pack_repeated(packing *p, const node *old, token_axes t) {
  const node *x = old->operands[0];
  bool rows = x->shape.dims[t.first] != one(p), positions = t.count == 2 && x->shape.dims[t.first + 1] != one(p);
  node *narrow = packing_dense(p, x);
  if (rows || positions) {
    const dim *size = rows ? p->rows : p->width;
    narrow = gather_rows(p, narrow, t.first, t.count, size, rows ? packing_row(p) : packing_position(p));
  } else {
    shape s = packing_shape(p, x->shape, t);
    s.dims[t.first] = one(p);
    narrow = graph_reshape(p->to, narrow, s, old->where);
  }
  return graph_expand(p->to, narrow, packing_shape(p, old->shape, t), old->where);
}

static node *pack(packing *p, const node *old) {
  token_axes t = packing_tokens(p, old);
  shape s = packing_shape(p, old->shape, t);
  if (old->op == OP_constant)
    return graph_constant(p->to, old->attributes.number, old->dtype, s, old->where);
  if (p->padding[old->id].mask == token_bit(t))
    return graph_constant(p->to, 1, DTYPE_BOOL, s, old->where);
  if (old->op == OP_iota)
    return pack_iota(p, old, t);
  if (old->op == OP_expand && !packing_tokens(p, old->operands[0]).count)
    return pack_repeated(p, old, t);
  return gather_rows(p, packing_dense(p, old), t.first, t.count, p->both, packing_place(p));
}

node *packing_packed(packing *p, const node *old) {
  node **known = &p->tokens_of[old->id];
  if (!*known)
    *known = p->packed[old->id] ? packing_make_by_token(p, old) : pack(p, old);
  return *known;
}
