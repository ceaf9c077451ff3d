/* Freeze: what depends on read-only weights and constants alone is the same in every call. Where it costs something it
 * is cut off: the graph reads it as a weight "frozen.N", and g->prepare computes these once, before the first call. */
#include "compiler/passes/pass.h"

typedef struct freezing {
  const graph *from;
  bool *fixed; /* by id: the same in every call */
  bool *cut;   /* by id: becomes an input */
  int count;
} freezing;

static bool constant_shape(shape s) {
  int64_t size;
  for (int i = 0; i < s.rank; i++)
    if (!dim_is_constant(s.dims[i], &size))
      return false; /* of run-time size: not known before the call */
  return true;
}

static void find_fixed(freezing *f) {
  const graph *g = f->from;
  f->fixed = arena_array(g->arena, bool, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    bool fixed = n->op != OP_input || n->attributes.input.kind == INPUT_WEIGHT;
    for (int i = 0; i < n->operand_count && fixed; i++)
      fixed = f->fixed[n->operands[i]->id];
    f->fixed[id] = fixed && constant_shape(n->shape);
  }
  for (int i = 0; i < g->output_count; i++)
    f->fixed[g->outputs[i].value->id] = false; /* an output is computed where it is asked for */
}

/* Reads its operand without computing or copying. */
static bool is_view(const node *n) {
  return op_describe(n->op)->class == CLASS_MOVEMENT && n->op != OP_pad && n->op != OP_concat;
}

/* Views stay with their reader, so that a repeated or transposed value is not written out. */
static void find_cuts(freezing *f) {
  const graph *g = f->from;
  bool *needed = pass_needed(g);
  f->cut = arena_array(g->arena, bool, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++) {
    const node *reader = g->nodes[id];
    if (f->fixed[id] || !needed[id])
      continue;
    for (int i = 0; i < reader->operand_count; i++) {
      const node *source = reader->operands[i];
      while (f->fixed[source->id] && is_view(source))
        source = source->operands[0];
      f->cut[source->id] = f->fixed[source->id] && op_describe(source->op)->class != CLASS_LEAF;
    }
  }
}

/* What the outputs and updates need, where a cut needs nothing. */
static bool *needed_with_cuts(const freezing *f) {
  graph cut = *f->from;
  cut.nodes = arena_array(cut.arena, node *, cut.node_count + 1);
  for (int id = 0; id < cut.node_count; id++) {
    cut.nodes[id] = f->from->nodes[id];
    if (!f->cut[id])
      continue;
    cut.nodes[id] = arena_new(cut.arena, node);
    *cut.nodes[id] = *f->from->nodes[id];
    cut.nodes[id]->operand_count = 0;
  }
  return pass_needed(&cut);
}

static node *read_cut(void *context, graph *to, const node *old, node **operands) {
  freezing *f = context;
  if (!f->cut[old->id])
    return graph_copy_node(to, old, operands);
  const char *name = arena_print(to->arena, "frozen.%d", f->count++);
  return graph_input(to, INPUT_WEIGHT, name, old->dtype, old->shape, old->where);
}

/* The graph whose outputs are the cuts, in the order in which read_cut numbers them. */
static graph *preparation(const freezing *f) {
  graph cone = *f->from;
  cone.name = arena_print(cone.arena, "%s_prepare", f->from->name);
  cone.outputs = NULL;
  cone.output_count = 0;
  for (int id = 0; id < cone.node_count; id++)
    if (f->cut[id])
      graph_output_add(&cone, arena_print(cone.arena, "frozen.%d", cone.output_count), cone.nodes[id]);
  graph *made = graph_rewrite(&cone, pass_needed(&cone), NULL, NULL);
  made->is_preparation = true;
  return made;
}

graph *pass_freeze(const graph *g) {
  freezing f = {.from = g};
  if (g->prepare) /* frozen already */
    return graph_rewrite(g, NULL, NULL, NULL);
  find_fixed(&f);
  find_cuts(&f);
  graph *result = graph_rewrite(g, needed_with_cuts(&f), read_cut, &f);
  result->prepare = f.count ? preparation(&f) : NULL;
  return result;
}
