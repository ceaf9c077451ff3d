/* What a node demands of run-time dimensions. */
#ifndef RETORT_CONDITION_H
#define RETORT_CONDITION_H

#include "compiler/graph/graph.h"

/* Adds to the graph's dim table what must hold when the graph is computed, so that this node, which is legal by
 * graph_check, reads and writes within its tensors: its slice within the operand, its padding not negative, its sizes 1
 * or more. */
void condition_require(graph *g, const node *n);

#endif
