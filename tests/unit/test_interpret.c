/* The reference interpreter, operation by operation, against values worked out by hand. */
#include "compiler/graph/evaluate.h"
#include "runtime/core/retort.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N NAN
#define I INFINITY

enum { INPUTS_MAX = 3, SIZE_MAX_OF_INPUT = 16 };

typedef struct hand {
  const char *lines; /* of the graph; its last node is the result */
  int input_counts[INPUTS_MAX];
  double inputs[INPUTS_MAX][SIZE_MAX_OF_INPUT];
  int count;
  double expected[24];
} hand;

#define X2 "%0 = input data f32[2, 3] \"x\"\n"
#define X2_VALUES        \
  {6}, {                 \
    { 1, 2, 3, 4, 5, 6 } \
  }
#define TWO(type) "%0 = input data " type "[5] \"x\"\n%1 = input data " type "[5] \"y\"\n"

static const hand pointwise[] = {
    {"%0 = input data f32[4] \"x\"\n%1 = neg f32[4] %0\n", {4}, {{1, -2, 0, I}}, 4, {-1, 2, 0, -I}},
    {"%0 = input data f32[4] \"x\"\n%1 = abs f32[4] %0\n", {4}, {{1, -2, N, -I}}, 4, {1, 2, N, I}},
    {"%0 = input data f32[4] \"x\"\n%1 = sign f32[4] %0\n", {4}, {{3, -2, 0, N}}, 4, {1, -1, 0, N}},
    {"%0 = input data f32[4] \"x\"\n%1 = floor f32[4] %0\n", {4}, {{1.5, -1.5, 2, -I}}, 4, {1, -2, 2, -I}},
    {"%0 = input data f32[3] \"x\"\n%1 = exp f32[3] %0\n", {3}, {{0, 1, -I}}, 3, {1, M_E, 0}},
    {"%0 = input data f32[4] \"x\"\n%1 = log f32[4] %0\n", {4}, {{1, M_E, 0, -1}}, 4, {0, 1, -I, N}},
    {"%0 = input data f32[3] \"x\"\n%1 = sqrt f32[3] %0\n", {3}, {{4, 2, -1}}, 3, {2, M_SQRT2, N}},
    {"%0 = input data f32[3] \"x\"\n%1 = rsqrt f32[3] %0\n", {3}, {{4, 0, 1}}, 3, {0.5, I, 1}},
    {"%0 = input data f32[3] \"x\"\n%1 = reciprocal f32[3] %0\n", {3}, {{4, -0.5, 0}}, 3, {0.25, -2, I}},
    {"%0 = input data f32[3] \"x\"\n%1 = tanh f32[3] %0\n", {3}, {{0, 100, 0.5}}, 3, {0, 1, 0.46211715726000976}},
    {"%0 = input data f32[3] \"x\"\n%1 = erf f32[3] %0\n", {3}, {{0, -100, 0.5}}, 3, {0, -1, 0.5204998778130465}},
    {"%0 = input data f32[2] \"x\"\n%1 = sin f32[2] %0\n", {2}, {{0, M_PI_2}}, 2, {0, 1}},
    {"%0 = input data f32[2] \"x\"\n%1 = cos f32[2] %0\n", {2}, {{0, M_PI}}, 2, {1, -1}},
    {"%0 = input data f32[2] \"x\"\n%1 = stop_gradient f32[2] %0\n", {2}, {{7, N}}, 2, {7, N}},
    {"%0 = input data f32[5] \"x\"\n%1 = cast i32[5] %0\n",
     {5},
     {{1.9, -1.9, N, 1e20, -I}},
     5,
     {1, -1, 0, INT32_MAX, INT32_MIN}},
    {"%0 = input data f32[3] \"x\"\n%1 = cast bool[3] %0\n", {3}, {{0, -3, N}}, 3, {0, 1, 1}},
    {"%0 = input data i64[2] \"x\"\n%1 = cast i32[2] %0\n", {2}, {{4294967301, -4294967301}}, 2, {5, -5}},
    {"%0 = input data bool[2] \"x\"\n%1 = not bool[2] %0\n", {2}, {{0, 1}}, 2, {1, 0}},
    {TWO("f32") "%2 = add f32[5] %0 %1\n", {5, 5}, {{1, 2, 3, I, N}, {1, -2, 0.5, -I, 1}}, 5, {2, 0, 3.5, N, N}},
    {TWO("f32") "%2 = sub f32[5] %0 %1\n", {5, 5}, {{1, 2, 3, I, N}, {1, -2, 0.5, -I, 1}}, 5, {0, 4, 2.5, I, N}},
    {TWO("f32") "%2 = mul f32[5] %0 %1\n", {5, 5}, {{1, 2, 3, I, N}, {1, -2, 0.5, 0, 1}}, 5, {1, -4, 1.5, N, N}},
    {TWO("f32") "%2 = div f32[5] %0 %1\n", {5, 5}, {{1, 2, 3, 0, N}, {4, -2, 0, 0, 1}}, 5, {0.25, -1, I, N, N}},
    {TWO("f32") "%2 = pow f32[5] %0 %1\n", {5, 5}, {{2, 4, 9, -2, 0}, {3, 0.5, 0, 3, 0}}, 5, {8, 2, 1, -8, 1}},
    {TWO("f32") "%2 = maximum f32[5] %0 %1\n", {5, 5}, {{1, 5, N, 1, -I}, {2, 4, 1, N, I}}, 5, {2, 5, N, N, I}},
    {TWO("f32") "%2 = minimum f32[5] %0 %1\n", {5, 5}, {{1, 5, N, 1, -I}, {2, 4, 1, N, I}}, 5, {1, 4, N, N, -I}},
    {TWO("f32") "%2 = less bool[5] %0 %1\n", {5, 5}, {{1, 2, 3, N, 1}, {2, 2, 2, 1, N}}, 5, {1, 0, 0, 0, 0}},
    {TWO("f32") "%2 = less_equal bool[5] %0 %1\n", {5, 5}, {{1, 2, 3, N, 1}, {2, 2, 2, 1, N}}, 5, {1, 1, 0, 0, 0}},
    {TWO("f32") "%2 = equal bool[5] %0 %1\n", {5, 5}, {{1, 2, 0, N, 1}, {2, 2, -0., N, N}}, 5, {0, 1, 1, 0, 0}},
    {TWO("f32") "%2 = not_equal bool[5] %0 %1\n", {5, 5}, {{1, 2, 0, N, 1}, {2, 2, -0., N, N}}, 5, {1, 0, 0, 1, 1}},
    {TWO("bool") "%2 = and bool[5] %0 %1\n", {5, 5}, {{0, 0, 1, 1, 1}, {0, 1, 0, 1, 1}}, 5, {0, 0, 0, 1, 1}},
    {TWO("bool") "%2 = or bool[5] %0 %1\n", {5, 5}, {{0, 0, 1, 1, 1}, {0, 1, 0, 1, 1}}, 5, {0, 1, 1, 1, 1}},
    {TWO("i32") "%2 = div i32[5] %0 %1\n",
     {5, 5},
     {{7, -7, 7, INT32_MIN, 0}, {2, 2, 0, -1, 0}},
     5,
     {3, -3, 0, INT32_MIN, 0}},
    {TWO("i32") "%2 = add i32[5] %0 %1\n",
     {5, 5},
     {{INT32_MAX, INT32_MIN, 1, 2, 3}, {1, -1, 1, 1, 1}},
     5,
     {INT32_MIN, INT32_MAX, 2, 3, 4}},
    {TWO("i32") "%2 = mul i32[5] %0 %1\n",
     {5, 5},
     {{INT32_MAX, 65536, -3, 2147483629, 0}, {INT32_MAX, 65536, 5, 2147483587, 9}},
     5,
     {1, 0, -15, 1159, 0}},
    {TWO("bool") "%2 = constant f32[] 3\n%3 = constant f32[] 4\n%4 = where f32[5] %0 %2 %3\n",
     {5, 5},
     {{0, 1, 0, 1, 1}, {0}},
     5,
     {4, 3, 4, 3, 3}},
    {X2 "%1 = constant f32[] 10\n%2 = sub f32[2, 3] %1 %0\n", X2_VALUES, 6, {9, 8, 7, 6, 5, 4}},
};

