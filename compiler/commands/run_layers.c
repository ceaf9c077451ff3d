#include "compiler/commands/run_layers.h"
#include "runtime/run/alignment.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  TOKENS_COMPARED = 256,
  WORDS_SHOWN_MIN = 8, /* the row whose attention is drawn has so many, if there is one */
  WORDS_SHOWN_MAX = 16,
  LAYERS_MAX = 64,
  PAIRS_MAX = 4 /* of teacher and student; a page of more is not read */
};

typedef struct layer {
  const char *output, *name;
  int64_t width;  /* of states; 0: attention */
  int64_t heads;  /* of attention */
  float *states;  /* [tokens, width] */
  double *map;    /* [words, words] */
  bool is_spread; /* each line of the map is a distribution */
} layer;

typedef struct layers {
  int count;
  layer items[LAYERS_MAX];
} layers;

typedef struct sample { /* the rows that are compared, in the set's order */
  const dataset *data;
  int64_t rows, tokens;
  int64_t shown; /* the row whose attention is drawn */
  int64_t words;
} sample;

/* ---- which taps are layers ---- */

static void add_layer(layers *all, const graph_output *tap, const node *ids) {
  const shape *s = &tap->value->shape, *of = &ids->shape;
  layer l = {.output = tap->name, .name = tap->name + strlen("tap.")};
  if (all->count == LAYERS_MAX || s->rank < 3 || s->dims[0] != of->dims[0] || tap->value->dtype != DTYPE_F32)
    return;
  bool states = s->rank == 3 && s->dims[1] == of->dims[1] && dim_is_constant(s->dims[2], &l.width);
  bool attention =
      s->rank == 4 && s->dims[2] == of->dims[1] && s->dims[3] == of->dims[1] && dim_is_constant(s->dims[1], &l.heads);
  if (states || attention)
    all->items[all->count++] = l;
}

static layers find_layers(const graph *g) {
  layers all = {0};
  const node *ids = graph_find_input(g, "ids");
  if (ids && ids->shape.rank == 2)
    for (int i = 0; i < g->output_count; i++)
      if (strncmp(g->outputs[i].name, "tap.", strlen("tap.")) == 0)
        add_layer(&all, &g->outputs[i], ids);
  return all;
}

static void free_layers(layers *all) {
  for (int i = 0; i < all->count; i++) {
    free(all->items[i].states);
    free(all->items[i].map);
  }
}

/* ---- their values ---- */

static int64_t row_length(const dataset *data, int64_t row) {
  return data->starts[row + 1] - data->starts[row];
}

static sample choose_sample(const dataset *data) {
  sample s = {.data = data};
  while (s.rows < data->count && s.tokens < TOKENS_COMPARED)
    s.tokens += row_length(data, s.rows++);
  while (s.shown < s.rows &&
         (row_length(data, s.shown) < WORDS_SHOWN_MIN || row_length(data, s.shown) > WORDS_SHOWN_MAX))
    s.shown++;
  s.shown = s.shown < s.rows ? s.shown : 0;
  s.words = s.rows ? row_length(data, s.shown) : 0;
  s.words = s.words < WORDS_SHOWN_MAX ? s.words : WORDS_SHOWN_MAX;
  return s;
}

/* values: [1, heads, width, width], of which the words' part is taken. */
static void read_map(layer *l, const float *values, int64_t width, int64_t length, int64_t words) {
  l->map = memory_allocate((size_t)words, (size_t)words * sizeof *l->map);
  l->is_spread = true;
  for (int64_t h = 0; h < l->heads; h++)
    for (int64_t i = 0; i < length; i++) {
      const float *line = values + (h * width + i) * width;
      double sum = 0;
      for (int64_t k = 0; k < length; k++) {
        sum += line[k];
        l->is_spread = l->is_spread && line[k] >= 0;
        if (i < words && k < words)
          l->map[i * words + k] += line[k] / (double)l->heads;
      }
      l->is_spread = l->is_spread && fabs(sum - 1) < 1e-3;
    }
}

static void read_row(layers *all, const binding *b, const batch *row, const sample *s, int64_t index, int64_t at) {
  int64_t length = row->lengths[0], count;
  for (int i = 0; i < all->count; i++) {
    layer *l = &all->items[i];
    const float *values = binding_output(b, l->output, &count);
    if (l->width)
      memcpy(l->states + at * l->width, values, (size_t)(length * l->width) * sizeof *values);
    else if (index == s->shown)
      read_map(l, values, row->width, length, s->words);
  }
}

/* Rows one by one: their values do not depend on who stands beside them. */
static bool read_layers(run_state *r, int model, layers *all, const graph *g, const sample *s, failure *f) {
  callable forward;
  executable *e = run_compile(r, g, r->options->layout == LAYOUT_PACKED, &forward, f);
  binding *b = e ? binding_create(&forward, 1, &r->models[model], r->options->threads, f) : NULL;
  batcher *batches = b ? batcher_create(s->data, 1, binding_width(b), false, 0) : NULL;
  for (int i = 0; i < all->count; i++)
    if (all->items[i].width)
      all->items[i].states =
          memory_allocate((size_t)s->tokens, (size_t)all->items[i].width * sizeof *all->items[i].states);
  bool good = b;
  for (int64_t i = 0, at = 0; i < s->rows && good; i++) {
    const batch *row = batcher_fill(batches, i);
    good = binding_call(b, row, &(step_values){.step = 1, .steps = 1}, f);
    if (good)
      read_row(all, b, row, s, i, at);
    at += row->lengths[0];
  }
  batcher_free(batches);
  binding_free(b);
  executable_destroy(e);
  return good;
}

