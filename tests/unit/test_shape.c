/* Every shape rule: what it takes, what it gives, and how it says no. A case is one line of graph text after inputs
 * that all share; the text of a refusal is compared in full. */
#include "compiler/graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const inputs = "graph test {\n"
                                  "  dim B\n"
                                  "  dim T of B lengths \"lengths\"\n"
                                  "  %0 = input data f32[B, 3] \"matrix\"\n"
                                  "  %1 = input data f32[3] \"vector\"\n"
                                  "  %2 = input data f32[] \"scalar\"\n"
                                  "  %3 = input data i32[B, T] \"ids\"\n"
                                  "  %4 = input data bool[B, 3] \"flags\"\n"
                                  "  %5 = input data f32[2, 4, 3] \"cube\"\n"
                                  "  %6 = input data i64[2] \"key\"\n"
                                  "  %7 = input data f32[4] \"other\"\n"
                                  "  %8 = input data f32[T, 3] \"rows\"\n"
                                  "  %9 = input data f32[2, 3, 5] \"second\"\n"
                                  "  %10 = input data bool[] \"flag\"\n"
                                  "  %11 = input data i32[3] \"integers\"\n";

/* The error of a graph with that line behind the inputs, without the number of the line; NULL when it is legal. */
static const char *refusal(arena *a, const char *line) {
  const char *error, *content = arena_print(a, "%s  %%12 = %s\n}\n", inputs, line);
  if (graph_parse(a, content, strlen(content), &error))
    return NULL;
  const char *colon = strchr(error, ':');
  return strncmp(error, "line ", 5) == 0 && colon ? colon + 2 : error;
}

static const char *const legal[] = {
    "constant f32[2, B] 0.5",
    "constant i32[] -2147483648",
    "constant bool[] 1",
    "constant f32[] nan",
    "iota i32[B, 3] axes [0]",
    "random f32[B, T] %6 site 4294967295 \"a.dropout\"",
    "neg f32[3] %1",
    "floor i32[3] %11",
    "stop_gradient bool[B, 3] %4",
    "exp f32[B, 3] %0",
    "cast f32[B, T] %3",
    "not bool[B, 3] %4",
    "add f32[B, 3] %0 %0",
    "mul f32[B, 3] %2 %0",
    "sub f32[B, 3] %0 %2",
    "div f32[] %2 %2",
    "pow f32[3] %1 %2",
    "less bool[3] %1 %1",
    "equal bool[B, 3] %4 %10",
    "and bool[B, 3] %4 %10",
    "where f32[B, 3] %4 %0 %2",
    "where f32[3] %10 %1 %2",
    "reduce_sum f32[1, 3] %0 axes [0]",
    "reduce_max f32[1, 1, 3] %5 axes [0, 1]",
    "reduce_min i32[B, 1] %3 axes [1]",
    "argmax i32[B, 1] %0 axes [1]",
    "expand f32[B, 3] %0",
    "reshape f32[3, B] %0",
    "reshape f32[3*B] %0",
    "reshape f32[1, 1] %2",
    "permute f32[3, 2, 4] %5 axes [2, 0, 1]",
    "slice f32[1, 2] %0 low [B - 1, 0] step [1, 2]",
    "slice f32[B, 3] %0 low [0, 0] step [1, 1]",
    "pad f32[B + 4, 5] %0 low [1, 0] interior [0, 1] high [3, 0]",
    "pad f32[2*B - 1, 3] %0 low [0, 0] interior [1, 0] high [0, 0]",
    "concat f32[B + T, 3] %0 %8 axes [0]",
    "concat f32[7] %1 %7 axes [0]",
    "matmul f32[2, 4, 5] %5 %9",
    "gather f32[B, T, 3] %0 %3",
    "gather f32[B, T] %1 %3",
    "scatter_add f32[9] %11 %1",
};

static void legal_lines(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
    arena *a = arena_create();
    const char *wrong = refusal(a, legal[i]);
    if (wrong)
      fail_msg("%s: %s", legal[i], wrong);
    arena_destroy(a);
  }
}

