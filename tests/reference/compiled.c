#include "tests/reference/compiled.h"
#include <stdlib.h>
#include <string.h>

enum { DIMS_MAX = 64 };

static bool bind_dims(const graph *g, const tensors *values, int64_t *dims) {
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    const char *name = n->attributes.input.name;
    const tensor *t = tensors_find(values, "%s", name);
    if (!t || t->rank != n->shape.rank) {
      printf("  input %s: %s\n", name, t ? "the file's tensor has another rank" : "there is no such tensor");
      return false;
    }
    for (int k = 0; k < t->rank; k++) {
      const dim_symbol *symbol = dim_as_symbol(n->shape.dims[k]);
      if (symbol)
        dims[symbol->index] = t->sizes[k];
    }
  }
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    const tensor *t = n->op == OP_input ? tensors_find(values, "%s", n->attributes.input.name) : NULL;
    for (int k = 0; t && k < t->rank; k++)
      if (dim_evaluate(n->shape.dims[k], dims) != t->sizes[k]) {
        printf("  input %s: axis %d has size %lld\n", t->name, k, (long long)t->sizes[k]);
        return false;
      }
  }
  return true;
}

/* The tensor's memory as the function wants it. */
static void *bind_input(tensors *values, const retort_tensor *wanted) {
  tensor *t = tensors_find(values, "%s", wanted->name);
  if (!t)
    return NULL;
  *t = tensor_convert(values->arena, t, (dtype)wanted->dtype);
  return t->data;
}

static void *make_output(tensors *outputs, const retort_tensor *wanted, const int64_t *dims, int dim_count) {
  int64_t sizes[RANK_MAX];
  for (int i = 0; i < wanted->rank; i++)
    sizes[i] = retort_size_evaluate(&wanted->dims[i], dims, dim_count, 1);
  return tensors_add(outputs, wanted->name, (dtype)wanted->dtype, wanted->rank, sizes)->data;
}

bool run_graph(const graph *g, const run_options *options, tensors *values, tensors *outputs) {
  const char *error = NULL;
  int64_t dims[DIMS_MAX] = {0};
  if (dim_symbol_count(g->dims) > DIMS_MAX || !bind_dims(g, values, dims))
    return false;
  executable *e = executable_create(g, &options->compile, &error);
  if (!e) {
    printf("  %s\n", error);
    return false;
  }
  const retort_signature *s = executable_signature(e);
  arena *a = values->arena;
  const void **weights = arena_array(a, const void *, s->weight_count + 1);
  const void **inputs = arena_array(a, const void *, s->input_count + 1);
  void **states = arena_array(a, void *, s->state_count + 1);
  void **results = arena_array(a, void *, s->output_count + 1);
  for (int i = 0; i < s->weight_count; i++)
    weights[i] = bind_input(values, &s->weights[i]);
  for (int i = 0; i < s->input_count; i++)
    inputs[i] = bind_input(values, &s->inputs[i]);
  retort_bind_sums(s, inputs, dims);
  for (int i = 0; i < s->state_count; i++)
    states[i] = bind_input(values, &s->states[i]);
  for (int i = 0; i < s->output_count; i++)
    results[i] = make_output(outputs, &s->outputs[i], dims, s->dim_count);
  size_t size = executable_workspace_size(e, dims, options->threads);
  void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
  retort_call call = {.weights = weights,
                      .inputs = inputs,
                      .outputs = results,
                      .states = states,
                      .dims = dims,
                      .workspace = workspace,
                      .workspace_size = size,
                      .threads = options->threads};
  int status = executable_call(e, &call);
  free(workspace);
  executable_destroy(e);
  if (status != RETORT_OK)
    printf("  the function returned %d\n", status);
  return status == RETORT_OK;
}
