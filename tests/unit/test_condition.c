/* What a graph demands of run-time dimensions: refused at the call, by name, in emitted code, the interpreter and
 * objects alike; and nothing outside of a tensor is read. */
#include "compiler/graph/graph.h"
#include "compiler/link/executable.h"
#include "compiler/link/product.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static graph *parse(arena *a, const char *source) {
  const char *error = NULL;
  graph *g = graph_parse(a, source, strlen(source), &error);
  if (!g)
    fail_msg("%s in\n%s", error, source);
  return g;
}

/* Memory for so many bytes that end where a page ends behind which nothing may be touched. */
typedef struct guarded {
  char *pages, *data;
  size_t size;
} guarded;

static guarded guarded_create(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes / page + 2) * page;
  guarded m = {.size = size};
  m.pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(m.pages != MAP_FAILED);
  assert_int_equal(mprotect(m.pages + size - page, page, PROT_NONE), 0);
  m.data = m.pages + size - page - bytes;
  return m;
}

/* Runs a function of one input f32[T, columns] to one output of at most `room` numbers. */
static int run(executable *e, int64_t t, int columns, float *output, size_t room) {
  size_t count = (size_t)t * (size_t)columns, size = executable_workspace_size(e, &t, 1);
  guarded x = guarded_create(count * sizeof(float));
  for (size_t i = 0; i < count; i++)
    ((float *)(void *)x.data)[i] = (float)(i * 37 % 101) - 50;
  void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
  memset(output, 0, room * sizeof *output);
  const void *const inputs[] = {x.data};
  void *const outputs[] = {output};
  int status = executable_call(e, &(retort_call){.inputs = inputs,
                                                 .outputs = outputs,
                                                 .dims = &t,
                                                 .workspace = workspace,
                                                 .workspace_size = size,
                                                 .threads = 1});
  free(workspace);
  munmap(x.pages, x.size);
  return status;
}

static executable *compile(const graph *g, bool interpret) {
  const char *error = NULL;
  executable *e = executable_create(g, &(compile_options){.interpret = interpret}, &error);
  if (!e)
    fail_msg("%s", error);
  return e;
}

enum { T_MAX = 12, ROOM = 4096 };

/* Both ends of the compiler refuse the same sizes with the same words, and agree on the others. */
static void check(const char *source, int64_t least, int64_t most, const char *message) {
  static float outputs[2][ROOM];
  for (int64_t t = 1; t <= T_MAX; t++) {
    bool fits = t >= least && t <= most;
    for (int interpret = 0; interpret < 2; interpret++) {
      arena *a = arena_create();
      executable *e = compile(parse(a, source), interpret);
      const retort_plan *plan = executable_signature(e)->plan;
      int64_t found = 0;
      const retort_condition *broken = retort_broken_condition(plan, &t, &found);
      assert_int_equal(run(e, t, 3, outputs[interpret], ROOM), fits ? RETORT_OK : RETORT_BAD_DIMENSION);
      if (fits)
        assert_null(broken);
      else if (!broken || (message && strcmp(broken->message, message) != 0))
        fail_msg("T = %d: '%s', expected '%s'", (int)t, broken ? broken->message : "nothing", message);
      executable_destroy(e);
      arena_destroy(a);
    }
    assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
  }
}

#define GRAPH(nodes) "graph g {\n  dim T\n  %0 = input data f32[T, 3] \"x\"\n" nodes "  output \"y\" %1\n}\n"

static void slices_are_within(void **state) {
  (void)state;
  check(GRAPH("  %1 = slice f32[4, 3] %0 low [0, 0] step [1, 1]\n"), 4, T_MAX,
        "'slice' takes elements 0 to 3 of axis 0, which has T: expected T to be 4 or more");
  check(GRAPH("  %1 = slice f32[3, 3] %0 low [2, 0] step [3, 1]\n"), 9, T_MAX,
        "'slice' takes elements 2 to 8 of axis 0, which has T: expected T to be 9 or more");
  check(GRAPH("  %1 = slice f32[2, 3] %0 low [T - 2, 0] step [1, 1]\n"), 2, T_MAX,
        "'slice' takes elements T - 2 to T - 1 of axis 0, which has T: expected T to be 2 or more");
  check("graph g {\n  dim T\n  %0 = input data f32[T, 3] \"x\"\n  %1 = constant f32[8, 3] 1\n"
        "  %2 = slice f32[T, 3] %1 low [0, 0] step [1, 1]\n  %3 = add f32[T, 3] %0 %2\n  output \"y\" %3\n}\n",
        1, 8, "'slice' takes elements 0 to T - 1 of axis 0, which has 8: expected T to be 8 or less");
  check(GRAPH("  %1 = slice f32[T - 4, 3] %0 low [4, 0] step [1, 1]\n"), 5, T_MAX, NULL);
  check(GRAPH("  %1 = slice f32[floor(T, 2), 3] %0 low [0, 0] step [2, 1]\n"), 2, T_MAX, NULL);
  check(GRAPH("  %1 = slice f32[T, 3] %0 low [0, 0] step [1, 1]\n"), 1, T_MAX, NULL);
}

