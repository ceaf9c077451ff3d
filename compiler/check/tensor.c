/* Elementwise operations with numpy's broadcasting, numbers that meet tensors, and reductions. */
#include "compiler/check/tensor.h"
#include "compiler/check/elaborate.h"

#include <float.h>
#include <math.h>
#include <string.h>

node *tensor_make(elaborator *e, op o, int count, node *const *operands, const node_attributes *attributes, dtype type,
                  const shape *declared, span where) {
  if (!elaborate_needs_graph(e, where))
    return NULL;
  dtype result_type = type;
  shape result = declared ? *declared : (shape){0};
  const char *wrong = graph_check(e->graph, o, count, operands, attributes, &result_type, &result);
  if (!wrong && e->graph->node_count >= NODE_COUNT_MAX)
    wrong = arena_print(e->arena, "the graph has more than %d nodes", NODE_COUNT_MAX);
  if (!wrong) {
    for (int i = 0; i < result.rank && !wrong; i++)
      if (dim_is_too_large(result.dims[i]))
        wrong = "a size does not fit into 64 bits";
  }
  if (wrong) {
    elaborate_failed(e, elaborate_error(e, where, "%s", wrong));
    return NULL;
  }
  return graph_add(e->graph, o, count, operands, attributes, type, declared, where);
}

/* ---- numbers and sizes as tensors ---- */

static node *atom_as_scalar(elaborator *e, const dim *d, dtype type, span where) {
  graph *g = e->graph;
  node *ones = graph_constant(g, 1, type, (shape){.rank = 1, .dims = {d}}, where);
  node *total = graph_reduce(g, OP_reduce_sum, ones, (axes){.count = 1}, where);
  return graph_reshape(g, total, (shape){0}, where);
}

static const dim *factor_dim(elaborator *e, const dim_factor *f) {
  return f->symbol ? dim_named(e->graph->dims, f->symbol->name)
                   : dim_floor_divide(e->graph->dims, f->dividend, f->divisor);
}

/* The graph has no operation for a size: a symbol's is the sum of as many ones, a polynomial's its own arithmetic. */
node *tensor_of_size(elaborator *e, const dim *d, dtype type, span where) {
  if (!elaborate_needs_graph(e, where))
    return NULL;
  graph *g = e->graph;
  node *sum = NULL;
  for (int i = 0; i < d->term_count; i++) {
    const dim_term *t = &d->terms[i];
    node *product = NULL;
    for (int f = 0; f < t->factor_count; f++) {
      node *atom = atom_as_scalar(e, factor_dim(e, t->factors[f]), type, where);
      product = product ? graph_binary(g, OP_mul, product, atom, where) : atom;
    }
    if (!product || t->coefficient != 1) {
      node *coefficient = tensor_of_number(e, value_int(t->coefficient), type, where);
      if (!coefficient)
        return NULL;
      product = product ? graph_binary(g, OP_mul, product, coefficient, where) : coefficient;
    }
    sum = sum ? graph_binary(g, OP_add, sum, product, where) : product;
  }
  return sum ? sum : graph_constant(g, 0, type, (shape){0}, where);
}

static bool number_fits(value v, dtype type) {
  if (v.kind == VALUE_BOOL || type == DTYPE_BOOL)
    return v.kind == VALUE_BOOL && type == DTYPE_BOOL;
  double number = value_as_real(v);
  if (type == DTYPE_F32)
    return !isfinite(number) || fabs(number) <= FLT_MAX;
  if (v.kind == VALUE_REAL)
    return false;
  return type == DTYPE_I32 ? number >= INT32_MIN && number <= INT32_MAX : fabs(number) <= 0x1p53;
}

