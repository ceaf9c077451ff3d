/* A compiled work with everything that a call of it needs. */
#ifndef BENCH_BOUND_H
#define BENCH_BOUND_H

#include "compiler/link/executable.h"
#include "runtime/data/memory.h"
#include "tests/bench/work.h"

enum { BOUND_DIMS_MAX = 64 };

typedef struct bound {
  executable *executable;
  retort_call call;
  int64_t dims[BOUND_DIMS_MAX];
} bound;

double bench_seconds(void); /* of a clock that only goes forward */

/* The work's graph in the arena, and its code; NULL after printing what is wrong. Of a work whose teacher's outputs are
 * kept, that is the step that reads them, and *teacher the graph that they come from. */
executable *bound_compile(arena *a, const work *w, const bench_options *options, graph **g, const graph **teacher);

/* Makes every tensor, of random numbers, and the workspace; all dimensions that rows share are w->rows, others
 * w->length. */
void bound_make(bound *b, const work *w, int threads);
void bound_free(bound *b); /* the tensors and the workspace */
/* A call on other inputs with the weights, states and outputs of `with`; for the larger of the workspaces the first one
 * to be made is best that of the longest rows. */
void bound_make_another(bound *b, const bound *with, const work *w);

/* ---- from files (bound_files.c) ---- */

/* What the step reads of its teacher's outputs: computed here by another executable, which is gone afterwards. */
bool bound_feed(bound *b, const work *w, const graph *teacher, const bench_options *options, const char *weights,
                const char *inputs, failure *f);

/* Weights and states of the models from FOLDER/MODEL.safetensors, by their paths in the model. */
bool bound_load(bound *b, const char *folder, failure *f);
/* Rows and length of a batch in a file: those of its tensor "ids". */
bool bound_read_sizes(const char *path, work *w, failure *f);
/* The inputs that the file has, by name; the others stay as they are. */
bool bound_read_inputs(bound *b, const char *path, failure *f);

#endif
