/* Centred kernel alignment: known values, and what it must not depend on. */
#include "runtime/run/alignment.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static double aligned(int64_t rows, int64_t width, const float *a, int64_t other_width, const float *b) {
  double *x = alignment_gram(rows, width, a), *y = alignment_gram(rows, other_width, b);
  double value = alignment_of(rows, x, y);
  free(x);
  free(y);
  return value;
}

/* Centred, a is (-1, 0, 1) and b is (1, -2, 1) in thirds: orthogonal; c has both as columns. By hand: CKA(a, c) is
 * |a|^4 / (|a|^2 sqrt(|a|^4 + |b|^4)) with |a|^2 = 2 and |b|^2 = 6. */
static void test_by_hand(void **state) {
  (void)state;
  static const float a[] = {1, 2, 3}, b[] = {4, 1, 4}, c[] = {1, 4, 2, 1, 3, 4};
  assert_true(fabs(aligned(3, 1, a, 1, a) - 1) < 1e-12);
  assert_true(fabs(aligned(3, 1, a, 1, b)) < 1e-12);
  assert_true(fabs(aligned(3, 1, a, 2, c) - 2 / sqrt(40)) < 1e-12);
}

/* A rotation, a factor, a shift of all rows, and columns of zeros change nothing. */
static void test_what_does_not_count(void **state) {
  (void)state;
  static const float x[] = {0.5f, -1, 2, 0.25f, -0.75f, 3, 1, 1};
  float turned[12] = {0};
  for (int i = 0; i < 4; i++) {
    turned[i * 3] = 3 * (0.6f * x[i * 2] - 0.8f * x[i * 2 + 1]) + 7;
    turned[i * 3 + 2] = 3 * (0.8f * x[i * 2] + 0.6f * x[i * 2 + 1]) - 2;
  }
  assert_true(fabs(aligned(4, 2, x, 3, turned) - 1) < 1e-6);
}

static void test_equal_rows(void **state) {
  (void)state;
  static const float x[] = {1, 2, 1, 2}, y[] = {1, 5};
  assert_true(aligned(2, 2, x, 1, y) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_what_does_not_count),
                                     cmocka_unit_test(test_equal_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
