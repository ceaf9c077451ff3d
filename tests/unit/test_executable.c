/* Compiled code against the reference interpreter, on graphs drawn at random: on every level of CPU that this machine
 * can run, with one thread and with several; and that the same call gives the same bytes.
 * RETORT_RANDOM_GRAPHS=N draws more; RETORT_RANDOM_SEED=N only that one; RETORT_RANDOM_CPU=NAME only for that CPU (as
 * valgrind needs it, which does not know AVX-512). */
#include "compiler/emit/target.h"
#include "compiler/link/executable.h"
#include "tests/unit/random_graph.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS_MAX = 3 };

typedef struct bound_call { /* a call with arrays of its own */
  retort_call call;
  int64_t *dims;
  void **outputs, **states;
  size_t *output_bytes, *state_bytes;
} bound_call;

static size_t tensor_bytes(const retort_tensor *t, const int64_t *dims, int dim_count) {
  size_t bytes = dtype_size((dtype)t->dtype);
  for (int i = 0; i < t->rank; i++)
    bytes *= (size_t)retort_size_evaluate(&t->dims[i], dims, dim_count, 1);
  return bytes;
}

/* The input's values in their dtype, in memory of exactly their size, so that a sanitizer sees what lies outside. */
static void *narrow_input(const node *n, const tensor_value *from) {
  size_t size = dtype_size(n->dtype);
  char *to = malloc(size * (size_t)from->count + !from->count);
  for (int64_t i = 0; i < from->count; i++)
    switch (n->dtype) {
    case DTYPE_BOOL:
      ((uint8_t *)to)[i] = from->data[i] != 0;
      break;
    case DTYPE_I32:
      ((int32_t *)to)[i] = (int32_t)from->data[i];
      break;
    case DTYPE_I64:
      ((int64_t *)to)[i] = (int64_t)from->data[i];
      break;
    case DTYPE_F32:
      ((float *)to)[i] = (float)from->data[i];
      break;
    }
  return to;
}

static void *input_by_name(const graph *g, const random_inputs *in, const char *name) {
  const node *n = graph_find_input(g, name);
  assert_non_null(n);
  return narrow_input(n, &in->inputs[n->id]);
}

static void **inputs_of(arena *a, const graph *g, const random_inputs *in, const retort_tensor *tensors, int count) {
  void **pointers = arena_array(a, void *, count + 1);
  for (int i = 0; i < count; i++)
    pointers[i] = input_by_name(g, in, tensors[i].name);
  return pointers;
}

static void run_call(arena *a, executable *e, const graph *g, const random_inputs *in, int threads, bound_call *b) {
  const retort_signature *s = executable_signature(e);
  void **weights = inputs_of(a, g, in, s->weights, s->weight_count);
  void **inputs = inputs_of(a, g, in, s->inputs, s->input_count);
  *b = (bound_call){.dims = in->bindings,
                    .outputs = arena_array(a, void *, s->output_count + 1),
                    .states = inputs_of(a, g, in, s->states, s->state_count),
                    .output_bytes = arena_array(a, size_t, s->output_count + 1),
                    .state_bytes = arena_array(a, size_t, s->state_count + 1)};
  for (int i = 0; i < s->output_count; i++) {
    b->output_bytes[i] = tensor_bytes(&s->outputs[i], in->bindings, s->dim_count);
    b->outputs[i] = malloc(b->output_bytes[i] + 1);
    memset(b->outputs[i], 0xee, b->output_bytes[i]);
  }
  for (int i = 0; i < s->state_count; i++)
    b->state_bytes[i] = tensor_bytes(&s->states[i], in->bindings, s->dim_count);
  size_t size = executable_workspace_size(e, in->bindings, threads);
  void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
  memset(workspace, 0xee, size);
  b->call = (retort_call){.weights = (const void *const *)weights,
                          .inputs = (const void *const *)inputs,
                          .outputs = b->outputs,
                          .states = b->states,
                          .dims = in->bindings,
                          .workspace = workspace,
                          .workspace_size = size,
                          .threads = threads};
  assert_int_equal(executable_call(e, &b->call), RETORT_OK);
  free(workspace);
  for (int i = 0; i < s->weight_count; i++)
    free(weights[i]);
  for (int i = 0; i < s->input_count; i++)
    free(inputs[i]);
}

static void free_call(const executable *e, bound_call *b) {
  const retort_signature *s = executable_signature(e);
  for (int i = 0; i < s->output_count; i++)
    free(b->outputs[i]);
  for (int i = 0; i < s->state_count; i++)
    free(b->states[i]);
}

/* ---- comparing ---- */

static double element(dtype type, const void *data, size_t i) {
  switch (type) {
  case DTYPE_BOOL:
    return ((const uint8_t *)data)[i];
  case DTYPE_I32:
    return ((const int32_t *)data)[i];
  case DTYPE_I64:
    return (double)((const int64_t *)data)[i];
  case DTYPE_F32:
    break;
  }
  return (double)((const float *)data)[i];
}

