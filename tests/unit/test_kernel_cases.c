/* Graphs that lie off the common way of fusion and lowering, each against the interpreter. */
#include "tests/unit/emitted.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct test_case {
  const char *about, *content;
} test_case;

static const test_case cases[] = {
    {"an input as output, one value as two outputs", "  %0 = input data f32[3, B] \"x\"\n"
                                                     "  %1 = exp f32[3, B] %0\n"
                                                     "  output \"a\" %0\n  output \"b\" %1\n  output \"c\" %1\n"},
    {"nothing but a constant and an iota", "  %0 = constant i32[2, B] 7\n"
                                           "  %1 = iota i32[2, B] axes [1]\n"
                                           "  output \"a\" %0\n  output \"b\" %1\n"},
    {"a state takes another's value", "  %0 = input state f32[5] \"a\"\n"
                                      "  %1 = input state f32[5] \"b\"\n"
                                      "  %2 = input state f32[5] \"c\"\n"
                                      "  update \"a\" %1\n  update \"b\" %2\n  update \"c\" %0\n"},
    {"a state read by a product and by rows that are not its own", "  %0 = input state f32[6, 6] \"w\"\n"
                                                                   "  %1 = matmul f32[6, 6] %0 %0\n"
                                                                   "  %2 = permute f32[6, 6] %0 axes [1, 0]\n"
                                                                   "  %3 = add f32[6, 6] %2 %1\n"
                                                                   "  update \"w\" %3\n"},
    {"operands that are repeated, sliced with steps, transposed in the middle",
     "  %0 = input data f32[1, 4] \"x\"\n"
     "  %1 = expand f32[B, 4] %0\n"
     "  %2 = input data f32[9, 10] \"y\"\n"
     "  %3 = slice f32[4, 5] %2 low [1, 0] step [2, 2]\n"
     "  %4 = matmul f32[B, 5] %1 %3\n"
     "  %5 = input data f32[2, 5, 3] \"z\"\n"
     "  %6 = permute f32[5, 2, 3] %5 axes [1, 0, 2]\n"
     "  %7 = reshape f32[5, 6] %6\n"
     "  %8 = matmul f32[B, 6] %4 %7\n"
     "  output \"y\" %8\n"},
    {"rows of a product that are no even distance apart, shared right operand",
     "  %0 = input data f32[B, 7, 4] \"x\"\n"
     "  %1 = slice f32[B, 5, 4] %0 low [0, 1, 0] step [1, 1, 1]\n"
     "  %2 = input weight f32[6, 4] \"w\"\n"
     "  %3 = permute f32[4, 6] %2 axes [1, 0]\n"
     "  %4 = matmul f32[B, 5, 6] %1 %3\n"
     "  %5 = reduce_max f32[B, 5, 1] %4 axes [2]\n"
     "  %6 = expand f32[B, 5, 6] %5\n"
     "  %7 = sub f32[B, 5, 6] %4 %6\n"
     "  output \"y\" %7\n"},
    {"products of vectors: rows, columns and inner sizes of 1", "  %0 = input data f32[B, 1] \"x\"\n"
                                                                "  %1 = input data f32[1, 7] \"y\"\n"
                                                                "  %2 = matmul f32[B, 7] %0 %1\n"
                                                                "  %3 = input data f32[7, 1] \"z\"\n"
                                                                "  %4 = matmul f32[B, 1] %2 %3\n"
                                                                "  %5 = permute f32[1, B] %4 axes [1, 0]\n"
                                                                "  %6 = matmul f32[1, 7] %5 %2\n"
                                                                "  %7 = exp f32[1, 7] %6\n"
                                                                "  output \"a\" %4\n  output \"b\" %7\n"},
    {"reductions over every kind of axes of one value",
     "  %0 = input data f32[B, 3, 5, 4] \"x\"\n"
     "  %1 = reduce_sum f32[1, 3, 5, 4] %0 axes [0]\n"
     "  %2 = reduce_max f32[B, 1, 5, 4] %0 axes [1]\n"
     "  %3 = reduce_min f32[B, 3, 1, 4] %0 axes [2]\n"
     "  %4 = reduce_sum f32[1, 3, 1, 4] %0 axes [0, 2]\n"
     "  %5 = reduce_sum f32[B, 1, 5, 1] %0 axes [1, 3]\n"
     "  %6 = reduce_max f32[1, 1, 5, 1] %0 axes [0, 1, 3]\n"
     "  %7 = argmax i32[B, 1, 5, 4] %0 axes [1]\n"
     "  %8 = argmax i32[1, 3, 5, 4] %0 axes [0]\n"
     "  %9 = argmax i32[B, 3, 5, 1] %0 axes [3]\n"
     "  output \"a\" %1\n  output \"b\" %2\n  output \"c\" %3\n  output \"d\" %4\n  output \"e\" %5\n"
     "  output \"f\" %6\n  output \"g\" %7\n  output \"h\" %8\n  output \"i\" %9\n"},
    {"axes of size 1 everywhere", "  %0 = input data f32[1, B, 1, 4, 1] \"x\"\n"
                                  "  %1 = reduce_sum f32[1, B, 1, 1, 1] %0 axes [0, 2, 3, 4]\n"
                                  "  %2 = expand f32[1, B, 1, 4, 1] %1\n"
                                  "  %3 = div f32[1, B, 1, 4, 1] %0 %2\n"
                                  "  %4 = reshape f32[B, 4] %3\n"
                                  "  %5 = reduce_max f32[1, 1] %4 axes [0, 1]\n"
                                  "  output \"y\" %4\n  output \"m\" %5\n"},
    {"pads with gaps and concatenation under a reduction",
     "  %0 = input data f32[3, B] \"x\"\n"
     "  %1 = pad f32[8, B + 2] %0 low [1, 2] interior [1, 0] high [2, 0]\n"
     "  %2 = input data f32[8, 3] \"y\"\n"
     "  %3 = concat f32[8, B + 5] %1 %2 axes [1]\n"
     "  %4 = exp f32[8, B + 5] %3\n"
     "  %5 = reduce_sum f32[8, 1] %4 axes [1]\n"
     "  output \"y\" %5\n"},
    {"a gather from a computed table by a computed index, a scatter of integers",
     "  %0 = input data f32[4, 3] \"x\"\n"
     "  %1 = exp f32[4, 3] %0\n"
     "  %2 = argmax i32[4, 1] %1 axes [1]\n"
     "  %3 = reshape i32[4] %2\n"
     "  %4 = gather f32[4, 3] %1 %3\n"
     "  %5 = iota i32[4, 2] axes [0]\n"
     "  %6 = scatter_add i32[5, 2] %3 %5\n"
     "  %7 = scatter_add f32[3, 3] %3 %4\n"
     "  output \"a\" %4\n  output \"b\" %6\n  output \"c\" %7\n"},
    {"a sum over a long axis of every element, then one number used by all",
     "  %0 = input data f32[B, 50, 60] \"x\"\n"
     "  %1 = mul f32[B, 50, 60] %0 %0\n"
     "  %2 = reduce_sum f32[1, 1, 1] %1 axes [0, 1, 2]\n"
     "  %3 = expand f32[B, 50, 60] %2\n"
     "  %4 = div f32[B, 50, 60] %0 %3\n"
     "  output \"y\" %4\n"},
    {"a product read transposed by a pointwise value between two products", "  %0 = input data f32[B, 4] \"x\"\n"
                                                                            "  %1 = input weight f32[4, 6] \"w\"\n"
                                                                            "  %2 = matmul f32[B, 6] %0 %1\n"
                                                                            "  %3 = permute f32[6, B] %2 axes [1, 0]\n"
                                                                            "  %4 = exp f32[6, B] %3\n"
                                                                            "  %5 = matmul f32[6, 4] %4 %0\n"
                                                                            "  output \"y\" %5\n"},
    {"the first elements of rows that were reshaped, over one long loop",
     "  %0 = input data f32[B, 8, 1] \"x\"\n"
     "  %1 = reshape f32[B, 8] %0\n"
     "  %2 = slice f32[B, 5] %1 low [0, 0] step [1, 1]\n"
     "  %3 = neg f32[B, 5] %2\n"
     "  %4 = reshape f32[B, 5, 1] %3\n"
     "  %5 = exp f32[B, 5, 1] %4\n"
     "  output \"y\" %5\n"},
    {"a vector's softmax beside its sum", "  %0 = input data f32[9] \"x\"\n"
                                          "  %1 = reduce_max f32[1] %0 axes [0]\n"
                                          "  %2 = expand f32[9] %1\n"
                                          "  %3 = sub f32[9] %0 %2\n"
                                          "  %4 = exp f32[9] %3\n"
                                          "  %5 = reduce_sum f32[1] %4 axes [0]\n"
                                          "  %6 = expand f32[9] %5\n"
                                          "  %7 = div f32[9] %4 %6\n"
                                          "  output \"y\" %7\n  output \"s\" %5\n"},
};

static graph *parse(arena *a, const char *content) {
  const char *error = NULL, *whole = arena_print(a, "graph case {\n  dim B\n%s}\n", content);
  graph *g = graph_parse(a, whole, strlen(whole), &error);
  if (!g)
    fail_msg("%s in\n%s", error, whole);
  return g;
}

static void each_case_agrees_with_the_interpreter(void **unused) {
  (void)unused;
  for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
    arena *a = arena_create();
    const char *wrong = NULL, *about = cases[i / 2].about;
    target *t = target_create(a, NULL, &wrong);
    assert_non_null(t);
    target_set_contractions(t, i % 2 ? CONTRACTIONS_EMITTED : CONTRACTIONS_LIBRARY);
    graph *g = parse(a, cases[i / 2].content);
    random_inputs drawn[3];
    int count = 0;
    for (uint64_t seed = 0; seed < 3; seed++)
      count += random_graph_fill(a, g, 10 * (i / 2) + seed, seed == 2 ? 1 : 13, &drawn[count]);
    assert_true(count > 0);
    wrong = emitted_differs(a, g, step_create(g), t, count, drawn);
    if (wrong)
      fail_msg("%s: %s", about, wrong);
    target_destroy(t);
    arena_destroy(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_case_agrees_with_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
