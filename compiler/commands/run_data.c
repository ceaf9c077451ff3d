/* Models and data of an experiment as the runtime holds them. */
#include "compiler/commands/run_state.h"
#include "compiler/graph/lookup.h"
#include "runtime/data/file.h"
#include "runtime/data/tokenizer_folder.h"
#include <stdlib.h>
#include <string.h>

/* ---- weights ---- */

static weight_initial initial_of(initial_kind kind) {
  switch (kind) {
  case INITIAL_ZEROS:
    return WEIGHT_ZEROS;
  case INITIAL_ONES:
    return WEIGHT_ONES;
  case INITIAL_CONSTANT:
    return WEIGHT_CONSTANT;
  case INITIAL_NORMAL:
    return WEIGHT_NORMAL;
  case INITIAL_UNIFORM:
    return WEIGHT_UNIFORM;
  }
  return WEIGHT_ZEROS;
}

retort_dtype run_dtype(dtype d) {
  switch (d) {
  case DTYPE_BOOL:
    return RETORT_BOOL;
  case DTYPE_I32:
    return RETORT_I32;
  case DTYPE_I64:
    return RETORT_I64;
  case DTYPE_F32:
    return RETORT_F32;
  }
  return RETORT_F32;
}

weight_set *run_make_weights(const model_parameter *parameters, int count, uint64_t seed) {
  weight *descriptions = memory_allocate((size_t)count, sizeof *descriptions);
  for (int i = 0; i < count; i++) {
    const model_parameter *p = &parameters[i];
    descriptions[i] = (weight){.path = p->path,
                               .input = p->input,
                               .dtype = run_dtype(p->dtype),
                               .rank = p->rank,
                               .initial = initial_of(p->initial),
                               .a = p->initial_a,
                               .b = p->initial_b};
    memcpy(descriptions[i].sizes, p->sizes, sizeof p->sizes);
  }
  weight_set *set = weight_set_create(count, descriptions);
  weight_set_initialize(set, seed);
  free(descriptions);
  return set;
}

static int find_model(const run_state *r, const char *name, size_t length) {
  for (int i = 0; i < program_model_count(r->program); i++) {
    const char *its = program_model_at(r->program, i)->name;
    if (strlen(its) == length && memcmp(its, name, length) == 0)
      return i;
  }
  return -1;
}

static bool load_weights(run_state *r, const char *request, failure *f) {
  const char *path = strchr(request, '=');
  if (!path)
    return fail(f, "--load %s: expected MODEL=PATH", request);
  int model = find_model(r, request, (size_t)(path - request));
  if (model < 0)
    return fail(f, "--load %s: the experiment has no model '%.*s'", request, (int)(path - request), request);
  char *extra = NULL;
  bool good = weight_set_load(r->models[model], path + 1, &extra, f);
  if (extra)
    progress_say(r->progress, "warning: %s holds tensors that model '%s' does not have:%s", path + 1,
                 program_model_at(r->program, model)->name, extra);
  free(extra);
  return good;
}

static bool read_pretrained(const run_state *r, const program_model *m, weight_set *set, failure *f) {
  char *extra = NULL;
  const weight_source source = {.path = m->folder,
                                .fresh_count = m->fresh_count,
                                .fresh = m->fresh,
                                .config = m->config,
                                .whole = m->config_alone};
  bool good = weight_set_read(set, &source, &extra, f);
  if (extra)
    progress_say(r->progress, "warning: %s holds tensors that model '%s' does not have:%s", m->folder, m->name, extra);
  free(extra);
  return good;
}

bool run_make_models(run_state *r, failure *f) {
  int count = program_model_count(r->program);
  r->models = memory_allocate((size_t)count, sizeof *r->models);
  for (int i = 0; i < count; i++) {
    const program_model *m = program_model_at(r->program, i);
    r->models[i] = run_make_weights(m->parameters, m->parameter_count, r->options->seed);
    if (m->folder && !read_pretrained(r, m, r->models[i], f))
      return false;
  }
  for (int i = 0; i < r->options->load_count; i++)
    if (!load_weights(r, r->options->loads[i], f))
      return false;
  return true;
}

