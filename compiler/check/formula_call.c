/* Calls written out: a function's body in the place of its call, its lets as parts of the formula; and what the
 * reductions on the way are taken over. */
#include "compiler/check/formula_walk.h"
#include "compiler/check/tensor.h"

#include <string.h>

enum { SHORT_MAX = 32 }; /* characters of what is put in the place of a name; longer ones become a part */

/* ---- reductions ---- */

static bool is_reduced(elaborator *e, scope *s, const expression *call, int axis, int rank) {
  const expression *given = NULL;
  for (int i = 0; i < call->as.call.count; i++) {
    const argument *a = &call->as.call.arguments[i];
    if (a->name ? strcmp(a->name, "axis") == 0 : i == 1)
      given = a->value;
  }
  if (!given)
    return true;
  value v = elaborate_expression(e, s, given);
  int count = v.kind == VALUE_LIST ? v.as.list->count : 1;
  for (int i = 0; i < count; i++) {
    value item_value = v.kind == VALUE_LIST ? v.as.list->items[i] : v;
    if (item_value.kind == VALUE_INT && (item_value.as.integer == axis || item_value.as.integer + rank == axis))
      return true;
  }
  return false;
}

static const char *reduction_text(formula_walk *w, formula_frame *f, const expression *call, const char *name) {
  elaborator *e = w->e;
  value v = elaborate_expression(e, f->scope, call->as.call.arguments[0].value);
  if (v.kind != VALUE_TENSOR)
    return NULL;
  const node *n = v.as.tensor;
  ragged_axes ragged = ragged_of(e, n);
  text t = {0};
  text_add(&t, "%s over ", name);
  int count = 0;
  for (int i = 0; i < n->shape.rank; i++) {
    int64_t size;
    if (!is_reduced(e, f->scope, call, i, n->shape.rank))
      continue;
    const char *dim_name = dim_describe(e, n->shape.dims[i]);
    bool constant = dim_is_constant(n->shape.dims[i], &size);
    text_add(&t, "%s%s%s", count++ ? ", " : "", constant ? "axis of " : "", dim_name);
    if (ragged.rows[i] >= 0)
      formula_name_once(w, &w->formula->real_count, &w->formula->real, dim_name);
    else if (!constant && i > 0 && n->shape.dims[i] != n->shape.dims[0])
      formula_name_once(w, &w->formula->padded_count, &w->formula->padded, dim_name);
  }
  return count ? text_keep(e, &t) : (text_free(&t), NULL);
}

/* ---- names of a body ---- */

static bool is_short(const expression *x) {
  text t = {0};
  expression_print(x, &t);
  bool small = t.length <= SHORT_MAX;
  text_free(&t);
  return small;
}

static bool is_taken(const formula_walk *w, const char *name) {
  const formula *made = w->formula;
  if (scope_find(w->outer, name))
    return true;
  for (int i = 0; i < made->part_count; i++)
    if (strcmp(made->parts[i].name, name) == 0)
      return true;
  return false;
}

static bool is_same(const expression *a, const expression *b) {
  text s = {0}, t = {0};
  expression_print(a, &s);
  expression_print(b, &t);
  bool same = s.length == t.length && memcmp(s.data, t.data, s.length) == 0;
  text_free(&s);
  text_free(&t);
  return same;
}

/* What stands for a long value: a part of its own, under the name or one like it; an equal one is used again. */
static expression *as_part(formula_walk *w, const char *name, expression *written) {
  formula *made = w->formula;
  const char *own = name;
  for (int i = 0; i < made->part_count; i++)
    if (is_same(made->parts[i].value, written))
      own = made->parts[i].name;
  if (own == name) {
    for (int i = 2; is_taken(w, own); i++)
      own = arena_print(w->e->arena, "%s_%d", name, i);
    formula_part part = {own, written};
    arena_append(w->e->arena, made->parts, made->part_count, part);
  }
  expression *stands = arena_new(w->e->arena, expression);
  *stands = (expression){.kind = EXPRESSION_NAME, .where = written->where, .as.name = own};
  return stands;
}

