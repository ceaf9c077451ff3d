/* Operations and bytes of nodes, counted by hand. */
#include "compiler/graph/flops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const content = "graph g {\n"
                                   "  dim B\n"
                                   "  %0 = input data f32[B, 3, 4] \"x\"\n"
                                   "  %1 = input weight f32[4, 5] \"w\"\n"
                                   "  %2 = matmul f32[B, 3, 5] %0 %1\n"
                                   "  %3 = exp f32[B, 3, 5] %2\n"
                                   "  %4 = reduce_sum f32[B, 1, 5] %3 axes [1]\n"
                                   "  %5 = reshape f32[B, 5] %4\n"
                                   "  %6 = input data i32[B] \"i\"\n"
                                   "  %7 = gather f32[B, 5] %1 %6\n"
                                   "  %8 = scatter_add f32[4, 5] %6 %7\n"
                                   "  %9 = slice f32[B, 2] %5 low [0, 1] step [1, 2]\n"
                                   "  %10 = stop_gradient f32[B, 2] %9\n"
                                   "  output \"y\" %10\n"
                                   "}\n";

static const char *const operations[] = {"0", "0", "120*B", "15*B", "15*B", "0", "0", "0", "5*B", "0", "0"};
static const char *const bytes[] = {"0", "0",    "108*B + 80", "120*B", "80*B", "0",
                                    "0", "44*B", "24*B + 80",  "16*B",  "16*B"};

static void assert_dim(const dim *d, const char *expected) {
  text t = {0};
  dim_print(d, &t);
  assert_string_equal(t.data, expected);
  text_free(&t);
}

static void costs(void **unused) {
  (void)unused;
  arena *a = arena_create();
  const char *error;
  graph *g = graph_parse(a, content, strlen(content), &error);
  assert_non_null(g);
  for (int i = 0; i < g->node_count; i++) {
    graph_cost cost = node_cost(g->dims, g->nodes[i]);
    assert_dim(cost.operations, operations[i]);
    assert_dim(cost.bytes, bytes[i]);
  }
  graph_cost total = graph_cost_total(g);
  assert_dim(total.operations, "155*B");
  assert_dim(total.bytes, "408*B + 160");
  graph_cost_number number = graph_cost_at(g, &(int64_t){10});
  assert_int_equal(number.operations, 1550);
  assert_int_equal(number.bytes, 4240);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(costs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
