#include "compiler/graph/rows.h"

int rows_axis(const node *n, const dim *rows) {
  int found = -1;
  for (int i = 0; i < n->shape.rank; i++)
    if (n->shape.dims[i] == rows)
      found = found == -1 ? i : -2;
  return found;
}

bool rows_reduced(const node *n, const dim *rows) {
  int axis = rows_axis(n->operands[0], rows);
  for (int i = 0; i < n->attributes.axes.count; i++)
    if (n->attributes.axes.axis[i] == axis)
      return true;
  return false;
}

/* Rows stay rows where what stands before their axis keeps its sizes. */
static bool reshape_keeps(const node *n, const dim *rows) {
  int axis = rows_axis(n, rows);
  if (axis < 0 || axis != rows_axis(n->operands[0], rows))
    return false;
  for (int i = 0; i < axis; i++)
    if (n->shape.dims[i] != n->operands[0]->shape.dims[i])
      return false;
  return true;
}

/* The same axis, with nothing cut from it or added to it. */
static bool movement_keeps(const node *n, const dim *rows) {
  int axis = rows_axis(n, rows);
  if (n->op == OP_permute || n->op == OP_expand)
    return true;
  if (n->op == OP_reshape)
    return reshape_keeps(n, rows);
  for (int i = 0; i < n->operand_count; i++)
    if (rows_axis(n->operands[i], rows) != axis)
      return false;
  return n->op != OP_concat || n->attributes.axes.axis[0] != axis;
}

/* Rows of one side as they are; or of both, as the axis of equal products. */
static bool product_keeps(const node *n, const dim *rows, const bool *by_row) {
  const node *x = n->operands[0], *y = n->operands[1];
  int x_axis = rows_axis(x, rows), y_axis = rows_axis(y, rows);
  if ((by_row[0] && x_axis == x->shape.rank - 1) || (by_row[1] && y_axis == y->shape.rank - 2))
    return false;
  if (by_row[0] && by_row[1])
    return x_axis == y_axis && x->shape.rank == y->shape.rank && x_axis < x->shape.rank - 2;
  return true;
}

/* Whether pointwise operands agree about where the rows are. */
static bool same_axis(const node *n, const dim *rows) {
  for (int i = 0; i < n->operand_count; i++)
    if (n->operands[i]->shape.rank > 0 && rows_axis(n->operands[i], rows) != rows_axis(n, rows))
      return false;
  return true;
}

bool rows_apart(const node *n, const dim *rows, const bool *by_row) {
  switch (op_describe(n->op)->class) {
  case CLASS_POINTWISE:
    return same_axis(n, rows);
  case CLASS_REDUCTION:
    return !rows_reduced(n, rows);
  case CLASS_MOVEMENT:
    return movement_keeps(n, rows);
  case CLASS_CONTRACTION:
    return product_keeps(n, rows, by_row);
  case CLASS_GATHER: /* rows look up in a table that is no row's */
    return !by_row[0];
  case CLASS_SCATTER:
  case CLASS_RANDOM:
  case CLASS_LEAF:
    return false;
  }
  return false;
}
