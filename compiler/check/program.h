/* What the checker makes of a file: the experiment's models, data, stages, and the graphs of each.
 *
 *   program_load      parse, follow `use`, check declarations (works for a library file without an experiment too)
 *   program_stage_graph, program_function_graph   elaborate: call the modules' functions on symbolic shapes; each
 * tensor operation becomes a node; every error of shape, type or name is found here, before anything runs
 */
#ifndef RETORT_PROGRAM_H
#define RETORT_PROGRAM_H

#include "compiler/grad/accumulate.h"
#include "compiler/graph/graph.h"
#include "compiler/source/ast.h"
#include "compiler/source/diagnostic.h"

typedef struct program program;

typedef struct program_options {
  const char *models; /* the folder of the standard library */
  int override_count;
  const char *const *overrides; /* "student.layers=3" */
} program_options;

typedef enum { INITIAL_ZEROS, INITIAL_ONES, INITIAL_CONSTANT, INITIAL_NORMAL, INITIAL_UNIFORM } initial_kind;

typedef struct model_parameter {
  const char *path;  /* "encoder.layer.0.output.dense.weight" */
  const char *input; /* its input's name in graphs: MODEL/path */
  dtype dtype;
  int rank;
  int64_t sizes[RANK_MAX];
  bool trained; /* false: a buffer */
  initial_kind initial;
  double initial_a, initial_b; /* constant value; normal: std, mean; uniform: low, high */
  span where;
} model_parameter;

typedef struct program_model {
  const char *name;
  const char *module; /* the module's name */
  int parameter_count;
  const model_parameter *parameters; /* in order of declaration */
  int setting_count;                 /* the module's compile-time arguments, for config.json */
  const struct model_setting {
    const char *name;
    enum { SETTING_INT, SETTING_REAL, SETTING_BOOL, SETTING_STRING } kind;
    int64_t integer;
    double real;
    const char *string;
  } * settings;
  const char *folder; /* of pretrained(…): where the weights are; NULL: they start from initial values */
  const char *config; /* its config.json, which says the sizes */
  bool config_alone;  /* nothing in the source or on the command line replaces what it says */
  int fresh_count;
  const char *const *fresh;   /* paths whose weights are not there */
  const char *published_type; /* config.json's "model_type"; NULL: nothing says how the module is published */
  int published_key_count;
  struct published_key {
    const char *key, *setting; /* "num_hidden_layers", "layers" */
  } * published_keys;
  int function_count; /* forward and the further ones */
  const char *const *functions;
  span where;
} program_model;

typedef struct program_column {
  const char *name; /* of a header's field or an object's key; NULL: by number */
  int number;       /* from 0; -1: none */
} program_column;

typedef struct program_source { /* a file of rows */
  const char *format;           /* "tsv", "csv", "jsonl", "lines" */
  const char *path;             /* {split} replaced, relative as written */
  program_column text, label, pair, target;
  bool header;
  const char *class;    /* the label of all its rows; NULL: from the column */
  const char *encoding; /* "utf8", "latin1" */
} program_source;

typedef struct program_data { /* one set: `train` of `data train, dev = …` */
  const char *name;
  int source_count; /* 0 after an error; rows of several follow each other */
  const program_source *sources;
  bool labelled, paired, targeted;
  double share_begin, share_end; /* of all rows, in the order of the seed; 0 and 0: all of them */
  int64_t share_seed;
  int classes;            /* 0: not said */
  const char *tokenizer;  /* "wordpiece" */
  const char *vocabulary; /* a file, or a folder with one and its settings */
  int length;             /* most tokens of a row, special tokens included */
  bool lower, lower_said; /* not said: a folder's settings may say otherwise */
  span where;
} program_data;

typedef struct program_term { /* a loss */
  const char *name;
  const char *output; /* its output's name in the stage's graph: "loss.NAME" */
} program_term;

