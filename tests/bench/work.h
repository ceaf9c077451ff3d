/* One thing to measure: a stage's whole step, or a model's forward pass, of bench.rt on random dense batches. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "compiler/emit/target.h"
#include <stdbool.h>

typedef struct work {
  const char *name;
  const char *stage, *model; /* one of them; the other NULL */
  int rows, length;          /* of the batch */
  bool ragged;               /* lengths as SST-2 has them, up to `length` */
  bool compile;              /* measure the way from source to running code instead, in seconds */
  bool text;                 /* measure the reading of a set instead, in MB/s; needs RETORT_DATA */
} work;

typedef struct bench_options {
  const char *models; /* the folder of the standard library */
  const char *file;
  bool packed; /* the layout of ragged rows */
  int threads, runs;
  contraction_code contractions;
} bench_options;

typedef struct measurement {
  double median; /* ms a run; of compile: s; of text: MB/s */
  double peak_mib;
  int runs;
} measurement;

/* False after printing what is wrong. */
bool measure_work(const work *w, const bench_options *options, measurement *result);
bool measure_text(const bench_options *options, measurement *result); /* text.c */

#endif
