/* Values: the expression of a root, through all that is inlined into it, down to what lies in memory or registers. */
#include "compiler/kernel/lower.h"

/* ---- what is stored ---- */

int root_parameter(lowering *l, const root *r, bool written) {
  return builder_buffer(l->b, r->buffer, r->node->dtype, written);
}

int source_parameter(lowering *l, const node *source) {
  const root *r = l->f->root_of[source->id];
  if (r && r->storage == STORAGE_SCRATCH)
    return scratch_parameter(l, r, false);
  return r ? root_parameter(l, r, false) : builder_buffer(l->b, l->f->input_buffer[source->id], source->dtype, false);
}

int scratch_parameter(lowering *l, const root *r, bool written) {
  return builder_buffer(l->b, r->scratch, r->node->dtype, written);
}

const subscript *root_offset(lowering *l, const root *r, const places *at) {
  const dim *strides[RANK_MAX];
  storage_strides(l->f->graph->dims, r->node->shape, r->order, strides);
  return places_offset(l->b, r->node->shape, at, strides, subscript_constant(l->b, 0));
}

/* A thread's scratch holds the axes behind those that are held. Rows add to the second half of a share of sums across
 * rows, which have none of the rows' axes. */
const subscript *scratch_offset(lowering *l, const root *r, const places *at) {
  dim_table *t = l->f->graph->dims;
  const dim *strides[RANK_MAX];
  storage_strides(t, r->node->shape, row_major(r->node->shape.rank), strides);
  for (int i = 0; i < r->held && i < r->node->shape.rank; i++)
    strides[i] = dim_constant(t, 0);
  const subscript *start = share_start(l, r, subscript_variable(l->b, VARIABLE_WORKER), r->reduce == REDUCE_ACROSS);
  return places_offset(l->b, r->node->shape, at, strides, start);
}

static const value *read_root(lowering *l, const root *r, const places *at) {
  if (r->group == l->g) {
    if (l->registers[r->index] >= 0)
      return value_register(l->b, l->registers[r->index]);
    if (r->storage == STORAGE_SCRATCH)
      return value_load(l->b, scratch_parameter(l, r, false), scratch_offset(l, r, at));
  }
  return value_load(l->b, root_parameter(l, r, false), root_offset(l, r, at));
}

static const value *read_input(lowering *l, const node *n, const places *at) {
  const dim *strides[RANK_MAX];
  storage_strides(l->f->graph->dims, n->shape, row_major(n->shape.rank), strides);
  const subscript *offset = places_offset(l->b, n->shape, at, strides, subscript_constant(l->b, 0));
  return value_load(l->b, source_parameter(l, n), offset);
}

/* ---- movement ---- */

static const value *where_inside(lowering *l, const value *inside, const value *x, const value *otherwise) {
  return value_op(l->b, OP_where, x->dtype, 3, (const value *[]){inside, x, otherwise});
}

/* index limited to [0, size) */
static place clamp(lowering *l, const subscript *index, const dim *size) {
  const dim *last = dim_subtract(l->f->graph->dims, size, dim_constant(l->f->graph->dims, 1));
  index = subscript_binary(l->b, SUBSCRIPT_MAXIMUM, index, subscript_constant(l->b, 0));
  return place_of(l->b, subscript_binary(l->b, SUBSCRIPT_MINIMUM, index, subscript_dim(l->b, last)));
}

static const value *lower_concat(lowering *l, const node *n, const places *at) {
  int axis = n->attributes.axes.axis[0];
  const subscript *index = place_subscript(l->b, at->axis[axis]);
  const dim *end = n->shape.dims[axis];
  const value *result = NULL;
  for (int i = n->operand_count - 1; i >= 0; i--) {
    const node *x = n->operands[i];
    const dim *size = x->shape.dims[axis], *start = dim_subtract(l->f->graph->dims, end, size);
    const subscript *own = subscript_binary(l->b, SUBSCRIPT_SUBTRACT, index, subscript_dim(l->b, start));
    places p = *at;
    p.axis[axis] = clamp(l, own, size);
    const value *v = lower_node(l, x, &p);
    result = result ? where_inside(l, value_in_range(l->b, own, subscript_dim(l->b, size)), v, result) : v;
    end = start;
  }
  return result;
}

