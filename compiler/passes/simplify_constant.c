/* Simplify: constants. Folding; constants through movement; numbers of any shape become scalars; chains of factors. */
#include "compiler/graph/evaluate.h"
#include "compiler/passes/simplify.h"
#include <math.h>

/* ---- folding: op(1, 2) ---- */

static bool representable(double number, dtype type) {
  switch (type) {
  case DTYPE_BOOL:
  case DTYPE_F32:
    return true;
  case DTYPE_I32:
    return number >= INT32_MIN && number <= INT32_MAX;
  case DTYPE_I64:
    return fabs(number) <= 0x1p53; /* what a double holds exactly */
  }
  return false;
}

static node *fold(simplifier *s, node *n) {
  double numbers[3];
  for (int i = 0; i < n->operand_count; i++)
    if (!simplify_number(n->operands[i], &numbers[i]))
      return NULL;
  double result = evaluate_pointwise(n->op, n->operands[n->operand_count - 1]->dtype, n->dtype, numbers);
  if (n->dtype == DTYPE_F32 && isfinite(result) && !isfinite((float)result))
    result = (float)result; /* overflows to infinity, as it would at run time */
  return representable(result, n->dtype) ? simplify_constant(s, n, result) : NULL;
}

/* x + expand(2) = x + 2 */
static node *scalar_constant(simplifier *s, node *n) {
  node *operands[3];
  bool changed = false;
  for (int i = 0; i < n->operand_count; i++) {
    double number;
    node *x = n->operands[i];
    operands[i] = x;
    if (x->shape.rank > 0 && simplify_number(x, &number)) {
      operands[i] = graph_constant(s->to, number, x->dtype, (shape){.rank = 0}, x->where);
      changed = true;
    }
  }
  if (!changed)
    return NULL;
  node *result = graph_add(s->to, n->op, n->operand_count, operands, &n->attributes, n->dtype, NULL, n->where);
  return simplify_conform(s, result, n);
}

/* ---- constants through movement ---- */

static node *moved(simplifier *s, node *n) {
  double number;
  return simplify_number(n, &number) ? simplify_constant(s, n, number) : NULL;
}

static node *padded_zero(simplifier *s, node *n) {
  double number;
  return simplify_number(n->operands[0], &number) && number == 0 ? simplify_constant(s, n, 0) : NULL;
}

static node *gathered(simplifier *s, node *n) {
  double number;
  return simplify_number(n->operands[0], &number) ? simplify_constant(s, n, number) : NULL;
}

static node *joined(simplifier *s, node *n) {
  double first, next;
  if (!simplify_number(n->operands[0], &first))
    return NULL;
  for (int i = 1; i < n->operand_count; i++)
    if (!simplify_number(n->operands[i], &next) || next != first)
      return NULL;
  return simplify_constant(s, n, first);
}

static node *single_iota(simplifier *s, node *n) {
  return simplify_is_one(n->shape.dims[n->attributes.axes.axis[0]]) ? simplify_constant(s, n, 0) : NULL;
}

/* ---- factors ---- */

/* n = x * c with a number c. */
static bool scaled(const node *n, node **x, double *c) {
  if (n->op != OP_mul || n->dtype != DTYPE_F32)
    return false;
  for (int i = 0; i < 2; i++)
    if (simplify_number(n->operands[1 - i], c)) {
      *x = n->operands[i];
      return true;
    }
  return false;
}

static node *scale(simplifier *s, node *x, double c, const node *n) {
  node *factor = graph_constant(s->to, c, n->dtype, (shape){.rank = 0}, n->where);
  return simplify_conform(s, graph_binary(s->to, OP_mul, x, factor, n->where), n);
}

static bool normal_float(double number) {
  return isnormal((float)number);
}

static node *two_factors(simplifier *s, node *n) {
  node *inner, *x;
  double outer_factor, inner_factor;
  if (!scaled(n, &inner, &outer_factor) || !scaled(inner, &x, &inner_factor))
    return NULL;
  double product = outer_factor * inner_factor;
  return normal_float(product) ? scale(s, x, product, n) : NULL;
}

static node *negative_factor(simplifier *s, node *n) {
  node *x;
  double factor;
  return scaled(n->operands[0], &x, &factor) ? scale(s, x, -factor, n) : NULL;
}

/* A power of two has an exact reciprocal, so that the product rounds as the quotient did. */
static node *exact_divisor(simplifier *s, node *n) {
  double divisor;
  int exponent;
  if (n->dtype != DTYPE_F32 || !simplify_number(n->operands[1], &divisor) || !normal_float(divisor) ||
      fabs(frexp(divisor, &exponent)) != 0.5 || !normal_float(1 / divisor))
    return NULL;
  return scale(s, n->operands[0], 1 / divisor, n);
}

const simplify_row simplify_constants[] = {
    {OP_neg, OP_where, fold, "op(numbers) = number"},
    {OP_neg, OP_where, scalar_constant, "op(x, expand(c)) = op(x, c)"},
    {OP_expand, OP_slice, moved, "movement(c) = c of another shape"},
    {OP_pad, OP_pad, padded_zero, "pad(0) = 0"},
    {OP_concat, OP_concat, joined, "concat(c, c) = c"},
    {OP_gather, OP_gather, gathered, "gather(c, i) = c"},
    {OP_iota, OP_iota, single_iota, "iota of one = 0"},
    {OP_mul, OP_mul, two_factors, "(x c) d = x (c d)"},
    {OP_neg, OP_neg, negative_factor, "-(x c) = x (-c)"},
    {OP_div, OP_div, exact_divisor, "x / 2^k = x 2^-k"},
    {.apply = NULL},
};
