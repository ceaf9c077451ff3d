/* Inside the checker: files, experiments, stages; what program.c and its neighbours share. */
#ifndef RETORT_EXPERIMENT_H
#define RETORT_EXPERIMENT_H

#include "compiler/check/elaborate.h"

/* ---- files (load.c) ---- */

/* Reads `path` and what it uses, each file once, and checks that names are declared once. `models`: the folder searched
 * after a file's own, or NULL. Sets all files read, in order of reading. NULL when `path` cannot be read; other errors
 * go to `d`. */
const loaded_file *load_files(arena *a, const char *path, const char *models, diagnostics *d, int *count,
                              const loaded_file ***files);

/* Checks of declarations by themselves (declarations.c). */
void check_declarations(program *p);
/* Unknown names in a file's declarations (names.c). */
void check_names(program *p, const loaded_file *file);

/* ---- overrides (overrides.c): `--set PATH=VALUE` ---- */

typedef struct override {
  const char *path; /* "student.layers" */
  span path_where, where;
  expression *value;
  bool used;
} override;

typedef struct override_list {
  int count;
  override *items;
} override_list;

/* Splits `PATH=VALUE`; a VALUE is a number, true, false, "a string", a name, or else a bare string. */
override_list overrides_parse(arena *a, const program_options *options, diagnostics *d);
/* The override whose path is `prefix` + `name`, marked as used; NULL when there is none. prefix may be "". */
override *override_find(override_list *list, const char *prefix, const char *name);
/* Its value in the place of what the file has there (or NULL): where that is a string, a name is one too. */
expression *override_value(arena *a, const override *o, const expression *replaced);
/* A call (or the bare name of what is called) with its arguments replaced by overrides `prefix` + the name of a
 * parameter. `callee_parameters` in order of position. x itself when there is none. */
expression *override_call(arena *a, override_list *list, const char *prefix, expression *x, int parameter_count,
                          const char *const *parameters);
/* Reports overrides that nothing took, with the nearest of `known`. */
void overrides_report_unused(const override_list *list, diagnostics *d, int known_count, const char *const *known);

/* ---- the experiment (experiment.c, data.c) ---- */

typedef struct stage_record stage_record;

typedef struct model_record {
  program_model about; /* first: program_model_at gives its address */
  instance_root *root;
  span where;    /* of its name */
  bool *reached; /* by parameter: a loss of some stage depends on it */
  bool trained;  /* by some stage */
} model_record;

typedef struct frozen_pattern {
  const char *text;
  span where;
  bool matched; /* some parameter */
} frozen_pattern;

struct stage_record {
  program_stage about;
  int frozen_count;
  frozen_pattern *frozen;
  const item *syntax;
  bool models_known;
  expression *objective, *optimizer; /* overridden */
  const loaded_file *objective_file, *optimizer_file;
  const declaration *objective_declaration, *optimizer_declaration;
  accumulation parts; /* built when loading, with accumulate */
  graph *joint;       /* built when loading; NULL after it was handed out */
  stage_view *view;   /* of the last graph; NULL: there is none */
};

typedef struct name_list {
  int count;
  const char **items;
} name_list;

typedef struct experiment {
  const declaration *declaration;
  scope *scope;
  override_list overrides;
  name_list settable; /* every path that --set could name */
  int model_count;
  model_record **models;
  int data_count;
  program_data **data;
  int stage_count;
  stage_record **stages;
  int evaluation_count;
  program_evaluation **evaluations;
  int export_count;
  int *exports;
  int tap_count; /* of all stages, each place in the source once */
  tap *taps;
} experiment;

