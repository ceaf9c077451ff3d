#include "compiler/grad/accumulate.h"
#include "compiler/graph/rows.h"

#include <string.h>

/* What a value is to a batch that is cut into parts. */
typedef enum {
  KIND_FREE,  /* the same in every part: of weights, steps, totals */
  KIND_ROW,   /* has the rows as an axis; each row depends on that row alone */
  KIND_SUM,   /* the whole batch's is the sum of the parts' */
  KIND_TOTAL, /* a sum of the batch's data alone: replaced by the whole batch's, so free from there on */
  KIND_MIXED  /* none of these */
} kind;

typedef struct cutting {
  const graph *graph;
  const dim *rows;
  kind *kinds;   /* by node */
  bool *of_data; /* by node: depends on nothing but the batch's fields */
  bool *needed;  /* by node: an output of a loss reads it */
  accumulation_problem *problem;
} cutting;

/* ---- kinds ---- */

static int row_axis(const cutting *c, const node *n) {
  return rows_axis(n, c->rows);
}

static kind kind_of(const cutting *c, const node *n) {
  kind k = c->kinds[n->id];
  return k == KIND_TOTAL ? KIND_FREE : k;
}

static bool all_are(const cutting *c, const node *n, kind wanted) {
  for (int i = 0; i < n->operand_count; i++)
    if (kind_of(c, n->operands[i]) != wanted)
      return false;
  return true;
}

/* Some operands are sums: what is linear in them is one too. */
static kind of_sums(const cutting *c, const node *n) {
  switch ((int)n->op) {
  case OP_add:
  case OP_sub:
  case OP_neg:
  case OP_stop_gradient:
  case OP_reduce_sum:
  case OP_reshape:
  case OP_permute:
  case OP_slice:
  case OP_concat:
  case OP_pad:
    return all_are(c, n, KIND_SUM) ? KIND_SUM : KIND_MIXED;
  case OP_expand: /* not along the rows */
    return row_axis(c, n) == -1 ? KIND_SUM : KIND_MIXED;
  case OP_mul:
  case OP_matmul:
    return kind_of(c, n->operands[0]) == KIND_FREE || kind_of(c, n->operands[1]) == KIND_FREE ? KIND_SUM : KIND_MIXED;
  case OP_div:
    return kind_of(c, n->operands[1]) == KIND_FREE ? KIND_SUM : KIND_MIXED;
  default:
    return KIND_MIXED;
  }
}

static kind of_sum_over_rows(const cutting *c, const node *n) {
  if (n->op != OP_reduce_sum)
    return KIND_MIXED;
  bool known = c->of_data[n->operands[0]->id]; /* and can be kept: its sizes are numbers */
  for (int i = 0; i < n->shape.rank; i++)
    known = known && dim_is_constant(n->shape.dims[i], NULL);
  return known ? KIND_TOTAL : KIND_SUM;
}

static bool stays_apart(const cutting *c, const node *n) {
  bool *by_row = arena_array(c->graph->arena, bool, n->operand_count);
  for (int i = 0; i < n->operand_count; i++)
    by_row[i] = kind_of(c, n->operands[i]) == KIND_ROW;
  return rows_apart(n, c->rows, by_row);
}

static kind of_leaf(const cutting *c, const node *n) {
  int axis = row_axis(c, n);
  if (n->op == OP_iota && n->attributes.axes.axis[0] == axis)
    return KIND_MIXED;
  if (axis < 0 && n->op == OP_random) /* parts draw their own numbers: rows may differ, nothing else */
    return KIND_MIXED;
  return axis >= 0 ? KIND_ROW : KIND_FREE;
}

static kind find_kind(const cutting *c, const node *n) {
  bool sums = false, mixed = row_axis(c, n) == -2;
  for (int i = 0; i < n->operand_count; i++) {
    sums |= kind_of(c, n->operands[i]) == KIND_SUM;
    mixed |= kind_of(c, n->operands[i]) == KIND_MIXED;
  }
  if (mixed)
    return KIND_MIXED;
  if (sums)
    return of_sums(c, n);
  op_class class = op_describe(n->op)->class;
  if (n->operand_count == 0 || class == CLASS_RANDOM)
    return of_leaf(c, n);
  if (all_are(c, n, KIND_FREE)) /* a value for all may be spread over the rows */
    return row_axis(c, n) < 0 ? KIND_FREE : n->op == OP_expand ? KIND_ROW : KIND_MIXED;
  if (class == CLASS_REDUCTION && rows_reduced(n, c->rows))
    return of_sum_over_rows(c, n);
  return stays_apart(c, n) ? KIND_ROW : KIND_MIXED;
}

