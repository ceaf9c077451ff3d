/* Expressions, by kind. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

/* ---- lists ---- */

static value evaluate_list(elaborator *e, scope *s, const expression *x) {
  int count = x->as.list.count;
  value *items = arena_array(e->arena, value, count);
  bool fine = true;
  for (int i = 0; i < count; i++) {
    items[i] = elaborate_expression(e, s, x->as.list.items[i]);
    fine = fine && items[i].kind != VALUE_ERROR;
  }
  return fine ? value_list_of(e, count, items) : value_error();
}

static value evaluate_range(elaborator *e, scope *s, const expression *x) {
  int64_t from = 0, to = 0;
  bool known = elaborate_int(e, s, x->as.range.from, "the start of a range", &from);
  if (!elaborate_int(e, s, x->as.range.to, "the end of a range", &to) || !known)
    return value_error();
  return range_value(e, from, to, x->where);
}

value range_value(elaborator *e, int64_t from, int64_t to, span where) {
  if (to < from)
    to = from;
  if ((uint64_t)to - (uint64_t)from > LIST_LENGTH_MAX)
    return elaborate_failed(e, elaborate_error(e, where, "a range of more than %d elements", LIST_LENGTH_MAX));
  int count = (int)(to - from);
  value *items = arena_array(e->arena, value, count);
  for (int i = 0; i < count; i++)
    items[i] = value_int(from + i);
  return value_list_of(e, count, items);
}

static value evaluate_each(elaborator *e, scope *s, const expression *x) {
  value range = elaborate_expression(e, s, x->as.each.range);
  if (range.kind != VALUE_LIST) {
    if (range.kind == VALUE_ERROR)
      return range;
    return elaborate_failed(e,
                            elaborate_error(e, x->as.each.range->where, "`for` goes through a range or a list, not %s",
                                            value_describe(e, range)));
  }
  int count = range.as.list->count;
  value *items = arena_array(e->arena, value, count);
  bool fine = true;
  for (int i = 0; i < count; i++) {
    if (!elaborate_step(e, x->where))
      return value_error();
    scope *inner = scope_create(e, s);
    scope_bind(e, inner, x->as.each.name, range.as.list->items[i], x->where);
    items[i] = elaborate_expression(e, inner, x->as.each.body);
    fine = fine && items[i].kind != VALUE_ERROR;
  }
  return fine ? value_list_of(e, count, items) : value_error();
}

/* ---- operators ---- */

static bool decides_alone(binary_operator o, value left) {
  return left.kind == VALUE_BOOL && ((o == BINARY_AND && !left.as.boolean) || (o == BINARY_OR && left.as.boolean));
}

static value evaluate_binary(elaborator *e, scope *s, const expression *x) {
  const expression *l = x->as.binary.left, *r = x->as.binary.right;
  operand left = {elaborate_expression(e, s, l), l->where};
  if (decides_alone(x->as.binary.operator, left.value))
    return left.value;
  operand right = {elaborate_expression(e, s, r), r->where};
  return apply_binary(e, s, x->as.binary.operator, left, right, x, x->where);
}

static value evaluate_conditional(elaborator *e, scope *s, const expression *x) {
  bool condition = false;
  if (!elaborate_condition(e, s, x->as.conditional.condition, &condition))
    return value_error();
  return elaborate_expression(e, s, condition ? x->as.conditional.then : x->as.conditional.otherwise);
}

/* ---- calls ---- */

