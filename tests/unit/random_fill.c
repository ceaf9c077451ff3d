/* Bindings and inputs for a graph, away from points where an operation jumps or has a kink. */
#include "tests/unit/random_graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS_MAX = 200, NUDGES = 8 };
static const double margin = 1e-3, nudge = 1e-6;

/* Near, but not on it: equal values are so by construction, and stay so when inputs change. */
static bool near(double x, double y) {
  return x != y && fabs(x - y) < margin * (1 + fabs(x));
}

static bool near_integer(double x) {
  return near(x, round(x));
}

static bool pointwise_near_kink(const node *n, const double *x) {
  switch ((int)n->op) {
  case OP_abs:
  case OP_sign:
    return near(x[0], 0);
  case OP_floor:
    return near_integer(x[0]);
  case OP_cast:
    return n->dtype != DTYPE_F32 && n->operands[0]->dtype == DTYPE_F32 && near_integer(x[0]);
  case OP_maximum:
  case OP_minimum:
  case OP_less:
  case OP_less_equal:
  case OP_equal:
  case OP_not_equal:
    return near(x[0], x[1]);
  default:
    return false;
  }
}

/* Where position `at` of the operand lies in the reduced result. */
static int64_t reduced_position(int64_t at, int rank, const int64_t *from, const int64_t *to) {
  int64_t position = 0, stride = 1;
  for (int k = rank - 1; k >= 0; k--) {
    position += to[k] == 1 ? 0 : at % from[k] * stride;
    stride *= to[k];
    at /= from[k];
  }
  return position;
}

/* Whether another value is near the extreme. */
static bool reduction_near_kink(const node *n, const tensor_value *x, const tensor_value *r, const int64_t *bindings) {
  if (n->op == OP_reduce_sum)
    return false;
  int64_t from[RANK_MAX], to[RANK_MAX];
  for (int i = 0; i < n->shape.rank; i++) {
    from[i] = dim_evaluate(n->operands[0]->shape.dims[i], bindings);
    to[i] = dim_evaluate(n->shape.dims[i], bindings);
  }
  double *extremes = calloc((size_t)r->count + 1, sizeof *extremes);
  for (int64_t i = 0; i < r->count; i++)
    extremes[i] = n->op == OP_argmax ? -INFINITY : r->data[i];
  for (int64_t i = 0; i < x->count && n->op == OP_argmax; i++) {
    double *extreme = &extremes[reduced_position(i, n->shape.rank, from, to)];
    *extreme = fmax(*extreme, x->data[i]);
  }
  bool is_near = false;
  for (int64_t i = 0; i < x->count && !is_near; i++)
    is_near = near(x->data[i], extremes[reduced_position(i, n->shape.rank, from, to)]);
  free(extremes);
  return is_near;
}

static bool graph_near_kink(const graph *g, const tensor_value *values, const int64_t *bindings) {
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    op_class class = op_describe(n->op)->class;
    if (class == CLASS_REDUCTION && reduction_near_kink(n, &values[n->operands[0]->id], &values[i], bindings))
      return true;
    for (int64_t e = 0; class == CLASS_POINTWISE && e < values[i].count; e++) {
      double x[3] = {0};
      for (int k = 0; k < n->operand_count; k++)
        x[k] = values[n->operands[k]->id].data[n->operands[k]->shape.rank ? e : 0];
      if (pointwise_near_kink(n, x))
        return true;
    }
  }
  return false;
}

/* ---- drawing ---- */

/* The rows of the smallest table that input n is an index of; 0: it is none. */
static int64_t index_range(const graph *g, const node *n, const int64_t *bindings) {
  int64_t range = 0;
  for (int i = n->id + 1; i < g->node_count; i++) {
    const node *user = g->nodes[i];
    const dim *rows = user->op == OP_gather && user->operands[1] == n        ? user->operands[0]->shape.dims[0]
                      : user->op == OP_scatter_add && user->operands[0] == n ? user->shape.dims[0]
                                                                             : NULL;
    int64_t count = rows ? dim_evaluate(rows, bindings) : 0;
    if (rows && (range == 0 || count < range))
      range = count;
  }
  return range;
}

