#include "compiler/emit/workspace.h"
#include "compiler/emit/size.h"

/* Distinct sizes that calls give to kernels: each has a place in the scratch (tables.c). */
static int count_sizes(arena *a, const step *s) {
  int count = 0;
  const dim **seen = NULL;
  for (int i = 0; i < s->call_count; i++)
    for (int k = 0; k < s->calls[i].kernel->size_count; k++) {
      const dim *d = s->calls[i].sizes[k];
      int j = 0;
      while (j < count && seen[j] != d)
        j++;
      if (j == count)
        arena_append(a, seen, count, d);
    }
  return count;
}

static bool has_matmul(const block *body) {
  for (int i = 0; i < body->count; i++) {
    const statement *s = body->statements[i];
    if (s->kind == STATEMENT_MATMUL || (s->kind == STATEMENT_LOOP && has_matmul(&s->loop.body)) ||
        (s->kind == STATEMENT_WHEN && has_matmul(&s->when.body)))
      return true;
  }
  return false;
}

size_t scratch_per_thread(const step *s) {
  for (int i = 0; i < s->kernel_count; i++)
    for (int p = 0; p < s->kernels[i]->phase_count; p++)
      if (has_matmul(&s->kernels[i]->phases[p].body))
        return RETORT_PACKING_BYTES;
  return 0;
}

size_t step_workspace_bytes(arena *a, const step *s, const int64_t *dims, int threads) {
  int symbols = dim_symbol_count(s->dims);
  retort_buffer *buffers = arena_array(a, retort_buffer, s->workspace_count + 1);
  for (int i = 0; i < s->workspace_count; i++) {
    const step_workspace *w = &s->workspace[i];
    buffers[i] = (retort_buffer){size_of_dim(a, w->bytes, w->per_thread, symbols), w->first, w->last};
  }
  const retort_plan plan = {.dim_count = symbols,
                            .buffer_count = s->workspace_count,
                            .buffers = buffers,
                            .scratch =
                                sizeof(void *) * (size_t)s->buffer_count + sizeof(int64_t) * (size_t)count_sizes(a, s),
                            .scratch_per_thread = scratch_per_thread(s)};
  return retort_workspace_size(&plan, dims, threads);
}