static bool is_of_data(const cutting *c, const node *n) {
  if (n->op == OP_input)
    return n->attributes.input.kind == INPUT_DATA && n->shape.rank > 0 && n->shape.dims[0] == c->rows;
  if (n->op == OP_random)
    return false;
  for (int i = 0; i < n->operand_count; i++)
    if (!c->of_data[n->operands[i]->id])
      return false;
  return true;
}

/* ---- what is needed ---- */

static bool is_loss(const graph_output *o) {
  return !o->state && (strcmp(o->name, "loss") == 0 || strncmp(o->name, "loss.", 5) == 0);
}

static const char gradient_prefix[] = "gradient.";

static const char *gradient_of(const graph_output *o) {
  bool gradient = !o->state && strncmp(o->name, gradient_prefix, sizeof gradient_prefix - 1) == 0;
  return gradient ? o->name + sizeof gradient_prefix - 1 : NULL;
}

static void mark_needed(const graph *g, bool *needed) {
  for (int i = g->node_count - 1; i >= 0; i--)
    for (int k = 0; needed[i] && k < g->nodes[i]->operand_count; k++)
      needed[g->nodes[i]->operands[k]->id] = true;
}

/* The first value from which on it goes wrong. */
static const node *first_mixed(const cutting *c, const node *from) {
  for (;;) {
    const node *deeper = NULL;
    for (int i = 0; i < from->operand_count && !deeper; i++)
      if (c->kinds[from->operands[i]->id] == KIND_MIXED)
        deeper = from->operands[i];
    if (!deeper)
      return from;
    from = deeper;
  }
}

static bool check_loss(const cutting *c, const graph_output *o) {
  kind k = c->kinds[o->value->id];
  if (k == KIND_SUM)
    return true;
  arena *a = c->graph->arena;
  const node *at = first_mixed(c, o->value);
  c->problem->at = at;
  c->problem->message = k == KIND_MIXED
                            ? arena_print(a, "a loss with this cannot be computed in parts of a batch: %s",
                                          op_describe(at->op)->class == CLASS_POINTWISE
                                              ? "it is no sum over rows, or adds what is none"
                                              : "it is of several rows together, and they may be in different parts")
                            : "a loss that is no sum or mean over the rows cannot be computed in parts of a batch";
  return false;
}

/* ---- cutting ---- */

typedef struct copying {
  const cutting *cutting;
  bool replace_totals, replace_gradients;
} copying;

static const char *sum_name(const cutting *c, const char *what, const char *of) {
  return arena_print(c->graph->arena, "%s/%s/%s", c->graph->name, what, of);
}

static node *total_input(const cutting *c, graph *to, const node *old) {
  const char *number = arena_print(to->arena, "%d", old->id);
  return graph_input(to, INPUT_STATE, sum_name(c, "total", number), old->dtype, old->shape, old->where);
}

static const char *gradient_at(const graph *g, const node *n) {
  for (int i = 0; i < g->output_count; i++)
    if (gradient_of(&g->outputs[i]) && g->outputs[i].value == n)
      return gradient_of(&g->outputs[i]);
  return NULL;
}

static node *copy_one(void *context, graph *to, const node *old, node **operands) {
  const copying *y = context;
  const cutting *c = y->cutting;
  const char *gradient = y->replace_gradients ? gradient_at(c->graph, old) : NULL;
  if (gradient)
    return graph_input(to, INPUT_STATE, sum_name(c, "gradient", gradient), old->dtype, old->shape, old->where);
  if (y->replace_totals && c->kinds[old->id] == KIND_TOTAL && c->needed[old->id])
    return total_input(c, to, old);
  return graph_copy_node(to, old, operands);
}

/* A copy without outputs; *map: new nodes by old ones. */
static graph *copy(const cutting *c, const char *suffix, bool replace_totals, bool replace_gradients, node ***map) {
  const graph *from = c->graph;
  graph *to = graph_create(from->arena, from->dims, arena_print(from->arena, "%s%s", from->name, suffix));
  copying y = {c, replace_totals, replace_gradients};
  *map = arena_array(from->arena, node *, from->node_count);
  for (int i = 0; i < from->node_count; i++) {
    const node *old = from->nodes[i];
    node **operands = arena_array(from->arena, node *, old->operand_count);
    for (int k = 0; k < old->operand_count; k++)
      operands[k] = (*map)[old->operands[k]->id];
    (*map)[i] = copy_one(&y, to, old, operands);
  }
  return to;
}

