/* Gradients: what differentiate() gives, against central differences by the reference interpreter in float64: for each
 * operation, for random graphs, and for gradients of gradients. */
#include "compiler/grad/differentiate.h"
#include "tests/unit/random_graph.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VARIABLES_MAX = 64, ELEMENTS_MAX = 24 };

/* A graph whose first output is a scalar, the variables it depends on, and the point at which they are compared. */
typedef struct check {
  graph *g;       /* with gradients, once differentiated */
  graph *forward; /* without */
  int64_t *bindings;
  tensor_value *inputs; /* by id, the same in both */
  int count;
  node *variables[VARIABLES_MAX], *gradients[VARIABLES_MAX];
  const char *label;
  int compared;
  int skipped; /* at kinks and where something is not finite: no difference quotient there */
} check;

static node *copy(void *context, graph *to, const node *old, node **operands) {
  (void)context;
  return graph_copy_node(to, old, operands);
}

static char *printed(const graph *g) {
  text t = {0};
  graph_print(g, true, &t);
  return t.data;
}

static double value_at(const check *c) {
  tensor_value *values = graph_interpret(c->forward, c->bindings, c->inputs, false);
  double value = values[c->forward->outputs[0].value->id].data[0];
  interpret_free(c->forward, values);
  return value;
}

static double difference(const check *c, double *element, double step) {
  double at = *element;
  *element = at + step;
  double above = value_at(c);
  *element = at - step;
  double below = value_at(c);
  *element = at;
  return (above - below) / (2 * step);
}

static void compare_element(check *c, double *element, double gradient, const char *name) {
  double coarse = difference(c, element, 2e-5), fine = difference(c, element, 1e-5);
  double scale = 1 + fabs(fine);
  if (!isfinite(coarse) || !isfinite(fine) || fabs(coarse - fine) > 1e-3 * scale) {
    c->skipped++; /* not smooth at this scale */
    return;
  }
  c->compared++;
  if (fabs(fine - gradient) <= 1e-5 * scale + 4 * fabs(coarse - fine))
    return;
  fail_msg("%s: d/d%s is %.9g, differences say %.9g, in\n%s", c->label, name, gradient, fine, printed(c->forward));
}

static void compare_all(check *c, uint64_t seed) {
  tensor_value *values = graph_interpret(c->g, c->bindings, c->inputs, false);
  for (int v = 0; v < c->count; v++) {
    int64_t size = c->inputs[c->variables[v]->id].count;
    double *elements = c->inputs[c->variables[v]->id].data;
    for (int k = 0; k < ELEMENTS_MAX && k < size; k++) {
      int64_t i = size <= ELEMENTS_MAX ? k : random_below(&seed, (int)size);
      double gradient = c->gradients[v] ? values[c->gradients[v]->id].data[i] : 0;
      compare_element(c, &elements[i], gradient, c->variables[v]->attributes.input.name);
    }
  }
  interpret_free(c->g, values);
}

static void find_variables(check *c) {
  for (int id = 0; id < c->g->node_count && c->count < VARIABLES_MAX; id++)
    if (c->g->nodes[id]->op == OP_input && c->g->nodes[id]->dtype == DTYPE_F32)
      c->variables[c->count++] = c->g->nodes[id];
}

/* Gradient graphs verify, and their text reads back. */
static void verify(const check *c) {
  const char *wrong = graph_verify(c->g), *error = NULL;
  char *once = printed(c->g);
  if (wrong)
    fail_msg("%s: %s, after differentiation:\n%s", c->label, wrong, once);
  graph *again = graph_parse(c->g->arena, once, strlen(once), &error);
  if (!again)
    fail_msg("%s: %s in\n%s", c->label, error, once);
  char *twice = printed(again);
  assert_string_equal(once, twice);
  free(once);
  free(twice);
}

