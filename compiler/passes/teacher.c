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

/* ---- softmax ---- */

/* The padding of ragged rows gets a harmless operand by `where`; and what was reduced is repeated. */
static const node *inner(const node *n) {
  while (n->op == OP_expand || n->op == OP_stop_gradient || n->op == OP_where)
    n = n->operands[n->op == OP_where ? 1 : 0];
  return n;
}

static bool is_along_last(const node *n, op reduction) {
  return n->op == reduction && n->attributes.axes.count == 1 && n->attributes.axes.axis[0] == n->shape.rank - 1;
}

/* x of x - max(x); NULL: n is something else. */
static const node *below_maximum(const node *n) {
  const node *x = inner(n);
  if (x->op != OP_sub)
    return NULL;
  const node *largest = inner(x->operands[1]);
  return is_along_last(largest, OP_reduce_max) && inner(largest->operands[0]) == inner(x->operands[0]) ? x->operands[0]
                                                                                                       : NULL;
}

/* The logits that n is the softmax of, or its logarithm, before they are divided by a temperature; NULL: it is none. */
static const node *logits_of(const node *n) {
  if (n->op != OP_div && n->op != OP_sub)
    return NULL;
  const node *above = inner(n->operands[0]), *sum = inner(n->operands[1]);
  if (n->op == OP_sub && sum->op != OP_log)
    return NULL;
  sum = n->op == OP_sub ? inner(sum->operands[0]) : sum;
  const node *e = is_along_last(sum, OP_reduce_sum) ? inner(sum->operands[0]) : NULL;
  if (!e || e->op != OP_exp || above != (n->op == OP_sub ? inner(e->operands[0]) : e))
    return NULL;
  const node *x = below_maximum(e->operands[0]);
  while (x && (x->op == OP_div || x->op == OP_mul) && x->operands[1]->op == OP_constant)
    x = x->operands[0];
  return x;
}

/* Whether `reader` hands n on as it is, but for a factor that all its last axis shares. */
static bool scales(const node *reader, const node *n) {
  if (reader->op == OP_where)
    return reader->operands[1] == n && reader->operands[2]->op == OP_constant;
  if ((reader->op != OP_mul && reader->op != OP_div) || (reader->op == OP_div && reader->operands[0] != n))
    return false;
  const node *other = reader->operands[reader->operands[0] == n ? 1 : 0];
  return other != n && other->shape.rank == 0;
}

static bool softmax_of(const node *reader, const node *n) {
  bool maximum = is_along_last(reader, OP_reduce_max);
  return maximum || (reader->op == OP_sub && reader->operands[0] == n && below_maximum(reader));
}

bool teacher_through_softmax(const graph *step, const node *n) {
  bool read = false;
  for (int id = n->id + 1; id < step->node_count; id++) {
    const node *reader = step->nodes[id];
    for (int i = 0; i < reader->operand_count; i++) {
      if (reader->operands[i] != n)
        continue;
      read = true;
      if (!softmax_of(reader, n) && !(scales(reader, n) && teacher_through_softmax(step, reader)))
        return false;
    }
  }
  return read;
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

/* A softmax is computed by the step from the logits, which are as large: what is kept then serves every temperature. */
static void unwrap(cutting *c, const node *softmax) {
  const graph *g = c->from;
  const node *logits = logits_of(softmax);
  if (!logits || !shape_equal(logits->shape, softmax->shape) || !c->of.can_be_kept[logits->id])
    return;
  bool *between = arena_array(g->arena, bool, g->node_count + 1);
  between[softmax->id] = true;
  for (int id = softmax->id; id > logits->id; id--)
    for (int i = 0; i < g->nodes[id]->operand_count && between[id]; i++) {
      const node *x = g->nodes[id]->operands[i];
      between[x->id] = between[x->id] || (c->member[x->id] && x != logits);
    }
  for (int id = 0; id < g->node_count; id++) {
    for (int i = 0; i < g->nodes[id]->operand_count; i++)
      if (between[g->nodes[id]->operands[i]->id] && !between[id] && c->needed[id] && !c->behind[id])
        return; /* the teacher itself reads it */
    if (between[id] && id < logits->id)
      return; /* more than the logits is in it */
  }
  for (int id = 0; id < g->node_count; id++)
    c->behind[id] = c->behind[id] || between[id];
}

static void mark_cut(cutting *c, const node *value) {
  if (c->behind[value->id] || c->cut[value->id])
    return;
  c->cut[value->id] = true;
}

static void find_cut(cutting *c) {
  const graph *g = c->from;
  for (int id = g->node_count - 1; id >= 0; id--)
    if (!c->behind[id])
      unwrap(c, g->nodes[id]);
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
  return graph_rewrite(&cone, pass_needed(&cone), NULL, NULL);
}

static graph *step_graph(cutting *c) {
  graph *step = graph_rewrite(c->from, NULL, read_cut, c);
  return graph_rewrite(step, pass_needed(step), NULL, NULL);
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
