/* What --reproducible promises: a row's outputs do not depend on the batch it comes in, on how much padding follows it,
 * on the number of threads or on the layout, bit for bit. */
#include "compiler/link/executable.h"
#include "tests/unit/checked.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 32, LENGTH_MAX = 40, HIDDEN = 40, VOCABULARY = 50, CLASSES = 3, FUNCTIONS = 3 };

/* Hidden states, what a classifier makes of the first, and their mean. Sizes are no multiples of vectors. */
static const char *const source =
    "use nn, bert\n"
    "module net() {\n"
    "  bert = bert(vocabulary: 50, layers: 2, hidden: 40, heads: 5, ff: 70, positions: 512, std: 0.3)\n"
    "  head = linear(40, 3, std: 0.3)\n"
    "  forward(ids: i32[B, T of B], types: i32[B, T of B]) = bert(ids, types)\n"
    "  classify(ids: i32[B, T of B], types: i32[B, T of B]) = head(bert.pooler(bert(ids, types)))\n"
    "  average(ids: i32[B, T of B], types: i32[B, T of B]) = head(gelu(mean(bert(ids, types), axis: 1)))\n"
    "}\n"
    "experiment e { model m = net() }\n";
static const char *const functions[FUNCTIONS] = {"forward", "classify", "average"};

typedef struct sentences {
  int lengths[ROWS];
  int32_t ids[ROWS][LENGTH_MAX], types[ROWS][LENGTH_MAX];
} sentences;

static sentences draw_sentences(void) {
  sentences s = {0};
  for (int i = 0; i < ROWS; i++) {
    s.lengths[i] = 1 + i * 29 % LENGTH_MAX;
    for (int t = 0; t < s.lengths[i]; t++) {
      s.ids[i][t] = (i * 7 + t * 13) % VOCABULARY;
      s.types[i][t] = t > s.lengths[i] / 2;
    }
  }
  return s;
}

typedef struct subject {
  executable *executable;
  void **weights;
  int width; /* numbers of a row's output; of hidden states: of a token's */
  bool by_token;
} subject;

static void fill(const char *name, float *data, int64_t count) {
  uint64_t state = 88172645463325252u;
  for (; *name; name++)
    state = state * 31 + (unsigned char)*name;
  for (int64_t i = 0; i < count; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    data[i] = ((float)(state >> 40) / 16777216.0F - 0.5F) * 0.9F;
  }
}

static subject subject_open(checked *c, const char *function, const char *cpu, bool packed) {
  const char *error = NULL;
  const graph *g = program_function_graph(c->program, 0, function, false, c->diagnostics);
  assert_non_null(g);
  const compile_options options = {.cpu = cpu, .reproducible = true, .switches = {.packed = packed}};
  subject s = {.executable = executable_create(g, &options, &error)};
  if (!s.executable)
    fail_msg("%s", error);
  const retort_signature *of = executable_signature(s.executable);
  s.weights = calloc((size_t)of->weight_count + 1, sizeof *s.weights);
  for (int i = 0; i < of->weight_count; i++) {
    int64_t count = 1;
    for (int k = 0; k < of->weights[i].rank; k++)
      count *= retort_size_evaluate(&of->weights[i].dims[k], NULL, 0, 1);
    s.weights[i] = malloc((size_t)count * sizeof(float));
    fill(of->weights[i].name, s.weights[i], count);
  }
  assert_int_equal(executable_prepare(s.executable, (const void *const *)s.weights), RETORT_OK);
  s.by_token = of->outputs[0].rank == 3;
  s.width = s.by_token ? HIDDEN : CLASSES;
  return s;
}

static void subject_close(subject *s) {
  for (int i = 0; i < executable_signature(s->executable)->weight_count; i++)
    free(s->weights[i]);
  free(s->weights);
  executable_destroy(s->executable);
}

