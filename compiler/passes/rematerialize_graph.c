/* The graph in which some values are computed once more. */
#include "compiler/passes/rematerialize.h"

typedef struct copying {
  const recomputing *decided;
  arena *arena;
  graph *to;
  node **first; /* by id: the copy */
  node **again; /* by id: of a value that is recomputed, its second; of one in its way, the last that was made */
  const node **origin;
  int *at;
  int room;
} copying;

static void note(copying *c, const node *made, const node *from, int at) {
  if (made->id >= c->room) {
    int room = 2 * (made->id + 1);
    const node **origin = arena_array(c->arena, const node *, room);
    int *places = arena_array(c->arena, int, room);
    for (int i = 0; i < made->id; i++) {
      origin[i] = c->origin[i];
      places[i] = c->at[i];
    }
    c->origin = origin;
    c->at = places;
    c->room = room;
  }
  c->origin[made->id] = from;
  c->at[made->id] = at;
}

static node *version(copying *c, const node *n, int at);

static node *copy_again(copying *c, const node *n, node **operands, int at) {
  node *made = graph_copy_node(c->to, n, operands);
  made->recomputed = true;
  note(c, made, n, at);
  return c->again[n->id] = made;
}

static bool same_operands(const node *made, node *const *operands) {
  for (int i = 0; i < made->operand_count; i++)
    if (made->operands[i] != operands[i])
      return false;
  return true;
}

/* n as a root at that place of the first graph reads it. */
static node *version(copying *c, const node *n, int at) {
  const recomputing *r = c->decided;
  bool again = at >= r->since[n->id];
  if (n->op == OP_input || (r->is_root[n->id] && !again))
    return c->first[n->id];
  if (again && c->again[n->id])
    return c->again[n->id];
  node **operands = arena_array(c->arena, node *, n->operand_count + 1);
  bool differs = again;
  for (int i = 0; i < n->operand_count; i++) {
    operands[i] = version(c, n->operands[i], at);
    differs = differs || operands[i] != c->first[n->operands[i]->id];
  }
  if (!differs)
    return c->first[n->id];
  if (!again && c->again[n->id] && same_operands(c->again[n->id], operands))
    return c->again[n->id];
  return copy_again(c, n, operands, at);
}

static void copy_first(copying *c, const node *n) {
  node **operands = arena_array(c->arena, node *, n->operand_count + 1);
  for (int i = 0; i < n->operand_count; i++)
    operands[i] = c->decided->is_root[n->id] ? version(c, n->operands[i], n->id) : c->first[n->operands[i]->id];
  c->first[n->id] = graph_copy_node(c->to, n, operands);
  note(c, c->first[n->id], n, n->id);
}

static void copy_outputs(copying *c, const graph *g) {
  for (int i = 0; i < g->output_count; i++) {
    const graph_output *o = &g->outputs[i];
    bool is_root = c->decided->is_root[o->value->id];
    node *value = is_root ? c->first[o->value->id] : version(c, o->value, g->node_count);
    if (o->state)
      graph_update_add(c->to, c->first[o->state->id], value);
    else
      graph_output_add(c->to, o->name, value);
  }
}

/* Without what nobody reads any more. */
static recomputed_graph without_dead(const copying *c) {
  bool *needed = pass_needed(c->to);
  recomputed_graph result = {.origin = arena_array(c->arena, const node *, c->to->node_count + 1),
                             .at = arena_array(c->arena, int, c->to->node_count + 1)};
  for (int i = 0, id = 0; i < c->to->node_count; i++)
    if (needed[i]) {
      result.origin[id] = c->origin[i];
      result.at[id++] = c->at[i];
    }
  result.graph = graph_rewrite(c->to, needed, NULL, NULL);
  return result;
}

recomputed_graph recompute(const recomputing *r, arena *a) {
  const graph *g = r->graph;
  copying c = {.decided = r,
               .arena = a,
               .to = graph_create(a, g->dims, g->name),
               .first = arena_array(a, node *, g->node_count + 1),
               .again = arena_array(a, node *, g->node_count + 1)};
  c.to->prepare = g->prepare;
  for (int i = 0; i < g->node_count; i++)
    copy_first(&c, g->nodes[i]);
  copy_outputs(&c, g);
  return without_dead(&c);
}
