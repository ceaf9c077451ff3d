/* Passes over the tensor graph. The list in passes.c is their order and says why; one file each. */
#ifndef RETORT_PASS_H
#define RETORT_PASS_H

#include "compiler/graph/graph.h"

typedef struct pass_switches pass_switches;

typedef graph *graph_pass(const graph *g); /* a new graph, in the same arena; may be an equal one */
typedef graph *asked_pass(const graph *g, const pass_switches *asked);

typedef struct pass {
  const char *name;
  graph_pass *run;
  asked_pass *run_asked; /* in place of `run`, by those that depend on what is asked for */
  const char *purpose;   /* one line, for --help and the documents */
  const char *place;     /* why it stands where it stands */
  bool packing;          /* runs in the packed layout only */
  bool tiling;           /* runs where register tiles compute contractions only */
} pass;

/* Ends with a row whose name is NULL. */
extern const pass passes[];

/* The precision of one model's contractions; or of what a stage's objective has of its own. */
typedef struct precision_choice {
  const char *name; /* `length` bytes; what its inputs' names have before the first '/' */
  int length;
  bool bf16;
} precision_choice;
enum { PRECISION_NAMES_MAX = 62 };

/* What a pass did to keep a step within a budget. */
typedef struct rematerialization {
  bool fits;
  int value_count;             /* computed once more */
  const node *const *values;   /* … these, as they stand in the graph that was given */
  const double *bytes;         /* of each */
  double before, after;        /* bytes of the step */
  double operations, repeated; /* floating-point, of the step without and only for what is computed once more */
} rematerialization;

/* The memory that a step may take at the most: weights, states, inputs, outputs and workspace, for its largest batch.
 */
typedef struct memory_budget {
  double bytes;              /* 0: there is no budget */
  int rows, length, threads; /* of the batch: run-time dimensions are the rows, those that vary by row the length */
  rematerialization *result; /* gets what was done; may be NULL */
} memory_budget;

/* The layout of ragged rows, the precision of contractions; and what is switched off, to find out which pass or fusion
 * makes a result wrong. All zero: rows padded to a common length, all in float32, nothing is off. */
struct pass_switches {
  bool packed;         /* the tokens of ragged rows lie end to end */
  bool library;        /* the target's contractions are the library's: passes that serve register tiles are off */
  bool float32_only;   /* no contraction is in bf16, whatever is asked for or the graph says */
  bool bf16;           /* contractions of all models that are not among `precisions` */
  int precision_count; /* at most PRECISION_NAMES_MAX, each name once */
  const precision_choice *precisions;
  memory_budget budget;
  unsigned without; /* bit i: passes[i] */
  int merge_limit;  /* of fusion: 0: none; n: in each step only the first n - 1 merges of groups are made */
};

/* Switches off the pass of that name, or `fuse`: every value in memory is a kernel's of its own. False when there is no
 * such pass. */
bool passes_switch_off(pass_switches *switches, const char *name);

/* What every pass keeps: the outputs with their names and order, the updates with their states, the inputs of kind
 * INPUT_STATE that are updated and the lengths of ragged dimensions, spans. */
graph *pass_simplify(const graph *g);
graph *pass_cse(const graph *g);
graph *pass_dce(const graph *g);
graph *pass_pack(const graph *g);
graph *pass_recompute(const graph *g);
graph *pass_precision(const graph *g, const pass_switches *asked);
graph *pass_freeze(const graph *g);
graph *pass_join(const graph *g);
graph *pass_panels(const graph *g);
graph *pass_rematerialize(const graph *g, const pass_switches *asked);

/* Runs all in order; after each, in debug builds, the verifier. `until`: stop after the pass of that name (NULL: all).
 */
graph *passes_run(const graph *g, const char *until);
/* The same without those that are switched off (NULL: none is). */
graph *passes_run_without(const graph *g, const char *until, const pass_switches *switches);

/* One pass alone. */
graph *pass_run(const pass *p, const graph *g, const pass_switches *switches);
/* The precision that is asked for, and no other pass: for the interpreter. g itself where there is nothing to do. */
const graph *passes_set_precision(const graph *g, const pass_switches *switches);

/* needed[id] is true for what an output, an update or a ragged dimension's lengths need. In the arena. */
bool *pass_needed(const graph *g);

/* By node id: for what is as large as all pairs of positions, and what is made of it, the stage of the step in which it
 * is computed (recompute.c); -1 for all else. */
int *large_stages(const graph *g);

/* Equal in all but the operands: operation, type, shape, attributes. No two inputs are. */
bool pass_same_operation(const node *a, const node *b);

#endif
