/* Building graphs node by node. */
#include "compiler/graph/condition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

graph *graph_create(arena *a, dim_table *dims, const char *name) {
  graph *g = arena_new(a, graph);
  *g = (graph){.arena = a, .dims = dims, .name = name};
  return g;
}

static _Noreturn void fail(span where, const char *wrong) {
  fprintf(stderr, "internal error: a node is illegal: %s (%s:%d)\n", wrong, where.file ? where.file->path : "?",
          where.line);
  abort();
}

node *graph_add(graph *g, op o, int operand_count, node *const *operands, const node_attributes *attributes, dtype type,
                const shape *declared, span where) {
  shape s = declared ? *declared : (shape){0};
  const char *wrong = graph_check(g, o, operand_count, operands, attributes, &type, &s);
  if (wrong)
    fail(where, wrong);
  node *n = arena_new(g->arena, node);
  *n = (node){.id = g->node_count, .op = o, .dtype = type, .shape = s, .operand_count = operand_count, .where = where};
  if (operand_count) {
    n->operands = arena_array(g->arena, node *, operand_count);
    memcpy(n->operands, operands, sizeof *operands * (size_t)operand_count);
  }
  if (attributes)
    n->attributes = *attributes;
  arena_append(g->arena, g->nodes, g->node_count, n);
  condition_require(g, n);
  return n;
}

node *graph_input(graph *g, input_kind kind, const char *name, dtype type, shape s, span where) {
  node_attributes attributes = {.input = {kind, name}};
  return graph_add(g, OP_input, 0, NULL, &attributes, type, &s, where);
}

node *graph_constant(graph *g, double number, dtype type, shape s, span where) {
  node_attributes attributes = {.number = number};
  return graph_add(g, OP_constant, 0, NULL, &attributes, type, &s, where);
}

node *graph_scalar(graph *g, double number, span where) {
  return graph_constant(g, number, DTYPE_F32, (shape){0}, where);
}

node *graph_unary(graph *g, op o, node *x, span where) {
  return graph_add(g, o, 1, (node *[]){x}, NULL, DTYPE_F32, NULL, where);
}

node *graph_binary(graph *g, op o, node *x, node *y, span where) {
  return graph_add(g, o, 2, (node *[]){x, y}, NULL, DTYPE_F32, NULL, where);
}

node *graph_where(graph *g, node *condition, node *x, node *y, span where) {
  return graph_add(g, OP_where, 3, (node *[]){condition, x, y}, NULL, DTYPE_F32, NULL, where);
}

node *graph_cast(graph *g, node *x, dtype type, span where) {
  return x->dtype == type ? x : graph_add(g, OP_cast, 1, (node *[]){x}, NULL, type, NULL, where);
}

node *graph_reduce(graph *g, op o, node *x, axes over, span where) {
  node_attributes attributes = {.axes = over};
  return graph_add(g, o, 1, (node *[]){x}, &attributes, DTYPE_F32, NULL, where);
}

node *graph_expand(graph *g, node *x, shape s, span where) {
  return shape_equal(x->shape, s) ? x : graph_add(g, OP_expand, 1, (node *[]){x}, NULL, x->dtype, &s, where);
}

node *graph_reshape(graph *g, node *x, shape s, span where) {
  return shape_equal(x->shape, s) ? x : graph_add(g, OP_reshape, 1, (node *[]){x}, NULL, x->dtype, &s, where);
}

node *graph_permute(graph *g, node *x, axes order, span where) {
  node_attributes attributes = {.axes = order};
  return graph_add(g, OP_permute, 1, (node *[]){x}, &attributes, x->dtype, NULL, where);
}

node *graph_matmul(graph *g, node *x, node *y, span where) {
  return graph_binary(g, OP_matmul, x, y, where);
}

node *graph_transpose(graph *g, node *x, span where) {
  axes order = {.count = x->shape.rank};
  for (int i = 0; i < order.count; i++)
    order.axis[i] = i;
  if (order.count < 2)
    fail(where, "a transpose needs two axes");
  order.axis[order.count - 2] = order.count - 1;
  order.axis[order.count - 1] = order.count - 2;
  return graph_permute(g, x, order, where);
}

node *graph_broadcast(graph *g, node *x, shape s, span where) {
  int missing = s.rank - x->shape.rank;
  if (missing < 0)
    fail(where, "a broadcast to a lower rank");
  if (missing > 0) {
    shape wide = {.rank = s.rank};
    for (int i = 0; i < s.rank; i++)
      wide.dims[i] = i < missing ? dim_constant(g->dims, 1) : x->shape.dims[i - missing];
    x = graph_reshape(g, x, wide, where);
  }
  return graph_expand(g, x, s, where);
}

void graph_output_add(graph *g, const char *name, node *value) {
  graph_output output = {.name = name, .value = value};
  arena_append(g->arena, g->outputs, g->output_count, output);
}

void graph_update_add(graph *g, node *state, node *value) {
  graph_output output = {.name = state->attributes.input.name, .value = value, .state = state};
  arena_append(g->arena, g->outputs, g->output_count, output);
}

node *graph_find_input(const graph *g, const char *name) {
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input && strcmp(g->nodes[i]->attributes.input.name, name) == 0)
      return g->nodes[i];
  return NULL;
}