typedef struct program_stage {
  const char *name;
  int teacher_count;   /* 0 for `train` */
  const int *teachers; /* indices of models */
  int student_count;
  const int *students;
  bool teachers_change;              /* the objective updates weights of a teacher */
  const char *objective, *optimizer; /* optimizer: NULL when the objective has no loss, only updates */
  int data;                          /* index of the set */
  double epochs;                     /* 0 when steps are given */
  int64_t steps;                     /* 0 when epochs are given */
  int batch;
  int accumulate;          /* parts that a batch is computed in; 1: as a whole */
  int64_t by_length;       /* batches whose rows are sorted by length at a time; 0: none */
  int64_t seed;            /* 0: the run's */
  int validate_data;       /* index of the set that is measured while it runs; -1: none */
  int64_t validate_every;  /* steps; 0: an epoch */
  const char *keep_metric; /* the students' weights end as those with the best one; NULL: as the last ones */
  int keep_data;           /* on this set */
  int64_t patience;        /* the stage ends when so many validations in a row were not better; 0: never */
  int fit_count;           /* parameters of `fit` modules: input names STAGE/fit.weight */
  const model_parameter *fit;
  int state_count; /* the optimizer's: input names STAGE/state/velocity/INPUT of the weight */
  const model_parameter *states;
  int term_count;
  const program_term *terms; /* output "loss" is their weighted sum */
  span where;
} program_stage;

typedef struct program_evaluation {
  int model_count;
  const struct evaluated_model {
    int model;
    const char *label;
  } * models;
  int data;
  int metric_count;
  const char *const *metrics;
  span where;
} program_evaluation;

typedef enum {
  GRAPH_FORWARD,  /* up to the losses */
  GRAPH_JOINT,    /* gradients and updates too: one step of training */
  GRAPH_GRADIENTS /* the same, and each gradient is an output "gradient.INPUT" */
} graph_extent;

/* NULL only when nothing could be read; look at diagnostics_error_count. For a file without an experiment, name is
 * NULL. Declarations that no experiment uses are checked as far as can be (names, arity, constant shapes). */
program *program_load(arena *a, const char *path, const program_options *options, diagnostics *d);

const char *program_name(const program *p);
const char *program_path(const program *p);
int program_model_count(const program *p);
const program_model *program_model_at(const program *p, int index);
int program_data_count(const program *p);
const program_data *program_data_at(const program *p, int index);
int program_stage_count(const program *p);
const program_stage *program_stage_at(const program *p, int index);
/* `teacher, other -> student`, or `student`. */
void program_stage_models(const program *p, const program_stage *s, text *to);
int program_evaluation_count(const program *p);
const program_evaluation *program_evaluation_at(const program *p, int index);
int program_export_count(const program *p);
int program_export_at(const program *p, int index); /* a model's index */

/* A stage's graph. Inputs: batch fields ("ids", "ids.lengths", "types", "label"; i32; "row" i64; "target",
 * "class_weight" f32), weights (kind INPUT_WEIGHT for the teacher's, INPUT_STATE for the student's, fit's and the
 * optimizer's), "step" f32 (from 1), "steps", "epoch" f32, "key" i64[2] (seed, step). Outputs: "loss", "loss.TERM"
 * each; updates of what is trained. NULL after an error. */
graph *program_stage_graph(program *p, int stage, graph_extent extent, diagnostics *d);

/* The graphs of a stage whose batches are computed in parts; NULL when they are not. Names are the stage's. */
const accumulation *program_stage_parts(const program *p, int stage);

/* A model's function for inference: `training` is false, weights are INPUT_WEIGHT; the output is called "result" (with
 * taps: also "tap.PATH"). Inputs are the function's tensor parameters by name, and NAME.lengths of ragged ones. */
graph *program_function_graph(program *p, int model, const char *function, bool taps, diagnostics *d);

/* For tests and tools: a plain function of the file (or of what it uses) on given tensor types. types: texts as "f32[B,
 * 3]" parsed in the file's language. The result is output "result", each item of a list "result.N". Inputs
 * are the parameters' names. */
graph *program_plain_function_graph(program *p, const char *function, int type_count, const char *const *types,
                                    diagnostics *d);

/* Typed modules as text: instances with their parameters' paths and shapes, functions with their signatures: `show
 * --stage=typed`. */
void program_print(const program *p, text *to);

/* Each stage's terms with functions of losses written out, their reductions, temperatures, masks and weights: `show
 * --stage=losses`. */
void program_print_losses(program *p, text *to, diagnostics *d);

#endif
