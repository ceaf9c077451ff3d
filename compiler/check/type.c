/* Types in signatures: dimensions are bound by the arguments, and must agree everywhere else. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

typedef struct named_dimension { /* T, or S of `S...` */
  const char *name;
  bool rest;
  const dim *size;
  shape sizes; /* of a rest */
  span where;  /* of the argument that bound it */
} named_dimension;

struct signature {
  elaborator *e;
  scope *s;
  const function_syntax *f;
  const char *callee;
  int count;
  named_dimension *items;
};

/* One tensor against one written type. */
typedef struct match {
  signature *g;
  const type_syntax *type;
  const node *tensor;
  const char *parameter; /* NULL: the result */
  span where;
} match;

/* ---- text ---- */

const char *type_describe(elaborator *e, const type_syntax *t) {
  text to = {0};
  text_add(&to, "%s", t->kind == TYPE_TENSOR ? t->name : type_kind_name(t));
  if (t->has_dimensions) {
    text_add(&to, "[");
    for (int i = 0; i < t->dimension_count; i++) {
      const type_dimension *d = &t->dimensions[i];
      text_add(&to, "%s", i ? ", " : "");
      if (d->ellipsis)
        text_add(&to, "%s...", d->name ? d->name : "");
      else
        expression_print(d->size, &to);
      if (d->ragged)
        text_add(&to, " of %s", d->ragged);
    }
    text_add(&to, "]");
  }
  return text_keep(e, &to);
}

/* ---- names ---- */

static named_dimension *find_dimension(const signature *g, const char *name) {
  for (int i = 0; i < g->count; i++)
    if (strcmp(g->items[i].name, name) == 0)
      return &g->items[i];
  return NULL;
}

static binding *compile_time_name(scope *s, const char *name) {
  binding *b = scope_find(s, name);
  if (b && (b->value.kind == VALUE_INT || b->value.kind == VALUE_SIZE))
    return b;
  b = scope_find_member(s, name);
  return b && b->value.kind == VALUE_INT ? b : NULL;
}

typedef void name_visitor(const char *name, void *context);

static void visit_names(const expression *x, name_visitor *visit, void *context) {
  if (x->kind == EXPRESSION_NAME) {
    visit(x->as.name, context);
  } else if (x->kind == EXPRESSION_BINARY) {
    visit_names(x->as.binary.left, visit, context);
    visit_names(x->as.binary.right, visit, context);
  } else if (x->kind == EXPRESSION_UNARY) {
    visit_names(x->as.unary.operand, visit, context);
  }
}

/* ---- errors ---- */

typedef struct naming {
  const signature *g;
  diagnostic *to;
} naming;

static void note_name(const char *name, void *context) {
  const naming *n = context;
  const named_dimension *d = find_dimension(n->g, name);
  const binding *b = compile_time_name(n->g->s, name);
  if (d && !d->rest) {
    note_size(n->g->e, n->to, name, value_size(d->size), d->where);
  } else if (b) {
    note_size(n->g->e, n->to, name, b->value, b->where);
  }
}

static const char *rest_text(const signature *g, const named_dimension *d) {
  text t = {0};
  shape_print(d->sizes, &t);
  return text_keep(g->e, &t);
}

static bool differs_in_width(shape a, shape b) {
  if (a.rank != b.rank || a.rank == 0 || !dim_is_constant(a.dims[a.rank - 1], NULL) ||
      !dim_is_constant(b.dims[b.rank - 1], NULL))
    return false;
  a.dims[a.rank - 1] = b.dims[b.rank - 1];
  return shape_equal(a, b);
}

/* Ends in an error that names both types and, of each name in the written one, what it is bound to and where. */
static bool mismatch(const match *m, const char *why) {
  signature *g = m->g;
  const char *written = type_describe(g->e, m->type), *given = node_describe(g->e, m->tensor);
  diagnostic *d =
      m->parameter
          ? elaborate_error(g->e, m->where, "'%s' takes %s: %s, not %s", g->callee, m->parameter, written, given)
          : elaborate_error(g->e, m->where, "the result of '%s' is %s, not %s", g->callee, given, written);
  diagnostic_label(d, m->where, "%s", why);
  diagnostic_note(d, m->type->where, "the type is written here");
  for (int i = 0; i < m->type->dimension_count; i++) {
    const type_dimension *t = &m->type->dimensions[i];
    naming n = {g, d};
    if (!t->ellipsis)
      visit_names(t->size, note_name, &n);
    const named_dimension *rest = t->ellipsis && t->name ? find_dimension(g, t->name) : NULL;
    if (!rest)
      continue;
    diagnostic_note(d, rest->where, "%s = %s was bound here", t->name, rest_text(g, rest));
    if (g->e->objective && differs_in_width(rest->sizes, m->tensor->shape))
      diagnostic_hint(d, "a helper that is trained along fits one width to the other: fit = linear(%s, %s)",
                      dim_describe(g->e, rest->sizes.dims[rest->sizes.rank - 1]),
                      dim_describe(g->e, m->tensor->shape.dims[m->tensor->shape.rank - 1]));
  }
  elaborate_failed(g->e, d);
  return false;
}

