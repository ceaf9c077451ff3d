/* Views: movement that costs nothing, because its reader can find the elements by strides. */
#include "compiler/passes/ragged.h"

bool dim_is_one(const dim *d) {
  int64_t value;
  return dim_is_constant(d, &value) && value == 1;
}

bool dim_is_zero(const dim *d) {
  int64_t value;
  return dim_is_constant(d, &value) && value == 0;
}

const dim *dims_product(dim_table *t, const dim *const *dims, int count) {
  const dim *product = dim_constant(t, 1);
  for (int i = 0; i < count; i++)
    product = dim_multiply(t, product, dims[i]);
  return product;
}

axes row_major(int rank) {
  axes order = {.count = rank};
  for (int i = 0; i < rank; i++)
    order.axis[i] = i;
  return order;
}

bool storage_is_row_major(const root *r) {
  for (int i = 0; i < r->order.count; i++)
    if (r->order.axis[i] != i)
      return false;
  return true;
}

void storage_strides(dim_table *t, shape s, axes order, const dim **strides) {
  const dim *next = dim_constant(t, 1);
  for (int i = s.rank - 1; i >= 0; i--) {
    int axis = order.axis[i];
    strides[axis] = next;
    next = dim_multiply(t, next, s.dims[axis]);
  }
}

/* As if rows were padded, but that B and T together are N tokens. */
static void packed_strides(const fusion *f, const root *r, const dim **strides) {
  dim_table *t = f->graph->dims;
  const ragged *of = f->ragged;
  shape s = r->node->shape;
  const dim *next = dim_constant(t, 1);
  for (int i = s.rank - 1; i >= 0; i--) {
    int axis = r->order.axis[i];
    bool token = s.dims[axis] == of->width, row = s.dims[axis] == of->rows;
    strides[axis] = row ? dim_multiply(t, strides[r->order.axis[i + 1]], of->width) : next;
    if (!token)
      next = dim_multiply(t, next, row ? of->tokens : s.dims[axis]);
  }
}

const dim *root_elements(const fusion *f, const root *r) {
  dim_table *t = f->graph->dims;
  if (!r->packed)
    return shape_elements(t, r->node->shape);
  const dim *elements = f->ragged->tokens;
  for (int i = 0; i < r->node->shape.rank; i++)
    if (r->node->shape.dims[i] != f->ragged->rows && r->node->shape.dims[i] != f->ragged->width)
      elements = dim_multiply(t, elements, r->node->shape.dims[i]);
  return elements;
}

void root_strides(const fusion *f, const root *r, const dim **strides) {
  if (r->packed) {
    packed_strides(f, r, strides);
    return;
  }
  bool scratch = r->storage == STORAGE_SCRATCH;
  int rank = r->node->shape.rank;
  storage_strides(f->graph->dims, r->node->shape, scratch ? row_major(rank) : r->order, strides);
  for (int i = 0; scratch && i < r->held && i < rank; i++)
    strides[i] = dim_constant(f->graph->dims, 0);
}

/* ---- reshapes ---- */

/* Extends a run until both sides have as many elements; false when they never do. */
static bool close_run(dim_table *t, shape from, shape to, reshape_run *r) {
  const dim *left = dim_constant(t, 1), *right = left;
  if (r->from_end < from.rank)
    left = from.dims[r->from_end++];
  if (r->to_end < to.rank)
    right = to.dims[r->to_end++];
  while (left != right) {
    bool more_left = r->from_end < from.rank, more_right = r->to_end < to.rank;
    if (more_left && (!more_right || dim_divide_exact(t, right, left)))
      left = dim_multiply(t, left, from.dims[r->from_end++]);
    else if (more_right && (!more_left || dim_divide_exact(t, left, right)))
      right = dim_multiply(t, right, to.dims[r->to_end++]);
    else
      return false;
  }
  return true;
}

int reshape_runs(dim_table *t, shape from, shape to, reshape_run *runs) {
  int count = 0, i = 0, j = 0;
  while (i < from.rank || j < to.rank) {
    reshape_run r = {.from = i, .from_end = i, .to = j, .to_end = j};
    if (!close_run(t, from, to, &r))
      return -1;
    i = r.from_end;
    j = r.to_end;
    runs[count++] = r;
  }
  return count;
}