node *tensor_of_number(elaborator *e, value v, dtype type, span where) {
  if (!elaborate_needs_graph(e, where))
    return NULL;
  if (v.kind == VALUE_SIZE && type != DTYPE_BOOL)
    return tensor_of_size(e, v.as.size, type, where);
  if (v.kind == VALUE_SIZE || !number_fits(v, type)) {
    diagnostic *d = elaborate_error(e, where, "%s cannot be %s", value_describe(e, v), dtype_name(type));
    if (v.kind == VALUE_REAL && type != DTYPE_BOOL && type != DTYPE_F32)
      diagnostic_hint(d, "f32(x) converts the tensor that it meets");
    elaborate_failed(e, d);
    return NULL;
  }
  return graph_constant(e->graph, value_as_real(v), type, (shape){0}, where);
}

node *tensor_of_value(elaborator *e, operand x, const char *what) {
  value v = x.value;
  if (v.kind == VALUE_TENSOR)
    return v.as.tensor;
  if (value_is_compile_time(v))
    return tensor_of_number(e, v,
                            v.kind == VALUE_BOOL   ? DTYPE_BOOL
                            : v.kind == VALUE_REAL ? DTYPE_F32
                                                   : DTYPE_I32,
                            x.where);
  if (v.kind != VALUE_ERROR)
    elaborate_failed(e, elaborate_error(e, x.where, "'%s' takes a tensor, not %s", what, value_describe(e, v)));
  return NULL;
}

/* ---- elementwise ---- */

typedef struct pointwise_call {
  elaborator *e;
  scope *around;
  op op;
  const char *what;
  int count;
  const operand *operands;
  node *nodes[3];
  span where;
} pointwise_call;

typedef enum { NEEDS_ANYTHING, NEEDS_NUMBERS, NEEDS_F32, NEEDS_BOOL } element_need;

static element_need needed_elements(op o) {
  switch ((int)o) {
  case OP_exp:
  case OP_log:
  case OP_sqrt:
  case OP_rsqrt:
  case OP_reciprocal:
  case OP_tanh:
  case OP_erf:
  case OP_sin:
  case OP_cos:
  case OP_div:
  case OP_pow:
    return NEEDS_F32;
  case OP_not:
  case OP_and:
  case OP_or:
    return NEEDS_BOOL;
  case OP_where:
  case OP_equal:
  case OP_not_equal:
  case OP_stop_gradient:
    return NEEDS_ANYTHING;
  default:
    return NEEDS_NUMBERS;
  }
}

static bool wrong_elements(elaborator *e, const char *what, element_need need, operand x, span where) {
  static const char *const names[] = {"", "numbers", "f32", "bool"};
  diagnostic *d = elaborate_error(e, where, "'%s' needs %s, not %s", what, names[need], value_describe(e, x.value));
  if (x.where.file && x.where.line == where.line)
    diagnostic_label(d, x.where, "%s", value_describe(e, x.value));
  diagnostic_hint(d, need == NEEDS_BOOL ? "bool(x) is true where x is not zero" : "f32(x) converts");
  elaborate_failed(e, d);
  return false;
}

static bool fits_need(element_need need, dtype type) {
  return need == NEEDS_ANYTHING || (need == NEEDS_NUMBERS && type != DTYPE_BOOL) ||
         (need == NEEDS_F32 && type == DTYPE_F32) || (need == NEEDS_BOOL && type == DTYPE_BOOL);
}

/* The element type of the operands that share one (all but the condition of `where`). False after an error. */
static bool common_type(const pointwise_call *c, dtype *type) {
  int first = c->op == OP_where ? 1 : 0, found = -1;
  bool real = needed_elements(c->op) == NEEDS_F32, all_bool = true;
  for (int i = first; i < c->count; i++) {
    value v = c->operands[i].value;
    real = real || v.kind == VALUE_REAL;
    all_bool = all_bool && v.kind == VALUE_BOOL;
    if (v.kind != VALUE_TENSOR)
      continue;
    if (found >= 0 && v.as.tensor->dtype != *type) {
      diagnostic *d = elaborate_error(c->e, c->where, "'%s' needs operands of one element type", c->what);
      diagnostic_label(d, c->operands[found].where, "%s", value_describe(c->e, c->operands[found].value));
      diagnostic_label(d, c->operands[i].where, "%s", value_describe(c->e, v));
      diagnostic_hint(d, "nothing is converted by itself: f32(x), i32(x), i64(x), bool(x) convert");
      elaborate_failed(c->e, d);
      return false;
    }
    found = i;
    *type = v.as.tensor->dtype;
  }
  if (found < 0)
    *type = all_bool ? DTYPE_BOOL : real ? DTYPE_F32 : DTYPE_I32;
  return true;
}

