/* From a graph to something that can be called. */
#include "compiler/link/executable.h"
#include "compiler/emit/emit.h"
#include "compiler/kernel/kernel.h"
#include "compiler/link/cache.h"
#include "compiler/link/interpreted.h"
#include "compiler/link/jit.h"
#include "compiler/passes/pass.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct executable {
  arena *arena; /* of what lives as long as the executable */
  const retort_signature *signature;
  const graph *interpreted; /* or else: */
  text object;
  const char *symbol;
  linked_object *linked;
  retort_function *function;
  const retort_step *step;
  /* What pass_freeze cut off, if anything: computed by `prepare` into `frozen`, which the function reads as weights. */
  executable *prepare;
  bool prepared;
  void **frozen;        /* by output of `prepare` */
  int weight_count;     /* of the function */
  const void **weights; /* by weight of the function; those that are frozen point to `frozen` */
  int *weight_sources;  /* by weight of the function: which of the signature's weights; -1: frozen */
  pass_switches switches;
  const void **prepare_weights;
  int *prepare_sources; /* by weight of `prepare`: which of the signature's */
};

/* ---- objects ---- */

static const char *make_object(arena *a, const graph *g, const target *t, const compile_options *options,
                               text *object) {
  const step *s = step_create_limited(g, options->switches.merge_limit);
  return emit_step(a, s, t, EMIT_OBJECT, object);
}

/* From the cache, or made and put there. */
static const char *find_object(arena *a, const graph *g, const target *t, const compile_options *options,
                               text *object) {
  const pass_switches *off = &options->switches;
  const char *cache = options->cache;
  const char *made_for = arena_print(a, "%s without %x, merges %d", target_describe(t), off->without, off->merge_limit);
  const char *key = cache ? cache_key(a, g, made_for) : NULL;
  if (key && cache_read(cache, key, object))
    return NULL;
  const char *wrong = make_object(a, g, t, options, object);
  if (key && !wrong) {
    cache_write(cache, key, object);
    cache_keep_within(cache, options->cache_bytes > 0 ? options->cache_bytes : CACHE_OBJECT_BYTES);
  }
  return wrong;
}

static const char *link_object(executable *e, arena *a, const graph *g) {
  const char *wrong = NULL;
  e->symbol = emit_symbol(e->arena, g->name);
  e->linked = jit_link(a, e->object.data, e->object.length, &wrong);
  if (!e->linked)
    return wrong;
  e->function = (retort_function *)(uintptr_t)jit_symbol(e->linked, a, e->symbol, &wrong);
  e->signature = jit_symbol(e->linked, a, arena_print(a, "%s_signature", e->symbol), &wrong);
  e->step = jit_symbol(e->linked, a, arena_print(a, "%s_step", e->symbol), &wrong);
  return wrong;
}

/* ---- frozen weights ---- */

static bool is_frozen(const char *name, const retort_signature *prepare, int *output) {
  for (*output = 0; *output < prepare->output_count; ++*output)
    if (!strcmp(prepare->outputs[*output].name, name))
      return true;
  return false;
}

/* The number of the weight of that name among `count`, or `count`. */
static int find_weight(const retort_tensor *weights, int count, const char *name) {
  int i = 0;
  while (i < count && strcmp(weights[i].name, name) != 0)
    i++;
  return i;
}

static size_t frozen_bytes(const retort_tensor *t) {
  size_t bytes = dtype_size((dtype)t->dtype);
  for (int i = 0; i < t->rank; i++)
    bytes *= (size_t)retort_size_evaluate(&t->dims[i], NULL, 0, 1); /* frozen shapes are constant */
  return bytes;
}

static void *allocate_tensor(const retort_tensor *t) {
  size_t bytes = frozen_bytes(t);
  void *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data)
    exit(EXIT_MEMORY);
  return data;
}