static const hand others[] = {
    {"%0 = constant f32[2, 2] 2.5\n", {0}, {{0}}, 4, {2.5, 2.5, 2.5, 2.5}},
    {"%0 = iota i32[2, 3] axes [1]\n", {0}, {{0}}, 6, {0, 1, 2, 0, 1, 2}},
    {"%0 = iota i32[2, 3] axes [0]\n", {0}, {{0}}, 6, {0, 0, 0, 1, 1, 1}},
    {X2 "%1 = reduce_sum f32[1, 3] %0 axes [0]\n", X2_VALUES, 3, {5, 7, 9}},
    {X2 "%1 = reduce_sum f32[2, 1] %0 axes [1]\n", X2_VALUES, 2, {6, 15}},
    {X2 "%1 = reduce_sum f32[1, 1] %0 axes [0, 1]\n", X2_VALUES, 1, {21}},
    {X2 "%1 = reduce_max f32[2, 1] %0 axes [1]\n", {6}, {{1, 3, 2, -1, N, 5}}, 2, {3, N}},
    {X2 "%1 = reduce_min f32[1, 3] %0 axes [0]\n", {6}, {{1, 3, 2, -1, 4, N}}, 3, {-1, 3, N}},
    {X2 "%1 = argmax i32[2, 1] %0 axes [1]\n", {6}, {{1, 3, 3, N, 2, N}}, 2, {1, 0}},
    {X2 "%1 = argmax i32[1, 3] %0 axes [0]\n", {6}, {{1, 5, 3, 4, 2, 3}}, 3, {1, 0, 0}},
    {"%0 = input data f32[2, 1] \"x\"\n%1 = expand f32[2, 3] %0\n", {2}, {{1, 2}}, 6, {1, 1, 1, 2, 2, 2}},
    {"%0 = input data f32[1, 2] \"x\"\n%1 = expand f32[3, 2] %0\n", {2}, {{1, 2}}, 6, {1, 2, 1, 2, 1, 2}},
    {X2 "%1 = reshape f32[3, 2] %0\n", X2_VALUES, 6, {1, 2, 3, 4, 5, 6}},
    {X2 "%1 = permute f32[3, 2] %0 axes [1, 0]\n", X2_VALUES, 6, {1, 4, 2, 5, 3, 6}},
    {"%0 = input data f32[1, 2, 3] \"x\"\n%1 = permute f32[3, 1, 2] %0 axes [2, 0, 1]\n",
     X2_VALUES,
     6,
     {1, 4, 2, 5, 3, 6}},
    {X2 "%1 = slice f32[1, 2] %0 low [1, 0] step [1, 2]\n", X2_VALUES, 2, {4, 6}},
    {X2 "%1 = pad f32[3, 6] %0 low [0, 1] interior [0, 1] high [1, 0]\n",
     X2_VALUES,
     18,
     {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6}},
    {X2 "%1 = input data f32[2, 1] \"y\"\n%2 = concat f32[2, 4] %0 %1 axes [1]\n",
     {6, 2},
     {{1, 2, 3, 4, 5, 6}, {7, 8}},
     8,
     {1, 2, 3, 7, 4, 5, 6, 8}},
    {X2 "%1 = concat f32[4, 3] %0 %0 axes [0]\n", X2_VALUES, 12, {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}},
    {X2 "%1 = input data f32[3, 2] \"y\"\n%2 = matmul f32[2, 2] %0 %1\n",
     {6, 6},
     {{1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}},
     4,
     {22, 28, 49, 64}},
    {"%0 = input data f32[2, 1, 2] \"x\"\n%1 = input data f32[2, 2, 1] \"y\"\n%2 = matmul f32[2, 1, 1] %0 %1\n",
     {4, 4},
     {{1, 2, 3, 4}, {5, 6, 7, 8}},
     2,
     {17, 53}},
    {"%0 = input data f32[2, 1, 2] \"x\"\n%1 = input data f32[2, 1] \"y\"\n%2 = matmul f32[2, 1, 1] %0 %1\n",
     {4, 2},
     {{1, 2, 3, 4}, {5, 6}},
     2,
     {17, 39}},
    {X2 "%1 = input data i32[2, 2] \"i\"\n%2 = gather f32[2, 2, 3] %0 %1\n",
     {6, 4},
     {{1, 2, 3, 4, 5, 6}, {1, 0, 2, -1}},
     12,
     {4, 5, 6, 1, 2, 3, N, N, N, N, N, N}},
    {"%0 = input data i64[4] \"i\"\n%1 = input data f32[4, 2] \"y\"\n%2 = scatter_add f32[3, 2] %0 %1\n",
     {4, 8},
     {{2, 0, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8}},
     6,
     {3, 4, 0, 0, 6, 8}},
};