/* ---- as JSON ---- */

static json_t *state_names(const layers *all) {
  json_t *names = json_array();
  for (int i = 0; i < all->count; i++)
    if (all->items[i].width)
      json_array_append_new(names, json_string(all->items[i].name));
  return names;
}

static double **all_grams(const layers *all, int64_t tokens, int *count) {
  double **grams = memory_allocate((size_t)all->count + 1, sizeof *grams);
  *count = 0;
  for (int i = 0; i < all->count; i++)
    if (all->items[i].width)
      grams[(*count)++] = alignment_gram(tokens, all->items[i].width, all->items[i].states);
  return grams;
}

static void free_grams(double **grams, int count) {
  for (int i = 0; i < count; i++)
    free(grams[i]);
  free(grams);
}

static json_t *distances(const layers *student, const layers *teacher, int64_t tokens) {
  int rows, columns;
  double **own = all_grams(student, tokens, &rows), **his = all_grams(teacher, tokens, &columns);
  json_t *all = json_array();
  for (int i = 0; i < rows; i++) {
    json_t *line = json_array();
    for (int k = 0; k < columns; k++)
      json_array_append_new(line, json_real(fmax(0, 1 - alignment_of(tokens, own[i], his[k]))));
    json_array_append_new(all, line);
  }
  free_grams(own, rows);
  free_grams(his, columns);
  return all;
}

static json_t *attention_maps(const layers *all, int64_t words) {
  json_t *maps = json_array();
  for (int i = 0; i < all->count; i++) {
    const layer *l = &all->items[i];
    if (!l->map || !l->is_spread)
      continue;
    json_t *map = json_array();
    for (int64_t q = 0; q < words; q++) {
      json_t *line = json_array();
      for (int64_t k = 0; k < words; k++)
        json_array_append_new(line, json_real(l->map[q * words + k]));
      json_array_append_new(map, line);
    }
    json_array_append_new(maps, json_pack("{s:s, s:o}", "name", l->name, "map", map));
  }
  return maps;
}

static json_t *words_of(const run_state *r, int data, const sample *s) {
  const wordpiece *tokenizer = run_tokenizer_of(r, data);
  json_t *words = json_array();
  for (int64_t i = 0; i < s->words; i++) {
    char *word = wordpiece_text(tokenizer, s->data->ids[s->data->starts[s->shown] + i]);
    json_t *as_json = json_string(word); /* NULL: no UTF-8 */
    json_array_append_new(words, as_json ? as_json : json_string("?"));
    free(word);
  }
  return words;
}

/* NULL after a failure, or (without a text in f) when the models have no layers to compare. */
static json_t *compare_pair(run_state *r, const program_evaluation *v, int student, int teacher, failure *f) {
  const int models[2] = {student, teacher};
  layers found[2] = {{0}, {0}};
  sample s = choose_sample(r->data[v->data]);
  bool good = s.rows > 0;
  for (int i = 0; i < 2 && good; i++) {
    diagnostics *unread = diagnostics_create(r->arena);
    const graph *g = program_function_graph(r->program, models[i], "forward", true, unread);
    if (g)
      found[i] = find_layers(g);
    good = found[i].count > 0 && run_check_fields(s.data, g, 0, f) && read_layers(r, models[i], &found[i], g, &s, f);
  }
  json_t *pair = NULL;
  if (good)
    pair =
        json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "student",
                  program_model_at(r->program, student)->name, "teacher", program_model_at(r->program, teacher)->name,
                  "on", program_data_at(r->program, v->data)->name, "tokens", (json_int_t)s.tokens, "student_states",
                  state_names(&found[0]), "teacher_states", state_names(&found[1]), "distance",
                  distances(&found[0], &found[1], s.tokens), "words", words_of(r, v->data, &s), "student_attention",
                  attention_maps(&found[0], s.words), "teacher_attention", attention_maps(&found[1], s.words));
  free_layers(&found[0]);
  free_layers(&found[1]);
  return pair;
}

/* ---- which models ---- */

/* The last teacher of the last stage that distils into the model; -1: none. */
static int last_teacher(const program *p, int model) {
  for (int i = program_stage_count(p) - 1; i >= 0; i--) {
    const program_stage *s = program_stage_at(p, i);
    for (int k = 0; s->teacher_count && k < s->student_count; k++)
      if (s->students[k] == model)
        return s->teachers[s->teacher_count - 1];
  }
  return -1;
}

json_t *run_layers(run_state *r, failure *f) {
  const program *p = r->program;
  json_t *all = json_array();
  bool *done = memory_allocate((size_t)program_model_count(p) + 1, sizeof *done);
  for (int i = 0; i < program_evaluation_count(p); i++) {
    const program_evaluation *v = program_evaluation_at(p, i);
    for (int k = 0; k < v->model_count && json_array_size(all) < PAIRS_MAX && !f->text; k++) {
      int student = v->models[k].model, teacher = last_teacher(p, student);
      if (teacher < 0 || done[student])
        continue;
      done[student] = true;
      json_t *pair = compare_pair(r, v, student, teacher, f);
      if (pair)
        json_array_append_new(all, pair);
    }
  }
  free(done);
  if (!f->text)
    return all;
  json_decref(all);
  return NULL;
}