static void add_value_text(elaborator *e, text *t, value v) {
  switch (v.kind) {
  case VALUE_INT:
    text_add(t, "%lld", (long long)v.as.integer);
    return;
  case VALUE_REAL:
    text_add(t, "%.9g", v.as.real);
    return;
  case VALUE_BOOL:
    text_add(t, "%s", v.as.boolean ? "true" : "false");
    return;
  case VALUE_STRING:
    text_add(t, "%s", v.as.string);
    return;
  case VALUE_SIZE:
    text_add(t, "%s", dim_describe(e, v.as.size));
    return;
  case VALUE_ERROR:
  case VALUE_NONE:
  case VALUE_TENSOR:
  case VALUE_LIST:
  case VALUE_FUNCTION:
  case VALUE_BUILTIN:
  case VALUE_MODULE:
  case VALUE_INSTANCE:
  case VALUE_PARAMETER:
  case VALUE_FAMILY:
    text_add(t, "%s", value_describe(e, v));
    return;
  }
}

/* `{name}` replaced by the name's value: in the text of error(). */
static value interpolate(elaborator *e, scope *s, const char *format, span where) {
  text t = {0};
  for (const char *c = format; *c;) {
    const char *end = *c == '{' ? strchr(c, '}') : NULL;
    if (!end) {
      text_add_bytes(&t, c++, 1);
      continue;
    }
    add_value_text(e, &t, scope_read(e, s, arena_copy(e->arena, c + 1, (size_t)(end - c - 1)), where));
    c = end + 1;
  }
  return value_string(text_keep(e, &t));
}

static bool is_error_function(value callee) {
  return callee.kind == VALUE_BUILTIN && strcmp(builtin_name(callee.as.builtin), "error") == 0;
}

bool evaluate_arguments(elaborator *e, scope *s, int count, const argument *arguments, call_argument **result) {
  bool fine = true;
  call_argument *a = arena_array(e->arena, call_argument, count);
  for (int i = 0; i < count; i++) {
    a[i] =
        (call_argument){arguments[i].name, elaborate_expression(e, s, arguments[i].value), arguments[i].value->where};
    fine = fine && a[i].value.kind != VALUE_ERROR;
  }
  *result = a;
  return fine;
}

static value evaluate_call(elaborator *e, scope *s, const expression *x) {
  value callee = elaborate_expression(e, s, x->as.call.callee);
  call_argument *arguments = NULL;
  bool fine = evaluate_arguments(e, s, x->as.call.count, x->as.call.arguments, &arguments);
  if (callee.kind == VALUE_ERROR || !fine)
    return value_error();
  for (int i = 0; is_error_function(callee) && i < x->as.call.count; i++)
    if (arguments[i].value.kind == VALUE_STRING)
      arguments[i].value = interpolate(e, s, arguments[i].value.as.string, arguments[i].where);
  e->around = s;
  return elaborate_call(e, callee, x->as.call.count, arguments, x->where);
}

value elaborate_expression(elaborator *e, scope *s, const expression *x) {
  switch (x->kind) {
  case EXPRESSION_INT:
    return value_int(x->as.integer);
  case EXPRESSION_REAL:
    return value_real(x->as.real);
  case EXPRESSION_BOOL:
    return value_bool(x->as.boolean);
  case EXPRESSION_STRING:
    return value_string(x->as.string);
  case EXPRESSION_NAME:
    return scope_read(e, s, x->as.name, x->where);
  case EXPRESSION_FIELD:
    return elaborate_field(e, elaborate_expression(e, s, x->as.field.object), x->as.field.name, x->as.field.name_where);
  case EXPRESSION_CALL:
    return evaluate_call(e, s, x);
  case EXPRESSION_INDEX:
    return evaluate_index(e, s, x);
  case EXPRESSION_UNARY: {
    const expression *inner = x->as.unary.operand;
    return apply_unary(e, x->as.unary.operator,(operand){elaborate_expression(e, s, inner), inner->where}, x->where);
  }
  case EXPRESSION_BINARY:
    return evaluate_binary(e, s, x);
  case EXPRESSION_CONDITIONAL:
    return evaluate_conditional(e, s, x);
  case EXPRESSION_LIST:
    return evaluate_list(e, s, x);
  case EXPRESSION_EACH:
    return evaluate_each(e, s, x);
  case EXPRESSION_RANGE:
    return evaluate_range(e, s, x);
  }
  return value_error();
}
