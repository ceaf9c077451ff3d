/* What a person sees of a stage: on a terminal one line that is written over, else a line an epoch. */
#ifndef RETORT_PROGRESS_H
#define RETORT_PROGRESS_H
#include "runtime/data/memory.h"
#include <stdio.h>

typedef struct progress progress;

typedef struct progress_stage {
  const char *name;  /* "imitate" */
  const char *title; /* "distill teacher -> student" */
  int64_t steps, steps_per_epoch;
  int64_t start; /* steps done before */
  int term_count;
  const char *const *terms; /* names */
} progress_stage;

/* `to` is usually stderr; `terminal`: it is one; `colour` may be used there. */
progress *progress_create(FILE *to, bool terminal, bool colour);
void progress_free(progress *p);

/* The texts must last until progress_end. */
void progress_begin(progress *p, const progress_stage *stage);
/* After step `step` (from 1) on `samples` rows. terms[i]: the loss terms' values. */
void progress_step(progress *p, int64_t step, int64_t samples, double loss, const double *terms);
/* Ends the stage's line. */
void progress_end(progress *p);
/* A line of its own. */
void progress_say(progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

double monotonic_seconds(void);

#endif