/* The largest length that input n holds; 0: it holds none. */
static int64_t length_range(const graph *g, const node *n, const int64_t *bindings) {
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    if (s->lengths && strcmp(s->lengths, n->attributes.input.name) == 0)
      return bindings[i];
  }
  return 0;
}

static void draw_integers(const graph *g, const node *n, uint64_t *state, const int64_t *bindings, tensor_value *to) {
  int64_t rows = index_range(g, n, bindings), longest = length_range(g, n, bindings);
  for (int64_t e = 0; e < to->count; e++)
    if (longest) /* the axis is as long as the longest row */
      to->data[e] = e == 0 ? (double)longest : 1 + random_below(state, (int)longest);
    else
      to->data[e] = rows ? random_below(state, (int)rows) : random_below(state, 9) - 4;
}

static void draw(arena *a, const graph *g, uint64_t *state, int size_max, random_inputs *filled) {
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    filled->bindings[i] = 1 + random_below(state, size_max);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    tensor_value *to = &filled->inputs[i];
    to->count = 1;
    for (int k = 0; k < n->shape.rank; k++)
      to->count *= dim_evaluate(n->shape.dims[k], filled->bindings);
    to->data = arena_array(a, double, to->count + 1);
    if (n->dtype == DTYPE_I32 || n->dtype == DTYPE_I64)
      draw_integers(g, n, state, filled->bindings, to);
    else
      for (int64_t e = 0; e < to->count; e++)
        to->data[e] = n->dtype == DTYPE_BOOL ? random_below(state, 2) : random_between(state, -2, 2);
  }
}

static bool dims_fit(const graph *g, const int64_t *bindings) {
  for (int i = 0; i < dim_condition_count(g->dims); i++)
    if (dim_evaluate(dim_condition_at(g->dims, i)->size, bindings) < dim_condition_at(g->dims, i)->least)
      return false;
  return true;
}

static bool away_from_kinks(const graph *g, const int64_t *bindings, const tensor_value *inputs) {
  tensor_value *values = graph_interpret(g, bindings, inputs, false);
  if (!values)
    return false;
  bool near_kink = graph_near_kink(g, values, bindings);
  interpret_free(g, values);
  return !near_kink;
}

/* Values can also be equal by rounding alone, as a sum of softmax and 1: then they are not when inputs change a little.
 */
static bool stays_away_from_kinks(arena *a, const graph *g, uint64_t seed, const random_inputs *filled) {
  tensor_value *inputs = arena_array(a, tensor_value, g->node_count + 1);
  for (int i = 0; i < g->node_count; i++) {
    inputs[i] = filled->inputs[i];
    if (g->nodes[i]->op == OP_input && g->nodes[i]->dtype == DTYPE_F32)
      inputs[i].data = arena_array(a, double, inputs[i].count + 1);
  }
  for (int k = 0; k < NUDGES; k++) {
    for (int i = 0; i < g->node_count; i++)
      for (int64_t e = 0; inputs[i].data != filled->inputs[i].data && e < inputs[i].count; e++)
        inputs[i].data[e] = filled->inputs[i].data[e] * (1 + nudge * random_between(&seed, -1, 1));
    if (!away_from_kinks(g, filled->bindings, inputs))
      return false;
  }
  return true;
}

bool random_graph_fill(arena *a, const graph *g, uint64_t seed, int size_max, random_inputs *filled) {
  uint64_t state = seed;
  filled->bindings = arena_array(a, int64_t, dim_symbol_count(g->dims) + 1);
  filled->inputs = arena_array(a, tensor_value, g->node_count + 1);
  for (int i = 0; i < DRAWS_MAX; i++) {
    draw(a, g, &state, size_max, filled);
    if (!dims_fit(g, filled->bindings))
      continue;
    if (away_from_kinks(g, filled->bindings, filled->inputs) && stays_away_from_kinks(a, g, seed, filled))
      return true;
  }
  return false;
}
