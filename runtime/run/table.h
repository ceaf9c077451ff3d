/* The table at the end of a run: a line a model, and what it is to the first one. */
#ifndef RETORT_TABLE_H
#define RETORT_TABLE_H
#include "runtime/data/memory.h"
#include <stdio.h>

typedef struct table_row {
  const char *label;
  const double *scores; /* one a metric */
  int64_t parameters;
  size_t bytes;
  double milliseconds; /* a sample */
} table_row;

/* `names`: of the metrics. `reference`: the row that the others are compared with, -1: none. Bold heads with `colour`.
 */
void table_print(FILE *to, bool colour, const char *title, int metric_count, const char *const *names, int row_count,
                 const table_row *rows, int reference);

/* "13.6 k", "4.39 M". The caller frees it. */
char *table_count_text(int64_t count);

#endif