static const char *const refused[][2] = {
    {"constant i32[] 0.5", "the number 0.5 is no i32"},
    {"constant bool[] 2", "the number 2 is no bool"},
    {"constant f32[] 1e300", "the number 1.0000000000000001e+300 is no f32"},
    {"constant i64[] nan", "the number nan is no i64"},
    {"constant f32[0] 1", "axis 0 of 'constant' has size 0: sizes are 1 or more"},
    {"constant f32[B - B - 1] 1", "axis 0 of 'constant' has size -1: sizes are 1 or more"},
    {"constant f32[4000000000, 4000000000] 1", "the result of 'constant' is too large"},
    {"constant f32[1, 1, 1, 1, 1, 1, 1, 1, 1] 1", "a list of sizes has more than 8"},
    {"iota i32[B, 3] axes [2]", "axis 2 is outside of i32[B, 3]"},
    {"iota f32[3] axes [0]", "'iota' counts along one axis and gives i32"},
    {"random f32[3] %1 site 1 \"x\"", "'random' needs a key of type i64[2], seed and step: operand is f32[3]"},
    {"random i32[3] %6 site 1 \"x\"", "'random' gives f32 and has a named site"},
    {"neg bool[B, 3] %4", "'neg' needs numbers: operand is bool[B, 3]"},
    {"exp i32[B, T] %3", "'exp' needs f32: operand is i32[B, T]"},
    {"not f32[3] %1", "'not' needs bool: operand is f32[3]"},
    {"add f32[3] %1 %7", "'add' needs equal shapes: operands are f32[3] and f32[4]"},
    {"add f32[B, 3] %0 %1", "'add' needs equal shapes: operands are f32[B, 3] and f32[3]"},
    {"add f32[3] %1 %11", "'add' needs equal element types: operands are f32[3] and i32[3]"},
    {"add bool[B, 3] %4 %4", "'add' needs numbers: operands are bool[B, 3] and bool[B, 3]"},
    {"add f32[3] %1", "'add' takes 2 operands, not 1"},
    {"pow i32[3] %11 %11", "'pow' needs f32: operands are i32[3] and i32[3]"},
    {"less bool[B, 3] %4 %4", "'less' needs numbers: operands are bool[B, 3] and bool[B, 3]"},
    {"equal bool[3] %1 %11", "'equal' needs equal element types: operands are f32[3] and i32[3]"},
    {"or bool[3] %1 %1", "'or' needs bool: operands are f32[3] and f32[3]"},
    {"where f32[3] %1 %1 %1", "'where' needs a bool condition: operands are f32[3], f32[3] and f32[3]"},
    {"where f32[3] %10 %1 %11", "'where' needs equal element types: operands are bool, f32[3] and i32[3]"},
    {"where f32[B, 3] %4 %1 %2", "'where' needs equal shapes: operands are bool[B, 3], f32[3] and f32"},
    {"reduce_sum f32[B, 3] %0 axes [2]", "axis 2 is outside of f32[B, 3]"},
    {"reduce_sum f32[1, 1, 3] %5 axes [1, 0]", "'reduce_sum' has axes that do not ascend"},
    {"reduce_sum f32[3] %1 axes []", "'reduce_sum' has no axis to reduce"},
    {"reduce_max bool[1, 3] %4 axes [0]", "'reduce_max' needs numbers: operand is bool[B, 3]"},
    {"argmax i32[1, 1] %0 axes [0, 1]", "'argmax' goes along one axis"},
    {"expand f32[2, B, 3] %0", "cannot expand f32[B, 3] to f32[2, B, 3]: the ranks differ"},
    {"expand f32[B, 6] %0", "cannot expand f32[B, 3] to f32[B, 6]: axis 1 is neither 1 nor the same"},
    {"reshape f32[B, 4] %0", "cannot reshape f32[B, 3] to f32[B, 4]: 3*B elements are not 4*B"},
    {"permute f32[B, 3] %0 axes [0, 0]", "'permute' needs each axis of its operand once: operand is f32[B, 3]"},
    {"permute f32[B, 3] %0 axes [0]", "'permute' needs each axis of its operand once: operand is f32[B, 3]"},
    {"slice f32[3] %1 low [1] step [1]", "'slice' takes elements 1 to 3 of axis 0, which has 3"},
    {"slice f32[2] %1 low [0] step [0]", "'slice' along axis 0 has step 0: steps are 1 or more"},
    {"slice f32[1] %1 low [-1] step [1]", "'slice' takes elements -1 to -1 of axis 0, which has 3"},
    {"slice f32[1] %1 low [9223372036854775806] step [9223372036854775807]",
     "'slice' takes elements 9223372036854775806 to 9223372036854775806 of axis 0, which has 3"},
    {"pad f32[2] %1 low [-1] interior [0] high [0]", "'pad' along axis 0 is negative"},
    {"pad f32[2] %5 low [1] interior [0] high [0]", "'pad' does not say how much axis 1 gets"},
    {"concat f32[B, 6] %0 %8 axes [1]",
     "'concat' needs equal shapes but for axis 1: operands are f32[B, 3] and f32[T, 3]"},
    {"concat f32[6] %1 %11 axes [0]", "'concat' needs equal element types: operands are f32[3] and i32[3]"},
    {"concat f32[3] axes [0]", "'concat' takes 1 operand or more, not 0"},
    {"matmul f32[B, B] %0 %0", "'matmul' needs equal inner sizes, not 3 and B: operands are f32[B, 3] and f32[B, 3]"},
    {"matmul f32[3] %1 %1",
     "'matmul' needs matrices: equal ranks, or a second operand of rank 2: operands are f32[3] and f32[3]"},
    {"gather f32[3, 3] %0 %1", "'gather' needs an index of type i32 or i64: operands are f32[B, 3] and f32[3]"},
    {"gather f32[3] %2 %11",
     "'gather' needs a table with rows, and a result of at most rank 8: operands are f32 and i32[3]"},
    {"scatter_add f32[9] %11 %7", "'scatter_add' needs a row of f32[9] for each index: operands are i32[3] and f32[4]"},
    {"scatter_add f32[9] %1 %1", "'scatter_add' needs an index of type i32 or i64: operands are f32[3] and f32[3]"},
    {"neg f32[4] %1", "'neg' gives f32[3]"},
};

