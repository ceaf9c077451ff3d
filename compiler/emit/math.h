/* Elementary functions of float32 as straight-line LLVM IR: no branches, no calls, no tables in memory, so that a loop
 * around them becomes vector code on any target, with or without fused multiply-add.
 *
 * Each takes scalar f32 values and gives an f32. Special values are those of C's Annex F: NaN goes through, infinities,
 * signed zeros and denormals come out right, overflow gives infinity. The bounds, in units in the last place against
 * the exact result, hold for all of float32 and are checked by tests/unit/test_math.c.
 *
 * Where the polynomials are from: minimax coefficients by Remez's exchange on the stated interval and weight (relative
 * error of the function), then rounded to float32; no published table was copied. Methods: range reduction of exp and
 * log after W. Cody, W. Waite, «Software Manual for the Elementary Functions» (1980); of sin and cos after M. Payne,
 * R. Hanek, «Radian reduction for trigonometric functions» (SIGNUM 18, 1983). */
#ifndef RETORT_EMIT_MATH_H
#define RETORT_EMIT_MATH_H

#include <llvm-c/Core.h>

/* Bounds in ulp. Results below the least normal number: in units of the least denormal one. */
#define MATH_EXP_ULP 1.2
#define MATH_LOG_ULP 1.0
#define MATH_ERF_ULP 1.5
#define MATH_TANH_ULP 1.6
#define MATH_RSQRT_ULP 1.5
#define MATH_SIN_ULP 1.6
#define MATH_COS_ULP 1.6
#define MATH_POW_ULP 0.6

LLVMValueRef math_exp(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_log(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_erf(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_tanh(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_rsqrt(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_sin(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_cos(LLVMBuilderRef b, LLVMValueRef x);
LLVMValueRef math_pow(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y);

/* The greatest integer not above x; exact. */
LLVMValueRef math_floor(LLVMBuilderRef b, LLVMValueRef x);

/* A call of the LLVM intrinsic of that name, overloaded for the type of the first operand. */
LLVMValueRef math_intrinsic(LLVMBuilderRef b, const char *name, int count, LLVMValueRef *operands);

#endif
