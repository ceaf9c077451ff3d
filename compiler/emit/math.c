/* Elementary functions as straight-line code. */
#include "compiler/emit/math.h"
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- small builders ---- */

static LLVMContextRef context_of(LLVMValueRef x) {
  return LLVMGetTypeContext(LLVMTypeOf(x));
}
static LLVMTypeRef single_of(LLVMValueRef x) {
  return LLVMFloatTypeInContext(context_of(x));
}
static LLVMTypeRef double_of(LLVMValueRef x) {
  return LLVMDoubleTypeInContext(context_of(x));
}
static LLVMTypeRef i32_of(LLVMValueRef x) {
  return LLVMInt32TypeInContext(context_of(x));
}
static LLVMTypeRef i64_of(LLVMValueRef x) {
  return LLVMInt64TypeInContext(context_of(x));
}

/* A real or integer constant of the type of x. */
static LLVMValueRef real(LLVMValueRef x, double value) {
  return LLVMConstReal(LLVMTypeOf(x), value);
}
static LLVMValueRef integer(LLVMValueRef x, int64_t value) {
  return LLVMConstInt(LLVMTypeOf(x), (unsigned long long)value, true);
}

static LLVMValueRef add(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildFAdd(b, x, y, "");
}
static LLVMValueRef subtract(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildFSub(b, x, y, "");
}
static LLVMValueRef multiply(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildFMul(b, x, y, "");
}
static LLVMValueRef divide(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildFDiv(b, x, y, "");
}
static LLVMValueRef choose(LLVMBuilderRef b, LLVMValueRef condition, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(b, condition, x, y, "");
}
/* Ordered comparisons: false when either is NaN. */
static LLVMValueRef less(LLVMBuilderRef b, LLVMValueRef x, double y) {
  return LLVMBuildFCmp(b, LLVMRealOLT, x, real(x, y), "");
}
static LLVMValueRef greater(LLVMBuilderRef b, LLVMValueRef x, double y) {
  return LLVMBuildFCmp(b, LLVMRealOGT, x, real(x, y), "");
}
static LLVMValueRef equals(LLVMBuilderRef b, LLVMValueRef x, double y) {
  return LLVMBuildFCmp(b, LLVMRealOEQ, x, real(x, y), "");
}
static LLVMValueRef bits(LLVMBuilderRef b, LLVMValueRef x) {
  bool single = LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMFloatTypeKind;
  return LLVMBuildBitCast(b, x, single ? i32_of(x) : i64_of(x), "");
}

LLVMValueRef math_intrinsic(LLVMBuilderRef b, const char *name, int count, LLVMValueRef *operands) {
  LLVMModuleRef module = LLVMGetGlobalParent(LLVMGetBasicBlockParent(LLVMGetInsertBlock(b)));
  LLVMTypeRef type = LLVMTypeOf(operands[0]);
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(module, id, &type, 1);
  LLVMTypeRef signature = LLVMIntrinsicGetType(LLVMGetModuleContext(module), id, &type, 1);
  return LLVMBuildCall2(b, signature, function, operands, (unsigned)count, "");
}

static LLVMValueRef absolute(LLVMBuilderRef b, LLVMValueRef x) {
  return math_intrinsic(b, "llvm.fabs", 1, &x);
}
static LLVMValueRef copy_sign(LLVMBuilderRef b, LLVMValueRef magnitude, LLVMValueRef sign) {
  return math_intrinsic(b, "llvm.copysign", 2, (LLVMValueRef[]){magnitude, sign});
}

/* x y + z, in one rounding where the target has it. (llvm.fma would call the C library where it has not.) */
static LLVMValueRef multiply_add(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z) {
  return math_intrinsic(b, "llvm.fmuladd", 3, (LLVMValueRef[]){x, y, z});
}

