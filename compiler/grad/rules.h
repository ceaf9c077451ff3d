/* What a gradient rule gets and gives. A rule stands in rules_CLASS.c under the name that its operation's row in
 * ops.def gives it; differentiate.c makes the table. Only rules and differentiate.c include this. */
#ifndef RETORT_GRADIENT_RULES_H
#define RETORT_GRADIENT_RULES_H

#include "compiler/graph/graph.h"

typedef struct gradient_step {
  graph *g;            /* gradient nodes are appended here */
  node *of;            /* the node r whose rule this is */
  node *upstream;      /* d(value)/dr, shape of r */
  const bool *reaches; /* by node id, of what stood before differentiation */
  node **gradients;    /* out: one an operand, of its shape; NULL where nothing flows */
} gradient_step;

typedef void gradient_rule(gradient_step *s);

/* Is anybody interested in the gradient of this operand? A rule may skip the others; what it gives for them is dropped.
 */
bool gradient_wanted(const gradient_step *s, int operand);

/* Stores the gradient of a pointwise operand; sums it over all axes when the operand is a scalar that met a shape. */
void gradient_give(gradient_step *s, int operand, node *gradient);

/* Builders at the span of the node whose rule runs. */
node *gradient_unary(gradient_step *s, op o, node *x);
node *gradient_binary(gradient_step *s, op o, node *x, node *y);
node *gradient_scale(gradient_step *s, node *x, double factor);
node *gradient_select(gradient_step *s, node *condition, node *x, node *y);
node *gradient_zero(gradient_step *s); /* a scalar */

/* All operations' rules; `none` is never called: its place in the table is NULL. */
#define OP(name, n, class, attribute, shape, gradient, ...) gradient_rule gradient_##gradient;
#include "compiler/graph/ops.def"
#undef OP

#endif
