#include "compiler/kernel/lower.h"

place place_of(kernel_builder *b, const subscript *base) {
  return (place){.base = base, .divide = dim_constant(builder_dims(b), 1)};
}

const subscript *place_subscript(kernel_builder *b, place p) {
  const subscript *s = subscript_binary(b, SUBSCRIPT_DIVIDE, p.base, subscript_dim(b, p.divide));
  return p.modulo ? subscript_binary(b, SUBSCRIPT_REMAINDER, s, subscript_dim(b, p.modulo)) : s;
}

static place zero_place(kernel_builder *b) {
  return place_of(b, subscript_constant(b, 0));
}

/* Splits `all`, an index below the product of dims, over the axes. Only the outermost real axis keeps a missing
 * modulo. A modulo that is not that product, as a slice leaves it behind, is no axis's own: such an index is taken as a
 * number. */
static void split(kernel_builder *b, const dim *const *dims, int count, place all, place *axis) {
  dim_table *t = builder_dims(b);
  int outermost = 0;
  while (outermost < count && dim_is_one(dims[outermost]))
    outermost++;
  if (all.modulo && all.modulo != dims_product(t, dims, count))
    all = place_of(b, place_subscript(b, all));
  const dim *divide = all.divide;
  for (int i = count - 1; i >= 0; i--) {
    axis[i] = zero_place(b);
    if (dim_is_one(dims[i]))
      continue;
    axis[i] = (place){all.base, divide, i == outermost && !all.modulo ? NULL : dims[i]};
    divide = dim_multiply(t, divide, dims[i]);
  }
}

void places_split(kernel_builder *b, const dim *const *dims, int count, const subscript *number, place *axis) {
  split(b, dims, count, place_of(b, number), axis);
}

/* ---- sums ---- */

typedef struct term {
  place place;
  const dim *factor;
} term;

/* Two indices that come from one number and lie one behind the other in memory are one index. */
static bool join(dim_table *t, term *outer, const term *inner) {
  const place *p = &outer->place, *q = &inner->place;
  if (p->base != q->base || !q->modulo || p->divide != dim_multiply(t, q->divide, q->modulo) ||
      outer->factor != dim_multiply(t, inner->factor, q->modulo))
    return false;
  const dim *modulo = p->modulo ? dim_multiply(t, p->modulo, q->modulo) : NULL;
  *outer = (term){{p->base, q->divide, modulo}, inner->factor};
  return true;
}

static int join_all(dim_table *t, term *terms, int count) {
  for (int i = 0; i < count; i++)
    for (int k = 0; k < count; k++)
      if (i != k && join(t, &terms[i], &terms[k])) {
        terms[k] = terms[--count];
        return join_all(t, terms, count);
      }
  return count;
}

const subscript *places_offset(kernel_builder *b, shape s, const places *at, const dim *const *strides,
                               const subscript *start) {
  term terms[RANK_MAX];
  int count = 0;
  for (int i = 0; i < s.rank; i++)
    if (!dim_is_one(s.dims[i]) && !dim_is_zero(strides[i]))
      terms[count++] = (term){at->axis[i], strides[i]};
  count = join_all(builder_dims(b), terms, count);
  const subscript *sum = start;
  for (int i = 0; i < count; i++) {
    const subscript *index = place_subscript(b, terms[i].place);
    sum = subscript_add(b, sum, subscript_multiply(b, index, subscript_dim(b, terms[i].factor)));
  }
  return sum;
}

/* ---- reshapes ---- */

/* The axes [first, end) of `at`, counted through as one. */
static place merge(kernel_builder *b, shape s, int first, int end, const places *at) {
  dim_table *t = builder_dims(b);
  term terms[RANK_MAX];
  int count = 0;
  const dim *factor = dim_constant(t, 1);
  for (int i = end - 1; i >= first; i--) {
    if (!dim_is_one(s.dims[i]))
      terms[count++] = (term){at->axis[i], factor};
    factor = dim_multiply(t, factor, s.dims[i]);
  }
  count = join_all(t, terms, count);
  if (count == 1 && dim_is_one(terms[0].factor))
    return terms[0].place;
  const subscript *sum = subscript_constant(b, 0);
  for (int i = count - 1; i >= 0; i--)
    sum = subscript_add(b, sum,
                        subscript_multiply(b, place_subscript(b, terms[i].place), subscript_dim(b, terms[i].factor)));
  return place_of(b, sum);
}

places places_reshape(kernel_builder *b, shape from, shape to, const places *at) {
  places result = {0};
  reshape_run runs[2 * RANK_MAX];
  int count = reshape_runs(builder_dims(b), from, to, runs);
  if (count < 0) {
    count = 1;
    runs[0] = (reshape_run){.from_end = from.rank, .to_end = to.rank};
  }
  for (int i = 0; i < count; i++) {
    place all = merge(b, to, runs[i].to, runs[i].to_end, at);
    split(b, from.dims + runs[i].from, runs[i].from_end - runs[i].from, all, result.axis + runs[i].from);
  }
  return result;
}
