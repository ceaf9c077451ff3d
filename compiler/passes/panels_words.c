#include "compiler/passes/panels_words.h"

static int64_t constant_size(const dim *d) {
  int64_t size;
  return dim_is_constant(d, &size) ? size : 0;
}

/* Every second row from `first` on. */
static node *half_of_rows(graph *g, node *matrix, int first) {
  dim_table *t = g->dims;
  shape half = {.rank = 2, .dims = {dim_constant(t, constant_size(matrix->shape.dims[0]) / 2), matrix->shape.dims[1]}};
  node_attributes a = {.slice = {.low = {dim_constant(t, first), dim_constant(t, 0)}, .step = {2, 1}}};
  return graph_add(g, OP_slice, 1, &matrix, &a, DTYPE_F32, &half, matrix->where);
}

node *words_keep(graph *g, node *matrix) {
  if (constant_size(matrix->shape.dims[0]) % 2) {
    const dim *zero = dim_constant(g->dims, 0);
    node_attributes a = {.pad = {.low = {zero, zero}, .high = {dim_constant(g->dims, 1), zero}}};
    matrix = graph_add(g, OP_pad, 1, &matrix, &a, DTYPE_F32, NULL, matrix->where);
  }
  node *even = half_of_rows(g, matrix, 0), *odd = half_of_rows(g, matrix, 1);
  return graph_binary(g, OP_bf16_words, even, odd, matrix->where);
}

node *words_read(graph *g, node *words, shape matrix, span where) {
  dim_table *t = g->dims;
  const dim *rows = words->shape.dims[0], *columns = words->shape.dims[1], *two = dim_constant(t, 2);
  shape apart = {.rank = 3, .dims = {rows, dim_constant(t, 1), columns}};
  node *halves[] = {graph_reshape(g, graph_unary(g, OP_bf16_lower, words, where), apart, where),
                    graph_reshape(g, graph_unary(g, OP_bf16_upper, words, where), apart, where)};
  node_attributes along = {.axes = {.count = 1, .axis = {1}}};
  node *mixed = graph_add(g, OP_concat, 2, halves, &along, DTYPE_F32, NULL, where);
  shape together = {.rank = 2, .dims = {dim_multiply(t, rows, two), columns}};
  node *read = graph_reshape(g, mixed, together, where);
  if (shape_equal(together, matrix))
    return read;
  const dim *zero = dim_constant(t, 0);
  node_attributes a = {.slice = {.low = {zero, zero}, .step = {1, 1}}};
  return graph_add(g, OP_slice, 1, &read, &a, DTYPE_F32, &matrix, where);
}

static bool cuts_last_row(const node *slice) {
  const node_attributes *a = &slice->attributes;
  const shape *from = &slice->operands[0]->shape;
  return slice->shape.rank == 2 && slice->shape.dims[1] == from->dims[1] && dim_is_zero(a->slice.low[0]) &&
         dim_is_zero(a->slice.low[1]) && a->slice.step[0] == 1 && a->slice.step[1] == 1 &&
         constant_size(slice->shape.dims[0]) == constant_size(from->dims[0]) - 1;
}

/* The half that a reshape to [words, 1, n] reads; NULL when it is none. */
static const node *half_read(const node *apart, op half) {
  const node *from = apart->op == OP_reshape ? apart->operands[0] : apart;
  bool good = apart->op == OP_reshape && from->op == half && from->shape.rank == 2 && apart->shape.rank == 3 &&
              apart->shape.dims[0] == from->shape.dims[0] && apart->shape.dims[2] == from->shape.dims[1];
  return good ? from : NULL;
}

const node *words_kept(const node *n, const node **between, int *count) {
  const node *slice = n->op == OP_slice && cuts_last_row(n) ? n : NULL, *together = slice ? n->operands[0] : n;
  if (together->op != OP_reshape || together->shape.rank != 2)
    return NULL;
  const node *mixed = together->operands[0];
  if (mixed->op != OP_concat || mixed->operand_count != 2 || mixed->attributes.axes.axis[0] != 1 ||
      mixed->shape.rank != 3 || mixed->shape.dims[2] != together->shape.dims[1])
    return NULL;
  const node *lower = half_read(mixed->operands[0], OP_bf16_lower),
             *upper = half_read(mixed->operands[1], OP_bf16_upper);
  if (!lower || !upper || lower->operands[0] != upper->operands[0])
    return NULL;
  const node *nodes[] = {together, mixed, mixed->operands[0], mixed->operands[1], lower, upper, slice};
  *count = slice ? 7 : 6;
  for (int i = 0; i < *count; i++)
    between[i] = nodes[i];
  return lower->operands[0];
}
