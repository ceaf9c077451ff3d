/* `--memory=SIZE`, the same for all commands that compile a step. */
#ifndef RETORT_MEMORY_OPTION_H
#define RETORT_MEMORY_OPTION_H

#include "compiler/passes/pass.h"
#include "compiler/source/text.h"

/* `512M`, `1.5GiB`, `4096`: units of 1024. NULL leaves *bytes as it is; false after
 * a message of the command `of`. */
bool memory_read(const char *of, const char *word, double *bytes);
/* What was done, as lines; nothing when nothing was. In `a`: what is needed for it. */
void memory_describe(arena *a, const rematerialization *r, text *to);

/* For help texts. */
#define MEMORY_HELP                                                                                                  \
  "  --memory SIZE      of a step, as retort check counts it, at the most: values are computed once more in place\n" \
  "                     of being kept until it fits (512MiB, 1.5GiB)\n"

#endif
