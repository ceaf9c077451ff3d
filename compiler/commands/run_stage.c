/* Compiles the stages and evaluations of an experiment and hands them to the runtime. */
#include "compiler/commands/memory_option.h"
#include "compiler/commands/run_measured.h"
#include "runtime/run/evaluation.h"
#include "runtime/run/metrics.h"
#include "runtime/run/table.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- functions ---- */

static int call_executable(void *context, const retort_call *call) {
  return executable_call(context, call);
}

static int prepare_executable(void *context, const void *const *weights) {
  return executable_prepare(context, weights);
}

static size_t executable_workspace(void *context, const int64_t *dims, int threads) {
  return executable_workspace_size(context, dims, threads);
}

static executable *compile_as(const run_state *r, const graph *g, compile_options options, callable *function,
                              failure *f) {
  const char *error = NULL;
  options.cache = cache_folder(r->arena);
  const char *most = getenv("RETORT_CACHE_OBJECTS");
  if (most && *most && !parse_size(most, &options.cache_bytes)) {
    fail(f, "RETORT_CACHE_OBJECTS is '%s', which is no size: 512MiB, 2GiB", most);
    return NULL;
  }
  executable *e = executable_create(g, &options, &error);
  if (!e) {
    fail(f, "cannot compile %s: %s", g->name, error ? error : "no reason given");
    return NULL;
  }
  *function = (callable){.signature = executable_signature(e),
                         .call = call_executable,
                         .prepare = prepare_executable,
                         .workspace_size = executable_workspace,
                         .context = e};
  return e;
}

executable *run_compile_by(const run_state *r, const graph *g, bool packed, contraction_code contractions,
                           callable *function, failure *f) {
  compile_options options = r->options->compile;
  options.contractions = contractions;
  options.switches.packed = packed;
  options.switches.budget = (memory_budget){0};
  return compile_as(r, g, options, function, f);
}

executable *run_compile(const run_state *r, const graph *g, bool packed, callable *function, failure *f) {
  return run_compile_by(r, g, packed, r->options->compile.contractions, function, f);
}

/* ---- stages ---- */

typedef struct stage_context {
  run_state *run;
  const program_stage *about;
  int index;
  int set_count;
  int changed_count;
  weight_set **sets; /* students, fits, the optimizer's states, teachers */
  stage_parts parts;
  stage_teacher teacher;
  run_layout layout;
  validation *validation; /* NULL: nothing is measured */
} stage_context;

/* What lives as long as the stage: what its objective learns, the optimizer's states, the best weights so far. How
 * many; sets has room for OWN_SETS. */
enum { OWN_SETS = 3 };
static int own_sets(const stage_context *c, weight_set **sets) {
  int count = 0;
  sets[count++] = c->sets[c->about->student_count];
  sets[count++] = c->sets[c->about->student_count + 1];
  if (validation_best(c->validation))
    sets[count++] = validation_best(c->validation);
  return count;
}

static bool checkpoint_due(void *context, int64_t done) {
  stage_context *c = context;
  return run_checkpoint_due(c->run, done);
}

static void make_checkpoint(void *context, int64_t done) {
  stage_context *c = context;
  weight_set *sets[OWN_SETS];
  int count = own_sets(c, sets);
  json_t *validated = validation_state(c->validation);
  run_checkpoint(c->run, c->index, done, count, sets, validated);
  json_decref(validated);
}

/* *start: steps that are done. */
static bool resume(stage_context *c, int64_t *start, failure *f) {
  const run_state *r = c->run;
  *start = r->resumed && c->index == r->resumed_stage ? r->resumed_step : 0;
  if (*start == 0)
    return true;
  weight_set *sets[OWN_SETS];
  int count = own_sets(c, sets);
  validation_resume(c->validation, json_object_get(checkpoint_state(r->resumed), "validation"));
  return run_resume_stage(r, count, sets, f);
}

static bool validate(void *context, int64_t done, bool *stop, failure *f) {
  stage_context *c = context;
  return validation_run(c->validation, done, stop, f);
}

static void begun(void *context, const double *terms) {
  stage_context *c = context;
  if (!c->run->options->quiet)
    run_warn_term_shares(c->run, c->index, terms);
}