/* ---- matching ---- */

static void bind_name(signature *g, const char *name, value v, named_dimension d) {
  arena_append(g->e->arena, g->items, g->count, d);
  for (int i = 0; i < g->s->count; i++)
    if (strcmp(g->s->items[i].name, name) == 0)
      return; /* a parameter of that name hides it */
  scope_bind(g->e, g->s, name, v, d.where);
}

static bool match_name(const match *m, const type_dimension *t, int axis) {
  signature *g = m->g;
  const char *name = t->size->as.name;
  const dim *size = m->tensor->shape.dims[axis], *wanted = NULL;
  const named_dimension *known = find_dimension(g, name);
  const binding *b = known ? NULL : compile_time_name(g->s, name);
  if (known && known->rest)
    return mismatch(m, arena_print(g->e->arena, "%s stands for several dimensions", name));
  if (known || b)
    wanted = known ? known->size : value_as_dim(g->e, b->value);
  if (!wanted) {
    bind_name(g, name, value_size(size), (named_dimension){.name = name, .size = size, .where = m->where});
    return true;
  }
  if (wanted == size)
    return true;
  return mismatch(m, arena_print(g->e->arena, "dimension %d is %s, but %s is %s", axis + 1, dim_describe(g->e, size),
                                 name, dim_describe(g->e, wanted)));
}

static bool match_rest(const match *m, const type_dimension *t, int first, int count) {
  signature *g = m->g;
  shape sizes = {.rank = count};
  value items[RANK_MAX];
  if (!t->name)
    return true;
  for (int i = 0; i < count; i++) {
    sizes.dims[i] = m->tensor->shape.dims[first + i];
    items[i] = value_size(sizes.dims[i]);
  }
  const named_dimension *known = find_dimension(g, t->name);
  if (!known) {
    named_dimension d = {.name = t->name, .rest = true, .sizes = sizes, .where = m->where};
    bind_name(g, t->name, value_list_of(g->e, count, items), d);
    return true;
  }
  if (known->rest && shape_equal(known->sizes, sizes))
    return true;
  named_dimension here = {.sizes = sizes};
  return mismatch(m, arena_print(g->e->arena, "%s is %s, not %s", t->name,
                                 known->rest ? rest_text(g, known) : "one dimension", rest_text(g, &here)));
}

/* `T of B`: the axis is ragged, and its rows are the axis that is written B. */
static bool match_ragged(const match *m, const type_dimension *t, int axis, const int *axis_of) {
  elaborator *e = m->g->e;
  ragged_axes r = ragged_of(e, m->tensor);
  for (int i = 0; i < m->type->dimension_count; i++) {
    const type_dimension *row = &m->type->dimensions[i];
    if (row->ellipsis || row->size->kind != EXPRESSION_NAME || strcmp(row->size->as.name, t->ragged) != 0)
      continue;
    if (r.rows[axis] == axis_of[i])
      return true;
    if (r.rows[axis] < 0)
      return mismatch(m, arena_print(e->arena, "dimension %d is not ragged", axis + 1));
  }
  return mismatch(
      m, arena_print(e->arena, "there is no dimension %s whose rows dimension %d could be", t->ragged, axis + 1));
}

static bool match_arithmetic(const match *m, const type_dimension *t, int axis) {
  signature *g = m->g;
  value v = elaborate_expression(g->e, g->s, t->size);
  const dim *wanted = value_as_dim(g->e, v), *size = m->tensor->shape.dims[axis];
  if (!wanted) {
    if (v.kind != VALUE_ERROR)
      elaborate_failed(g->e, elaborate_error(g->e, t->where, "a size must be an int, not %s", value_describe(g->e, v)));
    return false;
  }
  if (wanted == size)
    return true;
  text shown = {0};
  expression_print(t->size, &shown);
  const char *formula = text_keep(g->e, &shown);
  const char *value_text = dim_describe(g->e, wanted);
  bool plain = strcmp(formula, value_text) == 0;
  return mismatch(
      m, plain ? arena_print(g->e->arena, "dimension %d is %s, not %s", axis + 1, dim_describe(g->e, size), formula)
               : arena_print(g->e->arena, "dimension %d is %s, but %s is %s", axis + 1, dim_describe(g->e, size),
                             formula, value_text));
}

