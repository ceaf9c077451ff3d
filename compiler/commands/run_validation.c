/* What a stage measures while it runs, and the weights that it chooses by it. */
#include "compiler/commands/run_state.h"
#include "runtime/run/evaluation.h"
#include "runtime/run/metrics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct validation {
  run_state *run;
  const program_stage *about;
  callable *forwards; /* by student */
  executable **compiled;
  weight_set *best; /* of the only student; NULL: none is kept */
  double best_score;
  int64_t best_step; /* 0: none yet */
  int64_t worse;     /* validations since then */
};

validation *validation_begin(run_state *r, const program_stage *s, failure *f) {
  if (s->validate_data < 0 && s->keep_data < 0)
    return NULL;
  validation *v = memory_allocate(1, sizeof *v);
  *v = (validation){.run = r, .about = s};
  bool packed = run_data_layout(r, r->data[s->validate_data >= 0 ? s->validate_data : s->keep_data]).packed;
  v->forwards = memory_allocate((size_t)s->student_count, sizeof *v->forwards);
  v->compiled = memory_allocate((size_t)s->student_count, sizeof *v->compiled);
  for (int i = 0; i < s->student_count && !f->text; i++)
    v->compiled[i] = run_compile(r, r->forwards[s->students[i]], packed, &v->forwards[i], f);
  if (s->keep_data >= 0) {
    const weight_set *student = r->models[s->students[0]];
    v->best = weight_set_create(student->count, student->items);
  }
  if (!f->text)
    return v;
  validation_free(v);
  return NULL;
}

void validation_free(validation *v) {
  if (!v)
    return;
  for (int i = 0; i < v->about->student_count; i++)
    executable_destroy(v->compiled[i]);
  weight_set_free(v->best);
  free(v->forwards);
  free(v->compiled);
  free(v);
}

/* ---- checkpoints ---- */

weight_set *validation_best(const validation *v) {
  return v ? v->best : NULL;
}

json_t *validation_state(const validation *v) {
  if (!v || !v->best)
    return json_null();
  return json_pack("{s:f, s:I, s:I}", "score", v->best_score, "step", (json_int_t)v->best_step, "worse",
                   (json_int_t)v->worse);
}

void validation_resume(validation *v, const json_t *state) {
  if (!v || !v->best)
    return;
  v->best_score = json_number_value(json_object_get(state, "score"));
  v->best_step = json_integer_value(json_object_get(state, "step"));
  v->worse = json_integer_value(json_object_get(state, "worse"));
}

/* ---- measuring ---- */

static void note_scores(const validation *v, int student, int data, int64_t step, int count, const char *const *names,
                        const double *scores) {
  const run_state *r = v->run;
  const char *model = program_model_at(r->program, v->about->students[student])->name;
  const char *set = program_data_at(r->program, data)->name;
  text line = {0};
  for (int i = 0; i < count; i++)
    text_add(&line, "%s%s %.2f", i ? ", " : "", names[i], metric_shown(names[i], scores[i]));
  progress_say(r->progress, "%s  step %lld  %s on %s: %s%s", v->about->name, (long long)step, model, set, line.data,
               v->best && v->best_step == step && data == v->about->keep_data ? " (the best so far)" : "");
  text_free(&line);
  FILE *log = r->output ? output_folder_log(r->output) : NULL;
  if (!log)
    return;
  fprintf(log, "{\"stage\":\"%s\",\"step\":%lld,\"validate\":\"%s\",\"on\":\"%s\",\"scores\":{", v->about->name,
          (long long)step, model, set);
  for (int i = 0; i < count; i++)
    fprintf(log, "%s\"%s\":%.9g", i ? "," : "", names[i], scores[i]);
  fputs("}}\n", log);
}

/* Equal scores are no improvement: the earliest of the best is kept. */
static void choose(validation *v, int64_t step, double score) {
  if (v->best_step > 0 && !(score > v->best_score)) {
    v->worse++;
    return;
  }
  v->best_score = score;
  v->best_step = step;
  v->worse = 0;
  weight_set_copy(v->best, v->run->models[v->about->students[0]]);
}

/* A student on a set: accuracy, and what is chosen by. A signal waits until it is done, or else the stage could not go
 * on from here. */
static bool measure(validation *v, int student, int data, int64_t step, failure *f) {
  const run_state *r = v->run;
  const dataset *set = r->data[data];
  const char *names[2] = {data == v->about->keep_data ? v->about->keep_metric : "accuracy", "accuracy"};
  int count = strcmp(names[0], names[1]) == 0 ? 1 : 2;
  double scores[2];
  evaluation_result result;
  bool good = evaluation_run(&(evaluation){.forward = v->forwards[student],
                                           .weights = r->models[v->about->students[student]],
                                           .data = set,
                                           .batch = EVALUATION_BATCH,
                                           .threads = r->options->threads,
                                           .whole = true},
                             &result, f);
  for (int i = 0; good && i < count; i++)
    scores[i] = metric_find(names[i])->score(&(scored){.count = set->count,
                                                       .classes = result.classes,
                                                       .outputs = result.outputs,
                                                       .predictions = result.predictions,
                                                       .labels = set->labels});
  evaluation_result_free(&result);
  if (!good)
    return false;
  if (data == v->about->keep_data)
    choose(v, step, scores[0]);
  note_scores(v, student, data, step, count, names, scores);
  return true;
}

bool validation_run(validation *v, int64_t step, bool *stop, failure *f) {
  const program_stage *s = v->about;
  bool good = true;
  for (int i = 0; i < s->student_count && good; i++) {
    if (s->validate_data >= 0)
      good = measure(v, i, s->validate_data, step, f);
    if (good && s->keep_data >= 0 && s->keep_data != s->validate_data)
      good = measure(v, i, s->keep_data, step, f);
  }
  *stop = good && s->patience > 0 && v->worse >= s->patience;
  if (*stop)
    progress_say(v->run->progress, "%s  step %lld  ends early: %s was not better %lld times in a row", s->name,
                 (long long)step, s->keep_metric, (long long)s->patience);
  return good;
}

void validation_choose(validation *v) {
  if (!v || !v->best || v->best_step == 0)
    return;
  const run_state *r = v->run;
  const program_stage *s = v->about;
  weight_set_copy(r->models[s->students[0]], v->best);
  const char *set = program_data_at(r->program, s->keep_data)->name;
  progress_say(r->progress, "%s  keeps the weights after step %lld: %s on %s %.2f", s->name, (long long)v->best_step,
               s->keep_metric, set, 100 * v->best_score);
  if (r->output)
    fprintf(output_folder_log(r->output),
            "{\"stage\":\"%s\",\"kept\":%lld,\"by\":\"%s\",\"on\":\"%s\",\"score\":%.9g}\n", s->name,
            (long long)v->best_step, s->keep_metric, set, v->best_score);
}
