/* Built-ins that reduce, move, and ask for shapes. */
#include "compiler/check/builtin.h"

/* ---- reductions ---- */

/* The axes to reduce, as bits: none given means all. False after an error. */
static bool reduced_axes(const builtin_call *c, const node *x, unsigned *bits) {
  *bits = (1u << x->shape.rank) - 1;
  if (!builtin_given(c, 1))
    return true;
  value v = c->values[1];
  if (v.kind != VALUE_LIST) {
    int axis = builtin_axis(c, 1, x);
    *bits = 1u << (axis < 0 ? 0 : axis);
    return axis >= 0;
  }
  *bits = 0;
  for (int i = 0; i < v.as.list->count; i++) {
    builtin_call one = *c;
    one.values[1] = v.as.list->items[i];
    int axis = builtin_axis(&one, 1, x);
    if (axis < 0)
      return false;
    if (*bits >> axis & 1) {
      elaborate_failed(c->e, elaborate_error(c->e, c->wheres[1], "axis %d of '%s' is given twice", axis, c->row->name));
      return false;
    }
    *bits |= 1u << axis;
  }
  return true;
}

static bool keep_argument(const builtin_call *c, bool *keep) {
  *keep = c->values[2].kind == VALUE_BOOL && c->values[2].as.boolean;
  if (!builtin_given(c, 2) || c->values[2].kind == VALUE_BOOL)
    return true;
  builtin_wrong(c, 2, "a compile-time bool");
  return false;
}

static value reduce(const builtin_call *c, bool mean) {
  node *x = builtin_tensor(c, 0);
  unsigned bits = 0;
  bool keep = false;
  if (!x || !reduced_axes(c, x, &bits) || !keep_argument(c, &keep))
    return value_error();
  return value_tensor(mean ? tensor_mean(c->e, x, bits, keep, c->where)
                           : tensor_reduce(c->e, c->row->op, x, bits, keep, c->where));
}

value builtin_reduce(const builtin_call *c) {
  return reduce(c, false);
}

value builtin_mean(const builtin_call *c) {
  return reduce(c, true);
}

value builtin_argmax(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  if (!x)
    return value_error();
  builtin_call with_axis = *c;
  if (!builtin_given(c, 1))
    with_axis.values[1] = value_int(-1);
  int axis = builtin_axis(&with_axis, 1, x);
  return axis < 0 ? value_error() : value_tensor(tensor_reduce(c->e, OP_argmax, x, 1u << axis, false, c->where));
}

/* ---- movement ---- */

/* Replaces a -1 by what the other sizes leave. */
static bool infer_size(const builtin_call *c, const node *x, shape *s) {
  dim_table *t = c->e->graph->dims;
  const dim *minus_one = dim_constant(t, -1), *rest = dim_constant(t, 1);
  int open = -1;
  for (int i = 0; i < s->rank; i++) {
    if (s->dims[i] != minus_one) {
      rest = dim_multiply(t, rest, s->dims[i]);
      continue;
    }
    if (open >= 0) {
      elaborate_failed(c->e, elaborate_error(c->e, c->wheres[1], "only one size of a reshape may be -1"));
      return false;
    }
    open = i;
  }
  if (open < 0)
    return true;
  const dim *all = shape_elements(t, x->shape);
  s->dims[open] = dim_divide_exact(t, all, rest);
  if (s->dims[open])
    return true;
  diagnostic *d = elaborate_error(c->e, c->where, "%s has %s elements, which %s does not divide",
                                  node_describe(c->e, x), dim_describe(c->e, all), dim_describe(c->e, rest));
  elaborate_failed(c->e, d);
  return false;
}

value builtin_reshape(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  shape s;
  if (!x || !builtin_shape_argument(c, 1, &s) || !infer_size(c, x, &s))
    return value_error();
  return value_tensor(tensor_reshape(c->e, x, s, c->where));
}

