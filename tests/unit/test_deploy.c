/* The example's product: examples/deploy.c with the demo's student prints the bits that the same function gives here.
 */
#include "compiler/check/program.h"
#include "compiler/link/executable.h"
#include "compiler/link/product.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { IDS = 7, CLASSES = 2 };
static const int32_t ids[IDS] = {2, 14, 27, 9, 51, 33, 3};

static const graph *student_graph(arena *a) {
  diagnostics *d = diagnostics_create(a);
  program *p = program_load(a, "examples/demo.rt", &(program_options){.models = "models"}, d);
  assert_non_null(p);
  for (int i = 0; i < program_model_count(p); i++)
    if (!strcmp(program_model_at(p, i)->name, "student"))
      return program_function_graph(p, i, "forward", false, d);
  fail_msg("the demo has no student");
  return NULL;
}

/* Any weights do: of a size that makes every layer count, without a pattern. */
static char *make_weights(const product *p) {
  char *bytes = aligned_alloc(64, ((size_t)p->weights_size + 63) / 64 * 64);
  assert_non_null(bytes);
  float *weights = (float *)(void *)bytes;
  uint32_t random = 1;
  for (int64_t i = 0; i < p->weights_size / 4; i++) {
    random = random * 1664525 + 1013904223;
    weights[i] = (float)(random >> 8) / (float)(1 << 24) - 0.5F;
  }
  return bytes;
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void run_command(const char *command, char *printed, size_t size) {
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  size_t read = fread(printed, 1, size - 1, pipe);
  printed[read] = 0;
  assert_int_equal(pclose(pipe), 0);
}

static const void *weight_at(const product *p, const char *bytes, const char *name) {
  for (int i = 0; i < p->weight_count; i++)
    if (!strcmp(p->weights[i].name, name))
      return bytes + p->weights[i].offset;
  fail_msg("the product has no weight %s", name);
  return NULL;
}

static void run_here(const graph *g, const product *p, const char *bytes, float *logits) {
  const char *error = NULL;
  executable *e = executable_create(g, &(compile_options){.interpret = false}, &error);
  assert_non_null(e);
  const retort_signature *s = executable_signature(e);
  const void **weights = calloc((size_t)s->weight_count, sizeof *weights);
  for (int i = 0; i < s->weight_count; i++)
    weights[i] = weight_at(p, bytes, s->weights[i].name);
  const int32_t length = IDS, types[IDS] = {0};
  const int64_t dims[] = {1, IDS};
  const void *inputs[] = {&length, ids, types};
  void *outputs[] = {logits};
  size_t size = executable_workspace_size(e, dims, 1);
  void *workspace = aligned_alloc(64, (size + 63) / 64 * 64);
  retort_call call = {weights, inputs, outputs, NULL, dims, workspace, size, 1};
  assert_int_equal(executable_call(e, &call), RETORT_OK);
  free(workspace);
  free(weights);
  executable_destroy(e);
}

static void the_example_gives_the_bits_of_the_jit(void **state) {
  (void)state;
  arena *a = arena_create();
  const graph *g = student_graph(a);
  product p;
  assert_null(product_make(a, "student", "demo.rt", 1, &g, &(compile_options){.cpu = NULL}, &p));
  char *bytes = make_weights(&p);

  char folder[] = "/tmp/retort-deploy-XXXXXX", command[1024], printed[256], wanted[256];
  assert_non_null(mkdtemp(folder));
  write_file(folder, "student.o", p.object.data, p.object.length);
  write_file(folder, "student.h", p.header.data, p.header.length);
  write_file(folder, "student.weights", bytes, (size_t)p.file_size);
  snprintf(
      command, sizeof command,
      "cc -std=c17 -Wall -Wextra -Werror -O2 -I%s -I. -Iruntime/core examples/deploy.c %s/student.o runtime/core/*.c "
      "-lopenblas -fopenmp -lm -o %s/deploy && %s/deploy %s/student.weights 2 14 27 9 51 33 3",
      folder, folder, folder, folder, folder);
  run_command(command, printed, sizeof printed);
  float logits[CLASSES];
  run_here(g, &p, bytes, logits);
  snprintf(wanted, sizeof wanted, "%a %a\n", (double)logits[0], (double)logits[1]);
  assert_string_equal(printed, wanted);
  assert_true(logits[0] != logits[1]);

  snprintf(command, sizeof command, "ldd %s/deploy | grep -ci llvm; rm -r %s", folder, folder);
  run_command(command, printed, sizeof printed);
  assert_string_equal(printed, "0\n");
  free(bytes);
  product_free(&p);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_example_gives_the_bits_of_the_jit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
