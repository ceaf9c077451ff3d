/* A run as one page that needs nothing else: scores, loss curves, confusion matrices, settings, source. No scripts. */
#ifndef RETORT_REPORT_H
#define RETORT_REPORT_H
#include "runtime/data/memory.h"
#include <jansson.h>

typedef struct report {
  const json_t *settings; /* as in settings.json */
  const json_t *results;  /* as in results.json; "confusion" and "classes" are shown where they are */
  const json_t *layers;   /* as in layers.json, or NULL: teacher and student layer by layer */
  const char *metrics;    /* the text of metrics.jsonl, not ended by a zero */
  size_t metrics_size;
  const char *source; /* of the experiment's file, the same */
  size_t source_size;
} report;

/* The page. The caller frees it. NULL after a failure. */
char *report_page(const report *r, failure *f);

#endif
