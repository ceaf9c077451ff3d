/* What functions of the language compute, against values worked out by hand: numbers, broadcasting, indexing, products,
 * reductions, movement. */
#include "tests/unit/checked.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct row {
  const char *source; /* declares function f */
  const char *types[2];
  double x[12], y[12];
  const char *type; /* of the result */
  int count;
  double expected[24];
} row;

#define F(signature, body) "function f" signature " = " body "\n"

static const row numbers[] = {
    {F("(x)", "x + 7 // 2 + 7 % 4 + -7 // 2 + -7 % 4"), {"f32"}, {0}, {0}, "f32", 1, {3 + 3 - 4 + 1}},
    {F("(x)", "x + 2 ** 10 / 2 - 6 / 3"), {"f32"}, {0}, {0}, "f32", 1, {510}},
    {F("(x)", "x + 1 / 4.0 + 2 ** -1"), {"f32"}, {0}, {0}, "f32", 1, {0.75}},
    {F("(x)", "x + -2 ** 2"), {"f32"}, {0}, {0}, "f32", 1, {-4}},
    {F("(x)", "x * (if 1 < 2 and not (3 <= 2) then 5 else 6)"), {"f32"}, {2}, {0}, "f32", 1, {10}},
    {F("(x)", "x + sqrt(16) + abs(-3) + maximum(2, 5) + floor(1.5)"), {"f32"}, {0}, {0}, "f32", 1, {13}},
    {F("(x)", "x + len([1, 2, 3] + [i for i in 0 .. 4]) + [4, 5, 6][-1] + len([1, 2, 3, 4][1:3])"),
     {"f32"},
     {0},
     {0},
     "f32",
     1,
     {15}},
    {F("(x)", "x + int(2.9) + real(3) + (if \"a\" == \"a\" then 1 else 0)"), {"f32"}, {0}, {0}, "f32", 1, {6}},
    {F("(x: f32[n])", "x * n"), {"f32[3]"}, {1, 2, 3}, {0}, "f32[3]", 3, {3, 6, 9}},
    {"function f(x: f32[n]) { for i in 0 .. 3 { x = x + i }\n return x }\n", {"f32[1]"}, {1}, {0}, "f32[1]", 1, {4}},
    {"function f(x) { if rank(x) == 1 { y = x * 2 } else { y = x }\n let x = 1\n return y + x }\n",
     {"f32[1]"},
     {4},
     {0},
     "f32[1]",
     1,
     {9}},
    {"function g(x, a: real = 2, b: real = 3 * a) = x * a + b\nfunction f(x) = g(b: 1, x: x) + g(x)\n",
     {"f32[1]"},
     {1},
     {0},
     "f32[1]",
     1,
     {2 + 1 + 2 + 6}},
    {"function twice(g: function, x) = g(g(x))\nfunction f(x) = twice(exp, x) |> log |> log\n",
     {"f32[1]"},
     {0.5},
     {0},
     "f32[1]",
     1,
     {0.5}},
};

static const row elementwise[] = {
    {F("(x, y)", "x + y"),
     {"f32[2, 3]", "f32[3]"},
     {1, 2, 3, 4, 5, 6},
     {10, 20, 30},
     "f32[2, 3]",
     6,
     {11, 22, 33, 14, 25, 36}},
    {F("(x, y)", "x * y"), {"f32[2, 1]", "f32[3]"}, {1, 2}, {1, 2, 3}, "f32[2, 3]", 6, {1, 2, 3, 2, 4, 6}},
    {F("(x, y)", "x - y"), {"f32", "f32[2]"}, {5}, {1, 2}, "f32[2]", 2, {4, 3}},
    {F("(x)", "1 - x / 2"), {"f32[2]"}, {1, 4}, {0}, "f32[2]", 2, {0.5, -1}},
    {F("(x)", "x ** 3 + x ** 2 + x ** 0.5 + x ** -1 + x ** 1"),
     {"f32[1]"},
     {4},
     {0},
     "f32[1]",
     1,
     {64 + 16 + 2 + 0.25 + 4}},
    {F("(x)", "x // 2 + 10 * (x % 2)"), {"f32[3]"}, {5, -5, 4}, {0}, "f32[3]", 3, {12, 7, 2}},
    {F("(x)", "x > 1 and not (x >= 3)"), {"f32[3]"}, {1, 2, 3}, {0}, "bool[3]", 3, {0, 1, 0}},
    {F("(x)", "where(x == 2, 0, x)"), {"i32[3]"}, {1, 2, 3}, {0}, "i32[3]", 3, {1, 0, 3}},
    {F("(x, y)", "where(x < y, 1.0, 0)"), {"f32[2, 1]", "f32[2]"}, {1, 2}, {2, 3}, "f32[2, 2]", 4, {1, 1, 0, 1}},
    {F("(x)", "minimum(x, 2) + maximum(1.5, x)"), {"f32[2]"}, {1, 3}, {0}, "f32[2]", 2, {2.5, 5}},
    {F("(x)", "f32(i32(x)) + f32(bool(x))"), {"f32[3]"}, {1.7, 0, -0.5}, {0}, "f32[3]", 3, {2, 0, 1}},
    {F("(x)", "iota(size(x, 0)) + i32(x)"), {"f32[3]"}, {5, 5, 5}, {0}, "i32[3]", 3, {5, 6, 7}},
    {F("(x)", "-x"), {"f32[2]"}, {1, -2}, {0}, "f32[2]", 2, {-1, 2}},
};