/* coefficients[0] + coefficients[1] x + … */
static LLVMValueRef polynomial(LLVMBuilderRef b, LLVMValueRef x, int count, const double *coefficients) {
  LLVMValueRef sum = real(x, coefficients[count - 1]);
  for (int i = count - 2; i >= 0; i--)
    sum = multiply_add(b, sum, x, real(x, coefficients[i]));
  return sum;
}
#define POLYNOMIAL(b, x, ...) \
  polynomial(b, x, (int)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)), (const double[]){__VA_ARGS__})

/* Adding this rounds a float to the nearest integer and leaves the integer in the low bits of the sum. */
#define SINGLE_ROUNDER 0x1.8p23
#define DOUBLE_ROUNDER 0x1.8p52

/* Limits x to [low, high]; NaN stays. */
static LLVMValueRef limit(LLVMBuilderRef b, LLVMValueRef x, double low, double high) {
  x = choose(b, less(b, x, low), real(x, low), x);
  return choose(b, greater(b, x, high), real(x, high), x);
}

/* ---- exp ---- */

typedef struct scaled { /* value * 2^exponent */
  LLVMValueRef value, exponent;
} scaled;

/* e^x for |x| below 2^20: x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), q minimax to 2^-28. */
static scaled exp_scaled(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef rounded = multiply_add(b, x, real(x, 0x1.715476p+0), real(x, SINGLE_ROUNDER));
  LLVMValueRef n = subtract(b, rounded, real(x, SINGLE_ROUNDER));
  LLVMValueRef exponent = LLVMBuildSub(b, bits(b, rounded), bits(b, real(x, SINGLE_ROUNDER)), "");
  /* ln 2 in two parts; the first has 9 trailing zeros, so that n times it is exact without fused multiply-add. */
  LLVMValueRef r = multiply_add(b, n, real(x, -0x1.62e4p-1), x);
  r = multiply_add(b, n, real(x, -0x1.7f7d1cp-20), r);
  LLVMValueRef q = POLYNOMIAL(b, r, 0x1p-1, 0x1.55548ep-3, 0x1.55545cp-5, 0x1.123c78p-7, 0x1.6db5bep-10);
  LLVMValueRef value = add(b, real(x, 1), multiply_add(b, multiply(b, r, r), q, r));
  return (scaled){value, exponent};
}

/* 2^n for n in [-126, 127]. */
static LLVMValueRef power_of_two(LLVMBuilderRef b, LLVMValueRef n, LLVMTypeRef single) {
  LLVMValueRef biased = LLVMBuildAdd(b, n, integer(n, 127), "");
  return LLVMBuildBitCast(b, LLVMBuildShl(b, biased, integer(n, 23), ""), single, "");
}

LLVMValueRef math_exp(LLVMBuilderRef b, LLVMValueRef x) {
  scaled s = exp_scaled(b, limit(b, x, -105, 89));
  /* In two steps, so that results may overflow to infinity or be denormal. */
  LLVMValueRef half = LLVMBuildAShr(b, s.exponent, integer(s.exponent, 1), "");
  LLVMValueRef rest = LLVMBuildSub(b, s.exponent, half, "");
  LLVMValueRef value = multiply(b, s.value, power_of_two(b, half, single_of(x)));
  return multiply(b, value, power_of_two(b, rest, single_of(x)));
}

/* e^x for |x| <= 80. */
static LLVMValueRef exp_moderate(LLVMBuilderRef b, LLVMValueRef x) {
  scaled s = exp_scaled(b, x);
  return multiply(b, s.value, power_of_two(b, s.exponent, single_of(x)));
}

/* ---- log ---- */

