/* What the parts of `retort run` share: a program brought to life. */
#ifndef RETORT_RUN_STATE_H
#define RETORT_RUN_STATE_H
#include "compiler/advise/advise.h"
#include "compiler/commands/command.h"
#include "compiler/commands/layout.h"
#include "compiler/link/executable.h"
#include "compiler/passes/teacher.h"
#include "runtime/run/checkpoint.h"
#include "runtime/run/output.h"
#include "runtime/run/stage.h"

typedef enum { TEACHER_CACHE_FLOAT, TEACHER_CACHE_HALF, TEACHER_CACHE_TOP, TEACHER_CACHE_OFF } teacher_cache_form;

typedef struct run_options {
  const char *file, *out, *models;
  int override_count;
  const char **overrides;
  int load_count;
  const char **loads; /* "MODEL=PATH" */
  int precision_count;
  const char **precisions; /* words of --precision; compile.switches has what they mean */
  precision_choice *choices;
  uint64_t seed;
  int threads;
  bool quiet; /* no warnings, no table */
  const char **checks_off, **checks_on;
  check_switches checks; /* the same */
  bool warnings_fatal;
  compile_options compile; /* but for switches.packed, which run_layout chooses */
  layout_choice layout;
  bool resume;              /* `out` is the folder of a run that was cut off */
  bool restart;             /* with `resume`: what is there of another run is no error, this one starts anew */
  int64_t checkpoint_steps; /* 0: none by steps */
  double checkpoint_minutes;
  bool checkpoints_wanted; /* one of these was given */
  teacher_cache_form teacher_cache;
  int teacher_top;          /* of TEACHER_CACHE_TOP */
  const char *teacher_form; /* in which teachers' outputs are given to steps, kept or not: "float32", "top-16" */
  int64_t cache_limit;      /* bytes of all teachers' outputs that are kept */
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
  const wordpiece **data_tokenizers; /* by index */
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
  json_t *layers;         /* as run_layers gives them; NULL before */
  int stages_begun;
  size_t log_of_stages; /* bytes of the metrics when the last stage was done; 0: it is not */
  /* run_checkpoint.c */
  char *checkpoints;   /* their folder; NULL: none are made */
  json_t *identity;    /* what must be equal for a run to go on */
  checkpoint *resumed; /* NULL: from the beginning */
  int resumed_stage;
  int64_t resumed_step; /* steps of it that are done */
  double checkpoint_time, flush_time;
  bool checkpoint_written;
  bool finished_before; /* the run that --resume names has ended well: its results are `results` */
} run_state;

/* ---- run.c ---- */

/* Runs the file's experiment; an exit status. *results: what was evaluated, as in results.json (the caller drops it).
 */
int run_execute(const run_options *o, json_t **results);
/* Only the checks that come before data is read; the same messages and statuses. */
int run_check(const run_options *o);

/* ---- run_options.c ---- */

/* A whole number in that range, without anything behind it. */
bool parse_whole(const char *word, int64_t least, int64_t most, int64_t *value);
/* A size: a number of bytes, or of what K, M, G, T or KiB … behind it says. */
bool parse_size(const char *word, int64_t *bytes);
/* Reads the options of `retort run` and `further` ones (as options_read has them; NULL: none). False after a message.
 * The caller calls run_options_free either way. */
bool run_options_read(int count, char **arguments, const option *further, run_options *o);
void run_options_free(run_options *o);

/* ---- run_roles.c ---- */

/* "distilled", "teacher", or else "trained". */
const char *run_role(const program *p, int model);
/* The label of the evaluated model that is built as this distilled one, but learned without a teacher; NULL: none. */
const char *run_baseline(const program *p, const program_evaluation *v, int index);
/* The model that the others are compared with: the first one that is a teacher; -1: none. */
int run_reference(const program *p, const program_evaluation *v);

/* ---- run_data.c ---- */

/* Weights of every model, with their initial values, then those of --load. */
bool run_make_models(run_state *r, failure *f);
/* Reads every set that is used. */
bool run_load_data(run_state *r, failure *f);
/* A set's tokens and labels against what the graph looks up with them. `classes`: of the labels, 0: not checked. */
bool run_check_fields(const dataset *data, const graph *g, int64_t classes, failure *f);
/* The set of a stage's further parameters, or of its optimizer's state, with initial values. */
weight_set *run_make_weights(const model_parameter *parameters, int count, uint64_t seed);
/* What the set's texts were read with. */
const wordpiece *run_tokenizer_of(const run_state *r, int data);
/* The classes of a set's labels. */
const class_list *run_classes(const run_state *r, int data);
retort_dtype run_dtype(dtype d);
void run_free_data(run_state *r);

/* ---- run_stage.c; each returns a status of command.h ---- */

