/* What a node demands of run-time dimensions: the part of the shape rules (shape.c) that cannot be told before sizes
 * are known. */
#include "compiler/graph/condition.h"

static void say(graph *g, dim_condition *c, text *t) {
  dim_condition_say(g->dims, c, t->data, t->length);
  text_free(t);
}

/* d >= least, where d is `what` (with the axis as its only number) of the node. */
static void require(graph *g, const node *n, const dim *d, int64_t least, int axis, const char *what) {
  dim_condition *c = dim_require(g->dims, d, least, n->where);
  if (!c)
    return;
  text t = {0};
  text_add(&t, "'%s' %s axis %d ", op_describe(n->op)->name, what, axis);
  dim_print(d, &t);
  say(g, c, &t);
}

static void require_slice(graph *g, const node *n, int axis) {
  dim_table *t = g->dims;
  const dim *low = n->attributes.slice.low[axis], *one = dim_constant(t, 1), *from = n->operands[0]->shape.dims[axis];
  const dim *step = dim_constant(t, n->attributes.slice.step[axis]);
  const dim *last = dim_add(t, low, dim_multiply(t, dim_subtract(t, n->shape.dims[axis], one), step));
  dim_condition *conditions[] = {dim_require(t, low, 0, n->where),
                                 dim_require(t, dim_subtract(t, from, last), 1, n->where)};
  for (int i = 0; i < 2; i++) {
    if (!conditions[i])
      continue;
    text said = {0};
    text_add(&said, "'slice' takes elements ");
    dim_print(low, &said);
    text_add(&said, " to ");
    dim_print(last, &said);
    text_add(&said, " of axis %d, which has ", axis);
    dim_print(from, &said);
    say(g, conditions[i], &said);
  }
}

void condition_require(graph *g, const node *n) {
  op_class class = op_describe(n->op)->class;
  if (class == CLASS_POINTWISE || class == CLASS_REDUCTION || n->op == OP_permute) /* sizes are the operands' */
    return;
  for (int i = 0; i < n->shape.rank; i++) {
    if (n->op == OP_slice)
      require_slice(g, n, i);
    if (n->op == OP_pad) {
      require(g, n, n->attributes.pad.low[i], 0, i, "puts zeros in front along");
      require(g, n, n->attributes.pad.high[i], 0, i, "puts zeros behind along");
    }
    require(g, n, n->shape.dims[i], 1, i, "makes");
  }
}