/* x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)]; ln(1 + f) = f - f^2/2 + f^3 q(f), q minimax to 2^-30. */
LLVMValueRef math_log(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef denormal = less(b, x, 0x1p-126);
  LLVMValueRef normal = choose(b, denormal, multiply(b, x, real(x, 0x1p23)), x);
  LLVMValueRef from_root = LLVMBuildSub(b, bits(b, normal), bits(b, real(x, 0x1.6a09e6p-1)), "");
  LLVMValueRef exponent = LLVMBuildAShr(b, from_root, integer(from_root, 23), "");
  LLVMValueRef shifted = LLVMBuildShl(b, exponent, integer(exponent, 23), "");
  LLVMValueRef f = LLVMBuildBitCast(b, LLVMBuildSub(b, bits(b, normal), shifted, ""), single_of(x), "");
  f = subtract(b, f, real(x, 1));
  LLVMValueRef e = LLVMBuildSIToFP(b, exponent, single_of(x), "");
  e = subtract(b, e, choose(b, denormal, real(x, 23), real(x, 0)));

  LLVMValueRef q = POLYNOMIAL(b, f, 0x1.555548p-2, -0x1.000006p-2, 0x1.99a4b6p-3, -0x1.555c4ep-3, 0x1.233768p-3,
                              -0x1.fc2206p-4, 0x1.e6f066p-4, -0x1.de3c1ap-4, 0x1.1457b6p-4);
  LLVMValueRef square = multiply(b, f, f);
  LLVMValueRef y = multiply(b, multiply(b, square, f), q);
  y = multiply_add(b, e, real(x, 0x1.7f7d1cp-20), y);
  y = multiply_add(b, square, real(x, -0.5), y);
  y = add(b, f, y);
  y = multiply_add(b, e, real(x, 0x1.62e4p-1), y);

  y = choose(b, equals(b, x, 0), real(x, -INFINITY), y);
  y = choose(b, equals(b, x, INFINITY), x, y);
  LLVMValueRef outside = LLVMBuildFCmp(b, LLVMRealULT, x, real(x, 0), ""); /* negative or NaN */
  return choose(b, outside, real(x, NAN), y);
}

/* ---- tanh, erf ---- */

/* |x| < 0.625: x + x^3 p(x^2), p minimax to 2^-31; else 1 - 2 / (e^(2|x|) + 1), which is 1 from 9.02 on. */
LLVMValueRef math_tanh(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef magnitude = absolute(b, x), square = multiply(b, x, x);
  LLVMValueRef p =
      POLYNOMIAL(b, square, -0x1.555554p-2, 0x1.11106ep-3, -0x1.b9ed8p-5, 0x1.636becp-6, -0x1.0b164ap-7, 0x1.15056ep-9);
  LLVMValueRef small = multiply_add(b, multiply(b, square, p), x, x);
  LLVMValueRef limited = choose(b, greater(b, magnitude, 10), real(x, 10), magnitude);
  LLVMValueRef power = exp_moderate(b, add(b, limited, limited));
  LLVMValueRef large = subtract(b, real(x, 1), divide(b, real(x, 2), add(b, power, real(x, 1))));
  /* The sign is set in both, because x^3 p(x^2) + x of -0 is 0. */
  return copy_sign(b, choose(b, less(b, magnitude, 0.625), small, large), x);
}

/* |x| < 0.92: x + x p(x^2), p minimax to 2^-29 on [0, 1]; else 1 - e^-(|x| + |x| q(|x|)), q minimax on [0.92, 4] for an
 * error of 2^-28 in erf, which is 1 from 3.92 on. */
LLVMValueRef math_erf(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef magnitude = absolute(b, x), square = multiply(b, x, x);
  LLVMValueRef p = POLYNOMIAL(b, square, 0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2d2p-4, -0x1.b7fbb4p-6, 0x1.5419f6p-8,
                              -0x1.a485eep-11, 0x1.4ae4d2p-14);
  LLVMValueRef small = multiply_add(b, p, x, x);
  LLVMValueRef limited = choose(b, greater(b, magnitude, 4), real(x, 4), magnitude);
  LLVMValueRef q = POLYNOMIAL(b, limited, 0x1.07328ap-3, 0x1.457cep-1, 0x1.af270ap-4, -0x1.770776p-6, 0x1.a563fep-9,
                              -0x1.c0c244p-13);
  LLVMValueRef power = exp_moderate(b, LLVMBuildFNeg(b, multiply_add(b, limited, q, limited), ""));
  LLVMValueRef large = subtract(b, real(x, 1), power);
  return choose(b, less(b, magnitude, 0.92), small, copy_sign(b, large, x));
}

