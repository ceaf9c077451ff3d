/* What a stage's frozen teacher gives: cut off from the step, computed apart, kept on disk and found again. */
#include "compiler/commands/run_state.h"
#include "compiler/commands/units.h"
#include "runtime/run/kept_folder.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <xxhash.h>

/* ---- the cut ---- */

/* Rows are seen again, if not by this stage then by the same one of another run. */
static bool sees_all_rows(const run_state *r, int index) {
  const program_stage *s = program_stage_at(r->program, index);
  return run_stage_steps(r, index) * s->batch >= r->data[s->data]->count;
}

static void say_reason(const run_state *r, const program_stage *s, const teacher_cut *cut) {
  const span where = cut->at->where;
  char place[64] = "";
  if (where.file) {
    const char *slash = strrchr(where.file->path, '/');
    snprintf(place, sizeof place, " (%.40s:%d)", slash ? slash + 1 : where.file->path, where.line);
  }
  progress_say(r->progress, "%s  %s the teacher is computed with each batch, not kept: %s%s", s->name,
               cut->teacher ? "part of" : "all of", cut->reason, place);
}

const graph *run_cut_teacher(run_state *r, int index, const graph *step, stage_teacher *t) {
  const program_stage *s = program_stage_at(r->program, index);
  const dataset *data = r->data[s->data];
  *t = (stage_teacher){0};
  if (s->teacher_count == 0 || data->count == 0 || !sees_all_rows(r, index))
    return step;
  int64_t mean = (data->starts[data->count] + data->count / 2) / data->count;
  t->cut = teacher_cut_find(step, mean > 0 ? mean : 1);
  if (t->cut.reason)
    say_reason(r, s, &t->cut);
  return t->cut.teacher ? t->cut.step : step;
}

/* ---- the key: everything that the numbers depend on ---- */

static void add_weights(const run_state *r, const graph *g, text *to) {
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_input || n->attributes.input.kind != INPUT_WEIGHT)
      continue;
    for (int i = 0; i < program_model_count(r->program); i++) {
      const weight *w = weight_set_find(r->models[i], n->attributes.input.name);
      if (w)
        text_add(to, "%s %016llx\n", w->input,
                 (unsigned long long)XXH3_64bits(w->data, (size_t)weight_count(w) * retort_dtype_size(w->dtype)));
    }
  }
}

static void add_forms(teacher_outputs *outputs, text *to) {
  for (int i = 0; i < teacher_value_count(outputs); i++) {
    const kept_value *v = teacher_value(outputs, i);
    text_add(to, "%s %d %d\n", v->name, (int)v->form, v->top);
  }
}

/* By emitted code a row's bits do not depend on the rows beside it; the library makes no such promise. */
static contraction_code teacher_contractions(const run_state *r) {
  contraction_code wanted = r->options->compile.contractions;
  return wanted == CONTRACTIONS_AUTO ? CONTRACTIONS_EMITTED : wanted;
}

static kept_key make_key(const run_state *r, const dataset *data, bool packed, const stage_teacher *t) {
  const compile_options *how = &r->options->compile;
  pass_switches switches = how->switches;
  switches.packed = packed;
  text all = {0};
  text_add(&all, "retort %s, %s, threads %d, merges %d\n", RETORT_VERSION, run_processor(r, teacher_contractions(r)),
           how->reproducible ? 0 : r->options->threads, how->switches.merge_limit);
  text_add(&all, "data %016llx padding %d\n", (unsigned long long)run_hash_data(data), data->padding);
  add_weights(r, t->cut.teacher, &all);
  add_forms(t->outputs, &all);
  graph code = how->interpret ? *passes_set_precision(t->cut.teacher, &switches)
                              : *passes_run_without(t->cut.teacher, NULL, &switches);
  code.name = "teacher"; /* whatever stage reads it */
  graph_print(&code, false, &all);
  XXH128_hash_t hash = XXH3_128bits(all.data, all.length);
  text_free(&all);
  kept_key key;
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  memcpy(key.bytes, bytes.digest, sizeof key.bytes);
  return key;
}

/* ---- what it belongs to ---- */