static node *sum_of_products(graph *g, node *x, node *y) {
  span where = x->where;
  axes all = {.count = x->shape.rank};
  for (int i = 0; i < all.count; i++)
    all.axis[i] = i;
  node *sum = graph_binary(g, OP_mul, x, y, where);
  return all.count ? graph_reshape(g, graph_reduce(g, OP_reduce_sum, sum, all, where), (shape){.rank = 0}, where) : sum;
}

/* ---- one graph an operation, its gradient needed through every operand ---- */

static const struct gradient_case {
  const char *name;
  double low, high; /* of the variables */
  const char *body; /* %0 x, %1 y: f32[2, 3]; %2: bool[2, 3]; %3: i32[4]; %4: f32[B, 3]; %5: f32 */
} cases[] = {
    {"neg", -2, 2, "%6 = neg f32[2, 3] %0"},
    {"abs", -2, 2, "%6 = abs f32[2, 3] %0"},
    {"exp", -2, 2, "%6 = exp f32[2, 3] %0"},
    {"log", 0.1, 3, "%6 = log f32[2, 3] %0"},
    {"sqrt", 0.1, 3, "%6 = sqrt f32[2, 3] %0"},
    {"rsqrt", 0.2, 3, "%6 = rsqrt f32[2, 3] %0"},
    {"reciprocal", 0.2, 3, "%6 = reciprocal f32[2, 3] %0"},
    {"tanh", -2, 2, "%6 = tanh f32[2, 3] %0"},
    {"erf", -2, 2, "%6 = erf f32[2, 3] %0"},
    {"sin", -3, 3, "%6 = sin f32[2, 3] %0"},
    {"cos", -3, 3, "%6 = cos f32[2, 3] %0"},
    {"cast", -2, 2, "%6 = cast f32[2, 3] %0"},
    {"add", -2, 2, "%6 = add f32[2, 3] %0 %1"},
    {"add of a scalar", -2, 2, "%6 = add f32[2, 3] %5 %1"},
    {"add of itself", -2, 2, "%6 = add f32[2, 3] %0 %0"},
    {"sub", -2, 2, "%6 = sub f32[2, 3] %0 %1"},
    {"sub of a scalar", -2, 2, "%6 = sub f32[2, 3] %5 %1"},
    {"sub of itself", -2, 2, "%6 = sub f32[2, 3] %0 %0"},
    {"mul", -2, 2, "%6 = mul f32[2, 3] %0 %1"},
    {"mul of a scalar", -2, 2, "%6 = mul f32[2, 3] %5 %1"},
    {"mul of itself", -2, 2, "%6 = mul f32[2, 3] %0 %0"},
    {"div", 0.3, 2, "%6 = div f32[2, 3] %0 %1"},
    {"div by a scalar", 0.3, 2, "%6 = div f32[2, 3] %0 %5"},
    {"div of a scalar", 0.3, 2, "%6 = div f32[2, 3] %5 %0"},
    {"pow", 0.3, 2, "%6 = pow f32[2, 3] %0 %1"},
    {"pow by a scalar", 0.3, 2, "%6 = pow f32[2, 3] %0 %5"},
    {"pow by 0", -2, 2,
     "%6 = constant f32[] 0\n"
     "%7 = pow f32[2, 3] %0 %6"},
    {"pow by 1", -2, 2,
     "%6 = constant f32[] 1\n"
     "%7 = pow f32[2, 3] %0 %6"},
    {"pow by 2", -2, 2,
     "%6 = constant f32[] 2\n"
     "%7 = pow f32[2, 3] %0 %6"},
    {"pow by 3", -2, 2,
     "%6 = constant f32[] 3\n"
     "%7 = pow f32[2, 3] %0 %6"},
    {"pow by 0.5", 0.3, 2,
     "%6 = constant f32[] 0.5\n"
     "%7 = pow f32[2, 3] %0 %6"},
    {"pow by -1", 0.3, 2,
     "%6 = constant f32[] -1\n"
     "%7 = pow f32[2, 3] %0 %6"},
    {"maximum", -2, 2, "%6 = maximum f32[2, 3] %0 %1"},
    {"maximum of a scalar", -2, 2, "%6 = maximum f32[2, 3] %5 %1"},
    {"minimum", -2, 2, "%6 = minimum f32[2, 3] %0 %1"},
    {"minimum of a scalar", -2, 2, "%6 = minimum f32[2, 3] %5 %1"},
    {"where", -2, 2, "%6 = where f32[2, 3] %2 %0 %1"},
    {"where of a scalar", -2, 2, "%6 = where f32[2, 3] %2 %5 %1"},
    {"where by a comparison", -2, 2,
     "%6 = less bool[2, 3] %0 %1\n"
     "%7 = where f32[2, 3] %6 %0 %1"},
    {"reduce_sum", -2, 2, "%6 = reduce_sum f32[2, 1] %0 axes [1]"},
    {"reduce_sum over all", -2, 2, "%6 = reduce_sum f32[1, 1] %0 axes [0, 1]"},
    {"reduce_max", -2, 2, "%6 = reduce_max f32[1, 3] %0 axes [0]"},
    {"reduce_min", -2, 2, "%6 = reduce_min f32[1, 3] %0 axes [0]"},
    {"expand", -2, 2,
     "%6 = reshape f32[2, 1, 3] %0\n"
     "%7 = expand f32[2, 4, 3] %6"},
    {"expand to a run-time size", -2, 2,
     "%6 = reshape f32[1, 2, 3] %0\n"
     "%7 = expand f32[B, 2, 3] %6"},
    {"reshape", -2, 2, "%6 = reshape f32[3, 2] %0"},
    {"permute", -2, 2,
     "%6 = reshape f32[2, 3, 1] %0\n"
     "%7 = permute f32[1, 2, 3] %6 axes [2, 0, 1]"},
    {"slice", -2, 2, "%6 = slice f32[1, 2] %0 low [1, 0] step [1, 2]"},
    {"slice of a run-time size", -2, 2, "%6 = slice f32[B - 1, 3] %4 low [1, 0] step [1, 1]"},
    {"pad", -2, 2, "%6 = pad f32[6, 6] %0 low [1, 0] interior [1, 0] high [2, 3]"},
    {"concat", -2, 2, "%6 = concat f32[2, 9] %0 %1 %0 axes [1]"},
    {"concat of a run-time size", -2, 2, "%6 = concat f32[B + 2, 3] %4 %0 axes [0]"},
    {"matmul", -2, 2,
     "%6 = reshape f32[3, 2] %1\n"
     "%7 = matmul f32[2, 2] %0 %6"},
    {"matmul, batched", -2, 2,
     "%6 = reshape f32[2, 1, 3] %0\n"
     "%7 = reshape f32[2, 3, 1] %1\n"
     "%8 = matmul f32[2, 1, 1] %6 %7"},
    {"matmul, shared right operand", -2, 2,
     "%6 = reshape f32[2, 1, 3] %0\n"
     "%7 = reshape f32[3, 2] %1\n"
     "%8 = matmul f32[2, 1, 2] %6 %7"},
    {"matmul, shared, run-time size", -2, 2,
     "%6 = reshape f32[B, 1, 3] %4\n"
     "%7 = reshape f32[3, 2] %1\n"
     "%8 = matmul f32[B, 1, 2] %6 %7"},
    {"gather", -2, 2, "%6 = gather f32[4, 3] %0 %3"},
    {"scatter_add", -2, 2,
     "%6 = gather f32[4, 3] %0 %3\n"
     "%7 = scatter_add f32[5, 3] %3 %6"},
    {"softmax", -2, 2,
     "%6 = reduce_max f32[2, 1] %0 axes [1]\n"
     "%7 = expand f32[2, 3] %6\n"
     "%8 = sub f32[2, 3] %0 %7\n"
     "%9 = exp f32[2, 3] %8\n"
     "%10 = reduce_sum f32[2, 1] %9 axes [1]\n"
     "%11 = expand f32[2, 3] %10\n"
     "%12 = div f32[2, 3] %9 %11"},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static const char *const head = "graph test {\n"
                                "dim B\n"
                                "%0 = input state f32[2, 3] \"x\"\n"
                                "%1 = input state f32[2, 3] \"y\"\n"
                                "%2 = input data bool[2, 3] \"p\"\n"
                                "%3 = input data i32[4] \"i\"\n"
                                "%4 = input state f32[B, 3] \"t\"\n"
                                "%5 = input state f32[] \"s\"\n";

/* The value is the node of the body's last line. */
static graph *parse_case(arena *a, const struct gradient_case *of) {
  const char *last = strrchr(of->body, '\n'), *error = NULL;
  char *content =
      arena_print(a, "%s%s\noutput \"value\" %%%d\n}\n", head, of->body, atoi((last ? last + 1 : of->body) + 1));
  graph *g = graph_parse(a, content, strlen(content), &error);
  if (!g)
    fail_msg("%s in\n%s", error, content);
  return g;
}

static void fill_case(check *c, const struct gradient_case *of, uint64_t seed) {
  graph *g = c->g;
  c->bindings = arena_array(g->arena, int64_t, 1);
  c->bindings[0] = 3;
  c->inputs = arena_array(g->arena, tensor_value, g->node_count);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_input)
      continue;
    tensor_value *x = &c->inputs[id];
    x->count = dim_evaluate(shape_elements(g->dims, n->shape), c->bindings);
    x->data = arena_array(g->arena, double, x->count);
    for (int64_t i = 0; i < x->count; i++)
      x->data[i] = n->dtype == DTYPE_F32 ? random_between(&seed, of->low, of->high) : random_below(&seed, 2);
  }
}