static void explain_failure(void *context, const stage_failure *what) {
  stage_context *c = context;
  run_state *r = c->run;
  const graph *g = program_stage_graph(r->program, c->index, GRAPH_FORWARD, r->diagnostics);
  const node *n = g ? first_not_finite(g, c->set_count, c->sets, what->data, &what->values) : NULL;
  if (!n)
    return;
  diagnostics *d = diagnostics_create(r->arena);
  if (n->op == OP_input)
    diagnostic_error(d, n->where, "'%s' itself holds NaN or infinite values before step %lld", n->attributes.input.name,
                     (long long)what->step);
  else
    diagnostic_error(d, n->where, "here NaN or infinity came up first, at step %lld: '%s'%s%s", (long long)what->step,
                     op_describe(n->op)->name, n->name ? ", in " : "", n->name ? n->name : "");
  progress_end(r->progress);
  diagnostics_print(d, stderr, r->colour);
}

static int status_of(stage_result result, const failure *f) {
  switch (result) {
  case STAGE_DONE:
    return STATUS_DONE;
  case STAGE_INTERRUPTED:
    return STATUS_INTERRUPTED;
  case STAGE_NOT_FINITE:
    return STATUS_NOT_FINITE;
  case STAGE_FAILED:
    return f->of_input ? STATUS_INPUT_WRONG : STATUS_OUTPUT_FAILED;
  }
  return STATUS_INTERNAL;
}

static int run_compiled(stage_context *c, const callable *step, failure *f) {
  run_state *r = c->run;
  int64_t start;
  if (!resume(c, &start, f))
    return STATUS_INPUT_WRONG;
  const program_stage *s = c->about;
  const dataset *data = r->data[s->data];
  text title = {0};
  text_add(&title, s->teacher_count ? "distill " : "train ");
  program_stage_models(r->program, s, &title);
  text_add(&title, " with %s", s->objective);
  if (c->layout.packed && c->layout.padding >= 0)
    text_add(&title, ", rows packed (%.0f %% would be padding)", 100 * c->layout.padding);
  stage_term *terms = memory_allocate((size_t)s->term_count, sizeof *terms);
  for (int i = 0; i < s->term_count; i++)
    terms[i] = (stage_term){.name = s->terms[i].name, .output = s->terms[i].output};
  stage work = {.name = s->name,
                .title = title.data,
                .step = *step,
                .parts = c->parts,
                .teacher = c->teacher.outputs,
                .set_count = c->set_count,
                .changed_count = c->changed_count,
                .sets = c->sets,
                .data = data,
                .batch = s->batch,
                .by_length = s->by_length,
                .steps = run_stage_steps(r, c->index),
                .start = start,
                .seed = run_stage_seed(r, s),
                .threads = r->options->threads,
                .term_count = s->term_count,
                .terms = terms,
                .progress = r->progress,
                .log = r->output ? output_folder_log(r->output) : NULL,
                .validate = c->validation ? validate : NULL,
                .validate_every = s->validate_every,
                .checkpoint_due = checkpoint_due,
                .checkpoint = make_checkpoint,
                .begun = begun,
                .explain = explain_failure,
                .context = c};
  stage_report report;
  int status = status_of(stage_run(&work, &report, f), f);
  if (status == STATUS_INTERRUPTED)
    make_checkpoint(c, report.steps);
  if (status == STATUS_DONE)
    validation_choose(c->validation);
  text_free(&title);
  free(terms);
  return status;
}

/* ---- batches that are computed in parts ---- */

/* The states that hold a stage's sums: by the inputs of its graphs that no other set has. */
static weight_set *make_sums(const stage_context *c, const accumulation *parts) {
  const graph *const graphs[] = {parts->part, parts->totals};
  weight *all = memory_allocate((size_t)parts->part->node_count, sizeof *all);
  int count = 0;
  for (int g = 0; g < 2 && graphs[g]; g++)
    for (int i = 0; i < graphs[g]->node_count; i++) {
      const node *n = graphs[g]->nodes[i];
      const char *name = n->op == OP_input ? n->attributes.input.name : NULL;
      bool known = !name || n->attributes.input.kind != INPUT_STATE;
      for (int k = 0; k < c->set_count && !known; k++)
        known = weight_set_find(c->sets[k], name);
      for (int k = 0; k < count && !known; k++)
        known = strcmp(all[k].input, name) == 0;
      if (known)
        continue;
      all[count] = (weight){.path = name, .input = name, .dtype = run_dtype(n->dtype), .rank = n->shape.rank};
      for (int k = 0; k < n->shape.rank; k++)
        dim_is_constant(n->shape.dims[k], &all[count].sizes[k]);
      count++;
    }
  weight_set *sums = weight_set_create(count, all);
  free(all);
  return sums;
}