value builtin_permute(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  if (!x)
    return value_error();
  if (c->values[1].kind != VALUE_LIST || c->values[1].as.list->count != x->shape.rank)
    return builtin_wrong(c, 1, arena_print(c->e->arena, "a list of the %d axes", x->shape.rank));
  axes order = {.count = x->shape.rank};
  for (int i = 0; i < order.count; i++) {
    builtin_call one = *c;
    one.values[1] = c->values[1].as.list->items[i];
    order.axis[i] = builtin_axis(&one, 1, x);
    if (order.axis[i] < 0)
      return value_error();
    for (int k = 0; k < i; k++)
      if (order.axis[k] == order.axis[i])
        return elaborate_failed(c->e, elaborate_error(c->e, c->wheres[1], "axis %d is given twice", order.axis[i]));
  }
  return value_tensor(tensor_permute(c->e, x, order, c->where));
}

value builtin_expand(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  shape s, common;
  if (!x || !builtin_shape_argument(c, 1, &s))
    return value_error();
  if (!shape_broadcast(x->shape, s, &common, c->e->graph->dims) || !shape_equal(common, s)) {
    text t = {0};
    shape_print(s, &t);
    diagnostic *d =
        elaborate_error(c->e, c->where, "%s cannot be expanded to %s", node_describe(c->e, x), text_keep(c->e, &t));
    return elaborate_failed(c->e, d);
  }
  node *n = tensor_broadcast(c->e, x, s, c->where);
  if (n && n != x) /* copies in the padding are not meant */
    ragged_set(c->e, n, ragged_join(c->e, n->shape, ragged_of(c->e, n), 1, &x));
  return value_tensor(n);
}

value builtin_concat(const builtin_call *c) {
  value list = c->values[0];
  if (list.kind != VALUE_LIST || list.as.list->count == 0)
    return builtin_wrong(c, 0, "a list of tensors");
  int count = list.as.list->count;
  node **items = arena_array(c->e->arena, node *, count);
  for (int i = 0; i < count; i++) {
    items[i] = tensor_of_value(c->e, (operand){list.as.list->items[i], c->wheres[0]}, c->row->name);
    if (!items[i])
      return value_error();
  }
  builtin_call with_axis = *c;
  if (!builtin_given(c, 1))
    with_axis.values[1] = value_int(0);
  int axis = builtin_axis(&with_axis, 1, items[0]);
  return axis < 0 ? value_error() : value_tensor(tensor_concat(c->e, count, items, axis, c->where));
}

value builtin_zero_pad(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  int axis = x ? builtin_axis(c, 1, x) : -1;
  if (axis < 0)
    return value_error();
  const dim *sizes[2];
  for (int i = 0; i < 2; i++) {
    sizes[i] = builtin_given(c, i + 2) ? builtin_size_argument(c, i + 2) : dim_constant(c->e->graph->dims, 0);
    if (!sizes[i])
      return value_error();
    if (dim_is_below(sizes[i], 0))
      return builtin_wrong(c, i + 2, "0 or more");
  }
  return value_tensor(tensor_zero_pad(c->e, x, axis, sizes[0], sizes[1], c->where));
}

value builtin_gather(const builtin_call *c) {
  node *table = builtin_tensor(c, 0), *ids = builtin_tensor(c, 1);
  return table && ids ? value_tensor(tensor_gather(c->e, table, ids, c->where)) : value_error();
}

value builtin_scatter_add(const builtin_call *c) {
  node *x = builtin_tensor(c, 0), *ids = x ? builtin_tensor(c, 1) : NULL;
  const dim *rows = ids ? builtin_size_argument(c, 2) : NULL;
  return rows ? value_tensor(tensor_scatter_add(c->e, x, ids, rows, c->where)) : value_error();
}

/* ---- shapes ---- */

value builtin_size(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  int axis = x ? builtin_axis(c, 1, x) : -1;
  return axis < 0 ? value_error() : value_size(x->shape.dims[axis]);
}

value builtin_rank(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  return x ? value_int(x->shape.rank) : value_error();
}

value builtin_shape(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  value sizes[RANK_MAX];
  for (int i = 0; x && i < x->shape.rank; i++)
    sizes[i] = value_size(x->shape.dims[i]);
  return x ? value_list_of(c->e, x->shape.rank, sizes) : value_error();
}
