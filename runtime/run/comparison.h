/* Finished runs beside each other: what differs in their settings, and what each of their models scored. */
#ifndef RETORT_COMPARISON_H
#define RETORT_COMPARISON_H
#include "runtime/data/memory.h"
#include <stdio.h>

typedef struct comparison comparison;

comparison *comparison_create(void);
void comparison_free(comparison *c);
/* A run's folder, or an experiment's: then each run in it, by name. */
bool comparison_add(comparison *c, const char *folder, failure *f);
int comparison_count(const comparison *c);
/* With `all` settings that are the same in all runs are printed too. */
void comparison_print(comparison *c, FILE *to, bool colour, bool all);

#endif