static bool same(double a, double b) {
  return (isnan(a) && isnan(b)) || a == b || fabs(a - b) < 1e-12;
}

static void check(const hand *h) {
  arena *a = arena_create();
  const char *error, *content = arena_print(a, "graph g {\n%s}\n", h->lines);
  graph *g = graph_parse(a, content, strlen(content), &error);
  if (!g)
    fail_msg("%s%s", h->lines, error);
  tensor_value *inputs = arena_array(a, tensor_value, g->node_count);
  for (int i = 0, input = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input) {
      inputs[i] = (tensor_value){h->input_counts[input], (double *)h->inputs[input]};
      input++;
    }
  tensor_value *values = graph_interpret(g, NULL, inputs, false);
  assert_non_null(values);
  const tensor_value *result = &values[g->node_count - 1];
  assert_int_equal(result->count, h->count);
  for (int i = 0; i < h->count; i++)
    if (!same(result->data[i], h->expected[i]))
      fail_msg("%selement %d is %.17g, not %.17g", h->lines, i, result->data[i], h->expected[i]);
  interpret_free(g, values);
  arena_destroy(a);
}

static void pointwise_operations(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof pointwise / sizeof *pointwise; i++)
    check(&pointwise[i]);
}

static void other_operations(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    check(&others[i]);
}

