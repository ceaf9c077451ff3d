/* The pool: OpenMP's, because OpenBLAS uses the same one, so that two pools never fight for the cores. */
#include "runtime/core/retort.h"

void retort_parallel(retort_body *body, void *context, int64_t count, int threads) {
  retort_parallel_parts(body, context, count, threads, threads);
}

void retort_parallel_parts(retort_body *body, void *context, int64_t count, int most, int threads) {
  if (count <= 0)
    return;
  int64_t parts = most < count ? most : count;
  if (parts <= 1) {
    body(context, 0, count, 0);
    return;
  }
  int64_t part_size = count / parts, longer = count % parts;
  /* A loop over parts, not over threads: every part is run even if OpenMP gives fewer threads than asked for, and the
   * cut, on which sums depend, stays the same. */
#pragma omp parallel for schedule(static, 1) num_threads(parts < threads ? (int)parts : threads)
  for (int64_t part = 0; part < parts; part++) {
    int64_t begin = part * part_size + (part < longer ? part : longer);
    body(context, begin, begin + part_size + (part < longer), part);
  }
}
