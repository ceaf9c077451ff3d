/* The values of each loss term over the steps of each stage, as a run's metrics.jsonl has them; and as series of their
 * own, «STAGE: MODEL on SET», the scores that were measured meanwhile. */
#ifndef RETORT_SERIES_H
#define RETORT_SERIES_H
#include "runtime/data/memory.h"

typedef struct stage_series {
  char *name;
  int count, capacity; /* steps */
  double *steps;
  int term_count;
  struct series_term {
    char *name; /* the first one is "loss", where it is of losses */
    double *values;
  } * terms; /* NAN where a step has no finite value */
} stage_series;

typedef struct series {
  int count;
  stage_series *stages; /* in their order */
} series;

/* Lines of other kinds are passed over. */
series series_read(const char *text, size_t size);
void series_free(series *s);
/* `width` or fewer points of a stage: each the mean of as many neighbouring steps, which is returned. The points
 * replace the steps. */
int series_thin(stage_series *s, int width);

#endif
