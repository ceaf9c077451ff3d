/* Costs of contractions: fitted to this machine, kept in a file, read back as they were, and what they decide. */
#include "compiler/link/executable.h"
#include "compiler/link/tune.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const retort_cost costs[2] = {{1.5, 0.007, 0.06, 0.1, 0.04, 16}, {0.1, 0.0147, 1.0 / 3, 0, 0.05, 4}};

static char folder[] = "/tmp/retort-tune-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return !mkdtemp(folder);
}

static int remove_folder(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static void what_is_written_comes_back(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *nested = arena_print(a, "%s/not/there", folder);
  assert_null(tune_read(a, nested));
  tune_write(a, nested, costs, false);
  const retort_cost *read = tune_read(a, nested);
  assert_non_null(read);
  assert_memory_equal(read, costs, sizeof costs);
  const retort_cost others[2] = {costs[1], costs[0]};
  tune_write(a, nested, others, false); /* somebody else was first */
  assert_memory_equal(tune_read(a, nested), costs, sizeof costs);
  tune_write(a, nested, others, true);
  assert_memory_equal(tune_read(a, nested), others, sizeof others);
  arena_destroy(a);
}

/* With any byte of the file changed, cut off or added, it counts for nothing, and is replaced. */
static void what_is_damaged_is_remade(void **state) {
  (void)state;
  arena *a = arena_create();
  tune_write(a, folder, costs, true);
  const char *path = tune_path(a, folder);
  static char content[4096], changed[4096];
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t length = fread(content, 1, sizeof content - 1, file);
  fclose(file);
  for (size_t i = 0; i <= length; i += i < length - 300 ? 97 : 1) {
    memcpy(changed, content, length);
    changed[i] = (char)(i == length ? '\n' : content[i] ^ 1);
    file = fopen(path, "wb");
    fwrite(changed, 1, i == length ? length + 1 : i % 2 ? length : i, file);
    if (i % 2 == 0 && i < length) /* cut off here, and not changed */
      assert_int_equal(ftell(file), i);
    fclose(file);
    assert_null(tune_read(a, folder));
  }
  tune_write(a, folder, costs, false);
  assert_memory_equal(tune_read(a, folder), costs, sizeof costs);
  arena_destroy(a);
}

static void costs_fit_the_measurements(void **state) {
  (void)state;
  arena *a = arena_create();
  tune_result r;
  assert_null(tune_measure(a, &r));
  assert_true(r.count > 10);
  for (int by = 0; by < 2; by++) {
    assert_true(r.costs[by].multiply > 0 && r.costs[by].unit >= 1);
    double logarithms = 0;
    for (int i = 0; i < r.count; i++) {
      const tune_measurement *m = &r.measured[i];
      double expected = retort_cost_of(&r.costs[by], m->m, m->n, m->k), found = m->seconds[by] * 1e9;
      assert_true(found > 0 && expected > 0);
      logarithms += fabs(log(expected / found));
    }
    assert_true(logarithms / r.count < log(2)); /* on a machine with other work, too */
  }
  arena_destroy(a);
}

static void what_is_found_stays(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *fresh = arena_print(a, "%s/fresh", folder);
  const retort_cost *first = tune_find(a, fresh);
  assert_non_null(first);
  assert_memory_equal(tune_find(a, fresh), first, 2 * sizeof *first);
  assert_null(tune_find(a, "/proc/no/folder"));
  arena_destroy(a);
}

static void the_cheaper_code_is_chosen(void **state) {
  (void)state;
  const retort_cost tiles_cheap[2] = {{.multiply = 1, .unit = 16}, {.multiply = 2, .unit = 1}};
  assert_true(retort_chooses_tiles(tiles_cheap, 16, 16, 8));
  assert_false(retort_chooses_tiles(tiles_cheap, 16, 2, 8)); /* 16 columns' work for 2 */
  assert_false(retort_chooses_tiles(NULL, 16, 16, 64));
  assert_true(retort_chooses_tiles(NULL, 16, 17, 64));
  const retort_cost one = {3, 1, 10, 100, 1000, 8};
  assert_float_equal(retort_cost_of(&one, 5, 9, 2), 3 + 8 * 16 * 2 + 10 * 9 * 2 + 100 * 5 * 2 + 1000 * 5 * 9, 1e-9);
}

/* Whatever the costs say, the code computes the same product; and they are part of what identifies the code. */
static void code_by_any_costs(void **state) {
  (void)state;
  arena *a = arena_create();
  static const char source[] =
      "graph g {\n  dim B\n  %0 = input data f32[B, 40] \"x\"\n  %1 = input data f32[40, 40] \"w\"\n"
      "  %2 = matmul f32[B, 40] %0 %1\n  output \"y\" %2\n}\n";
  static float x[7 * 40], w[40 * 40], y[7 * 40];
  for (int i = 0; i < 40 * 40; i++)
    w[i] = (float)(i % 11) - 5, x[i % 280] = (float)(i % 13) - 6;
  for (int cheap = 0; cheap < 2; cheap++) {
    const char *error = NULL;
    graph *g = graph_parse(a, source, sizeof source - 1, &error);
    assert_non_null(g);
    retort_cost both[2] = {costs[0], costs[1]};
    both[cheap].multiply = 1000;
    executable *e = executable_create(g, &(compile_options){.costs = both}, &error);
    assert_non_null(e);
    const int64_t dims[] = {7};
    size_t size = executable_workspace_size(e, dims, 1);
    void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
    const void *inputs[] = {x, w};
    void *outputs[] = {y};
    retort_call call = {.inputs = inputs,
                        .outputs = outputs,
                        .dims = dims,
                        .workspace = workspace,
                        .workspace_size = size,
                        .threads = 1};
    assert_int_equal(executable_call(e, &call), RETORT_OK);
    for (int i = 0; i < 7; i++)
      for (int j = 0; j < 40; j++) {
        double sum = 0;
        for (int k = 0; k < 40; k++)
          sum += (double)x[i * 40 + k] * (double)w[k * 40 + j];
        assert_float_equal(y[i * 40 + j], sum, 1e-3);
      }
    free(workspace);
    executable_destroy(e);
  }
  const char *wrong = NULL;
  target *t = target_create(a, NULL, &wrong);
  const char *without = target_describe(t);
  target_set_costs(t, costs);
  assert_string_not_equal(without, target_describe(t));
  target_set_contractions(t, CONTRACTIONS_LIBRARY);
  assert_null(target_costs(t));
  target_destroy(t);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_comes_back), cmocka_unit_test(what_is_damaged_is_remade),
      cmocka_unit_test(costs_fit_the_measurements), cmocka_unit_test(what_is_found_stays),
      cmocka_unit_test(the_cheaper_code_is_chosen), cmocka_unit_test(code_by_any_costs),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
