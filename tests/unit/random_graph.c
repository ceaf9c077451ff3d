/* Draws a graph: a pool of values grows by operations on values that are there already. Each value carries a bound of
 * its magnitude, so that nothing overflows, and operations with a small domain get operands moved into it. */
#include "tests/unit/random_graph.h"

#include <assert.h>
#include <math.h>

enum { POOL_MAX = 400 };

typedef struct pool_value {
  node *node;
  double bound; /* |value| is at most this */
} pool_value;

typedef struct drawing {
  graph *graph;
  uint64_t state;
  const random_graph_options *options;
  int count, input_count;
  pool_value pool[POOL_MAX];
  const dim *symbols[3];
  int symbol_count;
} drawing;

uint64_t random_next(uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int random_below(uint64_t *state, int count) {
  return (int)(random_next(state) % (uint64_t)count);
}

double random_between(uint64_t *state, double low, double high) {
  return (float)(low + (high - low) * (double)(random_next(state) >> 40) / 0x1p24);
}

static const span nowhere = {0};

static bool chance(drawing *d, int of) {
  return random_below(&d->state, of) == 0;
}

static node *keep(drawing *d, node *n, double bound) {
  if (d->count < POOL_MAX)
    d->pool[d->count++] = (pool_value){n, bound};
  return n;
}

static const char *number_name(drawing *d, const char *prefix, int number) {
  return arena_print(d->graph->arena, "%s.%d", prefix, number);
}

static const dim *constant(drawing *d, int64_t value) {
  return dim_constant(d->graph->dims, value);
}

/* ---- picking what is there ---- */

/* Later values more often. */
static pool_value *pick(drawing *d, dtype type) {
  for (int tries = 0; tries < 64; tries++) {
    int at = random_below(&d->state, d->count);
    if (chance(d, 2))
      at = at + random_below(&d->state, d->count - at);
    if (d->pool[at].node->dtype == type)
      return &d->pool[at];
  }
  return NULL;
}

/* Real, with at least the given rank. */
static pool_value *pick_real(drawing *d, int rank) {
  for (int tries = 0; tries < 64; tries++) {
    pool_value *x = pick(d, DTYPE_F32);
    if (x && x->node->shape.rank >= rank)
      return x;
  }
  return NULL;
}

static node *scalar(drawing *d, double number) {
  return graph_scalar(d->graph, number, nowhere);
}

static node *times(drawing *d, node *x, double factor) {
  return graph_binary(d->graph, OP_mul, x, scalar(d, factor), nowhere);
}

/* x, or x scaled down to the bound. */
static node *within(drawing *d, const pool_value *x, double bound) {
  return x->bound > bound ? times(d, x->node, bound / x->bound) : x->node;
}

/* |x| + 0.5 */
static node *positive(drawing *d, node *x) {
  node *magnitude = graph_unary(d->graph, OP_abs, x, nowhere);
  return graph_binary(d->graph, OP_add, magnitude, scalar(d, 0.5), nowhere);
}

static int random_axis(drawing *d, const node *n) {
  return random_below(&d->state, n->shape.rank);
}

static axes random_axes(drawing *d, const node *n) {
  axes a = {.count = 0};
  for (int i = 0; i < n->shape.rank; i++)
    if (chance(d, 2))
      a.axis[a.count++] = i;
  if (a.count == 0)
    a = (axes){.count = 1, .axis = {random_axis(d, n)}};
  return a;
}

static double axes_size(drawing *d, const node *n, const axes *a) {
  double size = 1;
  for (int i = 0; i < a->count; i++) {
    int64_t value;
    size *= dim_is_constant(n->shape.dims[a->axis[i]], &value) ? (double)value : 4.0 * d->options->size_max;
  }
  return size;
}

/* Another value that can be had in x's shape: one of that shape, a broadcast one, a scalar, or statistics of x. */
static pool_value partner(drawing *d, const pool_value *x) {
  graph *g = d->graph;
  for (int tries = 0; tries < 12; tries++) {
    pool_value *y = pick(d, x->node->dtype);
    shape common;
    if (y && shape_broadcast(y->node->shape, x->node->shape, &common, g->dims) && shape_equal(common, x->node->shape) &&
        (y->node != x->node || chance(d, 8)))
      return (pool_value){y->node->shape.rank == 0 ? y->node : graph_broadcast(g, y->node, common, nowhere), y->bound};
  }
  if (x->node->shape.rank == 0 || x->node->dtype != DTYPE_F32 || chance(d, 3))
    return (pool_value){graph_constant(g, x->node->dtype == DTYPE_BOOL ? 1 : 1 + random_below(&d->state, 3),
                                       x->node->dtype, (shape){0}, nowhere),
                        3};
  axes over = random_axes(d, x->node);
  node *statistic = graph_reduce(g, chance(d, 2) ? OP_reduce_max : OP_reduce_min, x->node, over, nowhere);
  return (pool_value){graph_expand(g, statistic, x->node->shape, nowhere), x->bound};
}

/* ---- growing: each adds one operation (with what it needs) to the pool, or returns false ---- */

typedef bool grower(drawing *d);

static bool grow_unary(drawing *d) {
  static const op any[] = {OP_neg, OP_abs, OP_sign, OP_floor, OP_tanh, OP_erf, OP_sin, OP_cos};
  pool_value *x = pick_real(d, 0);
  op o = any[random_below(&d->state, sizeof any / sizeof *any)];
  if (!x)
    return false;
  bool grows = o == OP_neg || o == OP_abs || o == OP_floor;
  keep(d, graph_unary(d->graph, o, x->node, nowhere), grows ? x->bound + 1 : 1);
  return true;
}

static bool grow_exp(drawing *d) {
  pool_value *x = pick_real(d, 0);
  if (!x)
    return false;
  keep(d, graph_unary(d->graph, OP_exp, within(d, x, 2), nowhere), 8);
  return true;
}

static bool grow_positive(drawing *d) {
  static const op any[] = {OP_log, OP_sqrt, OP_rsqrt, OP_reciprocal};
  pool_value *x = pick_real(d, 0);
  if (!x)
    return false;
  op o = any[random_below(&d->state, 4)];
  keep(d, graph_unary(d->graph, o, positive(d, within(d, x, 20)), nowhere), 5);
  return true;
}

static bool grow_binary(drawing *d) {
  static const op any[] = {OP_add, OP_sub, OP_mul, OP_maximum, OP_minimum, OP_div, OP_pow};
  pool_value *at = pick_real(d, 0);
  if (!at)
    return false;
  pool_value x = *at, y = partner(d, &x);
  op o = any[random_below(&d->state, 7)];
  double bound = x.bound + y.bound;
  node *left = x.node, *right = y.node;
  if (o == OP_mul) {
    left = within(d, &x, 6);
    right = within(d, &y, 6);
    bound = 36;
  } else if (o == OP_div) {
    right = positive(d, right);
    bound = x.bound * 2;
  } else if (o == OP_pow) {
    left = positive(d, within(d, &x, 2));
    right = within(d, &y, 2);
    bound = 7;
  } else if (chance(d, 2)) {
    left = y.node;
    right = x.node;
  }
  node *result = graph_binary(d->graph, o, left, right, nowhere);
  keep(d, bound > 40 ? times(d, result, 10 / bound) : result, bound > 40 ? 10 : bound);
  return true;
}

static bool grow_where(drawing *d) {
  static const op compare[] = {OP_less, OP_less_equal};
  pool_value *at = pick_real(d, 0);
  if (!at)
    return false;
  pool_value x = *at, y = partner(d, &x), z = partner(d, &x);
  node *condition = graph_binary(d->graph, compare[random_below(&d->state, 2)], x.node, z.node, nowhere);
  keep(d, condition, 1);
  if (d->options->integers && chance(d, 2))
    condition = keep(d, graph_unary(d->graph, OP_not, condition, nowhere), 1);
  keep(d, graph_where(d->graph, condition, y.node, x.node, nowhere), fmax(x.bound, y.bound));
  return true;
}

static bool grow_stop_gradient(drawing *d) {
  pool_value *x = pick_real(d, 0);
  if (!x || d->options->differentiable)
    return false;
  keep(d, graph_unary(d->graph, OP_stop_gradient, x->node, nowhere), x->bound);
  return true;
}

static bool grow_reduce(drawing *d) {
  static const op any[] = {OP_reduce_sum, OP_reduce_max, OP_reduce_min};
  pool_value *at = pick_real(d, 1);
  if (!at)
    return false;
  pool_value x = *at;
  axes over = random_axes(d, x.node);
  op o = any[random_below(&d->state, 3)];
  double size = o == OP_reduce_sum ? axes_size(d, x.node, &over) : 1;
  keep(d, graph_reduce(d->graph, o, within(d, &x, 40 / size), over, nowhere), size > 1 ? 40 : x.bound);
  return true;
}

/* e^(x - max) / sum: what fusion is made for. */
static bool grow_softmax(drawing *d) {
  graph *g = d->graph;
  pool_value *x = pick_real(d, 1);
  if (!x)
    return false;
  axes over = {.count = 1, .axis = {random_axis(d, x->node)}};
  shape s = x->node->shape;
  node *moved = within(d, x, 5);
  node *largest = graph_expand(g, graph_reduce(g, OP_reduce_max, moved, over, nowhere), s, nowhere);
  node *e = graph_unary(g, OP_exp, graph_binary(g, OP_sub, moved, largest, nowhere), nowhere);
  node *sum = graph_expand(g, graph_reduce(g, OP_reduce_sum, e, over, nowhere), s, nowhere);
  keep(d, graph_binary(g, OP_div, e, sum, nowhere), 1);
  return true;
}

static bool grow_permute(drawing *d) {
  pool_value *x = pick_real(d, 2);
  if (!x)
    return false;
  axes order = {.count = x->node->shape.rank};
  for (int i = 0; i < order.count; i++) {
    int at = random_below(&d->state, i + 1);
    order.axis[i] = order.axis[at];
    order.axis[at] = i;
  }
  keep(d, graph_permute(d->graph, x->node, order, nowhere), x->bound);
  return true;
}

/* Joins two axes, adds one of size 1, or drops one. */
static bool grow_reshape(drawing *d) {
  pool_value *x = pick_real(d, 1);
  if (!x)
    return false;
  shape from = x->node->shape, to = {.rank = 0};
  int at = random_axis(d, x->node);
  bool join = chance(d, 2) && at + 1 < from.rank, widen = !join && from.rank < 5;
  for (int i = 0; i < from.rank; i++) {
    if (widen && i == at)
      to.dims[to.rank++] = constant(d, 1);
    if (join && i == at + 1)
      to.dims[to.rank - 1] = dim_multiply(d->graph->dims, to.dims[to.rank - 1], from.dims[i]);
    else
      to.dims[to.rank++] = from.dims[i];
  }
  if (shape_equal(from, to))
    return false;
  keep(d, graph_reshape(d->graph, x->node, to, nowhere), x->bound);
  return true;
}

static bool grow_expand(drawing *d) {
  pool_value *x = pick_real(d, 0);
  if (!x || x->node->shape.rank > 3)
    return false;
  shape to = x->node->shape;
  to.dims[to.rank++] = NULL;
  for (int i = to.rank - 1; i > 0; i--)
    to.dims[i] = to.dims[i - 1];
  bool symbol = d->symbol_count && chance(d, 2);
  to.dims[0] =
      symbol ? d->symbols[random_below(&d->state, d->symbol_count)] : constant(d, 1 + random_below(&d->state, 4));
  keep(d, graph_broadcast(d->graph, x->node, to, nowhere), x->bound);
  return true;
}

static bool grow_slice(drawing *d) {
  pool_value *x = pick_real(d, 1);
  if (!x)
    return false;
  shape to = x->node->shape;
  node_attributes a = {0};
  for (int i = 0; i < to.rank; i++) {
    int64_t size;
    a.slice.low[i] = constant(d, 0);
    a.slice.step[i] = 1;
    if (!chance(d, 2))
      continue;
    if (!dim_is_constant(to.dims[i], &size)) { /* the last element */
      a.slice.low[i] = dim_subtract(d->graph->dims, to.dims[i], constant(d, 1));
      to.dims[i] = constant(d, 1);
      continue;
    }
    int low = random_below(&d->state, (int)size), step = 1 + random_below(&d->state, 3);
    a.slice.low[i] = constant(d, low);
    a.slice.step[i] = step;
    to.dims[i] = constant(d, 1 + random_below(&d->state, ((int)size - 1 - low) / step + 1));
  }
  keep(d, graph_add(d->graph, OP_slice, 1, &x->node, &a, DTYPE_F32, &to, nowhere), x->bound);
  return true;
}

/* Never more than a few hundred elements along an axis. */
static bool is_wide(drawing *d, const dim *size) {
  int64_t value;
  return dim_is_constant(size, &value) ? value > 4 * d->options->size_max : size->term_count > 2;
}

static bool grow_pad(drawing *d) {
  pool_value *x = pick_real(d, 1);
  if (!x)
    return false;
  node_attributes a = {0};
  int chosen = random_axis(d, x->node);
  if (is_wide(d, x->node->shape.dims[chosen]))
    return false;
  for (int i = 0; i < x->node->shape.rank; i++) {
    a.pad.low[i] = constant(d, i == chosen ? random_below(&d->state, 3) : 0);
    a.pad.high[i] = constant(d, i == chosen ? random_below(&d->state, 3) : 0);
    a.pad.interior[i] = i == chosen ? random_below(&d->state, 2) : 0;
  }
  keep(d, graph_add(d->graph, OP_pad, 1, &x->node, &a, DTYPE_F32, NULL, nowhere), x->bound);
  return true;
}

static bool grow_concat(drawing *d) {
  pool_value *at = pick_real(d, 1);
  if (!at)
    return false;
  pool_value x = *at;
  node_attributes a = {.axes = {.count = 1, .axis = {random_axis(d, x.node)}}};
  int along = a.axes.axis[0], count = 1;
  node *parts[3] = {x.node};
  double bound = x.bound;
  if (is_wide(d, x.node->shape.dims[along]))
    return false;
  for (int tries = 0; tries < 20 && count < 3; tries++) {
    pool_value *y = pick_real(d, 1);
    bool fits = y && y->node->shape.rank == x.node->shape.rank;
    for (int i = 0; fits && i < x.node->shape.rank; i++)
      fits = i == along ? !is_wide(d, y->node->shape.dims[i]) : y->node->shape.dims[i] == x.node->shape.dims[i];
    if (!fits)
      continue;
    parts[count++] = y->node;
    bound = fmax(bound, y->bound);
  }
  keep(d, graph_add(d->graph, OP_concat, count, parts, &a, DTYPE_F32, NULL, nowhere), bound);
  return true;
}

/* x y with y drawn, or made from x by a transpose: x x'. */
static bool grow_matmul(drawing *d) {
  pool_value *at = pick_real(d, 2);
  if (!at)
    return false;
  pool_value x = *at;
  double inner = axes_size(d, x.node, &(axes){.count = 1, .axis = {x.node->shape.rank - 1}});
  node *y = NULL;
  for (int tries = 0; tries < 20 && !y; tries++) {
    pool_value *other = pick_real(d, 2);
    node_attributes none = {0};
    dtype type;
    shape s;
    if (other && !graph_check(d->graph, OP_matmul, 2, (node *[]){x.node, other->node}, &none, &type, &s))
      y = within(d, other, 2);
  }
  if (!y)
    y = graph_transpose(d->graph, within(d, &x, 2), nowhere);
  keep(d, graph_matmul(d->graph, within(d, &x, 20 / inner), y, nowhere), 40);
  return true;
}

/* Rows of a value by an index that is an input of its own, so that its range is known. */
static node *index_input(drawing *d, shape s) {
  return graph_input(d->graph, INPUT_DATA, number_name(d, "index", d->input_count++),
                     chance(d, 3) ? DTYPE_I64 : DTYPE_I32, s, nowhere);
}

static bool grow_gather(drawing *d) {
  pool_value *at = pick_real(d, 1);
  if (!at || at->node->shape.rank > 3)
    return false;
  pool_value table = *at;
  shape s = {.rank = random_below(&d->state, 3)};
  for (int i = 0; i < s.rank; i++)
    s.dims[i] = constant(d, 1 + random_below(&d->state, d->options->size_max));
  keep(d, graph_binary(d->graph, OP_gather, table.node, index_input(d, s), nowhere), table.bound);
  return true;
}

static bool grow_scatter_add(drawing *d) {
  pool_value *at = pick_real(d, 1);
  if (!at)
    return false;
  pool_value x = *at;
  int rows = random_below(&d->state, 2) + 1;
  if (rows > x.node->shape.rank)
    rows = 1;
  shape s = {.rank = rows}, to = {.rank = x.node->shape.rank - rows + 1};
  axes all = {.count = rows};
  to.dims[0] = constant(d, 1 + random_below(&d->state, d->options->size_max));
  for (int i = 0; i < x.node->shape.rank; i++)
    if (i < rows) {
      s.dims[i] = x.node->shape.dims[i];
      all.axis[i] = i;
    } else
      to.dims[i - rows + 1] = x.node->shape.dims[i];
  node *updates = within(d, &x, 40 / axes_size(d, x.node, &all));
  node *operands[] = {index_input(d, s), updates};
  keep(d, graph_add(d->graph, OP_scatter_add, 2, operands, NULL, DTYPE_F32, &to, nowhere), 40);
  return true;
}

/* Now and then through words of bf16, which hold whole numbers up to 256 as they are. */
static node *through_words(drawing *d, node *x, double bound) {
  int way = d->graph->node_count % 3;
  if (bound > 256 || way == 0)
    return x;
  node *words = graph_binary(d->graph, OP_bf16_words, x, x, nowhere);
  return graph_unary(d->graph, way == 1 ? OP_bf16_lower : OP_bf16_upper, words, nowhere);
}

static bool grow_integer(drawing *d) {
  static const op arithmetic[] = {OP_add, OP_sub, OP_mul, OP_maximum, OP_minimum, OP_div};
  static const op compare[] = {OP_less, OP_less_equal, OP_equal, OP_not_equal};
  graph *g = d->graph;
  pool_value *at = pick(d, DTYPE_I32);
  if (!at) {
    pool_value *x = pick_real(d, 0);
    if (x)
      keep(d, graph_cast(g, x->node, DTYPE_I32, nowhere), x->bound);
    return x;
  }
  pool_value x = *at, y = partner(d, &x);
  switch (random_below(&d->state, 4)) {
  case 0:
    keep(d, through_words(d, graph_cast(g, x.node, DTYPE_F32, nowhere), x.bound), x.bound);
    break;
  case 1:
    keep(d, graph_binary(g, compare[random_below(&d->state, 4)], x.node, y.node, nowhere), 1);
    break;
  default: {
    op o = arithmetic[random_below(&d->state, 6)];
    double bound = o == OP_mul ? x.bound * y.bound : x.bound + y.bound;
    if (bound > 1000)
      return false;
    keep(d, graph_binary(g, o, x.node, y.node, nowhere), bound);
  }
  }
  return true;
}

static bool grow_logic(drawing *d) {
  pool_value *at = pick(d, DTYPE_BOOL);
  if (!at)
    return false;
  pool_value x = *at, y = partner(d, &x);
  node *both = graph_binary(d->graph, chance(d, 2) ? OP_and : OP_or, x.node, y.node, nowhere);
  keep(d, both, 1);
  keep(d, graph_cast(d->graph, both, DTYPE_F32, nowhere), 1);
  return true;
}

static bool grow_leaf(drawing *d) {
  graph *g = d->graph;
  pool_value *like = pick_real(d, 1);
  if (!like)
    return false;
  shape s = like->node->shape;
  if (d->options->integers && chance(d, 2)) {
    node *key = graph_find_input(g, "key");
    const char *name = number_name(d, "site", g->node_count);
    node_attributes a = {.site = {.number = (uint32_t)random_next(&d->state), .name = name}};
    keep(d, graph_add(g, OP_random, 1, &key, &a, DTYPE_F32, &s, nowhere), 1);
    return true;
  }
  node_attributes a = {.axes = {.count = 1, .axis = {random_axis(d, like->node)}}};
  node *count = graph_add(g, OP_iota, 0, NULL, &a, DTYPE_I32, &s, nowhere);
  keep(d, count, 4 * d->options->size_max);
  keep(d, graph_cast(g, count, DTYPE_F32, nowhere), 4 * d->options->size_max);
  return true;
}

static bool grow_argmax(drawing *d) {
  pool_value *x = pick_real(d, 1);
  if (!x)
    return false;
  node_attributes a = {.axes = {.count = 1, .axis = {random_axis(d, x->node)}}};
  keep(d, graph_add(d->graph, OP_argmax, 1, &x->node, &a, DTYPE_F32, NULL, nowhere), 4 * d->options->size_max);
  return true;
}

static const struct {
  grower *grow;
  int weight;
  bool integers;
} growers[] = {
    {grow_unary, 6, false},      {grow_exp, 2, false},    {grow_positive, 3, false}, {grow_binary, 10, false},
    {grow_where, 2, false},      {grow_reduce, 4, false}, {grow_softmax, 1, false},  {grow_permute, 2, false},
    {grow_reshape, 2, false},    {grow_expand, 1, false}, {grow_slice, 2, false},    {grow_pad, 2, false},
    {grow_concat, 1, false},     {grow_matmul, 3, false}, {grow_gather, 2, false},   {grow_stop_gradient, 1, false},
    {grow_scatter_add, 1, true}, {grow_integer, 3, true}, {grow_logic, 1, true},     {grow_leaf, 1, true},
    {grow_argmax, 1, true},
};
enum { GROWER_COUNT = sizeof growers / sizeof *growers };

static bool grow(drawing *d) {
  int total = 0;
  for (int i = 0; i < GROWER_COUNT; i++)
    total += growers[i].integers && !d->options->integers ? 0 : growers[i].weight;
  int drawn = random_below(&d->state, total);
  for (int i = 0; i < GROWER_COUNT; i++) {
    drawn -= growers[i].integers && !d->options->integers ? 0 : growers[i].weight;
    if (drawn < 0)
      return growers[i].grow(d);
  }
  return false;
}

/* ---- inputs and outputs ---- */

static shape random_shape(drawing *d) {
  shape s = {.rank = 1 + random_below(&d->state, 3)};
  for (int i = 0; i < s.rank; i++)
    s.dims[i] = d->symbol_count && chance(d, 3) ? d->symbols[random_below(&d->state, d->symbol_count)]
                                                : constant(d, 1 + random_below(&d->state, d->options->size_max));
  return s;
}

static void draw_inputs(drawing *d) {
  graph *g = d->graph;
  if (d->options->symbolic) {
    d->symbols[d->symbol_count++] = dim_named(g->dims, "B");
    d->symbols[d->symbol_count++] = dim_named(g->dims, "N");
    d->symbols[d->symbol_count++] = dim_ragged(g->dims, "T", d->symbols[0], "x.lengths");
    graph_input(g, INPUT_DATA, "x.lengths", DTYPE_I32, (shape){1, {d->symbols[0]}}, nowhere);
  }
  if (d->options->integers) {
    graph_input(g, INPUT_DATA, "key", DTYPE_I64, (shape){1, {constant(d, 2)}}, nowhere);
    keep(d, graph_input(g, INPUT_DATA, "integers", DTYPE_I32, random_shape(d), nowhere), 4);
    keep(d, graph_input(g, INPUT_DATA, "flags", DTYPE_BOOL, random_shape(d), nowhere), 1);
  }
  int inputs = 2 + random_below(&d->state, 4);
  for (int i = 0; i < inputs; i++) {
    input_kind kind = d->options->updates ? (input_kind)random_below(&d->state, 3) : INPUT_DATA;
    shape s = i > 0 && chance(d, 2) ? d->pool[d->count - 1].node->shape : random_shape(d);
    if (kind == INPUT_STATE) /* sizes of what is kept between steps do not change */
      for (int k = 0; k < s.rank; k++)
        s.dims[k] = dim_is_constant(s.dims[k], NULL) ? s.dims[k] : constant(d, d->options->size_max);
    keep(d, graph_input(g, kind, number_name(d, "x", d->input_count++), DTYPE_F32, s, nowhere), 2);
  }
}

static void draw_updates(drawing *d) {
  for (int i = 0, count = d->count; i < count; i++) {
    node *state = d->pool[i].node;
    if (state->op != OP_input || state->attributes.input.kind != INPUT_STATE)
      continue;
    pool_value step = partner(d, &d->pool[i]);
    graph_update_add(d->graph, state, graph_binary(d->graph, OP_sub, state, times(d, step.node, 0.1), nowhere));
  }
}

/* Sum of v + v^2 over everything that nobody used, each scaled to a few units. */
static void draw_loss(drawing *d, const bool *used) {
  graph *g = d->graph;
  node *loss = scalar(d, 0);
  for (int i = 0; i < d->count; i++) {
    pool_value *v = &d->pool[i];
    if (v->node->dtype != DTYPE_F32 || used[v->node->id])
      continue;
    node *x = within(d, v, 2);
    x = graph_binary(g, OP_add, x, graph_binary(g, OP_mul, x, x, nowhere), nowhere);
    axes all = {.count = x->shape.rank};
    for (int k = 0; k < all.count; k++)
      all.axis[k] = k;
    if (all.count)
      x = graph_reshape(g, graph_reduce(g, OP_reduce_sum, x, all, nowhere), (shape){0}, nowhere);
    loss = graph_binary(g, OP_add, loss, x, nowhere);
  }
  graph_output_add(g, "loss", loss);
}

graph *random_graph(arena *a, uint64_t seed, const random_graph_options *options) {
  drawing *d = arena_new(a, drawing);
  *d = (drawing){.graph = graph_create(a, dim_table_create(a), "random"), .state = seed, .options = options};
  assert(options->size_max >= 2);
  draw_inputs(d);
  for (int done = 0, tries = 0; done < options->operations && tries < options->operations * 20; tries++)
    done += grow(d);
  graph *g = d->graph;
  int drawn = g->node_count;
  bool *used = arena_array(a, bool, drawn);
  for (int i = 0; i < drawn; i++)
    for (int k = 0; k < g->nodes[i]->operand_count; k++)
      used[g->nodes[i]->operands[k]->id] = true;
  if (options->differentiable)
    draw_loss(d, used);
  for (int i = 0, number = 0; i < drawn; i++)
    if (!used[i] && g->nodes[i]->op != OP_input)
      graph_output_add(g, number_name(d, "out", number++), g->nodes[i]);
  if (options->updates)
    draw_updates(d);
  return g;
}
