#include "tests/unit/layer_graph.h"
#include "compiler/grad/differentiate.h"

typedef struct maker {
  graph *g;
  const layer_options *options;
  const dim *rows, *length;
  node *key;
  node *loss; /* NULL until there is a term */
  int parameter_count;
  node **parameters;
} maker;

static const dim *size(const maker *m, int64_t number) {
  return dim_constant(m->g->dims, number);
}

static node *parameter(maker *m, int layer, const char *name, int rank, int64_t first, int64_t second) {
  shape s = {.rank = rank, .dims = {size(m, first), size(m, second)}};
  node *n = graph_input(m->g, m->options->train ? INPUT_STATE : INPUT_WEIGHT,
                        arena_print(m->g->arena, "layer.%d.%s", layer, name), DTYPE_F32, s, (span){0});
  arena_append(m->g->arena, m->parameters, m->parameter_count, n);
  return n;
}

static node *binary(maker *m, op o, node *x, node *y) {
  shape s;
  shape_broadcast(x->shape, y->shape, &s, m->g->dims);
  return graph_binary(m->g, o, graph_broadcast(m->g, x, s, (span){0}), graph_broadcast(m->g, y, s, (span){0}),
                      (span){0});
}

static node *number(maker *m, double value) {
  return graph_scalar(m->g, value, (span){0});
}
static node *unary(maker *m, op o, node *x) {
  return graph_unary(m->g, o, x, (span){0});
}

static node *linear(maker *m, int layer, const char *name, node *x, int64_t in, int64_t out) {
  node *weight = parameter(m, layer, arena_print(m->g->arena, "%s.weight", name), 2, out, in);
  node *bias = parameter(m, layer, arena_print(m->g->arena, "%s.bias", name), 1, out, 1);
  node *product = graph_matmul(m->g, x, graph_transpose(m->g, weight, (span){0}), (span){0});
  return binary(m, OP_add, product, bias);
}

static node *mean_last(maker *m, node *x) {
  axes last = {.count = 1, .axis = {x->shape.rank - 1}};
  node *sum = graph_reduce(m->g, OP_reduce_sum, x, last, (span){0});
  return binary(m, OP_mul, sum, number(m, 1.0 / m->options->hidden));
}

static node *norm(maker *m, int layer, const char *name, node *x) {
  int64_t hidden = m->options->hidden;
  node *weight = parameter(m, layer, arena_print(m->g->arena, "%s.weight", name), 1, hidden, 1);
  node *bias = parameter(m, layer, arena_print(m->g->arena, "%s.bias", name), 1, hidden, 1);
  node *centered = binary(m, OP_sub, x, mean_last(m, x));
  node *variance = mean_last(m, binary(m, OP_mul, centered, centered));
  node *scale = unary(m, OP_rsqrt, binary(m, OP_add, variance, number(m, 1e-12)));
  return binary(m, OP_add, binary(m, OP_mul, binary(m, OP_mul, centered, scale), weight), bias);
}

static node *dropout(maker *m, node *x, uint32_t site) {
  if (!m->options->dropout)
    return x;
  node_attributes attributes = {.site = {.number = site, .name = "site"}};
  node *uniform = graph_add(m->g, OP_random, 1, &m->key, &attributes, DTYPE_F32, &x->shape, (span){0});
  node *kept = graph_binary(m->g, OP_less, uniform, number(m, 0.9), (span){0});
  return graph_where(m->g, kept, binary(m, OP_mul, x, number(m, 1 / 0.9)), number(m, 0), (span){0});
}

static node *gelu(maker *m, node *x) {
  node *error = unary(m, OP_erf, binary(m, OP_mul, x, number(m, 0.70710678118654752)));
  return binary(m, OP_mul, binary(m, OP_mul, x, number(m, 0.5)), binary(m, OP_add, error, number(m, 1)));
}

static node *heads(maker *m, node *x) {
  int64_t count = m->options->heads;
  shape s = {.rank = 4, .dims = {m->rows, m->length, size(m, count), size(m, m->options->hidden / count)}};
  axes order = {.count = 4, .axis = {0, 2, 1, 3}};
  return graph_permute(m->g, graph_reshape(m->g, x, s, (span){0}), order, (span){0});
}

static node *softmax(maker *m, node *x) {
  axes last = {.count = 1, .axis = {x->shape.rank - 1}};
  node *most = unary(m, OP_stop_gradient, graph_reduce(m->g, OP_reduce_max, x, last, (span){0}));
  node *e = unary(m, OP_exp, binary(m, OP_sub, x, most));
  return binary(m, OP_div, e, graph_reduce(m->g, OP_reduce_sum, e, last, (span){0}));
}