static void know(formula_walk *w, formula_frame *f, const char *name, expression *written, const spine *met) {
  known_name *n = arena_new(w->e->arena, known_name);
  spine *kept = arena_new(w->e->arena, spine);
  if (met)
    *kept = *met;
  if (!is_short(written) && written->kind != EXPRESSION_LIST)
    written = as_part(w, name, written);
  *n = (known_name){.name = name, .value = written, .spine = met ? kept : NULL, .next = f->names};
  f->names = n;
}

/* ---- bodies ---- */

static expression *write_block(formula_walk *w, formula_frame *f, const block *b, spine *on);

static void write_let(formula_walk *w, formula_frame *f, const statement *what) {
  value v = elaborate_expression(w->e, f->scope, what->value);
  spine met = {.factor = 1};
  expression *literal = formula_literal(w, v, what->value->where);
  expression *written = literal ? literal : formula_write(w, f, what->value, &met);
  binding *known = what->kind == STATEMENT_LET ? NULL : scope_find(f->scope, what->name);
  if (known)
    known->value = v;
  else
    scope_bind(w->e, f->scope, what->name, v, what->name_where);
  know(w, f, what->name, written, &met);
}

static expression *write_for(formula_walk *w, formula_frame *f, const statement *what, spine *on) {
  value range = elaborate_expression(w->e, f->scope, what->value);
  expression *result = NULL;
  for (int i = 0; range.kind == VALUE_LIST && i < range.as.list->count && !result; i++) {
    expression *literal = formula_literal(w, range.as.list->items[i], what->where);
    scope *outer = f->scope;
    f->scope = scope_create(w->e, outer);
    scope_bind(w->e, f->scope, what->name, range.as.list->items[i], what->name_where);
    if (literal)
      know(w, f, what->name, literal, NULL);
    result = write_block(w, f, &what->body, on);
    f->scope = outer;
  }
  return result;
}

/* What the block returns; NULL when it runs to its end. */
static expression *write_block(formula_walk *w, formula_frame *f, const block *b, spine *on) {
  expression *result = NULL;
  for (int i = 0; i < b->count && !result; i++) {
    const statement *what = b->items[i];
    bool condition = false;
    switch (what->kind) {
    case STATEMENT_BIND:
    case STATEMENT_LET:
    case STATEMENT_TAP:
      write_let(w, f, what);
      break;
    case STATEMENT_RETURN:
      result = formula_write(w, f, what->value, on);
      break;
    case STATEMENT_IF:
      if (elaborate_condition(w->e, f->scope, what->value, &condition))
        result = write_block(w, f, condition ? &what->body : &what->otherwise, on);
      break;
    case STATEMENT_FOR:
      result = write_for(w, f, what, on);
      break;
    case STATEMENT_UPDATE:
    case STATEMENT_LOSS:
    case STATEMENT_EXPRESSION:
      break;
    }
  }
  return result;
}

/* ---- calls ---- */

static const argument *argument_of(const expression *call, int index, const char *name) {
  for (int i = 0; i < call->as.call.count; i++) {
    const argument *a = &call->as.call.arguments[i];
    if (a->name ? strcmp(a->name, name) == 0 : i == index)
      return a;
  }
  return NULL;
}

static void note_temperature(formula_walk *w, const char *parameter, const expression *written) {
  formula *made = w->formula;
  if (strcmp(parameter, "temperature") != 0)
    return;
  for (int i = 0; i < made->part_count; i++)
    if (written->kind == EXPRESSION_NAME && strcmp(made->parts[i].name, written->as.name) == 0)
      return; /* handed on */
  if (made->temperature_count && written->kind == EXPRESSION_INT && written->as.integer == 1)
    return; /* a part's own default, of what is scaled already */
  text t = {0};
  expression_print(written, &t);
  formula_name_once(w, &made->temperature_count, &made->temperatures, text_keep(w->e, &t));
}

