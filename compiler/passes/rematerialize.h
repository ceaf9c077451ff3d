/* Between the files that compute values once more in place of keeping them. */
#ifndef RETORT_REMATERIALIZE_H
#define RETORT_REMATERIALIZE_H

#include "compiler/passes/fusion.h"
#include "compiler/passes/pass.h"
#include <limits.h>

enum { NEVER = INT_MAX };

/* What is decided: by node id of the graph that was given. `since[id]`: roots from there on read the node as computed
 * once more; NEVER: all read the first. */
typedef struct recomputing {
  const graph *graph;
  const bool *is_root; /* of the graph's own fusion */
  int *since;
} recomputing;

/* The graph with what was decided, and where its nodes come from. */
typedef struct recomputed_graph {
  graph *graph;
  const node **origin; /* by id: the node of the first graph */
  int *at;             /* by id: of a root, whose place in the first graph it serves: its own, or who needed it first */
} recomputed_graph;

/* In the arena `a`. A value that is computed once more is put before the first that reads it, with all that it reads in
 * turn: values that are kept are read, others computed once more themselves. */
recomputed_graph recompute(const recomputing *r, arena *a);

/* The plan of a graph, for given sizes. */
typedef struct planned_step {
  const fusion *fusion;
  double workspace; /* bytes; not less than the step's */
  int peak;         /* the group at which most bytes live */
} planned_step;

/* Temporaries in the arena `a`, which the result lives in too. */
planned_step plan_step(const graph *g, arena *a, const memory_budget *budget, int merge_limit);
/* Bytes of weights, states, inputs and outputs. */
double fixed_bytes(const graph *g, const int64_t *bindings);
/* By symbol index, in the graph's arena. */
int64_t *budget_bindings(const graph *g, const memory_budget *budget);

#endif
