/* Rows of a ragged group: from the first token of each as far as it goes. */
#include "compiler/kernel/lower.h"

/* A product over short rows takes longer than its multiplications: about as if rows were so much longer. */
enum { LENGTH_MORE = 32 };

const subscript *bound_of(lowering *l, const dim *size) {
  return l->g->ragged && size == l->f->ragged->width ? l->length : subscript_dim(l->b, size);
}

/* ---- rows ---- */

/* An element of a vector over B as a number that the row keeps. */
static const subscript *row_number(lowering *l, const node *vector, const places *at, const subscript *about) {
  int number = builder_register(l->b, vector->dtype);
  builder_set(l->b, number, lower_node(l, vector, at))->reg.about = about;
  return subscript_of_value(l->b, value_register(l->b, number));
}

void lower_ragged_row(lowering *l) {
  const ragged *r = l->f->ragged;
  shape s = l->g->contraction->node->shape;
  places batch = {0}, at = {0};
  places_split(l->b, s.dims, s.rank - 2, l->row, batch.axis);
  at.axis[0] = batch.axis[ragged_row_axis(r, s, s.rank - 2)];
  l->generation++;
  const subscript *tokens = subscript_dim(l->b, r->tokens), *rows = subscript_dim(l->b, r->rows);
  l->length = row_number(l, r->lengths, &at, subscript_binary(l->b, SUBSCRIPT_DIVIDE, tokens, rows));
  l->start = row_number(l, r->starts, &at, NULL);
}

/* ---- parts ---- */

static const subscript *number_in(lowering *l, int number) {
  return subscript_of_value(l->b, value_register(l->b, number));
}

static int new_number(lowering *l, const subscript *s) {
  int number = builder_register(l->b, DTYPE_I64);
  builder_set(l->b, number, value_index(l->b, s, DTYPE_I64));
  return number;
}

static void add_to(lowering *l, int number, const subscript *s) {
  builder_accumulate(l->b, number, OP_add, value_index(l->b, s, DTYPE_I64));
}

/* A loop over B; about how long a product over the row takes, 1 or more. */
static const subscript *open_rows(lowering *l) {
  kernel_builder *b = l->b;
  const subscript *variable = subscript_variable(b, builder_variable(b));
  builder_loop(b, variable->number, subscript_constant(b, 0), subscript_dim(b, l->f->ragged->rows), 1, false);
  places at = {.axis = {place_of(b, variable)}};
  l->generation++;
  const subscript *length = subscript_of_value(b, lower_node(l, l->f->ragged->lengths, &at));
  const subscript *more = subscript_add(b, length, subscript_constant(b, LENGTH_MORE));
  const subscript *one = subscript_constant(b, 1);
  int cost = new_number(l, subscript_binary(b, SUBSCRIPT_MAXIMUM, subscript_multiply(b, length, more), one));
  return number_in(l, cost);
}

/* How many of a row's `count` products begin before `target`: they are spread evenly over [begin, begin + cost). */
static const subscript *products_before(lowering *l, const subscript *target, const subscript *begin,
                                        const subscript *cost, const subscript *count) {
  kernel_builder *b = l->b;
  const subscript *left = subscript_binary(b, SUBSCRIPT_SUBTRACT, target, begin);
  left = subscript_binary(b, SUBSCRIPT_MAXIMUM, left, subscript_constant(b, 0));
  return subscript_binary(b, SUBSCRIPT_MINIMUM, subscript_parts(b, subscript_multiply(b, left, count), cost), count);
}

void lower_ragged_part(lowering *l, const subscript **from, const subscript **to) {
  kernel_builder *b = l->b;
  shape s = l->g->contraction->node->shape;
  if (s.dims[0] != l->f->ragged->rows)
    return;
  const subscript *count = subscript_dim(b, dims_product(builder_dims(b), s.dims + 1, s.rank - 3));
  const subscript *zero = subscript_constant(b, 0), *bounds[] = {*from, *to};
  int total = new_number(l, zero), begin = new_number(l, zero), targets[2], rows[2];
  add_to(l, total, open_rows(l));
  builder_end(b);
  for (int i = 0; i < 2; i++) {
    const subscript *share = subscript_multiply(b, bounds[i], number_in(l, total));
    targets[i] = new_number(l, subscript_binary(b, SUBSCRIPT_DIVIDE, share, l->rows));
    rows[i] = new_number(l, zero);
  }
  const subscript *cost = open_rows(l);
  for (int i = 0; i < 2; i++)
    add_to(l, rows[i], products_before(l, number_in(l, targets[i]), number_in(l, begin), cost, count));
  add_to(l, begin, cost);
  builder_end(b);
  for (int i = 0; i < 2; i++) {
    int number = builder_register(b, DTYPE_I64);
    builder_set(b, number, value_register(b, rows[i]))->reg.about = bounds[i];
    *(i == 0 ? from : to) = number_in(l, number);
  }
}