/* Evaluates the experiment of the main file. NULL when it has none. */
experiment *experiment_load(program *p);
int experiment_model(const experiment *x, const char *name); /* -1 when there is none */
int experiment_data(const experiment *x, const char *name);
/* A data item's sets, appended to x->data. */
void experiment_read_data(program *p, experiment *x, const item *what);
/* The index of a set by its name in the source; -1 after an error. */
int experiment_find_data(program *p, const experiment *x, span where, const char *name);
/* A compile-time int of 1 or more; `fallback` without `from` and after an error. */
int64_t experiment_positive_int(program *p, experiment *x, const expression *from, const char *name, int64_t fallback);
enum {
  EXPERIMENT_METRIC_COUNT = 9,
  EXPERIMENT_KEPT_COUNT = 4 /* the first of them: more is better, and labels are all they need */
};
extern const char *const experiment_metrics[EXPERIMENT_METRIC_COUNT];
/* Among the first `count`. */
bool experiment_has_metric(const char *name, int count);
void name_add(arena *a, name_list *list, const char *name);
/* An error for an unknown name, with the nearest of those there are. `what`: «model». */
void report_unknown(diagnostics *d, span where, const char *what, const char *name, int count,
                    const char *const *names);

/* ---- settings of stages (stage_settings.c) ---- */

/* What the file or the command line says for a setting; NULL when neither does (experiment.c). */
expression *stage_setting_value(program *p, experiment *x, const item *what, const char *name);
void stage_read_accumulate(program *p, experiment *x, stage_record *s);
void stage_read_by_length(program *p, experiment *x, stage_record *s);
/* Cuts the stage's step into parts; an error when that cannot be done. */
void stage_cut(program *p, stage_record *s);
void stage_read_frozen(program *p, experiment *x, stage_record *s);
void stage_read_validation(program *p, experiment *x, stage_record *s);
/* Where the stage says what it measures on while it runs; file NULL: nowhere. */
span stage_validate_where(const stage_record *s);
/* Whether `freeze` names the parameter. */
bool stage_freezes(stage_record *s, const model_parameter *about);
/* Weights are not chosen by what they are measured on. */
void experiment_check_choices(program *p, const experiment *x);

/* ---- stages (stage.c, objective.c, loss_check.c, optimizer.c) ---- */

typedef struct loss_addend { /* one `loss` statement */
  const statement *syntax;
  node *value; /* not weighted */
  node *weighted;
  bool weight_known; /* at compile time */
  double weight;
} loss_addend;

typedef struct stage_build { /* one elaboration of a stage */
  program *program;
  experiment *experiment;
  stage_record *stage;
  elaborator *elaborator;
  graph *graph;
  scope *scope;        /* the objective's */
  instance_root *fits; /* parameters of `fit` modules, prefix: the stage's name */
  int loss_count;
  loss_addend *losses;
  node *total;
  int trained_count; /* inputs of what is trained and in the graph */
  node **trained;
} stage_build;

/* Every pattern of `freeze` matches something, and something is left to train. False after an error. */
bool stage_check_frozen(stage_build *b);
model_record *stage_teacher(const stage_build *b, int index);
model_record *stage_student(const stage_build *b, int index);
/* Builds a stage's graph with warnings and errors to the elaborator's diagnostics; NULL after an error. Fills in
 * stage->about's terms, fits and states the first time. */
graph *stage_elaborate(program *p, stage_record *stage, graph_extent extent);
/* The batch's field of that name as an input of the graph (made when new), or NULL when a batch has no such field. */
node *batch_field(graph *g, const char *name, span where);
extern const char *const batch_fields[];
enum { BATCH_FIELD_COUNT = 9 };
/* Runs the models on the batch and the objective's members; false after an error. */
bool objective_elaborate(stage_build *b);
/* Lists a loss statement of an objective, elaborated in `s`, in the program's listing (print_losses.c). */
void losses_note(stage_build *b, scope *s, const statement *what);
/* Every loss, and every addend of one, must depend on something trained. False after an error. */
bool losses_check(stage_build *b);
/* Appends gradients, optimizer and updates; `output_gradients`: and the gradients as outputs "gradient.INPUT". False
 * after an error. */
bool optimizer_elaborate(stage_build *b, bool output_gradients);
/* Warnings over the whole experiment: parameters no loss reaches, taps nobody reads. */
void experiment_warn(program *p);

#endif
