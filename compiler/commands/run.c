/* `retort run`: checks everything that can be checked, then runs stage after stage. */
#include "compiler/commands/memory_option.h"
#include "compiler/commands/precision.h"
#include "compiler/commands/run_layers.h"
#include "compiler/commands/run_measured.h"
#include "compiler/commands/tune.h"
#include "compiler/commands/warnings.h"
#include "compiler/commands/without.h"
#include "runtime/run/interrupt.h"
#include "runtime/run/metrics.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "retort run - trains, distils and evaluates as a file says\n"
    "\n"
    "USAGE\n"
    "  retort run [options] FILE\n"
    "\n"
    "OPTIONS\n"
    "  --set NAME=VALUE   replaces what the file says: student.layers=3, stage.predict.epochs=1,\n"
    "                     stage.predict.optimizer.lr=1e-3, a let's name; may be repeated\n"
    "  --seed N           random weights, order of rows, dropout (default 1)\n"
    "  --threads N        threads (default: one a processor)\n"
    "  --out DIR          leaves weights, config.json, metrics.jsonl, results.json, confusion.json, layers.json,\n"
    "                     source and settings there, report.html, a page with all of it to be looked at, and\n"
    "                     what tensorboard --logdir DIR reads\n"
    "  --resume DIR       goes on with the run of that folder that was killed or interrupted, as if it had not been:\n"
    "                     give the same file and the same options but for --out\n"
    "  --checkpoint-minutes N  with --out: how often all that is needed to go on is kept in DIR.checkpoint\n"
    "                     (default 5; fractions are allowed, 0: never)\n"
    "  --checkpoint-steps N    the same after every N steps of a stage as well (default 0: never)\n"
    "  --load MODEL=PATH  starts a model from a safetensors file or a folder with one, or with shards\n"
    "  --teacher-cache FORM   what a frozen teacher gives for each row is kept on disk and found again by this and\n"
    "                     further runs: f32 (default), f16, or top-K, of logits the K largest and the mass of the\n"
    "                     others; off: it is computed with each batch\n"
    "  --cache-limit SIZE of all that is so kept, as 500M (default 4G); see retort cache\n"
    "  --layout LAYOUT    of rows with lengths: padded; packed, their tokens end to end, so that padding is not\n"
    "                     computed; or auto (default): packed where more than 5 % of what batches hold is padding\n"
    "  --cpu NAME         code for that processor (an LLVM name; default: this one)\n"
    "  --contractions CODE\n"
    "                     matrix products by emitted code, by OpenBLAS (blas), or auto (default): by sizes and\n"
    "                     processor, whichever was measured to be faster\n" MEMORY_HELP
    "  --reproducible     a row's results do not depend, bit for bit, on the batch it comes in, on padding or on the\n"
    "                     number of threads; somewhat slower\n"
    "  --interpret        runs the reference interpreter in place of compiled code: slow\n" PRECISION_HELP WITHOUT_HELP
        WARNINGS_HELP "  --models DIR       the standard library's folder\n"
    "\n"
    "Data is looked for beside FILE, then in the folder that the environment variable RETORT_DATA names. Ctrl-C ends\n"
    "a run after the current step, with what is done saved; an output folder that was there stays as it was. When a\n"
    "checkpoint cannot be written, as on a full disk, the run says so and goes on.\n"
    "\n"
    "EXIT STATUS\n"
    "  0 done, 1 errors in the file, 2 wrong command line, 3 data or weights cannot be used, 4 the output cannot be\n"
    "  written, 5 a loss is NaN or infinite, 70 a fault of retort itself, 71 out of memory, 130 interrupted\n";

/* ---- checks before anything runs ---- */

static bool check_metrics(const run_state *r, failure *f) {
  for (int i = 0; i < program_evaluation_count(r->program); i++) {
    const program_evaluation *v = program_evaluation_at(r->program, i);
    for (int k = 0; k < v->metric_count; k++)
      if (!metric_find(v->metrics[k]))
        return fail(f, "%s:%d: there is no metric '%s' (retort's language reference lists them)", v->where.file->path,
                    v->where.line, v->metrics[k]);
  }
  return true;
}

