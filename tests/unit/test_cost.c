/* What kernels do, as counted for floors. */
#include "compiler/kernel/cost.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static kernel_cost cost_of(arena *a, const char *source, const int64_t *dims, int threads) {
  const char *error = NULL;
  graph *g = graph_parse(a, source, strlen(source), &error);
  assert_non_null(g);
  const step *s = step_create(g);
  kernel_cost sum = {0};
  for (int i = 0; i < s->call_count; i++) {
    kernel_cost one = step_call_cost(a, s, i, dims, threads);
    sum.operations += one.operations;
    sum.bytes += one.bytes;
    sum.bf16 += one.bf16;
  }
  return sum;
}

/* 2 m n k, whatever the threads; operands and result once, of 4 bytes. */
static void test_contraction(void **state) {
  (void)state;
  arena *a = arena_create();
  const int64_t dims[] = {6};
  for (int threads = 1; threads <= 2; threads++) {
    kernel_cost c =
        cost_of(a,
                "graph g {\n  dim B\n  %0 = input data f32[B, 8] \"x\"\n  %1 = input data f32[8, 16] \"y\"\n"
                "  %2 = matmul f32[B, 16] %0 %1\n  output \"z\" %2\n}\n",
                dims, threads);
    assert_true(c.operations == 2 * 6 * 8 * 16);
    assert_true(c.bytes == 4 * (6 * 8 + 8 * 16 + 6 * 16));
    assert_true(c.bf16 == 0);
  }
  arena_destroy(a);
}

/* Of two contractions the one in bf16. */
static void test_bf16(void **state) {
  (void)state;
  arena *a = arena_create();
  kernel_cost c = cost_of(a,
                          "graph g {\n  %0 = input data f32[4, 8] \"x\"\n  %1 = input data f32[8, 16] \"y\"\n"
                          "  %2 = input data f32[16, 32] \"z\"\n  %3 = matmul f32[4, 16] %0 %1\n"
                          "  %4 = matmul f32[4, 32] %3 %2 bf16\n  output \"o\" %4\n}\n",
                          NULL, 1);
  assert_true(c.bf16 == 2 * 4 * 16 * 32);
  assert_true(c.operations == 2 * 4 * 8 * 16 + 2 * 4 * 16 * 32);
  arena_destroy(a);
}

/* Each of 5 x 7 terms is one operation, and the logarithms of the sums. */
static void test_reduction(void **state) {
  (void)state;
  arena *a = arena_create();
  kernel_cost c = cost_of(a,
                          "graph g {\n  %0 = input data f32[5, 7] \"x\"\n  %1 = reduce_sum f32[5, 1] %0 axes [1]\n"
                          "  %2 = log f32[5, 1] %1\n  output \"o\" %2\n}\n",
                          NULL, 1);
  assert_true(c.operations >= 5 * 7 + 5 && c.operations <= 5 * 8 + 5);
  assert_true(c.bytes == 4 * (5 * 7 + 5));
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_contraction),
      cmocka_unit_test(test_bf16),
      cmocka_unit_test(test_reduction),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
