/* Checkpoints of a run: when they are made, what a run must have in common with one to go on from it, going on. */
#include "compiler/commands/run_state.h"
#include "compiler/emit/target.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

/* ---- what a run is ---- */

static void note_text(json_t *identity, const char *kind, const char *name, const char *value) {
  char *key = memory_print("%s%s%s%s", kind, name ? " '" : "", name ? name : "", name ? "'" : "");
  json_object_set_new(identity, key, json_string(value));
  free(key);
}

static void note_hash(json_t *identity, const char *kind, const char *name, uint64_t hash) {
  char value[17];
  snprintf(value, sizeof value, "%016llx", (unsigned long long)hash);
  note_text(identity, kind, name, value);
}

static void note_number(json_t *identity, const char *kind, uint64_t number) {
  char value[24];
  snprintf(value, sizeof value, "%llu", (unsigned long long)number);
  note_text(identity, kind, NULL, value);
}

uint64_t run_hash_data(const dataset *d) {
  uint64_t hash = XXH3_64bits(d->starts, (size_t)(d->count + 1) * sizeof *d->starts);
  size_t tokens = (size_t)d->starts[d->count];
  hash = XXH3_64bits_withSeed(d->ids, tokens * sizeof *d->ids, hash);
  hash = XXH3_64bits_withSeed(d->types, tokens * sizeof *d->types, hash);
  if (d->labels)
    hash = XXH3_64bits_withSeed(d->labels, (size_t)d->count * sizeof *d->labels, hash);
  return d->targets ? XXH3_64bits_withSeed(d->targets, (size_t)d->count * sizeof *d->targets, hash) : hash;
}

static uint64_t hash_weights(const weight_set *set) {
  uint64_t hash = 0;
  for (int i = 0; i < set->count; i++) {
    const weight *w = &set->items[i];
    hash = XXH3_64bits_withSeed(w->path, strlen(w->path), hash);
    hash = XXH3_64bits_withSeed(w->data, (size_t)weight_count(w) * retort_dtype_size(w->dtype), hash);
  }
  return hash;
}

/* Its step as a graph, which holds all that the source and --set say about it, and its settings. */
static uint64_t hash_stage(const run_state *r, int index) {
  const program_stage *s = program_stage_at(r->program, index);
  text all = {0};
  text_add(&all, "%s %s %d by length %lld %lld %lld\n", s->name, program_data_at(r->program, s->data)->name, s->batch,
           (long long)s->by_length, (long long)s->seed, (long long)run_stage_steps(r, index));
  text_add(&all, "validate %d %lld %d %s %lld\n", s->validate_data, (long long)s->validate_every, s->keep_data,
           s->keep_metric ? s->keep_metric : "-", (long long)s->patience);
  graph_print(r->stages[index], false, &all);
  uint64_t hash = XXH3_64bits(all.data, all.length);
  text_free(&all);
  return hash;
}

const char *run_processor(const run_state *r, contraction_code contractions) {
  const compile_options *how = &r->options->compile;
  const char *error = NULL;
  target *t = how->interpret ? NULL : target_create(r->arena, how->cpu, &error);
  if (!t)
    return "the interpreter";
  target_set_contractions(t, contractions);
  target_set_costs(t, how->costs);
  target_set_reproducible(t, how->reproducible);
  const char *described = target_describe(t);
  target_destroy(t);
  return described;
}

static json_t *identify(const run_state *r) {
  json_t *identity = json_object();
  note_text(identity, "version of retort", NULL, RETORT_VERSION);
  note_text(identity, "experiment", NULL, program_name(r->program));
  note_number(identity, "--seed", r->options->seed);
  note_number(identity, "--threads", (uint64_t)r->options->threads);
  note_text(identity, "processor", NULL, run_processor(r, r->options->compile.contractions));
  text precisions = {0};
  for (int i = 0; i < r->options->precision_count; i++)
    text_add(&precisions, "%s%s", i ? " " : "", r->options->precisions[i]);
  note_text(identity, "--precision", NULL, precisions.length ? precisions.data : "float32");
  text_free(&precisions);
  note_number(identity, "--memory", (uint64_t)r->options->compile.switches.budget.bytes);
  note_number(identity, "passes left out", r->options->compile.switches.without);
  note_number(identity, "fusion", (uint64_t)r->options->compile.switches.merge_limit);
  note_text(identity, "form of teacher outputs", NULL, r->options->teacher_form);
  for (int i = 0; i < program_data_count(r->program); i++)
    if (r->data[i])
      note_hash(identity, "rows of data", program_data_at(r->program, i)->name, run_hash_data(r->data[i]));
  for (int i = 0; i < program_model_count(r->program); i++)
    note_hash(identity, "first weights of model", program_model_at(r->program, i)->name, hash_weights(r->models[i]));
  for (int i = 0; i < program_stage_count(r->program); i++)
    note_text(identity, "layout of stage", program_stage_at(r->program, i)->name,
              run_stage_layout(r, program_stage_at(r->program, i)).packed ? "packed" : "padded");
  for (int i = 0; i < program_stage_count(r->program); i++)
    note_hash(identity, "stage", program_stage_at(r->program, i)->name, hash_stage(r, i));
  return identity;
}

