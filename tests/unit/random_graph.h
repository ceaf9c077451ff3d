/* Graphs drawn at random from the table of operations, for tests of gradients, passes and emitted code. */
#ifndef RETORT_RANDOM_GRAPH_H
#define RETORT_RANDOM_GRAPH_H

#include "compiler/graph/graph.h"

typedef struct random_graph_options {
  int operations; /* about how many are drawn, beside the inputs; each may bring a few nodes */
  int size_max;   /* the largest size of an axis of an input, 2 or more */
  /* Only operations whose gradient is what central differences find: no stop_gradient. Output "loss" is a scalar f32
   * that depends on all that was drawn. */
  bool differentiable;
  bool symbolic; /* some sizes are bound at run time, one is ragged */
  bool integers; /* integer and bool arithmetic, indices, random numbers too */
  bool updates;  /* some inputs are states with updates */
} random_graph_options;

/* The same seed and options draw the same graph, which passes graph_verify. Every value that nobody uses is an output
 * "out.N". Values stay within some tens for inputs as random_graph_fill makes them. */
graph *random_graph(arena *a, uint64_t seed, const random_graph_options *options);

typedef struct random_inputs {
  int64_t *bindings;    /* by symbol index */
  tensor_value *inputs; /* by node id; data NULL but for inputs; f32 values are floats */
} random_inputs;

/* Draws bindings from 1 to size_max and inputs of g: reals in (-2, 2), indices within the tables they are used on,
 * lengths within their axis. Draws again until no operation of g is near a point where it jumps or has a kink (operands
 * of abs, sign, floor, comparisons, casts to integers, maximum, minimum and extremes at least 1e-3 from one, or exactly
 * on it); false when 200 draws did not succeed. All memory is in the arena. */
bool random_graph_fill(arena *a, const graph *g, uint64_t seed, int size_max, random_inputs *filled);

/* The generator behind both: splitmix64. */
uint64_t random_next(uint64_t *state);
int random_below(uint64_t *state, int count);                    /* 0 .. count-1 */
double random_between(uint64_t *state, double low, double high); /* a float */

#endif