static const value *and_also(lowering *l, const value *x, const value *y) {
  return x ? value_op(l->b, OP_and, DTYPE_BOOL, 2, (const value *[]){x, y}) : y;
}

/* One axis of a pad: narrows `inside` and moves the place. */
static const value *pad_axis(lowering *l, const node *n, int axis, places *at, const value *inside) {
  kernel_builder *b = l->b;
  dim_table *t = l->f->graph->dims;
  const dim *size = n->operands[0]->shape.dims[axis], *low = n->attributes.pad.low[axis];
  int64_t spread = n->attributes.pad.interior[axis] + 1;
  const subscript *own =
      subscript_binary(b, SUBSCRIPT_SUBTRACT, place_subscript(b, at->axis[axis]), subscript_dim(b, low));
  const dim *reach = dim_multiply(t, dim_subtract(t, size, dim_constant(t, 1)), dim_constant(t, spread));
  const dim *limit = dim_add(t, reach, dim_constant(t, 1));
  inside = and_also(l, inside, value_in_range(b, own, subscript_dim(b, limit)));
  if (spread > 1) {
    const subscript *each = subscript_constant(b, spread);
    own = subscript_binary(b, SUBSCRIPT_MAXIMUM, own, subscript_constant(b, 0));
    const value *rest = value_index(b, subscript_binary(b, SUBSCRIPT_REMAINDER, own, each), DTYPE_I64);
    const value *zero = value_number(b, 0, DTYPE_I64);
    inside = and_also(l, inside, value_op(b, OP_equal, DTYPE_BOOL, 2, (const value *[]){rest, zero}));
    own = subscript_binary(b, SUBSCRIPT_DIVIDE, own, each);
  }
  at->axis[axis] = clamp(l, own, size);
  return inside;
}

static const value *lower_pad(lowering *l, const node *n, const places *at) {
  const value *inside = NULL;
  places p = *at;
  for (int i = 0; i < n->shape.rank; i++)
    if (!dim_is_zero(n->attributes.pad.low[i]) || !dim_is_zero(n->attributes.pad.high[i]) ||
        n->attributes.pad.interior[i] != 0)
      inside = pad_axis(l, n, i, &p, inside);
  const value *x = lower_node(l, n->operands[0], &p);
  return inside ? where_inside(l, inside, x, value_number(l->b, 0, n->dtype)) : x;
}

static place slice_place(lowering *l, const node *n, int axis, place at) {
  const dim *low = n->attributes.slice.low[axis];
  int64_t stride = n->attributes.slice.step[axis];
  if (dim_is_zero(low) && stride == 1)
    return at;
  const subscript *index = subscript_multiply(l->b, place_subscript(l->b, at), subscript_constant(l->b, stride));
  return place_of(l->b, subscript_add(l->b, subscript_dim(l->b, low), index));
}

static const value *lower_movement(lowering *l, const node *n, const places *at) {
  const node *x = n->operands[0];
  if (n->op == OP_concat)
    return lower_concat(l, n, at);
  if (n->op == OP_pad)
    return lower_pad(l, n, at);
  places p = *at;
  if (n->op == OP_reshape)
    p = places_reshape(l->b, x->shape, n->shape, at);
  else
    for (int i = 0; i < n->shape.rank; i++) {
      if (n->op == OP_permute)
        p.axis[n->attributes.axes.axis[i]] = at->axis[i];
      else if (n->op == OP_expand && dim_is_one(x->shape.dims[i]))
        p.axis[i] = place_of(l->b, subscript_constant(l->b, 0));
      else if (n->op == OP_slice)
        p.axis[i] = slice_place(l, n, i, at->axis[i]);
    }
  return lower_node(l, x, &p);
}

/* ---- the rest ---- */

