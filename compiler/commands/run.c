/* `retort run`: reads the command line, checks everything that can be checked, then runs stage after stage. */
#include "compiler/commands/run.h"
#include "compiler/commands/run_state.h"
#include "runtime/run/interrupt.h"
#include "runtime/run/metrics.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: retort run FILE [options]\n"
    "\n"
    "Trains, distils and evaluates as FILE says, and prints a table of the models.\n"
    "\n"
    "  --set NAME=VALUE   replaces what the file says: student.layers=3, stage.predict.epochs=1,\n"
    "                     stage.predict.optimizer.lr=1e-3, a let's name; may be repeated\n"
    "  --seed N           random weights, order of rows, dropout (default 1)\n"
    "  --threads N        threads (default: one a processor)\n"
    "  --out DIR          leaves weights, config.json, metrics.jsonl, results.json, source and settings there\n"
    "  --load MODEL=PATH  starts a model from a safetensors file or a folder with model.safetensors\n"
    "  --cpu NAME         code for that processor (an LLVM name; default: this one)\n"
    "  --interpret        runs the reference interpreter in place of compiled code: slow\n"
    "  --models DIR       the standard library's folder\n"
    "\n"
    "Data is looked for beside FILE, then in the folder that the environment variable RETORT_DATA names.\n"
    "Ctrl-C ends a run after the current step with what is done saved.\n"
    "\n"
    "exit status: 0 done, 1 errors in the file, 2 wrong command line, 3 data or weights cannot be used,\n"
    "4 the output cannot be written, 5 a loss is NaN or infinite, 70 a fault of retort itself, 71 out of memory,\n"
    "130 interrupted\n";

/* ---- the command line ---- */

static bool parse_whole(const char *word, int64_t least, int64_t most, int64_t *value) {
  char *end;
  errno = 0;
  long long number = strtoll(word, &end, 10);
  *value = number;
  return *word && !*end && !errno && number >= least && number <= most;
}

static bool take_option(run_options *o, const char *name, const char *value, failure *f) {
  int64_t number;
  if (strcmp(name, "--set") == 0) {
    o->overrides[o->override_count++] = value;
  } else if (strcmp(name, "--load") == 0) {
    o->loads[o->load_count++] = value;
  } else if (strcmp(name, "--out") == 0) {
    o->out = value;
  } else if (strcmp(name, "--cpu") == 0) {
    o->compile.cpu = value;
  } else if (strcmp(name, "--models") == 0) {
    o->models = value;
  } else if (strcmp(name, "--seed") == 0) {
    if (!parse_whole(value, 0, INT64_MAX, &number))
      return fail(f, "--seed %s: expected a whole number of 0 or more", value);
    o->seed = (uint64_t)number;
  } else if (strcmp(name, "--threads") == 0) {
    if (!parse_whole(value, 1, 1024, &number))
      return fail(f, "--threads %s: expected a number from 1 to 1024", value);
    o->threads = (int)number;
  } else {
    return fail(f, "unknown option %s", name);
  }
  return true;
}

/* Options as `--name value` or `--name=value`. */
static bool parse_options(int count, char **arguments, run_options *o, failure *f) {
  for (int i = 1; i < count; i++) {
    char *given = arguments[i];
    if (strcmp(given, "--interpret") == 0) {
      o->compile.interpret = true;
    } else if (strncmp(given, "--", 2) != 0) {
      if (o->file)
        return fail(f, "more than one file: %s, %s", o->file, given);
      o->file = given;
    } else {
      char *equals = strchr(given, '=');
      char *name = equals ? strndup(given, (size_t)(equals - given)) : strdup(given);
      const char *value = equals ? equals + 1 : i + 1 < count ? arguments[++i] : NULL;
      if (!value)
        fail(f, "%s needs a value", name);
      else
        take_option(o, name, value, f);
      free(name);
      if (f->text)
        return false;
    }
  }
  return o->file ? true : fail(f, "which file?");
}

/* ---- checks before anything runs ---- */

