/* Dims: one normal form, equal ones are one pointer, text reads back. */
#include "compiler/graph/dim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int start(void **state) {
  *state = arena_create();
  return 0;
}

static int stop(void **state) {
  arena_destroy(*state);
  return 0;
}

static const dim *parsed(dim_table *t, const char *from) {
  const char *cursor = from;
  const dim *d = dim_parse(t, &cursor);
  return d && *cursor == 0 ? d : NULL;
}

static void assert_prints(const dim *d, const char *expected) {
  text t = {0};
  dim_print(d, &t);
  assert_string_equal(t.data, expected);
  text_free(&t);
}

static void equal_dims_are_one(void **state) {
  dim_table *t = dim_table_create(*state);
  static const char *const equal[][2] = {
      {"B*T", "T*B"},
      {"(B + 1)*(B - 1)", "B*B - 1"},
      {"B - B", "0"},
      {"2*(B + T) - T", "2*B + T"},
      {"(B + T)*(B + T)", "B*B + 2*B*T + T*T"},
      {"floor(2*B, 2)", "B"},
      {"floor(2*B + 5, 2)", "B + 2"},
      {"floor(4*B + 2, 6)", "floor(2*B + 1, 3)"},
      {"floor(4*B + 3, 6)", "floor(2*B + 1, 3)"},
      {"floor(7*B, 3)", "2*B + floor(B, 3)"},
      {"floor(floor(B, 2), 3)", "floor(B, 6)"},
      {"floor(floor(B, 2) + 1, 3)", "floor(B + 2, 6)"},
      {"floor(B - 1, 2)", "floor(B + 1, 2) - 1"},
      {"floor(-7, 2)", "-4"},
      {"floor(B, 2)*T", "T*floor(B, 2)"},
      {"floor(6*B + 2, 4)", "B + floor(B + 1, 2)"},
  };
  for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
    const dim *a = parsed(t, equal[i][0]), *b = parsed(t, equal[i][1]);
    assert_non_null(a);
    if (a != b)
      fail_msg("%s is not %s", equal[i][0], equal[i][1]);
  }
  assert_ptr_not_equal(parsed(t, "B"), parsed(t, "T"));
  assert_ptr_not_equal(parsed(t, "floor(B, 2)"), parsed(t, "floor(B + 1, 2)"));
}

static void text_has_one_form(void **state) {
  dim_table *t = dim_table_create(*state);
  dim_named(t, "B");
  static const char *const forms[][2] = {
      {"1 + T*2", "2*T + 1"},         {"-1*B", "-B"},         {"0*B", "0"},
      {"T*B - 3 + T", "B*T + T - 3"}, {"4 - B", "-B + 4"},    {"floor(1+H,2)", "floor(H + 1, 2)"},
      {"B*B*2 - T", "2*B*B - T"},     {"T.2 + 1", "T.2 + 1"}, {"floor(T*(B+1), 2)", "floor(B*T + T, 2)"},
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    const dim *d = parsed(t, forms[i][0]);
    assert_non_null(d);
    assert_prints(d, forms[i][1]);
    assert_ptr_equal(parsed(t, forms[i][1]), d);
  }
}

static void nonsense_is_no_dim(void **state) {
  dim_table *t = dim_table_create(*state);
  static const char *const nonsense[] = {"",
                                         "+",
                                         "B +",
                                         "(B",
                                         "B)",
                                         "2B",
                                         "B T",
                                         "*B",
                                         "floor(B, 0)",
                                         "floor(B, B)",
                                         "floor(B)",
                                         "99999999999999999999",
                                         "B/2",
                                         "$",
                                         "9223372036854775807",
                                         "9223372036854775807 + 1"};
  for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
    if (parsed(t, nonsense[i]))
      fail_msg("'%s' was read as a dim", nonsense[i]);
  char deep[4001];
  memset(deep, '(', 4000);
  deep[4000] = 0;
  assert_null(parsed(t, deep));
}