/* Rows first, …, first + count - 1 of the sentences, padded to `length`. The caller frees the outputs. */
static float *run(const subject *s, const sentences *of, int first, int count, int64_t length, int threads) {
  const retort_signature *signature = executable_signature(s->executable);
  size_t tokens = (size_t)count * (size_t)length;
  int32_t *ids = calloc(tokens, sizeof *ids), *types = calloc(tokens, sizeof *types), lengths[ROWS];
  for (int i = 0; i < count; i++) {
    lengths[i] = of->lengths[first + i];
    for (int t = 0; t < lengths[i]; t++) {
      ids[(size_t)i * (size_t)length + (size_t)t] = of->ids[first + i][t];
      types[(size_t)i * (size_t)length + (size_t)t] = of->types[first + i][t];
    }
  }
  const void *inputs[8];
  for (int i = 0; i < signature->input_count; i++)
    inputs[i] = strstr(signature->inputs[i].name, ".lengths")     ? (const void *)lengths
                : strcmp(signature->inputs[i].name, "types") == 0 ? types
                                                                  : ids;
  int64_t dims[8];
  for (int i = 0; i < signature->dim_count; i++)
    dims[i] = strcmp(signature->dim_names[i], "B") == 0 ? count : length;
  retort_bind_sums(signature, inputs, dims);
  float *output = calloc((s->by_token ? tokens : (size_t)count) * (size_t)s->width, sizeof *output);
  size_t size = executable_workspace_size(s->executable, dims, threads);
  void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
  assert_int_equal(executable_call(s->executable, &(retort_call){.weights = (const void *const *)s->weights,
                                                                 .inputs = inputs,
                                                                 .outputs = (void *const[]){output},
                                                                 .dims = dims,
                                                                 .workspace = workspace,
                                                                 .workspace_size = size,
                                                                 .threads = threads}),
                   RETORT_OK);
  free(workspace);
  free(ids);
  free(types);
  return output;
}

static int longest(const sentences *of, int first, int count) {
  int most = 0;
  for (int i = first; i < first + count; i++)
    most = of->lengths[i] > most ? of->lengths[i] : most;
  return most;
}

/* Every row of the batch against the same row alone. */
static void compare(const subject *s, const sentences *of, float *const *alone, int first, int count, int64_t length,
                    int threads, const char *what) {
  float *found = run(s, of, first, count, length, threads);
  for (int i = 0; i < count; i++) {
    size_t numbers = (size_t)s->width * (s->by_token ? (size_t)of->lengths[first + i] : 1);
    const float *row = found + (size_t)i * (size_t)s->width * (s->by_token ? (size_t)length : 1);
    for (size_t k = 0; k < numbers; k++)
      if (memcmp(&row[k], &alone[first + i][k], sizeof *row) != 0)
        fail_msg("%s: row %d of %d rows of %d, %d threads: number %d is %.9g, alone %.9g", what, i, count, (int)length,
                 threads, (int)k, (double)row[k], (double)alone[first + i][k]);
  }
  free(found);
}

static void check_batches(const subject *s, const sentences *of, float *const *alone, const char *what) {
  static const int sizes[] = {1, 3, ROWS};
  for (int threads = 1; threads <= 2; threads++)
    for (int k = 0; k < 3; k++) {
      int count = sizes[k];
      for (int first = 0; first + count <= ROWS; first += count < 3 ? 7 : count < ROWS ? 11 : ROWS) {
        int own = longest(of, first, count);
        const int64_t lengths[] = {own, own + 1, own + 7, 128};
        for (int i = 0; i < 4; i++)
          compare(s, of, alone, first, count, lengths[i], threads, what);
      }
    }
  compare(s, of, alone, 2, 3, 450, 2, what); /* sums over positions of more than one block of a contraction */
}

static void check_function(const char *function, const char *cpu) {
  const sentences of = draw_sentences();
  checked c = checked_open(source);
  float *alone[ROWS];
  for (int packed = 0; packed < 2; packed++) {
    subject s = subject_open(&c, function, cpu, packed);
    for (int i = 0; i < ROWS && !packed; i++) {
      alone[i] = run(&s, &of, i, 1, of.lengths[i], 1);
      for (int k = 0; k < s.width; k++)
        assert_true(alone[i][k] - alone[i][k] == 0); /* a number */
    }
    char what[128];
    snprintf(what, sizeof what, "%s, %s, %s", function, cpu ? cpu : "native", packed ? "packed" : "padded");
    check_batches(&s, &of, alone, what);
    subject_close(&s);
  }
  for (int i = 0; i < ROWS; i++)
    free(alone[i]);
  checked_close(&c);
}

static void native(void **state) {
  (void)state;
  for (int i = 0; i < FUNCTIONS; i++)
    check_function(functions[i], NULL);
}

static void other_processors(void **state) {
  (void)state;
  check_function("forward", "x86-64");
  check_function("average", "x86-64");
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    skip();
  for (int i = 0; i < FUNCTIONS; i++)
    check_function(functions[i], "haswell");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(native), cmocka_unit_test(other_processors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
