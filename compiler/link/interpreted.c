/* The reference interpreter behind the call of an emitted function. */
#include "compiler/link/interpreted.h"
#include "compiler/emit/size.h"
#include <stdlib.h>

/* ---- the signature ---- */

static retort_tensor tensor_of(arena *a, const graph *g, const char *name, const node *n) {
  retort_size *dims = arena_array(a, retort_size, n->shape.rank + 1);
  for (int i = 0; i < n->shape.rank; i++)
    dims[i] = size_of_dim(a, n->shape.dims[i], false, dim_symbol_count(g->dims));
  return (retort_tensor){.name = name, .dtype = (int32_t)n->dtype, .rank = n->shape.rank, .dims = dims};
}

static const retort_tensor *inputs_of(arena *a, const graph *g, input_kind kind, int32_t *count) {
  retort_tensor *tensors = NULL;
  int found = 0;
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op == OP_input && n->attributes.input.kind == kind)
      arena_append(a, tensors, found, tensor_of(a, g, n->attributes.input.name, n));
  }
  *count = found;
  return tensors;
}

static const retort_tensor *outputs_of(arena *a, const graph *g, int32_t *count) {
  retort_tensor *tensors = NULL;
  int found = 0;
  for (int i = 0; i < g->output_count; i++)
    if (!g->outputs[i].state)
      arena_append(a, tensors, found, tensor_of(a, g, g->outputs[i].name, g->outputs[i].value));
  *count = found;
  return tensors;
}

const retort_signature *interpreted_signature(arena *a, const graph *g) {
  retort_signature *s = arena_new(a, retort_signature);
  retort_plan *plan = arena_new(a, retort_plan);
  int dim_count = dim_symbol_count(g->dims);
  const char **names = arena_array(a, const char *, dim_count + 1);
  const char **sums = arena_array(a, const char *, dim_count + 1);
  for (int i = 0; i < dim_count; i++) {
    names[i] = dim_symbol_at(g->dims, i)->name;
    sums[i] = dim_symbol_at(g->dims, i)->sum;
  }
  plan->dim_count = dim_count;
  plan->conditions = conditions_of_dims(a, g->dims, &plan->condition_count);
  *s = (retort_signature){.name = g->name, .dim_count = dim_count, .dim_names = names, .dim_sums = sums, .plan = plan};
  s->weights = inputs_of(a, g, INPUT_WEIGHT, &s->weight_count);
  s->inputs = inputs_of(a, g, INPUT_DATA, &s->input_count);
  s->states = inputs_of(a, g, INPUT_STATE, &s->state_count);
  s->outputs = outputs_of(a, g, &s->output_count);
  return s;
}

/* ---- the call ---- */

static int64_t element_count(const node *n, const int64_t *dims) {
  int64_t count = 1;
  for (int i = 0; i < n->shape.rank; i++)
    count *= dim_evaluate(n->shape.dims[i], dims);
  return count;
}

static double *widen(dtype type, const void *from, int64_t count) {
  double *to = malloc(sizeof *to * (size_t)(count ? count : 1));
  if (!to)
    exit(EXIT_MEMORY);
  for (int64_t i = 0; i < count; i++)
    switch (type) {
    case DTYPE_BOOL:
      to[i] = ((const uint8_t *)from)[i] != 0;
      break;
    case DTYPE_I32:
      to[i] = ((const int32_t *)from)[i];
      break;
    case DTYPE_I64:
      to[i] = (double)((const int64_t *)from)[i];
      break;
    case DTYPE_F32:
      to[i] = (double)((const float *)from)[i];
      break;
    }
  return to;
}

static void narrow(dtype type, const tensor_value *from, void *to) {
  for (int64_t i = 0; i < from->count; i++)
    switch (type) {
    case DTYPE_BOOL:
      ((uint8_t *)to)[i] = from->data[i] != 0;
      break;
    case DTYPE_I32:
      ((int32_t *)to)[i] = (int32_t)from->data[i];
      break;
    case DTYPE_I64:
      ((int64_t *)to)[i] = (int64_t)from->data[i];
      break;
    case DTYPE_F32:
      ((float *)to)[i] = (float)from->data[i];
      break;
    }
}

static void take_inputs(const graph *g, const retort_call *call, tensor_value *inputs) {
  int used[3] = {0};
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    input_kind kind = n->attributes.input.kind;
    const void *from = NULL;
    switch (kind) {
    case INPUT_DATA:
      from = call->inputs[used[kind]++];
      break;
    case INPUT_WEIGHT:
      from = call->weights[used[kind]++];
      break;
    case INPUT_STATE:
      from = call->states[used[kind]++];
      break;
    }
    inputs[i].count = element_count(n, call->dims);
    inputs[i].data = widen(n->dtype, from, inputs[i].count);
  }
}

static int state_number(const graph *g, const node *state) {
  int number = 0;
  for (int i = 0; i < state->id; i++)
    number += g->nodes[i]->op == OP_input && g->nodes[i]->attributes.input.kind == INPUT_STATE;
  return number;
}

int interpreted_call(const graph *g, const retort_call *call) {
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    if (call->dims[i] < 1)
      return RETORT_BAD_DIMENSION;
  for (int i = 0; i < dim_condition_count(g->dims); i++) {
    const dim_condition *c = dim_condition_at(g->dims, i);
    if (dim_evaluate(c->size, call->dims) < c->least)
      return RETORT_BAD_DIMENSION;
  }
  tensor_value *inputs = calloc((size_t)g->node_count + 1, sizeof *inputs);
  if (!inputs)
    exit(EXIT_MEMORY);
  take_inputs(g, call, inputs);
  tensor_value *values = graph_interpret(g, call->dims, inputs, true);
  int value_count = 0;
  for (int i = 0; i < g->output_count; i++) {
    const graph_output *o = &g->outputs[i];
    void *to = o->state ? call->states[state_number(g, o->state)] : call->outputs[value_count++];
    narrow(o->value->dtype, &values[o->value->id], to);
  }
  interpret_free(g, values);
  for (int i = 0; i < g->node_count; i++)
    free(inputs[i].data);
  free(inputs);
  return RETORT_OK;
}