static void make_forward(run_state *r, int model) {
  if (!r->forwards[model])
    r->forwards[model] = program_function_graph(r->program, model, "forward", false, r->diagnostics);
}

/* Every graph is made before the first stage, so that an error in the last one does not cost a night. */
static bool make_graphs(run_state *r) {
  const program *p = r->program;
  r->stages = arena_array(r->arena, graph *, program_stage_count(p) + 1);
  r->forwards = arena_array(r->arena, const graph *, program_model_count(p) + 1);
  for (int i = 0; i < program_stage_count(p); i++) {
    r->stages[i] = program_stage_graph(r->program, i, GRAPH_JOINT, r->diagnostics);
    for (int k = 0; r->stages[i] && k < program_stage_at(p, i)->student_count; k++)
      make_forward(r, program_stage_at(p, i)->students[k]);
  }
  for (int i = 0; i < program_evaluation_count(p); i++)
    for (int k = 0; k < program_evaluation_at(p, i)->model_count; k++)
      make_forward(r, program_evaluation_at(p, i)->models[k].model);
  return diagnostics_error_count(r->diagnostics) == 0;
}

static int64_t result_classes(const graph *forward) {
  for (int i = 0; forward && i < forward->output_count; i++) {
    const graph_output *o = &forward->outputs[i];
    int64_t classes;
    if (strcmp(o->name, "result") == 0 && o->value->shape.rank == 2 &&
        dim_is_constant(o->value->shape.dims[1], &classes))
      return classes;
  }
  return 0;
}

/* What a stage measures its students on while it runs; -1: nothing. */
static bool check_validated(const run_state *r, const program_stage *s, int data, failure *f) {
  for (int k = 0; data >= 0 && k < s->student_count; k++) {
    const graph *forward = r->forwards[s->students[k]];
    if (!run_check_fields(r->data[data], forward, result_classes(forward), f))
      return false;
    if (result_classes(forward) == 0)
      return fail(f, "stage '%s' cannot measure '%s' on '%s': its result is no f32[rows, classes]", s->name,
                  program_model_at(r->program, s->students[k])->name, program_data_at(r->program, data)->name);
    if (!r->data[data]->labels)
      return fail(f, "%s has no labels, but stage '%s' measures by them", r->data[data]->path, s->name);
  }
  return true;
}

/* What the evaluation's metrics compare with must be there. */
static bool check_needs(const run_state *r, const program_evaluation *v, const dataset *data, failure *f) {
  for (int i = 0; i < v->metric_count; i++)
    switch (metric_find(v->metrics[i])->need) {
    case METRIC_OF_LABELS:
      if (!data->labels)
        return fail(f, "%s has no labels (label: COLUMN), but '%s' needs them", data->path, v->metrics[i]);
      break;
    case METRIC_OF_TARGETS:
      if (!data->targets)
        return fail(f, "%s has no targets (target: COLUMN), but '%s' needs them", data->path, v->metrics[i]);
      break;
    case METRIC_OF_REFERENCE:
      if (run_reference(r->program, v) < 0)
        return fail(f, "%s:%d: '%s' is with a teacher, and none of the models evaluated here is one",
                    v->where.file->path, v->where.line, v->metrics[i]);
      break;
    }
  return true;
}

static bool check_data(const run_state *r, failure *f) {
  for (int i = 0; i < program_stage_count(r->program); i++) {
    const program_stage *s = program_stage_at(r->program, i);
    if (!check_validated(r, s, s->validate_data, f) || !check_validated(r, s, s->keep_data, f))
      return false;
    for (int k = 0; k < s->student_count; k++) {
      int64_t classes = graph_find_input(r->stages[i], "label") ? result_classes(r->forwards[s->students[k]]) : 0;
      if (!run_check_fields(r->data[s->data], r->stages[i], classes, f))
        return false;
    }
  }
  for (int i = 0; i < program_evaluation_count(r->program); i++) {
    const program_evaluation *v = program_evaluation_at(r->program, i);
    const dataset *data = r->data[v->data];
    if (!check_needs(r, v, data, f))
      return false;
    for (int k = 0; k < v->model_count; k++) {
      const graph *forward = r->forwards[v->models[k].model];
      if (!run_check_fields(data, forward, result_classes(forward), f))
        return false;
    }
  }
  return true;
}