/* ---- data ---- */

/* Takes over the path. NULL after a failure. */
static const wordpiece *load_tokenizer(run_state *r, char *path, bool lower, failure *f) {
  for (int i = 0; i < r->tokenizer_count; i++)
    if (strcmp(r->tokenizers[i].path, path) == 0 && r->tokenizers[i].lower == lower) {
      free(path);
      return r->tokenizers[i].tokenizer;
    }
  wordpiece *tokenizer = wordpiece_load(path, lower, f);
  if (!tokenizer) {
    free(path);
    return NULL;
  }
  r->tokenizers = memory_resize(r->tokenizers, (size_t)r->tokenizer_count + 1, sizeof *r->tokenizers);
  r->tokenizers[r->tokenizer_count++] = (struct run_tokenizer){path, lower, tokenizer};
  return tokenizer;
}

static const wordpiece *find_tokenizer(run_state *r, const program_data *d, failure *f) {
  char *path = file_locate(program_path(r->program), d->vocabulary, f);
  tokenizer_settings settings = {.lower = d->lower};
  bool good = path && tokenizer_settings_read(path, &settings, f);
  if (good && settings.length_most > 0 && d->length > settings.length_most)
    good = fail(f, "%s:%d: '%s' has rows of up to %d tokens, and %s says that its model takes %lld",
                d->where.file->path, d->where.line, d->name, d->length, path, (long long)settings.length_most);
  free(path);
  if (good)
    return load_tokenizer(r, settings.vocabulary, d->lower_said ? d->lower : settings.lower, f);
  free(settings.vocabulary);
  return NULL;
}

const wordpiece *run_tokenizer_of(const run_state *r, int data) {
  return r->data_tokenizers[data];
}

/* Sets that say the same number of classes have the same ones: train, dev and test of one task. */
static int first_alike(const run_state *r, int index) {
  int first = 0;
  while (program_data_at(r->program, first)->classes != program_data_at(r->program, index)->classes)
    first++;
  return first;
}

const class_list *run_classes(const run_state *r, int data) {
  return &r->class_lists[first_alike(r, data)];
}

static record_column column_of(program_column c) {
  return (record_column){.name = c.name, .number = c.number};
}

static record_format format_of(const char *name) {
  static const char *const names[] = {[RECORDS_TSV] = "tsv", [RECORDS_CSV] = "csv", [RECORDS_JSONL] = "jsonl"};
  for (int i = 0; i < RECORDS_LINES; i++)
    if (strcmp(names[i], name) == 0)
      return (record_format)i;
  return RECORDS_LINES;
}

/* The caller frees .path. */
static record_source source_of(const run_state *r, const program_source *s, failure *f) {
  return (record_source){.path = file_locate(program_path(r->program), s->path, f),
                         .format = format_of(s->format),
                         .columns = {[RECORD_TEXT] = column_of(s->text),
                                     [RECORD_LABEL] = column_of(s->label),
                                     [RECORD_PAIR] = column_of(s->pair),
                                     [RECORD_TARGET] = column_of(s->target)},
                         .header = s->header,
                         .class = s->class,
                         .encoding = strcmp(s->encoding, "latin1") == 0 ? ENCODING_LATIN1 : ENCODING_UTF8};
}

static bool load_set(run_state *r, int index, failure *f) {
  const program_data *d = program_data_at(r->program, index);
  if (r->data[index])
    return true;
  if (!d->tokenizer || strcmp(d->tokenizer, "wordpiece") != 0)
    return fail(f, "the set '%s' has no tokenizer: |> wordpiece(…)", d->name);
  const wordpiece *tokenizer = find_tokenizer(r, d, f);
  if (!tokenizer)
    return false;
  r->data_tokenizers[index] = tokenizer;
  record_source *sources = memory_allocate((size_t)d->source_count, sizeof *sources);
  for (int i = 0; i < d->source_count && !f->text; i++)
    sources[i] = source_of(r, &d->sources[i], f);
  dataset_options options = {.source_count = d->source_count,
                             .sources = sources,
                             .classes = d->classes,
                             .length = d->length,
                             .share = {.begin = d->share_begin, .end = d->share_end, .seed = (uint64_t)d->share_seed}};
  if (!f->text)
    r->data[index] = dataset_load(&options, tokenizer, &r->class_lists[first_alike(r, index)], f);
  for (int i = 0; i < d->source_count; i++)
    free((char *)sources[i].path);
  free(sources);
  return r->data[index] != NULL;
}