static graph *parse(arena *a, const char *lines) {
  const char *error, *content = arena_print(a, "graph g {\n%s}\n", lines);
  graph *g = graph_parse(a, content, strlen(content), &error);
  if (!g)
    fail_msg("%s", error);
  return g;
}

static void random_is_philox_by_position(void **unused) {
  (void)unused;
  arena *a = arena_create();
  graph *g = parse(a, "%0 = input data i64[2] \"key\"\n%1 = random f32[3, 5] %0 site 77 \"x\"\n");
  double key[2] = {1234567890123, 42};
  const int64_t words[2] = {1234567890123, 42};
  tensor_value inputs[2] = {{2, key}, {0, NULL}};
  tensor_value *values = graph_interpret(g, NULL, inputs, true);
  assert_non_null(values);
  for (int i = 0; i < 15; i++) {
    assert_true(values[1].data[i] == (double)retort_uniform(words, 77, (uint64_t)i));
    assert_true(values[1].data[i] >= 0 && values[1].data[i] < 1);
  }
  assert_true(values[1].data[0] != values[1].data[1]);
  interpret_free(g, values);
  arena_destroy(a);
}

static void single_rounds_each_result(void **unused) {
  (void)unused;
  arena *a = arena_create();
  graph *g = parse(a, "%0 = constant f32[] 0.1\n%1 = mul f32[] %0 %0\n");
  tensor_value inputs[2] = {{0, NULL}};
  tensor_value *exact = graph_interpret(g, NULL, inputs, false), *single = graph_interpret(g, NULL, inputs, true);
  assert_true(exact[1].data[0] == 0.1 * 0.1);
  assert_true(single[0].data[0] == (double)0.1f);
  assert_true(single[1].data[0] == (double)(0.1f * 0.1f));
  interpret_free(g, exact);
  interpret_free(g, single);
  arena_destroy(a);
}

static void run_time_sizes(void **unused) {
  (void)unused;
  arena *a = arena_create();
  graph *g = parse(a, "dim B\n%0 = input data f32[B, 2] \"x\"\n%1 = slice f32[1, 2] %0 low [B - 1, 0] step [1, 1]\n"
                      "%2 = slice f32[4, 2] %0 low [0, 0] step [1, 1]\n");
  double x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  tensor_value inputs[3] = {{8, x}};
  int64_t four = 4, three = 3;
  tensor_value *values = graph_interpret(g, &four, inputs, false);
  assert_true(values[1].data[0] == 7 && values[1].data[1] == 8 && values[2].data[7] == 8);
  interpret_free(g, values);
  inputs[0].count = 6; /* the slice of four rows leaves three */
  values = graph_interpret(g, &three, inputs, false);
  assert_true(values[1].data[0] == 5 && isnan(values[2].data[0]));
  interpret_free(g, values);
  assert_null(graph_interpret(g, &four, inputs, false)); /* an input of another size */
  inputs[0].data = NULL;
  assert_null(graph_interpret(g, &three, inputs, false));
  int64_t huge = INT64_C(1) << 40;
  assert_null(graph_interpret(g, &huge, inputs, false));
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pointwise_operations),
      cmocka_unit_test(other_operations),
      cmocka_unit_test(random_is_philox_by_position),
      cmocka_unit_test(single_rounds_each_result),
      cmocka_unit_test(run_time_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
