/* One thing to measure: a stage's whole step, or a model's forward pass, of bench.rt. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "compiler/link/executable.h"
#include <stdbool.h>

typedef struct work {
  const char *name;
  const char *stage, *model;                    /* one of them; the other NULL */
  int rows, length;                             /* of the batch */
  bool ragged;                                  /* lengths as SST-2 has them, up to `length` */
  bool cached;                                  /* what the teacher gives is not computed but read */
  bool compile;                                 /* measure the way from source to running code instead, in seconds */
  bool text;                                    /* measure the reading of a set instead, in MB/s; needs RETORT_DATA */
  bool loader;                                  /* the share of making batches in an epoch, in %; needs RETORT_DATA */
  enum { RUN_NONE, RUN_EPOCH, RUN_RESUME } run; /* whole runs of the program instead (runs.c); need RETORT_DATA */
} work;

typedef struct bench_options {
  const char *models; /* the folder of the standard library */
  const char *file;
  int threads, runs;
  compile_options compile;
  bool layout_chosen; /* else ragged batches are packed, as `retort run` does by itself */
} bench_options;

typedef struct measurement {
  double median; /* ms a run; of compile: s; of runs: s; of text: MB/s; of loader: % */
  double peak_mib;
  int runs;
} measurement;

/* False after printing what is wrong. On random batches. */
bool measure_work(const work *w, const bench_options *options, measurement *result);
bool measure_text(const bench_options *options, measurement *result); /* text.c */
/* An epoch's seconds, or those that going on after a kill takes more than a fresh start. */
bool measure_run(const work *w, const bench_options *options, measurement *result); /* runs.c */
/* What making a batch of SST-2 takes, a median over epochs. */
bool measure_loader(const work *w, const bench_options *options, double *milliseconds); /* text.c */
/* Prints the numbers of tokens of SST-2's training sentences, from RETORT_DATA, as a JSON list. */
bool print_lengths(void); /* text.c */

/* How often a run that takes so many seconds is repeated so that a clock can tell. */
int bench_repeat(double once);

/* `bench serve`: one work in this process, measured when a line on the standard input asks; an exit status. */
int serve(int count, char **arguments); /* serve.c */

#endif
