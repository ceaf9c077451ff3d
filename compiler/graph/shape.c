/* Shape rules: for each operation what operands it takes, and the type and shape of its result. A rule returns NULL, or
 * a text that a person can be shown. The rule of a row in
 * the table is shape_rule_SHAPE. */
#include "compiler/graph/graph.h"

#include <math.h>
#include <stdint.h>

typedef struct request {
  graph *graph;
  op op;
  int count;
  node *const *operands;
  const node_attributes *attributes;
  dtype type; /* in: what was declared; out: the result's */
  shape shape;
} request;

typedef const char *shape_rule(request *r);

/* ---- texts ---- */

static const char *keep(graph *g, text *t) {
  const char *copy = arena_copy(g->arena, t->data, t->length);
  text_free(t);
  return copy;
}

static const char *type_text(graph *g, dtype type, shape s) {
  node n = {.dtype = type, .shape = s};
  text t = {0};
  node_type_print(&n, &t);
  return keep(g, &t);
}

static const char *operand_text(const request *r, int index) {
  return type_text(r->graph, r->operands[index]->dtype, r->operands[index]->shape);
}

/* «operands are f32[3], f32[4]» */
static const char *operands_text(const request *r) {
  text t = {0};
  text_add(&t, r->count == 1 ? "operand is " : "operands are ");
  for (int i = 0; i < r->count; i++) {
    text_add(&t, i == 0 ? "" : i == r->count - 1 ? " and " : ", ");
    node_type_print(r->operands[i], &t);
  }
  return keep(r->graph, &t);
}

static const char *dim_text(graph *g, const dim *d) {
  text t = {0};
  dim_print(d, &t);
  return keep(g, &t);
}

#define WRONG(...) arena_print(r->graph->arena, __VA_ARGS__)

static const char *needs(const request *r, const char *what) {
  return WRONG("'%s' needs %s: %s", op_describe(r->op)->name, what, operands_text(r));
}

/* ---- leaves ---- */

static const char *number_fits(request *r) {
  double number = r->attributes->number;
  bool fits = true;
  switch (r->type) {
  case DTYPE_BOOL:
    fits = number == 0 || number == 1;
    break;
  case DTYPE_I32:
    fits = number >= INT32_MIN && number <= INT32_MAX && number == floor(number);
    break;
  case DTYPE_I64:
    fits = fabs(number) <= 0x1p53 && number == floor(number);
    break;
  case DTYPE_F32:
    fits = !isfinite(number) || isfinite((float)number);
    break;
  }
  return fits ? NULL : WRONG("the number %.17g is no %s", number, dtype_name(r->type));
}

static const char *axis_fits(request *r, int axis, dtype type, shape s) {
  return axis >= 0 && axis < s.rank ? NULL : WRONG("axis %d is outside of %s", axis, type_text(r->graph, type, s));
}

static const char *shape_rule_declared(request *r) {
  const node_attributes *a = r->attributes;
  if (r->op == OP_constant)
    return number_fits(r);
  if (r->op == OP_input)
    return a->input.name ? NULL : "an input has no name";
  if (r->op == OP_iota) {
    if (r->type != DTYPE_I32 || a->axes.count != 1)
      return "'iota' counts along one axis and gives i32";
    return axis_fits(r, a->axes.axis[0], r->type, r->shape);
  }
  int64_t size = 0; /* OP_random */
  const node *key = r->operands[0];
  if (key->dtype != DTYPE_I64 || key->shape.rank != 1 || !dim_is_constant(key->shape.dims[0], &size) || size != 2)
    return needs(r, "a key of type i64[2], seed and step");
  return r->type == DTYPE_F32 && a->site.name ? NULL : "'random' gives f32 and has a named site";
}

/* ---- pointwise ---- */

static const char *shape_rule_same(request *r) {
  r->type = r->operands[0]->dtype;
  r->shape = r->operands[0]->shape;
  return r->type == DTYPE_BOOL && r->op != OP_stop_gradient ? needs(r, "numbers") : NULL;
}

static const char *shape_rule_real(request *r) {
  r->type = r->operands[0]->dtype;
  r->shape = r->operands[0]->shape;
  return r->type == DTYPE_F32 ? NULL : needs(r, "f32");
}

static const char *shape_rule_cast(request *r) {
  r->shape = r->operands[0]->shape;
  return NULL;
}