static void each_operation(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    arena *a = arena_create();
    check c = {.g = parse_case(a, &cases[i]), .label = cases[i].name};
    graph *g = c.g;
    find_variables(&c);
    node *value = g->outputs[0].value;
    node *upstream = graph_input(g, INPUT_DATA, "upstream", DTYPE_F32, value->shape, value->where);
    g->outputs[0].value = sum_of_products(g, value, upstream);
    c.forward = graph_rewrite(g, NULL, copy, NULL);
    differentiate(g, value, upstream, c.count, c.variables, c.gradients);
    verify(&c);
    fill_case(&c, &cases[i], (uint64_t)i + 1);
    compare_all(&c, (uint64_t)i);
    if (c.skipped > 2) /* kinks are rare */
      fail_msg("%s: %d elements were skipped", c.label, c.skipped);
    arena_destroy(a);
  }
}

/* ---- random graphs ---- */

typedef struct tally {
  int graphs, compared, skipped;
} tally;

/* `order` 1: gradients of a random graph's loss; 2: of the sum of squares of these. */
static void check_random(uint64_t seed, int order, tally *t) {
  arena *a = arena_create();
  random_graph_options options = {.operations = 3 + (int)(seed % 18),
                                  .size_max = 2 + (int)(seed % 3),
                                  .differentiable = true,
                                  .symbolic = seed % 3 == 0,
                                  .integers = seed % 4 == 0};
  check c = {.g = random_graph(a, seed, &options), .label = arena_print(a, "seed %d", (int)seed)};
  graph *g = c.g;
  random_inputs filled;
  find_variables(&c);
  for (int i = 1; i <= order; i++) {
    c.forward = graph_rewrite(g, NULL, copy, NULL);
    differentiate(g, g->outputs[0].value, NULL, c.count, c.variables, c.gradients);
    verify(&c);
    node *squares = graph_scalar(g, 0, (span){0});
    for (int v = 0; v < c.count && i < order; v++)
      if (c.gradients[v])
        squares = graph_binary(g, OP_add, squares, sum_of_products(g, c.gradients[v], c.gradients[v]), (span){0});
    if (i < order)
      g->outputs[0].value = squares;
  }
  if (random_graph_fill(a, c.forward, seed, options.size_max, &filled)) {
    c.bindings = filled.bindings;
    c.inputs = arena_array(a, tensor_value, g->node_count);
    memcpy(c.inputs, filled.inputs, sizeof *c.inputs * (size_t)c.forward->node_count);
    compare_all(&c, seed);
    t->graphs++;
  }
  t->compared += c.compared;
  t->skipped += c.skipped;
  arena_destroy(a);
}

