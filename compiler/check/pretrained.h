/* Models whose module and sizes are said by a folder: `pretrained("FOLDER", …)`. */
#ifndef RETORT_PRETRAINED_H
#define RETORT_PRETRAINED_H

#include "compiler/check/experiment.h"

typedef struct pretrained {
  const char *folder; /* found */
  const char *config; /* its config.json */
  const module_value *module;
  int argument_count; /* of the module, from config.json; all named */
  call_argument *arguments;
  int fresh_count; /* what keeps its initial values */
  const char **fresh;
} pretrained;

bool pretrained_is(const expression *x);
/* Reads the folder's config.json. *rest becomes the call's further arguments, which go to the module. False after an
 * error. */
bool pretrained_read(program *p, experiment *x, const expression *call, pretrained *to, expression *rest);
/* The module's arguments: those given, and those of config.json that are not. Returns how many. */
int pretrained_merge(program *p, const pretrained *from, int count, const call_argument *given, call_argument **all);
/* The keys under which the model's settings are published: sets about->published_type and published_keys. */
void pretrained_describe(program *p, program_model *about);

#endif
