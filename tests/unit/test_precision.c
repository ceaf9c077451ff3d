/* Contractions marked as bf16: what the interpreter makes of them, their gradients, and code against the interpreter.
 */
#include "compiler/emit/emit.h"
#include "compiler/grad/differentiate.h"
#include "compiler/graph/evaluate.h"
#include "compiler/link/random_call.h"
#include "compiler/passes/pass.h"
#include "tests/unit/emitted.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Operands are inputs, whose rounding is the same everywhere; B is drawn. Shapes are none of a tile's. */
static const struct precision_case {
  const char *about, *content;
} cases[] = {
    {"rows and a weight", "  %0 = input data f32[B, 37] \"x\"\n"
                          "  %1 = input weight f32[37, 45] \"w\"\n"
                          "  %2 = matmul f32[B, 45] %0 %1 bf16\n"
                          "  output \"y\" %2\n"},
    {"a weight as linear layers have it, a bias and a root behind", "  %0 = input data f32[B, 7, 50] \"x\"\n"
                                                                    "  %1 = input weight f32[33, 50] \"w\"\n"
                                                                    "  %2 = input weight f32[33] \"b\"\n"
                                                                    "  %3 = permute f32[50, 33] %1 axes [1, 0]\n"
                                                                    "  %4 = matmul f32[B, 7, 33] %0 %3 bf16\n"
                                                                    "  %5 = reshape f32[1, 1, 33] %2\n"
                                                                    "  %6 = expand f32[B, 7, 33] %5\n"
                                                                    "  %7 = add f32[B, 7, 33] %4 %6\n"
                                                                    "  %8 = mul f32[B, 7, 33] %7 %7\n"
                                                                    "  %9 = reduce_sum f32[B, 7, 1] %8 axes [2]\n"
                                                                    "  output \"y\" %8\n  output \"s\" %9\n"},
    {"a gradient of a weight, over an odd depth", "  %0 = input data f32[B, 21, 40] \"x\"\n"
                                                  "  %1 = input data f32[B, 21, 19] \"g\"\n"
                                                  "  %2 = permute f32[B, 40, 21] %0 axes [0, 2, 1]\n"
                                                  "  %3 = matmul f32[B, 40, 19] %2 %1 bf16\n"
                                                  "  output \"y\" %3\n"},
    {"a batch of scores and of what they mix", "  %0 = input data f32[B, 3, 13, 26] \"q\"\n"
                                               "  %1 = input data f32[B, 3, 13, 26] \"k\"\n"
                                               "  %2 = input data f32[B, 3, 13, 13] \"p\"\n"
                                               "  %3 = permute f32[B, 3, 26, 13] %1 axes [0, 1, 3, 2]\n"
                                               "  %4 = matmul f32[B, 3, 13, 13] %0 %3 bf16\n"
                                               "  %5 = matmul f32[B, 3, 13, 26] %2 %1 bf16\n"
                                               "  output \"s\" %4\n  output \"y\" %5\n"},
    {"one of each precision on the same operands", "  %0 = input data f32[B, 64] \"x\"\n"
                                                   "  %1 = input weight f32[64, 40] \"w\"\n"
                                                   "  %2 = matmul f32[B, 40] %0 %1 bf16\n"
                                                   "  %3 = matmul f32[B, 40] %0 %1\n"
                                                   "  %4 = sub f32[B, 40] %2 %3\n"
                                                   "  output \"y\" %4\n"},
    {"a frozen product", "  %0 = input weight f32[30, 30] \"v\"\n"
                         "  %1 = input weight f32[30, 30] \"w\"\n"
                         "  %2 = matmul f32[30, 30] %0 %1 bf16\n"
                         "  %3 = input data f32[B, 30] \"x\"\n"
                         "  %4 = matmul f32[B, 30] %3 %2\n"
                         "  output \"y\" %4\n"},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static bool multiplies_bf16(void) {
  arena *a = arena_create();
  const char *error = NULL;
  target *t = target_create(a, NULL, &error);
  bool can = t && target_multiplies_bf16(t);
  target_destroy(t);
  arena_destroy(a);
  return can;
}

static graph *parse(arena *a, const char *content) {
  const char *error = NULL, *whole = arena_print(a, "graph case {\n  dim B\n%s}\n", content);
  graph *g = graph_parse(a, whole, strlen(whole), &error);
  if (!g)
    fail_msg("%s in\n%s", error, whole);
  return g;
}

/* A graph that prepares weights, by the executable: prepared numbers are read in panels, as words. */
static void prepared_weights_agree_with_the_interpreter(void **unused) {
  (void)unused;
  static const int64_t sizes[][2] = {{37, 45}, {64, 32}, {33, 64}, {100, 17}, {16, 130}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    arena *a = arena_create();
    int k = (int)sizes[i][0], n = (int)sizes[i][1];
    graph *g = parse(a, arena_print(a,
                                    "  %%0 = input data f32[B, %d] \"x\"\n"
                                    "  %%1 = input weight f32[%d, %d] \"w\"\n"
                                    "  %%2 = permute f32[%d, %d] %%1 axes [1, 0]\n"
                                    "  %%3 = matmul f32[B, %d] %%0 %%2 bf16\n"
                                    "  %%4 = matmul f32[B, %d] %%0 %%2\n"
                                    "  output \"y\" %%3\n  output \"z\" %%4\n",
                                    k, n, k, k, n, n, n));
    const graph *passed = passes_run(g, NULL);
    assert_non_null(passed->prepare);
    assert_int_equal(passed->prepare->output_count, 2);
    assert_int_equal(passed->prepare->outputs[0].value->dtype, DTYPE_I32);
    const random_sizes drawn = {.rows = 13, .length = 1, .threads = 2, .seed = i};
    const char *error = NULL;
    executable *e[2] = {executable_create(g, &(compile_options){.contractions = CONTRACTIONS_EMITTED}, &error),
                        executable_create(g, &(compile_options){.interpret = true}, &error)};
    random_call *r[2];
    for (int way = 0; way < 2; way++) {
      assert_non_null(e[way]);
      r[way] = random_call_create(e[way], g, &drawn, &error);
      assert_int_equal(executable_call(e[way], &r[way]->call), RETORT_OK);
    }
    for (int output = 0; output < 2; output++)
      for (int at = 0; at < 13 * n; at++) {
        double found = (double)((float *)r[0]->call.outputs[output])[at];
        double wanted = (double)((float *)r[1]->call.outputs[output])[at];
        /* where the CPU cannot, the first is in float32 as well */
        double bound = multiplies_bf16() || output == 1 ? 1e-5 : 1e-2;
        if (!(fabs(found - wanted) <= bound * (1 + fabs(wanted))))
          fail_msg("%d x %d, output %d: expected %g, found %g", k, n, output, wanted, found);
      }
    for (int way = 0; way < 2; way++) {
      random_call_destroy(r[way]);
      executable_destroy(e[way]);
    }
    arena_destroy(a);
  }
}

static void check_graph(arena *a, const graph *g, const char *about, uint64_t seed, const target *t) {
  random_inputs drawn[3];
  int count = 0;
  for (uint64_t i = 0; i < 3; i++)
    count += random_graph_fill(a, g, 10 * seed + i, i == 2 ? 1 : 30, &drawn[count]);
  assert_true(count > 0);
  const char *wrong = emitted_differs(a, g, step_create(g), t, count, drawn);
  if (wrong)
    fail_msg("%s: %s", about, wrong);
}

static void code_agrees_with_the_interpreter(void **unused) {
  (void)unused;
  arena *own = arena_create();
  const char *wrong = NULL;
  target *t = target_create(own, NULL, &wrong);
  assert_non_null(t);
  bool skipped = !target_multiplies_bf16(t);
  for (int i = 0; !skipped && i < CASE_COUNT; i++) {
    arena *a = arena_create();
    graph *g = parse(a, cases[i].content);
    check_graph(a, g, cases[i].about, (uint64_t)i, t);
    check_graph(a, passes_run(g, "precision"), cases[i].about, (uint64_t)i, t);
    arena_destroy(a);
  }
  target_destroy(t);
  arena_destroy(own);
  if (skipped) {
    print_message("this CPU does not multiply bf16\n");
    skip();
  }
}

/* 1 + 2^-8 is halfway between two numbers of bf16, and rounds to 1, the even one; 1 + 3 * 2^-8 rounds up. */
static void rounds_to_nearest_even(void **unused) {
  (void)unused;
  static const double pairs[][2] = {{1 + 0x1p-8, 1},
                                    {1 + 0x3p-8, 1 + 0x1p-6},
                                    {1 + 0x1.0002p-8, 1 + 0x1p-7},
                                    {-1 - 0x1p-8, -1},
                                    {0x1.ffp127, INFINITY},
                                    {0x1.fefp127, 0x1.fep127},
                                    {0, 0},
                                    {-INFINITY, -INFINITY},
                                    {3.140625, 3.140625}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    assert_true(evaluate_round_bf16(pairs[i][0]) == pairs[i][1]);
  assert_true(isnan(evaluate_round_bf16(NAN)));
}

static void the_interpreter_rounds_operands_alone(void **unused) {
  (void)unused;
  arena *a = arena_create();
  graph *g = parse(a, "  %0 = input data f32[1, 2] \"x\"\n"
                      "  %1 = input data f32[2, 1] \"y\"\n"
                      "  %2 = matmul f32[1, 1] %0 %1 bf16\n"
                      "  %3 = matmul f32[1, 1] %0 %1\n"
                      "  output \"r\" %2\n  output \"s\" %3\n");
  double x[] = {1 + 0x1p-9, 3}, y[] = {1 + 0x3p-8, 0x1p-20};
  const int64_t bindings[] = {1};
  tensor_value inputs[4] = {{.count = 2, .data = x}, {.count = 2, .data = y}};
  tensor_value *values = graph_interpret(g, bindings, inputs, false);
  assert_non_null(values);
  assert_true(values[2].data[0] == 1 + 0x1p-6 + 0x3p-20);
  assert_true(values[3].data[0] == (1 + 0x1p-9) * (1 + 0x3p-8) + 0x3p-20);
  interpret_free(g, values);
  arena_destroy(a);
}

/* Both contractions of a contraction's gradient have its precision. */
static void gradients_keep_it(void **unused) {
  (void)unused;
  arena *a = arena_create();
  graph *g = parse(a, "  %0 = input state f32[B, 40] \"x\"\n"
                      "  %1 = input state f32[40, 20] \"w\"\n"
                      "  %2 = matmul f32[B, 20] %0 %1 bf16\n"
                      "  %3 = mul f32[B, 20] %2 %2\n"
                      "  %4 = reduce_sum f32[1, 1] %3 axes [0, 1]\n"
                      "  %5 = reshape f32[] %4\n"
                      "  output \"loss\" %5\n");
  node *gradients[2], *variables[] = {g->nodes[0], g->nodes[1]};
  differentiate(g, g->nodes[5], NULL, 2, variables, gradients);
  int count = 0;
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_matmul) {
      assert_true(g->nodes[i]->attributes.bf16);
      count++;
    }
  assert_int_equal(count, 3);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rounds_to_nearest_even), cmocka_unit_test(the_interpreter_rounds_operands_alone),
      cmocka_unit_test(gradients_keep_it), cmocka_unit_test(prepared_weights_agree_with_the_interpreter),
      cmocka_unit_test(code_agrees_with_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
