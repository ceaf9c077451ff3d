#include "compiler/link/random_call.h"
#include "compiler/graph/lookup.h"
#include <stdlib.h>
#include <string.h>

/* xorshift64*; in [0, 1) */
static double random_number(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (double)(*state * 0x2545F4914F6CDD1DULL >> 11) * 0x1p-53;
}

static bool is_rows(const graph *g, int index) {
  const dim_symbol *s = dim_symbol_at(g->dims, index);
  bool rows = strcmp(s->name, "B") == 0;
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    rows = rows || (dim_symbol_at(g->dims, i)->of && dim_as_symbol(dim_symbol_at(g->dims, i)->of) == s);
  return rows && !s->of;
}

int64_t random_call_elements(const random_call *r, const retort_tensor *t) {
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++)
    count *= retort_size_evaluate(&t->dims[i], r->dims, r->signature->dim_count, 1);
  return count;
}

/* Integers below this. */
static int64_t limit_of(const graph *g, const char *name) {
  const char *table = NULL;
  int64_t rows = graph_table_rows(g, name, &table);
  return rows == INT32_MAX ? 2 : rows;
}

/* By the tensor's name, so that two executables of a graph get the same data whatever order they want it in. */
static uint64_t start_state(const char *name, uint64_t seed) {
  uint64_t state = UINT64_C(1469598103934665603) + seed;
  for (; *name; name++)
    state = (state ^ (unsigned char)*name) * UINT64_C(1099511628211);
  return state ? state : 1;
}

/* Even between 1 and twice the mean, within the longest. */
static int32_t row_length(int64_t row, double x, const random_sizes *sizes) {
  if (row == 0 || sizes->mean == 0)
    return sizes->length;
  int32_t length = 1 + (int32_t)(x * (2 * sizes->mean - 1));
  return length < sizes->length ? length : sizes->length;
}

static void fill(const retort_tensor *t, void *data, int64_t count, const graph *g, const random_sizes *sizes) {
  uint64_t state = start_state(t->name, sizes->seed);
  bool lengths = strstr(t->name, ".lengths") != NULL, of_optimizer = strstr(t->name, "/state/") != NULL;
  double limit = (double)limit_of(g, t->name);
  for (int64_t i = 0; i < count; i++) {
    double x = random_number(&state);
    switch ((retort_dtype)t->dtype) {
    case RETORT_F32:
      ((float *)data)[i] = (float)(of_optimizer ? 1e-3 * x : t->rank == 0 ? 1 : (x - 0.5) * 0.1);
      break;
    case RETORT_I32:
      ((int32_t *)data)[i] = lengths ? row_length(i, x, sizes) : (int32_t)(x * limit);
      break;
    case RETORT_I64: /* rows and keys */
      ((int64_t *)data)[i] = (int64_t)(x * limit);
      break;
    case RETORT_BOOL:
      ((char *)data)[i] = 1;
      break;
    }
  }
}

static void *allocate(size_t bytes) {
  void *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data)
    exit(EXIT_MEMORY);
  memset(data, 0, bytes);
  return data;
}

static void **make_tensors(const random_call *r, const retort_tensor *of, int count, const graph *g,
                           const random_sizes *sizes) {
  void **all = calloc((size_t)count + 1, sizeof *all);
  if (!all)
    exit(EXIT_MEMORY);
  for (int i = 0; i < count; i++) {
    int64_t elements = random_call_elements(r, &of[i]);
    all[i] = allocate(dtype_size((dtype)of[i].dtype) * (size_t)elements);
    fill(&of[i], all[i], elements, g, sizes);
  }
  return all;
}

static const char *unfit(const graph *g, const retort_plan *plan, const int64_t *dims) {
  int64_t found;
  const retort_condition *broken = retort_broken_condition(plan, dims, &found);
  return broken ? arena_print(g->arena, "%s, found %lld", broken->message, (long long)found) : NULL;
}

random_call *random_call_create(const executable *e, const graph *g, const random_sizes *sizes, const char **error) {
  random_call *r = calloc(1, sizeof *r);
  const retort_signature *s = executable_signature(e);
  int64_t *dims = calloc((size_t)s->dim_count + 1, sizeof *dims);
  if (!r || !dims)
    exit(EXIT_MEMORY);
  for (int i = 0; i < s->dim_count; i++)
    dims[i] = is_rows(g, i) ? sizes->rows : sizes->length;
  *error = unfit(g, s->plan, dims);
  if (*error) {
    free(dims);
    free(r);
    return NULL;
  }
  r->signature = s;
  r->dims = dims;
  void **inputs = make_tensors(r, s->inputs, s->input_count, g, sizes);
  retort_bind_sums(s, (const void *const *)inputs, dims);
  size_t size = executable_workspace_size(e, dims, sizes->threads);
  r->call = (retort_call){
      .weights = (const void *const *)make_tensors(r, s->weights, s->weight_count, g, sizes),
      .inputs = (const void *const *)inputs,
      .outputs = make_tensors(r, s->outputs, s->output_count, g, sizes),
      .states = make_tensors(r, s->states, s->state_count, g, sizes),
      .dims = dims,
      .workspace = allocate(size),
      .workspace_size = size,
      .threads = sizes->threads,
  };
  return r;
}

static void free_tensors(const void *const *list, int count) {
  for (int i = 0; i < count; i++)
    free((void *)(uintptr_t)list[i]);
  free((void *)(uintptr_t)list);
}

void random_call_destroy(random_call *r) {
  if (!r)
    return;
  const retort_signature *s = r->signature;
  free_tensors(r->call.weights, s->weight_count);
  free_tensors(r->call.inputs, s->input_count);
  free_tensors((const void *const *)r->call.outputs, s->output_count);
  free_tensors((const void *const *)r->call.states, s->state_count);
  free(r->call.workspace);
  free(r->dims);
  free(r);
}