/* NULL, or where the arrays differ by more than float32's roundings explain. */
static const char *compare(arena *a, const retort_tensor *t, const void *found, const void *expected, size_t bytes) {
  dtype type = (dtype)t->dtype;
  size_t count = bytes / dtype_size(type);
  double largest = 1;
  for (size_t i = 0; i < count; i++) {
    double x = fabs(element(type, expected, i));
    if (isfinite(x) && x > largest)
      largest = x;
  }
  for (size_t i = 0; i < count; i++) {
    double x = element(type, found, i), y = element(type, expected, i);
    bool same = isfinite(y) ? fabs(x - y) <= (type == DTYPE_F32 ? 2e-4 * largest : 0) : isnan(y) ? isnan(x) : x == y;
    if (!same)
      return arena_print(a, "%s[%zu] is %.9g, not %.9g", t->name, i, x, y);
  }
  return NULL;
}

static const char *compare_calls(arena *a, const executable *e, const bound_call *found, const executable *reference,
                                 const bound_call *expected) {
  const retort_signature *s = executable_signature(e), *r = executable_signature(reference);
  const char *wrong = NULL;
  for (int i = 0; i < s->output_count && !wrong; i++)
    wrong = compare(a, &s->outputs[i], found->outputs[i], expected->outputs[i], found->output_bytes[i]);
  for (int i = 0; i < s->state_count && !wrong; i++)
    for (int j = 0; j < r->state_count; j++)
      if (!strcmp(r->states[j].name, s->states[i].name))
        wrong = compare(a, &s->states[i], found->states[i], expected->states[j], found->state_bytes[i]);
  return wrong;
}

static const char *compare_bytes(arena *a, const executable *e, const bound_call *x, const bound_call *y) {
  const retort_signature *s = executable_signature(e);
  for (int i = 0; i < s->output_count; i++)
    if (memcmp(x->outputs[i], y->outputs[i], x->output_bytes[i]) != 0)
      return arena_print(a, "%s has other bytes in a second call", s->outputs[i].name);
  for (int i = 0; i < s->state_count; i++)
    if (memcmp(x->states[i], y->states[i], x->state_bytes[i]) != 0)
      return arena_print(a, "%s has other bytes in a second call", s->states[i].name);
  return NULL;
}

/* ---- the test ---- */

static const char *const cpus[] = {NULL, "haswell", "x86-64"};

static void fail_with(const graph *g, uint64_t seed, const char *cpu, int threads, const char *wrong) {
  text printed = {0};
  graph_print(g, false, &printed);
  fail_msg("seed %llu, %s, %d threads: %s\n%s", (unsigned long long)seed, cpu ? cpu : "host", threads, wrong,
           printed.data);
}

static void check_cpu(arena *a, const graph *g, uint64_t seed, const random_inputs *in, const char *cpu,
                      const executable *reference, const bound_call *expected) {
  const char *error = NULL;
  executable *e = executable_create(g, &(compile_options){.cpu = cpu}, &error);
  if (!e)
    fail_with(g, seed, cpu, 0, error);
  for (int threads = 1; threads <= THREADS_MAX; threads += 2) {
    bound_call first, second;
    run_call(a, e, g, in, threads, &first);
    run_call(a, e, g, in, threads, &second);
    const char *wrong = compare_calls(a, e, &first, reference, expected);
    if (!wrong)
      wrong = compare_bytes(a, e, &first, &second);
    if (wrong)
      fail_with(g, seed, cpu, threads, wrong);
    free_call(e, &first);
    free_call(e, &second);
  }
  executable_destroy(e);
}

static bool can_run(arena *a, const char *cpu) {
  const char *error = NULL;
  target *t = target_create(a, cpu, &error);
  bool runnable = t && target_is_runnable(t);
  target_destroy(t);
  return runnable;
}

static void check_seed(uint64_t seed) {
  arena *a = arena_create();
  random_graph_options options = {.operations = 4 + (int)(seed % 28),
                                  .size_max = seed % 5 == 4 ? 70 : 5 + (int)(seed % 3),
                                  .differentiable = seed % 4 == 3,
                                  .symbolic = seed % 2,
                                  .integers = seed % 3 != 0,
                                  .updates = seed % 3 == 1};
  if (options.size_max > 20)
    options.operations = 6;
  graph *g = random_graph(a, seed, &options);
  random_inputs in;
  if (random_graph_fill(a, g, seed, options.size_max, &in)) {
    const char *error = NULL;
    executable *reference = executable_create(g, &(compile_options){.interpret = true}, &error);
    bound_call expected;
    run_call(a, reference, g, &in, 1, &expected);
    const char *only = getenv("RETORT_RANDOM_CPU");
    for (int c = 0; c < (only || seed % 4 ? 1 : 3); c++)
      if (can_run(a, only ? only : cpus[c]))
        check_cpu(a, g, seed, &in, only ? only : cpus[c], reference, &expected);
    free_call(reference, &expected);
    executable_destroy(reference);
  }
  arena_destroy(a);
}

static void random_graphs_equal_the_interpreter(void **state) {
  (void)state;
  const char *one = getenv("RETORT_RANDOM_SEED"), *many = getenv("RETORT_RANDOM_GRAPHS");
  uint64_t count = many ? strtoull(many, NULL, 10) : 60;
  if (one)
    check_seed(strtoull(one, NULL, 10));
  for (uint64_t seed = 0; !one && seed < count; seed++)
    check_seed(seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs_equal_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
