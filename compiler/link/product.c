/* What a product links. */
#include "compiler/link/product.h"
#include "compiler/emit/emit.h"
#include "compiler/kernel/kernel.h"
#include "compiler/link/header.h"
#include "compiler/passes/pass.h"
#include <string.h>

enum { WEIGHT_ALIGNMENT = 64 };

static bool has_weight(const product *p, const char *name) {
  for (int i = 0; i < p->weight_count; i++)
    if (!strcmp(p->weights[i].name, name))
      return true;
  return false;
}

/* Shapes of weights are constant: the language has no other. */
static const char *place_weight(arena *a, product *p, const product_function *f, const step_tensor *t, bool frozen) {
  const char *name = header_weight_name(a, f, t->name);
  if ((name != t->name) != frozen || has_weight(p, name))
    return NULL;
  int64_t bytes = (int64_t)dtype_size(t->dtype), size;
  for (int i = 0; i < t->shape.rank; i++) {
    if (!dim_is_constant(t->shape.dims[i], &size))
      return arena_print(a, "weight '%s' has a size that is bound at run time", t->name);
    bytes *= size;
  }
  product_weight w = {.name = name, .frozen = frozen, .dtype = t->dtype, .offset = p->weights_size, .bytes = bytes};
  arena_append(a, p->weights, p->weight_count, w);
  p->weights_size += (bytes + WEIGHT_ALIGNMENT - 1) / WEIGHT_ALIGNMENT * WEIGHT_ALIGNMENT;
  return NULL;
}

static const char *place_weights(arena *a, product *p, const product_function *f, const step *s, bool frozen) {
  const char *wrong = NULL;
  for (int i = 0; i < s->weight_count && !wrong; i++)
    wrong = place_weight(a, p, f, &s->weights[i], frozen);
  return wrong;
}

static const char *place_all_weights(arena *a, product *p, int count, const product_function *functions) {
  const char *wrong = NULL;
  for (int frozen = 0; frozen < 2 && !wrong; frozen++) {
    p->file_size = p->weights_size; /* so far: at last, without frozen ones */
    for (int i = 0; i < count && !wrong; i++) {
      wrong = functions[i].prepare ? place_weights(a, p, &functions[i], functions[i].prepare, frozen) : NULL;
      wrong = wrong ? wrong : place_weights(a, p, &functions[i], functions[i].step, frozen);
    }
  }
  return wrong;
}

static const char *make_function(arena *a, const graph *g, const pass_switches *switches, product_function *f) {
  const graph *optimized = passes_run_without(g, NULL, switches);
  f->step = step_create(optimized);
  f->prepare = optimized->prepare ? step_create(optimized->prepare) : NULL;
  return f->step->state_count ? arena_print(a, "function '%s' updates '%s'", f->step->name, f->step->states[0].name)
                              : NULL;
}

const char *product_make(arena *a, const char *name, const char *source, int count, const graph *const *graphs,
                         const compile_options *options, product *result) {
  *result = (product){.weight_count = 0};
  const char *wrong = NULL;
  target *t = target_create(a, options->cpu, &wrong);
  if (!t)
    return wrong;
  target_set_contractions(t, options->contractions);
  target_set_reproducible(t, options->reproducible);
  target_set_costs(t, options->costs);
  pass_switches own = options->switches;
  own.library = target_contractions(t) == CONTRACTIONS_LIBRARY;
  own.float32_only = !target_multiplies_bf16(t);
  product_function *functions = arena_array(a, product_function, count + 1);
  const step **steps = arena_array(a, const step *, 2 * count + 1);
  int step_count = 0;
  for (int i = 0; i < count && !wrong; i++) {
    wrong = make_function(a, graphs[i], &own, &functions[i]);
    steps[step_count++] = functions[i].step;
    if (functions[i].prepare)
      steps[step_count++] = functions[i].prepare;
  }
  if (!wrong)
    wrong = place_all_weights(a, result, count, functions);
  if (!wrong)
    wrong = emit_steps(a, step_count, steps, t, EMIT_OBJECT, &result->object);
  if (!wrong)
    header_write(a, name, source, count, functions, result, &result->header);
  target_destroy(t);
  return wrong;
}

void product_free(product *p) {
  text_free(&p->object);
  text_free(&p->header);
}
