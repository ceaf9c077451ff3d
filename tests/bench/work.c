#include "tests/bench/bound.h"
#include <stdlib.h>

enum { RUNS_MAX = 1000 };

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int bench_repeat(double once) {
  const double least = 0.02;
  return once < least ? (int)(least / (once > 1e-6 ? once : 1e-6)) + 1 : 1;
}

static bool measure_runs(const work *w, const bench_options *options, measurement *result) {
  arena *a = arena_create();
  graph *g = NULL;
  const graph *teacher = NULL;
  bound b = {.executable = bound_compile(a, w, options, &g, &teacher)};
  if (!b.executable)
    return false;
  bound_make(&b, w, options->threads);
  double times[RUNS_MAX];
  int runs = options->runs < RUNS_MAX ? options->runs : RUNS_MAX;
  bool good = executable_prepare(b.executable, b.call.weights) == RETORT_OK &&
              executable_call(b.executable, &b.call) == RETORT_OK;
  double begin = bench_seconds();
  good = good && executable_call(b.executable, &b.call) == RETORT_OK;
  int repeat = bench_repeat(bench_seconds() - begin);
  for (int i = 0; i < runs && good; i++) {
    begin = bench_seconds();
    for (int k = 0; k < repeat; k++)
      good = executable_call(b.executable, &b.call) == RETORT_OK && good;
    times[i] = (bench_seconds() - begin) / repeat * 1e3;
  }
  qsort(times, (size_t)runs, sizeof *times, by_value);
  result->median = times[runs / 2];
  result->runs = runs;
  return good;
}

/* Once: what a person waits for. */
static bool measure_compile(const work *w, const bench_options *options, measurement *result) {
  double begin = bench_seconds();
  arena *a = arena_create();
  graph *g = NULL;
  const graph *teacher = NULL;
  executable *e = bound_compile(a, w, options, &g, &teacher);
  result->median = bench_seconds() - begin;
  result->runs = 1;
  executable_destroy(e);
  arena_destroy(a);
  return e != NULL;
}

/* Of a step's time and that of making its batch. */
static bool measure_loader_share(const work *w, const bench_options *options, measurement *result) {
  double making;
  if (!measure_loader(w, options, &making) || !measure_runs(w, options, result))
    return false;
  result->median = 100 * making / (making + result->median);
  return true;
}

bool measure_work(const work *w, const bench_options *options, measurement *result) {
  if (w->text)
    return measure_text(options, result);
  if (w->run != RUN_NONE)
    return measure_run(w, options, result);
  if (w->loader)
    return measure_loader_share(w, options, result);
  return w->compile ? measure_compile(w, options, result) : measure_runs(w, options, result);
}