/* Compiles what a stage in parts needs beside its step; *compiled: to be destroyed. */
static bool begin_parts(stage_context *c, const accumulation *parts, executable *compiled[2], failure *f) {
  c->parts.count = c->about->accumulate;
  c->parts.sums = make_sums(c, parts);
  c->sets[c->set_count++] = c->parts.sums;
  compiled[0] = run_compile(c->run, parts->finish, c->layout.packed, &c->parts.finish, f);
  if (compiled[0] && parts->totals)
    compiled[1] = run_compile(c->run, parts->totals, c->layout.packed, &c->parts.totals, f);
  return !f->text;
}

/* The step, within the memory that the options allow; says what that costs. NULL and *status when there is none. */
static executable *compile_step(const run_state *r, int index, const graph *g, bool packed, callable *step, int *status,
                                failure *f) {
  const program_stage *s = program_stage_at(r->program, index);
  rematerialization done = {.fits = true};
  compile_options options = r->options->compile;
  options.switches.packed = packed;
  memory_budget *budget = &options.switches.budget;
  budget->rows = (s->batch + s->accumulate - 1) / s->accumulate;
  budget->length = program_data_at(r->program, s->data)->length;
  budget->threads = r->options->threads;
  budget->result = &done;
  executable *e = compile_as(r, g, options, step, f);
  *status = done.fits ? STATUS_INTERNAL : STATUS_USAGE_WRONG;
  if (e && !r->options->quiet) {
    text said = {0};
    memory_describe(r->arena, &done, &said);
    if (said.length)
      printf("stage %s: %s", s->name, said.data);
    text_free(&said);
  }
  return e;
}

int run_one_stage(run_state *r, int index, failure *f) {
  const program_stage *s = program_stage_at(r->program, index);
  int students = s->student_count, teachers = s->teacher_count;
  stage_context c = {.run = r, .about = s, .index = index, .set_count = students + 2 + teachers};
  c.layout = run_stage_layout(r, s);
  callable step;
  const accumulation *parts = program_stage_parts(r->program, index);
  const graph *own = run_cut_teacher(r, index, parts ? parts->part : r->stages[index], &c.teacher);
  int status;
  executable *e = compile_step(r, index, own, c.layout.packed, &step, &status, f), *more[2] = {0};
  if (!e)
    return status;
  c.changed_count = s->teachers_change ? c.set_count : students + 2;
  c.sets = memory_allocate((size_t)c.set_count + 1, sizeof *c.sets); /* and the sums */
  for (int i = 0; i < students; i++)
    c.sets[i] = r->models[s->students[i]];
  c.sets[students] = run_make_weights(s->fit, s->fit_count, r->options->seed);
  c.sets[students + 1] = run_make_weights(s->states, s->state_count, r->options->seed);
  for (int i = 0; i < teachers; i++)
    c.sets[students + 2 + i] = r->models[s->teachers[i]];
  c.validation = validation_begin(r, s, f);
  bool good = !f->text && (!parts || begin_parts(&c, parts, more, f));
  status = good ? run_begin_teacher(r, index, &c.teacher, f) : STATUS_INTERNAL;
  if (status == STATUS_DONE)
    status = run_compiled(&c, &step, f);
  else if (status == STATUS_INTERRUPTED && !(r->resumed && index == r->resumed_stage))
    run_checkpoint(r, index, 0, 0, NULL, NULL);
  run_end_teacher(&c.teacher);
  validation_free(c.validation);
  weight_set_free(c.sets[students]);
  weight_set_free(c.sets[students + 1]);
  weight_set_free(c.parts.sums);
  free(c.sets);
  executable_destroy(e);
  executable_destroy(more[0]);
  executable_destroy(more[1]);
  return status;
}

/* ---- evaluations ---- */