/* The shape that all operands have; those of rank 0 meet any. */
static const char *common_shape(request *r) {
  r->shape.rank = 0;
  for (int i = 0; i < r->count; i++) {
    const shape *s = &r->operands[i]->shape;
    if (s->rank > 0 && r->shape.rank > 0 && !shape_equal(*s, r->shape))
      return needs(r, "equal shapes");
    if (s->rank > 0)
      r->shape = *s;
  }
  return NULL;
}

static const char *shape_rule_equal(request *r) {
  r->type = r->operands[0]->dtype;
  if (r->operands[1]->dtype != r->type)
    return needs(r, "equal element types");
  return r->type == DTYPE_BOOL ? needs(r, "numbers") : common_shape(r);
}

static const char *shape_rule_equal_real(request *r) {
  const char *wrong = shape_rule_equal(r);
  return !wrong && r->type != DTYPE_F32 ? needs(r, "f32") : wrong;
}

static const char *shape_rule_words(request *r) {
  if (r->operands[0]->dtype != DTYPE_F32 || r->operands[1]->dtype != DTYPE_F32)
    return needs(r, "f32");
  r->type = DTYPE_I32;
  return common_shape(r);
}

static const char *shape_rule_of_word(request *r) {
  r->type = DTYPE_F32;
  r->shape = r->operands[0]->shape;
  return r->operands[0]->dtype == DTYPE_I32 ? NULL : needs(r, "i32");
}

static const char *shape_rule_compare(request *r) {
  dtype type = r->operands[0]->dtype;
  if (r->operands[1]->dtype != type)
    return needs(r, "equal element types");
  if (type == DTYPE_BOOL && r->op != OP_equal && r->op != OP_not_equal)
    return needs(r, "numbers");
  r->type = DTYPE_BOOL;
  return common_shape(r);
}

static const char *shape_rule_truth(request *r) {
  for (int i = 0; i < r->count; i++)
    if (r->operands[i]->dtype != DTYPE_BOOL)
      return needs(r, "bool");
  r->type = DTYPE_BOOL;
  return common_shape(r);
}

static const char *shape_rule_where(request *r) {
  if (r->operands[0]->dtype != DTYPE_BOOL)
    return needs(r, "a bool condition");
  r->type = r->operands[1]->dtype;
  return r->operands[2]->dtype == r->type ? common_shape(r) : needs(r, "equal element types");
}

/* ---- reductions ---- */

static const char *shape_rule_reduce(request *r) {
  const axes *over = &r->attributes->axes;
  r->type = r->operands[0]->dtype;
  r->shape = r->operands[0]->shape;
  if (r->type == DTYPE_BOOL)
    return needs(r, "numbers");
  if (over->count < 1 || over->count > RANK_MAX)
    return WRONG("'%s' has no axis to reduce", op_describe(r->op)->name);
  for (int i = 0; i < over->count; i++) {
    const char *wrong = axis_fits(r, over->axis[i], r->type, r->operands[0]->shape);
    if (wrong)
      return wrong;
    if (i > 0 && over->axis[i] <= over->axis[i - 1])
      return WRONG("'%s' has axes that do not ascend", op_describe(r->op)->name);
    r->shape.dims[over->axis[i]] = dim_constant(r->graph->dims, 1);
  }
  return NULL;
}

static const char *shape_rule_argmax(request *r) {
  if (r->attributes->axes.count != 1)
    return "'argmax' goes along one axis";
  const char *wrong = shape_rule_reduce(r);
  r->type = DTYPE_I32;
  return wrong;
}

/* ---- movement ---- */

static const char *cannot_become(request *r, const char *verb, const char *why) {
  return WRONG("cannot %s %s to %s: %s", verb, operand_text(r, 0), type_text(r->graph, r->type, r->shape), why);
}

static const char *shape_rule_expand(request *r) {
  const shape *from = &r->operands[0]->shape;
  r->type = r->operands[0]->dtype;
  if (from->rank != r->shape.rank)
    return cannot_become(r, "expand", "the ranks differ");
  for (int i = 0; i < from->rank; i++)
    if (from->dims[i] != r->shape.dims[i] && from->dims[i] != dim_constant(r->graph->dims, 1))
      return cannot_become(r, "expand", WRONG("axis %d is neither 1 nor the same", i));
  return NULL;
}

static const char *shape_rule_reshape(request *r) {
  dim_table *t = r->graph->dims;
  r->type = r->operands[0]->dtype;
  const dim *from = shape_elements(t, r->operands[0]->shape), *to = shape_elements(t, r->shape);
  if (from == to)
    return NULL;
  return cannot_become(r, "reshape", WRONG("%s elements are not %s", dim_text(r->graph, from), dim_text(r->graph, to)));
}