static bool make_operands(pointwise_call *c) {
  dtype type = DTYPE_F32;
  for (int i = 0; i < c->count; i++) {
    value v = c->operands[i].value;
    if (v.kind == VALUE_ERROR)
      return false;
    if (v.kind != VALUE_TENSOR && !value_is_compile_time(v)) {
      elaborate_failed(
          c->e, elaborate_error(c->e, c->operands[i].where, "'%s' cannot take %s", c->what, value_describe(c->e, v)));
      return false;
    }
  }
  if (!common_type(c, &type))
    return false;
  for (int i = 0; i < c->count; i++) {
    value v = c->operands[i].value;
    if (v.kind == VALUE_TENSOR && !fits_need(needed_elements(c->op), v.as.tensor->dtype))
      return wrong_elements(c->e, c->what, needed_elements(c->op), c->operands[i], c->where);
  }
  for (int i = 0; i < c->count; i++) {
    value v = c->operands[i].value;
    dtype wanted = c->op == OP_where && i == 0 ? DTYPE_BOOL : type;
    c->nodes[i] = v.kind == VALUE_TENSOR ? v.as.tensor : tensor_of_number(c->e, v, wanted, c->operands[i].where);
    if (!c->nodes[i])
      return false;
  }
  return true;
}

static bool mentioned(const char *const *names, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

static bool binds_size(const binding *b, int count, const value *sizes) {
  value v = b->value;
  for (int i = 0; i < count; i++)
    if (v.kind == sizes[i].kind && ((v.kind == VALUE_INT && v.as.integer == sizes[i].as.integer) ||
                                    (v.kind == VALUE_SIZE && v.as.size == sizes[i].as.size)))
      return true;
  return false;
}

void note_size(elaborator *e, diagnostic *d, const char *name, value size, span where) {
  const char *shown = size.kind == VALUE_INT ? arena_print(e->arena, "%lld", (long long)size.as.integer)
                                             : dim_describe(e, size.as.size);
  if (strcmp(shown, name) == 0)
    diagnostic_note(d, where, "%s was bound here", name);
  else
    diagnostic_note(d, where, "%s = %s was bound here", name, shown);
}

void note_sizes(elaborator *e, diagnostic *d, scope *around, int count, const value *sizes) {
  enum { NOTES_MAX = 4 };
  const char *names[NOTES_MAX];
  int noted = 0;
  for (scope *s = around; s; s = s->parent)
    for (int part = 0; part < 2; part++) {
      const scope *names_of = part == 0 ? s : s->self ? s->self->members : NULL;
      for (int i = 0; names_of && i < names_of->count && noted < NOTES_MAX; i++) {
        const binding *b = &names_of->items[i];
        if (!binds_size(b, count, sizes) || mentioned(names, noted, b->name))
          continue;
        names[noted++] = b->name;
        note_size(e, d, b->name, b->value, b->where);
      }
    }
}

static node *cannot_broadcast(const pointwise_call *c, int a, int b) {
  const node *x = c->nodes[a], *y = c->nodes[b];
  diagnostic *d = elaborate_error(c->e, c->where, "the shapes of '%s' do not fit: %s and %s", c->what,
                                  node_describe(c->e, x), node_describe(c->e, y));
  diagnostic_label(d, c->operands[a].where, "%s", node_describe(c->e, x));
  diagnostic_label(d, c->operands[b].where, "%s", node_describe(c->e, y));
  const dim *one = dim_constant(c->e->graph->dims, 1);
  for (int i = 1; i <= x->shape.rank && i <= y->shape.rank; i++) {
    const dim *p = x->shape.dims[x->shape.rank - i], *q = y->shape.dims[y->shape.rank - i];
    if (p == q || p == one || q == one)
      continue;
    diagnostic_note(d, (span){0}, "counted from the last, dimension %d is %s in one and %s in the other", i,
                    dim_describe(c->e, p), dim_describe(c->e, q));
    note_sizes(c->e, d, c->around, 2, (value[]){value_size(p), value_size(q)});
    break;
  }
  elaborate_failed(c->e, d);
  return NULL;
}

/* Which axes of the result are ragged: those that are in any operand. */
static bool combine_ragged(const pointwise_call *c, shape s, ragged_axes *result) {
  *result = ragged_none();
  for (int n = 0; n < c->count; n++) {
    ragged_axes r = ragged_of(c->e, c->nodes[n]);
    int shift = s.rank - c->nodes[n]->shape.rank;
    for (int i = 0; i < c->nodes[n]->shape.rank; i++) {
      if (r.rows[i] < 0)
        continue;
      int row = r.rows[i] + shift, axis = i + shift;
      if (result->rows[axis] >= 0 && result->rows[axis] != row) {
        elaborate_failed(c->e, elaborate_error(c->e, c->where, "'%s' meets a dimension %s that is ragged over two axes",
                                               c->what, dim_describe(c->e, s.dims[axis])));
        return false;
      }
      result->rows[axis] = (int8_t)row;
    }
  }
  return true;
}

/* The axes along which padding could make e^x overflow: all, except that x - max(x), as softmax has it, is nowhere
 * above zero where the maximum's own axes are real. */
static unsigned axes_to_guard(elaborator *e, const node *x) {
  if (x->op != OP_sub)
    return ~0u;
  const node *largest = x->operands[1];
  while (largest->op == OP_expand || largest->op == OP_stop_gradient)
    largest = largest->operands[0];
  if (largest->op != OP_reduce_max)
    return ~0u;
  const node *of = largest->operands[0], *from = x->operands[0];
  if (of != from && (of->op != OP_where || of->operands[1] != from))
    return ~0u;
  unsigned bits = 0;
  for (int i = 0; i < largest->attributes.axes.count; i++)
    bits |= 1u << largest->attributes.axes.axis[i];
  return ragged_to_mask(ragged_of(e, x), bits);
}

/* A divisor is 1 in padding: in its own, and in that of the result along axes where it has elements but no rows. */
static node *guard_divisor(pointwise_call *c, shape s, ragged_axes result) {
  node *x = ragged_fill(c->e, c->nodes[1], ~0u, 1, c->where);
  ragged_axes own = ragged_of(c->e, x);
  int shift = s.rank - x->shape.rank;
  unsigned more = 0;
  for (int i = 0; i < x->shape.rank; i++)
    if (own.rows[i] < 0 && result.rows[i + shift] >= 0 && x->shape.dims[i] == s.dims[i + shift])
      more |= 1u << (i + shift);
  x = more ? tensor_broadcast(c->e, x, s, c->where) : x;
  if (!more || !x)
    return x;
  return ragged_fill(c->e, ragged_view(c->e, x, result, c->where), more, 1, c->where);
}

/* Keeps padding finite: operands of functions that are not finite everywhere become harmless there. */
static void guard_padding(pointwise_call *c, shape s, ragged_axes result) {
  switch ((int)c->op) {
  case OP_exp:
    c->nodes[0] = ragged_fill(c->e, c->nodes[0], axes_to_guard(c->e, c->nodes[0]), -INFINITY, c->where);
    return;
  case OP_log:
  case OP_sqrt:
  case OP_rsqrt:
  case OP_reciprocal:
  case OP_pow:
    c->nodes[0] = ragged_fill(c->e, c->nodes[0], ~0u, 1, c->where);
    return;
  case OP_div:
    c->nodes[1] = guard_divisor(c, s, result);
    return;
  default:
    return;
  }
}

/* The axes, of the result, whose padding holds zeros in an operand. */
static unsigned operand_zeros(const pointwise_call *c, int index, int rank) {
  const node *x = c->nodes[index];
  if (x->op == OP_constant && x->attributes.number == 0)
    return ~0u;
  return ragged_filled(c->e, x, 0) << (rank - x->shape.rank);
}

/* The axes whose padding then holds zeros: so e^x, where x is -inf in padding, needs no further mask in a sum, and
 * neither does its quotient in a product. */
static unsigned result_zeros(const pointwise_call *c, int rank) {
  switch ((int)c->op) {
  case OP_exp:
    return ragged_filled(c->e, c->nodes[0], -INFINITY);
  case OP_mul:
    return operand_zeros(c, 0, rank) | operand_zeros(c, 1, rank);
  case OP_add:
  case OP_sub:
  case OP_maximum:
  case OP_minimum:
    return operand_zeros(c, 0, rank) & operand_zeros(c, 1, rank);
  case OP_where:
    return operand_zeros(c, 1, rank) & operand_zeros(c, 2, rank);
  case OP_div:
  case OP_neg:
  case OP_abs:
  case OP_tanh:
  case OP_erf:
  case OP_sin:
  case OP_stop_gradient:
    return operand_zeros(c, 0, rank);
  default:
    return 0;
  }
}

node *tensor_pointwise(elaborator *e, scope *around, op o, const char *what, int count, const operand *operands,
                       span where) {
  pointwise_call c = {e, around, o, what, count, operands, {0}, where};
  if (!make_operands(&c))
    return NULL;
  shape s = c.nodes[0]->shape;
  for (int i = 1; i < count; i++) {
    shape joined;
    if (!shape_broadcast(s, c.nodes[i]->shape, &joined, e->graph->dims))
      return cannot_broadcast(
          &c, i == 2 && !shape_broadcast(c.nodes[1]->shape, c.nodes[2]->shape, &joined, e->graph->dims) ? 1 : 0, i);
    s = joined;
  }
  ragged_axes ragged;
  if (!combine_ragged(&c, s, &ragged))
    return NULL;
  ragged = ragged_join(e, s, ragged, count, c.nodes);
  guard_padding(&c, s, ragged);
  unsigned zeros = c.nodes[0] && c.nodes[count - 1] && (count < 2 || c.nodes[1]) ? result_zeros(&c, s.rank) : 0;
  for (int i = 0; i < count; i++) {
    if (c.nodes[i] && c.nodes[i]->shape.rank > 0)
      c.nodes[i] = tensor_broadcast(e, c.nodes[i], s, where);
    if (!c.nodes[i])
      return NULL;
  }
  node *n = tensor_make(e, o, count, c.nodes, NULL, DTYPE_F32, NULL, where);
  if (n) {
    ragged_set(e, n, ragged);
    ragged_note_filled(e, n, zeros, 0);
  }
  return n;
}

node *tensor_cast(elaborator *e, node *x, dtype type, span where) {
  if (x->dtype == type)
    return x;
  node *n = tensor_make(e, OP_cast, 1, &x, NULL, type, NULL, where);
  if (n)
    ragged_set(e, n, ragged_of(e, x));
  return n;
}

/* ---- reductions ---- */

static double neutral(op o, dtype type) {
  if (o == OP_reduce_sum)
    return 0;
  double largest = type == DTYPE_F32 ? INFINITY : type == DTYPE_I32 ? INT32_MAX : 0x1p53;
  return o == OP_reduce_min ? largest : type == DTYPE_I32 ? INT32_MIN : -largest;
}

static axes axes_of_bits(unsigned bits) {
  axes a = {0};
  for (int i = 0; i < RANK_MAX; i++)
    if (bits >> i & 1)
      a.axis[a.count++] = i;
  return a;
}

/* Drops axes of size 1. */
static node *drop_axes(elaborator *e, node *x, unsigned bits, span where) {
  ragged_axes r = ragged_of(e, x), kept = ragged_none();
  shape s = {0};
  int place[RANK_MAX];
  for (int i = 0; i < x->shape.rank; i++) {
    place[i] = s.rank;
    if (!(bits >> i & 1))
      s.dims[s.rank++] = x->shape.dims[i];
  }
  for (int i = 0; i < x->shape.rank; i++)
    if (!(bits >> i & 1) && r.rows[i] >= 0)
      kept.rows[place[i]] = (int8_t)place[r.rows[i]];
  node *n = graph_reshape(e->graph, x, s, where);
  ragged_set(e, n, kept);
  return n;
}

/* Axes stay, with size 1. */
static node *reduce_kept(elaborator *e, op o, node *x, unsigned bits, span where) {
  ragged_axes r = ragged_of(e, x);
  unsigned mask = ragged_to_mask(r, bits);
  if (mask && x->dtype != DTYPE_BOOL)
    x = ragged_fill(e, x, mask, neutral(o == OP_argmax ? OP_reduce_max : o, x->dtype), where);
  node_attributes attributes = {.axes = axes_of_bits(bits)};
  node *n = tensor_make(e, o, 1, &x, &attributes, DTYPE_F32, NULL, where);
  if (!n)
    return NULL;
  ragged_axes kept = r;
  for (int i = 0; i < RANK_MAX; i++)
    if (mask >> i & 1)
      kept.rows[i] = -1;
  if ((mask & ~bits) && (o == OP_reduce_max || o == OP_reduce_min)) {
    node *reached = ragged_reached(e, x, mask & ~bits, bits, where);
    n = graph_where(e->graph, graph_broadcast(e->graph, reached, n->shape, where), n,
                    graph_constant(e->graph, 0, n->dtype, (shape){0}, where), where);
  }
  ragged_set(e, n, kept);
  return n;
}

static const char *reduction_name(op o) {
  return o == OP_reduce_sum ? "sum" : o == OP_reduce_max ? "max" : o == OP_reduce_min ? "min" : "argmax";
}

node *tensor_reduce(elaborator *e, op o, node *x, unsigned bits, bool keep, span where) {
  if (x->dtype == DTYPE_BOOL) {
    wrong_elements(e, reduction_name(o), NEEDS_NUMBERS, (operand){value_tensor(x), where}, where);
    return NULL;
  }
  if (!bits)
    return x;
  node *n = reduce_kept(e, o, x, bits, where);
  return n && !keep ? drop_axes(e, n, bits, where) : n;
}

node *tensor_mean(elaborator *e, node *x, unsigned bits, bool keep, span where) {
  if (x->dtype != DTYPE_F32) {
    wrong_elements(e, "mean", NEEDS_F32, (operand){value_tensor(x), where}, where);
    return NULL;
  }
  if (!bits)
    return x;
  int64_t known = 0;
  node *count = ragged_count(e, x, bits, &known, where);
  if (!count && known < 0)
    return NULL;
  node *sum = reduce_kept(e, OP_reduce_sum, x, bits, where);
  if (!sum)
    return NULL;
  if (!count)
    count = graph_scalar(e->graph, (double)known, where);
  ragged_axes r = ragged_of(e, sum);
  if (count->shape.rank > 0)
    count = graph_broadcast(e->graph, count, sum->shape, where);
  node *mean = graph_binary(e->graph, OP_div, sum, count, where);
  ragged_set(e, mean, r);
  if (ragged_counts_padding(e, x, bits))
    arena_append(e->arena, e->padded, e->padded_count, mean);
  return keep ? mean : drop_axes(e, mean, bits, where);
}
