/* Simplify: rewrites node by node until no row matches anywhere.
 *
 * Rules are right for NaN and infinities, with these exceptions, which are wanted:
 *   - the sign of a zero may be lost: x + 0 = x for x = -0 as well;
 *   - a value that overflowed only on the way, as in (x * 1e30) * 1e-30, may come out finite;
 *   - pow(x, 0.5) is sqrt(x): NaN for -infinity, where C's pow has infinity.
 * Nothing is ever dropped by a product with zero. */
#include "compiler/passes/simplify.h"
#include "compiler/passes/pass.h"
#include <assert.h>

enum { ROUNDS_MAX = 64, REPLACEMENTS_MAX = 16 };

static const simplify_row *const groups[] = {simplify_constants, simplify_broadcasts, simplify_movement,
                                             simplify_reductions};

typedef struct round {
  simplifier s;
  bool changed;
} round;

static node *replacement(simplifier *s, node *n) {
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    for (const simplify_row *row = groups[i]; row->apply; row++) {
      node *better = n->op >= row->first && n->op <= row->last ? row->apply(s, n) : NULL;
      if (better)
        return better;
    }
  return simplify_by_pattern(s, n);
}

static node *rewrite(void *context, graph *to, const node *old, node **operands) {
  round *r = context;
  r->s.to = to;
  r->s.old = old;
  node *n = graph_copy_node(to, old, operands);
  for (int i = 0; i < REPLACEMENTS_MAX; i++) {
    node *better = replacement(&r->s, n);
    if (!better)
      break;
    assert(better->dtype == old->dtype && shape_equal(better->shape, old->shape));
    if (!better->name)
      better->name = old->name; /* a tap keeps its name through a rewriting */
    n = better;
    r->s.old = NULL;
    r->changed = true;
  }
  return n;
}

static const int *count_uses(const graph *g) {
  int *uses = arena_array(g->arena, int, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++)
    for (int i = 0; i < g->nodes[id]->operand_count; i++)
      uses[g->nodes[id]->operands[i]->id]++;
  for (int i = 0; i < g->output_count; i++)
    uses[g->outputs[i].value->id]++;
  return uses;
}

graph *pass_simplify(const graph *g) {
  round r = {.changed = true};
  r.s.patterns = simplify_patterns(g->arena);
  graph *result = NULL;
  for (int i = 0; i < ROUNDS_MAX && r.changed; i++) {
    const graph *from = result ? result : g;
    r.changed = false;
    r.s.uses = count_uses(from);
    result = pass_dce(graph_rewrite(from, NULL, rewrite, &r)); /* so that uses by what was replaced do not count */
  }
  return result;
}

bool simplify_number(const node *n, double *number) {
  while (n->op == OP_expand || n->op == OP_reshape || n->op == OP_permute || n->op == OP_slice)
    n = n->operands[0];
  *number = n->op == OP_constant ? n->attributes.number : 0;
  return n->op == OP_constant;
}

node *simplify_constant(simplifier *s, const node *n, double number) {
  return graph_constant(s->to, number, n->dtype, n->shape, n->where);
}

node *simplify_conform(simplifier *s, node *x, const node *n) {
  return shape_equal(x->shape, n->shape) ? x : graph_broadcast(s->to, x, n->shape, n->where);
}

bool simplify_sole_user(const simplifier *s, int operand) {
  return s->old && s->uses[s->old->operands[operand]->id] == 1;
}

bool simplify_is_one(const dim *d) {
  int64_t value;
  return dim_is_constant(d, &value) && value == 1;
}

node *simplify_size(simplifier *s, const dim *d, dtype type, span where) {
  graph *g = s->to;
  int64_t value;
  shape scalar = {.rank = 0};
  if (dim_is_constant(d, &value))
    return graph_constant(g, (double)value, type, scalar, where);
  dim_table *t = g->dims;
  const dim *one = dim_constant(t, 1);
  shape all = {.rank = 1, .dims = {d}}, single = {.rank = 1, .dims = {one}};
  node_attributes axis = {.axes = {.count = 1}};
  node_attributes last = {0};
  last.slice.low[0] = dim_subtract(t, d, one);
  last.slice.step[0] = 1;
  node *count = graph_add(g, OP_iota, 0, NULL, &axis, DTYPE_I32, &all, where);
  count = graph_add(g, OP_slice, 1, &count, &last, DTYPE_I32, &single, where);
  count = graph_reshape(g, count, scalar, where);
  count = graph_binary(g, OP_add, count, graph_constant(g, 1, DTYPE_I32, scalar, where), where);
  return type == DTYPE_I32 ? count : graph_cast(g, count, type, where);
}
