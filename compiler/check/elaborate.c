/* The elaborator itself: graphs, errors, statements and blocks. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <stdarg.h>
#include <string.h>

enum { FRAMES_SHOWN = 4 };

elaborator *elaborator_create(arena *a, const loaded_file *file, diagnostics *d) {
  elaborator *e = arena_new(a, elaborator);
  e->arena = a;
  e->file = file;
  e->diagnostics = d;
  e->muted = diagnostics_create(a);
  return e;
}

graph *elaborator_begin(elaborator *e, const char *name) {
  e->graph = graph_create(e->arena, dim_table_create(e->arena), name);
  e->generation++;
  e->step_count = 0;
  e->random_count = 0;
  e->call_count = e->padded_count = 0;
  e->calls = NULL; /* a view may hold the last graph's */
  e->padded = NULL;
  ragged_begin(e);
  return e->graph;
}

void elaborator_attach(elaborator *e, graph *g) {
  if (e->graph != g && !e->ragged)
    ragged_begin(e);
  e->graph = g;
}

/* ---- errors ---- */

static bool same_span(span a, span b) {
  return a.file == b.file && a.line == b.line && a.column == b.column && a.end_line == b.end_line &&
         a.end_column == b.end_column;
}

/* True the first time. */
static bool note_place(elaborator *e, span where) {
  for (int i = 0; i < e->reported_count; i++)
    if (same_span(e->reported[i], where))
      return false;
  arena_append(e->arena, e->reported, e->reported_count, where);
  return true;
}

diagnostic *elaborate_error(elaborator *e, span where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char message[2048];
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return diagnostic_error(note_place(e, where) ? e->diagnostics : e->muted, where, "%s", message);
}

/* The innermost calls say what was being computed, the outermost one which line of the user's began it. */
value elaborate_failed(elaborator *e, diagnostic *error) {
  int count = 0, index = 0;
  for (const call_frame *f = e->frame; f; f = f->caller)
    count++;
  for (const call_frame *f = e->frame; f; f = f->caller, index++) {
    if (index < FRAMES_SHOWN - 1 || index == count - 1)
      diagnostic_note(error, f->where, "in this call of '%s'", f->name);
    else if (index == FRAMES_SHOWN - 1)
      diagnostic_note(error, (span){0}, "… and %d more, within", count - FRAMES_SHOWN);
  }
  return value_error();
}

bool elaborate_step(elaborator *e, span where) {
  if (e->unwinding)
    return false;
  if (e->step_count < STEP_COUNT_MAX) {
    e->step_count++;
    return true;
  }
  if (e->step_count++ == STEP_COUNT_MAX) {
    diagnostic *d =
        elaborate_error(e, where, "the program runs more than %d statements at compile time", STEP_COUNT_MAX);
    diagnostic_hint(d, "loops and calls are unrolled into the graph: is there one without end?");
    elaborate_failed(e, d);
  }
  return false;
}

bool elaborate_needs_graph(elaborator *e, span where) {
  if (e->graph)
    return true;
  diagnostic *d = elaborate_error(e, where, "tensors cannot be computed here: this is a compile-time value");
  elaborate_failed(e, d);
  return false;
}

/* ---- compile-time values of a wanted kind ---- */

static bool wrong_kind(elaborator *e, span where, const char *what, const char *wanted, value v) {
  if (v.kind == VALUE_ERROR)
    return false;
  diagnostic *d = elaborate_error(e, where, "%s must be %s, not %s", what, wanted, value_describe(e, v));
  if (v.kind == VALUE_TENSOR || v.kind == VALUE_SIZE)
    diagnostic_hint(d,
                    "this is known only when the program runs; `if`, `for` and sizes of parameters are decided before");
  elaborate_failed(e, d);
  return false;
}

bool elaborate_int(elaborator *e, scope *s, const expression *x, const char *what, int64_t *result) {
  value v = elaborate_expression(e, s, x);
  if (v.kind != VALUE_INT)
    return wrong_kind(e, x->where, what, "a compile-time int", v);
  *result = v.as.integer;
  return true;
}

bool elaborate_real(elaborator *e, scope *s, const expression *x, const char *what, double *result) {
  value v = elaborate_expression(e, s, x);
  if (!value_is_number(v))
    return wrong_kind(e, x->where, what, "a compile-time number", v);
  *result = value_as_real(v);
  return true;
}

