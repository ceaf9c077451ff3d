/* The stages of the examples: nothing between two contractions is left to a kernel of its own, and nothing is copied to
 * have its axes in another order. */
#include "compiler/check/program.h"
#include "compiler/passes/fusion.h"
#include "compiler/passes/pass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Real numbers in memory that are another value's elements in another order, or some of them; states that are copied.
 */
static int count_copies(const fusion *f) {
  int count = f->copy_count;
  for (int i = 0; i < f->root_count; i++)
    count += op_describe(f->roots[i]->node->op)->class == CLASS_MOVEMENT && f->roots[i]->node->dtype == DTYPE_F32 &&
             f->roots[i]->storage != STORAGE_LOCAL;
  return count;
}

static void check_stage(program *p, int stage, diagnostics *d) {
  graph *g = program_stage_graph(p, stage, GRAPH_JOINT, d);
  assert_non_null(g);
  fusion *f = fusion_create(passes_run(g, NULL));
  schedule_groups(f);
  text t = {0};
  fusion_print(f, FUSION_SCHEDULE, &t);
  if (fusion_loose_groups(f) > 0)
    fail_msg("%s", t.data);
  text_free(&t);
  assert_true(f->group_count < f->graph->node_count / 6);
  assert_int_equal(count_copies(f), 0);
}

static void check_program(const char *path, const char *models, int stages_at_least) {
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  const program_options options = {.models = models};
  program *p = program_load(a, path, &options, d);
  assert_non_null(p);
  assert_true(program_stage_count(p) >= stages_at_least);
  for (int i = 0; i < program_stage_count(p); i++)
    check_stage(p, i, d);
  arena_destroy(a);
}

static void no_loose_kernel_and_no_copy_is_in_the_examples(void **unused) {
  (void)unused;
  check_program("examples/demo.rt", "models", 3);
  check_program("examples/sst2.rt", "models", 3);
  check_program("tests/bench/bench.rt", "models", 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_loose_kernel_and_no_copy_is_in_the_examples)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
