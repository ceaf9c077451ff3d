/* Cuts the teacher off. Each of its values is either computed by it (and, if the step reads it, kept: so many bytes a
 * row) or by the step (so many operations a row). Which of them is least in sum is a minimum cut: Picard 1976, the
 * closure problem. */
#include "compiler/passes/teacher.h"
#include "compiler/graph/flops.h"
#include "compiler/passes/min_cut.h"
#include "compiler/passes/pass.h"

enum {
  /* What keeping a byte costs: to read it back and lay it into the batch takes as long as so many operations. */
  OPERATIONS_PER_BYTE = 25,
  /* More than one part in so many of the teacher's operations left in the step is worth a word. */
  LEFT_PARTS = 10
};

typedef struct cutting {
  const graph *from;
  teacher_values of;
  bool *needed;
  bool *member;        /* by id: of rows and weights, so that it is the teacher's or the step's by choice */
  int64_t *operations; /* by id, of one row */
  bool *behind;        /* by id: left to the step */
  bool *cut;           /* by id: computed by the teacher and read by the step */
  int *number;         /* of cut values */
  int count;
} cutting;

static int64_t *bind_one_row(const graph *g, int64_t length) {
  int symbols = dim_symbol_count(g->dims);
  int64_t *bindings = arena_array(g->arena, int64_t, symbols + 1);
  for (int i = 0; i < symbols; i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    bindings[i] = s->of || s->sum ? length : 1;
  }
  return bindings;
}

static void find_members(cutting *c, const int64_t *bindings) {
  const graph *g = c->from;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    c->operations[id] = dim_evaluate(node_cost(g->dims, n).operations, bindings);
    c->member[id] = c->needed[id] && c->of.rows[id] == ROWS_APART && c->of.weighs[id];
  }
}

/* ---- the network: of node `id`, 2 + 2 id is where it is computed, 3 + 2 id what of it is read ---- */

static int64_t keeping_cost(const cutting *c, int id, const int64_t *bindings) {
  const node *n = c->from->nodes[id];
  if (!c->of.can_be_kept[id])
    return MIN_CUT_UNBOUNDED;
  int64_t bytes = dim_evaluate(shape_elements(c->from->dims, n->shape), bindings) * (int64_t)dtype_size(n->dtype);
  return bytes < MIN_CUT_UNBOUNDED / OPERATIONS_PER_BYTE ? bytes * OPERATIONS_PER_BYTE : MIN_CUT_UNBOUNDED;
}

static void choose(cutting *c, const int64_t *bindings) {
  const graph *g = c->from;
  min_cut *network = min_cut_create(g->arena, 2 + 2 * g->node_count);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (c->member[id]) {
      int64_t operations = c->operations[id];
      min_cut_edge(network, 0, 2 + 2 * id, operations < MIN_CUT_UNBOUNDED ? operations : MIN_CUT_UNBOUNDED);
      min_cut_edge(network, 2 + 2 * id, 3 + 2 * id, keeping_cost(c, id, bindings));
    }
    for (int i = 0; i < n->operand_count && c->needed[id]; i++) {
      int from = n->operands[i]->id;
      if (!c->member[from])
        continue;
      min_cut_edge(network, 3 + 2 * from, c->member[id] ? 2 + 2 * id : 1, MIN_CUT_UNBOUNDED);
      if (c->member[id]) /* who is the teacher's, his operands are too */
        min_cut_edge(network, 2 + 2 * id, 2 + 2 * from, MIN_CUT_UNBOUNDED);
    }
  }
  for (int i = 0; i < g->output_count; i++)
    if (c->member[g->outputs[i].value->id])
      min_cut_edge(network, 3 + 2 * g->outputs[i].value->id, 1, MIN_CUT_UNBOUNDED);
  bool *behind = arena_array(g->arena, bool, 2 + 2 * g->node_count);
  min_cut_run(network, behind);
  for (int id = 0; id < g->node_count; id++)
    c->behind[id] = !c->member[id] || behind[2 + 2 * id];
}

static void mark_cut(cutting *c, const node *value) {
  if (c->behind[value->id] || c->cut[value->id])
    return;
  c->cut[value->id] = true;
}

static void find_cut(cutting *c) {
  const graph *g = c->from;
  for (int id = 0; id < g->node_count; id++)
    for (int i = 0; i < g->nodes[id]->operand_count && c->needed[id] && c->behind[id]; i++)
      mark_cut(c, g->nodes[id]->operands[i]);
  for (int i = 0; i < g->output_count; i++)
    mark_cut(c, g->outputs[i].value);
  for (int id = 0; id < g->node_count; id++)
    if (c->cut[id])
      c->number[id] = c->count++;
}

/* ---- the two graphs ---- */

static const char *name_of(const cutting *c, int number) {
  return arena_print(c->from->arena, "teacher.%d", number);
}

static node *copy(void *context, graph *to, const node *old, node **operands) {
  (void)context;
  return graph_copy_node(to, old, operands);
}

