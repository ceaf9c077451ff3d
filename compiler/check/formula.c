#include "compiler/check/formula_walk.h"
#include "compiler/check/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 60, LIST_MAX = 64 };

static expression *make(formula_walk *w, expression like) {
  expression *made = arena_new(w->e->arena, expression);
  *made = like;
  return made;
}

/* Whole ones as such, others with the digits that are meant: 0.3, not 0.30000000000000004. */
static expression *make_number(formula_walk *w, double n, span where) {
  if (n == floor(n) && fabs(n) < 1e15)
    return make(w, (expression){.kind = EXPRESSION_INT, .where = where, .as.integer = (int64_t)n});
  n = strtod(arena_print(w->e->arena, "%.12g", n), NULL);
  return make(w, (expression){.kind = EXPRESSION_REAL, .where = where, .as.real = n});
}

expression *formula_literal(formula_walk *w, value v, span where) {
  switch (v.kind) {
  case VALUE_INT:
    return make(w, (expression){.kind = EXPRESSION_INT, .where = where, .as.integer = v.as.integer});
  case VALUE_REAL:
    return make_number(w, v.as.real, where);
  case VALUE_BOOL:
    return make(w, (expression){.kind = EXPRESSION_BOOL, .where = where, .as.boolean = v.as.boolean});
  case VALUE_STRING:
    return make(w, (expression){.kind = EXPRESSION_STRING, .where = where, .as.string = v.as.string});
  case VALUE_ERROR:
  case VALUE_NONE:
  case VALUE_SIZE:
  case VALUE_TENSOR:
  case VALUE_LIST:
  case VALUE_FUNCTION:
  case VALUE_BUILTIN:
  case VALUE_MODULE:
  case VALUE_INSTANCE:
  case VALUE_PARAMETER:
  case VALUE_FAMILY:
    break;
  }
  return NULL;
}

void formula_name_once(formula_walk *w, int *count, const char ***list, const char *name) {
  for (int i = 0; i < *count; i++)
    if (strcmp((*list)[i], name) == 0)
      return;
  arena_append(w->e->arena, *list, *count, name);
}

void formula_spine_add(formula_walk *w, spine *to, const spine *from) {
  to->factor *= from->factor;
  for (int i = 0; i < from->reduction_count; i++)
    formula_name_once(w, &to->reduction_count, &to->reductions, from->reductions[i]);
}

/* ---- names ---- */

static const expression *let_value(const member_list *members, const char *name) {
  const expression *found = NULL;
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    const expression *inner = NULL;
    if (m->kind == MEMBER_LET && strcmp(m->name, name) == 0)
      found = m->value;
    if (m->kind == MEMBER_IF || m->kind == MEMBER_FOR)
      inner = let_value(&m->body, name);
    if (m->kind == MEMBER_IF && !inner)
      inner = let_value(&m->otherwise, name);
    found = inner ? inner : found;
  }
  return found;
}

static expression *write_name(formula_walk *w, formula_frame *f, const expression *x, spine *on) {
  for (known_name *n = f->names; n; n = n->next)
    if (strcmp(n->name, x->as.name) == 0) {
      if (on && n->spine)
        formula_spine_add(w, on, n->spine);
      return n->value;
    }
  const binding *b = scope_find(f->scope, x->as.name);
  for (scope *s = f->scope; s && !b; s = s->parent)
    b = s->self ? scope_find(s->self->members, x->as.name) : NULL;
  expression *literal = b ? formula_literal(w, b->value, x->where) : NULL;
  if (literal)
    return literal;
  const expression *let = b && f->members ? let_value(f->members, x->as.name) : NULL;
  return let ? formula_write(w, f, let, on) : make(w, *x);
}

/* ---- arithmetic ---- */

static bool number_of(const expression *x, double *number) {
  *number = x->kind == EXPRESSION_INT ? (double)x->as.integer : x->kind == EXPRESSION_REAL ? x->as.real : 0;
  return x->kind == EXPRESSION_INT || x->kind == EXPRESSION_REAL;
}

static bool is_number(const expression *x, double wanted) {
  double number;
  return number_of(x, &number) && number == wanted;
}

static bool fold(binary_operator o, double a, double b, double *result) {
  switch ((int)o) {
  case BINARY_ADD:
    *result = a + b;
    return true;
  case BINARY_SUBTRACT:
    *result = a - b;
    return true;
  case BINARY_MULTIPLY:
    *result = a * b;
    return true;
  case BINARY_DIVIDE:
    *result = a / b;
    return true;
  case BINARY_FLOOR_DIVIDE:
    *result = floor(a / b);
    return true;
  case BINARY_POWER:
    *result = pow(a, b);
    return true;
  default:
    return false;
  }
}

