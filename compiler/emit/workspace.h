/* How much memory a step works in, before any code is made for it: for `retort check`. */
#ifndef RETORT_EMIT_WORKSPACE_H
#define RETORT_EMIT_WORKSPACE_H

#include "compiler/kernel/kernel.h"

/* Bytes of retort_call.workspace for these run-time dimensions (by symbol index): what retort_workspace_size says of
 * the emitted step. SIZE_MAX when there is no memory to find out. */
size_t step_workspace_bytes(arena *a, const step *s, const int64_t *dims, int threads);

/* retort_plan.scratch_per_thread: the same for all targets and ways to compute contractions, so that what a step needs
 * does not depend on them. */
size_t scratch_per_thread(const step *s);

#endif
