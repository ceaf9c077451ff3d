/* Gradients of contractions, gather and scatter. g is the upstream gradient, x and y the operands. */
#include "compiler/grad/rules.h"

/* x as a matrix: all axes but the last become rows. */
static node *flatten_rows(gradient_step *s, node *x) {
  dim_table *t = s->g->dims;
  int last = x->shape.rank - 1;
  shape rows = {.rank = last, .dims = {0}};
  for (int i = 0; i < last; i++)
    rows.dims[i] = x->shape.dims[i];
  shape flat = {.rank = 2, .dims = {shape_elements(t, rows), x->shape.dims[last]}};
  return graph_reshape(s->g, x, flat, s->of->where);
}

static node *product(gradient_step *s, node *x, node *y) {
  node *made = graph_matmul(s->g, x, y, s->of->where);
  made->attributes = s->of->attributes; /* its precision */
  return made;
}

/* dx = g y^T, dy = x^T g. A y that all p share gets ONE contraction over all rows, [p*i,k]^T [p*i,j], so that no
 * product for each p is ever written and added up. */
void gradient_matmul(gradient_step *s) {
  graph *g = s->g;
  span where = s->of->where;
  node *x = s->of->operands[0], *y = s->of->operands[1], *upstream = s->upstream;
  if (gradient_wanted(s, 0))
    s->gradients[0] = product(s, upstream, graph_transpose(g, y, where));
  if (gradient_wanted(s, 1)) {
    if (y->shape.rank == 2 && x->shape.rank > 2) {
      x = flatten_rows(s, x);
      upstream = flatten_rows(s, upstream);
    }
    s->gradients[1] = product(s, graph_transpose(g, x, where), upstream);
  }
}

void gradient_gather(gradient_step *s) { /* each row of the table gets the sum over the places that read it */
  const node *table = s->of->operands[0];
  node *operands[] = {s->of->operands[1], s->upstream};
  s->gradients[0] = graph_add(s->g, OP_scatter_add, 2, operands, NULL, DTYPE_F32, &table->shape, s->of->where);
}

void gradient_scatter_add(gradient_step *s) { /* each row that was added reads the gradient of where it went */
  node *operands[] = {s->upstream, s->of->operands[0]};
  if (gradient_wanted(s, 1))
    s->gradients[1] = graph_add(s->g, OP_gather, 2, operands, NULL, DTYPE_F32, NULL, s->of->where);
}
