/* x[...]: slices and elements of tensors as in numpy, elements of lists, rows of a table. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

/* ---- lists ---- */

/* A compile-time bound that may be missing. */
static bool bound(elaborator *e, scope *s, const expression *x, const char *what, int64_t missing, int64_t *result) {
  *result = missing;
  return !x || elaborate_int(e, s, x, what, result);
}

static int64_t clamp(int64_t i, int64_t count) {
  if (i < 0)
    i += count;
  return i < 0 ? 0 : i > count ? count : i;
}

static value slice_list(elaborator *e, scope *s, const value_list *list, const index_item *entry) {
  int64_t from = 0, to = 0, step = 1;
  bool fine = bound(e, s, entry->start, "the start of a slice", 0, &from);
  fine = bound(e, s, entry->stop, "the end of a slice", list->count, &to) && fine;
  fine = bound(e, s, entry->step, "the step of a slice", 1, &step) && fine;
  if (!fine)
    return value_error();
  if (step < 1)
    return elaborate_failed(
        e, elaborate_error(e, entry->where, "the step of a slice must be 1 or more, not %lld", (long long)step));
  from = clamp(from, list->count);
  to = clamp(to, list->count);
  int count = 0;
  value *items = arena_array(e->arena, value, list->count);
  for (int64_t i = from; i<to; i = step> to - i ? to : i + step)
    items[count++] = list->items[i];
  return value_list_of(e, count, items);
}

static value index_list(elaborator *e, scope *s, const value_list *list, const expression *x) {
  const index_item *entry = &x->as.index.items[0];
  if (x->as.index.count != 1 || (entry->kind != INDEX_AT && entry->kind != INDEX_SLICE))
    return elaborate_failed(e, elaborate_error(e, x->where, "a list takes one index or one slice"));
  if (entry->kind == INDEX_SLICE)
    return slice_list(e, s, list, entry);
  int64_t i = 0;
  if (!elaborate_int(e, s, entry->at, "the index of a list", &i))
    return value_error();
  if (i < -(int64_t)list->count || i >= list->count) {
    diagnostic *d =
        elaborate_error(e, entry->where, "index %lld is outside of a list of %d", (long long)i, list->count);
    return elaborate_failed(e, d);
  }
  return list->items[i < 0 ? i + list->count : i];
}

/* ---- tensors ---- */

typedef struct indexing {
  elaborator *e;
  scope *s;
  node *x;
  int axis;                     /* of x, that comes next */
  node_attributes slice;        /* what is taken of each axis of x */
  shape sizes;                  /* of the slice */
  bool dropped[RANK_MAX];       /* axes of x that an index took away */
  int new_before[RANK_MAX + 1]; /* new axes in front of each axis of x */
  int new_count;
} indexing;

/* A bound in an axis of size n: negative ones count from its end. NULL after an error. */
static const dim *axis_bound(indexing *c, const expression *x, const char *what, const dim *n, const dim *missing) {
  if (!x)
    return missing;
  value v = elaborate_expression(c->e, c->s, x);
  const dim *d = value_as_dim(c->e, v);
  if (!d) {
    if (v.kind != VALUE_ERROR)
      elaborate_failed(c->e, elaborate_error(c->e, x->where, "%s must be a compile-time int or a size, not %s", what,
                                             value_describe(c->e, v)));
    return NULL;
  }
  return dim_is_below(d, 0) ? dim_add(c->e->graph->dims, n, d) : d;
}

static bool take_element(indexing *c, const index_item *entry) {
  const dim *n = c->x->shape.dims[c->axis];
  const dim *low = axis_bound(c, entry->at, "an index", n, NULL);
  if (!low)
    return false;
  if (dim_is_below(low, 0) || dim_is_below(dim_subtract(c->e->graph->dims, n, low), 1)) {
    elaborate_failed(c->e, elaborate_error(c->e, entry->where, "the index is outside of dimension %d of %s",
                                           c->axis + 1, node_describe(c->e, c->x)));
    return false;
  }
  c->slice.slice.low[c->axis] = low;
  c->slice.slice.step[c->axis] = 1;
  c->sizes.dims[c->axis] = dim_constant(c->e->graph->dims, 1);
  c->dropped[c->axis++] = true;
  return true;
}

/* numpy cuts what reaches over the end, where that is known. */
static const dim *cut(dim_table *t, const dim *d, const dim *n) {
  if (dim_is_below(d, 0))
    return dim_constant(t, 0);
  return dim_is_at_least(dim_subtract(t, d, n), 0) ? n : d;
}

