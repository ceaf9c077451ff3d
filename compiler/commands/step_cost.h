/* What one call of a graph's function takes. Apart from check_cost.h because the kernels' names and the tree's meet in
 * no file. */
#ifndef RETORT_STEP_COST_H
#define RETORT_STEP_COST_H

#include "compiler/graph/graph.h"
#include "compiler/passes/pass.h"

typedef struct step_cost {
  int kernels, calls;
  double operations;                        /* floating-point, of the whole call */
  double weights, states, batch, workspace; /* bytes; batch: inputs and outputs */
} step_cost;

/* After all passes; ragged dimensions bound to `length`, others to `batch`. */
step_cost step_cost_of(const graph *g, int batch, int length, int threads, const pass_switches *switches);

#endif
