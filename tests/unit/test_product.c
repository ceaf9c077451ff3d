/* A product's object, linked into a C program by the C compiler, gives the bytes that the same graph gives here. */
#include "compiler/link/executable.h"
#include "compiler/link/product.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 5, IN = 37, OUT = 19 };

/* A layer with GELU and a softmax over its outputs, and what a second function of the model computes. */
static const char layer[] = "graph net_forward {\n"
                            "  dim B\n"
                            "  %0 = input weight f32[37, 19] \"net/weight\"\n"
                            "  %1 = input data f32[B, 37] \"x.rows\"\n"
                            "  %2 = matmul f32[B, 19] %1 %0\n"
                            "  %3 = erf f32[B, 19] %2\n"
                            "  %4 = mul f32[B, 19] %2 %3\n"
                            "  %5 = exp f32[B, 19] %4\n"
                            "  %6 = reduce_sum f32[B, 1] %5 axes [1]\n"
                            "  %7 = expand f32[B, 19] %6\n"
                            "  %8 = div f32[B, 19] %5 %7\n"
                            "  output \"result\" %8\n"
                            "}\n";
static const char norm[] = "graph net_norm {\n"
                           "  %0 = input weight f32[7] \"net/unused by forward\"\n"
                           "  %1 = input weight f32[37, 19] \"net/weight\"\n"
                           "  %2 = mul f32[37, 19] %1 %1\n"
                           "  %3 = reduce_sum f32[1, 1] %2 axes [0, 1]\n"
                           "  %4 = mul f32[7] %0 %0\n"
                           "  output \"result\" %3\n"
                           "  output \"squares\" %4\n"
                           "}\n";

static const char program[] =
    "#include \"net.h\"\n#include <stdio.h>\n#include <stdlib.h>\n"
    "static float x[5 * 37], y[5 * 19], norm, squares[7];\n"
    "int main(void) {\n"
    "  void *weights = aligned_alloc(64, (NET_WEIGHTS_SIZE + 63) / 64 * 64);\n"
    "  FILE *file = fopen(\"in\", \"rb\");\n"
    "  if (!file || fread(weights, 1, NET_FILE_SIZE, file) != NET_FILE_SIZE || fread(x, sizeof x, 1, file) != 1)\n"
    "    return 9;\n"
    "  fclose(file);\n"
    "  size_t size = net_forward_workspace(5, 2), norm_size = net_norm_workspace(1);\n"
    "  size_t prepare_size = net_norm_prepare_workspace() + net_forward_prepare_workspace();\n"
    "  void *workspace = aligned_alloc(64, (size + norm_size + prepare_size + 127) / 64 * 64);\n"
    "  int status = net_norm_prepare_run(weights, workspace, net_norm_prepare_workspace());\n"
    "  status |= net_forward_prepare_run(weights, workspace, net_forward_prepare_workspace());\n"
    "  status |= net_forward_run(weights, 5, x, y, workspace, size, 2);\n"
    "  status |= net_norm_run(weights, &norm, squares, workspace, norm_size, 1);\n"
    "  status |= net_forward_run(weights, 0, x, y, workspace, size, 2) != RETORT_BAD_DIMENSION;\n"
    "  file = fopen(\"out\", \"wb\");\n"
    "  fwrite(y, sizeof y, 1, file), fwrite(&norm, sizeof norm, 1, file), fwrite(squares, sizeof squares, 1, file);\n"
    "  free(workspace), free(weights);\n"
    "  return fclose(file) ? 8 : status;\n"
    "}\n";

typedef struct numbers {
  float weight[IN * OUT], other[7], x[ROWS * IN];
} numbers;

static void write_file(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

/* Weights at the offsets that the product says, then x. */
static void write_input(const char *folder, const product *p, const numbers *n) {
  size_t size = (size_t)p->file_size + sizeof n->x;
  char *bytes = calloc(1, size);
  for (int i = 0; i < p->weight_count; i++) {
    if (p->weights[i].frozen)
      continue;
    bool first = !strcmp(p->weights[i].name, "net/weight");
    assert_int_equal(p->weights[i].bytes, first ? sizeof n->weight : sizeof n->other);
    memcpy(bytes + p->weights[i].offset, first ? n->weight : n->other, (size_t)p->weights[i].bytes);
  }
  memcpy(bytes + p->file_size, n->x, sizeof n->x);
  write_file(folder, "in", bytes, size);
  free(bytes);
}

static void run_here(const graph *g, const void **weights, const void **inputs, void **outputs, int threads) {
  const char *error = NULL;
  executable *e = executable_create(g, &(compile_options){.interpret = false}, &error);
  assert_non_null(e);
  const int64_t dims[] = {ROWS};
  size_t size = executable_workspace_size(e, dims, threads);
  void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
  retort_call call = {weights, inputs, outputs, NULL, dims, workspace, size, threads};
  assert_int_equal(executable_call(e, &call), RETORT_OK);
  free(workspace);
  executable_destroy(e);
}

static void product_equals_the_jit(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *error = NULL;
  const graph *graphs[] = {graph_parse(a, layer, sizeof layer - 1, &error),
                           graph_parse(a, norm, sizeof norm - 1, &error)};
  if (!graphs[0] || !graphs[1])
    fail_msg("%s", error);
  product p;
  assert_null(product_make(a, "net", "net.rt", 2, graphs, &(compile_options){.cpu = NULL}, &p));
  static numbers n;
  for (int i = 0; i < IN * OUT; i++)
    n.weight[i] = (float)(i * 7919 % 1000) / 2000 - 0.25F;
  for (int i = 0; i < ROWS * IN; i++)
    n.x[i] = (float)(i * 104729 % 1000) / 500 - 1;
  for (int i = 0; i < 7; i++)
    n.other[i] = (float)i;

  char folder[] = "/tmp/retort-product-XXXXXX", command[1024];
  assert_non_null(mkdtemp(folder));
  write_file(folder, "net.o", p.object.data, p.object.length);
  write_file(folder, "net.h", p.header.data, p.header.length);
  write_file(folder, "main.c", program, sizeof program - 1);
  write_input(folder, &p, &n);
  snprintf(
      command, sizeof command,
      "root=$PWD && cd %s && cp net.h net.hpp && "
      "if command -v c++ >/dev/null; then c++ -fsyntax-only -Wall -Wextra -Werror -I$root/runtime/core net.hpp; fi && "
      "cc -std=c17 -Wall -Wextra -Werror -O2 -I$root -I$root/runtime/core -I. main.c net.o $root/runtime/core/*.c "
      "-lopenblas -fopenmp -lm -o main && ./main",
      folder);
  assert_int_equal(system(command), 0);

  static float y[ROWS * OUT + 1 + 7], found[ROWS * OUT + 1 + 7];
  run_here(graphs[0], (const void *[]){n.weight}, (const void *[]){n.x}, (void *[]){y}, 2);
  run_here(graphs[1], (const void *[]){n.other, n.weight}, NULL, (void *[]){y + ROWS * OUT, y + ROWS * OUT + 1}, 1);
  snprintf(command, sizeof command, "%s/out", folder);
  FILE *file = fopen(command, "rb");
  assert_non_null(file);
  assert_int_equal(fread(found, sizeof found, 1, file), 1);
  fclose(file);
  assert_memory_equal(found, y, sizeof y);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
  product_free(&p);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(product_equals_the_jit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
