/* Runs the kernels of an emitted function. */
#include "runtime/core/retort.h"

enum { ALIGNMENT = 64 };

static size_t align(size_t size) {
  return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *locate(const retort_slot *slot, const retort_call *call, char *buffers, const size_t *offsets) {
  switch ((retort_memory)slot->memory) {
  case RETORT_WEIGHT:
    return (void *)(uintptr_t)call->weights[slot->index]; /* kernels only read it */
  case RETORT_INPUT:
    return (void *)(uintptr_t)call->inputs[slot->index];
  case RETORT_OUTPUT:
    return call->outputs[slot->index];
  case RETORT_STATE:
    return call->states[slot->index];
  case RETORT_WORKSPACE:
    return buffers + offsets[slot->index];
  }
  return NULL;
}

int retort_step_begin(const retort_step *step, const retort_call *call, retort_context *context) {
  const retort_plan *plan = step->plan;
  if (!retort_dims_fit(plan, call->dims))
    return RETORT_BAD_DIMENSION;
  int threads = call->threads > 1 ? call->threads : 1, parts = plan->parts ? plan->parts : threads;
  size_t table_size = align(2 * sizeof(size_t) * (size_t)plan->buffer_count), scratch_size = align(plan->scratch);
  size_t share_size = align(plan->scratch_per_thread) * (size_t)(threads > parts ? threads : parts);
  if (call->workspace_size < table_size + scratch_size + share_size)
    return RETORT_WORKSPACE_TOO_SMALL;
  size_t *offsets = call->workspace;
  char *scratch = (char *)call->workspace + table_size, *shares = scratch + scratch_size;
  size_t used = retort_plan_place(plan, call->dims, threads, offsets);
  if (call->workspace_size - table_size - scratch_size - share_size < used)
    return RETORT_WORKSPACE_TOO_SMALL;

  void **pointers = (void **)scratch;
  int64_t *values = (int64_t *)(scratch + sizeof(void *) * (size_t)step->slot_count);
  for (int32_t i = 0; i < step->slot_count; i++)
    pointers[i] = locate(&step->slots[i], call, shares + share_size, offsets);
  for (int32_t i = 0; i < step->size_count; i++)
    values[i] = retort_size_evaluate(&step->sizes[i], call->dims, plan->dim_count, parts);
  *context = (retort_context){.pointers = pointers,
                              .values = values,
                              .dims = call->dims,
                              .threads = parts,
                              .packing = shares,
                              .workers = threads};
  return RETORT_OK;
}

void retort_step_kernel(const retort_step *step, int32_t number, const retort_context *context) {
  const retort_kernel_call *of = &step->calls[number];
  retort_context own = *context;
  own.buffers = of->buffers;
  own.sizes = of->sizes;
  own.parts = 1;
  of->kernel(&own);
}

int retort_step_run(const retort_step *step, const retort_call *call) {
  retort_context context;
  int status = retort_step_begin(step, call, &context);
  for (int32_t i = 0; status == RETORT_OK && i < step->call_count; i++)
    retort_step_kernel(step, i, &context);
  return status;
}
