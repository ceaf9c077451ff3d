/* Building kernels: subscripts and values are folded and interned, so equal ones are the same pointer within a kernel.
 */
#ifndef RETORT_KERNEL_BUILD_H
#define RETORT_KERNEL_BUILD_H

#include "compiler/kernel/kernel.h"

typedef struct kernel_builder kernel_builder;

/* A new kernel in the arena; `kernel` may be read at any time. */
kernel_builder *builder_create(arena *a, dim_table *dims);
kernel *builder_kernel(kernel_builder *b);
arena *builder_arena(kernel_builder *b);
dim_table *builder_dims(kernel_builder *b);

/* The parameter for the step's buffer of that number, made when new. */
int builder_buffer(kernel_builder *b, int buffer, dtype type, bool written);
/* A size of the call, made when new (`distinct`: always new). */
const subscript *builder_size(kernel_builder *b, const dim *size, bool distinct);
/* What a call of the kernel gives: buffers and sizes, in the arena. */
void builder_call(kernel_builder *b, step_call *call);

const subscript *subscript_constant(kernel_builder *b, int64_t number);
const subscript *subscript_dim(kernel_builder *b, const dim *d);
const subscript *subscript_variable(kernel_builder *b, int variable);
const subscript *subscript_of_value(kernel_builder *b, const value *v);
const subscript *subscript_binary(kernel_builder *b, subscript_kind kind, const subscript *x, const subscript *y);
const subscript *subscript_add(kernel_builder *b, const subscript *x, const subscript *y);
const subscript *subscript_multiply(kernel_builder *b, const subscript *x, const subscript *y);
/* Rounded up: (x + y - 1) / y. */
const subscript *subscript_parts(kernel_builder *b, const subscript *x, const subscript *y);

const value *value_number(kernel_builder *b, double number, dtype type);
const value *value_load(kernel_builder *b, int buffer, const subscript *index);
const value *value_register(kernel_builder *b, int number);
const value *value_op(kernel_builder *b, op o, dtype type, int count, const value *const *operands);
const value *value_index(kernel_builder *b, const subscript *index, dtype type);
const value *value_in_range(kernel_builder *b, const subscript *index, const subscript *limit);
const value *value_random(kernel_builder *b, int buffer, int site, const subscript *position);
/* About how many operations the values made since the last call of this take to compute once each. */
int builder_take_cost(kernel_builder *b);

int builder_register(kernel_builder *b, dtype type);
int builder_variable(kernel_builder *b);
/* Adds a phase that starts with an empty body, to which statements are added until the next phase. */
phase *builder_phase(kernel_builder *b, const subscript *when, const subscript *extent, span where);
/* Statements are appended to the block that is open; a loop and a condition open their body until builder_end. All
 * carry the span that was set last. */
void builder_where(kernel_builder *b, span where);
statement *builder_loop(kernel_builder *b, int variable, const subscript *from, const subscript *to, int64_t stride,
                        bool independent);
/* The body runs when from <= index < to. */
statement *builder_when(kernel_builder *b, const subscript *index, const subscript *from, const subscript *to);
void builder_end(kernel_builder *b);
statement *builder_set(kernel_builder *b, int number, const value *v);
void builder_accumulate(kernel_builder *b, int number, op o, const value *v);
void builder_store(kernel_builder *b, int buffer, const subscript *index, const value *v);
statement *builder_statement(kernel_builder *b, statement_kind kind);
/* Values that several of the open block's statements (from the one numbered `first` on) use are set to registers in
 * front of the first use. */
void builder_share(kernel_builder *b, int first);
int builder_statement_count(const kernel_builder *b);

#endif