/* Where each written dimension stands among the tensor's axes. False when the ranks do not fit. */
static bool place_dimensions(const match *m, int *axis_of, int *rest_count) {
  int count = m->type->has_dimensions ? m->type->dimension_count : 0, rank = m->tensor->shape.rank, open = -1;
  for (int i = 0; i < count; i++)
    if (m->type->dimensions[i].ellipsis)
      open = i;
  *rest_count = rank - (count - 1);
  if (open < 0 ? rank != count : *rest_count < 0)
    return mismatch(m, arena_print(m->g->e->arena, "%d dimension%s instead of %s%d", rank, rank == 1 ? "" : "s",
                                   open < 0 ? "" : "at least ", open < 0 ? count : count - 1));
  for (int i = 0; i < count; i++)
    axis_of[i] = open < 0 || i <= open ? i : rank - (count - i);
  return true;
}

enum { PASS_NAMES, PASS_ARITHMETIC };

static bool match_tensor(const match *m, int pass) {
  int axis_of[RANK_MAX + 1], rest_count = 0;
  bool fits = true;
  if (strcmp(m->type->name, dtype_name(m->tensor->dtype)) != 0)
    return pass != PASS_NAMES || mismatch(m, arena_print(m->g->e->arena, "the elements are %s, not %s",
                                                         dtype_name(m->tensor->dtype), m->type->name));
  if (m->type->dimension_count > RANK_MAX + 1)
    return mismatch(m, "too many dimensions are written");
  if (!place_dimensions(m, axis_of, &rest_count))
    return false;
  for (int i = 0; m->type->has_dimensions && i < m->type->dimension_count && fits; i++) {
    const type_dimension *t = &m->type->dimensions[i];
    bool is_name = !t->ellipsis && t->size->kind == EXPRESSION_NAME;
    if (pass == PASS_ARITHMETIC)
      fits = t->ellipsis || is_name || match_arithmetic(m, t, axis_of[i]);
    else if (t->ellipsis)
      fits = match_rest(m, t, axis_of[i], rest_count);
    else if (is_name)
      fits = match_name(m, t, axis_of[i]) && (!t->ragged || match_ragged(m, t, axis_of[i], axis_of));
  }
  return fits;
}

static dtype dtype_of_type(const type_syntax *t) {
  for (dtype d = DTYPE_BOOL; d <= DTYPE_F32; d++)
    if (strcmp(dtype_name(d), t->name) == 0)
      return d;
  return DTYPE_F32;
}

/* A number as the tensor that the type asks for. NULL after an error. */
static node *as_tensor(elaborator *e, const type_syntax *t, value v, const char *what, span where) {
  if (v.kind == VALUE_TENSOR)
    return v.as.tensor;
  if (value_is_compile_time(v))
    return tensor_of_number(e, v, dtype_of_type(t), where);
  if (v.kind != VALUE_ERROR)
    elaborate_failed(
        e, elaborate_error(e, where, "%s must be %s, not %s", what, type_describe(e, t), value_describe(e, v)));
  return NULL;
}

signature *signature_bind(elaborator *e, scope *s, const function_syntax *f, const char *callee) {
  signature *g = arena_new(e->arena, signature);
  *g = (signature){.e = e, .s = s, .f = f, .callee = callee};
  bool fits = true;
  for (int pass = PASS_NAMES; pass <= PASS_ARITHMETIC && fits; pass++)
    for (int i = 0; i < f->parameter_count && fits; i++) {
      const parameter_syntax *p = &f->parameters[i];
      binding *b = p->type->kind == TYPE_TENSOR ? scope_find(s, p->name) : NULL;
      if (!b)
        continue;
      const char *what = arena_print(e->arena, "argument '%s' of '%s'", p->name, callee);
      node *n = as_tensor(e, p->type, b->value, what, b->where);
      if (!n)
        return NULL;
      b->value = value_tensor(n);
      fits = match_tensor(&(match){g, p->type, n, p->name, b->where}, pass);
    }
  return fits ? g : NULL;
}

value signature_result(signature *g, value result, span where) {
  const type_syntax *t = g->f->result;
  if (!t || t->kind == TYPE_ANY || result.kind == VALUE_ERROR)
    return result;
  const char *what = arena_print(g->e->arena, "the result of '%s'", g->callee);
  if (t->kind != TYPE_TENSOR) {
    if (value_coerce(t, &result))
      return result;
    return elaborate_failed(g->e, elaborate_error(g->e, where, "%s must be %s, not %s", what, type_kind_name(t),
                                                  value_describe(g->e, result)));
  }
  node *n = as_tensor(g->e, t, result, what, where);
  match m = {g, t, n, NULL, where};
  return n && match_tensor(&m, PASS_NAMES) && match_tensor(&m, PASS_ARITHMETIC) ? value_tensor(n) : value_error();
}

