/* What a graph's step takes in memory, before there are kernels. */
#include "compiler/passes/rematerialize.h"
#include "runtime/core/retort.h"
#include <string.h>

int64_t *budget_bindings(const graph *g, const memory_budget *budget) {
  int64_t *bindings = arena_array(g->arena, int64_t, dim_symbol_count(g->dims) + 1);
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    bindings[i] = s->of ? budget->length : s->sum ? (int64_t)budget->rows * budget->length : budget->rows;
  }
  return bindings;
}

static double node_bytes(const graph *g, const node *n, const int64_t *bindings) {
  return (double)dtype_size(n->dtype) * (double)dim_evaluate(shape_elements(g->dims, n->shape), bindings);
}

static double input_bytes(const graph *g, const graph *but, const int64_t *bindings) {
  double total = 0;
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input && !(but && graph_find_input(but, g->nodes[i]->attributes.input.name)))
      total += node_bytes(g, g->nodes[i], bindings);
  return total;
}

double fixed_bytes(const graph *g, const int64_t *bindings) {
  double total = input_bytes(g, NULL, bindings) + (g->prepare ? input_bytes(g->prepare, g, bindings) : 0);
  for (int i = 0; i < g->output_count; i++)
    if (!g->outputs[i].state)
      total += node_bytes(g, g->outputs[i].value, bindings);
  return total;
}

/* ---- */

typedef struct sized_plan {
  retort_plan plan;
  retort_buffer *buffers;
  int64_t (*codes)[2];
} sized_plan;

static void add_sized(sized_plan *p, const buffer *b, const int64_t *bindings, int threads) {
  int i = p->plan.buffer_count++;
  int64_t bytes = (int64_t)dtype_size(b->dtype) * dim_evaluate(b->elements, bindings) * (b->per_thread ? threads : 1);
  p->codes[i][0] = RETORT_SIZE_CONSTANT;
  p->codes[i][1] = bytes;
  p->buffers[i] = (retort_buffer){.size = {.count = 1, .code = p->codes[i]}, .first = b->first, .last = b->last};
}

static int find_peak(const sized_plan *p, int groups) {
  int peak = 0;
  double most = -1;
  for (int g = 0; g < groups; g++) {
    double live = 0;
    for (int i = 0; i < p->plan.buffer_count; i++)
      live += p->buffers[i].first <= g && g <= p->buffers[i].last ? (double)p->codes[i][1] : 0;
    if (live > most) {
      most = live;
      peak = g;
    }
  }
  return peak;
}

static bool has_contraction(const fusion *f) {
  for (int i = 0; i < f->root_count; i++)
    if (f->roots[i]->node->op == OP_matmul)
      return true;
  return false;
}

planned_step plan_step(const graph *g, arena *a, const memory_budget *budget, int merge_limit) {
  graph own = *g; /* all that is made goes to that arena */
  own.arena = a;
  fusion *f = fusion_create_limited(&own, merge_limit);
  schedule_groups(f);
  plan_memory(f);
  const int64_t *bindings = budget_bindings(&own, budget);
  sized_plan p = {.buffers = arena_array(a, retort_buffer, f->buffer_count + 1)};
  p.codes = arena_allocate(a, sizeof *p.codes * (size_t)(f->buffer_count + 1));
  for (int i = 0; i < f->buffer_count; i++)
    if (f->buffers[i].place == PLACE_WORKSPACE)
      add_sized(&p, &f->buffers[i], bindings, budget->threads);
  p.plan.buffers = p.buffers;
  size_t *table = arena_array(a, size_t, 2 * f->buffer_count + 1);
  double tables = 64.0 * f->buffer_count + 4096; /* of the step's own; there are less than 4 sizes a buffer */
  double packing = has_contraction(f) ? (double)RETORT_PACKING_BYTES * budget->threads : 0;
  return (planned_step){.fusion = f,
                        .workspace =
                            (double)retort_plan_place(&p.plan, NULL, budget->threads, table) + tables + packing,
                        .peak = find_peak(&p, f->group_count + f->copy_count)};
}
