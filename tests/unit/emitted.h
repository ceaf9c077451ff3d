/* Runs a graph's kernels as machine code and compares what comes out with the reference interpreter. */
#ifndef RETORT_TEST_EMITTED_H
#define RETORT_TEST_EMITTED_H

#include "compiler/emit/target.h"
#include "compiler/kernel/kernel.h"
#include "tests/unit/random_graph.h"

/* NULL when all outputs and updated states agree for each of the drawn inputs, drawn[i] with i + 1 threads; else a text
 * in the arena that says where not, with the graph and its kernels. The workspace is filled with NaN before. */
const char *emitted_differs(arena *a, const graph *g, const step *s, const target *t, int draws,
                            const random_inputs *drawn);

#endif
