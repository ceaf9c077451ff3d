/* What the parts of `retort run` share: a program brought to life. */
#ifndef RETORT_RUN_STATE_H
#define RETORT_RUN_STATE_H
#include "compiler/check/program.h"
#include "compiler/commands/command.h"
#include "compiler/link/executable.h"
#include "runtime/run/output.h"
#include "runtime/run/stage.h"

typedef struct run_options {
  const char *file, *out, *models;
  int override_count;
  const char **overrides;
  int load_count;
  const char **loads; /* "MODEL=PATH" */
  uint64_t seed;
  int threads;
  compile_options compile;
} run_options;

typedef struct run_state {
  const run_options *options;
  arena *arena;
  diagnostics *diagnostics;
  program *program;
  progress *progress;
  bool colour;
  /* run_data.c */
  weight_set **models; /* by index in the program */
  dataset **data;      /* by index; NULL where no stage or evaluation reads it */
  class_list *class_lists;
  int tokenizer_count;
  struct run_tokenizer {
    char *path;
    bool lower;
    wordpiece *tokenizer;
  } * tokenizers;
  /* graphs, made before anything runs */
  graph **stages;         /* by index */
  const graph **forwards; /* by model; NULL where none is needed */
  output_folder *output;  /* NULL without --out */
  json_t *results;        /* an array: of evaluated models */
} run_state;

/* ---- run_data.c ---- */

/* Weights of every model, with their initial values, then those of --load. */
bool run_make_models(run_state *r, failure *f);
/* Reads every set that is used. */
bool run_load_data(run_state *r, failure *f);
/* A set's tokens and labels against what the graph looks up with them. `classes`: of the labels, 0: not checked. */
bool run_check_fields(const dataset *data, const graph *g, int64_t classes, failure *f);
/* The set of a stage's further parameters, or of its optimizer's state, with initial values. */
weight_set *run_make_weights(const model_parameter *parameters, int count, uint64_t seed);
void run_free_data(run_state *r);

/* ---- run_stage.c; each returns a status of command.h ---- */

int run_one_stage(run_state *r, int index, failure *f);
int run_one_evaluation(run_state *r, int index, failure *f);

/* ---- run_output.c ---- */

/* Writes source and settings into the output folder. */
bool run_write_settings(run_state *r, const char *status, failure *f);
bool run_save_model(run_state *r, int model, failure *f);

/* ---- explain.c ---- */

/* The first node of a graph that is NaN (or else infinite) while all it reads are numbers, on one row of the batch
 * after the other; NULL when there is none. Inputs are found in `sets` and in the batch. */
const node *first_not_finite(const graph *g, int set_count, weight_set *const *sets, const batch *data,
                             const step_values *values);

#endif
