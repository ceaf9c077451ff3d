/* Pointwise operations of one element as LLVM IR: lower_NAME of the table's column `lower`. */
#ifndef RETORT_EMIT_POINTWISE_H
#define RETORT_EMIT_POINTWISE_H

#include "compiler/graph/graph.h"
#include <llvm-c/Core.h>

/* Operands are of type `from` (a where's: its second and third), the result of type `to`: i1, i32, i64 or float.
 * What the results are, NaN and integer overflow included, graph/evaluate.c says. */
LLVMValueRef pointwise_emit(LLVMBuilderRef b, op o, dtype from, dtype to, LLVMValueRef const *operands);

/* One step of a reduction by OP_add, OP_maximum or OP_minimum; LLVM may reorder sums. */
LLVMValueRef pointwise_accumulate(LLVMBuilderRef b, op o, dtype type, LLVMValueRef so_far, LLVMValueRef value);

/* The uniform number of retort_uniform, inline; seed, step and position are i64, site is i32. */
LLVMValueRef pointwise_uniform(LLVMBuilderRef b, LLVMValueRef seed, LLVMValueRef step, LLVMValueRef site,
                               LLVMValueRef position);

#endif