static void padding_and_windows(void **state) {
  (void)state;
  check(GRAPH("  %1 = pad f32[8, 3] %0 low [0, 0] interior [0, 0] high [8 - T, 0]\n"), 1, 8, NULL);
  check(GRAPH("  %1 = pad f32[2*T - 5, 3] %0 low [T - 5, 0] interior [0, 0] high [0, 0]\n"), 5, T_MAX, NULL);
}

static int draw(uint64_t *seed, int least, int most) {
  *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
  return least + (int)(*seed >> 33) % (most - least + 1);
}

/* A slice or padding of random places, sizes and steps: what the shape rules let through as possible for some T. */
static graph *random_window(arena *a, uint64_t *seed) {
  const char *error = NULL, *made;
  int step = draw(seed, 1, 3), low = draw(seed, -3, 4), per = draw(seed, 0, 2), size = draw(seed, -3, 6);
  if (draw(seed, 0, 2))
    made = arena_print(a, "slice f32[floor(%d*T + %d, %d), 3] %%0 low [%s%d, 0] step [%d, 1]", per, size,
                       draw(seed, 1, 3), draw(seed, 0, 2) ? "" : "T + ", low, step);
  else
    made = arena_print(
        a, "pad f32[T + (T - 1)*%d + %d + %d*T + %d, 3] %%0 low [%d, 0] interior [%d, 0] high [%d*T + %d, 0]", step - 1,
        low, per - 1, size, low, step - 1, per - 1, size);
  const char *source = arena_print(
      a, "graph g {\n  dim T\n  %%0 = input data f32[T, 3] \"x\"\n  %%1 = %s\n  output \"y\" %%1\n}\n", made);
  return graph_parse(a, source, strlen(source), &error);
}

static void random_windows(void **state) {
  (void)state;
  static float outputs[2][ROOM];
  int refused = 0, computed = 0;
  for (uint64_t seed = 1; seed <= 150; seed++) {
    uint64_t drawn = seed;
    arena *a = arena_create();
    graph *g = random_window(a, &drawn);
    executable *compiled = g ? compile(g, false) : NULL, *interpreted = g ? compile(g, true) : NULL;
    for (int64_t t = 1; g && t <= T_MAX; t++) {
      int status = run(compiled, t, 3, outputs[0], ROOM);
      if (run(interpreted, t, 3, outputs[1], ROOM) != status || memcmp(outputs[0], outputs[1], sizeof outputs[0]) != 0)
        fail_msg("seed %d, T = %d: emitted code and the interpreter differ; status %d", (int)seed, (int)t, status);
      refused += status == RETORT_BAD_DIMENSION;
      computed += status == RETORT_OK;
    }
    executable_destroy(compiled);
    executable_destroy(interpreted);
    arena_destroy(a);
  }
  assert_true(refused > 100);
  assert_true(computed > 100);
}

/* What is prepared once has dimensions of no meaning, and no conditions. */
static const char frozen[] = "graph net_forward {\n  dim T\n  %0 = input weight f32[3] \"w\"\n"
                             "  %1 = input data f32[T, 3] \"x\"\n  %2 = exp f32[3] %0\n"
                             "  %3 = reshape f32[1, 3] %2\n  %4 = expand f32[4, 3] %3\n"
                             "  %5 = slice f32[4, 3] %1 low [0, 0] step [1, 1]\n  %6 = mul f32[4, 3] %4 %5\n"
                             "  output \"y\" %6\n}\n";