/* ---- where a run is ---- */

int64_t run_stage_steps(const run_state *r, int index) {
  const program_stage *s = program_stage_at(r->program, index);
  return s->steps > 0 ? s->steps : stage_steps(s->epochs, r->data[s->data]->count, s->batch);
}

bool run_model_changed(const run_state *r, int model, int index) {
  for (int i = 0; i < index; i++) {
    const program_stage *s = program_stage_at(r->program, i);
    for (int k = 0; k < s->student_count; k++)
      if (s->students[k] == model)
        return true;
    for (int k = 0; s->teachers_change && k < s->teacher_count; k++)
      if (s->teachers[k] == model)
        return true;
  }
  return false;
}

/* The models that a checkpoint holds; the others are as they were at the beginning. */
static int changed_models(const run_state *r, int index, int64_t done, weight_set **sets) {
  int count = 0;
  for (int i = 0; i < program_model_count(r->program); i++)
    if (run_model_changed(r, i, index + (done > 0)))
      sets[count++] = r->models[i];
  return count;
}

/* ---- making one ---- */

bool run_checkpoint_due(run_state *r, int64_t done) {
  const run_options *o = r->options;
  if (!r->output)
    return false;
  double now = monotonic_seconds();
  if (now - r->flush_time >= 1) { /* for those who look on; what cannot be written now is written later */
    failure unused = {0};
    output_folder_flush(r->output, &unused);
    failure_free(&unused);
    r->flush_time = now;
  }
  return r->checkpoints && ((o->checkpoint_steps > 0 && done % o->checkpoint_steps == 0) ||
                            (o->checkpoint_minutes > 0 && now - r->checkpoint_time >= o->checkpoint_minutes * 60));
}

void run_checkpoint(run_state *r, int index, int64_t done, int set_count, weight_set *const *sets,
                    const json_t *validated) {
  if (!r->checkpoints)
    return;
  int models = program_model_count(r->program);
  weight_set **all = memory_allocate((size_t)(models + set_count), sizeof *all);
  int count = changed_models(r, index, done, all);
  for (int i = 0; i < set_count && done > 0; i++)
    all[count++] = sets[i];
  int64_t number = done;
  for (int i = 0; i < index; i++)
    number += run_stage_steps(r, i);
  json_t *state = json_pack("{s:O, s:i, s:I, s:O*}", "identity", r->identity, "stage", index, "step", (json_int_t)done,
                            "validation", validated);
  checkpoint_content content = {
      .state = state, .set_count = count, .sets = all, .only = !r->resumed && !r->checkpoint_written};
  content.log = output_folder_log_text(r->output, &content.log_size);
  if (r->log_of_stages > 0)
    content.log_size = r->log_of_stages;
  failure f = {0};
  if (checkpoint_write(r->checkpoints, number, &content, &f))
    r->checkpoint_written = true;
  else
    progress_say(r->progress, "warning: no checkpoint at step %lld: %s; the run goes on", (long long)done, f.text);
  failure_free(&f);
  json_decref(state);
  free(all);
  r->checkpoint_time = monotonic_seconds();
}

/* ---- going on ---- */

static bool check_identity(const run_state *r, const json_t *theirs, failure *f) {
  const char *key;
  json_t *value;
  text differing = {0};
  int count = 0;
  json_object_foreach(r->identity, key, value) {
    const char *here = json_string_value(value), *there = json_string_value(json_object_get(theirs, key));
    if (there && strcmp(here, there) == 0)
      continue;
    bool plain = there && (strncmp(key, "--", 2) == 0 || strncmp(key, "version", 7) == 0);
    text_add(&differing, "\n  %s", key);
    if (plain)
      text_add(&differing, ": it was %s, now it is %s", there, here);
    count++;
  }
  json_object_foreach((json_t *)(uintptr_t)theirs, key, value) if (!json_object_get(r->identity, key)) {
    text_add(&differing, "\n  %s: there is none now", key);
    count++;
  }
  if (count > 0)
    fail(f,
         "cannot go on from %s: it is of another run. What differs:%s\nit is kept; without it (or with another "
         "--out) a run starts from its beginning",
         checkpoint_path(r->resumed), differing.data);
  text_free(&differing);
  return count == 0;
}

