/* What is legal in a graph. Graphs are checked after every pass of a debug build, and after reading one as text. */
#include "compiler/graph/graph.h"

#include <stdlib.h>
#include <string.h>

#define WRONG(...) arena_print(g->arena, __VA_ARGS__)

static const char *type_text(const graph *g, const node *n) {
  text t = {0};
  node_type_print(n, &t);
  const char *copy = arena_copy(g->arena, t.data, t.length);
  text_free(&t);
  return copy;
}

static bool same_type(const node *a, const node *b) {
  return a->dtype == b->dtype && shape_equal(a->shape, b->shape);
}

/* A pointer into another graph must not be followed before it is known to be one of this. */
static bool is_node_of(const graph *g, const node *n, int below) {
  return n && n->id >= 0 && n->id < below && g->nodes[n->id] == n;
}

static const char *verify_node(const graph *g, int i) {
  const node *n = g->nodes[i];
  if (n->id != i)
    return WRONG("%%%d stands at position %d", n->id, i);
  if ((unsigned)n->op >= OP_COUNT)
    return WRONG("%%%d: no operation %d", i, n->op);
  for (int k = 0; k < n->operand_count; k++)
    if (!is_node_of(g, n->operands[k], i))
      return WRONG("%%%d: operand %d is no node before it", i, k);
  if (n->shape.rank < 0 || n->shape.rank > RANK_MAX)
    return WRONG("%%%d: rank %d is not between 0 and %d", i, n->shape.rank, RANK_MAX);
  graph scratch = *g; /* the check allocates and interns, but leaves the graph as it is */
  node computed = *n;
  const char *wrong =
      graph_check(&scratch, n->op, n->operand_count, n->operands, &n->attributes, &computed.dtype, &computed.shape);
  if (wrong)
    return WRONG("%%%d: %s", i, wrong);
  if (!same_type(&computed, n))
    return WRONG("%%%d: '%s' gives %s, not %s", i, op_describe(n->op)->name, type_text(g, &computed), type_text(g, n));
  return NULL;
}

/* ---- names ---- */

typedef struct named_position {
  const char *name;
  int position;
} named_position;

static int by_name(const void *a, const void *b) {
  const named_position *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order ? order : (x->position > y->position) - (x->position < y->position);
}

/* Sorts and returns the first name that is there twice, or NULL. */
static const char *repeated(named_position *names, int count) {
  if (count > 1)
    qsort(names, (size_t)count, sizeof *names, by_name);
  for (int i = 1; i < count; i++)
    if (strcmp(names[i - 1].name, names[i].name) == 0)
      return names[i].name;
  return NULL;
}

static const named_position *find_name(const named_position *names, int count, const char *name) {
  named_position wanted = {.name = name};
  for (int low = 0, high = count; low < high;) {
    int middle = low + (high - low) / 2, order = strcmp(names[middle].name, wanted.name);
    if (order == 0)
      return &names[middle];
    *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
  }
  return NULL;
}

/* The inputs' names, sorted. */
static named_position *input_names(const graph *g, int *count) {
  named_position *names = arena_array(g->arena, named_position, g->node_count + 1);
  *count = 0;
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input)
      names[(*count)++] = (named_position){g->nodes[i]->attributes.input.name, i};
  return names;
}

static const char *verify_outputs(const graph *g) {
  named_position *values = arena_array(g->arena, named_position, g->output_count + 1);
  named_position *updates = arena_array(g->arena, named_position, g->output_count + 1);
  int value_count = 0, update_count = 0;
  for (int i = 0; i < g->output_count; i++) {
    const graph_output *o = &g->outputs[i];
    if (!o->name || !is_node_of(g, o->value, g->node_count))
      return WRONG("output %d has no value", i);
    if (!o->state) {
      values[value_count++] = (named_position){o->name, i};
      continue;
    }
    if (!is_node_of(g, o->state, g->node_count) || o->state->op != OP_input ||
        o->state->attributes.input.kind != INPUT_STATE || strcmp(o->state->attributes.input.name, o->name) != 0)
      return WRONG("update \"%s\" is of no state", o->name);
    if (!same_type(o->state, o->value))
      return WRONG("update \"%s\" is %s, the state %s", o->name, type_text(g, o->value), type_text(g, o->state));
    updates[update_count++] = (named_position){o->name, i};
  }
  const char *twice = repeated(values, value_count);
  if (twice)
    return WRONG("two outputs are called \"%s\"", twice);
  twice = repeated(updates, update_count);
  return twice ? WRONG("\"%s\" is updated twice", twice) : NULL;
}

/* A ragged symbol's lengths, where the graph has an input of that name, are i32 and one for each row; a sum is of
 * such. */
static const char *verify_lengths(const graph *g, const named_position *inputs, int input_count) {
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    const named_position *at = s->lengths ? find_name(inputs, input_count, s->lengths) : NULL;
    const node *lengths = at ? g->nodes[at->position] : NULL;
    if (lengths && (lengths->dtype != DTYPE_I32 || lengths->shape.rank != 1 || lengths->shape.dims[0] != s->of))
      return WRONG("\"%s\" is %s, but holds the lengths of %s: one i32 for each row", s->lengths, type_text(g, lengths),
                   s->name);
    at = s->sum ? find_name(inputs, input_count, s->sum) : NULL;
    const node *summed = at ? g->nodes[at->position] : NULL;
    if (summed && (summed->dtype != DTYPE_I32 || summed->shape.rank != 1))
      return WRONG("\"%s\" is %s, but %s is the sum of its elements: one i32 for each row", s->sum,
                   type_text(g, summed), s->name);
  }
  return NULL;
}

static const char *verify_prepare(const graph *g, const named_position *inputs, int input_count) {
  const graph *p = g->prepare;
  if (p->prepare || p->dims != g->dims)
    return "what is prepared is no plain graph over the same dims";
  const char *wrong = graph_verify(p);
  if (wrong)
    return WRONG("prepare: %s", wrong);
  for (int i = 0; i < p->output_count; i++) {
    const graph_output *o = &p->outputs[i];
    const named_position *at = find_name(inputs, input_count, o->name);
    const node *input = at ? g->nodes[at->position] : NULL;
    if (o->state)
      return WRONG("prepare: \"%s\" is updated", o->name);
    if (input && (input->attributes.input.kind != INPUT_WEIGHT || !same_type(input, o->value)))
      return WRONG("prepare: \"%s\" is %s, but the input is no weight of that type", o->name, type_text(g, o->value));
  }
  return NULL;
}

const char *graph_verify(const graph *g) {
  for (int i = 0; i < g->node_count; i++) {
    const char *wrong = verify_node(g, i);
    if (wrong)
      return wrong;
  }
  int input_count;
  named_position *inputs = input_names(g, &input_count);
  const char *twice = repeated(inputs, input_count);
  if (twice)
    return WRONG("two inputs are called \"%s\"", twice);
  const char *wrong = verify_outputs(g);
  if (!wrong)
    wrong = verify_lengths(g, inputs, input_count);
  return !wrong && g->prepare ? verify_prepare(g, inputs, input_count) : wrong;
}
