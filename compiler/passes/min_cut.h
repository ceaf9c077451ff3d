/* The least cut of a network: maximum flow by shortest augmenting levels (Dinic 1970). */
#ifndef RETORT_MIN_CUT_H
#define RETORT_MIN_CUT_H

#include "compiler/source/arena.h"
#include <stdbool.h>
#include <stdint.h>

#define MIN_CUT_UNBOUNDED (INT64_MAX / 4) /* an edge that is never cut */

typedef struct min_cut min_cut;

/* Nodes are 0 … count - 1, 0 the source and 1 the sink. */
min_cut *min_cut_create(arena *a, int count);
void min_cut_edge(min_cut *c, int from, int to, int64_t capacity);
/* behind[node] is set for the sink's side of the least cut, of several the smallest such side; `behind` has room for
 * all nodes. */
void min_cut_run(min_cut *c, bool *behind);

#endif
