/* Movement of tensors, with their ragged axes. What would put padding among real elements is an error here. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

static node *with_ragged(elaborator *e, node *n, ragged_axes r) {
  if (n)
    ragged_set(e, n, r);
  return n;
}

static node *breaks_ragged(elaborator *e, const node *x, int axis, const char *how, span where) {
  diagnostic *d = elaborate_error(e, where, "%s the ragged dimension %s of %s", how,
                                  dim_describe(e, x->shape.dims[axis]), node_describe(e, x));
  diagnostic_hint(d, "pad(x) makes a dense tensor of it, with zeros behind the end of each row");
  elaborate_failed(e, d);
  return NULL;
}

/* ---- reshape ---- */

/* The axis of `to` that holds the same elements in the same order as axis `axis` of `from`: of the same size, with as
 * many elements in front of it. -1 when there is none. */
static int same_axis(dim_table *t, shape from, int axis, shape to) {
  const dim *before = dim_constant(t, 1), *front = before;
  for (int i = 0; i < axis; i++)
    before = dim_multiply(t, before, from.dims[i]);
  for (int i = 0; i < to.rank; i++) {
    if (front == before && to.dims[i] == from.dims[axis])
      return i;
    front = dim_multiply(t, front, to.dims[i]);
  }
  return -1;
}

node *tensor_reshape(elaborator *e, node *x, shape s, span where) {
  if (shape_equal(x->shape, s))
    return x;
  ragged_axes r = ragged_of(e, x), moved = ragged_none();
  node *n = tensor_make(e, OP_reshape, 1, &x, NULL, x->dtype, &s, where);
  for (int i = 0; n && i < x->shape.rank; i++) {
    if (r.rows[i] < 0)
      continue;
    int axis = same_axis(e->graph->dims, x->shape, i, s), row = same_axis(e->graph->dims, x->shape, r.rows[i], s);
    if (axis < 0 || row < 0)
      return breaks_ragged(e, x, i, "a reshape cannot merge", where);
    moved.rows[axis] = (int8_t)row;
  }
  return with_ragged(e, n, moved);
}

node *tensor_permute(elaborator *e, node *x, axes order, span where) {
  ragged_axes r = ragged_of(e, x), moved = ragged_none();
  node_attributes attributes = {.axes = order};
  node *n = tensor_make(e, OP_permute, 1, &x, &attributes, x->dtype, NULL, where);
  if (!n)
    return NULL;
  int place[RANK_MAX] = {0};
  for (int i = 0; i < order.count; i++)
    place[order.axis[i]] = i;
  for (int i = 0; i < order.count; i++)
    if (r.rows[i] >= 0)
      moved.rows[place[i]] = (int8_t)place[r.rows[i]];
  return with_ragged(e, n, moved);
}

node *tensor_transpose(elaborator *e, node *x, span where) {
  axes order = {.count = x->shape.rank};
  for (int i = 0; i < order.count; i++)
    order.axis[i] = i;
  if (order.count < 2) {
    elaborate_failed(e, elaborate_error(e, where, "'.T' needs two axes, not %s", node_describe(e, x)));
    return NULL;
  }
  order.axis[order.count - 2] = order.count - 1;
  order.axis[order.count - 1] = order.count - 2;
  return tensor_permute(e, x, order, where);
}

node *tensor_broadcast(elaborator *e, node *x, shape s, span where) {
  int missing = s.rank - x->shape.rank;
  ragged_axes r = ragged_of(e, x), moved = ragged_none();
  for (int i = 0; i < x->shape.rank; i++)
    if (r.rows[i] >= 0)
      moved.rows[i + missing] = (int8_t)(r.rows[i] + missing);
  if (missing > 0) {
    shape wide = {.rank = s.rank};
    for (int i = 0; i < s.rank; i++)
      wide.dims[i] = i < missing ? dim_constant(e->graph->dims, 1) : x->shape.dims[i - missing];
    x = with_ragged(e, graph_reshape(e->graph, x, wide, where), moved);
  }
  if (shape_equal(x->shape, s))
    return x;
  return with_ragged(e, tensor_make(e, OP_expand, 1, &x, NULL, x->dtype, &s, where), moved);
}

/* ---- slices ---- */

static bool is_whole(elaborator *e, const node *x, const node_attributes *slice, shape sizes, int axis) {
  return sizes.dims[axis] == x->shape.dims[axis] && slice->slice.step[axis] == 1 &&
         slice->slice.low[axis] == dim_constant(e->graph->dims, 0);
}

/* Every row has a first element; of others a row may be too short. */
static bool is_first(elaborator *e, const node_attributes *slice, shape sizes, int axis) {
  return sizes.dims[axis] == dim_constant(e->graph->dims, 1) &&
         slice->slice.low[axis] == dim_constant(e->graph->dims, 0);
}

node *tensor_slice(elaborator *e, node *x, const node_attributes *slice, shape sizes, span where) {
  ragged_axes r = ragged_of(e, x), kept = ragged_none();
  bool whole = true;
  for (int i = 0; i < x->shape.rank; i++) {
    whole = whole && is_whole(e, x, slice, sizes, i);
    if (r.rows[i] < 0)
      continue;
    if (is_whole(e, x, slice, sizes, i) && !is_whole(e, x, slice, sizes, r.rows[i]))
      return breaks_ragged(e, x, i, "a slice of the rows loses the ends of", where);
    if (is_whole(e, x, slice, sizes, i))
      kept.rows[i] = r.rows[i];
    else if (!is_first(e, slice, sizes, i))
      return breaks_ragged(e, x, i, "only the first element, or all, can be taken of", where);
  }
  if (whole)
    return x;
  return with_ragged(e, tensor_make(e, OP_slice, 1, &x, slice, x->dtype, &sizes, where), kept);
}

/* ---- concatenation and padding ---- */

static bool changes_ragged(elaborator *e, const node *x, ragged_axes r, int axis, const char *how, span where) {
  for (int i = 0; i < x->shape.rank; i++)
    if (r.rows[i] >= 0 && (i == axis || r.rows[i] == axis)) {
      breaks_ragged(e, x, i, how, where);
      return true;
    }
  return false;
}

node *tensor_concat(elaborator *e, int count, node *const *items, int axis, span where) {
  ragged_axes joined = ragged_none();
  for (int n = 0; n < count; n++) {
    ragged_axes r = ragged_of(e, items[n]);
    if (count > 1 && changes_ragged(e, items[n], r, axis, "'concat' would put elements behind", where))
      return NULL;
    for (int i = 0; i < items[n]->shape.rank; i++)
      if (r.rows[i] >= 0)
        joined.rows[i] = r.rows[i];
  }
  if (count == 1)
    return items[0];
  node_attributes attributes = {.axes = {.count = 1, .axis = {axis}}};
  return with_ragged(e, tensor_make(e, OP_concat, count, items, &attributes, items[0]->dtype, NULL, where), joined);
}

node *tensor_zero_pad(elaborator *e, node *x, int axis, const dim *before, const dim *after, span where) {
  const dim *zero = dim_constant(e->graph->dims, 0);
  ragged_axes r = ragged_of(e, x);
  if (before == zero && after == zero)
    return x;
  if (changes_ragged(e, x, r, axis, "'zero_pad' would put zeros behind", where))
    return NULL;
  node_attributes attributes = {0};
  for (int i = 0; i < x->shape.rank; i++) {
    attributes.pad.low[i] = i == axis ? before : zero;
    attributes.pad.high[i] = i == axis ? after : zero;
  }
  return with_ragged(e, tensor_make(e, OP_pad, 1, &x, &attributes, x->dtype, NULL, where), r);
}
