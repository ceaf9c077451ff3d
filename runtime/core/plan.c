/* Sizes over run-time dimensions, and the places of buffers in the workspace. */
#include "runtime/core/retort.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, STACK_MAX = 32 };

static int64_t floor_divide(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient * b > a ? quotient - 1 : quotient;
}

int64_t retort_size_evaluate(const retort_size *size, const int64_t *dims, int dim_count, int threads) {
  int64_t stack[STACK_MAX];
  int top = 0;
  for (int32_t i = 0; i < size->count; i++) {
    int64_t value = size->code[2 * i + 1];
    switch ((retort_size_operation)size->code[2 * i]) {
    case RETORT_SIZE_CONSTANT:
      stack[top++] = value;
      break;
    case RETORT_SIZE_DIM:
      stack[top++] = value == dim_count ? threads : dims[value];
      break;
    case RETORT_SIZE_ADD:
      top--;
      stack[top - 1] += stack[top];
      break;
    case RETORT_SIZE_MULTIPLY:
      top--;
      stack[top - 1] *= stack[top];
      break;
    case RETORT_SIZE_FLOOR_DIVIDE:
      stack[top - 1] = floor_divide(stack[top - 1], value);
      break;
    }
  }
  return top ? stack[0] : 0;
}

static size_t align(size_t size) {
  return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t retort_plan_place(const retort_plan *plan, const int64_t *dims, int threads, size_t *table) {
  size_t *offsets = table, *sizes = table + plan->buffer_count, used = 0;
  int shares = plan->parts > threads ? plan->parts : threads;
  for (int32_t i = 0; i < plan->buffer_count; i++) {
    const retort_buffer *buffer = &plan->buffers[i];
    sizes[i] = align((size_t)retort_size_evaluate(&buffer->size, dims, plan->dim_count, shares));
    size_t at = 0;
    /* Whatever overlaps a candidate place rules out all places before its own end; so the order does not matter, and
     * the first place that nothing overlaps is the lowest. */
    for (int moved = 1; moved;) {
      moved = 0;
      for (int32_t j = 0; j < i; j++)
        if (plan->buffers[j].last >= buffer->first && offsets[j] < at + sizes[i] && offsets[j] + sizes[j] > at) {
          at = offsets[j] + sizes[j];
          moved = 1;
        }
    }
    offsets[i] = at;
    if (at + sizes[i] > used)
      used = at + sizes[i];
  }
  return used;
}

const retort_condition *retort_broken_condition(const retort_plan *plan, const int64_t *dims, int64_t *found) {
  for (int32_t i = 0; i < plan->condition_count; i++) {
    const retort_condition *c = &plan->conditions[i];
    int64_t size = retort_size_evaluate(&c->size, dims, plan->dim_count, 1);
    *found = c->sign * size;
    if (size < c->least)
      return c;
  }
  return NULL;
}

int retort_dims_fit(const retort_plan *plan, const int64_t *dims) {
  int64_t found;
  for (int32_t i = 0; i < plan->dim_count; i++)
    if (dims[i] < 1)
      return 0;
  return !retort_broken_condition(plan, dims, &found);
}

size_t retort_workspace_size(const retort_plan *plan, const int64_t *dims, int threads) {
  if (!retort_dims_fit(plan, dims))
    return 0;
  size_t table_size = align(2 * sizeof(size_t) * (size_t)plan->buffer_count);
  size_t *table = malloc(table_size ? table_size : 1);
  if (!table)
    return SIZE_MAX;
  size_t used = retort_plan_place(plan, dims, threads, table);
  free(table);
  int shares = threads > plan->parts ? threads : plan->parts;
  return table_size + align(plan->scratch) + align(plan->scratch_per_thread) * (size_t)(shares > 1 ? shares : 1) + used;
}

void retort_bind_sums(const retort_signature *s, const void *const *inputs, int64_t *dims) {
  for (int d = 0; s->dim_sums && d < s->dim_count; d++)
    for (int i = 0; s->dim_sums[d] && i < s->input_count; i++) {
      const retort_tensor *t = &s->inputs[i];
      if (strcmp(t->name, s->dim_sums[d]) != 0)
        continue;
      int64_t count = retort_size_evaluate(&t->dims[0], dims, s->dim_count, 1);
      dims[d] = 0;
      for (int64_t k = 0; k < count; k++)
        dims[d] += ((const int32_t *)inputs[i])[k];
    }
}
