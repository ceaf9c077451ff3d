/* From a graph to something that can be called: all passes, kernels, LLVM, object bytes, linked into this process; or,
 * with `interpret`, the reference interpreter behind the same call. */
#ifndef RETORT_EXECUTABLE_H
#define RETORT_EXECUTABLE_H

#include "compiler/emit/target.h"
#include "compiler/graph/graph.h"
#include "compiler/passes/pass.h"
#include "compiler/source/diagnostic.h"
#include "runtime/core/retort.h"

typedef struct compile_options {
  const char *cpu; /* an LLVM CPU name; NULL: the host's. Features follow the name */
  bool interpret;  /* no code: the interpreter, in float32-rounded float64 */
  contraction_code contractions;
  bool reproducible;        /* target_set_reproducible */
  const retort_cost *costs; /* of contractions by two codes, as tune.h has them; NULL: not known */
  const char *cache;        /* folder of the object cache; NULL: none */
  int64_t cache_bytes;      /* of all its objects; 0: CACHE_OBJECT_BYTES */
  pass_switches switches;
} compile_options;

typedef struct executable executable;

/* Compiles. NULL and *error (in the graph's arena) when the target is unknown or LLVM refuses. The graph must verify.
 */
executable *executable_create(const graph *g, const compile_options *options, const char **error);
void executable_destroy(executable *e);

/* Arrays of the signature are ordered: weights, inputs and states as the graph's input nodes of each kind stand in the
 * graph, without those that the passes found unused; outputs as its value outputs; dims as the symbols of its dim table
 * (index order). Lives as long as the executable. */
const retort_signature *executable_signature(const executable *e);
/* Computes what depends on the weights alone, once for all calls until the next executable_prepare; weights in the
 * order of the signature. Without it each call does so itself, as it must when weights change. 0 or a retort_status. */
int executable_prepare(executable *e, const void *const *weights);
/* 0 or a retort_status. Not at the same time from two threads, for the sake of prepared weights. */
int executable_call(executable *e, const retort_call *call);
size_t executable_workspace_size(const executable *e, const int64_t *dims, int threads);
/* Bytes of what executable_prepare computes. */
double executable_frozen_bytes(const executable *e);

/* With which the graph went through the passes: those of the options, and what the target decides. */
const pass_switches *executable_switches(const executable *e);

/* What the function consists of, for profiles; NULL when interpreted. */
const retort_step *executable_step(const executable *e);

/* executable_call, kernel by kernel: adds nothing to a step but the reading of a clock. seconds[0]: finding the
 * buffers; seconds[i + 1]: call i of executable_step. Not of an interpreted one. */
int executable_profile(executable *e, const retort_call *call, double *seconds);

/* The object's bytes and its function's symbol: for `retort build`. Symbols: NAME (a retort_function) and
 * NAME_signature. */
const void *executable_object(const executable *e, size_t *size);

#endif