static void prepared_weights(void **state) {
  (void)state;
  arena *a = arena_create();
  executable *e = compile(parse(a, frozen), false);
  float w[3] = {0, 0, 0}, x[21], y[12];
  for (int i = 0; i < 21; i++)
    x[i] = (float)i;
  const void *const weights[] = {w}, *const inputs[] = {x};
  assert_int_equal(executable_prepare(e, weights), RETORT_OK);
  for (int64_t t = 3; t <= 7; t++) {
    size_t size = executable_workspace_size(e, &t, 1);
    assert_int_equal(size > 0, t >= 4);
    void *workspace = aligned_alloc(64, (size + 127) / 64 * 64), *const outputs[] = {y};
    retort_call call = {weights, inputs, outputs, NULL, &t, workspace, size, 1};
    assert_int_equal(executable_call(e, &call), t < 4 ? RETORT_BAD_DIMENSION : RETORT_OK);
    free(workspace);
  }
  assert_memory_equal(x, y, sizeof y);
  executable_destroy(e);
  arena_destroy(a);
}

static const char caller[] =
    "#include \"net.h\"\n#include <stdio.h>\n#include <stdlib.h>\n"
    "static _Alignas(64) char weights[NET_WEIGHTS_SIZE], workspace[1 << 20];\n"
    "static float x[21], y[12];\n"
    "int main(void) {\n"
    "  int64_t t = 3, found = 0;\n"
    "  int status = net_forward_prepare_run(weights, workspace, net_forward_prepare_workspace());\n"
    "  status |= net_forward_workspace(3, 1) != 0;\n"
    "  status |= net_forward_run(weights, 3, x, y, workspace, sizeof workspace, 1) != RETORT_BAD_DIMENSION;\n"
    "  puts(retort_broken_condition(net_forward_signature.plan, &t, &found)->message);\n"
    "  return status | net_forward_run(weights, 4, x, y, workspace, sizeof workspace, 1) | (found != 3);\n"
    "}\n";

static void write_file(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void objects_say_it_too(void **state) {
  (void)state;
  arena *a = arena_create();
  const graph *g = parse(a, frozen);
  product p;
  assert_null(product_make(a, "net", "net.rt", 1, &g, &(compile_options){.cpu = NULL}, &p));
  char folder[] = "/tmp/retort-condition-XXXXXX", command[1024];
  assert_non_null(mkdtemp(folder));
  write_file(folder, "net.o", p.object.data, p.object.length);
  write_file(folder, "net.h", p.header.data, p.header.length);
  write_file(folder, "main.c", caller, sizeof caller - 1);
  snprintf(command, sizeof command,
           "root=$PWD && cd %s && cc -std=c17 -Wall -Wextra -Werror -I$root -I$root/runtime/core -I. main.c net.o "
           "$root/runtime/core/*.c -lopenblas -fopenmp -lm -o main && ./main >said && "
           "grep -q \"'slice' takes elements 0 to 3 of axis 0, which has T: expected T to be 4 or more\" said",
           folder);
  assert_int_equal(system(command), 0);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
  product_free(&p);
  arena_destroy(a);
}

/* A pass may make its graph in an arena that goes before the dims do. */
static void conditions_outlive_a_graph(void **state) {
  (void)state;
  arena *a = arena_create(), *passing = arena_create();
  graph *g = parse(a, "graph f {\n  dim T\n  %0 = input data f32[T, 2] \"x\"\n  output \"y\" %0\n}\n");
  graph own = *g;
  own.arena = passing;
  dim_table *t = g->dims;
  node *x = g->nodes[0];
  const dim *zero = dim_constant(t, 0);
  shape cut = {.rank = 2, .dims = {dim_constant(t, 4), dim_constant(t, 2)}};
  node_attributes slice = {.slice = {.low = {zero, zero}, .step = {1, 1}}};
  graph_add(&own, OP_slice, 1, &x, &slice, DTYPE_F32, &cut, (span){0});
  assert_int_equal(dim_condition_count(t), 1);
  const char *because = dim_condition_at(t, 0)->because;
  assert_string_equal(because, "'slice' takes elements 0 to 3 of axis 0, which has T");
  arena_destroy(passing);
  char *over[64]; /* over what was freed */
  for (int i = 0; i < 64; i++)
    memset(over[i] = malloc(1 << 14), 'x', 1 << 14);
  assert_string_equal(because, "'slice' takes elements 0 to 3 of axis 0, which has T");
  for (int i = 0; i < 64; i++)
    free(over[i]);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_are_within),  cmocka_unit_test(padding_and_windows),
      cmocka_unit_test(random_windows),     cmocka_unit_test(prepared_weights),
      cmocka_unit_test(objects_say_it_too), cmocka_unit_test(conditions_outlive_a_graph),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