static json_t *make_about(const run_state *r, const program_stage *s, const dataset *data) {
  char path[PATH_MAX];
  json_t *teachers = json_array(), *settings = json_array();
  for (int i = 0; i < s->teacher_count; i++)
    json_array_append_new(teachers, json_string(program_model_at(r->program, s->teachers[i])->name));
  for (int i = 0; i < r->options->override_count; i++)
    json_array_append_new(settings, run_text_json(r->options->overrides[i]));
  for (int i = 0; i < r->options->load_count; i++)
    json_array_append_new(settings, run_text_json(r->options->loads[i]));
  json_array_append_new(settings, json_sprintf("seed %llu", (unsigned long long)r->options->seed));
  bool whole = realpath(program_path(r->program), path) != NULL;
  return json_pack("{s:o, s:s, s:s, s:o, s:s, s:o, s:s, s:I}", "file",
                   run_text_json(whole ? path : program_path(r->program)), "experiment", program_name(r->program),
                   "stage", s->name, "teacher", teachers, "data", program_data_at(r->program, s->data)->name,
                   "settings", settings, "form", r->options->teacher_form, "rows", (json_int_t)data->count);
}

/* ---- forms ---- */

static void set_forms(const run_state *r, const program_stage *s, stage_teacher *t) {
  const run_options *o = r->options;
  for (int i = 0; i < teacher_value_count(t->outputs); i++) {
    kept_value *v = teacher_value(t->outputs, i);
    if (v->dtype != RETORT_F32)
      continue;
    if (o->teacher_cache == TEACHER_CACHE_HALF)
      v->form = KEPT_HALF;
    if (o->teacher_cache != TEACHER_CACHE_TOP)
      continue;
    const node *read = graph_find_input(t->cut.step, v->name);
    int64_t size = v->rank ? v->sizes[v->rank - 1] : 0;
    bool smaller = size * (int64_t)sizeof(float) > o->teacher_top * KEPT_BYTES_PER_TOP + KEPT_BYTES_OF_TAIL;
    if (smaller && read && teacher_through_softmax(t->cut.step, read)) {
      v->form = KEPT_TOP;
      v->top = o->teacher_top;
    } else {
      progress_say(r->progress, "%s  %s of the teacher (%s) is kept whole: %s", s->name, v->name,
                   read && read->name ? read->name : "no name",
                   smaller ? "top-K is for logits that nothing but a softmax reads"
                           : "so few numbers take no less room as top-K");
    }
  }
}

/* ---- messages ---- */

static void say_kept(const run_state *r, const program_stage *s, const stage_teacher *t, int64_t there,
                     double seconds) {
  const dataset *data = r->data[s->data];
  kept_error error = teacher_error(t->outputs);
  text line = {0};
  text_add(&line, "%s  teacher outputs: %lld rows, %s", s->name, (long long)data->count,
           bytes_text(r->arena, (double)teacher_bytes(t->outputs)));
  if (there == data->count)
    text_add(&line, ", from cache");
  else if (there > 0)
    text_add(&line, ", %lld from cache, %lld kept in %.1f s", (long long)there, (long long)(data->count - there),
             seconds);
  else
    text_add(&line, ", kept in %.1f s", seconds);
  if (error.largest > 0)
    text_add(&line, "; float16: off by %.2g at most", error.largest);
  if (error.count > 0)
    text_add(&line, "; top %d: a mean KL of %.2g from the full distributions", r->options->teacher_top,
             error.divergence / (double)error.count);
  progress_say(r->progress, "%s", line.data);
  text_free(&line);
}

static void say_not_kept(const run_state *r, const program_stage *s, const char *reason) {
  progress_say(r->progress, "%s  warning: teacher outputs are not kept: %s; the teacher runs with each batch", s->name,
               reason);
}

/* ---- keeping ---- */

static bool fits(const run_state *r, const program_stage *s, const stage_teacher *t) {
  int64_t bytes = teacher_bytes(t->outputs), rows = r->data[s->data]->count;
  if (bytes <= r->options->cache_limit)
    return true;
  const char *reason = arena_print(
      r->arena, "they would take %s (%s a row), and --cache-limit is %s", bytes_text(r->arena, (double)bytes),
      bytes_text(r->arena, (double)bytes / (double)rows), bytes_text(r->arena, (double)r->options->cache_limit));
  say_not_kept(r, s, reason);
  return false;
}

static bool disk_has_room(arena *a, const char *folder, int64_t bytes, failure *f) {
  struct statvfs about;
  if (statvfs(folder, &about) != 0)
    return true; /* writing will tell */
  double room = (double)about.f_bavail * (double)about.f_frsize;
  return room > (double)bytes ? true
                              : fail(f, "the disk of %s has room for %s more, and they take %s", folder,
                                     bytes_text(a, room), bytes_text(a, (double)bytes));
}

