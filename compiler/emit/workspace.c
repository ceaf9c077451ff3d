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
                                sizeof(void *) * (size_t)s->buffer_count + sizeof(int64_t) * (size_t)count_sizes(a, s)};
  return retort_workspace_size(&plan, dims, threads);
}