/* The signature that callers see: the function's weights but for frozen ones, and those that `prepare` reads. */
static void join_signatures(executable *e) {
  const retort_signature *own = e->signature, *prepare = e->prepare->signature;
  retort_signature *joined = arena_new(e->arena, retort_signature);
  retort_tensor *weights = arena_array(e->arena, retort_tensor, own->weight_count + prepare->weight_count + 1);
  e->frozen = arena_array(e->arena, void *, prepare->output_count + 1);
  e->weights = arena_array(e->arena, const void *, own->weight_count + 1);
  e->weight_sources = arena_array(e->arena, int, own->weight_count + 1);
  e->prepare_weights = arena_array(e->arena, const void *, prepare->weight_count + 1);
  e->prepare_sources = arena_array(e->arena, int, prepare->weight_count + 1);
  for (int i = 0; i < prepare->output_count; i++)
    e->frozen[i] = allocate_tensor(&prepare->outputs[i]);
  e->weight_count = own->weight_count;
  int count = 0, output;
  for (int i = 0; i < own->weight_count; i++)
    if (is_frozen(own->weights[i].name, prepare, &output)) {
      e->weight_sources[i] = -1;
      e->weights[i] = e->frozen[output];
    } else {
      e->weight_sources[i] = count;
      weights[count++] = own->weights[i];
    }
  for (int i = 0; i < prepare->weight_count; i++) {
    e->prepare_sources[i] = find_weight(weights, count, prepare->weights[i].name);
    if (e->prepare_sources[i] == count)
      weights[count++] = prepare->weights[i];
  }
  *joined = *own;
  joined->weights = weights;
  joined->weight_count = count;
  e->signature = joined;
}

static int run_prepare(executable *e, const void *const *weights) {
  executable *p = e->prepare;
  int64_t *dims = calloc((size_t)p->signature->dim_count + 1, sizeof *dims);
  /* Lengths of ragged dimensions may be among its inputs; what is frozen does not read them. */
  const void **inputs = calloc((size_t)p->signature->input_count + 1, sizeof *inputs);
  if (!dims || !inputs)
    exit(EXIT_MEMORY);
  for (int i = 0; i < p->signature->dim_count; i++)
    dims[i] = 1;
  for (int i = 0; i < p->signature->weight_count; i++)
    e->prepare_weights[i] = weights[e->prepare_sources[i]];
  size_t size = executable_workspace_size(p, dims, 1);
  void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
  if (!workspace)
    exit(EXIT_MEMORY);
  int status = executable_call(p, &(retort_call){.weights = e->prepare_weights,
                                                 .inputs = inputs,
                                                 .outputs = e->frozen,
                                                 .dims = dims,
                                                 .workspace = workspace,
                                                 .workspace_size = size,
                                                 .threads = 1});
  free(workspace);
  free(dims);
  free(inputs);
  return status;
}

int executable_prepare(executable *e, const void *const *weights) {
  if (!e->prepare)
    return RETORT_OK;
  int status = run_prepare(e, weights);
  e->prepared = status == RETORT_OK;
  return status;
}

/* ---- making one ---- */

static executable *compile(const graph *g, const target *t, const compile_options *options, const char **error) {
  executable *e = calloc(1, sizeof *e);
  if (!e)
    exit(EXIT_MEMORY);
  e->arena = arena_create();
  arena *scratch = arena_create();
  const char *wrong = find_object(scratch, g, t, options, &e->object);
  if (!wrong)
    wrong = link_object(e, scratch, g);
  if (!wrong && g->prepare) {
    e->prepare = compile(g->prepare, t, options, error);
    if (e->prepare)
      join_signatures(e);
    else
      wrong = *error;
  }
  if (wrong)
    *error = arena_print(g->arena, "%s", wrong);
  arena_destroy(scratch);
  if (!wrong)
    return e;
  executable_destroy(e);
  return NULL;
}

static double mebibytes(double bytes) {
  return bytes / (1024 * 1024);
}

