#include "tests/bench/bound.h"
#include "compiler/check/program.h"
#include "compiler/passes/teacher.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- source to executable ---- */

static graph *make_graph(arena *a, const work *w, const bench_options *options, diagnostics *d) {
  program_options settings = {.models = options->models};
  program *p = program_load(a, options->file, &settings, d);
  if (!p || diagnostics_error_count(d))
    return NULL;
  for (int i = 0; w->stage && i < program_stage_count(p); i++)
    if (strcmp(program_stage_at(p, i)->name, w->stage) == 0)
      return program_stage_graph(p, i, GRAPH_JOINT, d);
  for (int i = 0; w->model && i < program_model_count(p); i++)
    if (strcmp(program_model_at(p, i)->name, w->model) == 0)
      return program_function_graph(p, i, "forward", false, d);
  return NULL;
}

/* The step without its teacher, if the work has it so; NULL and *error where nothing of it can be cut off. */
static graph *cut_teacher(const work *w, graph *g, const graph **teacher, const char **error) {
  if (!w->cached || !g)
    return g;
  teacher_cut cut = teacher_cut_find(g, w->length);
  *teacher = cut.teacher;
  *error = cut.reason ? cut.reason : "it has no teacher";
  return cut.reason || !cut.teacher ? NULL : (graph *)cut.step;
}

executable *bound_compile(arena *a, const work *w, const bench_options *options, graph **g, const graph **teacher) {
  diagnostics *d = diagnostics_create(a);
  const char *error = "no such stage or model";
  *g = cut_teacher(w, make_graph(a, w, options, d), teacher, &error);
  compile_options own = options->compile;
  own.switches.packed = own.switches.packed || (w->ragged && !options->layout_chosen);
  executable *e = *g && diagnostics_error_count(d) == 0 ? executable_create(*g, &own, &error) : NULL;
  if (!e) {
    diagnostics_print(d, stderr, false);
    fprintf(stderr, "%s: %s\n", w->name, error);
  }
  return e;
}

/* ---- a call with random data ---- */

/* xorshift64*; the values matter little, only that they are no special ones. */
static double random_number(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (double)(*state * 0x2545F4914F6CDD1DULL >> 11) * 0x1p-53;
}

static int64_t range_of(const char *name) {
  return strcmp(name, "ids") == 0 ? 1000 : strcmp(name, "label") == 0 ? 2 : 1;
}

/* The numbers of word pieces of SST-2's sentences, with the two marks around them: the middles of 32 equal parts. */
static int32_t drawn_length(int64_t row, int most) {
  static const int32_t parts[] = {5,  7,  9,  10, 11, 12, 14, 15, 16, 17, 17, 18, 19, 20, 21, 22,
                                  23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34, 35, 37, 40, 43, 50};
  int32_t length = row == 0 ? most : parts[row * 11 % 32];
  return length < most ? length : most;
}

static void fill(const retort_tensor *t, void *data, int64_t count, const work *w) {
  uint64_t state = 88172645463325252ULL;
  bool lengths = strstr(t->name, ".lengths") != NULL, small = strstr(t->name, "/state/") != NULL;
  for (int64_t i = 0; i < count; i++) {
    double x = random_number(&state);
    if (t->dtype == RETORT_F32)
      ((float *)data)[i] = (float)(small ? 0 : t->rank == 0 ? 1 : (x - 0.5) * 0.1);
    else if (t->dtype == RETORT_I32)
      ((int32_t *)data)[i] = lengths && w->ragged ? drawn_length(i, w->length)
                             : lengths            ? w->length
                                                  : (int32_t)(x * (double)range_of(t->name));
    else if (t->dtype == RETORT_I64)
      ((int64_t *)data)[i] = 1;
  }
}

static size_t tensor_bytes(const bound *b, const retort_tensor *t) {
  static const size_t sizes[] = {[RETORT_BOOL] = 1, [RETORT_I32] = 4, [RETORT_I64] = 8, [RETORT_F32] = 4};
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++)
    count *= retort_size_evaluate(&t->dims[i], b->dims, executable_signature(b->executable)->dim_count, 1);
  return sizes[t->dtype] * (size_t)count;
}

static void *allocate(size_t bytes) {
  void *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data)
    exit(71);
  return data;
}

static void *make_tensor(const bound *b, const retort_tensor *t, const work *w) {
  size_t bytes = tensor_bytes(b, t);
  void *data = allocate(bytes);
  memset(data, 0, bytes);
  fill(t, data, (int64_t)(bytes / (t->dtype == RETORT_BOOL ? 1 : t->dtype == RETORT_I64 ? 8 : 4)), w);
  return data;
}

static void **make_tensors(const bound *b, const retort_tensor *of, int count, const work *w) {
  void **all = calloc((size_t)count + 1, sizeof *all);
  if (!all)
    exit(71);
  for (int i = 0; i < count; i++)
    all[i] = make_tensor(b, &of[i], w);
  return all;
}

static void set_dims(bound *b, const work *w) {
  const retort_signature *s = executable_signature(b->executable);
  for (int i = 0; i < s->dim_count && i < BOUND_DIMS_MAX; i++)
    b->dims[i] = strcmp(s->dim_names[i], "B") == 0 ? w->rows : w->length;
  void **inputs = make_tensors(b, s->inputs, s->input_count, w);
  retort_bind_sums(s, (const void *const *)inputs, b->dims);
  b->call.inputs = (const void *const *)inputs;
  b->call.dims = b->dims;
}

/* For the dims that are set, where what there is is too small. */
static void set_workspace(bound *b) {
  size_t size = executable_workspace_size(b->executable, b->dims, b->call.threads);
  if (size <= b->call.workspace_size)
    return;
  b->call.workspace = allocate(size);
  b->call.workspace_size = size;
}

void bound_make(bound *b, const work *w, int threads) {
  const retort_signature *s = executable_signature(b->executable);
  set_dims(b, w);
  b->call.weights = (const void *const *)make_tensors(b, s->weights, s->weight_count, w);
  b->call.outputs = make_tensors(b, s->outputs, s->output_count, w);
  b->call.states = make_tensors(b, s->states, s->state_count, w);
  b->call.threads = threads;
  set_workspace(b);
}

static void free_tensors(const void *const *tensors, int count) {
  for (int i = 0; i < count; i++)
    free((void *)tensors[i]);
  free((void *)tensors);
}

void bound_free(bound *b) {
  const retort_signature *s = executable_signature(b->executable);
  free_tensors(b->call.weights, s->weight_count);
  free_tensors(b->call.inputs, s->input_count);
  free_tensors((const void *const *)b->call.outputs, s->output_count);
  free_tensors((const void *const *)b->call.states, s->state_count);
  free(b->call.workspace);
}

void bound_make_another(bound *b, const bound *with, const work *w) {
  *b = (bound){.executable = with->executable, .call = with->call};
  set_dims(b, w);
  b->call.outputs = make_tensors(b, executable_signature(b->executable)->outputs,
                                 executable_signature(b->executable)->output_count, w);
  set_workspace(b);
}
