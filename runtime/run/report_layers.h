/* The report's part about layers: states of teacher and student compared, and what they attend to. */
#ifndef RETORT_REPORT_LAYERS_H
#define RETORT_REPORT_LAYERS_H
#include <jansson.h>
#include <stdio.h>

/* layers: as in layers.json (compiler/commands/run_layers.h says what it holds); NULL or empty: nothing is written. */
void report_layers(FILE *to, const json_t *layers);

#endif