/* ---- the run ---- */

static int run_experiment(run_state *r, failure *f) {
  int status = STATUS_DONE, stages = program_stage_count(r->program);
  for (int i = r->resumed_stage; i < stages && status == STATUS_DONE; i++) {
    r->stages_begun = i + 1;
    status = run_one_stage(r, i, f);
  }
  if (status != STATUS_DONE)
    return status;
  r->stages_begun = stages;
  if (r->output) /* evaluations are done again from a checkpoint, as a whole */
    output_folder_log_text(r->output, &r->log_of_stages);
  for (int i = 0; i < program_evaluation_count(r->program) && status == STATUS_DONE; i++)
    status = run_one_evaluation(r, i, f);
  if (status == STATUS_INTERRUPTED)
    run_checkpoint(r, stages, 0, 0, NULL, NULL);
  if (status != STATUS_DONE || !r->output)
    return status;
  r->layers = run_layers(r, f);
  return r->layers ? STATUS_DONE : STATUS_INTERNAL;
}

/* Names the folder; what was done stays there when it did not finish. */
static int end_output(run_state *r, int status, failure *f) {
  static const char *const words[] = {[STATUS_DONE] = "finished", [STATUS_NOT_FINITE] = "a loss was not finite"};
  const char *word = status == STATUS_INTERRUPTED ? "interrupted" : status <= STATUS_NOT_FINITE ? words[status] : NULL;
  failure own = {0};
  char *path = NULL;
  if (!word || !run_save_models(r, &own) || !run_write_settings(r, word, &own)) {
    output_folder_abandon(r->output);
  } else if (output_folder_end(r->output, status == STATUS_DONE, &path, &own)) {
    progress_say(r->progress, "%s: %s", status == STATUS_DONE ? "written" : "what was done is kept", path);
  }
  r->output = NULL;
  free(path);
  if (own.text) {
    failure_add(f, "%s%s", f->text ? "\n" : "", own.text);
    status = status == STATUS_DONE ? STATUS_OUTPUT_FAILED : status;
  }
  failure_free(&own);
  run_end_checkpoints(r, status == STATUS_DONE || status == STATUS_NOT_FINITE);
  return status;
}

static int run_checked(run_state *r, failure *f) {
  if (!run_make_models(r, f) || !run_load_data(r, f) || !check_data(r, f))
    return STATUS_INPUT_WRONG;
  if (!r->options->quiet && run_warn_equal_rows(r) > 0 && r->options->warnings_fatal)
    return STATUS_SOURCE_WRONG;
  if (r->options->out) {
    r->output = output_folder_begin(r->options->out, f);
    if (!r->output)
      return STATUS_OUTPUT_FAILED;
    bool good = run_begin_checkpoints(r, f);
    if (!good || r->finished_before) {
      output_folder_abandon(r->output);
      r->output = NULL;
      if (good)
        progress_say(r->progress, "%s holds the whole run: there is nothing left to do", r->options->out);
      return good ? STATUS_DONE : STATUS_INPUT_WRONG;
    }
  }
  interrupt_catch();
  int status = run_experiment(r, f);
  failure table = {0}; /* the run's own results are kept all the same */
  if (fflush(stdout) || ferror(stdout))
    fail(&table, "cannot write the table: %s", strerror(errno));
  if (r->output)
    status = end_output(r, status, f);
  if (table.text && status == STATUS_DONE) {
    fail(f, "%s", table.text);
    status = STATUS_OUTPUT_FAILED;
  }
  failure_free(&table);
  if (status == STATUS_INTERRUPTED)
    progress_say(r->progress, "interrupted");
  interrupt_release();
  return status;
}

