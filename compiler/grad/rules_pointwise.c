/* Gradients of the pointwise operations. g is the upstream gradient, r the result, x and y the operands.
 * What selects routes by `where`, never by a product with a mask: 0 * inf would make a NaN of nothing. */
#include "compiler/grad/rules.h"

static node *operand(const gradient_step *s, int i) {
  return s->of->operands[i];
}

/* The number that a node is everywhere, looking through movement that keeps it so. */
static bool constant_number(const node *n, double *number) {
  while (n->op == OP_expand || n->op == OP_reshape || n->op == OP_permute)
    n = n->operands[0];
  *number = n->op == OP_constant ? n->attributes.number : 0;
  return n->op == OP_constant;
}

void gradient_neg(gradient_step *s) { /* -g */
  gradient_give(s, 0, gradient_unary(s, OP_neg, s->upstream));
}

void gradient_abs(gradient_step *s) { /* g sign(x) */
  gradient_give(s, 0, gradient_binary(s, OP_mul, s->upstream, gradient_unary(s, OP_sign, operand(s, 0))));
}

void gradient_exp(gradient_step *s) { /* g r */
  gradient_give(s, 0, gradient_binary(s, OP_mul, s->upstream, s->of));
}

void gradient_log(gradient_step *s) { /* g / x */
  gradient_give(s, 0, gradient_binary(s, OP_div, s->upstream, operand(s, 0)));
}

void gradient_sqrt(gradient_step *s) { /* g / 2r */
  gradient_give(s, 0, gradient_binary(s, OP_div, gradient_scale(s, s->upstream, 0.5), s->of));
}

void gradient_rsqrt(gradient_step *s) { /* -g r^3 / 2 */
  node *cube = gradient_binary(s, OP_mul, s->of, gradient_binary(s, OP_mul, s->of, s->of));
  gradient_give(s, 0, gradient_binary(s, OP_mul, s->upstream, gradient_scale(s, cube, -0.5)));
}

void gradient_reciprocal(gradient_step *s) { /* -g r^2 */
  node *square = gradient_binary(s, OP_mul, s->of, s->of);
  gradient_give(s, 0, gradient_unary(s, OP_neg, gradient_binary(s, OP_mul, s->upstream, square)));
}

void gradient_tanh(gradient_step *s) { /* g (1 - r^2) */
  node *square = gradient_binary(s, OP_mul, s->of, s->of);
  node *slope = gradient_binary(s, OP_sub, graph_scalar(s->g, 1, s->of->where), square);
  gradient_give(s, 0, gradient_binary(s, OP_mul, s->upstream, slope));
}

void gradient_erf(gradient_step *s) { /* g e^(-x^2) 2/sqrt(pi) */
  node *x = operand(s, 0);
  node *bell = gradient_unary(s, OP_exp, gradient_unary(s, OP_neg, gradient_binary(s, OP_mul, x, x)));
  gradient_give(s, 0, gradient_binary(s, OP_mul, s->upstream, gradient_scale(s, bell, 1.1283791670955126)));
}

void gradient_sin(gradient_step *s) { /* g cos x */
  gradient_give(s, 0, gradient_binary(s, OP_mul, s->upstream, gradient_unary(s, OP_cos, operand(s, 0))));
}

void gradient_cos(gradient_step *s) { /* -g sin x */
  node *product = gradient_binary(s, OP_mul, s->upstream, gradient_unary(s, OP_sin, operand(s, 0)));
  gradient_give(s, 0, gradient_unary(s, OP_neg, product));
}

void gradient_cast(gradient_step *s) { /* g: only a real has a gradient, and there is one real type */
  gradient_give(s, 0, s->upstream);
}

void gradient_add(gradient_step *s) {
  for (int i = 0; i < 2; i++)
    if (gradient_wanted(s, i))
      gradient_give(s, i, s->upstream);
}

void gradient_sub(gradient_step *s) {
  if (gradient_wanted(s, 0))
    gradient_give(s, 0, s->upstream);
  if (gradient_wanted(s, 1))
    gradient_give(s, 1, gradient_unary(s, OP_neg, s->upstream));
}