/* A run of one old axis splits into new ones; a run of several old axes merges only when they are stored as one. */
static bool view_run(dim_table *t, shape from, shape to, const view *old, reshape_run r, const dim **stride) {
  const dim *inner = NULL, *expected = NULL;
  for (int a = r.from_end - 1; a >= r.from; a--) {
    if (dim_is_one(from.dims[a]))
      continue;
    if (!inner)
      inner = old->stride[a];
    else if (expected != old->stride[a])
      return false;
    expected = dim_multiply(t, old->stride[a], from.dims[a]);
  }
  const dim *next = inner ? inner : dim_constant(t, 0);
  for (int b = r.to_end - 1; b >= r.to; b--) {
    stride[b] = next;
    next = dim_multiply(t, next, to.dims[b]);
  }
  return true;
}

static bool view_reshape(dim_table *t, shape from, shape to, view *v) {
  reshape_run runs[2 * RANK_MAX];
  const dim *stride[RANK_MAX];
  int count = reshape_runs(t, from, to, runs);
  if (count < 0)
    return false;
  for (int i = 0; i < count; i++)
    if (!view_run(t, from, to, v, runs[i], stride))
      return false;
  for (int b = 0; b < to.rank; b++)
    v->stride[b] = stride[b];
  return true;
}

/* ---- views ---- */

static void view_base(const fusion *f, const node *n, view *v) {
  dim_table *t = f->graph->dims;
  const root *r = f->root_of[n->id];
  *v = (view){.base = n, .offset = dim_constant(t, 0)};
  if (r)
    root_strides(f, r, v->stride);
  else
    storage_strides(t, n->shape, row_major(n->shape.rank), v->stride);
}

static void view_axes(dim_table *t, const node *n, view *v) {
  view old = *v;
  for (int i = 0; i < n->shape.rank; i++) {
    if (n->op == OP_permute)
      v->stride[i] = old.stride[n->attributes.axes.axis[i]];
    else if (n->op == OP_expand && n->operands[0]->shape.dims[i] != n->shape.dims[i])
      v->stride[i] = dim_constant(t, 0);
    else if (n->op == OP_slice) {
      v->offset = dim_add(t, v->offset, dim_multiply(t, n->attributes.slice.low[i], old.stride[i]));
      v->stride[i] = dim_multiply(t, old.stride[i], dim_constant(t, n->attributes.slice.step[i]));
    }
  }
}

/* [B, T, …] of packed tokens [N, …]. */
static bool view_unpacked(const fusion *f, const node *n, view *v) {
  if (!view_of(f, n->operands[0], v) || v->bounded)
    return false;
  v->bounded = true;
  v->token = v->stride[0];
  for (int i = n->shape.rank - 1; i > 1; i--)
    v->stride[i] = v->stride[i - 1];
  v->stride[1] = v->token;
  v->stride[0] = dim_multiply(f->graph->dims, v->token, f->ragged->width);
  return true;
}

static bool view_below_mask(const fusion *f, const node *n, view *v) {
  return view_of(f, n->operands[1], v) && v->bounded;
}

/* [N, …] of a product that is stored packed: its B and T as one axis. */
static bool view_packed(const fusion *f, const node *n, view *v) {
  if (!view_of(f, n->operands[0], v))
    return false;
  const root *r = f->root_of[v->base->id];
  return r && r->packed;
}

bool view_of(const fusion *f, const node *n, view *v) {
  if (f->root_of[n->id] || n->op == OP_input) {
    view_base(f, n, v);
    return true;
  }
  if (ragged_is_unpacked(f, n))
    return n->op == OP_gather ? view_unpacked(f, n, v) : view_below_mask(f, n, v);
  if (ragged_is_packed(f, n))
    return view_packed(f, n, v);
  if (op_describe(n->op)->class != CLASS_MOVEMENT || n->op == OP_concat || n->op == OP_pad)
    return false;
  if (!view_of(f, n->operands[0], v))
    return false;
  if (n->op == OP_reshape)
    return view_reshape(f->graph->dims, n->operands[0]->shape, n->shape, v);
  view_axes(f->graph->dims, n, v);
  return true;
}

bool view_is_matrix(const view *v, shape s) {
  int row = s.rank - 2, column = s.rank - 1;
  bool row_one = dim_is_one(s.dims[row]), column_one = dim_is_one(s.dims[column]);
  if (dim_is_one(v->stride[column]) || column_one)
    return row_one || !dim_is_zero(v->stride[row]);
  if (dim_is_one(v->stride[row]) || row_one)
    return !dim_is_zero(v->stride[column]);
  return false;
}

bool view_is_dense(const fusion *f, const view *v, shape s) {
  const dim *dense[RANK_MAX];
  storage_strides(f->graph->dims, s, row_major(s.rank), dense);
  for (int i = 0; i < s.rank; i++)
    if (v->stride[i] != dense[i] && !dim_is_one(s.dims[i]))
      return false;
  return true;
}
