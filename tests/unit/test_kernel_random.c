/* Random graphs through fusion, memory plan, kernels and machine code, against the reference interpreter. */
#include "compiler/passes/pass.h"
#include "tests/unit/emitted.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DRAWS = 3 };

static void check_graph(arena *a, const graph *g, uint64_t seed, int size_max, const target *t) {
  random_inputs drawn[DRAWS];
  int count = 0;
  for (int i = 0; i < DRAWS; i++)
    count += random_graph_fill(a, g, seed * DRAWS + (uint64_t)i, size_max, &drawn[count]);
  const char *wrong = emitted_differs(a, g, step_create(g), t, count, drawn);
  if (wrong)
    fail_msg("seed %d: %s", (int)seed, wrong);
}

static uint64_t environment(const char *name, uint64_t otherwise) {
  const char *given = getenv(name);
  return given ? strtoull(given, NULL, 10) : otherwise;
}

static void emitted_code_agrees_with_the_interpreter(void **unused) {
  (void)unused;
  uint64_t from = environment("RETORT_SEED", 0), count = environment("RETORT_SEEDS", 40);
  for (uint64_t seed = from; seed < from + count; seed++) {
    arena *a = arena_create();
    const char *wrong = NULL;
    target *t = target_create(a, NULL, &wrong);
    assert_non_null(t);
    if (seed % 4 == 1) /* sizes are small here, so that otherwise it is the library's */
      target_set_contractions(t, CONTRACTIONS_EMITTED);
    random_graph_options options = {.operations = seed % 20 == 19 ? 120 : 4 + (int)(seed % 30),
                                    .size_max = seed % 10 == 9 ? 24 : 2 + (int)(seed % 7),
                                    .symbolic = seed & 1,
                                    .integers = seed & 2,
                                    .updates = seed & 4};
    graph *g = random_graph(a, seed, &options);
    check_graph(a, g, seed, options.size_max, t);
    check_graph(a, passes_run(g, "dce"), seed, options.size_max, t);
    target_destroy(t);
    arena_destroy(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(emitted_code_agrees_with_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
