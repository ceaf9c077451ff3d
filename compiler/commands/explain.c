/* Finds where a number that is none came from: the reference interpreter on the rows of the batch that had it. */
#include "compiler/commands/run_state.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct search {
  const graph *graph;
  int set_count;
  weight_set *const *sets;
  const step_values *values;
  const batch *data;
  int64_t row; /* of the batch, looked at alone */
} search;

static double element(const void *data, retort_dtype type, int64_t i) {
  switch (type) {
  case RETORT_BOOL:
    return ((const uint8_t *)data)[i];
  case RETORT_I32:
    return ((const int32_t *)data)[i];
  case RETORT_I64:
    return (double)((const int64_t *)data)[i];
  case RETORT_F32:
    return (double)((const float *)data)[i];
  }
  return 0;
}

static tensor_value copy_values(const void *data, retort_dtype type, int64_t first, int64_t count) {
  tensor_value v = {.count = count, .data = memory_allocate((size_t)count, sizeof *v.data)};
  for (int64_t i = 0; i < count; i++)
    v.data[i] = element(data, type, first + i);
  return v;
}

static tensor_value scalars(int count, double first, double second) {
  tensor_value v = {.count = count, .data = memory_allocate((size_t)count, sizeof *v.data)};
  v.data[0] = first;
  if (count > 1)
    v.data[1] = second;
  return v;
}

/* A field of the one row, without its padding where the width is free. */
static tensor_value field_values(const search *s, const char *name, int64_t width) {
  const batch *b = s->data;
  size_t length = strlen(name);
  if (strcmp(name, "ids") == 0 || strcmp(name, "types") == 0)
    return copy_values(strcmp(name, "ids") == 0 ? b->ids : b->types, RETORT_I32, s->row * b->width, width);
  if (strcmp(name, "label") == 0)
    return copy_values(b->labels, RETORT_I32, s->row, 1);
  if (strcmp(name, "target") == 0)
    return copy_values(b->targets, RETORT_F32, s->row, 1);
  if (strcmp(name, "class_weight") == 0)
    return copy_values(b->class_weights, RETORT_F32, s->row, 1);
  if (strcmp(name, "row") == 0)
    return copy_values(b->indices, RETORT_I64, s->row, 1);
  if (strcmp(name, "epoch") == 0)
    return scalars(1, s->values->epoch, 0);
  if (length > 8 && strcmp(name + length - 8, ".lengths") == 0)
    return copy_values(b->lengths, RETORT_I32, s->row, 1);
  if (strcmp(name, "step") == 0)
    return scalars(1, (double)s->values->step, 0);
  if (strcmp(name, "steps") == 0)
    return scalars(1, (double)s->values->steps, 0);
  if (strcmp(name, "key") == 0)
    return scalars(2, (double)(int64_t)s->values->seed, (double)s->values->step);
  return (tensor_value){0};
}

static tensor_value input_values(const search *s, const node *n, int64_t width) {
  for (int i = 0; i < s->set_count; i++) {
    const weight *w = weight_set_find(s->sets[i], n->attributes.input.name);
    if (w)
      return copy_values(w->data, w->dtype, 0, weight_count(w));
  }
  return field_values(s, n->attributes.input.name, width);
}

/* Binds the dimensions of ids and types: one row, as wide as it is long, unless the graph wants a fixed width. */
static int64_t bind_dimensions(const search *s, int64_t *bindings) {
  int64_t width = s->data->lengths[s->row];
  for (int i = 0; i < dim_symbol_count(s->graph->dims); i++)
    bindings[i] = 1;
  for (int i = 0; i < s->graph->node_count; i++) {
    const node *n = s->graph->nodes[i];
    if (n->op != OP_input || n->attributes.input.kind != INPUT_DATA || n->shape.rank != 2)
      continue;
    const dim_symbol *columns = dim_as_symbol(n->shape.dims[1]);
    if (columns)
      bindings[columns->index] = width;
    else
      dim_is_constant(n->shape.dims[1], &width);
  }
  return width;
}

static bool holds(const tensor_value *v, bool infinite) {
  for (int64_t i = 0; i < v->count; i++)
    if (infinite ? !isfinite(v->data[i]) : isnan(v->data[i]))
      return true;
  return false;
}

/* A constant that is infinite is meant to be; what reads nothing bad and gives something bad is the culprit. */
static const node *first_bad(const graph *g, const tensor_value *values, bool infinite) {
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op == OP_constant || !holds(&values[n->id], infinite))
      continue;
    bool operand_bad = false;
    for (int k = 0; k < n->operand_count; k++)
      operand_bad = operand_bad || holds(&values[n->operands[k]->id], infinite);
    if (!operand_bad)
      return n;
  }
  return NULL;
}

static bool outputs_finite(const graph *g, const tensor_value *values) {
  for (int i = 0; i < g->output_count; i++)
    if (!g->outputs[i].state && holds(&values[g->outputs[i].value->id], true))
      return false;
  return true;
}

static const node *search_row(const search *s) {
  const graph *g = s->graph;
  int64_t *bindings = memory_allocate((size_t)dim_symbol_count(g->dims), sizeof *bindings);
  tensor_value *inputs = memory_allocate((size_t)g->node_count, sizeof *inputs);
  int64_t width = bind_dimensions(s, bindings);
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input)
      inputs[g->nodes[i]->id] = input_values(s, g->nodes[i], width);
  tensor_value *values = graph_interpret(g, bindings, inputs, true);
  const node *found = NULL;
  if (!outputs_finite(g, values)) {
    found = first_bad(g, values, false);
    if (!found)
      found = first_bad(g, values, true);
  }
  interpret_free(g, values);
  for (int i = 0; i < g->node_count; i++)
    free(inputs[i].data);
  free(inputs);
  free(bindings);
  return found;
}

const node *first_not_finite(const graph *g, int set_count, weight_set *const *sets, const batch *data,
                             const step_values *values) {
  search s = {.graph = g, .set_count = set_count, .sets = sets, .data = data, .values = values};
  for (s.row = 0; s.row < data->rows; s.row++) {
    const node *found = search_row(&s);
    if (found)
      return found;
  }
  return NULL;
}
