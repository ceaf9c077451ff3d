/* The runs that `retort experiment` makes: every combination of swept settings, with every seed. */
#ifndef RETORT_EXPERIMENT_PLAN_H
#define RETORT_EXPERIMENT_PLAN_H
#include "compiler/commands/run_state.h"

typedef struct experiment_plan {
  arena *arena;
  const run_options *common; /* what all runs share; `out`: the folder of the whole, or NULL */
  int sweep_count;
  const char **names; /* of what is swept */
  struct sweep_values {
    int count;
    const char **items;
  } * values;        /* by sweep */
  int setting_count; /* combinations */
  int seed_count;
  int64_t *seeds;
} experiment_plan;

typedef struct planned_run {
  run_options options;
  const char *name;          /* "student.layers=2,seed=1": its folder within the whole one's */
  const char *const *values; /* of each sweep */
} planned_run;

/* sweeps: "NAME=a,b,c"; a comma within brackets or quotes parts nothing. Seeds count on from the one of `common`. */
bool experiment_plan_make(arena *a, const run_options *common, int sweep_count, const char *const *sweeps,
                          int seed_count, experiment_plan *plan, failure *f);
planned_run experiment_plan_run(const experiment_plan *p, int combination, int seed);

#endif