enum { EVALUATION_BATCH = 64 };
/* NULL after a failure. */
executable *run_compile(const run_state *r, const graph *g, bool packed, callable *function, failure *f);
/* The same with contractions by that code. */
executable *run_compile_by(const run_state *r, const graph *g, bool packed, contraction_code contractions,
                           callable *function, failure *f);

/* ---- run_layout.c ---- */

typedef struct run_layout {
  bool packed;
  double padding; /* the share of padding in what was looked at; -1: nothing was, the layout was given */
} run_layout;

/* The layout for a stage's batches, by its data and seed: the same whenever it is asked for. */
run_layout run_stage_layout(const run_state *r, const program_stage *s);
/* For batches of EVALUATION_BATCH rows of a set, in its order. */
run_layout run_data_layout(const run_state *r, const dataset *data);

/* Stages differ in their order of rows and in their random numbers, equal ones of two runs do not. */
uint64_t run_stage_seed(const run_state *r, const program_stage *s);

int run_one_stage(run_state *r, int index, failure *f);
int run_one_evaluation(run_state *r, int index, failure *f);

/* ---- run_checkpoint.c ---- */

/* Says what a run is, for --out with models and data at hand, and with --resume reads where it was. */
bool run_begin_checkpoints(run_state *r, failure *f);
/* A hash of what must be equal for a run to go on; in the arena. */
const char *run_identity(run_state *r);
/* Whether it is time for one, after `done` steps of a stage. */
bool run_checkpoint_due(run_state *r, int64_t done);
/* Before stage `index`, or with `done` of its steps done, the sets that live as long as it and validation_state. A
 * failure is said, and that is all. */
void run_checkpoint(run_state *r, int index, int64_t done, int set_count, weight_set *const *sets,
                    const json_t *validated);
/* The sets of the stage that the run goes on in. */
bool run_resume_stage(const run_state *r, int set_count, weight_set *const *sets, failure *f);
/* Whether stages before `index` change a model. */
bool run_model_changed(const run_state *r, int model, int index);
int64_t run_stage_steps(const run_state *r, int index);
/* `over`: the run will not go on, they are removed. */
void run_end_checkpoints(run_state *r, bool over);

/* The code that a run runs, as text: the processor, with contractions by that code, or the interpreter. In the arena.
 */
const char *run_processor(const run_state *r, contraction_code contractions);
uint64_t run_hash_data(const dataset *d);

/* ---- run_teacher.c ---- */

#define TEACHERS_FOLDER "teachers" /* in the cache's */

typedef struct stage_teacher {
  teacher_cut cut;
  executable *executable;
  teacher_outputs *outputs; /* NULL: the step computes all */
} stage_teacher;

/* Cuts off what can be computed apart and is worth it; the step that is left. */
const graph *run_cut_teacher(run_state *r, int index, const graph *step, stage_teacher *t);
/* Makes t->outputs ready, keeping them on disk if that is wanted and possible. A status. */
int run_begin_teacher(run_state *r, int index, stage_teacher *t, failure *f);
void run_end_teacher(stage_teacher *t);

/* ---- run_validation.c ---- */

typedef struct validation validation;

/* What the stage measures while it runs; NULL when it measures nothing, or after a failure. */
validation *validation_begin(run_state *r, const program_stage *s, failure *f);
void validation_free(validation *v);
/* After `step` steps. *stop: the stage's patience has ended. */
bool validation_run(validation *v, int64_t step, bool *stop, failure *f);
/* At the stage's end: the student gets the weights that `keep best` has chosen. */
void validation_choose(validation *v);
/* For checkpoints: the best weights so far (NULL: none are kept), and what else it remembers. */
weight_set *validation_best(const validation *v);
json_t *validation_state(const validation *v);
void validation_resume(validation *v, const json_t *state);

/* ---- run_output.c ---- */

/* A path or a word of the command line, which need not be UTF-8 as JSON's texts are: then with %XX for each byte beyond
 * ASCII. */
json_t *run_text_json(const char *bytes);
/* The options that a run's result depends on, as settings.json has them. */
json_t *run_options_json(const run_options *o);
/* Writes source, settings and results into the output folder. */
bool run_write_settings(run_state *r, const char *status, failure *f);
/* The models that stages so far have changed, and the exported ones. */
bool run_save_models(run_state *r, failure *f);

/* ---- run_report.c ---- */

/* Adds to an evaluated model's result which label it took for which. */
void run_note_confusion(const run_state *r, int data, const int32_t *predictions, int classes, json_t *result);
/* Writes results.json, confusion.json, report.html and events for TensorBoard. */
bool run_write_results(run_state *r, const json_t *settings, failure *f);

/* ---- explain.c ---- */

/* The first node of a graph that is NaN (or else infinite) while all it reads are numbers, on one row of the batch
 * after the other; NULL when there is none. Inputs are found in `sets` and in the batch. */
const node *first_not_finite(const graph *g, int set_count, weight_set *const *sets, const batch *data,
                             const step_values *values);

#endif
