/* Walks the graph backwards from the value and lets each operation's rule say what flows to its operands. */
#include "compiler/grad/differentiate.h"
#include "compiler/grad/rules.h"
#include <assert.h>
#include <stddef.h>

/* The name stands for the rule except that `none` is NULL: gradient_none itself is only declared. */
#define gradient_none NULL
static gradient_rule *const rules[OP_COUNT] = {
#define OP(name, n, class, attribute, shape, gradient, ...) [OP_##name] = gradient_##gradient,
#include "compiler/graph/ops.def"
#undef OP
};
#undef gradient_none

bool *gradient_reaches(const graph *g, int count, node *const *wrt) {
  bool *reaches = arena_array(g->arena, bool, g->node_count + 1);
  for (int i = 0; i < count; i++)
    reaches[wrt[i]->id] = true;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->dtype != DTYPE_F32 || !rules[n->op])
      continue; /* integers and truths carry no gradient: an index, a condition, a comparison */
    for (int i = 0; i < n->operand_count && !reaches[id]; i++)
      reaches[id] = n->operands[i]->dtype == DTYPE_F32 && reaches[n->operands[i]->id];
  }
  return reaches;
}

/* Contributions are added in the order in which the users come, last user first: the same every time. */
static void accumulate(graph *g, node **slot, node *contribution, span where) {
  *slot = *slot ? graph_binary(g, OP_add, *slot, contribution, where) : contribution;
}

static void differentiate_node(graph *g, node *n, const bool *reaches, node **flows) {
  gradient_step step = {.g = g, .of = n, .upstream = flows[n->id], .reaches = reaches};
  step.gradients = arena_array(g->arena, node *, n->operand_count + 1);
  rules[n->op](&step);
  for (int i = 0; i < n->operand_count; i++) {
    node *operand = n->operands[i];
    if (!step.gradients[i] || !gradient_wanted(&step, i))
      continue;
    assert(shape_equal(step.gradients[i]->shape, operand->shape));
    accumulate(g, &flows[operand->id], step.gradients[i], n->where);
  }
}

static node *ones(graph *g, const node *value) {
  node *one = graph_scalar(g, 1, value->where);
  return value->shape.rank ? graph_broadcast(g, one, value->shape, value->where) : one;
}

void differentiate(graph *g, node *value, node *seed, int count, node *const *wrt, node **gradients) {
  assert(value->dtype == DTYPE_F32 && (!seed || shape_equal(seed->shape, value->shape)));
  bool *reaches = gradient_reaches(g, count, wrt);
  node **flows = arena_array(g->arena, node *, g->node_count + 1); /* by node id: the gradient found so far */
  if (reaches[value->id])
    flows[value->id] = seed ? seed : ones(g, value);
  for (int id = value->id; id >= 0; id--) {
    node *n = g->nodes[id];
    if (flows[id] && rules[n->op])
      differentiate_node(g, n, reaches, flows);
  }
  for (int i = 0; i < count; i++)
    gradients[i] = wrt[i]->id <= value->id ? flows[wrt[i]->id] : NULL;
}

bool gradient_wanted(const gradient_step *s, int operand) {
  const node *x = s->of->operands[operand];
  return x->dtype == DTYPE_F32 && s->reaches[x->id];
}

void gradient_give(gradient_step *s, int operand, node *gradient) {
  const node *x = s->of->operands[operand];
  span where = s->of->where;
  if (x->shape.rank == 0 && gradient->shape.rank > 0) {
    axes all = {.count = gradient->shape.rank};
    for (int i = 0; i < all.count; i++)
      all.axis[i] = i;
    gradient = graph_reshape(s->g, graph_reduce(s->g, OP_reduce_sum, gradient, all, where), x->shape, where);
  }
  s->gradients[operand] = gradient;
}

node *gradient_unary(gradient_step *s, op o, node *x) {
  return graph_unary(s->g, o, x, s->of->where);
}
node *gradient_binary(gradient_step *s, op o, node *x, node *y) {
  return graph_binary(s->g, o, x, y, s->of->where);
}
node *gradient_scale(gradient_step *s, node *x, double factor) {
  return gradient_binary(s, OP_mul, x, graph_scalar(s->g, factor, s->of->where));
}
node *gradient_select(gradient_step *s, node *condition, node *x, node *y) {
  return graph_where(s->g, condition, x, y, s->of->where);
}
node *gradient_zero(gradient_step *s) {
  return graph_scalar(s->g, 0, s->of->where);
}
