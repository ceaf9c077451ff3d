/* Runs a graph on named tensors, through the compiled path or the interpreter. */
#ifndef TEST_COMPILED_H
#define TEST_COMPILED_H

#include "compiler/link/executable.h"
#include "tests/reference/tensors.h"

typedef struct run_options {
  const char *models; /* the folder of the standard library */
  const char *folder; /* of the .rt files beside this program's source */
  compile_options compile;
  int threads;
} run_options;

/* Inputs of every kind are found in `values` by their names (converted where the type differs); states are updated
 * there. Run-time dimensions are bound by the sizes found. Outputs are added to `outputs`. False after saying what is
 * wrong. */
bool run_graph(const graph *g, const run_options *options, tensors *values, tensors *outputs);

#endif
