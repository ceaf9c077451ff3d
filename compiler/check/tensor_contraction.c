/* Matrix products as numpy's `@`, and rows gathered from a table, with their ragged axes. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

static node *cannot_multiply(elaborator *e, scope *around, operand left, operand right, const dim *p, const dim *q,
                             span where) {
  const node *x = left.value.as.tensor, *y = right.value.as.tensor;
  diagnostic *d =
      elaborate_error(e, where, "the shapes of '@' do not fit: %s and %s", node_describe(e, x), node_describe(e, y));
  diagnostic_label(d, left.where, "%s", node_describe(e, x));
  diagnostic_label(d, right.where, "%s", node_describe(e, y));
  if (p != q) {
    diagnostic_note(d, (span){0}, "the inner sizes are %s and %s", dim_describe(e, p), dim_describe(e, q));
    note_sizes(e, d, around, 2, (value[]){value_size(p), value_size(q)});
    if (x->shape.rank > 1 && y->shape.rank > 1 && y->shape.dims[y->shape.rank - 1] == p)
      diagnostic_hint(d, "is the second one to be transposed? x @ y.T");
  }
  elaborate_failed(e, d);
  return NULL;
}

/* A vector as a matrix with one row or one column. */
static node *as_matrix(elaborator *e, node *x, bool row, span where) {
  if (x->shape.rank != 1)
    return x;
  const dim *one = dim_constant(e->graph->dims, 1);
  shape s = {.rank = 2, .dims = {row ? one : x->shape.dims[0], row ? x->shape.dims[0] : one}};
  return tensor_reshape(e, x, s, where);
}

static shape without_matrix(shape s) {
  s.rank -= 2;
  return s;
}

static shape with_matrix(shape front, shape of) {
  front.dims[front.rank++] = of.dims[of.rank - 2];
  front.dims[front.rank++] = of.dims[of.rank - 1];
  return front;
}

/* Equal axes in front of the matrices, except that y may be one matrix for all of x's. */
static bool match_fronts(elaborator *e, node **x, node **y, span where) {
  shape common;
  if ((*y)->shape.rank == 2)
    return true;
  if (!shape_broadcast(without_matrix((*x)->shape), without_matrix((*y)->shape), &common, e->graph->dims))
    return false;
  *x = tensor_broadcast(e, *x, with_matrix(common, (*x)->shape), where);
  *y = tensor_broadcast(e, *y, with_matrix(common, (*y)->shape), where);
  return true;
}

/* x: [p.., i, k], y: [p.., k, j] or [k, j], as the graph has it. */
static node *product(elaborator *e, node *x, node *y, span where) {
  int rank = x->shape.rank, inner_x = rank - 1, inner_y = y->shape.rank - 2;
  ragged_axes rx = ragged_of(e, x), ry = ragged_of(e, y), r = ragged_none();
  unsigned mask_x = ragged_to_mask(rx, 1u << inner_x), mask_y = ragged_to_mask(ry, 1u << inner_y);
  for (int i = 0; i < rank - 1; i++)
    if (rx.rows[i] >= 0 && !(mask_x >> i & 1))
      r.rows[i] = rx.rows[i];
  for (int i = 0; y->shape.rank == rank && i < rank; i++)
    if (ry.rows[i] >= 0 && !(mask_y >> i & 1))
      r.rows[i] = ry.rows[i];
  /* One masked operand is enough: zero times what is finite. */
  if (rx.rows[inner_x] >= 0 && y->shape.rank == rank && rx.rows[inner_x] == ry.rows[inner_y])
    mask_y &= ~(1u << inner_y);
  node *operands[] = {ragged_fill(e, x, mask_x, 0, where), ragged_fill(e, y, mask_y, 0, where)};
  node *n = tensor_make(e, OP_matmul, 2, operands, NULL, DTYPE_F32, NULL, where);
  if (n)
    ragged_set(e, n, ragged_join(e, n->shape, r, 2, (node *[]){x, y}));
  return n;
}

