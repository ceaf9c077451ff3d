/* Gradients of the reductions. g is the upstream gradient, r the result, x the operand. */
#include "compiler/grad/rules.h"

void gradient_reduce_sum(gradient_step *s) { /* g, repeated */
  s->gradients[0] = graph_expand(s->g, s->upstream, s->of->operands[0]->shape, s->of->where);
}

/* g / (number of equals) to each element that equals the extreme, else 0. */
void gradient_reduce_extreme(gradient_step *s) {
  graph *g = s->g;
  span where = s->of->where;
  node *x = s->of->operands[0];
  node *hits = gradient_binary(s, OP_equal, x, graph_expand(g, s->of, x->shape, where));
  node *count = graph_reduce(g, OP_reduce_sum, graph_cast(g, hits, DTYPE_F32, where), s->of->attributes.axes, where);
  node *share = graph_expand(g, gradient_binary(s, OP_div, s->upstream, count), x->shape, where);
  s->gradients[0] = gradient_select(s, hits, share, gradient_zero(s));
}
