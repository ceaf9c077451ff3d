#include "compiler/commands/profile.h"
#include "compiler/kernel/cost.h"
#include "compiler/link/random_call.h"
#include "compiler/passes/pass.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_value);
  return values[count / 2];
}

static void *allocate(size_t bytes) {
  void *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data)
    exit(EXIT_MEMORY);
  return data;
}

/* ---- what the machine can do ---- */

enum { MATRIX_SIZE = 768, MEASURE_RUNS = 5 };

/* 0 when it cannot be compiled. */
static double contraction_rate(arena *a, const compile_options *options, contraction_code by, int threads) {
  compile_options own = *options;
  own.contractions = by;
  own.switches = (pass_switches){.bf16 = options->switches.bf16};
  const char *error = NULL;
  const char *source = arena_print(a,
                                   "graph rate {\n  %%0 = input data f32[%d, %d] \"x\"\n"
                                   "  %%1 = matmul f32[%d, %d] %%0 %%0\n  output \"y\" %%1\n}\n",
                                   MATRIX_SIZE, MATRIX_SIZE, MATRIX_SIZE, MATRIX_SIZE);
  graph *g = graph_parse(a, source, strlen(source), &error);
  executable *e = g ? executable_create(g, &own, &error) : NULL;
  if (!e)
    return 0;
  random_call *r = random_call_create(e, g, &(random_sizes){.rows = 1, .length = 1, .threads = threads}, &error);
  double best = 0;
  for (int i = 0; i < MEASURE_RUNS; i++) {
    double begin = now();
    int status = executable_call(e, &r->call);
    double rate = 2.0 * MATRIX_SIZE * MATRIX_SIZE * MATRIX_SIZE / (now() - begin);
    best = !status && rate > best ? rate : best;
  }
  random_call_destroy(r);
  executable_destroy(e);
  return best;
}

/* Of contractions in float32 by the faster code, whether or not the step uses it; or in bf16. */
static double measure_contractions(arena *a, const compile_options *options, bool bf16, int threads) {
  compile_options own = *options;
  own.switches.bf16 = bf16;
  double library = bf16 ? 0 : contraction_rate(a, &own, CONTRACTIONS_LIBRARY, threads);
  double emitted = contraction_rate(a, &own, bf16 ? options->contractions : CONTRACTIONS_EMITTED, threads);
  return library > emitted ? library : emitted;
}

typedef struct copying {
  const char *from;
  char *to;
} copying;

static void copy_part(void *context, int64_t begin, int64_t end, int64_t worker) {
  const copying *c = context;
  (void)worker;
  memcpy(c->to + begin, c->from + begin, (size_t)(end - begin));
}

/* Half of `bytes` is copied to the other half, so often that a clock can tell. */
static double measure_bandwidth(double bytes, int threads) {
  enum { BYTES_LEAST = 1 << 16, BYTES_MOST = 1 << 28, BYTES_COPIED = 1 << 28 };
  size_t all = bytes < BYTES_LEAST ? BYTES_LEAST : bytes > BYTES_MOST ? BYTES_MOST : (size_t)bytes, half = all / 2;
  char *memory = allocate(all);
  memset(memory, 1, all);
  copying c = {.from = memory, .to = memory + half};
  int repeat = 1 + (int)(BYTES_COPIED / all / MEASURE_RUNS);
  double best = 0;
  for (int i = 0; i < MEASURE_RUNS; i++) {
    double begin = now();
    for (int k = 0; k < repeat; k++)
      retort_parallel(copy_part, &c, (int64_t)half, threads);
    double rate = 2.0 * (double)half * repeat / (now() - begin);
    best = rate > best ? rate : best;
  }
  free(memory);
  return best;
}

/* ---- the step ---- */

/* seconds[run] of whole steps; kernels[call + 1][run]. A step that is too short for the clock is run several times. */
static int time_steps(executable *e, const random_call *r, int runs, double *seconds, double **kernels) {
  int call_count = executable_step(e)->call_count, status = RETORT_OK;
  double *once = allocate(sizeof *once * (size_t)(call_count + 1));
  for (int i = -1; i < runs && !status; i++) { /* the first is no measurement */
    double begin = now();
    status = executable_call(e, &r->call);
    double end = now();
    status = status ? status : executable_profile(e, &r->call, once);
    if (i < 0)
      continue;
    seconds[i] = end - begin;
    for (int k = 0; k <= call_count; k++)
      kernels[k][i] = once[k];
  }
  free(once);
  return status;
}

/* What the machine can do beside a step: the rate in bf16 where its costs say that it is needed, else 0. */
static machine_rates measure_rates(arena *a, const compile_options *options, const kernel_cost *costs, int count,
                                   double memory, int threads) {
  bool bf16 = false;
  for (int i = 0; i < count; i++)
    bf16 = bf16 || costs[i].bf16 > 0;
  return (machine_rates){.operations = measure_contractions(a, options, false, threads),
                         .bf16 = bf16 ? measure_contractions(a, options, true, threads) : 0,
                         .bandwidth = measure_bandwidth(memory, threads)};
}