static bool check_metrics(const run_state *r, failure *f) {
  for (int i = 0; i < program_evaluation_count(r->program); i++) {
    const program_evaluation *v = program_evaluation_at(r->program, i);
    for (int k = 0; k < v->metric_count; k++)
      if (!class_metric_find(v->metrics[k]))
        return fail(f, "%s:%d: there is no metric '%s' (there are accuracy, f1, macro_f1, mcc)", v->where.file->path,
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
    if (r->stages[i])
      make_forward(r, program_stage_at(p, i)->student);
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

static bool check_data(const run_state *r, failure *f) {
  for (int i = 0; i < program_stage_count(r->program); i++) {
    const program_stage *s = program_stage_at(r->program, i);
    int64_t classes = graph_find_input(r->stages[i], "label") ? result_classes(r->forwards[s->student]) : 0;
    if (!run_check_fields(r->data[s->data], r->stages[i], classes, f))
      return false;
  }
  for (int i = 0; i < program_evaluation_count(r->program); i++) {
    const program_evaluation *v = program_evaluation_at(r->program, i);
    const dataset *data = r->data[v->data];
    if (!data->labels && v->metric_count > 0)
      return fail(f, "%s has no labels (label: COLUMN), but '%s' needs them", data->path, v->metrics[0]);
    for (int k = 0; k < v->model_count; k++) {
      const graph *forward = r->forwards[v->models[k].model];
      if (!run_check_fields(data, forward, result_classes(forward), f))
        return false;
    }
  }
  return true;
}

/* ---- the run ---- */

static run_status run_experiment(run_state *r, failure *f) {
  run_status status = RUN_DONE;
  for (int i = 0; i < program_stage_count(r->program) && status == RUN_DONE; i++)
    status = run_one_stage(r, i, f);
  for (int i = 0; i < program_evaluation_count(r->program) && status == RUN_DONE; i++)
    status = run_one_evaluation(r, i, f);
  for (int i = 0; i < program_export_count(r->program) && status == RUN_DONE && r->output; i++)
    if (!run_save_model(r, program_export_at(r->program, i), f))
      status = RUN_OUTPUT_FAILED;
  return status;
}

/* Names the folder; what was done stays there when it did not finish. */
static run_status end_output(run_state *r, run_status status, failure *f) {
  static const char *const words[] = {[RUN_DONE] = "finished", [RUN_NOT_FINITE] = "a loss was not finite"};
  const char *word = status == RUN_INTERRUPTED ? "interrupted" : status <= RUN_NOT_FINITE ? words[status] : NULL;
  failure own = {0};
  char *path = NULL;
  if (!word || !run_write_settings(r, word, &own)) {
    output_folder_abandon(r->output);
  } else if (output_folder_end(r->output, status == RUN_DONE, &path, &own)) {
    progress_say(r->progress, "%s: %s", status == RUN_DONE ? "written" : "what was done is kept", path);
  }
  r->output = NULL;
  free(path);
  if (own.text) {
    failure_add(f, "%s%s", f->text ? "\n" : "", own.text);
    status = status == RUN_DONE ? RUN_OUTPUT_FAILED : status;
  }
  failure_free(&own);
  return status;
}

static run_status run_checked(run_state *r, failure *f) {
  if (!run_make_models(r, f) || !run_load_data(r, f) || !check_data(r, f))
    return RUN_INPUT_WRONG;
  if (r->options->out) {
    r->output = output_folder_begin(r->options->out, f);
    if (!r->output)
      return RUN_OUTPUT_FAILED;
  }
  interrupt_catch();
  run_status status = run_experiment(r, f);
  if (r->output)
    status = end_output(r, status, f);
  if (status == RUN_INTERRUPTED)
    progress_say(r->progress, "interrupted");
  interrupt_release();
  return status;
}

static run_status run_program(run_state *r, failure *f) {
  const run_options *o = r->options;
  const program_options options = {.models = o->models, .override_count = o->override_count, .overrides = o->overrides};
  r->program = program_load(r->arena, o->file, &options, r->diagnostics);
  bool good = r->program && diagnostics_error_count(r->diagnostics) == 0;
  bool experiment = good && program_name(r->program);
  good = good && (!experiment || make_graphs(r));
  diagnostics_print(r->diagnostics, stderr, r->colour);
  if (!good)
    return RUN_SOURCE_WRONG;
  if (!experiment) {
    fail(f, "%s holds no experiment: there is nothing to run", o->file);
    return RUN_SOURCE_WRONG;
  }
  return check_metrics(r, f) ? run_checked(r, f) : RUN_SOURCE_WRONG;
}

static run_status run_with(const run_options *o) {
  failure f = {0};
  bool terminal = isatty(STDERR_FILENO);
  const char *no_colour = getenv("NO_COLOR");
  run_state r = {.options = o, .arena = arena_create(), .results = json_array()};
  r.colour = terminal && isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
  r.diagnostics = diagnostics_create(r.arena);
  r.progress = progress_create(stderr, terminal, r.colour);
  run_status status = run_program(&r, &f);
  if (f.text)
    fprintf(stderr, "retort: %serror%s: %s\n", r.colour ? "\033[1;31m" : "", r.colour ? "\033[0m" : "", f.text);
  failure_free(&f);
  if (r.program)
    run_free_data(&r);
  progress_free(r.progress);
  json_decref(r.results);
  arena_destroy(r.arena);
  return status;
}

static int default_threads(void) {
  const char *wanted = getenv("OMP_NUM_THREADS");
  int64_t number;
  if (wanted && parse_whole(wanted, 1, 1024, &number))
    return (int)number;
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 1 ? (int)online : 1;
}

int command_run(int count, char **arguments) {
  for (int i = 1; i < count; i++)
    if (strcmp(arguments[i], "--help") == 0) {
      fputs(help, stdout);
      return RUN_DONE;
    }
  failure f = {0};
  run_options o = {.seed = 1, .threads = default_threads(), .models = RETORT_MODELS};
  o.overrides = memory_allocate((size_t)count, sizeof *o.overrides);
  o.loads = memory_allocate((size_t)count, sizeof *o.loads);
  int status = RUN_USAGE_WRONG;
  if (parse_options(count, arguments, &o, &f))
    status = (int)run_with(&o);
  else
    fprintf(stderr, "retort run: %s\nusage: retort run FILE [options]; retort run --help says more\n", f.text);
  failure_free(&f);
  free(o.overrides);
  free(o.loads);
  return status;
}