node *tensor_matmul(elaborator *e, scope *around, operand left, operand right, span where) {
  for (int i = 0; i < 2; i++) {
    operand o = i == 0 ? left : right;
    if (o.value.kind == VALUE_ERROR)
      return NULL;
    if (o.value.kind == VALUE_TENSOR && o.value.as.tensor->shape.rank > 0)
      continue;
    elaborate_failed(e, elaborate_error(e, o.where, "'@' takes tensors with axes, not %s", value_describe(e, o.value)));
    return NULL;
  }
  bool row = left.value.as.tensor->shape.rank == 1, column = right.value.as.tensor->shape.rank == 1;
  node *x = as_matrix(e, left.value.as.tensor, true, where), *y = as_matrix(e, right.value.as.tensor, false, where);
  if (!x || !y)
    return NULL;
  const dim *p = x->shape.dims[x->shape.rank - 1], *q = y->shape.dims[y->shape.rank - 2];
  if (p != q || !match_fronts(e, &x, &y, where))
    return cannot_multiply(e, around, left, right, p, q, where);
  node *n = x && y ? product(e, x, y, where) : NULL;
  if (!n || (!row && !column))
    return n;
  shape s = n->shape;
  if (column)
    s.rank--;
  if (row) {
    int at = s.rank - (column ? 1 : 2);
    for (int i = at; i + 1 < s.rank; i++)
      s.dims[i] = s.dims[i + 1];
    s.rank--;
  }
  return tensor_reshape(e, n, s, where);
}

node *tensor_gather(elaborator *e, node *table, node *ids, span where) {
  if (ids->dtype != DTYPE_I32 && ids->dtype != DTYPE_I64) {
    elaborate_failed(e, elaborate_error(e, where, "rows are gathered by i32 or i64, not %s", node_describe(e, ids)));
    return NULL;
  }
  ragged_axes rows = ragged_of(e, table), r = ragged_of(e, ids);
  for (int i = 0; i < table->shape.rank; i++)
    if (rows.rows[i] >= 0 && (i == 0 || rows.rows[i] == 0)) {
      diagnostic *d = elaborate_error(e, where, "rows cannot be gathered from %s: its dimension %s is ragged",
                                      node_describe(e, table), dim_describe(e, table->shape.dims[i]));
      diagnostic_hint(d, "pad(x) makes a dense tensor of it, with zeros behind the end of each row");
      elaborate_failed(e, d);
      return NULL;
    }
  for (int i = 1; i < table->shape.rank && ids->shape.rank + i - 1 < RANK_MAX; i++)
    if (rows.rows[i] >= 0)
      r.rows[ids->shape.rank + i - 1] = (int8_t)(ids->shape.rank + rows.rows[i] - 1);
  node *operands[] = {table, ragged_fill(e, ids, ~0u, 0, where)};
  node *n = tensor_make(e, OP_gather, 2, operands, NULL, table->dtype, NULL, where);
  if (n)
    ragged_set(e, n, ragged_join(e, n->shape, r, 2, (node *[]){table, ids}));
  return n;
}

node *tensor_scatter_add(elaborator *e, node *x, node *ids, const dim *rows, span where) {
  node *const operands[] = {x, ids};
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < operands[k]->shape.rank; i++)
      if (ragged_of(e, operands[k]).rows[i] >= 0) {
        diagnostic *d = elaborate_error(e, where, "rows of %s cannot be added up: its dimension %s is ragged",
                                        node_describe(e, operands[k]), dim_describe(e, operands[k]->shape.dims[i]));
        diagnostic_hint(d, "pad(x) makes a dense tensor of it, with zeros behind the end of each row");
        elaborate_failed(e, d);
        return NULL;
      }
  shape result = {.rank = 1, .dims = {rows}};
  for (int i = ids->shape.rank; i < x->shape.rank; i++)
    result.dims[result.rank++] = x->shape.dims[i];
  node *in_order[] = {ids, x};
  return tensor_make(e, OP_scatter_add, 2, in_order, NULL, x->dtype, &result, where);
}