static void write_arguments(formula_walk *w, formula_frame *f, const expression *x, const function_syntax *called,
                            formula_frame *inner) {
  for (int i = 0; i < called->parameter_count; i++) {
    const parameter_syntax *p = &called->parameters[i];
    const argument *given = argument_of(x, i, p->name);
    const binding *bound = scope_find(inner->scope, p->name);
    expression *written = bound ? formula_literal(w, bound->value, x->where) : NULL;
    spine met = {.factor = 1};
    if (!written && given)
      written = formula_write(w, f, given->value, &met);
    if (!written)
      continue;
    note_temperature(w, p->name, written);
    know(w, inner, p->name, written, &met);
  }
}

/* A library of layers keeps its functions' names; what stands beside objectives is written out. */
static bool is_written_out(const loaded_file *of) {
  const file_syntax *file = of->syntax;
  for (int i = 0; i < file->declaration_count; i++)
    if (file->declarations[i]->kind == DECLARE_OBJECTIVE)
      return true;
  return false;
}

static expression *write_function(formula_walk *w, formula_frame *f, const expression *x, const function_value *called,
                                  spine *on) {
  elaborator *e = w->e;
  call_argument *arguments = NULL;
  const function_syntax *syntax = called->syntax;
  formula_frame inner = {.scope = scope_of_file(e, called->file)};
  inner.scope->self = called->self;
  if (!evaluate_arguments(e, f->scope, x->as.call.count, x->as.call.arguments, &arguments) ||
      !bind_arguments(e, syntax->name, syntax->parameter_count, syntax->parameters, x->as.call.count, arguments,
                      x->where, inner.scope, NULL) ||
      !signature_bind(e, inner.scope, syntax, syntax->name))
    return NULL;
  write_arguments(w, f, x, syntax, &inner);
  return syntax->value ? formula_write(w, &inner, syntax->value, on) : write_block(w, &inner, &syntax->body, on);
}

/* A module learned with the student whose result is the loss itself. */
static expression *write_instance(formula_walk *w, formula_frame *f, const expression *x, instance *self, spine *on) {
  const function_syntax *forward = instance_function(self, "forward");
  function_value called = {.syntax = forward, .file = self->module->file, .self = self};
  if (!on || !forward || !is_written_out(self->module->file))
    return NULL;
  value result = elaborate_expression(w->e, f->scope, x);
  bool scalar = result.kind == VALUE_TENSOR && result.as.tensor->shape.rank == 0;
  return scalar ? write_function(w, f, x, &called, on) : NULL;
}

static bool is_compile_time(const char *function) {
  static const char *const names[] = {"len", "size", "int", "real", "rank"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], function) == 0)
      return true;
  return false;
}

expression *formula_write_call(formula_walk *w, formula_frame *f, const expression *x, spine *on) {
  expression_kind kind = x->as.call.callee->kind;
  if (kind != EXPRESSION_NAME && kind != EXPRESSION_INDEX)
    return NULL;
  value callee = elaborate_expression(w->e, f->scope, x->as.call.callee);
  if (callee.kind == VALUE_INSTANCE)
    return write_instance(w, f, x, callee.as.instance, on);
  if (callee.kind == VALUE_FUNCTION && !callee.as.function->self && is_written_out(callee.as.function->file))
    return write_function(w, f, x, callee.as.function, on);
  const char *name = callee.kind == VALUE_BUILTIN ? builtin_name(callee.as.builtin) : "";
  if (is_compile_time(name))
    return formula_literal(w, elaborate_expression(w->e, f->scope, x), x->where);
  if (on && x->as.call.count > 0 && (strcmp(name, "mean") == 0 || strcmp(name, "sum") == 0)) {
    const char *reduction = reduction_text(w, f, x, name);
    if (reduction)
      formula_name_once(w, &on->reduction_count, &on->reductions, reduction);
  }
  return NULL;
}
