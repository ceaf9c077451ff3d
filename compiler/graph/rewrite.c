/* A new graph from an old one. */
#include "compiler/graph/graph.h"

#include <assert.h>

node *graph_copy_node(graph *to, const node *old, node **operands) {
  node *n = graph_add(to, old->op, old->operand_count, operands, &old->attributes, old->dtype, &old->shape, old->where);
  n->name = old->name;
  n->recomputed = old->recomputed;
  return n;
}

graph *graph_rewrite(const graph *from, const bool *keep, node_rewriter *rewrite, void *context) {
  graph *to = graph_create(from->arena, from->dims, from->name);
  to->prepare = from->prepare;
  to->is_preparation = from->is_preparation;
  node **map = arena_array(from->arena, node *, from->node_count + 1);
  node **operands = NULL;
  int room = 0;
  for (int i = 0; i < from->node_count; i++) {
    const node *old = from->nodes[i];
    if (keep && !keep[i])
      continue;
    if (old->operand_count > room) {
      room = old->operand_count * 2;
      operands = arena_array(from->arena, node *, room);
    }
    for (int k = 0; k < old->operand_count; k++)
      operands[k] = map[old->operands[k]->id];
    map[i] = rewrite ? rewrite(context, to, old, operands) : graph_copy_node(to, old, operands);
    assert(map[i]);
  }
  for (int i = 0; i < from->output_count; i++) {
    const graph_output *o = &from->outputs[i];
    node *value = map[o->value->id];
    assert(value && "an output's value was not kept");
    if (o->state)
      graph_update_add(to, map[o->state->id], value);
    else
      graph_output_add(to, o->name, value);
  }
  return to;
}