static void add_loss(maker *m, node *x, node *target) {
  node *difference = target ? binary(m, OP_sub, x, target) : x;
  axes all = {.count = x->shape.rank};
  for (int i = 0; i < all.count; i++)
    all.axis[i] = i;
  node *sum = graph_reduce(m->g, OP_reduce_sum, binary(m, OP_mul, difference, difference), all, (span){0});
  sum = graph_reshape(m->g, sum, (shape){0}, (span){0});
  sum = binary(m, OP_mul, sum, number(m, 1e-3));
  m->loss = m->loss ? binary(m, OP_add, m->loss, sum) : sum;
}

static node *attention(maker *m, int layer, node *x) {
  int64_t hidden = m->options->hidden;
  node *q = heads(m, linear(m, layer, "query", x, hidden, hidden));
  node *k = heads(m, linear(m, layer, "key", x, hidden, hidden));
  node *v = heads(m, linear(m, layer, "value", x, hidden, hidden));
  node *scores = graph_matmul(m->g, q, graph_transpose(m->g, k, (span){0}), (span){0});
  scores = binary(m, OP_mul, scores, number(m, 0.25));
  if (m->options->scores)
    add_loss(m, scores, NULL);
  node *mixed = graph_matmul(m->g, dropout(m, softmax(m, scores), 100 + (uint32_t)layer), v, (span){0});
  axes order = {.count = 4, .axis = {0, 2, 1, 3}};
  mixed = graph_reshape(m->g, graph_permute(m->g, mixed, order, (span){0}), x->shape, (span){0});
  node *out = dropout(m, linear(m, layer, "output", mixed, hidden, hidden), 200 + (uint32_t)layer);
  return norm(m, layer, "norm", binary(m, OP_add, out, x));
}

static node *make_layer(maker *m, int layer, node *x) {
  int64_t hidden = m->options->hidden, wide = m->options->wide;
  node *y = attention(m, layer, x);
  node *middle = gelu(m, linear(m, layer, "wide", y, hidden, wide));
  node *out = dropout(m, linear(m, layer, "narrow", middle, wide, hidden), 300 + (uint32_t)layer);
  return norm(m, layer, "norm2", binary(m, OP_add, out, y));
}

/* Adam without the bias of its start: two moments and the weight. */
static void update(maker *m, node *weight, node *gradient, node *rate) {
  const char *name = weight->attributes.input.name;
  node *first =
      graph_input(m->g, INPUT_STATE, arena_print(m->g->arena, "%s.first", name), DTYPE_F32, weight->shape, (span){0});
  node *second =
      graph_input(m->g, INPUT_STATE, arena_print(m->g->arena, "%s.second", name), DTYPE_F32, weight->shape, (span){0});
  node *next = binary(m, OP_add, binary(m, OP_mul, first, number(m, 0.9)), binary(m, OP_mul, gradient, number(m, 0.1)));
  node *square = binary(m, OP_mul, gradient, gradient);
  node *power =
      binary(m, OP_add, binary(m, OP_mul, second, number(m, 0.999)), binary(m, OP_mul, square, number(m, 0.001)));
  node *change = binary(m, OP_div, next, binary(m, OP_add, unary(m, OP_sqrt, power), number(m, 1e-6)));
  graph_update_add(m->g, first, next);
  graph_update_add(m->g, second, power);
  graph_update_add(m->g, weight, binary(m, OP_sub, weight, binary(m, OP_mul, change, rate)));
}

graph *layer_graph(arena *a, const layer_options *options) {
  dim_table *dims = dim_table_create(a);
  maker m = {.g = graph_create(a, dims, "layers"), .options = options};
  m.rows = dim_named(dims, "B");
  m.length = dim_named(dims, "T");
  shape s = {.rank = 3, .dims = {m.rows, m.length, size(&m, options->hidden)}};
  shape pair = {.rank = 1, .dims = {size(&m, 2)}};
  m.key = graph_input(m.g, INPUT_DATA, "key", DTYPE_I64, pair, (span){0});
  node *x = graph_input(m.g, INPUT_DATA, "x", DTYPE_F32, s, (span){0});
  for (int i = 0; i < options->layers; i++)
    x = make_layer(&m, i, x);
  if (!options->train) {
    graph_output_add(m.g, "y", x);
    return m.g;
  }
  node *rate = graph_input(m.g, INPUT_DATA, "rate", DTYPE_F32, (shape){0}, (span){0});
  add_loss(&m, x, graph_input(m.g, INPUT_DATA, "target", DTYPE_F32, s, (span){0}));
  graph_output_add(m.g, "loss", m.loss);
  node **gradients = arena_array(a, node *, m.parameter_count);
  differentiate(m.g, m.loss, NULL, m.parameter_count, m.parameters, gradients);
  for (int i = 0; i < m.parameter_count; i++)
    if (gradients[i])
      update(&m, m.parameters[i], gradients[i], rate);
  return m.g;
}