static const value *lower_gather(lowering *l, const node *n, const places *at) {
  const node *table = n->operands[0], *index = n->operands[1];
  places p = {0};
  view v;
  if (!l->f->root_of[n->id] && ragged_is_packed(l->f, n) && view_of(l->f, n, &v))
    return value_load(l->b, source_parameter(l, v.base),
                      places_offset(l->b, n->shape, at, v.stride, subscript_dim(l->b, v.offset)));
  if (l->g->ragged && l->f->ragged->token[index->id]) {
    p.axis[0] = place_of(l->b, subscript_add(l->b, l->start, place_subscript(l->b, at->axis[1])));
    for (int i = 1; i < table->shape.rank; i++)
      p.axis[i] = at->axis[i + 1];
    return lower_node(l, table, &p);
  }
  p.axis[0] = place_of(l->b, subscript_of_value(l->b, lower_node(l, index, at)));
  for (int i = 1; i < table->shape.rank; i++)
    p.axis[i] = at->axis[index->shape.rank + i - 1];
  return lower_node(l, table, &p);
}

static const value *lower_random(lowering *l, const node *n, const places *at) {
  view key;
  bool found = view_of(l->f, n->operands[0], &key); /* roots.c has seen to it */
  (void)found;
  const dim *strides[RANK_MAX];
  storage_strides(l->f->graph->dims, n->shape, row_major(n->shape.rank), strides);
  const subscript *position = places_offset(l->b, n->shape, at, strides, subscript_constant(l->b, 0));
  const dim *site = dim_constant(l->f->graph->dims, n->attributes.site.number);
  int number = builder_size(l->b, site, false)->number;
  return value_random(l->b, source_parameter(l, key.base), number, position);
}

static const value *lower_leaf(lowering *l, const node *n, const places *at) {
  if (n->op == OP_constant)
    return value_number(l->b, n->attributes.number, n->dtype);
  if (n->op == OP_iota)
    return value_index(l->b, place_subscript(l->b, at->axis[n->attributes.axes.axis[0]]), n->dtype);
  return read_input(l, n, at);
}

const value *lower_expression(lowering *l, const node *n, const places *at) {
  const value *operands[3];
  if (l->g->ragged && ragged_is_mask(l->f, n))
    return value_number(l->b, 1, DTYPE_BOOL);
  if (l->g->ragged && n->op == OP_where && ragged_is_mask(l->f, n->operands[0]))
    return lower_node(l, n->operands[1], at);
  switch (op_describe(n->op)->class) {
  case CLASS_LEAF:
    return lower_leaf(l, n, at);
  case CLASS_RANDOM:
    return lower_random(l, n, at);
  case CLASS_MOVEMENT:
    return lower_movement(l, n, at);
  case CLASS_GATHER:
    return lower_gather(l, n, at);
  case CLASS_POINTWISE:
  case CLASS_REDUCTION: /* these three are always roots, so only read_root meets them */
  case CLASS_CONTRACTION:
  case CLASS_SCATTER:
    break;
  }
  for (int i = 0; i < n->operand_count; i++)
    operands[i] = lower_node(l, n->operands[i], at);
  return value_op(l->b, n->op, n->dtype, n->operand_count, operands);
}

static bool same_places(const places *p, const places *q, int rank) {
  for (int i = 0; i < rank; i++)
    if (p->axis[i].base != q->axis[i].base || p->axis[i].divide != q->axis[i].divide ||
        p->axis[i].modulo != q->axis[i].modulo)
      return false;
  return true;
}

const value *lower_node(lowering *l, const node *n, const places *at) {
  const root *r = l->f->root_of[n->id];
  if (r)
    return read_root(l, r, at);
  memo **known = &l->memos[n->id];
  if (*known && (*known)->generation != l->generation)
    *known = NULL;
  for (memo *m = *known; m; m = m->next)
    if (same_places(&m->at, at, n->shape.rank))
      return m->value;
  const value *v = lower_expression(l, n, at);
  memo *m = arena_new(builder_arena(l->b), memo);
  *m = (memo){.generation = l->generation, .at = *at, .value = v, .next = *known};
  *known = m;
  return v;
}