static node *keep_node(void *context, graph *to, const node *old, node **operands) {
  (void)context;
  return graph_copy_node(to, old, operands);
}

/* Without what no output reads. */
static graph *sweep(const graph *g) {
  bool *needed = arena_array(g->arena, bool, g->node_count);
  for (int i = 0; i < g->output_count; i++) {
    needed[g->outputs[i].value->id] = true;
    if (g->outputs[i].state)
      needed[g->outputs[i].state->id] = true;
  }
  mark_needed(g, needed);
  return graph_rewrite(g, needed, keep_node, NULL);
}

static void add_to(graph *g, node *state, node *value) {
  graph_update_add(g, state, graph_binary(g, OP_add, state, value, value->where));
}

static graph *make_totals(const cutting *c) {
  node **map;
  graph *g = copy(c, "_totals", false, false, &map);
  for (int i = 0; i < c->graph->node_count; i++)
    if (c->kinds[i] == KIND_TOTAL && c->needed[i])
      add_to(g, total_input(c, g, c->graph->nodes[i]), map[i]);
  return g->output_count > 0 ? sweep(g) : NULL;
}

static graph *make_part(const cutting *c) {
  node **map;
  graph *g = copy(c, "", true, false, &map);
  for (int i = 0; i < c->graph->output_count; i++) {
    const graph_output *o = &c->graph->outputs[i];
    const char *of = gradient_of(o);
    if (is_loss(o))
      graph_output_add(g, o->name, map[o->value->id]);
    else if (of)
      add_to(
          g,
          graph_input(g, INPUT_STATE, sum_name(c, "gradient", of), o->value->dtype, o->value->shape, o->value->where),
          map[o->value->id]);
  }
  return sweep(g);
}

static graph *make_finish(const cutting *c) {
  node **map;
  graph *g = copy(c, "_finish", false, true, &map);
  for (int i = 0; i < c->graph->output_count; i++) {
    const graph_output *o = &c->graph->outputs[i];
    if (o->state)
      graph_update_add(g, map[o->state->id], map[o->value->id]);
  }
  return sweep(g);
}

/* An update that reads the batch itself would see no more than one part of it. */
static bool check_finish(const cutting *c, const graph *finish) {
  for (int i = 0; i < finish->node_count; i++) {
    const node *n = finish->nodes[i];
    bool reads =
        n->op == OP_random || (n->op == OP_input && n->attributes.input.kind == INPUT_DATA && n->shape.rank > 0);
    if (!reads)
      continue;
    for (int k = 0; k < finish->output_count; k++) {
      bool *needed = arena_array(finish->arena, bool, finish->node_count);
      needed[finish->outputs[k].value->id] = true;
      mark_needed(finish, needed);
      if (!needed[i])
        continue;
      c->problem->at = finish->outputs[k].value;
      c->problem->message =
          arena_print(finish->arena, "'%s' is updated from the batch itself, which is computed in parts",
                      finish->outputs[k].state->attributes.input.name);
      return false;
    }
  }
  return true;
}

bool accumulate(const graph *joint, accumulation *result, accumulation_problem *problem) {
  int count = joint->node_count;
  cutting c = {.graph = joint,
               .rows = dim_named(joint->dims, "B"),
               .kinds = arena_array(joint->arena, kind, count),
               .of_data = arena_array(joint->arena, bool, count),
               .needed = arena_array(joint->arena, bool, count),
               .problem = problem};
  *result = (accumulation){0};
  for (int i = 0; i < joint->output_count; i++)
    if (is_loss(&joint->outputs[i]))
      c.needed[joint->outputs[i].value->id] = true;
  mark_needed(joint, c.needed);
  for (int i = 0; i < count; i++) {
    c.of_data[i] = is_of_data(&c, joint->nodes[i]);
    c.kinds[i] = find_kind(&c, joint->nodes[i]);
  }
  for (int i = 0; i < joint->output_count; i++)
    if (is_loss(&joint->outputs[i]) && !check_loss(&c, &joint->outputs[i]))
      return false;
  result->totals = make_totals(&c);
  result->part = make_part(&c);
  result->finish = make_finish(&c);
  return check_finish(&c, result->finish);
}