static const char *shape_rule_permute(request *r) {
  const axes *order = &r->attributes->axes;
  const shape *from = &r->operands[0]->shape;
  r->type = r->operands[0]->dtype;
  r->shape.rank = from->rank;
  unsigned seen = 0;
  for (int i = 0; i < from->rank && order->count == from->rank; i++)
    if (order->axis[i] >= 0 && order->axis[i] < from->rank) {
      seen |= 1u << order->axis[i];
      r->shape.dims[i] = from->dims[order->axis[i]];
    }
  bool every = order->count == from->rank && seen == (1u << from->rank) - 1;
  return every ? NULL : needs(r, "each axis of its operand once");
}

static const char *shape_rule_slice(request *r) {
  dim_table *t = r->graph->dims;
  const shape *from = &r->operands[0]->shape;
  r->type = r->operands[0]->dtype;
  if (r->shape.rank != from->rank)
    return cannot_become(r, "slice", "the ranks differ");
  for (int i = 0; i < from->rank; i++) {
    const dim *low = r->attributes->slice.low[i];
    int64_t step = r->attributes->slice.step[i];
    if (!low)
      return WRONG("'slice' does not say where axis %d begins", i);
    if (step < 1)
      return WRONG("'slice' along axis %d has step %lld: steps are 1 or more", i, (long long)step);
    const dim *reach = dim_multiply(t, dim_subtract(t, r->shape.dims[i], dim_constant(t, 1)), dim_constant(t, step));
    const dim *last = dim_add(t, low, reach), *behind = dim_subtract(t, from->dims[i], last);
    if (dim_is_below(low, 0) || dim_is_below(behind, 1) || dim_is_too_large(last) || dim_is_too_large(low))
      return WRONG("'slice' takes elements %s to %s of axis %d, which has %s", dim_text(r->graph, low),
                   dim_text(r->graph, last), i, dim_text(r->graph, from->dims[i]));
  }
  return NULL;
}

static const char *shape_rule_pad(request *r) {
  dim_table *t = r->graph->dims;
  const shape *from = &r->operands[0]->shape;
  r->type = r->operands[0]->dtype;
  r->shape.rank = from->rank;
  for (int i = 0; i < from->rank; i++) {
    const dim *low = r->attributes->pad.low[i], *high = r->attributes->pad.high[i];
    int64_t interior = r->attributes->pad.interior[i];
    if (!low || !high)
      return WRONG("'pad' does not say how much axis %d gets", i);
    if (interior < 0 || interior == INT64_MAX || dim_is_below(low, 0) || dim_is_below(high, 0))
      return WRONG("'pad' along axis %d is negative", i);
    const dim *gaps = dim_subtract(t, from->dims[i], dim_constant(t, 1));
    const dim *spread = dim_add(t, from->dims[i], dim_multiply(t, gaps, dim_constant(t, interior)));
    r->shape.dims[i] = dim_add(t, spread, dim_add(t, low, high));
  }
  return NULL;
}

static const char *shape_rule_concat(request *r) {
  const shape *first = &r->operands[0]->shape;
  r->type = r->operands[0]->dtype;
  r->shape = *first;
  if (r->attributes->axes.count != 1)
    return "'concat' goes along one axis";
  int along = r->attributes->axes.axis[0];
  const char *wrong = axis_fits(r, along, r->type, *first);
  for (int i = 1; i < r->count && !wrong; i++) {
    const shape *s = &r->operands[i]->shape;
    if (r->operands[i]->dtype != r->type)
      return needs(r, "equal element types");
    bool fits = s->rank == first->rank;
    for (int d = 0; d < first->rank && fits; d++)
      fits = d == along || s->dims[d] == first->dims[d];
    if (!fits)
      return needs(r, WRONG("equal shapes but for axis %d", along));
    r->shape.dims[along] = dim_add(r->graph->dims, r->shape.dims[along], s->dims[along]);
  }
  return wrong;
}

/* ---- the rest ---- */

static const char *shape_rule_matmul(request *r) {
  const node *x = r->operands[0], *y = r->operands[1];
  int rank = x->shape.rank;
  if (x->dtype != DTYPE_F32 || y->dtype != DTYPE_F32)
    return needs(r, "f32");
  if (rank < 2 || (y->shape.rank != rank && y->shape.rank != 2))
    return needs(r, "matrices: equal ranks, or a second operand of rank 2");
  for (int i = 0; i < rank - 2 && y->shape.rank > 2; i++)
    if (x->shape.dims[i] != y->shape.dims[i])
      return needs(r, "equal sizes in front of the matrices");
  if (x->shape.dims[rank - 1] != y->shape.dims[y->shape.rank - 2])
    return needs(r, WRONG("equal inner sizes, not %s and %s", dim_text(r->graph, x->shape.dims[rank - 1]),
                          dim_text(r->graph, y->shape.dims[y->shape.rank - 2])));
  r->type = DTYPE_F32;
  r->shape = x->shape;
  r->shape.dims[rank - 1] = y->shape.dims[y->shape.rank - 1];
  return NULL;
}

