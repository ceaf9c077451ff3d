/* The reference interpreter behind the call of an emitted function. */
#ifndef RETORT_INTERPRETED_H
#define RETORT_INTERPRETED_H

#include "compiler/graph/graph.h"
#include "runtime/core/retort.h"

/* The signature of the graph as it stands, in the arena. Its plan has no buffers. */
const retort_signature *interpreted_signature(arena *a, const graph *g);

/* Evaluates the graph: 0 or a retort_status. */
int interpreted_call(const graph *g, const retort_call *call);

#endif
