/* The functions behind the table of built-ins (builtin.c), by file. */
#ifndef RETORT_BUILTIN_H
#define RETORT_BUILTIN_H

#include "compiler/check/tensor.h"

/* ---- arguments (builtin.c) ---- */

value builtin_wrong(const builtin_call *c, int index, const char *wanted); /* «argument 'x' of 'exp' must be …» */
bool builtin_given(const builtin_call *c, int index);
node *builtin_tensor(const builtin_call *c, int index); /* a number counts as a tensor; NULL: error */
bool builtin_int(const builtin_call *c, int index, int64_t *result);
/* An axis of x, negative ones counted from the end; -1 after an error. */
int builtin_axis(const builtin_call *c, int index, const node *x);
/* A size: dim of an int or a size; NULL: error. */
const dim *builtin_size_argument(const builtin_call *c, int index);
bool builtin_shape_argument(const builtin_call *c, int index, shape *result); /* a list of sizes */

/* ---- builtin_math.c ---- */

builtin_function builtin_elementwise, builtin_two, builtin_where, builtin_stop_gradient;
builtin_function builtin_f32, builtin_i32, builtin_i64, builtin_bool;
double number_rsqrt(double x), number_sign(double x), number_reciprocal(double x);

/* ---- builtin_shape.c ---- */

builtin_function builtin_reduce, builtin_mean, builtin_argmax;
builtin_function builtin_reshape, builtin_permute, builtin_expand, builtin_concat, builtin_zero_pad, builtin_gather,
    builtin_scatter_add;
builtin_function builtin_size, builtin_rank, builtin_shape;

/* ---- builtin_tensor.c ---- */

builtin_function builtin_iota, builtin_random, builtin_pad, builtin_mask, builtin_lengths, builtin_tokens;

#endif
