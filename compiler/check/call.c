/* Calls: arguments to parameters, functions, instances. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

/* ---- arguments to parameters ---- */

typedef struct matching {
  elaborator *e;
  const char *callee;
  int parameter_count;
  const parameter_syntax *parameters;
  const call_argument **given; /* of each parameter, or NULL */
  span where;
} matching;

static const char *count_text(elaborator *e, const matching *m) {
  int required = 0;
  for (int i = 0; i < m->parameter_count; i++)
    required += !m->parameters[i].default_value;
  if (required == m->parameter_count)
    return arena_print(e->arena, "%d argument%s", required, required == 1 ? "" : "s");
  return arena_print(e->arena, "%d to %d arguments", required, m->parameter_count);
}

static int parameter_index(const matching *m, const char *name) {
  for (int i = 0; i < m->parameter_count; i++)
    if (strcmp(m->parameters[i].name, name) == 0)
      return i;
  return -1;
}

static void unknown_argument(const matching *m, const call_argument *a) {
  const char **names = arena_array(m->e->arena, const char *, m->parameter_count);
  for (int i = 0; i < m->parameter_count; i++)
    names[i] = m->parameters[i].name;
  diagnostic *d = elaborate_error(m->e, a->where, "'%s' has no parameter '%s'", m->callee, a->name);
  const char *nearest = nearest_name(a->name, names, m->parameter_count);
  if (nearest)
    diagnostic_hint(d, "did you mean '%s'?", nearest);
  elaborate_failed(m->e, d);
}

static bool match_argument(matching *m, int position, const call_argument *a) {
  int index = a->name ? parameter_index(m, a->name) : position;
  if (index < 0) {
    unknown_argument(m, a);
    return false;
  }
  if (index >= m->parameter_count) {
    diagnostic *d = elaborate_error(m->e, a->where, "'%s' takes %s: this is one more", m->callee, count_text(m->e, m));
    elaborate_failed(m->e, d);
    return false;
  }
  if (m->given[index]) {
    diagnostic *d =
        elaborate_error(m->e, a->where, "argument '%s' of '%s' is given twice", m->parameters[index].name, m->callee);
    diagnostic_label(d, m->given[index]->where, "first here");
    elaborate_failed(m->e, d);
    return false;
  }
  m->given[index] = a;
  return true;
}

static bool match_arguments(matching *m, int count, const call_argument *arguments, const bool *optional) {
  bool fine = true, named_before = false;
  for (int i = 0; i < count && fine; i++) {
    if (!arguments[i].name && named_before) {
      elaborate_failed(m->e, elaborate_error(m->e, arguments[i].where, "an argument by position behind one by name"));
      return false;
    }
    named_before = named_before || arguments[i].name;
    fine = match_argument(m, i, &arguments[i]);
  }
  for (int i = 0; i < m->parameter_count && fine; i++) {
    if (m->given[i] || m->parameters[i].default_value || (optional && optional[i]))
      continue;
    diagnostic *d = elaborate_error(m->e, m->where, "'%s' lacks its argument '%s'", m->callee, m->parameters[i].name);
    diagnostic_note(d, m->parameters[i].where, "'%s' is declared here", m->parameters[i].name);
    elaborate_failed(m->e, d);
    fine = false;
  }
  return fine;
}

/* ---- kinds of compile-time parameters ---- */

const char *type_kind_name(const type_syntax *t) {
  switch (t->kind) {
  case TYPE_ANY:
    return "anything";
  case TYPE_INT:
    return "an int";
  case TYPE_REAL:
    return "a real";
  case TYPE_BOOL:
    return "a bool";
  case TYPE_STRING:
    return "a string";
  case TYPE_LIST:
    return "a list";
  case TYPE_FUNCTION:
    return "a function";
  case TYPE_MODULE:
    return "an instance of a module";
  case TYPE_TENSOR:
    return "a tensor";
  }
  return "?";
}

static bool is_instance_of(value v, const char *module) {
  return v.kind == VALUE_INSTANCE && (!module || strcmp(v.as.instance->module->declaration->name, module) == 0);
}

/* The value as a parameter of that type holds it; false when it is of another kind. */
bool value_coerce(const type_syntax *t, value *v) {
  switch (t->kind) {
  case TYPE_INT:
    return v->kind == VALUE_INT || v->kind == VALUE_SIZE;
  case TYPE_REAL:
    if (v->kind == VALUE_INT)
      *v = value_real((double)v->as.integer);
    return v->kind == VALUE_REAL;
  case TYPE_BOOL:
    return v->kind == VALUE_BOOL;
  case TYPE_STRING:
    return v->kind == VALUE_STRING;
  case TYPE_LIST:
    return v->kind == VALUE_LIST;
  case TYPE_FUNCTION:
    return v->kind == VALUE_FUNCTION || v->kind == VALUE_BUILTIN || v->kind == VALUE_INSTANCE;
  case TYPE_MODULE:
    return is_instance_of(*v, t->name);
  case TYPE_ANY:
  case TYPE_TENSOR:
    return true;
  }
  return false;
}