/* ---- roots, floor ---- */

LLVMValueRef math_rsqrt(LLVMBuilderRef b, LLVMValueRef x) {
  return divide(b, real(x, 1), math_intrinsic(b, "llvm.sqrt", 1, &x));
}

/* For x >= 0: nearest integer (from 2^23 on, every number is one). */
static LLVMValueRef nearest(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef rounded = subtract(b, add(b, x, real(x, 0x1p23)), real(x, 0x1p23));
  return choose(b, less(b, x, 0x1p23), rounded, x);
}

LLVMValueRef math_floor(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef rounded = copy_sign(b, nearest(b, absolute(b, x)), x);
  LLVMValueRef above = LLVMBuildFCmp(b, LLVMRealOGT, rounded, x, "");
  return choose(b, above, subtract(b, rounded, real(x, 1)), rounded);
}

/* ---- sin, cos ---- */

typedef struct quadrant { /* x = turn pi/2 + rest, |rest| <= pi/4; turn modulo 4 (i32) */
  LLVMValueRef turn, rest;
} quadrant;

/* 32 of the bits of 2/pi, behind 32 zeros: words `first` and up, chosen by `word` (0..4) without a table in memory. */
static LLVMValueRef two_over_pi(LLVMBuilderRef b, LLVMValueRef word, int first) {
  static const uint32_t words[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                   0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
  LLVMValueRef result = integer(word, words[first]);
  for (int i = 1; i <= 4; i++) {
    LLVMValueRef here = LLVMBuildICmp(b, LLVMIntEQ, word, integer(word, i), "");
    result = choose(b, here, integer(word, words[first + i]), result);
  }
  return LLVMBuildZExt(b, result, i64_of(word), "");
}

/* The 32 bits that begin `shift` bits behind the start of the pair (high, low). */
static LLVMValueRef window(LLVMBuilderRef b, LLVMValueRef high, LLVMValueRef low, LLVMValueRef shift) {
  LLVMValueRef pair = LLVMBuildOr(b, LLVMBuildShl(b, high, integer(high, 32), ""), low, "");
  return LLVMBuildLShr(b, LLVMBuildShl(b, pair, shift, ""), integer(high, 32), "");
}

/* Payne and Hanek: of the product of the 24-bit mantissa and 2/pi, bits that are multiples of 4 are left out, and the
 * 64 bits from there on are enough for all float32 numbers. x is not negative; NaN and infinity give anything. */
static quadrant reduce_angle(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef all = bits(b, x);
  LLVMValueRef mantissa = LLVMBuildOr(b, LLVMBuildAnd(b, all, integer(all, 0x7fffff), ""), integer(all, 0x800000), "");
  mantissa = LLVMBuildZExt(b, mantissa, i64_of(x), "");
  LLVMValueRef position = LLVMBuildSub(b, LLVMBuildLShr(b, all, integer(all, 23), ""), integer(all, 120), "");
  LLVMValueRef word = LLVMBuildAShr(b, position, integer(all, 5), "");
  LLVMValueRef shift = LLVMBuildZExt(b, LLVMBuildAnd(b, position, integer(all, 31), ""), i64_of(x), "");
  LLVMValueRef words[4], product[3];
  for (int i = 0; i < 4; i++)
    words[i] = two_over_pi(b, word, i);
  for (int i = 0; i < 3; i++)
    product[i] = LLVMBuildMul(b, window(b, words[i], words[i + 1], shift), mantissa, "");
  /* In units of 2^-62 quarter turns, modulo 4 of them. */
  LLVMValueRef sum = LLVMBuildShl(b, product[0], integer(product[0], 32), "");
  sum = LLVMBuildAdd(b, sum, product[1], "");
  sum = LLVMBuildAdd(b, sum, LLVMBuildLShr(b, product[2], integer(sum, 32), ""), "");
  LLVMValueRef turn = LLVMBuildLShr(b, LLVMBuildAdd(b, sum, integer(sum, INT64_C(1) << 61), ""), integer(sum, 62), "");
  LLVMValueRef rest = LLVMBuildSub(b, sum, LLVMBuildShl(b, turn, integer(sum, 62), ""), "");
  rest = LLVMBuildSIToFP(b, rest, double_of(x), "");
  rest = multiply(b, rest, real(rest, 0x1.921fb54442d18p0 * 0x1p-62));
  rest = LLVMBuildFPTrunc(b, rest, single_of(x), "");
  LLVMValueRef small = less(b, x, 0x1.921fb4p-1);
  turn = LLVMBuildTrunc(b, turn, i32_of(x), "");
  return (quadrant){.turn = choose(b, small, integer(turn, 0), turn), .rest = choose(b, small, x, rest)};
}

/* sin(q.turn pi/2 + q.rest); polynomials minimax to 2^-36 and 2^-41. */
static LLVMValueRef sin_of_quadrant(LLVMBuilderRef b, quadrant q) {
  LLVMValueRef r = q.rest, square = multiply(b, r, r);
  LLVMValueRef p = POLYNOMIAL(b, square, -0x1.555556p-3, 0x1.111108p-7, -0x1.a00f2ep-13, 0x1.6cb4ccp-19);
  LLVMValueRef sine = multiply_add(b, multiply(b, square, p), r, r);
  LLVMValueRef c = POLYNOMIAL(b, square, 0x1.555556p-5, -0x1.6c16bcp-10, 0x1.a012c8p-16, -0x1.247334p-22);
  LLVMValueRef cosine = multiply_add(b, square, multiply_add(b, square, c, real(r, -0.5)), real(r, 1));
  LLVMValueRef odd = LLVMBuildAnd(b, q.turn, integer(q.turn, 1), "");
  odd = LLVMBuildICmp(b, LLVMIntNE, odd, integer(odd, 0), "");
  LLVMValueRef sign = LLVMBuildShl(b, LLVMBuildAnd(b, q.turn, integer(q.turn, 2), ""), integer(q.turn, 30), "");
  LLVMValueRef result = LLVMBuildXor(b, bits(b, choose(b, odd, cosine, sine)), sign, "");
  return LLVMBuildBitCast(b, result, LLVMTypeOf(r), "");
}

/* x where it is finite, else NaN. */
static LLVMValueRef finite_or_nan(LLVMBuilderRef b, LLVMValueRef magnitude, LLVMValueRef result) {
  return choose(b, less(b, magnitude, INFINITY), result, real(result, NAN));
}

LLVMValueRef math_sin(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef magnitude = absolute(b, x);
  LLVMValueRef result = sin_of_quadrant(b, reduce_angle(b, magnitude));
  LLVMValueRef sign = LLVMBuildAnd(b, bits(b, x), integer(bits(b, x), INT64_C(0x80000000)), "");
  result = LLVMBuildBitCast(b, LLVMBuildXor(b, bits(b, result), sign, ""), single_of(x), "");
  return finite_or_nan(b, magnitude, result);
}

LLVMValueRef math_cos(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef magnitude = absolute(b, x);
  quadrant q = reduce_angle(b, magnitude);
  q.turn = LLVMBuildAdd(b, q.turn, integer(q.turn, 1), "");
  return finite_or_nan(b, magnitude, sin_of_quadrant(b, q));
}

/* ---- pow ---- */

/* log2 of x > 0, double, x normal: x = 2^e m, m in [sqrt(1/2), sqrt(2)], s = (m - 1) / (m + 1), log2 m = s p(s^2), p
 * minimax to 2^-43. */
static LLVMValueRef log2_double(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef from_root = LLVMBuildSub(b, bits(b, x), bits(b, real(x, 0x1.6a09e667f3bcdp-1)), "");
  LLVMValueRef exponent = LLVMBuildAShr(b, from_root, integer(from_root, 52), "");
  LLVMValueRef shifted = LLVMBuildShl(b, exponent, integer(exponent, 52), "");
  LLVMValueRef m = LLVMBuildBitCast(b, LLVMBuildSub(b, bits(b, x), shifted, ""), LLVMTypeOf(x), "");
  LLVMValueRef s = divide(b, subtract(b, m, real(x, 1)), add(b, m, real(x, 1)));
  LLVMValueRef p = POLYNOMIAL(b, multiply(b, s, s), 0x1.71547652b824ep+1, 0x1.ec709dc541daep-1, 0x1.2776c28cc287bp-1,
                              0x1.a61a341f9a0a4p-2, 0x1.4794730e7579fp-2, 0x1.21be088d4f448p-2);
  LLVMValueRef e = LLVMBuildSIToFP(b, exponent, LLVMTypeOf(x), "");
  return multiply_add(b, s, p, e);
}

/* 2^x, double, |x| <= 200: polynomial on [-1/2, 1/2] minimax to 2^-40. */
static LLVMValueRef exp2_double(LLVMBuilderRef b, LLVMValueRef x) {
  LLVMValueRef rounded = add(b, x, real(x, DOUBLE_ROUNDER));
  LLVMValueRef exponent = LLVMBuildSub(b, bits(b, rounded), bits(b, real(x, DOUBLE_ROUNDER)), "");
  LLVMValueRef r = subtract(b, x, subtract(b, rounded, real(x, DOUBLE_ROUNDER)));
  LLVMValueRef p =
      POLYNOMIAL(b, r, 1, 0x1.62e42fef848e2p-1, 0x1.ebfbdff8051a8p-3, 0x1.c6b08dd79e537p-5, 0x1.3b2ab73e7f626p-7,
                 0x1.5d8744e67ebbdp-10, 0x1.43086f150a16ap-13, 0x1.00dcca5dab612p-16, 0x1.640eaab089aa0p-20);
  LLVMValueRef scale =
      LLVMBuildShl(b, LLVMBuildAdd(b, exponent, integer(exponent, 1023), ""), integer(exponent, 52), "");
  return multiply(b, p, LLVMBuildBitCast(b, scale, LLVMTypeOf(x), ""));
}

/* For x >= 0. */
static LLVMValueRef is_integer(LLVMBuilderRef b, LLVMValueRef x) {
  return LLVMBuildFCmp(b, LLVMRealOEQ, nearest(b, x), x, "");
}

LLVMValueRef math_pow(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  LLVMTypeRef wide = double_of(x);
  LLVMValueRef magnitude = absolute(b, x), height = absolute(b, y);
  LLVMValueRef logarithm = log2_double(b, LLVMBuildFPExt(b, magnitude, wide, ""));
  logarithm = choose(b, equals(b, magnitude, 0), real(logarithm, -INFINITY), logarithm);
  logarithm = choose(b, less(b, magnitude, INFINITY), logarithm, LLVMBuildFPExt(b, magnitude, wide, "")); /* or NaN */
  LLVMValueRef product = multiply(b, logarithm, LLVMBuildFPExt(b, y, wide, ""));
  /* (-1)^infinity is 1, not what 0 * infinity says. */
  LLVMValueRef unit = LLVMBuildAnd(b, equals(b, magnitude, 1), LLVMBuildFCmp(b, LLVMRealORD, y, y, ""), "");
  product = choose(b, unit, real(product, 0), product);
  LLVMValueRef result = LLVMBuildFPTrunc(b, exp2_double(b, limit(b, product, -200, 200)), single_of(x), "");

  LLVMValueRef odd =
      LLVMBuildAnd(b, is_integer(b, height), LLVMBuildNot(b, is_integer(b, multiply(b, height, real(y, 0.5))), ""), "");
  result = choose(b, odd, copy_sign(b, result, x), result);
  LLVMValueRef no_real = LLVMBuildAnd(b, less(b, x, 0), greater(b, x, -INFINITY), "");
  no_real = LLVMBuildAnd(b, no_real, LLVMBuildNot(b, is_integer(b, height), ""), "");
  result = choose(b, no_real, real(x, NAN), result);
  LLVMValueRef one = LLVMBuildOr(b, equals(b, x, 1), equals(b, y, 0), "");
  return choose(b, one, real(x, 1), result);
}