static bool read_position(run_state *r, failure *f) {
  const json_t *state = checkpoint_state(r->resumed);
  json_int_t index = json_integer_value(json_object_get(state, "stage"));
  json_int_t step = json_integer_value(json_object_get(state, "step"));
  int stages = program_stage_count(r->program);
  if (index < 0 || index > stages || step < 0 || step > (index < stages ? run_stage_steps(r, (int)index) : 0))
    return fail(f, "cannot go on from %s: it is at a step that the run does not have", checkpoint_path(r->resumed));
  r->resumed_stage = (int)index;
  r->resumed_step = step;
  return true;
}

const char *run_identity(run_state *r) {
  json_t *lasting = json_copy(r->identity);
  json_object_del(lasting, "--threads"); /* with others, a finished run is still the same one */
  json_object_del(lasting, "processor");
  char *all = json_dumps(lasting, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(lasting);
  const char *hash = arena_print(r->arena, "%016llx", (unsigned long long)XXH3_64bits(all, strlen(all)));
  free(all);
  return hash;
}

static bool read_results(run_state *r) {
  char *path = memory_print("%s/results.json", r->options->out);
  json_t *results = json_load_file(path, 0, NULL);
  bool good = results && json_array_extend(r->results, results) == 0;
  json_decref(results);
  free(path);
  return good;
}

/* No checkpoint: the run was killed before its first one, or has ended. */
static bool resume_without(run_state *r, failure *f) {
  char *path = memory_print("%s/settings.json", r->options->out);
  json_t *settings = json_load_file(path, 0, NULL);
  const char *status = json_string_value(json_object_get(settings, "status"));
  const char *identity = json_string_value(json_object_get(settings, "identity"));
  bool finished = status && strcmp(status, "finished") == 0;
  if (finished && identity && strcmp(identity, run_identity(r)) == 0)
    r->finished_before = read_results(r);
  else if (r->options->restart)
    r->finished_before = false;
  else if (!finished)
    progress_say(r->progress, "%s: there is no checkpoint; the run starts from its beginning", r->checkpoints);
  else
    fail(f, "%s holds another run, which is finished: --out %s would replace it", r->options->out, r->options->out);
  json_decref(settings);
  free(path);
  return !f->text;
}

/* The checkpoint is of no use for this run. */
static bool start_again(run_state *r, failure *f) {
  progress_say(r->progress, "%s is of another run or damaged; this one starts from its beginning", r->checkpoints);
  failure_free(f);
  *f = (failure){0};
  checkpoint_close(r->resumed);
  r->resumed = NULL;
  r->resumed_stage = 0;
  r->resumed_step = 0;
  return true;
}

static bool open_checkpoint(run_state *r, failure *f) {
  r->resumed = checkpoint_open(r->checkpoints, f);
  if (f->text || !r->resumed)
    return !f->text;
  return check_identity(r, json_object_get(checkpoint_state(r->resumed), "identity"), f) && read_position(r, f);
}

static bool resume(run_state *r, failure *f) {
  if (!open_checkpoint(r, f))
    return r->options->restart && start_again(r, f);
  if (!r->resumed)
    return resume_without(r, f);
  weight_set **sets = memory_allocate((size_t)program_model_count(r->program), sizeof *sets);
  int count = changed_models(r, r->resumed_stage, r->resumed_step, sets);
  bool good = checkpoint_read(r->resumed, 0, count, sets, f);
  free(sets);
  size_t size;
  const char *log = checkpoint_log(r->resumed, &size);
  fwrite(log, 1, size, output_folder_log(r->output));
  return good;
}

bool run_resume_stage(const run_state *r, int set_count, weight_set *const *sets, failure *f) {
  weight_set **models = memory_allocate((size_t)program_model_count(r->program), sizeof *models);
  int first = changed_models(r, r->resumed_stage, r->resumed_step, models);
  free(models);
  return checkpoint_read(r->resumed, first, set_count, sets, f);
}

static bool is_there(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

bool run_begin_checkpoints(run_state *r, failure *f) {
  size_t length = strlen(r->options->out);
  while (length > 1 && r->options->out[length - 1] == '/')
    length--;
  r->checkpoints = memory_print("%.*s.checkpoint", (int)length, r->options->out);
  r->identity = identify(r);
  r->checkpoint_time = r->flush_time = monotonic_seconds();
  if (r->options->resume)
    return resume(r, f);
  if (is_there(r->checkpoints))
    progress_say(r->progress,
                 "warning: %s is of a run that did not end (--resume goes on with it); this run's first "
                 "checkpoint, or its end, replaces it",
                 r->checkpoints);
  return true;
}

void run_end_checkpoints(run_state *r, bool over) {
  if (over)
    checkpoints_remove(r->checkpoints);
  else if (r->checkpoints && is_there(r->checkpoints))
    progress_say(r->progress, "--resume %s goes on after the last checkpoint", r->options->out);
}
