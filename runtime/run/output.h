/* The folder that a run leaves behind. Everything is written into a folder beside it, NAME.running, which takes its
 * name in one step at the end, so the name stands for one whole run at any time. A run that did not finish never
 * replaces one that was there: it is left under NAME.unfinished.
 *
 *   settings.json  results.json  confusion.json  layers.json  report.html  metrics.jsonl  the source
 * events.out.tfevents.retort MODEL/model.safetensors MODEL/config.json */
#ifndef RETORT_OUTPUT_H
#define RETORT_OUTPUT_H
#include "runtime/run/weights.h"
#include <jansson.h>
#include <stdio.h>

typedef struct output_folder output_folder;

/* Fails at once, before any work, when the folder could not be made at the end: its parent is missing or may not be
 * written, `path` is a file or a folder with something else than a run in it, or another run is writing there. What a
 * run that was killed has left in NAME.running is removed. */
output_folder *output_folder_begin(const char *path, failure *f);
/* For a line a step. It is in memory, so that a full disk costs none of it; output_folder_flush and output_folder_end
 * write to metrics.jsonl what is not there yet. */
FILE *output_folder_log(output_folder *o);
bool output_folder_flush(output_folder *o, failure *f);
/* All lines so far, until the next one is written. */
const char *output_folder_log_text(output_folder *o, size_t *size);

/* Each writes one file, atomically. `name` has no slash but for MODEL/… */
bool output_folder_write(output_folder *o, const char *name, const char *text, failure *f);
bool output_folder_write_bytes(output_folder *o, const char *name, const void *bytes, size_t count, failure *f);
bool output_folder_copy(output_folder *o, const char *name, const char *from, failure *f);
bool output_folder_write_json(output_folder *o, const char *name, const json_t *value, failure *f);
/* MODEL/model.safetensors and MODEL/config.json. */
bool output_folder_save_model(output_folder *o, const char *model, const weight_set *weights, const json_t *config,
                              failure *f);

/* Gives the folder its name and ends `o`. With `finished` false a run that is there stays. *path: where it is now (the
 * caller frees it); NULL when the metrics could not be written, and nothing is left. */
bool output_folder_end(output_folder *o, bool finished, char **path, failure *f);
/* Removes what was written and ends `o`. */
void output_folder_abandon(output_folder *o);

#endif
