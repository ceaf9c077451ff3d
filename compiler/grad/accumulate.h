/* Gradient accumulation: a stage's step as three graphs, so that a batch can be computed in parts of its rows, with
 * exactly the gradient of the whole (up to the rounding of sums):
 *
 *   totals   adds to states STAGE/total/N what the loss divides by or otherwise reads of the batch's data as a whole:
 *            numbers of rows, of real tokens, of rows of a kind
 *   part     reads them in place of its own, so that its losses are its addends of the batch's, and adds its gradients
 *            to states STAGE/gradient/WEIGHT
 *   finish   the optimizer and all other updates, from these
 *
 * It is right only where the loss is a sum over rows (divided by totals) of what each row has by itself: whatever mixes
 * rows, as a distance between two of them or a maximum over all, is refused. */
#ifndef RETORT_ACCUMULATE_H
#define RETORT_ACCUMULATE_H

#include "compiler/graph/graph.h"

typedef struct accumulation {
  graph *totals; /* NULL: there are none */
  graph *part, *finish;
} accumulation;

typedef struct accumulation_problem {
  const node *at;      /* what cannot be done in parts */
  const char *message; /* in the graph's arena */
} accumulation_problem;

/* `joint` has outputs "loss", "loss.TERM", "gradient.INPUT" and updates (GRAPH_GRADIENTS), rows of symbol B. False and
 * *problem when it cannot be cut. */
bool accumulate(const graph *joint, accumulation *result, accumulation_problem *problem);

#endif