static const row indexing[] = {
    {F("(x)", "x[:, 0]"), {"f32[2, 3]"}, {1, 2, 3, 4, 5, 6}, {0}, "f32[2]", 2, {1, 4}},
    {F("(x)", "x[1:-1]"), {"f32[4]"}, {1, 2, 3, 4}, {0}, "f32[2]", 2, {2, 3}},
    {F("(x)", "x[::2]"), {"f32[5]"}, {1, 2, 3, 4, 5}, {0}, "f32[3]", 3, {1, 3, 5}},
    {F("(x)", "x[..., -1]"), {"f32[2, 3]"}, {1, 2, 3, 4, 5, 6}, {0}, "f32[2]", 2, {3, 6}},
    {F("(x)", "x[:, new, 1:9]"), {"f32[2, 3]"}, {1, 2, 3, 4, 5, 6}, {0}, "f32[2, 1, 2]", 4, {2, 3, 5, 6}},
    {F("(x)", "x[new, ..., new]"), {"f32[2]"}, {1, 2}, {0}, "f32[1, 2, 1]", 2, {1, 2}},
    {F("(x)", "x[-1, 1]"), {"f32[2, 2]"}, {1, 2, 3, 4}, {0}, "f32", 1, {4}},
    {F("(x: f32[n])", "x[n / 2 :]"), {"f32[4]"}, {1, 2, 3, 4}, {0}, "f32[2]", 2, {3, 4}},
    {F("(x, y)", "x[y]"), {"f32[3, 2]", "i32[2]"}, {1, 2, 3, 4, 5, 6}, {2, 0}, "f32[2, 2]", 4, {5, 6, 1, 2}},
    {F("(x, y)", "x[:n(y)]\nfunction n(y) = size(y, 0)"),
     {"f32[4]", "f32[B]"},
     {1, 2, 3, 4},
     {0, 0},
     "f32[B]",
     2,
     {1, 2}},
};

static const row products[] = {
    {F("(x, y)", "x @ y"), {"f32[2, 2]", "f32[2, 2]"}, {1, 2, 3, 4}, {1, 0, 2, 1}, "f32[2, 2]", 4, {5, 2, 11, 4}},
    {F("(x, y)", "x @ y"), {"f32[2]", "f32[2]"}, {1, 2}, {3, 4}, "f32", 1, {11}},
    {F("(x, y)", "x @ y"), {"f32[2]", "f32[2, 3]"}, {1, 2}, {1, 2, 3, 4, 5, 6}, "f32[3]", 3, {9, 12, 15}},
    {F("(x, y)", "x @ y"), {"f32[2, 2]", "f32[2]"}, {1, 2, 3, 4}, {1, 1}, "f32[2]", 2, {3, 7}},
    {F("(x, y)", "x @ y"), {"f32[2, 1, 2]", "f32[2]"}, {1, 2, 3, 4}, {1, 1}, "f32[2, 1]", 2, {3, 7}},
    {F("(x, y)", "x @ y"), {"f32[1, 2]", "f32[2, 2, 1]"}, {1, 2}, {1, 2, 3, 4}, "f32[2, 1, 1]", 2, {5, 11}},
    {F("(x, y)", "x @ y.T"), {"f32[1, 2]", "f32[2, 2]"}, {1, 2}, {1, 2, 3, 4}, "f32[1, 2]", 2, {5, 11}},
    {F("(x, y)", "x @ y"),
     {"f32[2, 1, 1, 2]", "f32[2, 2, 1]"},
     {1, 2, 3, 4},
     {1, 2, 3, 4},
     "f32[2, 2, 1, 1]",
     4,
     {5, 11, 11, 25}},
};

static const row reductions[] = {
    {F("(x)", "sum(x)"), {"f32[2, 2]"}, {1, 2, 3, 4}, {0}, "f32", 1, {10}},
    {F("(x)", "mean(x, axis: -1)"), {"f32[2, 2]"}, {1, 2, 3, 4}, {0}, "f32[2]", 2, {1.5, 3.5}},
    {F("(x)", "max(x, axis: 0, keep: true)"), {"f32[2, 2]"}, {1, 5, 3, 4}, {0}, "f32[1, 2]", 2, {3, 5}},
    {F("(x)", "min(x, axis: [0, 2])"), {"f32[2, 2, 2]"}, {1, 2, 3, 4, 5, 0, 7, 8}, {0}, "f32[2]", 2, {0, 3}},
    {F("(x)", "argmax(x)"), {"f32[2, 3]"}, {1, 5, 5, 4, 2, 3}, {0}, "i32[2]", 2, {1, 0}},
    {F("(x)", "mean(x)"), {"f32[B, 2]"}, {1, 2, 3, 6}, {0}, "f32", 1, {3}},
    {F("(x)", "sum(x) / f32(size(x, 0) * size(x, 0) - 1)"), {"f32[B]"}, {2, 7}, {0}, "f32", 1, {3}},
    {F("(x)", "sum(x, axis: 0)"), {"i32[3]"}, {1, 2, 3}, {0}, "i32", 1, {6}},
};