static void note_result(run_state *r, const program_evaluation *v, int index, const table_row *row,
                        const evaluation_result *found) {
  int model = v->models[index].model;
  const char *name = program_model_at(r->program, model)->name, *set = program_data_at(r->program, v->data)->name;
  json_t *scores = json_object();
  for (int i = 0; i < v->metric_count; i++)
    json_object_set_new(scores, v->metrics[i], json_real(row->scores[i]));
  if (r->output) {
    char *line = json_dumps(scores, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fprintf(output_folder_log(r->output), "{\"evaluate\":\"%s\",\"on\":\"%s\",\"scores\":%s}\n", name, set, line);
    free(line);
  }
  json_t *result = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o, s:I, s:I, s:f}", "label", row->label, "model", name,
                             "role", run_role(r->program, model), "baseline", run_baseline(r->program, v, index), "on",
                             set, "scores", scores, "parameters", (json_int_t)row->parameters, "bytes",
                             (json_int_t)row->bytes, "milliseconds_per_sample", row->milliseconds);
  run_note_confusion(r, v->data, found->predictions, found->classes, result);
  json_array_append_new(r->results, result);
}

static int evaluate_model(run_state *r, const program_evaluation *v, int index, evaluation_result *result, failure *f) {
  const struct evaluated_model *m = &v->models[index];
  callable forward;
  executable *e = run_compile(r, r->forwards[m->model], run_data_layout(r, r->data[v->data]).packed, &forward, f);
  if (!e)
    return STATUS_INTERNAL;
  bool good = evaluation_run(&(evaluation){.forward = forward,
                                           .weights = r->models[m->model],
                                           .data = r->data[v->data],
                                           .batch = EVALUATION_BATCH,
                                           .threads = r->options->threads},
                             result, f);
  executable_destroy(e);
  if (!good && f->of_input)
    return STATUS_INPUT_WRONG;
  return good ? STATUS_DONE : f->text ? STATUS_INTERNAL : STATUS_INTERRUPTED;
}

/* All models are done: one's scores may compare it with another. */
static void score_model(run_state *r, const program_evaluation *v, int index, const evaluation_result *results,
                        double *scores, table_row *row) {
  const struct evaluated_model *m = &v->models[index];
  const dataset *data = r->data[v->data];
  int reference = run_reference(r->program, v);
  const scored predictions = {.count = data->count,
                              .classes = results[index].classes,
                              .outputs = results[index].outputs,
                              .predictions = results[index].predictions,
                              .labels = data->labels,
                              .targets = data->targets,
                              .reference = reference >= 0 ? results[reference].predictions : NULL};
  for (int i = 0; i < v->metric_count; i++)
    scores[i] = metric_find(v->metrics[i])->score(&predictions);
  *row = (table_row){.label = m->label,
                     .scores = scores,
                     .parameters = weight_set_elements(r->models[m->model]),
                     .bytes = weight_set_bytes(r->models[m->model]),
                     .milliseconds = results[index].milliseconds};
  note_result(r, v, index, row, &results[index]);
}

int run_one_evaluation(run_state *r, int index, failure *f) {
  const program_evaluation *v = program_evaluation_at(r->program, index);
  table_row *rows = memory_allocate((size_t)v->model_count, sizeof *rows);
  double *scores = memory_allocate((size_t)(v->model_count * v->metric_count), sizeof *scores);
  evaluation_result *results = memory_allocate((size_t)v->model_count, sizeof *results);
  int status = STATUS_DONE;
  for (int i = 0; i < v->model_count && status == STATUS_DONE; i++)
    status = evaluate_model(r, v, i, &results[i], f);
  for (int i = 0; i < v->model_count && status == STATUS_DONE; i++)
    score_model(r, v, i, results, scores + i * v->metric_count, &rows[i]);
  if (status == STATUS_DONE && !r->options->quiet) {
    char *title = memory_print("on %s (%lld rows)", program_data_at(r->program, v->data)->name,
                               (long long)r->data[v->data]->count);
    fputc('\n', stdout);
    table_print(stdout, r->colour && isatty(STDOUT_FILENO), title, v->metric_count, v->metrics, v->model_count, rows,
                run_reference(r->program, v));
    free(title);
  }
  for (int i = 0; i < v->model_count; i++)
    evaluation_result_free(&results[i]);
  free(results);
  free(rows);
  free(scores);
  return status;
}
