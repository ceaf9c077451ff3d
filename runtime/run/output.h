/* The folder that a run leaves behind. Everything is written into a folder beside it, which takes its name in one step
 * at the end, so the name stands for one whole run at any time. A run that did not finish never replaces one that was
 * there: it is left under NAME.unfinished.
 *
 *   settings.json  results.json  metrics.jsonl  the source  MODEL/model.safetensors  MODEL/config.json */
#ifndef RETORT_OUTPUT_H
#define RETORT_OUTPUT_H
#include "runtime/run/weights.h"
#include <jansson.h>
#include <stdio.h>

typedef struct output_folder output_folder;

/* Fails at once, before any work, when the folder could not be made at the end: its parent is missing or may not be
 * written, or `path` is a file or a folder with something else than a run in it. */
output_folder *output_folder_begin(const char *path, failure *f);
/* For a line a step; it is flushed by output_folder_flush. */
FILE *output_folder_log(output_folder *o);
bool output_folder_flush(output_folder *o, failure *f);

/* Each writes one file, atomically. `name` has no slash but for MODEL/… */
bool output_folder_write(output_folder *o, const char *name, const char *text, failure *f);
bool output_folder_copy(output_folder *o, const char *name, const char *from, failure *f);
bool output_folder_write_json(output_folder *o, const char *name, const json_t *value, failure *f);
/* MODEL/model.safetensors and MODEL/config.json. */
bool output_folder_save_model(output_folder *o, const char *model, const weight_set *weights, const json_t *config,
                              failure *f);

/* Gives the folder its name and ends `o`. With `finished` false a run that is there stays. *path: where it is now (the
 * caller frees it). */
bool output_folder_end(output_folder *o, bool finished, char **path, failure *f);
/* Removes what was written and ends `o`. */
void output_folder_abandon(output_folder *o);

#endif
