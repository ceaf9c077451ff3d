#include "tests/unit/emitted.h"
#include "compiler/emit/emit.h"
#include "compiler/link/jit.h"
#include "runtime/core/retort.h"
#include "tests/unit/emitted_graph.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- running ---- */

static void *convert(arena *a, const node *n, const tensor_value *v) {
  char *data = arena_allocate(a, (size_t)v->count * dtype_size(n->dtype) + 1);
  for (int64_t i = 0; i < v->count; i++)
    switch (n->dtype) {
    case DTYPE_BOOL:
      ((uint8_t *)data)[i] = v->data[i] != 0;
      break;
    case DTYPE_I32:
      ((int32_t *)data)[i] = (int32_t)v->data[i];
      break;
    case DTYPE_I64:
      ((int64_t *)data)[i] = (int64_t)v->data[i];
      break;
    case DTYPE_F32:
      ((float *)data)[i] = (float)v->data[i];
      break;
    }
  return data;
}

static double element(dtype type, const void *data, int64_t i) {
  switch (type) {
  case DTYPE_BOOL:
    return ((const uint8_t *)data)[i];
  case DTYPE_I32:
    return ((const int32_t *)data)[i];
  case DTYPE_I64:
    return (double)((const int64_t *)data)[i];
  case DTYPE_F32:
    break;
  }
  return ((const float *)data)[i];
}

typedef struct run {
  void **outputs, **states;
} run;

static void gather_inputs(arena *a, const graph *g, const random_inputs *in, retort_call *call, run *r) {
  const void **weights = arena_array(a, const void *, g->node_count),
             **inputs = arena_array(a, const void *, g->node_count);
  r->states = arena_array(a, void *, g->node_count);
  int weight = 0, input = 0, state = 0;
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    void *data = convert(a, n, &in->inputs[i]);
    if (n->attributes.input.kind == INPUT_WEIGHT)
      weights[weight++] = data;
    else if (n->attributes.input.kind == INPUT_DATA)
      inputs[input++] = data;
    else
      r->states[state++] = data;
  }
  call->weights = weights;
  call->inputs = inputs;
  call->states = r->states;
}

static run call_function(arena *a, const graph *g, const random_inputs *in, linked_object *linked, int threads) {
  const char *wrong = NULL;
  const char *symbol = emit_symbol(a, g->name);
  retort_function *f = (retort_function *)(uintptr_t)jit_symbol(linked, a, symbol, &wrong);
  const retort_signature *s = jit_symbol(linked, a, arena_print(a, "%s_signature", symbol), &wrong);
  run r = {.outputs = arena_array(a, void *, g->output_count + 1)};
  retort_call call = {.dims = in->bindings, .threads = threads, .outputs = r.outputs};
  int output = 0;
  for (int i = 0; i < g->output_count; i++)
    if (!g->outputs[i].state)
      r.outputs[output++] = arena_allocate(
          a, (size_t)dim_evaluate(shape_elements(g->dims, g->outputs[i].value->shape), in->bindings) * 8 + 8);
  gather_inputs(a, g, in, &call, &r);
  call.workspace_size = retort_workspace_size(s->plan, in->bindings, threads);
  call.workspace = aligned_alloc(64, (call.workspace_size + 127) / 64 * 64);
  memset(call.workspace, 0xff, call.workspace_size); /* NaN: what is read must have been written */
  int status = f(&call);
  free(call.workspace);
  if (status)
    abort();
  return r;
}

/* ---- comparing ---- */

static int state_slot(const graph *g, const node *state) {
  int slot = 0;
  for (int i = 0; g->nodes[i] != state; i++)
    slot += g->nodes[i]->op == OP_input && g->nodes[i]->attributes.input.kind == INPUT_STATE;
  return slot;
}

static bool agree(double expected, double found, double scale) {
  if (isnan(expected) || isinf(expected))
    return isnan(expected) ? isnan(found) : expected == found;
  return fabs(expected - found) <= 2e-4 * (scale + 1e-2);
}

static const char *compare(arena *a, const graph *g, const tensor_value *values, const run *r) {
  int output = 0;
  for (int i = 0; i < g->output_count; i++) {
    const graph_output *o = &g->outputs[i];
    const void *data = o->state ? r->states[state_slot(g, o->state)] : r->outputs[output++];
    const tensor_value *v = &values[o->value->id];
    double scale = 0;
    for (int64_t e = 0; e < v->count; e++)
      scale = fabs(v->data[e]) > scale && isfinite(v->data[e]) ? fabs(v->data[e]) : scale;
    for (int64_t e = 0; e < v->count; e++)
      if (!agree(v->data[e], element(o->value->dtype, data, e), scale))
        return arena_print(a, "output %d (%s, %%%d) element %lld: expected %g, found %g", i, o->name, o->value->id,
                           (long long)e, v->data[e], element(o->value->dtype, data, e));
  }
  return NULL;
}

static const char *describe(arena *a, const graph *g, const step *s, const char *what) {
  text t = {0};
  graph_print(g, false, &t);
  step_print(s, &t);
  step_print_memory(s, &t);
  const char *made = arena_print(a, "%s\n%s", what, t.data);
  text_free(&t);
  return made;
}

const char *emitted_differs(arena *a, const graph *g, const step *s, const target *t, int draws,
                            const random_inputs *drawn) {
  text object = {0};
  const char *wrong = emit_step(a, s, t, EMIT_OBJECT, &object);
  linked_object *linked = wrong ? NULL : jit_link(a, object.data, object.length, &wrong);
  for (int draw = 0; draw < draws && !wrong; draw++) {
    tensor_value *values = graph_interpret(g, drawn[draw].bindings, drawn[draw].inputs, true);
    run r = call_function(a, g, &drawn[draw], linked, 1 + draw);
    wrong = compare(a, g, values, &r);
    interpret_free(g, values);
  }
  if (linked)
    jit_unlink(linked);
  text_free(&object);
  return wrong ? describe(a, g, s, wrong) : NULL;
}

const char *emitted_graph_differs(arena *a, const graph *g, int draws, const random_inputs *drawn) {
  const char *wrong = NULL;
  target *t = target_create(a, NULL, &wrong);
  if (t)
    wrong = emitted_differs(a, g, step_create(g), t, draws, drawn);
  target_destroy(t);
  return wrong;
}
