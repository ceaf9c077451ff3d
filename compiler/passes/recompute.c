/* Recompute: what is as large as all pairs of positions, as attention's scores are, is made again where a later part of
 * the step reads it, instead of being kept for it.
 *
 * Here a value is *large* when its last two axes both grow with run-time dimensions; it is cheap to make when it comes
 * by pointwise steps, random numbers and products over a short axis from what is not large. The graph is cut into
 * *stages*: a value that is made of large ones by leaving their size, as the product of probabilities and values does,
 * opens the next stage for all that needs it. Within a stage everything large is one kernel's (fusion's batched
 * groups); a large value that another stage reads would have to lie in memory, a teacher's scores for a student's loss
 * or a layer's probabilities for its gradient among them. What is small beside them, a softmax's sums, is kept. */
#include "compiler/passes/pass.h"

enum { SHORT_AXIS = 256 };

typedef struct copy_of { /* a large value in another stage than its own */
  int stage;
  node *made;
  struct copy_of *next;
} copy_of;

typedef struct work {
  const graph *from;
  graph *to;
  bool *large, *beside, *cheap; /* by id; beside: small, but of the same rows as something large */
  int *stage, *behind;          /* by id: where it is computed; from where on it can be read */
  node **made;
  copy_of **copies;
} work;

static bool grows(const dim *d) {
  return !dim_is_constant(d, NULL);
}

static bool is_large(const node *n) {
  int rank = n->shape.rank;
  return rank > 2 && grows(n->shape.dims[rank - 1]) && grows(n->shape.dims[rank - 2]);
}

static bool is_cheap(const work *w, const node *n) {
  if (!w->large[n->id])
    return false;
  int64_t k;
  switch (op_describe(n->op)->class) {
  case CLASS_POINTWISE:
  case CLASS_RANDOM:
    return true;
  case CLASS_MOVEMENT:
    return n->op == OP_expand || n->op == OP_permute || n->op == OP_reshape;
  case CLASS_LEAF:
    return n->op != OP_input;
  case CLASS_CONTRACTION:
    return !w->large[n->operands[0]->id] && !w->large[n->operands[1]->id] &&
           dim_is_constant(n->operands[0]->shape.dims[n->operands[0]->shape.rank - 1], &k) && k <= SHORT_AXIS;
  case CLASS_REDUCTION:
  case CLASS_GATHER:
  case CLASS_SCATTER:
    break;
  }
  return false;
}

/* Whether leading axes of s count as many places as those of x in front of its last two. */
static bool has_rows_of(dim_table *t, shape s, shape x) {
  x.rank -= 2;
  const dim *rows = shape_elements(t, x);
  for (int i = 0; i <= s.rank; i++) {
    shape leading = s;
    leading.rank = i;
    if (shape_elements(t, leading) == rows)
      return true;
  }
  return false;
}

static void find_stages(work *w) {
  const graph *g = w->from;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    bool of_large = false, same_rows = n->op != OP_matmul;
    for (int i = 0; i < n->operand_count; i++) {
      const node *x = n->operands[i];
      w->stage[id] = w->behind[x->id] > w->stage[id] ? w->behind[x->id] : w->stage[id];
      if (!w->large[x->id] && !w->beside[x->id])
        continue;
      of_large = true;
      same_rows = same_rows && x->shape.rank > 1 && has_rows_of(g->dims, n->shape, x->shape);
    }
    w->large[id] = is_large(n);
    w->beside[id] = !w->large[id] && of_large && same_rows;
    w->cheap[id] = is_cheap(w, n);
    w->behind[id] = w->stage[id] + (of_large && !w->large[id] && !w->beside[id]);
  }
}

/* ---- the new graph ---- */

static node *make_in(work *w, const node *old, int stage);

static node *copy_in(work *w, const node *old, int stage) {
  node **operands = arena_array(w->to->arena, node *, old->operand_count + 1);
  for (int i = 0; i < old->operand_count; i++)
    operands[i] = make_in(w, old->operands[i], stage);
  return graph_copy_node(w->to, old, operands);
}

/* What a reader in that stage takes for old. */
static node *make_in(work *w, const node *old, int stage) {
  if (!w->cheap[old->id] || w->stage[old->id] == stage)
    return w->made[old->id];
  for (copy_of *c = w->copies[old->id]; c; c = c->next)
    if (c->stage == stage)
      return c->made;
  copy_of *c = arena_new(w->to->arena, copy_of);
  *c = (copy_of){.stage = stage, .made = copy_in(w, old, stage), .next = w->copies[old->id]};
  w->copies[old->id] = c;
  return c->made;
}

static void make_outputs(work *w) {
  for (int i = 0; i < w->from->output_count; i++) {
    const graph_output *o = &w->from->outputs[i];
    node *value = w->made[o->value->id];
    if (o->state)
      graph_update_add(w->to, w->made[o->state->id], value);
    else
      graph_output_add(w->to, o->name, value);
  }
}

static work start(const graph *g) {
  arena *a = g->arena;
  int count = g->node_count + 1;
  work w = {.from = g,
            .large = arena_array(a, bool, count),
            .beside = arena_array(a, bool, count),
            .cheap = arena_array(a, bool, count),
            .stage = arena_array(a, int, count),
            .behind = arena_array(a, int, count),
            .made = arena_array(a, node *, count),
            .copies = arena_array(a, copy_of *, count)};
  find_stages(&w);
  return w;
}

int *large_stages(const graph *g) {
  work w = start(g);
  int *stages = arena_array(g->arena, int, g->node_count + 1);
  bool *read = arena_array(g->arena, bool, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++)
    stages[id] = w.large[id] || w.beside[id] || w.behind[id] > w.stage[id] ? w.stage[id] : -1;
  for (int id = g->node_count - 1; id >= 0; id--) /* what is made again is computed where it is read first */
    for (int i = 0; stages[id] >= 0 && i < g->nodes[id]->operand_count; i++) {
      int x = g->nodes[id]->operands[i]->id;
      if (w.cheap[x] && (!read[x] || stages[id] < stages[x]))
        stages[x] = stages[id];
      read[x] = true;
    }
  return stages;
}

graph *pass_recompute(const graph *g) {
  work w = start(g);
  w.to = graph_create(g->arena, g->dims, g->name);
  w.to->prepare = g->prepare;
  for (int id = 0; id < g->node_count; id++)
    w.made[id] = copy_in(&w, g->nodes[id], w.stage[id]);
  make_outputs(&w);
  return pass_dce(w.to);
}
