/* What models and stages cost, for `retort check`. */
#ifndef RETORT_CHECK_COST_H
#define RETORT_CHECK_COST_H

#include "compiler/check/program.h"
#include "compiler/passes/pass.h"

typedef struct check_costs {
  arena *arena;
  program *program;
  int threads;
  pass_switches switches;
  graph **stages;   /* by stage: its joint graph */
  graph **forwards; /* by model: of its `forward`; NULL when it has none */
} check_costs;

/* Appends the tables of models and stages; nothing for a file that has neither. Runs all passes on each graph. */
void print_costs(const check_costs *c, text *to);

#endif
