/* What kernels do, counted from their statements: for `retort bench`. */
#ifndef RETORT_KERNEL_COST_H
#define RETORT_KERNEL_COST_H

#include "compiler/kernel/kernel.h"

/* operations: a pointwise operation or a term of a sum is one whatever it is, a product of a contraction two, movement
 * and address arithmetic none. bytes: of each tensor what is read and what is written, each element once however often
 * it is touched; what a kernel itself has written, and the threads' own scratch, are not read from memory. A condition
 * on data counts as true. */
typedef struct kernel_cost {
  double operations, bytes;
  double bf16; /* of the operations: those of contractions whose operands are rounded to bf16 */
} kernel_cost;

/* Of the step's call of that number, for run-time dimensions (by symbol index) and threads. */
kernel_cost step_call_cost(arena *a, const step *s, int call, const int64_t *dims, int threads);

#endif
