/* Passes over the tensor graph. The list in passes.c is their order and says why; one file each. */
#ifndef RETORT_PASS_H
#define RETORT_PASS_H

#include "compiler/graph/graph.h"

typedef graph *graph_pass(const graph *g); /* a new graph, in the same arena; may be an equal one */

typedef struct pass {
  const char *name;
  graph_pass *run;
  const char *purpose; /* one line, for --help and the documents */
  const char *place;   /* why it stands where it stands */
  bool packing;        /* runs in the packed layout only */
  bool tiling;         /* runs where register tiles compute contractions only */
} pass;

/* Ends with a row whose name is NULL. */
extern const pass passes[];

/* The layout of ragged rows; and what is switched off, to find out which pass or fusion makes a result wrong. All zero:
 * rows padded to a common length, nothing is off. */
typedef struct pass_switches {
  bool packed;      /* the tokens of ragged rows lie end to end */
  bool library;     /* the target's contractions are the library's: passes that serve register tiles are off */
  unsigned without; /* bit i: passes[i] */
  int merge_limit;  /* of fusion: 0: none; n: in each step only the first n - 1 merges of groups are made */
} pass_switches;

/* Switches off the pass of that name, or `fuse`: every value in memory is a kernel's of its own. False when there is no
 * such pass. */
bool passes_switch_off(pass_switches *switches, const char *name);

/* What every pass keeps: the outputs with their names and order, the updates with their states, the inputs of kind
 * INPUT_STATE that are updated and the lengths of ragged dimensions, spans. */
graph *pass_simplify(const graph *g);
graph *pass_cse(const graph *g);
graph *pass_dce(const graph *g);
graph *pass_pack(const graph *g);
graph *pass_freeze(const graph *g);
graph *pass_panels(const graph *g);

/* Runs all in order; after each, in debug builds, the verifier. `until`: stop after the pass of that name (NULL: all).
 */
graph *passes_run(const graph *g, const char *until);
/* The same without those that are switched off (NULL: none is). */
graph *passes_run_without(const graph *g, const char *until, const pass_switches *switches);

/* needed[id] is true for what an output, an update or a ragged dimension's lengths need. In the arena. */
bool *pass_needed(const graph *g);

/* Equal in all but the operands: operation, type, shape, attributes. No two inputs are. */
bool pass_same_operation(const node *a, const node *b);

#endif