/* The program with its graphs, everything that needs no data checked. */
static int load_program(run_state *r, failure *f) {
  const run_options *o = r->options;
  const program_options options = {.models = o->models ? o->models : models_folder(r->arena),
                                   .override_count = o->override_count,
                                   .overrides = o->overrides};
  r->program = program_load(r->arena, o->file, &options, r->diagnostics);
  bool good = r->program && diagnostics_error_count(r->diagnostics) == 0;
  bool experiment = good && program_name(r->program);
  good = good && (!experiment || make_graphs(r));
  if (good && experiment && !o->quiet)
    advise(r->program, &o->checks, r->diagnostics);
  if (o->quiet)
    report_errors(r->diagnostics);
  else
    report_diagnostics(r->diagnostics);
  if (good && o->warnings_fatal && !o->quiet && diagnostics_warning_count(r->diagnostics))
    return STATUS_SOURCE_WRONG;
  if (!good)
    return r->program ? STATUS_SOURCE_WRONG : STATUS_INPUT_WRONG;
  if (!experiment) {
    fail(f, "%s holds no experiment: there is nothing to run", o->file);
    return STATUS_SOURCE_WRONG;
  }
  if (!precision_check("run", r->program, &o->compile.switches, o->compile.cpu, o->compile.interpret || o->quiet))
    return STATUS_USAGE_WRONG;
  return check_metrics(r, f) ? STATUS_DONE : STATUS_SOURCE_WRONG;
}

/* `only_check`: nothing runs. *results gets a reference to what was evaluated. */
static int run_with(const run_options *o, bool only_check, json_t **results) {
  failure f = {0};
  run_state r = {.options = o, .arena = arena_create(), .results = json_array()};
  r.colour = wants_color();
  r.diagnostics = diagnostics_create(r.arena);
  r.progress = progress_create(stderr, isatty(STDERR_FILENO), r.colour);
  run_options own = *o;
  r.options = &own;
  int status = load_program(&r, &f);
  if (status == STATUS_DONE && !only_check) {
    tune_options(r.arena, &own.compile, true);
    status = run_checked(&r, &f);
  }
  if (f.text)
    fprintf(stderr, "retort: %serror%s: %s\n", r.colour ? "\033[1;31m" : "", r.colour ? "\033[0m" : "", f.text);
  failure_free(&f);
  if (r.program)
    run_free_data(&r);
  progress_free(r.progress);
  *results = r.results;
  json_decref(r.layers);
  json_decref(r.identity);
  checkpoint_close(r.resumed);
  free(r.checkpoints);
  arena_destroy(r.arena);
  return status;
}

int run_execute(const run_options *o, json_t **results) {
  return run_with(o, false, results);
}

int run_check(const run_options *o) {
  json_t *results;
  int status = run_with(o, true, &results);
  json_decref(results);
  return status;
}

/* Where the run is left, and with --resume begun. */
static bool choose_folder(run_options *o, const char *resume) {
  if (resume && o->out) {
    fputs("retort run: --resume names the folder; --out cannot be given with it\n", stderr);
    return false;
  }
  o->resume = resume;
  o->out = resume ? resume : o->out;
  if (o->out || !o->checkpoints_wanted)
    return true;
  fputs("retort run: checkpoints are made beside the folder that --out names, and there is no --out\n", stderr);
  return false;
}

int command_run(int count, char **arguments) {
  if (wants_help(count, arguments)) {
    fputs(help, stdout);
    return fflush(stdout) ? STATUS_OUTPUT_FAILED : STATUS_DONE;
  }
  run_options o;
  const char *resume = NULL;
  const option further[] = {{.name = "--resume", .value = &resume}, {.name = NULL}};
  int status = STATUS_USAGE_WRONG;
  if (run_options_read(count, arguments, further, &o) && choose_folder(&o, resume)) {
    json_t *results;
    status = run_execute(&o, &results);
    json_decref(results);
  }
  run_options_free(&o);
  return status;
}
