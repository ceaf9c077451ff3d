/* Dimensions as the small programs of runtime/core. */
#ifndef RETORT_EMIT_SIZE_H
#define RETORT_EMIT_SIZE_H

#include "compiler/graph/dim.h"
#include "runtime/core/retort.h"

/* The size d, in the arena. With `per_thread`, times the number of threads; symbol_count is that of d's table. */
retort_size size_of_dim(arena *a, const dim *d, bool per_thread, int symbol_count);

/* What the dimensions of a call must fulfil, in the arena. */
const retort_condition *conditions_of_dims(arena *a, const dim_table *dims, int32_t *count);

#endif