bool elaborate_condition(elaborator *e, scope *s, const expression *x, bool *result) {
  value v = elaborate_expression(e, s, x);
  if (v.kind != VALUE_BOOL)
    return wrong_kind(e, x->where, "a condition", "a compile-time bool", v);
  *result = v.as.boolean;
  return true;
}

/* ---- statements ---- */

static scope *outermost(scope *s) {
  while (s->parent)
    s = s->parent;
  return s;
}

static void name_node(value v, const char *name) {
  if (v.kind == VALUE_TENSOR && !v.as.tensor->name)
    v.as.tensor->name = name;
}

static void run_bind(elaborator *e, scope *s, const statement *what) {
  value v = elaborate_expression(e, s, what->value);
  if (v.kind == VALUE_NONE) {
    elaborate_failed(e,
                     elaborate_error(e, what->value->where, "'%s' cannot be bound: this gives no value", what->name));
    v = value_error();
  }
  name_node(v, what->name);
  binding *known = what->kind == STATEMENT_BIND || what->kind == STATEMENT_TAP ? scope_find(s, what->name) : NULL;
  if (known)
    *known = (binding){.name = known->name, .value = v, .where = what->name_where};
  else
    scope_bind(e, what->kind == STATEMENT_LET ? s : outermost(s), what->name, v, what->name_where);
  if (what->kind == STATEMENT_TAP && e->frame && e->frame->self)
    instance_tap_add(e, e->frame->self, what->name, v, what->name_where);
}

/* The new value in the state's type and shape; NULL after an error. */
static node *updated_value(elaborator *e, const node *state, value v, span where) {
  node *n = v.kind == VALUE_TENSOR ? v.as.tensor : NULL;
  if (value_is_number(v) || v.kind == VALUE_SIZE)
    n = tensor_of_number(e, v, state->dtype, where);
  if (!n) {
    if (v.kind != VALUE_ERROR)
      elaborate_failed(e, elaborate_error(e, where, "the new value must be a tensor, not %s", value_describe(e, v)));
    return NULL;
  }
  if (n->dtype == state->dtype && n->shape.rank == 0)
    n = tensor_broadcast(e, n, state->shape, where);
  if (n && (n->dtype != state->dtype || !shape_equal(n->shape, state->shape))) {
    diagnostic *d = elaborate_error(e, where, "the new value is %s, what it replaces is %s", node_describe(e, n),
                                    node_describe(e, state));
    elaborate_failed(e, d);
    return NULL;
  }
  return n;
}

/* A state is written once: a later update replaces the first. `before`: what it was until now, the state itself when
 * nothing has updated it. */
static void set_update(graph *g, node *state, const node *before, node *updated) {
  for (int i = 0; before != state && i < g->output_count; i++)
    if (g->outputs[i].state == state) {
      g->outputs[i].value = updated;
      return;
    }
  graph_update_add(g, state, updated);
}

static void update_parameter(elaborator *e, instance_parameter *p, const statement *what, value v) {
  if (p->about.trained && !e->objective) {
    diagnostic *d =
        elaborate_error(e, what->target->where, "'%s' is a param: only the optimizer updates it", p->about.path);
    diagnostic_hint(d, "what a module itself updates is a buffer; an objective may update a model's param");
    elaborate_failed(e, d);
    return;
  }
  if (!parameter_read(e, p, what->where))
    return;
  node *n = updated_value(e, p->state, v, what->value->where);
  if (!n || (!p->owner->root->training && !e->objective))
    return;
  p->state->attributes.input.kind = INPUT_STATE; /* of a frozen model too: it changes now */
  set_update(e->graph, p->state, p->value, n);
  p->value = n;
}

/* The parameter that an item of a list stands for: `parameters(model)[i]`. */
static instance_parameter *listed_parameter(elaborator *e, scope *s, const expression *target) {
  if (target->kind != EXPRESSION_INDEX || target->as.index.count != 1 || target->as.index.items[0].kind != INDEX_AT)
    return NULL;
  value list = elaborate_expression(e, s, target->as.index.object);
  int64_t index = 0;
  if (list.kind != VALUE_LIST || !elaborate_int(e, s, target->as.index.items[0].at, "an index", &index))
    return NULL;
  index += index < 0 ? list.as.list->count : 0;
  bool parameter = index >= 0 && index < list.as.list->count && list.as.list->items[index].kind == VALUE_PARAMETER;
  return parameter ? list.as.list->items[index].as.parameter : NULL;
}