/* The graphs that the passes make go when there is code; but what was done for a budget names nodes of theirs. */
static executable *compile_passed(const graph *g, const target *t, const compile_options *options, const char **error) {
  rematerialization done = {.fits = true}; /* so it stays when the pass is switched off */
  compile_options complete = *options;
  memory_budget *budget = &complete.switches.budget;
  complete.switches.library = target_contractions(t) == CONTRACTIONS_LIBRARY;
  complete.switches.float32_only = !target_multiplies_bf16(t);
  budget->result = &done;
  arena *scratch = arena_create();
  graph own = *g;
  own.arena = budget->bytes > 0 ? g->arena : scratch;
  const graph *optimized = passes_run_without(&own, NULL, &complete.switches);
  budget->result = options->switches.budget.result;
  if (budget->result)
    *budget->result = done;
  executable *e = NULL;
  const char *wrong = NULL;
  if (done.fits)
    e = compile(optimized, t, &complete, &wrong);
  else
    wrong = arena_print(scratch, "the step does not fit into %.1f MiB: of %.1f MiB, %.1f MiB remain at the least",
                        mebibytes(budget->bytes), mebibytes(done.before), mebibytes(done.after));
  if (e)
    e->switches = complete.switches;
  else
    *error = arena_print(g->arena, "%s", wrong);
  arena_destroy(scratch);
  return e;
}

static executable *interpret(const graph *g) {
  executable *e = calloc(1, sizeof *e);
  if (!e)
    exit(EXIT_MEMORY);
  e->arena = arena_create();
  e->interpreted = g;
  e->signature = interpreted_signature(e->arena, g);
  return e;
}

/* What compiling has freed goes back to the system: it would be resident beside the step's own memory. */
static void release_freed_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

executable *executable_create(const graph *g, const compile_options *options, const char **error) {
  if (options->interpret)
    return interpret(passes_set_precision(g, &options->switches));
  target *t = target_create(g->arena, options->cpu, error);
  if (!t)
    return NULL;
  target_set_contractions(t, options->contractions);
  target_set_reproducible(t, options->reproducible);
  target_set_costs(t, options->costs);
  executable *e = NULL;
  if (!target_is_runnable(t))
    *error = arena_print(g->arena, "this machine cannot run code for '%s'", options->cpu);
  else
    e = compile_passed(g, t, options, error);
  target_destroy(t);
  release_freed_memory();
  return e;
}

void executable_destroy(executable *e) {
  if (!e)
    return;
  for (int i = 0; e->prepare && e->frozen && i < e->prepare->signature->output_count; i++)
    free(e->frozen[i]);
  executable_destroy(e->prepare);
  jit_unlink(e->linked);
  text_free(&e->object);
  arena_destroy(e->arena);
  free(e);
}

/* ---- using one ---- */

const retort_signature *executable_signature(const executable *e) {
  return e->signature;
}

const pass_switches *executable_switches(const executable *e) {
  return &e->switches;
}

const retort_step *executable_step(const executable *e) {
  return e->step;
}

size_t executable_workspace_size(const executable *e, const int64_t *dims, int threads) {
  return retort_workspace_size(e->signature->plan, dims, threads);
}

double executable_frozen_bytes(const executable *e) {
  double total = 0;
  for (int i = 0; e->prepare && i < e->prepare->signature->output_count; i++)
    total += (double)frozen_bytes(&e->prepare->signature->outputs[i]);
  return total;
}

const void *executable_object(const executable *e, size_t *size) {
  *size = e->object.length;
  return e->object.data;
}

/* The call as the function takes it: with frozen weights in their places. 0 or a retort_status. */
static int complete_call(executable *e, const retort_call *call, retort_call *complete) {
  *complete = *call;
  if (!e->prepare)
    return RETORT_OK;
  int status = e->prepared ? RETORT_OK : run_prepare(e, call->weights);
  for (int i = 0; i < e->weight_count; i++)
    if (e->weight_sources[i] >= 0)
      e->weights[i] = call->weights[e->weight_sources[i]];
  complete->weights = e->weights;
  return status;
}

int executable_call(executable *e, const retort_call *call) {
  if (e->interpreted)
    return interpreted_call(e->interpreted, call);
  retort_call complete;
  int status = complete_call(e, call, &complete);
  return status ? status : e->function(&complete);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int executable_profile(executable *e, const retort_call *call, double *seconds) {
  retort_call complete;
  retort_context context;
  int status = complete_call(e, call, &complete);
  double begin = now();
  status = status ? status : retort_step_begin(e->step, &complete, &context);
  for (int32_t i = -1; !status && i < e->step->call_count; i++) {
    if (i >= 0)
      retort_step_kernel(e->step, i, &context);
    double end = now();
    seconds[i + 1] = end - begin;
    begin = end;
  }
  return status;
}
