#include "compiler/graph/flops.h"

static const dim *bytes_of(dim_table *t, const node *n) {
  return dim_multiply(t, shape_elements(t, n->shape), dim_constant(t, (int64_t)dtype_size(n->dtype)));
}

static const dim *operations_of(dim_table *t, const node *n) {
  switch (op_describe(n->op)->class) {
  case CLASS_POINTWISE:
    return n->op == OP_stop_gradient ? dim_constant(t, 0) : shape_elements(t, n->shape);
  case CLASS_REDUCTION:
    return shape_elements(t, n->operands[0]->shape);
  case CLASS_SCATTER:
    return shape_elements(t, n->operands[1]->shape);
  case CLASS_CONTRACTION: {
    const shape *x = &n->operands[0]->shape;
    const dim *products = dim_multiply(t, shape_elements(t, n->shape), x->dims[x->rank - 1]);
    return dim_multiply(t, products, dim_constant(t, 2));
  }
  case CLASS_LEAF:
  case CLASS_RANDOM:
  case CLASS_MOVEMENT:
  case CLASS_GATHER:
    break;
  }
  return dim_constant(t, 0);
}

graph_cost node_cost(dim_table *t, const node *n) {
  graph_cost cost = {operations_of(t, n), dim_constant(t, 0)};
  if (op_describe(n->op)->class == CLASS_LEAF || n->op == OP_reshape)
    return cost;
  cost.bytes = bytes_of(t, n);
  if (n->op == OP_gather) /* only the rows that are asked for */
    cost.bytes = dim_add(t, dim_multiply(t, cost.bytes, dim_constant(t, 2)), bytes_of(t, n->operands[1]));
  else if (n->op == OP_slice)
    cost.bytes = dim_multiply(t, cost.bytes, dim_constant(t, 2));
  else
    for (int i = 0; i < n->operand_count; i++)
      cost.bytes = dim_add(t, cost.bytes, bytes_of(t, n->operands[i]));
  return cost;
}

graph_cost graph_cost_total(const graph *g) {
  graph_cost total = {dim_constant(g->dims, 0), dim_constant(g->dims, 0)};
  for (int i = 0; i < g->node_count; i++) {
    graph_cost cost = node_cost(g->dims, g->nodes[i]);
    total.operations = dim_add(g->dims, total.operations, cost.operations);
    total.bytes = dim_add(g->dims, total.bytes, cost.bytes);
  }
  return total;
}

static int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

graph_cost_number graph_cost_at(const graph *g, const int64_t *bindings) {
  graph_cost_number total = {0};
  for (int i = 0; i < g->node_count; i++) {
    graph_cost cost = node_cost(g->dims, g->nodes[i]);
    total.operations = saturating_add(total.operations, dim_evaluate(cost.operations, bindings));
    total.bytes = saturating_add(total.bytes, dim_evaluate(cost.bytes, bindings));
  }
  return total;
}