static binding *update_target(elaborator *e, scope *s, const expression *target) {
  if (target->kind == EXPRESSION_NAME) {
    binding *b = scope_find(s, target->as.name);
    return b ? b : scope_find_member(s, target->as.name);
  }
  if (target->kind != EXPRESSION_FIELD)
    return NULL;
  value object = elaborate_expression(e, s, target->as.field.object);
  return object.kind == VALUE_INSTANCE ? scope_find(object.as.instance->members, target->as.field.name) : NULL;
}

static void run_update(elaborator *e, scope *s, const statement *what) {
  value v = elaborate_expression(e, s, what->value);
  instance_parameter *listed = listed_parameter(e, s, what->target);
  binding *b = listed ? NULL : update_target(e, s, what->target);
  if (listed) {
    update_parameter(e, listed, what, v);
  } else if (b && b->value.kind == VALUE_PARAMETER) {
    update_parameter(e, b->value.as.parameter, what, v);
  } else if (b && b->state) {
    node *n = updated_value(e, b->state, v, what->value->where);
    if (n)
      set_update(e->graph, b->state, b->value.kind == VALUE_TENSOR ? b->value.as.tensor : NULL, n);
    b->value = value_tensor(n);
  } else {
    diagnostic *d = elaborate_error(e, what->target->where, "this is nothing that can be updated");
    diagnostic_hint(d, "`update` writes a buffer of a module, a state or the weight in an optimizer, a model's "
                       "parameters in an objective");
    elaborate_failed(e, d);
  }
}

static void run_round(elaborator *e, scope *s, const statement *what, value round, bool *returned, value *result) {
  scope *inner = scope_create(e, s);
  scope_bind(e, inner, what->name, round, what->name_where);
  *returned = elaborate_block(e, inner, &what->body, result);
}

static void run_for(elaborator *e, scope *s, const statement *what, bool *returned, value *result) {
  const expression *range = what->value;
  if (range->kind == EXPRESSION_RANGE) { /* without making the list */
    int64_t from = 0, to = 0;
    bool known = elaborate_int(e, s, range->as.range.from, "the start of a range", &from);
    if (!elaborate_int(e, s, range->as.range.to, "the end of a range", &to) || !known)
      return;
    for (int64_t i = from; i < to && !*returned && elaborate_step(e, what->where); i++)
      run_round(e, s, what, value_int(i), returned, result);
    return;
  }
  value list = elaborate_expression(e, s, range);
  if (list.kind != VALUE_LIST) {
    wrong_kind(e, range->where, "what a `for` goes through", "a range or a list", list);
    return;
  }
  for (int i = 0; i < list.as.list->count && !*returned && elaborate_step(e, what->where); i++)
    run_round(e, s, what, list.as.list->items[i], returned, result);
}

static void run_if(elaborator *e, scope *s, const statement *what, bool *returned, value *result) {
  bool condition = false;
  if (elaborate_condition(e, s, what->value, &condition)) {
    *returned = elaborate_block(e, scope_create(e, s), condition ? &what->body : &what->otherwise, result);
  } else { /* what the branches bind is not known: what follows would only repeat that */
    *returned = true;
    *result = value_error();
  }
}

void elaborate_statement(elaborator *e, scope *s, const statement *what, bool *returned, value *result) {
  switch (what->kind) {
  case STATEMENT_BIND:
  case STATEMENT_LET:
  case STATEMENT_TAP:
    run_bind(e, s, what);
    return;
  case STATEMENT_UPDATE:
    run_update(e, s, what);
    return;
  case STATEMENT_RETURN:
    *result = elaborate_expression(e, s, what->value);
    *returned = true;
    return;
  case STATEMENT_LOSS:
    if (e->statement_hook)
      e->statement_hook(e, s, what, e->hook_context);
    else
      elaborate_failed(e, elaborate_error(e, what->where, "a loss stands only in an objective"));
    return;
  case STATEMENT_IF:
    run_if(e, s, what, returned, result);
    return;
  case STATEMENT_FOR:
    run_for(e, s, what, returned, result);
    return;
  case STATEMENT_EXPRESSION: /* error() ends the function */
    *result = elaborate_expression(e, s, what->value);
    *returned = result->kind == VALUE_ERROR;
    return;
  }
}

bool elaborate_block(elaborator *e, scope *s, const block *b, value *result) {
  bool returned = false;
  for (int i = 0; i < b->count && !returned; i++) {
    if (!elaborate_step(e, b->items[i]->where)) {
      *result = value_error();
      return true;
    }
    elaborate_statement(e, s, b->items[i], &returned, result);
  }
  return returned;
}