static expression *write_binary(formula_walk *w, formula_frame *f, const expression *x, spine *on) {
  binary_operator o = x->as.binary.operator;
  bool arithmetic = o == BINARY_ADD || o == BINARY_SUBTRACT || o == BINARY_MULTIPLY || o == BINARY_DIVIDE;
  spine *through = arithmetic ? on : NULL;
  bool sum = o == BINARY_ADD || o == BINARY_SUBTRACT;
  spine apart = {.factor = 1}; /* a factor of one addend is none of the whole */
  expression *left = formula_write(w, f, x->as.binary.left, through && sum ? &apart : through);
  expression *right = formula_write(w, f, x->as.binary.right,
                                    through && sum         ? &apart
                                    : o == BINARY_MULTIPLY ? on
                                                           : NULL);
  if (through && sum) {
    apart.factor = 1;
    formula_spine_add(w, on, &apart);
  }
  double a, b, result;
  bool known_a = number_of(left, &a), known_b = number_of(right, &b);
  if (known_a && known_b && fold(o, a, b, &result))
    return make_number(w, result, x->where);
  if (o == BINARY_MULTIPLY && (known_a || known_b) && on)
    on->factor *= known_a ? a : b;
  if (o == BINARY_DIVIDE && known_b && on)
    on->factor /= b;
  if (o == BINARY_MULTIPLY && is_number(left, 1))
    return right;
  if ((o == BINARY_MULTIPLY || o == BINARY_DIVIDE) && is_number(right, 1))
    return left;
  if (o == BINARY_ADD && is_number(left, 0))
    return right;
  if (sum && is_number(right, 0))
    return left;
  return make(w, (expression){.kind = EXPRESSION_BINARY, .where = x->where, .as.binary = {o, left, right}});
}

/* ---- lists and indices ---- */

static expression *write_each(formula_walk *w, formula_frame *f, const expression *x) {
  value range = elaborate_expression(w->e, f->scope, x->as.each.range);
  if (range.kind != VALUE_LIST || range.as.list->count > LIST_MAX)
    return make(w, *x);
  int count = range.as.list->count;
  expression **items = arena_array(w->e->arena, expression *, count);
  for (int i = 0; i < count; i++) {
    formula_frame inner = *f;
    inner.scope = scope_create(w->e, f->scope);
    scope_bind(w->e, inner.scope, x->as.each.name, range.as.list->items[i], x->where);
    expression *literal = formula_literal(w, range.as.list->items[i], x->where);
    known_name *element = arena_new(w->e->arena, known_name);
    if (!literal) { /* the i-th of the list */
      index_item *at = arena_new(w->e->arena, index_item);
      *at = (index_item){.kind = INDEX_AT, .at = formula_literal(w, value_int(i), x->where)};
      literal = make(w, (expression){.kind = EXPRESSION_INDEX,
                                     .where = x->where,
                                     .as.index = {formula_write(w, f, x->as.each.range, NULL), 1, at}});
    }
    *element = (known_name){.name = x->as.each.name, .value = literal, .next = f->names};
    inner.names = element;
    items[i] = formula_write(w, &inner, x->as.each.body, NULL);
  }
  return make(w, (expression){.kind = EXPRESSION_LIST, .where = x->where, .as.list = {count, items}});
}

static expression *write_part(formula_walk *w, formula_frame *f, expression *x) {
  return x ? formula_write(w, f, x, NULL) : NULL;
}

/* An element of a list of numbers by a known index; NULL: something else. */
static expression *known_element(formula_walk *w, formula_frame *f, const expression *x) {
  const expression *object = x->as.index.object;
  if (object->kind != EXPRESSION_NAME || x->as.index.count != 1 || x->as.index.items[0].kind != INDEX_AT)
    return NULL;
  const binding *b = scope_find(f->scope, object->as.name);
  if (!b || b->value.kind != VALUE_LIST || b->value.as.list->count == 0 ||
      !formula_literal(w, b->value.as.list->items[0], x->where))
    return NULL;
  return formula_literal(w, elaborate_expression(w->e, f->scope, x), x->where);
}

static expression *write_index(formula_walk *w, formula_frame *f, const expression *x) {
  expression *known = known_element(w, f, x);
  if (known)
    return known;
  expression *made = make(w, *x);
  made->as.index.object = formula_write(w, f, x->as.index.object, NULL);
  made->as.index.items = arena_array(w->e->arena, index_item, x->as.index.count);
  for (int i = 0; i < x->as.index.count; i++) {
    index_item *to = &made->as.index.items[i];
    *to = x->as.index.items[i];
    to->at = write_part(w, f, to->at);
    to->start = write_part(w, f, to->start);
    to->stop = write_part(w, f, to->stop);
    to->step = write_part(w, f, to->step);
  }
  const index_item *only = &made->as.index.items[0];
  const expression *object = made->as.index.object;
  bool picked = made->as.index.count == 1 && only->kind == INDEX_AT && only->at->kind == EXPRESSION_INT;
  if (!picked)
    return made;
  int64_t at = only->at->as.integer;
  bool there = object->kind == EXPRESSION_LIST && at >= 0 && at < object->as.list.count;
  return there ? object->as.list.items[at] : made;
}

