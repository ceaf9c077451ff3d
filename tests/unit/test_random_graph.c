/* Random graphs: legal, the same for the same seed, text that reads back, values that stay bounded; and between them
 * they use every operation of the table. */
#include "tests/unit/random_graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static random_graph_options options_of(uint64_t seed) {
  return (random_graph_options){.operations = 5 + (int)(seed % 40),
                                .size_max = 2 + (int)(seed % 6),
                                .symbolic = seed & 1,
                                .integers = seed & 2,
                                .updates = seed & 4,
                                .differentiable = (seed & 9) == 0};
}

static char *printed(const graph *g) {
  text t = {0};
  graph_print(g, true, &t);
  return t.data;
}

static void same_seed_same_graph_and_text_reads_back(void **unused) {
  (void)unused;
  for (uint64_t seed = 0; seed < 400; seed++) {
    arena *a = arena_create();
    random_graph_options options = options_of(seed);
    graph *g = random_graph(a, seed, &options);
    const char *wrong = graph_verify(g);
    if (wrong)
      fail_msg("seed %d: %s", (int)seed, wrong);
    char *first = printed(g), *again = printed(random_graph(a, seed, &options));
    assert_string_equal(first, again);
    const char *error;
    graph *read = graph_parse(a, first, strlen(first), &error);
    if (!read)
      fail_msg("seed %d: %s", (int)seed, error);
    char *back = printed(read);
    assert_string_equal(first, back);
    free(first);
    free(again);
    free(back);
    arena_destroy(a);
  }
}

static void values_are_bounded(void **unused) {
  (void)unused;
  int filled_count = 0;
  for (uint64_t seed = 0; seed < 150; seed++) {
    arena *a = arena_create();
    random_graph_options options = options_of(seed);
    options.operations = 5 + (int)(seed % 16);
    graph *g = random_graph(a, seed, &options);
    random_inputs filled;
    if (random_graph_fill(a, g, seed, options.size_max, &filled)) {
      filled_count++;
      tensor_value *values = graph_interpret(g, filled.bindings, filled.inputs, true);
      assert_non_null(values);
      for (int i = 0; i < g->node_count; i++)
        for (int64_t e = 0; e < values[i].count; e++)
          if (g->nodes[i]->op != OP_bf16_words && !(fabs(values[i].data[e]) < 1e5))
            fail_msg("seed %d: %%%d holds %g", (int)seed, i, values[i].data[e]);
      interpret_free(g, values);
    }
    arena_destroy(a);
  }
  assert_true(filled_count > 100);
}

static void every_operation_is_drawn(void **unused) {
  (void)unused;
  int drawn[OP_COUNT] = {0};
  for (uint64_t seed = 0; seed < 200; seed++) {
    arena *a = arena_create();
    random_graph_options options = {.operations = 30, .size_max = 4, .symbolic = true, .integers = true};
    graph *g = random_graph(a, seed, &options);
    for (int i = 0; i < g->node_count; i++)
      drawn[g->nodes[i]->op]++;
    arena_destroy(a);
  }
  for (int o = 0; o < OP_COUNT; o++)
    if (drawn[o] < 5)
      fail_msg("'%s' is drawn %d times", op_describe((op)o)->name, drawn[o]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_seed_same_graph_and_text_reads_back),
      cmocka_unit_test(values_are_bounded),
      cmocka_unit_test(every_operation_is_drawn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