static void wrong_argument(const matching *m, int i, value v, span where) {
  const parameter_syntax *p = &m->parameters[i];
  const char *wanted = p->type->kind == TYPE_MODULE && p->type->name
                           ? arena_print(m->e->arena, "an instance of %s", p->type->name)
                           : type_kind_name(p->type);
  diagnostic *d = elaborate_error(m->e, where, "argument '%s' of '%s' must be %s, not %s", p->name, m->callee, wanted,
                                  value_describe(m->e, v));
  diagnostic_note(d, p->where, "'%s' is declared here", p->name);
  elaborate_failed(m->e, d);
}

bool bind_arguments(elaborator *e, const char *callee, int parameter_count, const parameter_syntax *parameters,
                    int count, const call_argument *arguments, span where, scope *into, const bool *optional) {
  matching m = {e, callee, parameter_count, parameters, NULL, where};
  m.given = arena_array(e->arena, const call_argument *, parameter_count);
  if (!match_arguments(&m, count, arguments, optional))
    return false;
  bool fine = true;
  for (int i = 0; i < parameter_count; i++) {
    const parameter_syntax *p = &parameters[i];
    if (!m.given[i] && !p->default_value)
      continue;
    span place = m.given[i] ? m.given[i]->where : p->where;
    value v = m.given[i] ? m.given[i]->value : elaborate_expression(e, into, p->default_value);
    if (v.kind != VALUE_ERROR && !value_coerce(p->type, &v)) {
      wrong_argument(&m, i, v, place);
      v = value_error();
    }
    fine = fine && v.kind != VALUE_ERROR;
    scope_bind(e, into, p->name, v, place);
  }
  return fine;
}

/* ---- functions ---- */

static const char *shown_name(elaborator *e, const function_value *f) {
  if (!f->self)
    return f->syntax->name;
  const char *module = f->self->module->declaration->name;
  return strcmp(f->syntax->name, "forward") == 0 ? module : arena_print(e->arena, "%s.%s", module, f->syntax->name);
}

/* A body that is there for its updates returns nothing. */
static bool ends_in_update(const block *b) {
  const statement *last = b->count > 0 ? b->items[b->count - 1] : NULL;
  if (last && (last->kind == STATEMENT_FOR || last->kind == STATEMENT_IF))
    return ends_in_update(&last->body) || ends_in_update(&last->otherwise);
  return last && last->kind == STATEMENT_UPDATE;
}

static bool ends_in_call(const block *b) {
  return b->count > 0 && b->items[b->count - 1]->kind == STATEMENT_EXPRESSION;
}

static value run_body(elaborator *e, scope *s, const function_syntax *f) {
  if (f->value)
    return elaborate_expression(e, s, f->value);
  value result = value_none();
  if (elaborate_block(e, s, &f->body, &result) || ends_in_update(&f->body))
    return result;
  if (result.kind == VALUE_NONE && ends_in_call(&f->body)) /* of a function that updates */
    return result;
  if (e->unwinding || e->step_count > STEP_COUNT_MAX)
    return value_error();
  diagnostic *d = elaborate_error(e, f->name_where, "function '%s' can end without a return", f->name);
  return elaborate_failed(e, d);
}

/* ---- the trace ---- */

/* A new entry of the graph's calls; -1 while there is no graph. Which nodes it made and what came of it is told by
 * trace_end. */
static int trace_begin(elaborator *e, const function_value *f, const char *name, int count,
                       const call_argument *arguments, span where) {
  if (!e->graph)
    return -1;
  traced_call call = {.callee = name, .where = where, .begin = e->graph->node_count};
  bool model = f->self && !*f->self->path && strcmp(f->syntax->name, "forward") == 0;
  call.model = model ? f->self->root->prefix : NULL;
  traced_argument *traced = NULL;
  for (int i = 0; i < count; i++) {
    const call_argument *a = &arguments[i];
    if (a->value.kind != VALUE_TENSOR || (!a->name && i >= f->syntax->parameter_count))
      continue;
    const char *parameter = a->name ? a->name : f->syntax->parameters[i].name;
    arena_append(e->arena, traced, call.argument_count, ((traced_argument){parameter, a->value.as.tensor, a->where}));
  }
  call.arguments = traced;
  arena_append(e->arena, e->calls, e->call_count, call);
  return e->call_count - 1;
}

