#include "compiler/graph/lookup.h"
#include <string.h>

/* The input that a node's values are taken from, itself or with constants in the place of padding; NULL: another. */
static const char *source_input(const node *n) {
  for (;;) {
    if (n->op == OP_where && n->operands[2]->op == OP_constant)
      n = n->operands[1];
    else if (n->op == OP_cast || (op_describe(n->op)->class == CLASS_MOVEMENT && n->operand_count == 1))
      n = n->operands[0];
    else
      return n->op == OP_input ? n->attributes.input.name : NULL;
  }
}

int32_t graph_table_rows(const graph *g, const char *input, const char **table) {
  int32_t smallest = INT32_MAX;
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    int64_t rows;
    if (n->op != OP_gather && n->op != OP_scatter_add)
      continue;
    shape s = n->op == OP_gather ? n->operands[0]->shape : n->shape;
    const char *source = source_input(n->operands[n->op == OP_gather]);
    if (!source || strcmp(source, input) != 0 || !dim_is_constant(s.dims[0], &rows) || rows >= smallest)
      continue;
    smallest = (int32_t)rows;
    if (n->op == OP_gather)
      *table = source_input(n->operands[0]);
  }
  return smallest;
}
