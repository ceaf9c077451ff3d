/* One element of a pointwise operation, in float64: for the interpreter, and for passes that fold constants. */
#ifndef RETORT_EVALUATE_H
#define RETORT_EVALUATE_H

#include "compiler/graph/graph.h"

/* The value of pointwise operation o on operands of type `from` (of its last operand) with a result of type `to`.
 * Integers wrap as the emitted code's do; f32 is not rounded. */
double evaluate_pointwise(op o, dtype from, dtype to, const double *operands);

/* To bf16: to nearest, ties to even, of the number as float32. */
double evaluate_round_bf16(double x);

#endif
