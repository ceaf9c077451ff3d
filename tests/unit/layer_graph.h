/* A training step of layers of attention and a wide middle, put together by hand: for tests of fusion. */
#ifndef RETORT_LAYER_GRAPH_H
#define RETORT_LAYER_GRAPH_H

#include "compiler/graph/graph.h"

typedef struct layer_options {
  int layers, hidden, heads, wide;
  bool dropout;
  bool train;  /* loss, gradients and an update of every weight; else the layers' output alone */
  bool scores; /* the loss reads the scores too */
} layer_options;

/* Input "x": f32[B, T, hidden]; "key": i64[2]; "target": like x; "rate": f32[]; states, or weights when not trained. */
graph *layer_graph(arena *a, const layer_options *options);

#endif
