#include "compiler/commands/step_cost.h"
#include "compiler/emit/workspace.h"
#include "compiler/graph/flops.h"
#include "compiler/passes/pass.h"

static int64_t *bind(arena *a, const graph *g, int batch, int length) {
  int64_t *bindings = arena_array(a, int64_t, dim_symbol_count(g->dims) + 1);
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    bindings[i] = s->of ? length : s->sum ? (int64_t)batch * length : batch;
  }
  return bindings;
}

static double tensor_bytes(dim_table *t, const step_tensor *list, int count, const int64_t *bindings) {
  double total = 0;
  for (int i = 0; i < count; i++)
    total += (double)dtype_size(list[i].dtype) * (double)dim_evaluate(shape_elements(t, list[i].shape), bindings);
  return total;
}

/* Of the weights that are read to compute others once: they stay, beside what is computed from them. */
static double prepared_bytes(const graph *g, const int64_t *bindings) {
  double total = 0;
  for (int i = 0; g->prepare && i < g->prepare->node_count; i++) {
    const node *n = g->prepare->nodes[i];
    bool weight = n->op == OP_input && n->attributes.input.kind == INPUT_WEIGHT;
    if (weight && !graph_find_input(g, n->attributes.input.name))
      total += (double)dtype_size(n->dtype) * (double)dim_evaluate(shape_elements(g->dims, n->shape), bindings);
  }
  return total;
}

step_cost step_cost_of(const graph *g, int batch, int length, int threads, const pass_switches *switches) {
  const graph *optimized = passes_run_without(g, NULL, switches);
  const step *s = step_create_limited(optimized, switches->merge_limit);
  const int64_t *bindings = bind(g->arena, optimized, batch, length);
  return (step_cost){
      .kernels = s->kernel_count,
      .calls = s->call_count,
      .operations = (double)graph_cost_at(optimized, bindings).operations,
      .weights = tensor_bytes(s->dims, s->weights, s->weight_count, bindings) + prepared_bytes(optimized, bindings),
      .states = tensor_bytes(s->dims, s->states, s->state_count, bindings),
      .batch = tensor_bytes(s->dims, s->inputs, s->input_count, bindings) +
               tensor_bytes(s->dims, s->outputs, s->output_count, bindings),
      .workspace = (double)step_workspace_bytes(g->arena, s, bindings, threads),
  };
}
