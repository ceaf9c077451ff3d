/* Gradients: what differentiate() gives, against central differences by the reference interpreter in float64. */
#include "compiler/grad/differentiate.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VARIABLES_MAX = 64, ELEMENTS_MAX = 24 };

typedef struct gradient_check {
  int compared;
  int skipped; /* at kinks and where something is not finite: no difference quotient there */
} gradient_check;

typedef struct sample { /* one point at which a graph is evaluated */
  graph *g;
  int64_t bindings[16];
  tensor_value *inputs;
} sample;

static uint64_t next(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static double uniform(uint64_t *state, double low, double high) {
  return low + (high - low) * (double)(next(state) >> 11) * 0x1p-53;
}

static graph *parse(arena *a, const char *content) {
  const char *error = NULL;
  graph *g = graph_parse(a, content, strlen(content), &error);
  if (!g)
    fail_msg("%s in\n%s", error, content);
  return g;
}

static int64_t elements(const sample *s, shape of) {
  return dim_evaluate(shape_elements(s->g->dims, of), s->bindings);
}

static void fill(sample *s, uint64_t seed, double low, double high) {
  graph *g = s->g;
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    s->bindings[i] = 2 + i % 2;
  s->inputs = arena_array(g->arena, tensor_value, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_input)
      continue;
    tensor_value *input = &s->inputs[id];
    input->count = elements(s, n->shape);
    input->data = arena_array(g->arena, double, input->count + 1);
    for (int64_t i = 0; i < input->count; i++)
      input->data[i] = n->dtype == DTYPE_F32 ? uniform(&seed, low, high) : (double)(next(&seed) >> 63);
  }
}

/* sum of weights * the value */
static double weighted(const sample *s, const tensor_value *weights) {
  tensor_value *values = graph_interpret(s->g, s->bindings, s->inputs, false);
  const tensor_value *value = &values[s->g->outputs[0].value->id];
  double sum = 0;
  for (int64_t i = 0; i < value->count; i++)
    sum += value->data[i] * weights->data[i];
  interpret_free(s->g, values);
  return sum;
}

static double difference(sample *s, double *element, double step, const tensor_value *weights) {
  double at = *element;
  *element = at + step;
  double above = weighted(s, weights);
  *element = at - step;
  double below = weighted(s, weights);
  *element = at;
  return (above - below) / (2 * step);
}

static bool close_to(double a, double b) {
  return fabs(a - b) <= 1e-5 * (1 + fabs(a) + fabs(b));
}

static void compare(sample *forward, double *element, double gradient, const tensor_value *weights,
                    gradient_check *result, const char *content, const char *name) {
  double coarse = difference(forward, element, 1e-4, weights), fine = difference(forward, element, 1e-5, weights);
  if (!isfinite(coarse) || !isfinite(fine) || fabs(coarse) > 1e6 || !close_to(coarse / 100, fine / 100)) {
    result->skipped++; /* not smooth at this scale */
    return;
  }
  result->compared++;
  double tolerance = 1e-4 * (1 + fabs(fine)) + 4 * fabs(coarse - fine);
  if (!(fabs(fine - gradient) <= tolerance))
    fail_msg("d/d%s is %.9g, differences say %.9g, in\n%s", name, gradient, fine, content);
}

static void verify(const graph *g, const char *content) {
  const char *wrong = graph_verify(g);
  if (wrong)
    fail_msg("%s, after differentiation of\n%s", wrong, content);
  text once = {0}, twice = {0};
  graph_print(g, true, &once);
  const char *error = NULL;
  graph *again = graph_parse(g->arena, once.data, once.length, &error);
  if (!again)
    fail_msg("%s in\n%s", error, once.data);
  graph_print(again, true, &twice);
  assert_string_equal(once.data, twice.data);
  text_free(&once);
  text_free(&twice);
}

/* `content` is a graph's text. Its f32 inputs of kind state are the variables, its first output the value. Inputs are
 * random by `seed`: reals in [low, high), integers in [0, 2), truths. Run-time dimensions are 2, 3, 2, … */
static gradient_check check_gradients(const char *content, uint64_t seed, double low, double high) {
  arena *a = arena_create();
  gradient_check result = {0};
  sample forward = {.g = parse(a, content)}, joint = {.g = parse(a, content)};
  graph *g = joint.g;
  node *variables[VARIABLES_MAX], *gradients[VARIABLES_MAX];
  int count = 0;
  for (int id = 0; id < g->node_count && count < VARIABLES_MAX; id++)
    if (g->nodes[id]->op == OP_input && g->nodes[id]->attributes.input.kind == INPUT_STATE)
      variables[count++] = g->nodes[id];
  node *value = g->outputs[0].value;
  node *upstream = graph_input(g, INPUT_DATA, "upstream", DTYPE_F32, value->shape, value->where);
  differentiate(g, value, upstream, count, variables, gradients);
  verify(g, content);
  fill(&forward, seed, low, high);
  fill(&joint, seed, low, high); /* equal: the variables stand at the same ids, `upstream` behind them */
  const tensor_value *weights = &joint.inputs[upstream->id];
  tensor_value *values = graph_interpret(g, joint.bindings, joint.inputs, false);
  for (int v = 0; v < count; v++) {
    tensor_value *x = &forward.inputs[variables[v]->id];
    for (int k = 0; k < ELEMENTS_MAX && k < x->count; k++) {
      int64_t i = x->count <= ELEMENTS_MAX ? k : (int64_t)(next(&seed) % (uint64_t)x->count);
      double gradient = gradients[v] ? values[gradients[v]->id].data[i] : 0;
      compare(&forward, &x->data[i], gradient, weights, &result, content, variables[v]->attributes.input.name);
    }
  }
  interpret_free(g, values);
  arena_destroy(a);
  return result;
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
static void each_operation(void **state) {
  (void)state;
  for (int i = 0; i < CASE_COUNT; i++) {
    const char *last = strrchr(cases[i].body, '\n');
    text content = {0};
    text_add(&content, "%s%s\noutput \"value\" %%%d\n}\n", head, cases[i].body,
             atoi((last ? last + 1 : cases[i].body) + 1));
    gradient_check result = check_gradients(content.data, (uint64_t)i + 1, cases[i].low, cases[i].high);
    if (result.compared < 12) /* kinks are rare */
      fail_msg("%s: only %d elements could be compared", cases[i].name, result.compared);
    text_free(&content);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