static node *read_cut(void *context, graph *to, const node *old, node **operands) {
  const cutting *c = context;
  if (!c->cut[old->id])
    return graph_copy_node(to, old, operands);
  node *n = graph_input(to, INPUT_DATA, name_of(c, c->number[old->id]), old->dtype, old->shape, old->where);
  n->name = old->name;
  return n;
}

static graph *teacher_graph(const cutting *c) {
  graph cone = *c->from;
  cone.name = arena_print(cone.arena, "%s_teacher", c->from->name);
  cone.outputs = NULL;
  cone.output_count = 0;
  for (int id = 0; id < cone.node_count; id++)
    if (c->cut[id])
      graph_output_add(&cone, name_of(c, c->number[id]), cone.nodes[id]);
  return graph_rewrite(&cone, pass_needed(&cone), copy, NULL);
}

static graph *step_graph(cutting *c) {
  graph *step = graph_rewrite(c->from, NULL, read_cut, c);
  return graph_rewrite(step, pass_needed(step), copy, NULL);
}

/* ---- what is left ---- */

static bool is_random(const node *n) {
  return n->op == OP_random;
}

static const node *first_of(const cutting *c, teacher_rows rows, bool (*such)(const node *n)) {
  for (int id = 0; id < c->from->node_count; id++)
    if (c->needed[id] && c->of.rows[id] == rows && (such ? such(c->from->nodes[id]) : c->of.weighs[id]))
      return c->from->nodes[id];
  return NULL;
}

/* Says so when much of what depends on nothing that is trained is the step's all the same. */
static void explain(const cutting *c, teacher_cut *result) {
  int64_t all = 0, random = 0, mixed = 0;
  for (int id = 0; id < c->from->node_count; id++) {
    teacher_rows rows = c->of.rows[id];
    int64_t operations = c->needed[id] && c->of.weighs[id] && rows != ROWS_SAME ? c->operations[id] : 0;
    if (rows == ROWS_NONE)
      continue;
    all += operations;
    random += rows == ROWS_RANDOM ? operations : 0;
    mixed += rows == ROWS_MIXED ? operations : 0;
  }
  if (random > all / LEFT_PARTS) {
    result->at = first_of(c, ROWS_RANDOM, is_random);
    result->reason = result->at ? "random numbers (dropout, augmentation) are in it, which no two steps share"
                                : "the step's number is in it";
    result->at = result->at ? result->at : first_of(c, ROWS_RANDOM, NULL);
  } else if (mixed > all / LEFT_PARTS) {
    result->at = first_of(c, ROWS_MIXED, NULL);
    result->reason = "it depends on which other rows are in the batch";
  }
}

teacher_cut teacher_cut_find(const graph *joint, int64_t length) {
  const graph *g = pass_dce(joint);
  size_t room = (size_t)g->node_count + 1;
  cutting c = {.from = g,
               .of = teacher_values_find(g),
               .needed = pass_needed(g),
               .member = arena_array(g->arena, bool, room),
               .operations = arena_array(g->arena, int64_t, room),
               .behind = arena_array(g->arena, bool, room),
               .cut = arena_array(g->arena, bool, room),
               .number = arena_array(g->arena, int, room)};
  const int64_t *bindings = bind_one_row(g, length);
  teacher_cut result = {0};
  find_members(&c, bindings);
  choose(&c, bindings);
  find_cut(&c);
  explain(&c, &result);
  if (c.count == 0)
    return result;
  result.count = c.count;
  result.teacher = teacher_graph(&c);
  result.step = step_graph(&c);
  return result;
}

/* ---- softmax ---- */

/* n, or n times or over a number that is the same for all its last axis, … */
static bool scales(const node *reader, const node *n) {
  if ((reader->op != OP_mul && reader->op != OP_div) || (reader->op == OP_div && reader->operands[0] != n))
    return false;
  const node *other = reader->operands[reader->operands[0] == n ? 1 : 0];
  return other != n && other->shape.rank == 0;
}

/* … or its maximum along the last axis, or that taken from it. */
static bool is_maximum(const node *reader, const node *n) {
  return reader->op == OP_reduce_max && reader->operands[0] == n && reader->attributes.axes.count == 1 &&
         reader->attributes.axes.axis[0] == n->shape.rank - 1;
}

static bool takes_maximum(const node *reader, const node *n) {
  if (reader->op != OP_sub || reader->operands[0] != n)
    return false;
  const node *x = reader->operands[1];
  while (x->op == OP_expand || x->op == OP_stop_gradient)
    x = x->operands[0];
  return is_maximum(x, n);
}

bool teacher_through_softmax(const graph *step, const node *n) {
  bool read = false;
  for (int id = n->id + 1; id < step->node_count; id++) {
    const node *reader = step->nodes[id];
    for (int i = 0; i < reader->operand_count; i++) {
      if (reader->operands[i] != n)
        continue;
      read = true;
      if (!is_maximum(reader, n) && !takes_maximum(reader, n) &&
          !(scales(reader, n) && teacher_through_softmax(step, reader)))
        return false;
    }
  }
  return read;
}