static bool is_index(const node *n) {
  return n->dtype == DTYPE_I32 || n->dtype == DTYPE_I64;
}

static const char *shape_rule_gather(request *r) {
  const node *table = r->operands[0], *index = r->operands[1];
  if (!is_index(index))
    return needs(r, "an index of type i32 or i64");
  if (table->shape.rank < 1 || index->shape.rank + table->shape.rank - 1 > RANK_MAX)
    return needs(r, WRONG("a table with rows, and a result of at most rank %d", RANK_MAX));
  r->type = table->dtype;
  r->shape = index->shape;
  for (int i = 1; i < table->shape.rank; i++)
    r->shape.dims[r->shape.rank++] = table->shape.dims[i];
  return NULL;
}

static const char *shape_rule_scatter_add(request *r) {
  const node *index = r->operands[0], *updates = r->operands[1];
  if (!is_index(index))
    return needs(r, "an index of type i32 or i64");
  r->type = updates->dtype;
  if (r->type == DTYPE_BOOL)
    return needs(r, "numbers to add");
  int rows = index->shape.rank;
  bool fits = r->shape.rank >= 1 && updates->shape.rank == rows + r->shape.rank - 1;
  for (int i = 0; i < updates->shape.rank && fits; i++)
    fits = updates->shape.dims[i] == (i < rows ? index->shape.dims[i] : r->shape.dims[i - rows + 1]);
  return fits ? NULL : needs(r, WRONG("a row of %s for each index", type_text(r->graph, r->type, r->shape)));
}

static shape_rule *const rules[OP_COUNT] = {
#define OP(name, operands, class, attribute, shape, ...) [OP_##name] = shape_rule_##shape,
#include "compiler/graph/ops.def"
#undef OP
};

static const char *check_sizes(request *r) {
  for (int i = 0; i < r->shape.rank; i++)
    if (!r->shape.dims[i] || dim_is_below(r->shape.dims[i], 1))
      return WRONG("axis %d of '%s' has size %s: sizes are 1 or more", i, op_describe(r->op)->name,
                   r->shape.dims[i] ? dim_text(r->graph, r->shape.dims[i]) : "none");
  dim_table *t = r->graph->dims;
  const dim *bytes = dim_multiply(t, shape_elements(t, r->shape), dim_constant(t, (int64_t)dtype_size(r->type)));
  return dim_is_too_large(bytes) ? WRONG("the result of '%s' is too large", op_describe(r->op)->name) : NULL;
}

static bool shape_comes_from_outside(op o) {
  attribute_kind kind = op_describe(o)->attribute;
  return kind == ATTRIBUTE_SHAPE || kind == ATTRIBUTE_SLICE || kind == ATTRIBUTE_SITE ||
         op_describe(o)->class == CLASS_LEAF;
}

const char *graph_check(graph *g, op o, int operand_count, node *const *operands, const node_attributes *attributes,
                        dtype *type, shape *result) {
  static const node_attributes none = {0};
  request asked = {.graph = g,
                   .op = o,
                   .count = operand_count,
                   .operands = operands,
                   .attributes = attributes ? attributes : &none,
                   .type = *type};
  request *r = &asked;
  int wanted = op_describe(o)->operands;
  if (wanted < 0 ? operand_count < 1 : operand_count != wanted)
    return WRONG("'%s' takes %d operand%s, not %d", op_describe(o)->name, wanted < 0 ? 1 : wanted,
                 wanted < 0    ? " or more"
                 : wanted == 1 ? ""
                               : "s",
                 operand_count);
  if (shape_comes_from_outside(o)) {
    r->shape = *result;
    const char *wrong = r->shape.rank < 0 || r->shape.rank > RANK_MAX
                            ? WRONG("rank %d is not between 0 and %d", r->shape.rank, RANK_MAX)
                            : check_sizes(r);
    if (wrong)
      return wrong;
  }
  const char *wrong = rules[o](r);
  if (!wrong)
    wrong = check_sizes(r);
  if (wrong)
    return wrong;
  *type = r->type;
  *result = r->shape;
  return NULL;
}