static void refused_lines(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    arena *a = arena_create();
    const char *wrong = refusal(a, refused[i][0]);
    if (!wrong)
      fail_msg("accepted: %s", refused[i][0]);
    assert_string_equal(wrong, refused[i][1]);
    arena_destroy(a);
  }
}

static void broadcasting(void **unused) {
  (void)unused;
  arena *a = arena_create();
  dim_table *t = dim_table_create(a);
  const dim *b = dim_named(t, "B"), *one = dim_constant(t, 1), *three = dim_constant(t, 3);
  shape common;
  assert_true(shape_broadcast((shape){2, {b, one}}, (shape){1, {three}}, &common, t));
  assert_true(shape_equal(common, (shape){2, {b, three}}));
  assert_true(shape_broadcast((shape){0}, (shape){1, {b}}, &common, t));
  assert_true(shape_equal(common, (shape){1, {b}}));
  assert_false(shape_broadcast((shape){1, {b}}, (shape){1, {three}}, &common, t));

  graph *g = graph_create(a, t, "g");
  span nowhere = {0};
  node *x = graph_input(g, INPUT_DATA, "x", DTYPE_F32, (shape){1, {three}}, nowhere);
  node *wide = graph_broadcast(g, x, (shape){2, {b, three}}, nowhere);
  assert_int_equal(wide->op, OP_expand);
  assert_int_equal(g->node_count, 3);
  assert_ptr_equal(graph_broadcast(g, x, x->shape, nowhere), x);
  assert_ptr_equal(graph_cast(g, x, DTYPE_F32, nowhere), x);
  node *turned = graph_transpose(g, wide, nowhere);
  assert_true(shape_equal(turned->shape, (shape){2, {three, b}}));
  assert_ptr_equal(graph_find_input(g, "x"), x);
  assert_null(graph_find_input(g, "y"));
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(legal_lines),
      cmocka_unit_test(refused_lines),
      cmocka_unit_test(broadcasting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
