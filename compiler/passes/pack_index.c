/* Which token lies where: integers from the lengths, computed in the step itself. Tokens are numbered row by row. */
#include "compiler/passes/pack.h"

static span here(const packing *p) {
  return p->lengths->where;
}

static shape matrix(const dim *rows, const dim *columns) {
  return (shape){.rank = 2, .dims = {rows, columns}};
}

static shape vector(const dim *size) {
  return (shape){.rank = 1, .dims = {size}};
}

static const dim *one(const packing *p) {
  return dim_constant(p->to->dims, 1);
}

static node *counting(packing *p, shape s, int axis) {
  node_attributes along = {.axes = {.count = 1, .axis = {axis}}};
  return graph_add(p->to, OP_iota, 0, NULL, &along, DTYPE_I32, &s, here(p));
}

static node *integer(packing *p, int64_t value) {
  return graph_constant(p->to, (double)value, DTYPE_I32, (shape){0}, here(p));
}

static node *binary(packing *p, op o, node *x, node *y) {
  return graph_binary(p->to, o, x, y, here(p));
}

static node *sum_columns(packing *p, node *x) {
  node *sum = graph_reduce(p->to, OP_reduce_sum, x, (axes){.count = 1, .axis = {1}}, here(p));
  return graph_reshape(p->to, sum, vector(x->shape.dims[0]), here(p));
}

/* A vector along an axis of s, the other axes repeated. */
static node *spread(packing *p, node *x, shape s, int axis) {
  shape narrow = {.rank = s.rank};
  for (int i = 0; i < s.rank; i++)
    narrow.dims[i] = i == axis ? s.dims[i] : one(p);
  return graph_expand(p->to, graph_reshape(p->to, x, narrow, here(p)), s, here(p));
}

static node *lengths(packing *p) {
  return packing_dense(p, p->lengths);
}

/* i32[B]: the token behind each row's last one. */
static node *ends(packing *p) {
  if (p->ends)
    return p->ends;
  shape s = matrix(p->rows, p->rows);
  node *before = binary(p, OP_less_equal, counting(p, s, 1), counting(p, s, 0));
  node *counted = graph_where(p->to, before, spread(p, lengths(p), s, 1), integer(p, 0), here(p));
  return p->ends = sum_columns(p, counted);
}

static node *starts(packing *p) {
  return binary(p, OP_sub, ends(p), lengths(p));
}

node *packing_row(packing *p) {
  if (p->row)
    return p->row;
  shape s = matrix(p->tokens, p->rows);
  node *behind = binary(p, OP_less_equal, spread(p, ends(p), s, 1), counting(p, s, 0));
  return p->row = sum_columns(p, graph_cast(p->to, behind, DTYPE_I32, here(p)));
}

node *packing_position(packing *p) {
  if (p->position)
    return p->position;
  node *start = binary(p, OP_gather, starts(p), packing_row(p));
  return p->position = binary(p, OP_sub, counting(p, vector(p->tokens), 0), start);
}

/* T as a number: the last of 0 … T - 1, and one. */
static node *width(packing *p) {
  node_attributes last = {.slice = {.low = {dim_subtract(p->to->dims, p->width, one(p))}, .step = {1}}};
  shape s = vector(one(p));
  node *x = counting(p, vector(p->width), 0);
  x = graph_add(p->to, OP_slice, 1, &x, &last, DTYPE_I32, &s, here(p));
  return binary(p, OP_add, graph_reshape(p->to, x, (shape){0}, here(p)), integer(p, 1));
}

node *packing_place(packing *p) {
  if (!p->place)
    p->place = binary(p, OP_add, binary(p, OP_mul, packing_row(p), width(p)), packing_position(p));
  return p->place;
}

static node *lasts(packing *p) {
  return binary(p, OP_maximum, binary(p, OP_sub, ends(p), integer(p, 1)), integer(p, 0));
}

node *packing_first(packing *p) {
  if (!p->first)
    p->first = binary(p, OP_minimum, starts(p), lasts(p));
  return p->first;
}

/* Behind the end of a row its last token stands in: what is made of it is as finite as it is. */
node *packing_token(packing *p) {
  if (p->token)
    return p->token;
  shape s = matrix(p->rows, p->width);
  node *running = binary(p, OP_add, counting(p, s, 1), spread(p, starts(p), s, 0));
  return p->token = binary(p, OP_minimum, running, spread(p, lasts(p), s, 0));
}

node *packing_mask(packing *p) {
  if (p->mask)
    return p->mask;
  shape s = matrix(p->rows, p->width);
  return p->mask = binary(p, OP_less, counting(p, s, 1), spread(p, lengths(p), s, 0));
}
