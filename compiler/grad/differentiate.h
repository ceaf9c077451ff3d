/* Reverse-mode differentiation, graph to graph: gradient nodes are appended to the same graph.
 * Each operation's rule is the one its row in ops.def names; rules are in grad/rules_*.c. */
#ifndef RETORT_DIFFERENTIATE_H
#define RETORT_DIFFERENTIATE_H

#include "compiler/graph/graph.h"

/* Appends d(value)/d(wrt[i]) for each i and stores it in gradients[i] (shape of wrt[i]; NULL where value does not
 * depend on it through operations that carry a gradient). `value` is f32; `seed` its upstream gradient of the same
 * shape, NULL for ones. wrt are f32 nodes of g, usually inputs. Gradient nodes carry the span of the node they belong
 * to. */
void differentiate(graph *g, node *value, node *seed, int count, node *const *wrt, node **gradients);

/* depends[id] is set for every node through which a gradient can flow to one of wrt (wrt included). Array of node_count
 * bools in the arena. */
bool *gradient_reaches(const graph *g, int count, node *const *wrt);

#endif