static void trace_end(elaborator *e, int index, value result) {
  if (index < 0)
    return;
  e->calls[index].end = e->graph->node_count;
  e->calls[index].result = result.kind == VALUE_TENSOR ? result.as.tensor : NULL;
}

static value run_function(elaborator *e, const function_value *f, const char *name, int count,
                          const call_argument *arguments, span where) {
  scope *s = scope_of_file(e, f->file);
  s->self = f->self;
  if (!bind_arguments(e, name, f->syntax->parameter_count, f->syntax->parameters, count, arguments, where, s, NULL))
    return value_error();
  signature *g = signature_bind(e, s, f->syntax, name);
  if (!g)
    return value_error();
  call_frame frame = {e->frame, name, where, f->self ? f->self : e->frame ? e->frame->self : NULL};
  e->frame = &frame;
  int traced = trace_begin(e, f, name, count, arguments, where);
  value result = run_body(e, s, f->syntax);
  result = signature_result(g, result, f->syntax->value ? f->syntax->value->where : f->syntax->name_where);
  trace_end(e, traced, result);
  e->frame = frame.caller;
  return result;
}

static value too_deep(elaborator *e, const char *name, span where) {
  diagnostic *d =
      elaborate_error(e, where, "recursion without end: '%s' is called inside of %d other calls", name, CALL_DEPTH_MAX);
  diagnostic_hint(d, "calls are unrolled at compile time: an `if` on compile-time values has to end them");
  e->unwinding = true;
  return elaborate_failed(e, d);
}

static value call_function(elaborator *e, const function_value *f, int count, const call_argument *arguments,
                           span where) {
  if (!elaborate_step(e, where))
    return value_error();
  const char *name = shown_name(e, f);
  if (e->depth >= CALL_DEPTH_MAX)
    return too_deep(e, name, where);
  e->depth++;
  value result = run_function(e, f, name, count, arguments, where);
  if (--e->depth == 0)
    e->unwinding = false;
  return result;
}

/* ---- instances ---- */

const function_syntax *instance_function(const instance *self, const char *name) {
  const binding *b = scope_find(self->members, name);
  return b && b->value.kind == VALUE_FUNCTION && b->value.as.function->self == self ? b->value.as.function->syntax
                                                                                    : NULL;
}

value elaborate_method(elaborator *e, instance *self, const char *function, int count, const call_argument *arguments,
                       span where) {
  const binding *b = scope_find(self->members, function);
  if (!instance_function(self, function)) {
    diagnostic *d =
        elaborate_error(e, where, "module '%s' has no function '%s'", self->module->declaration->name, function);
    diagnostic_note(d, self->module->declaration->name_where, "it is declared here");
    return elaborate_failed(e, d);
  }
  instance_refresh(e, self);
  value result = call_function(e, b->value.as.function, count, arguments, where);
  if (strcmp(function, "forward") == 0)
    self->result = result;
  return result;
}

static value call_module(elaborator *e, const module_value *m, span where) {
  const declaration *d = m->declaration;
  diagnostic *error =
      elaborate_error(e, where, "%s '%s' cannot be called here", declaration_kind_name(d->kind), d->name);
  if (d->kind == DECLARE_MODULE)
    diagnostic_hint(error,
                    "an instance needs a name, for its parameters: `name = %s(...)` as a member of a module or an "
                    "objective",
                    d->name);
  return elaborate_failed(e, error);
}

value elaborate_call(elaborator *e, value callee, int count, const call_argument *arguments, span where) {
  for (int i = 0; i < count; i++)
    if (arguments[i].value.kind == VALUE_ERROR)
      return value_error();
  switch ((int)callee.kind) {
  case VALUE_ERROR:
    return callee;
  case VALUE_FUNCTION:
    if (callee.as.function->self)
      return elaborate_method(e, callee.as.function->self, callee.as.function->syntax->name, count, arguments, where);
    return call_function(e, callee.as.function, count, arguments, where);
  case VALUE_BUILTIN:
    return builtin_apply(e, callee.as.builtin, count, arguments, where);
  case VALUE_INSTANCE:
    return elaborate_method(e, callee.as.instance, "forward", count, arguments, where);
  case VALUE_MODULE:
    return call_module(e, callee.as.module, where);
  default:
    return elaborate_failed(e, elaborate_error(e, where, "%s cannot be called", value_describe(e, callee)));
  }
}