/* ---- types of a graph's inputs ---- */

typedef struct symbols {
  elaborator *e;
  scope *into;
} symbols;

/* A name that is no compile-time value becomes a dimension of that name. */
static void make_symbol(const char *name, void *context) {
  const symbols *s = context;
  if (!compile_time_name(s->into, name))
    scope_bind(s->e, s->into, name, value_size(dim_named(s->e->graph->dims, name)), (span){0});
}

static const dim *ragged_dimension(elaborator *e, const type_dimension *t, const dim *rows, const char *owner) {
  graph *g = e->graph;
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *known = dim_symbol_at(g->dims, i);
    if (strcmp(known->name, t->size->as.name) == 0 && known->of == rows)
      return dim_named(g->dims, known->name);
  }
  const char *lengths = arena_print(e->arena, "%s.lengths", owner);
  if (!graph_find_input(g, lengths))
    graph_input(g, INPUT_DATA, lengths, DTYPE_I32, (shape){.rank = 1, .dims = {rows}}, t->where);
  return dim_ragged(g->dims, t->size->as.name, rows, lengths);
}

static const dim *input_dimension(elaborator *e, scope *s, const type_dimension *t, const char *owner) {
  if (t->ellipsis) {
    diagnostic *d = elaborate_error(e, t->where, "the number of dimensions of '%s' is open", owner);
    diagnostic_hint(d, "a graph's inputs have a fixed one: write the dimensions in place of `...`");
    elaborate_failed(e, d);
    return NULL;
  }
  if (t->ragged) {
    const dim *rows = dim_named(e->graph->dims, t->ragged);
    if (t->size->kind == EXPRESSION_NAME && dim_as_symbol(rows) && !dim_as_symbol(rows)->of)
      return ragged_dimension(e, t, rows, owner);
    elaborate_failed(e, elaborate_error(e, t->where, "a ragged dimension is a name of its own, of a dense one"));
    return NULL;
  }
  visit_names(t->size, make_symbol, &(symbols){e, s});
  value v = elaborate_expression(e, s, t->size);
  const dim *size = value_as_dim(e, v);
  if (!size && v.kind != VALUE_ERROR)
    elaborate_failed(e, elaborate_error(e, t->where, "a size must be an int, not %s", value_describe(e, v)));
  if (!size || !dim_is_below(size, 1))
    return size;
  elaborate_failed(e, elaborate_error(e, t->where, "a size must be 1 or more, not %s", dim_describe(e, size)));
  return NULL;
}

bool type_to_shape(elaborator *e, scope *s, const type_syntax *type, const char *owner, dtype *element, shape *result) {
  if (type->kind != TYPE_TENSOR || type->dimension_count > RANK_MAX) {
    elaborate_failed(
        e, elaborate_error(e, type->where, "'%s' must have a tensor type of at most %d dimensions", owner, RANK_MAX));
    return false;
  }
  if (!elaborate_needs_graph(e, type->where))
    return false;
  scope *inner = scope_create(e, s);
  inner->self = s->self;
  *element = dtype_of_type(type);
  *result = (shape){.rank = type->has_dimensions ? type->dimension_count : 0};
  for (int i = 0; i < result->rank; i++) {
    result->dims[i] = input_dimension(e, inner, &type->dimensions[i], owner);
    if (!result->dims[i])
      return false;
  }
  return true;
}

int signature_inputs(elaborator *e, const function_value *f, call_argument **arguments) {
  int count = 0;
  bool fine = true;
  *arguments = NULL;
  scope *s = scope_of_file(e, f->file);
  s->self = f->self;
  for (int i = 0; i < f->syntax->parameter_count; i++) {
    const parameter_syntax *p = &f->syntax->parameters[i];
    dtype element;
    shape sizes;
    if (p->type->kind != TYPE_TENSOR && p->default_value)
      continue;
    if (p->type->kind != TYPE_TENSOR) {
      diagnostic *d = elaborate_error(e, p->where, "'%s' needs a tensor type here", p->name);
      diagnostic_hint(d, "'%s' is compiled on its own, so its inputs' types have to be written", f->syntax->name);
      elaborate_failed(e, d);
      fine = false;
    } else if (type_to_shape(e, s, p->type, p->name, &element, &sizes)) {
      node *n = graph_input(e->graph, INPUT_DATA, p->name, element, sizes, p->where);
      call_argument a = {p->name, value_tensor(n), p->where};
      arena_append(e->arena, *arguments, count, a);
    } else {
      fine = false;
    }
  }
  return fine ? count : -1;
}
