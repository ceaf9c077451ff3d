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
static const char *place_weight(arena *a, product *p, const step_tensor *t) {
  if (has_weight(p, t->name))
    return NULL;
  int64_t bytes = (int64_t)dtype_size(t->dtype), size;
  for (int i = 0; i < t->shape.rank; i++) {
    if (!dim_is_constant(t->shape.dims[i], &size))
      return arena_print(a, "weight '%s' has a size that is bound at run time", t->name);
    bytes *= size;
  }
  product_weight w = {.name = t->name, .dtype = t->dtype, .offset = p->weights_size, .bytes = bytes};
  arena_append(a, p->weights, p->weight_count, w);
  p->weights_size += (bytes + WEIGHT_ALIGNMENT - 1) / WEIGHT_ALIGNMENT * WEIGHT_ALIGNMENT;
  return NULL;
}

const char *product_make(arena *a, const char *name, const char *source, int count, const graph *const *graphs,
                         const char *cpu, product *result) {
  *result = (product){.weight_count = 0};
  const char *wrong = NULL;
  target *t = target_create(a, cpu, &wrong);
  if (!t)
    return wrong;
  const step **steps = arena_array(a, const step *, count + 1);
  for (int i = 0; i < count && !wrong; i++) {
    steps[i] = step_create(passes_run(graphs[i], "dce")); /* nothing frozen: the object stands alone */
    for (int w = 0; w < steps[i]->weight_count && !wrong; w++)
      wrong = place_weight(a, result, &steps[i]->weights[w]);
    if (!wrong && steps[i]->state_count)
      wrong = arena_print(a, "function '%s' updates '%s'", steps[i]->name, steps[i]->states[0].name);
  }
  if (!wrong)
    wrong = emit_steps(a, count, steps, t, EMIT_OBJECT, &result->object);
  if (!wrong)
    header_write(a, name, source, count, steps, result, &result->header);
  target_destroy(t);
  return wrong;
}

void product_free(product *p) {
  text_free(&p->object);
  text_free(&p->header);
}