static expression *write_list(formula_walk *w, formula_frame *f, const expression *x) {
  expression *made = make(w, *x);
  made->as.list.items = arena_array(w->e->arena, expression *, x->as.list.count);
  for (int i = 0; i < x->as.list.count; i++)
    made->as.list.items[i] = formula_write(w, f, x->as.list.items[i], NULL);
  return made;
}

/* ---- the rest ---- */

static expression *write_field(formula_walk *w, formula_frame *f, const expression *x) {
  if (strcmp(x->as.field.name, "T") != 0) { /* a compile-time argument of a model, as its number */
    expression *literal = formula_literal(w, elaborate_expression(w->e, f->scope, x), x->where);
    if (literal)
      return literal;
  }
  expression *made = make(w, *x);
  made->as.field.object = formula_write(w, f, x->as.field.object, NULL);
  return made;
}

static expression *write_conditional(formula_walk *w, formula_frame *f, const expression *x, spine *on) {
  bool condition = false;
  if (!elaborate_condition(w->e, f->scope, x->as.conditional.condition, &condition))
    return make(w, *x);
  return formula_write(w, f, condition ? x->as.conditional.then : x->as.conditional.otherwise, on);
}

static expression *write_call(formula_walk *w, formula_frame *f, const expression *x, spine *on) {
  expression *written = formula_write_call(w, f, x, on);
  if (written)
    return written;
  expression *made = make(w, *x);
  if (x->as.call.callee->kind != EXPRESSION_NAME)
    made->as.call.callee = formula_write(w, f, x->as.call.callee, NULL);
  made->as.call.arguments = arena_array(w->e->arena, argument, x->as.call.count);
  bool scalar = x->as.call.callee->kind == EXPRESSION_NAME && on; /* a mean or a sum was noted: go on inside it */
  const char *name = scalar ? x->as.call.callee->as.name : "";
  bool reduces = strcmp(name, "mean") == 0 || strcmp(name, "sum") == 0;
  for (int i = 0; i < x->as.call.count; i++) {
    made->as.call.arguments[i] = x->as.call.arguments[i];
    made->as.call.arguments[i].value =
        formula_write(w, f, x->as.call.arguments[i].value, reduces && i == 0 ? on : NULL);
  }
  return made;
}

expression *formula_write(formula_walk *w, formula_frame *f, const expression *x, spine *on) {
  expression *result = NULL;
  if (w->depth >= DEPTH_MAX)
    return make(w, *x);
  w->depth++;
  switch (x->kind) {
  case EXPRESSION_INT:
  case EXPRESSION_BOOL:
  case EXPRESSION_STRING:
    result = make(w, *x);
    break;
  case EXPRESSION_REAL:
    result = make_number(w, x->as.real, x->where);
    break;
  case EXPRESSION_NAME:
    result = write_name(w, f, x, on);
    break;
  case EXPRESSION_FIELD:
    result = write_field(w, f, x);
    break;
  case EXPRESSION_CALL:
    result = write_call(w, f, x, on);
    break;
  case EXPRESSION_INDEX:
    result = write_index(w, f, x);
    break;
  case EXPRESSION_UNARY:
    result = make(w, *x);
    result->as.unary.operand = formula_write(w, f, x->as.unary.operand, on);
    break;
  case EXPRESSION_BINARY:
    result = write_binary(w, f, x, on);
    break;
  case EXPRESSION_CONDITIONAL:
    result = write_conditional(w, f, x, on);
    break;
  case EXPRESSION_LIST:
    result = write_list(w, f, x);
    break;
  case EXPRESSION_EACH:
    result = write_each(w, f, x);
    break;
  case EXPRESSION_RANGE:
    result = make(w, *x);
    break;
  }
  w->depth--;
  return result;
}

formula formula_of(elaborator *e, scope *s, const member_list *members, const expression *x) {
  formula made = {.factor = 1};
  formula_walk w = {.e = e, .formula = &made, .outer = s};
  formula_frame f = {.scope = s, .members = members};
  spine on = {.factor = 1};
  made.value = formula_write(&w, &f, x, &on);
  made.reduction_count = on.reduction_count;
  made.reductions = on.reductions;
  made.factor = on.factor;
  return made;
}
