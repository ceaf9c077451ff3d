/* Gradients of movement: each element's gradient goes back where the element came from. */
#include "compiler/grad/rules.h"

void gradient_expand(gradient_step *s) { /* the copies' gradients are added up */
  const node *x = s->of->operands[0];
  axes repeated = {.count = 0};
  for (int i = 0; i < x->shape.rank; i++)
    if (x->shape.dims[i] != s->of->shape.dims[i])
      repeated.axis[repeated.count++] = i;
  s->gradients[0] =
      repeated.count ? graph_reduce(s->g, OP_reduce_sum, s->upstream, repeated, s->of->where) : s->upstream;
}

void gradient_reshape(gradient_step *s) {
  s->gradients[0] = graph_reshape(s->g, s->upstream, s->of->operands[0]->shape, s->of->where);
}

void gradient_permute(gradient_step *s) {
  const axes *order = &s->of->attributes.axes;
  axes inverse = {.count = order->count};
  for (int i = 0; i < order->count; i++)
    inverse.axis[order->axis[i]] = i;
  s->gradients[0] = graph_permute(s->g, s->upstream, inverse, s->of->where);
}

/* Of one axis: x has `low` elements in front of the first taken, step - 1 between two, the rest behind the last. */
void gradient_slice(gradient_step *s) {
  dim_table *t = s->g->dims;
  const node *x = s->of->operands[0];
  const node_attributes *slice = &s->of->attributes;
  node_attributes pad = {0};
  for (int i = 0; i < x->shape.rank; i++) {
    const dim *gaps = dim_subtract(t, s->of->shape.dims[i], dim_constant(t, 1));
    const dim *taken = dim_add(t, dim_multiply(t, gaps, dim_constant(t, slice->slice.step[i])), dim_constant(t, 1));
    pad.pad.low[i] = slice->slice.low[i];
    pad.pad.interior[i] = slice->slice.step[i] - 1;
    pad.pad.high[i] = dim_subtract(t, dim_subtract(t, x->shape.dims[i], slice->slice.low[i]), taken);
  }
  s->gradients[0] = graph_add(s->g, OP_pad, 1, &s->upstream, &pad, DTYPE_F32, &x->shape, s->of->where);
}

void gradient_pad(gradient_step *s) {
  const node *x = s->of->operands[0];
  const node_attributes *pad = &s->of->attributes;
  node_attributes slice = {0};
  for (int i = 0; i < x->shape.rank; i++) {
    slice.slice.low[i] = pad->pad.low[i];
    slice.slice.step[i] = pad->pad.interior[i] + 1;
  }
  s->gradients[0] = graph_add(s->g, OP_slice, 1, &s->upstream, &slice, DTYPE_F32, &x->shape, s->of->where);
}

void gradient_concat(gradient_step *s) {
  dim_table *t = s->g->dims;
  int axis = s->of->attributes.axes.axis[0];
  node_attributes slice = {0};
  for (int i = 0; i < s->of->shape.rank; i++) {
    slice.slice.low[i] = dim_constant(t, 0);
    slice.slice.step[i] = 1;
  }
  for (int i = 0; i < s->of->operand_count; i++) {
    const node *part = s->of->operands[i];
    if (gradient_wanted(s, i))
      s->gradients[i] = graph_add(s->g, OP_slice, 1, &s->upstream, &slice, DTYPE_F32, &part->shape, s->of->where);
    slice.slice.low[axis] = dim_add(t, slice.slice.low[axis], part->shape.dims[axis]);
  }
}