bool run_load_data(run_state *r, failure *f) {
  size_t count = (size_t)program_data_count(r->program);
  r->data = memory_allocate(count, sizeof *r->data);
  r->data_tokenizers = memory_allocate(count, sizeof *r->data_tokenizers);
  r->class_lists = memory_allocate(count, sizeof *r->class_lists); /* of each set, or of the first one like it */
  for (int i = 0; i < program_stage_count(r->program); i++) {
    const program_stage *s = program_stage_at(r->program, i);
    if (!load_set(r, s->data, f) || (s->validate_data >= 0 && !load_set(r, s->validate_data, f)) ||
        (s->keep_data >= 0 && !load_set(r, s->keep_data, f)))
      return false;
  }
  for (int i = 0; i < program_evaluation_count(r->program); i++)
    if (!load_set(r, program_evaluation_at(r->program, i)->data, f))
      return false;
  return true;
}

void run_free_data(run_state *r) {
  for (int i = 0; r->models && i < program_model_count(r->program); i++)
    weight_set_free(r->models[i]);
  for (int i = 0; r->data && i < program_data_count(r->program); i++)
    dataset_free(r->data[i]);
  for (int i = 0; r->class_lists && i < program_data_count(r->program); i++)
    class_list_free(&r->class_lists[i]);
  for (int i = 0; i < r->tokenizer_count; i++) {
    free(r->tokenizers[i].path);
    wordpiece_free(r->tokenizers[i].tokenizer);
  }
  free(r->models);
  free(r->data);
  free(r->class_lists);
  free(r->data_tokenizers);
  free(r->tokenizers);
}

/* ---- tokens and labels against the graph ---- */

static bool check_tokens(const dataset *data, const graph *g, const char *name, const int32_t *tokens, failure *f) {
  const char *table = NULL;
  int32_t limit = graph_table_rows(g, name, &table);
  int64_t row = limit < INT32_MAX ? dataset_row_over(data, tokens, limit) : -1;
  if (row < 0)
    return true;
  return fail(f, "%s:%lld: a token in '%s' is outside the %d rows of %s: give the model the vocabulary's size",
              dataset_file_of(data, row), (long long)data->lines[row], name, limit,
              table ? table : "the table that it looks up");
}

/* A memory with a row for each row of the set, which the graph writes or reads by the field `row`. */
static bool check_rows(const dataset *data, const graph *g, failure *f) {
  const char *table = NULL;
  int64_t smallest = graph_table_rows(g, "row", &table);
  if (data->count <= smallest)
    return true;
  return fail(f, "%s has %lld rows, but what is kept for each of them has %lld: give the objective the set's size",
              data->path, (long long)data->count, (long long)smallest);
}

bool run_check_fields(const dataset *data, const graph *g, int64_t classes, failure *f) {
  if (!check_tokens(data, g, "ids", data->ids, f) || !check_tokens(data, g, "types", data->types, f) ||
      !check_rows(data, g, f))
    return false;
  if (graph_find_input(g, "target") && !data->targets)
    return fail(f, "%s has no targets (target: COLUMN), but they are needed", data->path);
  if ((graph_find_input(g, "label") || graph_find_input(g, "class_weight")) && !data->labels)
    return fail(f, "%s has no labels (label: COLUMN), but they are needed", data->path);
  int64_t row = classes > 0 ? dataset_label_over(data, (int32_t)classes) : -1;
  if (row < 0)
    return true;
  return fail(f, "%s:%lld: label %d is outside the model's %lld classes", dataset_file_of(data, row),
              (long long)data->lines[row], data->labels[row], (long long)classes);
}