static const row movement[] = {
    {F("(x)", "reshape(x, [-1, 2])"), {"f32[4]"}, {1, 2, 3, 4}, {0}, "f32[2, 2]", 4, {1, 2, 3, 4}},
    {F("(x)", "reshape(x, [size(x, 0) * 2, -1])"),
     {"f32[B, 4]"},
     {1, 2, 3, 4, 5, 6, 7, 8},
     {0},
     "f32[2*B, 2]",
     8,
     {1, 2, 3, 4, 5, 6, 7, 8}},
    {F("(x)", "permute(x, [1, 0])"), {"f32[2, 3]"}, {1, 2, 3, 4, 5, 6}, {0}, "f32[3, 2]", 6, {1, 4, 2, 5, 3, 6}},
    {F("(x)", "expand(x, [2, 2])"), {"f32[2]"}, {1, 2}, {0}, "f32[2, 2]", 4, {1, 2, 1, 2}},
    {F("(x, y)", "concat([x, y], axis: 1)"),
     {"f32[2, 1]", "f32[2, 2]"},
     {1, 2},
     {3, 4, 5, 6},
     "f32[2, 3]",
     6,
     {1, 3, 4, 2, 5, 6}},
    {F("(x)", "zero_pad(x, axis: 0, before: 1, after: 2)"), {"f32[1]"}, {7}, {0}, "f32[4]", 4, {0, 7, 0, 0}},
    {F("(x)", "reshape(x, [i for i in shape(x)] + [1])"), {"f32[2]"}, {1, 2}, {0}, "f32[2, 1]", 2, {1, 2}},
    {F("(x: f32[S..., n]) -> f32[S..., 1]", "sum(x, axis: -1, keep: true)"),
     {"f32[2, 2]"},
     {1, 2, 3, 4},
     {0},
     "f32[2, 1]",
     2,
     {3, 7}},
};

static void check_row(const row *r) {
  checked c = checked_open(r->source);
  int count = r->types[1] ? 2 : 1;
  graph *g = program_plain_function_graph(c.program, "f", count, r->types, c.diagnostics);
  if (!g) {
    char *messages = checked_messages(&c);
    print_error("%s", messages);
    free(messages);
    fail_msg("%s", r->source);
  }
  assert_null(graph_verify(g));
  const node *result = checked_output(g, "result")->value;
  text type = {0};
  node_type_print(result, &type);
  assert_string_equal(type.data, r->type);
  text_free(&type);
  const named_size sizes[] = {{"B", 2}, {NULL, 0}};
  const named_values inputs[] = {{"x", r->x}, {"y", r->y}, {NULL, NULL}};
  tensor_value *values = checked_evaluate(g, sizes, inputs);
  assert_int_equal(values[result->id].count, r->count);
  for (int i = 0; i < r->count; i++)
    if (!(fabs(values[result->id].data[i] - r->expected[i]) < 1e-9))
      fail_msg("%s: element %d is %g, expected %g", r->source, i, values[result->id].data[i], r->expected[i]);
  interpret_free(g, values);
  checked_close(&c);
}

#define CHECK_ALL(table)                                            \
  static void test_##table(void **state) {                          \
    (void)state;                                                    \
    for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) \
      check_row(&(table)[i]);                                       \
  }
CHECK_ALL(numbers)
CHECK_ALL(elementwise)
CHECK_ALL(indexing)
CHECK_ALL(products)
CHECK_ALL(reductions)
CHECK_ALL(movement)

/* Random sites: different ones differ, and each is where its name says. */
static void test_random_sites(void **state) {
  (void)state;
  checked c = checked_open("function f(x) = [random(x), random(x)]\n");
  graph *g = program_plain_function_graph(c.program, "f", 1, (const char *const[]){"f32[4]"}, c.diagnostics);
  assert_non_null(g);
  const node *first = checked_output(g, "result.0")->value, *second = checked_output(g, "result.1")->value;
  assert_int_equal(first->op, OP_random);
  assert_string_equal(first->attributes.site.name, "#0");
  assert_string_equal(second->attributes.site.name, "#1");
  assert_true(first->attributes.site.number != second->attributes.site.number);
  checked_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers),     cmocka_unit_test(test_elementwise),
                                     cmocka_unit_test(test_indexing),    cmocka_unit_test(test_products),
                                     cmocka_unit_test(test_reductions),  cmocka_unit_test(test_movement),
                                     cmocka_unit_test(test_random_sites)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