static void check_seeds(uint64_t first, uint64_t count, int order) {
  tally t = {0};
  for (uint64_t seed = first; seed < first + count; seed++)
    check_random(seed, order, &t);
  print_message("seeds %d to %d, order %d: %d graphs, %d gradients compared, %d skipped at kinks\n", (int)first,
                (int)(first + count - 1), order, t.graphs, t.compared, t.skipped);
  assert_true(t.graphs * 10 >= (int)count * 8);
  assert_true(t.skipped * 50 <= t.compared);
}

static void random_graphs(void **state) {
  (void)state;
  check_seeds(1000, 1500, 1);
}

static void gradients_of_gradients(void **state) {
  (void)state;
  check_seeds(5000, 300, 2);
}

/* ---- what does not flow ---- */

static void nothing_flows_where_nothing_can(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *content = "graph g {\n"
                        "%0 = input state f32[3] \"w\"\n"
                        "%1 = input state f32[3] \"unread\"\n"
                        "%2 = input weight f32[3] \"frozen\"\n"
                        "%3 = exp f32[3] %2\n"
                        "%4 = stop_gradient f32[3] %0\n"
                        "%5 = mul f32[3] %3 %4\n"
                        "%6 = mul f32[3] %5 %0\n"
                        "output \"value\" %6\n}\n";
  const char *error;
  graph *g = graph_parse(a, content, strlen(content), &error);
  assert_non_null(g);
  node *wrt[] = {g->nodes[0], g->nodes[1]}, *gradients[2];
  bool *reaches = gradient_reaches(g, 2, wrt);
  const bool expected[] = {true, true, false, false, false, false, true};
  for (int id = 0; id < 7; id++)
    assert_int_equal(reaches[id], expected[id]);
  differentiate(g, g->outputs[0].value, NULL, 2, wrt, gradients);
  assert_null(gradients[1]);
  for (int id = 7; id < g->node_count; id++) /* no gradient of the frozen side is built */
    assert_int_not_equal(g->nodes[id]->op, OP_exp);
  assert_true(g->node_count <= 11); /* a one of the shape, a product */
  arena_destroy(a);
}

static void spans_are_those_of_the_operation(void **state) {
  (void)state;
  arena *a = arena_create();
  graph *g = graph_create(a, dim_table_create(a), "g");
  const source_file *file = source_from_text(a, "m.rt", "x", 1);
  shape s = {.rank = 1, .dims = {dim_constant(g->dims, 3)}};
  node *x = graph_input(g, INPUT_STATE, "x", DTYPE_F32, s, (span){file, 1, 1, 1, 2});
  node *y = graph_unary(g, OP_sqrt, x, (span){file, 7, 1, 7, 2});
  node *gradient;
  int before = g->node_count;
  differentiate(g, y, NULL, 1, &x, &gradient);
  for (int id = before; id < g->node_count; id++)
    assert_int_equal(g->nodes[id]->where.line, 7);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation),
      cmocka_unit_test(random_graphs),
      cmocka_unit_test(gradients_of_gradients),
      cmocka_unit_test(nothing_flows_where_nothing_can),
      cmocka_unit_test(spans_are_those_of_the_operation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
