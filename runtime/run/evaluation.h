/* A model on a set: its predictions, and how long they took. */
#ifndef RETORT_EVALUATION_H
#define RETORT_EVALUATION_H
#include "runtime/run/binding.h"

typedef struct evaluation {
  callable forward; /* output "result": f32[rows, classes] */
  weight_set *weights;
  const dataset *data;
  int64_t batch;
  int threads;
  bool whole; /* a signal does not end it */
} evaluation;

typedef struct evaluation_result {
  int32_t *predictions; /* of each row: the class with the largest value, the first of equals */
  float *outputs;       /* [rows, classes], by the set's rows */
  int classes;
  double milliseconds; /* a row: the median over the batches */
} evaluation_result;

void evaluation_result_free(evaluation_result *result);
/* The caller frees the result, after a failure too. False after a failure, or when a signal ended it (then f has no
 * text). */
bool evaluation_run(const evaluation *e, evaluation_result *result, failure *f);

#endif
