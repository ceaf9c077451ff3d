/* Dead code: what no output and no update needs is not computed, and inputs that nobody reads are not asked for. */
#include "compiler/passes/pass.h"
#include <string.h>

bool *pass_needed(const graph *g) {
  bool *needed = arena_array(g->arena, bool, g->node_count + 1);
  for (int i = 0; i < g->output_count; i++) {
    needed[g->outputs[i].value->id] = true;
    if (g->outputs[i].state)
      needed[g->outputs[i].state->id] = true;
  }
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    const char *lengths = s->lengths ? s->lengths : s->sum;
    node *input = lengths ? graph_find_input(g, lengths) : NULL;
    if (input)
      needed[input->id] = true;
  }
  for (int id = g->node_count - 1; id >= 0; id--)
    for (int i = 0; needed[id] && i < g->nodes[id]->operand_count; i++)
      needed[g->nodes[id]->operands[i]->id] = true;
  return needed;
}

graph *pass_dce(const graph *g) {
  return graph_rewrite(g, pass_needed(g), NULL, NULL);
}
