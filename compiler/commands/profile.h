/* Times a graph's step kernel by kernel. Apart from bench.c because the kernels' names and the tree's meet in no file.
 */
#ifndef RETORT_PROFILE_H
#define RETORT_PROFILE_H

#include "compiler/graph/graph.h"
#include "compiler/link/executable.h"
#include "compiler/link/memory_use.h"

typedef struct profile_row { /* a call of a kernel */
  const char *kernel;        /* the function's name */
  const char *what;          /* it computes */
  span where;
  double seconds; /* median */
  double operations, bytes;
  double floor; /* seconds */
} profile_row;

typedef struct machine_rates { /* of the machine, measured beside a step */
  double operations;           /* a second, of large float32 contractions */
  double bf16;                 /* the same of contractions in bf16; 0 where the step has none */
  double bandwidth; /* bytes a second, read and written, of copying through as much memory as the step uses */
} machine_rates;

typedef struct profile {
  double step;    /* seconds of the whole step, median */
  double placing; /* seconds of finding the buffers, median */
  double sum;     /* of placing and all rows */
  machine_rates rates;
  double memory;      /* bytes that the step uses */
  memory_use planned; /* before the first step */
  double peak;        /* bytes of the process after it, as measured; 0 where the system does not say */
  int runs, row_count;
  profile_row *rows; /* in the order of the step */
} profile;

typedef struct profile_floor { /* of a step: the sum of its kernels' floors */
  double seconds, operations, bytes;
  machine_rates rates;
} profile_floor;

typedef struct profile_options {
  int rows, length, threads, runs;
  int mean; /* of the lengths of ragged rows; 0: all are as long as the longest */
  compile_options compile;
} profile_options;

/* Compiles the graph and runs it on random data: whole steps and kernel by kernel in turn. NULL and *error when it
 * cannot be compiled, or (*unfit) is not for such sizes. In the graph's arena. */
profile *profile_graph(const graph *g, const profile_options *options, const char **error, bool *unfit);

/* What the machine could do, measured now, and what that means for a step of the graph, compiled with these options:
 * for run-time dimensions (by symbol index), and the bytes that the step uses. */
profile_floor profile_graph_floor(const graph *g, const executable *e, const compile_options *options,
                                  const int64_t *dims, int threads, double memory);

#endif
