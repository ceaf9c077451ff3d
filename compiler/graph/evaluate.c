/* Pointwise operations on one element, evaluate_NAME of the table's column `evaluate`. */
#include "compiler/graph/evaluate.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef double evaluator(const double *x);

#define EVALUATE(name, value)                      \
  static double evaluate_##name(const double *x) { \
    return value;                                  \
  }

/* The upper half of float32's bits, rounded; NaN is one of them. */
static uint32_t bf16_bits(double x) {
  float single = (float)x;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  if (isnan(x))
    return 0x7fc0;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16; /* may carry into the exponent, and to infinity: as it should */
}

static double bf16_number(uint32_t bits) {
  float single;
  bits <<= 16;
  memcpy(&single, &bits, sizeof bits);
  return (double)single;
}

double evaluate_round_bf16(double x) {
  return bf16_number(bf16_bits(x));
}

static uint32_t word(double x) {
  return (uint32_t)(int64_t)x;
}

EVALUATE(bf16_words, (int32_t)(bf16_bits(x[1]) << 16 | bf16_bits(x[0])))
EVALUATE(bf16_lower, bf16_number(word(x[0]) & 0xffff))
EVALUATE(bf16_upper, bf16_number(word(x[0]) >> 16))
EVALUATE(neg, -x[0])
EVALUATE(abs, fabs(x[0]))
EVALUATE(sign, isnan(x[0]) ? x[0] : (x[0] > 0) - (x[0] < 0))
EVALUATE(floor, floor(x[0]))
EVALUATE(exp, exp(x[0]))
EVALUATE(log, log(x[0]))
EVALUATE(sqrt, sqrt(x[0]))
EVALUATE(rsqrt, 1 / sqrt(x[0]))
EVALUATE(reciprocal, 1 / x[0])
EVALUATE(tanh, tanh(x[0]))
EVALUATE(erf, erf(x[0]))
EVALUATE(sin, sin(x[0]))
EVALUATE(cos, cos(x[0]))
EVALUATE(stop_gradient, x[0])
EVALUATE(cast, x[0])
EVALUATE(not, x[0] == 0)
EVALUATE(add, x[0] + x[1])
EVALUATE(sub, x[0] - x[1])
EVALUATE(mul, x[0] * x[1])
EVALUATE(div, x[0] / x[1])
EVALUATE(pow, pow(x[0], x[1]))
EVALUATE(maximum, isnan(x[0]) || x[0] > x[1] ? x[0] : x[1])
EVALUATE(minimum, isnan(x[0]) || x[0] < x[1] ? x[0] : x[1])
EVALUATE(less, x[0] < x[1])
EVALUATE(less_equal, x[0] <= x[1])
EVALUATE(equal, x[0] == x[1])
EVALUATE(not_equal, x[0] != x[1])
EVALUATE(and, x[0] != 0 && x[1] != 0)
EVALUATE(or, x[0] != 0 || x[1] != 0)
EVALUATE(where, x[0] != 0 ? x[1] : x[2])
#define evaluate_nest NULL

static evaluator *const evaluators[OP_COUNT] = {
#define OP(name, operands, class, attribute, shape, gradient, evaluate, ...) [OP_##name] = evaluate_##evaluate,
#include "compiler/graph/ops.def"
#undef OP
};

/* A product of two i32 has more digits than a double; only the low 32 bits count. */
static double multiply_i32(double x, double y) {
  uint64_t product = (uint64_t)(int64_t)x * (uint64_t)(int64_t)y;
  return (int32_t)(uint32_t)product;
}

static double clamp(double value, double low, double high) {
  return isnan(value) ? 0 : value < low ? low : value > high ? high : trunc(value);
}

static double wrap(double value, dtype to) {
  if (!(fabs(value) < 0x1p63)) /* x / 0, or beyond what a double tells */
    return 0;
  return to == DTYPE_I32 ? (int32_t)(uint32_t)(int64_t)value : trunc(value);
}

double evaluate_pointwise(op o, dtype from, dtype to, const double *operands) {
  if (o == OP_mul && to == DTYPE_I32 && fabs(operands[0]) < 0x1p31 + 1 && fabs(operands[1]) < 0x1p31 + 1)
    return multiply_i32(operands[0], operands[1]);
  double value = evaluators[o](operands);
  switch (to) {
  case DTYPE_BOOL:
    return value != 0;
  case DTYPE_I32:
    return from == DTYPE_F32 ? clamp(value, INT32_MIN, INT32_MAX) : wrap(value, to);
  case DTYPE_I64:
    return from == DTYPE_F32 ? clamp(value, -0x1p63, 0x1p63) : wrap(value, to);
  case DTYPE_F32:
    break;
  }
  return value;
}