/* Makes what is missing. */
static teacher_result fill(run_state *r, const program_stage *s, stage_teacher *t, const char *folder, const char *name,
                           int64_t there, failure *f) {
  const dataset *data = r->data[s->data];
  int64_t bytes = teacher_bytes(t->outputs);
  json_t *about = make_about(r, s, data);
  teacher_result result = TEACHER_NOT_KEPT;
  int dropped = kept_drop_older(folder, name, about);
  if (dropped > 0)
    progress_say(r->progress,
                 "%s  teacher outputs: weights, data, program or options have changed; those of before are dropped",
                 s->name);
  if (!kept_make_room(folder, name, bytes, r->options->cache_limit))
    fail(f, "no room can be made in %s", folder);
  else if (kept_entry_begin(folder, name, about, f) &&
           disk_has_room(r->arena, folder, bytes / data->count * (data->count - there), f))
    result = teacher_fill(t->outputs, r->progress, s->name, f);
  json_decref(about);
  if (result == TEACHER_NOT_KEPT || result == TEACHER_TOO_LARGE)
    kept_entry_remove(folder, name);
  return result;
}

static teacher_result keep(run_state *r, const program_stage *s, stage_teacher *t, const char *folder, failure *f) {
  const dataset *data = r->data[s->data];
  kept_key key = make_key(r, data, run_stage_layout(r, s).packed, t);
  char name[KEPT_NAME_SIZE];
  kept_name(&key, name);
  char *path = memory_print("%s/%s", folder, name);
  failure wrong = {0};
  double began = monotonic_seconds();
  int64_t there = teacher_open(t->outputs, path, &key, &wrong);
  if (wrong.text)
    progress_say(r->progress, "%s  warning: teacher outputs that cannot be used are made again: %s", s->name,
                 wrong.text);
  failure_free(&wrong);
  free(path);
  teacher_result result = there == data->count ? TEACHER_KEPT : fill(r, s, t, folder, name, there, f);
  if (result == TEACHER_KEPT) {
    kept_entry_use(folder, name);
    say_kept(r, s, t, there, monotonic_seconds() - began);
  }
  return result;
}

/* Numbers that 16 bits cannot hold are kept as they are. */
static void keep_whole(const run_state *r, const program_stage *s, stage_teacher *t, failure *f) {
  progress_say(r->progress, "%s  warning: %s: they are kept as float32", s->name, f->text);
  failure_free(f);
  *f = (failure){0};
  for (int i = 0; i < teacher_value_count(t->outputs); i++)
    if (teacher_value(t->outputs, i)->form == KEPT_HALF)
      teacher_value(t->outputs, i)->form = KEPT_WHOLE;
}

static int begin_keeping(run_state *r, const program_stage *s, stage_teacher *t) {
  const char *cache = cache_folder(r->arena);
  set_forms(r, s, t);
  if (!cache || !fits(r, s, t))
    return STATUS_DONE;
  const char *folder = arena_print(r->arena, "%s/" TEACHERS_FOLDER, cache);
  failure f = {0};
  teacher_result result = keep(r, s, t, folder, &f);
  if (result == TEACHER_TOO_LARGE) {
    keep_whole(r, s, t, &f);
    result = fits(r, s, t) ? keep(r, s, t, folder, &f) : TEACHER_KEPT;
  }
  if (result == TEACHER_NOT_KEPT) {
    say_not_kept(r, s, f.text ? f.text : "no reason given");
    teacher_forget(t->outputs);
  }
  failure_free(&f);
  return result == TEACHER_INTERRUPTED ? STATUS_INTERRUPTED : STATUS_DONE;
}

int run_begin_teacher(run_state *r, int index, stage_teacher *t, failure *f) {
  const program_stage *s = program_stage_at(r->program, index);
  if (!t->cut.teacher)
    return STATUS_DONE;
  callable function;
  t->executable =
      run_compile_by(r, t->cut.teacher, run_stage_layout(r, s).packed, teacher_contractions(r), &function, f);
  if (!t->executable)
    return STATUS_INTERNAL;
  t->outputs =
      teacher_create(&function, program_model_count(r->program), r->models, r->data[s->data], r->options->threads, f);
  if (!t->outputs)
    return STATUS_INTERNAL;
  return r->options->teacher_cache == TEACHER_CACHE_OFF ? STATUS_DONE : begin_keeping(r, s, t);
}

void run_end_teacher(stage_teacher *t) {
  teacher_free(t->outputs);
  executable_destroy(t->executable);
}
