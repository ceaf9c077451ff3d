/* Sums of rows by index, as the gradient of a gather needs them. */
#include "runtime/core/retort.h"
#include <string.h>

void retort_scatter_add(float *out, int64_t begin, int64_t end, int64_t width, const void *index, int index_is_i64,
                        int64_t count, const float *updates) {
  if (begin >= end)
    return;
  memset(out + begin * width, 0, sizeof(float) * (size_t)((end - begin) * width));
  for (int64_t i = 0; i < count; i++) {
    int64_t row = index_is_i64 ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
    if (row < begin || row >= end)
      continue;
    float *restrict to = out + row * width;
    const float *restrict from = updates + i * width;
    for (int64_t j = 0; j < width; j++)
      to[j] += from[j];
  }
}
