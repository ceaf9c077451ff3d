/* One stage of an experiment: calls a step function on batch after batch. */
#ifndef RETORT_STAGE_H
#define RETORT_STAGE_H
#include "runtime/run/binding.h"
#include "runtime/run/progress.h"
#include "runtime/run/teacher.h"

typedef struct stage_term {
  const char *name;   /* "hidden" */
  const char *output; /* its output's name */
} stage_term;

/* The step that went wrong; while explain looks at it, the weights are as they were before it. */
typedef struct stage_failure {
  const char *term; /* the loss term that is no number; NULL: the losses are numbers, but a weight no longer is */
  double value;
  int64_t step; /* from 1 */
  const batch *data;
  step_values values;
} stage_failure;

/* For batches that are computed in parts (compiler/grad/accumulate.h): the stage's step is that of a part. */
typedef struct stage_parts {
  int64_t count;   /* 0 or 1: the batch is computed as a whole */
  callable totals; /* signature NULL: there are none */
  callable finish;
  weight_set *sums; /* totals and gradients; among the stage's sets too */
} stage_parts;

typedef struct stage {
  const char *name, *title;
  callable step;            /* outputs "loss" and the terms'; f32 scalars */
  teacher_outputs *teacher; /* what the step reads of it; NULL: nothing */
  stage_parts parts;
  int set_count;     /* where weights and states are found */
  int changed_count; /* the first of them: those that the step changes */
  weight_set **sets;
  const dataset *data;
  int64_t batch, steps; /* rows; steps in all */
  int64_t by_length;    /* batcher_by_length */
  int64_t start;        /* steps that are done already: the sets are as they were left */
  uint64_t seed;        /* of the order of rows and of the step's random numbers */
  int threads;
  int term_count;
  const stage_term *terms;
  progress *progress;
  FILE *log; /* a JSON line a step; NULL: none */
  /* Called after every validate_every steps and after the last; *stop ends the stage there, as if it were the last.
   * After false it has failed. May be NULL. */
  bool (*validate)(void *context, int64_t done, bool *stop, failure *f);
  int64_t validate_every; /* 0: an epoch */
  /* Called after each step but the last: whether a checkpoint is due. If so, and if all weights are numbers, it is
   * made with `done` steps done. What fails there is its own business. Both may be NULL. */
  bool (*checkpoint_due)(void *context, int64_t done);
  void (*checkpoint)(void *context, int64_t done);
  /* Called after the first step of all with the terms' values, when these are numbers. May be NULL. */
  void (*begun)(void *context, const double *terms);
  /* Called when a loss is no number, to find out why. May be NULL. */
  void (*explain)(void *context, const stage_failure *what);
  void *context;
} stage;

typedef enum {
  STAGE_DONE,
  STAGE_INTERRUPTED, /* by a signal; the weights are those after the last whole step */
  STAGE_NOT_FINITE,  /* a loss or a weight is NaN or infinite; the weights are the last ones whose loss was a number
                        (rarely the ones behind them, when nothing older is kept) */
  STAGE_FAILED
} stage_result;

typedef struct stage_report {
  int64_t steps; /* done, with those before the start */
  double seconds;
  size_t workspace; /* bytes */
} stage_report;

/* *f is set for STAGE_NOT_FINITE (naming stage, step and term) and STAGE_FAILED. */
stage_result stage_run(const stage *s, stage_report *report, failure *f);

/* Steps for a number of epochs, the last one perhaps in part. */
int64_t stage_steps(double epochs, int64_t rows, int64_t batch_rows);

#endif