void gradient_mul(gradient_step *s) { /* g y and g x; of a square 2g x, once */
  if (operand(s, 0) == operand(s, 1)) {
    gradient_give(s, 0, gradient_binary(s, OP_mul, gradient_scale(s, s->upstream, 2), operand(s, 0)));
    return;
  }
  for (int i = 0; i < 2; i++)
    if (gradient_wanted(s, i))
      gradient_give(s, i, gradient_binary(s, OP_mul, s->upstream, operand(s, 1 - i)));
}

void gradient_div(gradient_step *s) { /* g/y and -(g/y) r: one division serves both */
  node *quotient = gradient_binary(s, OP_div, s->upstream, operand(s, 1));
  if (gradient_wanted(s, 0))
    gradient_give(s, 0, quotient);
  if (gradient_wanted(s, 1))
    gradient_give(s, 1, gradient_unary(s, OP_neg, gradient_binary(s, OP_mul, quotient, s->of)));
}

/* d/dx: g y x^(y-1), and 0 for y = 0 even where x = 0 makes the power infinite. */
static node *pow_base_gradient(gradient_step *s) {
  node *x = operand(s, 0), *y = operand(s, 1);
  double exponent;
  if (constant_number(y, &exponent)) {
    if (exponent == 1)
      return s->upstream;
    node *power = exponent == 2 ? x : gradient_binary(s, OP_pow, x, graph_scalar(s->g, exponent - 1, s->of->where));
    return gradient_binary(s, OP_mul, s->upstream, gradient_scale(s, power, exponent));
  }
  node *power = gradient_binary(s, OP_pow, x, gradient_binary(s, OP_sub, y, graph_scalar(s->g, 1, s->of->where)));
  node *slope = gradient_binary(s, OP_mul, y, power);
  node *flat = gradient_binary(s, OP_equal, y, gradient_zero(s));
  return gradient_select(s, flat, gradient_zero(s), gradient_binary(s, OP_mul, s->upstream, slope));
}

/* d/dy: g r ln x, and 0 where r = 0 (0^y stays 0 around any y > 0). */
static node *pow_exponent_gradient(gradient_step *s) {
  node *slope = gradient_binary(s, OP_mul, s->of, gradient_unary(s, OP_log, operand(s, 0)));
  node *flat = gradient_binary(s, OP_equal, s->of, gradient_zero(s));
  return gradient_select(s, flat, gradient_zero(s), gradient_binary(s, OP_mul, s->upstream, slope));
}

void gradient_pow(gradient_step *s) {
  double exponent;
  bool zeroth = constant_number(operand(s, 1), &exponent) && exponent == 0; /* 1 whatever x is */
  if (gradient_wanted(s, 0))
    gradient_give(s, 0,
                  zeroth ? graph_broadcast(s->g, gradient_zero(s), s->of->shape, s->of->where) : pow_base_gradient(s));
  if (gradient_wanted(s, 1))
    gradient_give(s, 1, pow_exponent_gradient(s));
}

/* g where `wins`, half of it where both are equal, else 0. */
static node *extreme_share(gradient_step *s, node *wins) {
  node *tie = gradient_binary(s, OP_equal, operand(s, 0), operand(s, 1));
  node *otherwise = gradient_select(s, tie, gradient_scale(s, s->upstream, 0.5), gradient_zero(s));
  return gradient_select(s, wins, s->upstream, otherwise);
}

static void gradient_extreme_of_two(gradient_step *s, bool larger_wins) {
  for (int i = 0; i < 2; i++) {
    if (!gradient_wanted(s, i))
      continue;
    node *mine = operand(s, i), *other = operand(s, 1 - i);
    node *wins = larger_wins ? gradient_binary(s, OP_less, other, mine) : gradient_binary(s, OP_less, mine, other);
    gradient_give(s, i, extreme_share(s, wins));
  }
}

void gradient_maximum(gradient_step *s) {
  gradient_extreme_of_two(s, true);
}
void gradient_minimum(gradient_step *s) {
  gradient_extreme_of_two(s, false);
}

void gradient_where(gradient_step *s) {
  node *condition = operand(s, 0);
  if (gradient_wanted(s, 1))
    gradient_give(s, 1, gradient_select(s, condition, s->upstream, gradient_zero(s)));
  if (gradient_wanted(s, 2))
    gradient_give(s, 2, gradient_select(s, condition, gradient_zero(s), s->upstream));
}
