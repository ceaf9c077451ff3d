/* What a stage's graph was made from, for those who judge it (compiler/advise/): the losses in it, the calls that made
 * its nodes, what is trained. */
#ifndef RETORT_VIEW_H
#define RETORT_VIEW_H

#include "compiler/check/program.h"

typedef struct viewed_loss { /* one `loss` statement, each round of a loop for itself */
  const char *name;
  span name_where, where; /* where: of the value's expression */
  node *value, *weighted;
  bool weight_known; /* a number known at compile time */
  double weight;
} viewed_loss;

typedef struct traced_argument {
  const char *name; /* of the parameter */
  node *value;
  span where; /* of the argument */
} traced_argument;

/* A call of a function, or of a function of a module's instance. The nodes that it made have ids begin <= id < end:
 * those of its arguments were there before. Calls within it follow it in the list. */
typedef struct traced_call {
  const char *callee; /* as messages name it: "kl_divergence", "linear" */
  span where;
  const char *model; /* a model's own forward: the model's name; else NULL */
  int begin, end;
  node *result; /* NULL: no tensor */
  int argument_count;
  const traced_argument *arguments; /* those that are tensors */
} traced_call;

typedef struct stage_view {
  graph graph; /* what is computed forward: no gradients, no optimizer */
  node *total; /* the weighted sum of the losses */
  int loss_count;
  const viewed_loss *losses;
  int call_count;
  const traced_call *calls;
  int trained_count; /* inputs of what is trained and in the graph */
  node *const *trained;
  int padded_count; /* means over a ragged dimension that pad() made dense: padding counts in them */
  node *const *padded;
  span objective;   /* where the stage names it */
  span declared;    /* its name where it is declared */
  span validate;    /* where the stage names the set it measures on while it runs */
  const char *file; /* the path of the main file, as spans have it */
} stage_view;

/* NULL when the stage was not built, after an error. Lives as long as the program. */
const stage_view *program_stage_view(const program *p, int stage);

/* Whether two sets have rows in common, as far as their sources say. */
bool program_data_overlaps(const program *p, int a, int b);

#endif
