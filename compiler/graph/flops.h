/* What a graph costs, counted from its nodes as they stand, as dims: for `retort check` and the bench. */
#ifndef RETORT_FLOPS_H
#define RETORT_FLOPS_H

#include "compiler/graph/graph.h"

/* operations: a pointwise operation is one an element whatever it is (stop_gradient none), a reduction or scatter_add
 * one for each element taken in, a contraction two for each product, all else none. bytes: operands read and the result
 * written, each once; none for leaves and reshape. */
typedef struct graph_cost {
  const dim *operations;
  const dim *bytes;
} graph_cost;

graph_cost node_cost(dim_table *t, const node *n);
/* Of all nodes; what `prepare` computes once is not in it. dim_is_too_large tells when the sum is beyond int64_t or has
 * too many terms to be written down; graph_cost_at does not have that limit of terms. */
graph_cost graph_cost_total(const graph *g);

/* The same for given bindings (by symbol index); saturates. */
typedef struct graph_cost_number {
  int64_t operations, bytes;
} graph_cost_number;

graph_cost_number graph_cost_at(const graph *g, const int64_t *bindings);

#endif
