#include "runtime/run/evaluation.h"
#include "runtime/run/interrupt.h"
#include "runtime/run/progress.h"
#include <stdlib.h>
#include <string.h>

static int32_t largest(const float *values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++)
    if (values[i] > values[best])
      best = i;
  return (int32_t)best;
}

/* One batch; its time in seconds, or -1 after a failure. */
static double run_batch(const evaluation *e, binding *b, const batch *data, evaluation_result *result, failure *f) {
  double began = monotonic_seconds();
  if (!binding_call(b, data, &(step_values){.step = 1, .steps = 1}, f))
    return -1;
  double seconds = monotonic_seconds() - began;
  int64_t count = 0;
  const float *values = binding_output(b, "result", &count);
  if (!values || count < data->rows || count % data->rows != 0) {
    fail(f, "%s: its result is no f32[rows, classes]", e->forward.signature->name);
    return -1;
  }
  int64_t classes = count / data->rows;
  if (!result->outputs) {
    result->classes = (int)classes;
    result->outputs = memory_allocate((size_t)e->data->count, (size_t)classes * sizeof *result->outputs);
  } else if (classes != result->classes) {
    fail(f, "%s: its result has another number of classes from batch to batch", e->forward.signature->name);
    return -1;
  }
  for (int64_t i = 0; i < data->rows; i++) {
    const float *row = values + i * classes;
    result->predictions[data->indices[i]] = largest(row, classes);
    memcpy(result->outputs + data->indices[i] * classes, row, (size_t)classes * sizeof *row);
  }
  return seconds;
}

static int compare_times(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void evaluation_result_free(evaluation_result *result) {
  free(result->predictions);
  free(result->outputs);
  *result = (evaluation_result){0};
}

bool evaluation_run(const evaluation *e, evaluation_result *result, failure *f) {
  *result = (evaluation_result){0};
  binding *b = binding_create(&e->forward, 1, &(weight_set *){e->weights}, e->threads, f);
  if (!b)
    return false;
  batcher *batches = batcher_create(e->data, e->batch, binding_width(b), false, 0);
  result->predictions = memory_allocate((size_t)e->data->count, sizeof *result->predictions);
  int64_t count = batcher_per_epoch(batches);
  double *times = memory_allocate((size_t)count, sizeof *times);
  bool good = true;
  for (int64_t step = 0; step < count && good; step++) {
    const batch *data = batcher_fill(batches, step);
    double seconds = run_batch(e, b, data, result, f);
    good = seconds >= 0 && (e->whole || !interrupt_requested());
    times[step] = seconds * 1e3 / (double)data->rows;
  }
  qsort(times, (size_t)count, sizeof *times, compare_times);
  result->milliseconds = times[count / 2];
  free(times);
  batcher_free(batches);
  binding_free(b);
  return good;
}
