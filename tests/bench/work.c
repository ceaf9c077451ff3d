#include "tests/bench/work.h"
#include "compiler/check/program.h"
#include "compiler/link/executable.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIMS_MAX = 64, RUNS_MAX = 1000 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- source to executable ---- */

static graph *make_graph(arena *a, const work *w, const bench_options *options, diagnostics *d) {
  program_options settings = {.models = options->models};
  program *p = program_load(a, options->file, &settings, d);
  if (!p || diagnostics_error_count(d))
    return NULL;
  for (int i = 0; w->stage && i < program_stage_count(p); i++)
    if (strcmp(program_stage_at(p, i)->name, w->stage) == 0)
      return program_stage_graph(p, i, GRAPH_JOINT, d);
  for (int i = 0; w->model && i < program_model_count(p); i++)
    if (strcmp(program_model_at(p, i)->name, w->model) == 0)
      return program_function_graph(p, i, "forward", false, d);
  return NULL;
}

static executable *compile(arena *a, const work *w, const bench_options *options) {
  diagnostics *d = diagnostics_create(a);
  const char *error = "no such stage or model";
  graph *g = make_graph(a, w, options, d);
  compile_options how = {.switches = {.packed = options->packed}, .contractions = options->contractions};
  executable *e = g && diagnostics_error_count(d) == 0 ? executable_create(g, &how, &error) : NULL;
  if (!e) {
    diagnostics_print(d, stderr, false);
    fprintf(stderr, "%s: %s\n", w->name, error);
  }
  return e;
}

/* ---- a call with random data ---- */

typedef struct bound {
  executable *executable;
  retort_call call;
  int64_t dims[DIMS_MAX];
} bound;

/* xorshift64*; the values matter little, only that they are no special ones. */
static double random_number(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (double)(*state * 0x2545F4914F6CDD1DULL >> 11) * 0x1p-53;
}

static int64_t range_of(const char *name) {
  return strcmp(name, "ids") == 0 ? 1000 : strcmp(name, "label") == 0 ? 2 : 1;
}

/* The numbers of word pieces of SST-2's sentences, with the two marks around them: the middles of 32 equal parts. */
static int32_t drawn_length(int64_t row, int most) {
  static const int32_t parts[] = {5,  7,  9,  10, 11, 12, 14, 15, 16, 17, 17, 18, 19, 20, 21, 22,
                                  23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34, 35, 37, 40, 43, 50};
  int32_t length = row == 0 ? most : parts[row * 11 % 32];
  return length < most ? length : most;
}

static void fill(const retort_tensor *t, void *data, int64_t count, const work *w) {
  uint64_t state = 88172645463325252ULL;
  bool lengths = strstr(t->name, ".lengths") != NULL, small = strstr(t->name, "/state/") != NULL;
  for (int64_t i = 0; i < count; i++) {
    double x = random_number(&state);
    if (t->dtype == RETORT_F32)
      ((float *)data)[i] = (float)(small ? 0 : t->rank == 0 ? 1 : (x - 0.5) * 0.1);
    else if (t->dtype == RETORT_I32)
      ((int32_t *)data)[i] = lengths && w->ragged ? drawn_length(i, w->length)
                             : lengths            ? w->length
                                                  : (int32_t)(x * (double)range_of(t->name));
    else if (t->dtype == RETORT_I64)
      ((int64_t *)data)[i] = 1;
  }
}

static void *make_tensor(const bound *b, const retort_tensor *t, const work *w) {
  const retort_signature *s = executable_signature(b->executable);
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++)
    count *= retort_size_evaluate(&t->dims[i], b->dims, s->dim_count, 1);
  static const size_t sizes[] = {[RETORT_BOOL] = 1, [RETORT_I32] = 4, [RETORT_I64] = 8, [RETORT_F32] = 4};
  size_t bytes = sizes[t->dtype] * (size_t)count;
  void *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data)
    exit(71);
  memset(data, 0, bytes);
  fill(t, data, count, w);
  return data;
}

static void **make_tensors(const bound *b, const retort_tensor *of, int count, const work *w) {
  void **all = calloc((size_t)count + 1, sizeof *all);
  for (int i = 0; all && i < count; i++)
    all[i] = make_tensor(b, &of[i], w);
  return all;
}

static void bind(bound *b, const work *w, int threads) {
  const retort_signature *s = executable_signature(b->executable);
  for (int i = 0; i < s->dim_count && i < DIMS_MAX; i++)
    b->dims[i] = strcmp(s->dim_names[i], "B") == 0 ? w->rows : w->length;
  void **inputs = make_tensors(b, s->inputs, s->input_count, w);
  retort_bind_sums(s, (const void *const *)inputs, b->dims);
  size_t size = executable_workspace_size(b->executable, b->dims, threads);
  b->call = (retort_call){
      .weights = (const void *const *)make_tensors(b, s->weights, s->weight_count, w),
      .inputs = (const void *const *)inputs,
      .outputs = make_tensors(b, s->outputs, s->output_count, w),
      .states = make_tensors(b, s->states, s->state_count, w),
      .dims = b->dims,
      .workspace = aligned_alloc(64, (size + 127) / 64 * 64),
      .workspace_size = size,
      .threads = threads,
  };
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool measure_runs(const work *w, const bench_options *options, measurement *result) {
  arena *a = arena_create();
  bound b = {.executable = compile(a, w, options)};
  if (!b.executable)
    return false;
  bind(&b, w, options->threads);
  double times[RUNS_MAX];
  int runs = options->runs < RUNS_MAX ? options->runs : RUNS_MAX;
  bool good = executable_call(b.executable, &b.call) == RETORT_OK;
  double begin = seconds();
  good = good && executable_call(b.executable, &b.call) == RETORT_OK;
  double once = seconds() - begin;
  int repeat = once < 0.02 ? (int)(0.02 / (once > 1e-6 ? once : 1e-6)) + 1 : 1;
  for (int i = 0; i < runs && good; i++) {
    begin = seconds();
    for (int k = 0; k < repeat; k++)
      good = executable_call(b.executable, &b.call) == RETORT_OK && good;
    times[i] = (seconds() - begin) / repeat * 1e3;
  }
  qsort(times, (size_t)runs, sizeof *times, by_value);
  result->median = times[runs / 2];
  result->runs = runs;
  return good;
}

/* Once: what a person waits for. */
static bool measure_compile(const work *w, const bench_options *options, measurement *result) {
  double begin = seconds();
  arena *a = arena_create();
  executable *e = compile(a, w, options);
  result->median = seconds() - begin;
  result->runs = 1;
  executable_destroy(e);
  arena_destroy(a);
  return e != NULL;
}

bool measure_work(const work *w, const bench_options *options, measurement *result) {
  if (w->text)
    return measure_text(options, result);
  return w->compile ? measure_compile(w, options, result) : measure_runs(w, options, result);
}
