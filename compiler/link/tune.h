/* What contractions cost on this machine, by tiles and by the library: measured once, kept as a small file of text. */
#ifndef RETORT_TUNE_H
#define RETORT_TUNE_H

#include "compiler/source/arena.h"
#include "compiler/source/text.h"
#include "runtime/core/retort.h"
#include <stdbool.h>

typedef struct tune_measurement { /* of b transposed, as weights lie */
  int64_t m, n, k;
  double seconds[2]; /* by tiles, by the library */
} tune_measurement;

typedef struct tune_result {
  retort_cost costs[2]; /* of tiles, of the library */
  int count;
  tune_measurement *measured;
} tune_result;

/* Measures on one thread of this machine, for a few tenths of a second, and fits the costs, so that the sum of squares
 * of relative errors is least and no cost is negative. NULL, or why there is no code. */
const char *tune_measure(arena *a, tune_result *result);

/* The file for this machine, its code generator and its library in a folder; in the arena. */
const char *tune_path(arena *a, const char *folder);
/* What is kept there for this machine; NULL when there is nothing, or nothing sound. In the arena. */
const retort_cost *tune_read(arena *a, const char *folder);
/* Keeps costs, making the folder if need be. Without `replace`, what another process has kept meanwhile stays. What
 * cannot be written is not kept. */
void tune_write(arena *a, const char *folder, const retort_cost *costs, bool replace);
/* What is kept, or, measured now and kept, what will be from now on; NULL when neither can be. */
const retort_cost *tune_find(arena *a, const char *folder);

#endif