static bool take_slice(indexing *c, const index_item *entry) {
  dim_table *t = c->e->graph->dims;
  const dim *n = c->x->shape.dims[c->axis];
  const dim *from = axis_bound(c, entry->start, "the start of a slice", n, dim_constant(t, 0));
  const dim *to = axis_bound(c, entry->stop, "the end of a slice", n, n);
  int64_t step = 1;
  if (!bound(c->e, c->s, entry->step, "the step of a slice", 1, &step) || !from || !to)
    return false;
  if (step < 1) {
    elaborate_failed(
        c->e, elaborate_error(c->e, entry->where, "the step of a slice must be 1 or more, not %lld", (long long)step));
    return false;
  }
  from = cut(t, from, n);
  to = cut(t, to, n);
  const dim *length = dim_subtract(t, to, from);
  if (dim_is_below(length, 1)) {
    elaborate_failed(c->e, elaborate_error(c->e, entry->where, "the slice takes nothing of dimension %d of %s",
                                           c->axis + 1, node_describe(c->e, c->x)));
    return false;
  }
  if (step > 1)
    length = dim_floor_divide(t, dim_add(t, length, dim_constant(t, step - 1)), step);
  c->slice.slice.low[c->axis] = from;
  c->slice.slice.step[c->axis] = step;
  c->sizes.dims[c->axis++] = length;
  return true;
}

static void take_whole(indexing *c) {
  c->slice.slice.low[c->axis] = dim_constant(c->e->graph->dims, 0);
  c->slice.slice.step[c->axis] = 1;
  c->sizes.dims[c->axis] = c->x->shape.dims[c->axis];
  c->axis++;
}

static bool take_item(indexing *c, const index_item *entry, int rest) {
  switch (entry->kind) {
  case INDEX_AT:
    return take_element(c, entry);
  case INDEX_SLICE:
    return take_slice(c, entry);
  case INDEX_NEW:
    c->new_before[c->axis]++;
    c->new_count++;
    return true;
  case INDEX_ELLIPSIS:
    for (int i = 0; i < rest; i++)
      take_whole(c);
    return true;
  }
  return false;
}

/* How many axes of x the items name; -1 when they are too many, or there are two `...`. */
static int count_axes(elaborator *e, const node *x, const expression *index, bool *open) {
  int count = 0, ellipses = 0, added = 0;
  for (int i = 0; i < index->as.index.count; i++) {
    index_kind kind = index->as.index.items[i].kind;
    count += kind == INDEX_AT || kind == INDEX_SLICE;
    added += kind == INDEX_NEW;
    ellipses += kind == INDEX_ELLIPSIS;
  }
  *open = ellipses > 0;
  const char *wrong = ellipses > 1                       ? "only one `...` can stand in an index"
                      : count > x->shape.rank            ? "more indices than there are dimensions"
                      : x->shape.rank + added > RANK_MAX ? "the result has too many dimensions"
                                                         : NULL;
  if (!wrong)
    return count;
  elaborate_failed(e, elaborate_error(e, index->where, "%s: %s", wrong, node_describe(e, x)));
  return -1;
}

/* The slice without the axes that an index took, with the new ones. */
static value finish(indexing *c, span where) {
  node *n = tensor_slice(c->e, c->x, &c->slice, c->sizes, where);
  if (!n)
    return value_error();
  const dim *one = dim_constant(c->e->graph->dims, 1);
  shape s = {0};
  for (int i = 0; i <= n->shape.rank; i++) {
    for (int k = 0; k < c->new_before[i]; k++)
      s.dims[s.rank++] = one;
    if (i < n->shape.rank && !c->dropped[i])
      s.dims[s.rank++] = n->shape.dims[i];
  }
  return value_tensor(tensor_reshape(c->e, n, s, where));
}

static value index_tensor(elaborator *e, scope *s, node *x, const expression *index) {
  int count = index->as.index.count;
  if (count == 1 && index->as.index.items[0].kind == INDEX_AT) {
    value only = elaborate_expression(e, s, index->as.index.items[0].at);
    if (only.kind == VALUE_TENSOR)
      return value_tensor(tensor_gather(e, x, only.as.tensor, index->where)); /* table[ids] */
    if (only.kind == VALUE_ERROR)
      return only;
  }
  indexing c = {.e = e, .s = s, .x = x, .sizes = {.rank = x->shape.rank}};
  bool open = false;
  int axes_named = count_axes(e, x, index, &open);
  if (axes_named < 0)
    return value_error();
  for (int i = 0; i < count; i++)
    if (!take_item(&c, &index->as.index.items[i], x->shape.rank - axes_named))
      return value_error();
  while (c.axis < x->shape.rank)
    take_whole(&c);
  return finish(&c, index->where);
}

value evaluate_index(elaborator *e, scope *s, const expression *x) {
  value object = elaborate_expression(e, s, x->as.index.object);
  if (object.kind == VALUE_ERROR)
    return object;
  if (object.kind == VALUE_LIST) {
    value found = index_list(e, s, object.as.list, x);
    return found.kind == VALUE_PARAMETER ? value_tensor(parameter_read(e, found.as.parameter, x->where)) : found;
  }
  if (object.kind == VALUE_TENSOR)
    return index_tensor(e, s, object.as.tensor, x);
  return elaborate_failed(e, elaborate_error(e, x->where, "%s cannot be indexed", value_describe(e, object)));
}
