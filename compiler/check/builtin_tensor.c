/* Built-ins that make tensors: counting, random numbers, and what ragged tensors know of their rows. */
#include "compiler/check/builtin.h"

value builtin_iota(const builtin_call *c) {
  const dim *n = builtin_size_argument(c, 0);
  if (!n)
    return value_error();
  shape s = {.rank = 1, .dims = {n}};
  node_attributes along = {.axes = {.count = 1}};
  return value_tensor(tensor_make(c->e, OP_iota, 0, NULL, &along, DTYPE_I32, &s, c->where));
}

/* ---- random numbers ---- */

/* A site is named by the instance it is in and its number there, so it stays the same whatever other sites do:
 * `student/encoder.layer.0.attention#1`. Its number in the graph is the 32-bit FNV-1a hash of that name. */
static uint32_t site_number(const char *name) {
  uint32_t hash = 2166136261u;
  for (const char *c = name; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 16777619u;
  return hash;
}

static const char *site_name(elaborator *e) {
  instance *self = e->frame ? e->frame->self : NULL;
  if (!self)
    return arena_print(e->arena, "#%d", e->random_count++);
  instance_refresh(e, self);
  return arena_print(e->arena, "%s/%s#%d", self->root->prefix, self->path, self->random_count++);
}

static node *random_key(elaborator *e, span where) {
  node *key = graph_find_input(e->graph, "key");
  shape two = {.rank = 1, .dims = {dim_constant(e->graph->dims, 2)}};
  return key ? key : graph_input(e->graph, INPUT_DATA, "key", DTYPE_I64, two, where);
}

value builtin_random(const builtin_call *c) {
  ragged_axes r = ragged_none();
  shape s;
  if (c->values[0].kind == VALUE_LIST) {
    if (!builtin_shape_argument(c, 0, &s))
      return value_error();
    r = ragged_by_shape(s);
  } else {
    node *like = builtin_tensor(c, 0);
    if (!like)
      return value_error();
    s = like->shape;
    r = ragged_of(c->e, like);
  }
  const char *name = site_name(c->e);
  node_attributes site = {.site = {site_number(name), name}};
  node *key = random_key(c->e, c->where);
  node *n = tensor_make(c->e, OP_random, 1, &key, &site, DTYPE_F32, &s, c->where);
  if (n)
    ragged_set(c->e, n, r);
  return value_tensor(n);
}

/* ---- ragged tensors ---- */

value builtin_pad(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  if (!x || !ragged_any(ragged_of(c->e, x)))
    return value_tensor(x);
  /* A node of its own, since what x is stays ragged. */
  return value_tensor(ragged_view(c->e, ragged_clear(c->e, x, c->where), ragged_none(), c->where));
}

value builtin_mask(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  return x ? value_tensor(ragged_mask(c->e, x, c->where)) : value_error();
}

value builtin_lengths(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  return x ? value_tensor(ragged_lengths(c->e, x, c->where)) : value_error();
}

value builtin_tokens(const builtin_call *c) {
  node *x = builtin_tensor(c, 0);
  return x ? value_tensor(ragged_tokens(c->e, x, c->where)) : value_error();
}
