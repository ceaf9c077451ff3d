/* emitted_differs of a graph, for tests that do not know kernels. */
#ifndef RETORT_TEST_EMITTED_GRAPH_H
#define RETORT_TEST_EMITTED_GRAPH_H

#include "tests/unit/random_graph.h"

/* Fuses and compiles g for this machine; else as emitted_differs (emitted.h). */
const char *emitted_graph_differs(arena *a, const graph *g, int draws, const random_inputs *drawn);

#endif