/* Seconds. */
static double floor_of(const kernel_cost *cost, const machine_rates *r) {
  double compute = (cost->operations - cost->bf16) / r->operations + (cost->bf16 > 0 ? cost->bf16 / r->bf16 : 0),
         moving = cost->bytes / r->bandwidth;
  return compute > moving ? compute : moving;
}

static kernel_cost *costs_of(arena *a, const step *s, const int64_t *dims, int threads) {
  kernel_cost *costs = arena_array(a, kernel_cost, s->call_count + 1);
  for (int i = 0; i < s->call_count; i++)
    costs[i] = step_call_cost(a, s, i, dims, threads);
  return costs;
}

static void describe_rows(profile *p, arena *a, const step *s, const kernel_cost *costs, const retort_step *made) {
  p->row_count = s->call_count;
  p->rows = arena_array(a, profile_row, s->call_count + 1);
  for (int i = 0; i < s->call_count; i++) {
    p->rows[i] = (profile_row){.kernel = s->calls[i].kernel->name,
                               .what = arena_copy(a, made->calls[i].what, strlen(made->calls[i].what)),
                               .where = s->calls[i].where,
                               .operations = costs[i].operations,
                               .bytes = costs[i].bytes,
                               .floor = floor_of(&costs[i], &p->rates)};
  }
}

static int measure(profile *p, arena *a, executable *e, const step *s, const random_call *r,
                   const compile_options *options) {
  double *seconds = arena_array(a, double, p->runs);
  double **kernels = arena_array(a, double *, s->call_count + 1);
  for (int i = 0; i <= s->call_count; i++)
    kernels[i] = arena_array(a, double, p->runs);
  const kernel_cost *costs = costs_of(a, s, r->dims, r->call.threads);
  p->rates = measure_rates(a, options, costs, s->call_count, p->memory, r->call.threads);
  int status = time_steps(e, r, p->runs, seconds, kernels);
  if (status)
    return status;
  describe_rows(p, a, s, costs, executable_step(e));
  p->step = median(seconds, p->runs);
  p->sum = p->placing = median(kernels[0], p->runs);
  for (int i = 0; i < s->call_count; i++)
    p->sum += p->rows[i].seconds = median(kernels[i + 1], p->runs);
  return RETORT_OK;
}

/* The step's calls, for what the object does not say: sources, sizes, what kernels do. */
static const step *make_step(const graph *g, const executable *e) {
  const pass_switches *switches = executable_switches(e);
  return step_create_limited(passes_run_without(g, NULL, switches), switches->merge_limit);
}

profile_floor profile_graph_floor(const graph *g, const executable *e, const compile_options *options,
                                  const int64_t *dims, int threads, double memory) {
  const step *s = make_step(g, e);
  const kernel_cost *costs = costs_of(g->arena, s, dims, threads);
  profile_floor floor = {.rates = measure_rates(g->arena, options, costs, s->call_count, memory, threads)};
  for (int i = 0; i < s->call_count; i++) {
    floor.operations += costs[i].operations;
    floor.bytes += costs[i].bytes;
    floor.seconds += floor_of(&costs[i], &floor.rates);
  }
  return floor;
}

/* One step, and the memory of the process for it. */
static int run_once(profile *p, executable *e, const random_call *r) {
  memory_plan(&p->planned, e, r->dims, r->call.threads);
  p->memory = p->planned.weights + p->planned.states + p->planned.batch + p->planned.workspace;
  int status = executable_prepare(e, r->call.weights);
  status = status ? status : executable_call(e, &r->call);
  p->peak = process_peak();
  return status;
}

profile *profile_graph(const graph *g, const profile_options *options, const char **error, bool *unfit) {
  arena *a = g->arena;
  executable *e = executable_create(g, &options->compile, error);
  if (!e)
    return NULL;
  profile *p = arena_new(a, profile);
  p->runs = options->runs;
  p->planned = memory_before();
  const random_sizes sizes = {
      .rows = options->rows, .length = options->length, .mean = options->mean, .threads = options->threads};
  random_call *r = random_call_create(e, g, &sizes, error);
  *unfit = !r;
  if (!r) {
    executable_destroy(e);
    return NULL;
  }
  int status = run_once(p, e, r);
  const step *s = make_step(g, e);
  status = status ? status : measure(p, a, e, s, r, &options->compile);
  if (status)
    *error = arena_print(a, "the step ended with status %d", status);
  random_call_destroy(r);
  executable_destroy(e);
  return status ? NULL : p;
}
