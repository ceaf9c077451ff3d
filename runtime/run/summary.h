/* What the runs of an experiment scored, over seeds and settings: a row a model (with its setting and metric), a column
 * a seed, then mean and sample standard deviation. Where a distilled model has a twin that learned from labels alone, a
 * further row holds the differences of the two, seed by seed. */
#ifndef RETORT_SUMMARY_H
#define RETORT_SUMMARY_H
#include "runtime/data/memory.h"
#include <jansson.h>
#include <stdio.h>

typedef struct summary summary;

/* settings: names of what is swept; seeds: of each column. Both must last as long as the summary. */
summary *summary_create(int setting_count, const char *const *settings, int seed_count, const int64_t *seeds);
void summary_free(summary *s);

/* Adds a run: values[i] of each setting, the seed's column, the run's results.json. */
void summary_add(summary *s, const char *const *values, int column, const json_t *results);
/* A table a set that was evaluated, by its first metric. Scores in percent. */
void summary_print(const summary *s, FILE *to, bool colour);
/* results.csv and results.json in the folder: all metrics, scores as fractions. */
bool summary_write(const summary *s, const char *experiment, const char *folder, failure *f);

#endif