static void exact_division(void **state) {
  dim_table *t = dim_table_create(*state);
  static const char *const cases[][3] = {
      {"6*B*T", "2*B", "3*T"},
      {"6*B*T + 4*T", "2*T", "3*B + 2"},
      {"B*B - 1", "B + 1", "B - 1"},
      {"12", "4", "3"},
      {"0", "B", "0"},
      {"B*T", "B*T", "1"},
      {"B*floor(T, 2)", "B", "floor(T, 2)"},
      {"-4*B", "-2", "2*B"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_ptr_equal(dim_divide_exact(t, parsed(t, cases[i][0]), parsed(t, cases[i][1])), parsed(t, cases[i][2]));
  static const char *const inexact[][2] = {{"B", "T"}, {"3*B", "2"}, {"B + 1", "B"}, {"B", "0"}, {"B*B + 1", "B + 1"}};
  for (size_t i = 0; i < sizeof inexact / sizeof *inexact; i++)
    assert_null(dim_divide_exact(t, parsed(t, inexact[i][0]), parsed(t, inexact[i][1])));
}

static void ragged_symbols(void **state) {
  dim_table *t = dim_table_create(*state);
  const dim *rows = dim_named(t, "B");
  const dim *ragged = dim_ragged(t, "T", rows, "ids.lengths");
  assert_ptr_equal(ragged, dim_ragged(t, "T", rows, "ids.lengths"));
  assert_ptr_equal(ragged, dim_named(t, "T"));
  const dim *other = dim_ragged(t, "T", rows, "pairs.lengths");
  assert_ptr_not_equal(ragged, other);
  assert_ptr_equal(other, dim_ragged(t, "T", rows, "pairs.lengths"));
  assert_prints(other, "T.2");
  assert_int_equal(dim_symbol_count(t), 3);
  assert_ptr_equal(dim_symbol_at(t, 1)->of, rows);
  assert_ptr_equal(dim_as_symbol(ragged), dim_symbol_at(t, 1));
  assert_null(dim_as_symbol(dim_add(t, ragged, rows)));
  assert_null(dim_symbol_find(t, "X"));
}

static void evaluation(void **state) {
  dim_table *t = dim_table_create(*state);
  dim_named(t, "B");
  dim_named(t, "T");
  const int64_t bindings[] = {5, 7};
  assert_int_equal(dim_evaluate(parsed(t, "2*B*T - 3"), bindings), 67);
  assert_int_equal(dim_evaluate(parsed(t, "floor(B - T, 3)"), bindings), -1);
  assert_int_equal(dim_evaluate(parsed(t, "B*floor(T + 2, 4)"), bindings), 10);
  const int64_t huge[] = {INT64_MAX / 2, 7};
  assert_true(dim_evaluate(parsed(t, "B*T"), huge) == INT64_MAX);
  assert_true(dim_evaluate(parsed(t, "-1*B*T"), huge) == INT64_MIN);
}

static void bounds(void **state) {
  dim_table *t = dim_table_create(*state);
  assert_true(dim_is_at_least(parsed(t, "B*T + 2"), 3));
  assert_false(dim_is_at_least(parsed(t, "B*T + 2"), 4));
  assert_true(dim_is_at_least(parsed(t, "floor(B, 2) + 1"), 1));
  assert_false(dim_is_at_least(parsed(t, "B - 1"), 1));
  assert_true(dim_is_below(parsed(t, "3 - B"), 3));
  assert_false(dim_is_below(parsed(t, "3 - B"), 2));
  assert_false(dim_is_below(parsed(t, "B - T"), 1));
}

static void what_leaves_the_integers_stays_too_large(void **state) {
  dim_table *t = dim_table_create(*state);
  const dim *big = dim_constant(t, INT64_C(1) << 40), *huge = dim_multiply(t, big, big);
  assert_true(dim_is_too_large(huge));
  assert_true(dim_is_too_large(dim_subtract(t, huge, huge)));
  assert_true(dim_is_too_large(dim_multiply(t, huge, dim_named(t, "B"))));
  assert_true(dim_is_too_large(dim_floor_divide(t, huge, 7)));
  const dim *sum = dim_constant(t, 1);
  for (int i = 0; i < 20; i++) { /* (1 + x0)(1 + x1)... has 2^20 terms */
    char name[8];
    snprintf(name, sizeof name, "x%d", i);
    sum = dim_multiply(t, sum, dim_add(t, dim_constant(t, 1), dim_named(t, name)));
  }
  assert_true(dim_is_too_large(sum));
}

static void interning_is_fast(void **state) {
  dim_table *t = dim_table_create(*state);
  const dim *b = dim_named(t, "B");
  const dim *last = NULL;
  for (int i = 0; i < 200000; i++)
    last = dim_add(t, b, dim_constant(t, i));
  assert_int_equal(last->terms[0].coefficient, 199999);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
  const struct CMUnitTest tests[] = {
      TEST(equal_dims_are_one),
      TEST(text_has_one_form),
      TEST(nonsense_is_no_dim),
      TEST(exact_division),
      TEST(ragged_symbols),
      TEST(evaluation),
      TEST(bounds),
      TEST(what_leaves_the_integers_stays_too_large),
      TEST(interning_is_fast),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
