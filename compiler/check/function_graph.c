/* Graphs of single functions: a model's, for inference, and plain ones, for tests and tools. */
#include "compiler/check/experiment.h"

#include <string.h>

/* One output, or one for each item of a list: "result", "result.N". */
static bool add_result(elaborator *e, value result, span where, const char *name) {
  if (result.kind == VALUE_LIST) {
    for (int i = 0; i < result.as.list->count; i++)
      if (!add_result(e, result.as.list->items[i], where, arena_print(e->arena, "%s.%d", name, i)))
        return false;
    return true;
  }
  if (result.kind == VALUE_INT || result.kind == VALUE_REAL)
    result = value_tensor(
        graph_scalar(e->graph, result.kind == VALUE_INT ? (double)result.as.integer : result.as.real, where));
  if (result.kind == VALUE_TENSOR) {
    graph_output_add(e->graph, name, ragged_clear(e, result.as.tensor, where));
    return true;
  }
  if (result.kind != VALUE_ERROR)
    elaborate_failed(e, elaborate_error(e, where, "this gives %s, not a tensor", value_describe(e, result)));
  return false;
}

typedef struct tap_outputs {
  elaborator *elaborator;
  const instance *top;
} tap_outputs;

static void add_taps(instance *i, void *context) {
  const tap_outputs *to = context;
  elaborator *e = to->elaborator;
  if (i->generation != e->generation)
    return;
  for (int t = 0; t < i->tap_count; t++) {
    if (i->taps[t].value.kind != VALUE_TENSOR)
      continue;
    const char *dot = *i->path ? "." : "";
    graph_output_add(e->graph, arena_print(e->arena, "tap.%s%s%s", i->path, dot, i->taps[t].name),
                     ragged_clear(e, i->taps[t].value.as.tensor, i->taps[t].where));
  }
}

graph *program_function_graph(program *p, int model, const char *function, bool taps, diagnostics *d) {
  elaborator *e = p->elaborator;
  model_record *m = p->experiment->models[model];
  if (!m->root)
    return NULL;
  e->diagnostics = d;
  int errors = diagnostics_error_count(d);
  const function_syntax *f = instance_function(m->root->top, function);
  if (!f) {
    report_unknown(d, m->where, "function", function, m->about.function_count, m->about.functions);
    return NULL;
  }
  elaborator_begin(e, arena_print(p->arena, "%s_%s", m->about.name, function));
  m->root->kind = INPUT_WEIGHT;
  m->root->training = false;
  function_value called = {.syntax = f, .file = m->root->top->module->file, .self = m->root->top};
  call_argument *arguments = NULL;
  int count = signature_inputs(e, &called, &arguments);
  if (count < 0)
    return NULL;
  value result = elaborate_method(e, m->root->top, function, count, arguments, m->where);
  bool good = result.kind != VALUE_ERROR && add_result(e, result, f->name_where, "result");
  tap_outputs to = {.elaborator = e, .top = m->root->top};
  if (good && taps)
    instance_walk(m->root->top, add_taps, &to);
  return good && diagnostics_error_count(d) == errors ? e->graph : NULL;
}

/* ---- plain functions ---- */

/* The types as the parameters of a function, read by the language's own parser. */
static const function_syntax *parse_types(program *p, int count, const char *const *types, diagnostics *d) {
  text all = {0};
  text_add(&all, "function types(");
  for (int i = 0; i < count; i++)
    text_add(&all, "%sx%d: %s", i ? ", " : "", i, types[i]);
  text_add(&all, ") = 0\n");
  const char *content = arena_copy(p->arena, all.data, all.length);
  int errors = diagnostics_error_count(d);
  const file_syntax *parsed = parse_file(p->arena, source_from_text(p->arena, "types", content, all.length), d);
  text_free(&all);
  if (diagnostics_error_count(d) != errors || parsed->declaration_count != 1)
    return NULL;
  return parsed->declarations[0]->function;
}

graph *program_plain_function_graph(program *p, const char *function, int type_count, const char *const *types,
                                    diagnostics *d) {
  elaborator *e = p->elaborator;
  e->diagnostics = d;
  int errors = diagnostics_error_count(d);
  const loaded_file *owner;
  const declaration *found = file_find(p->file, function, &owner);
  if (!found || found->kind != DECLARE_FUNCTION) {
    diagnostic_error(d, (span){0}, "%s declares no function '%s'", p->file->path, function);
    return NULL;
  }
  const function_syntax *f = found->function;
  const function_syntax *shapes = parse_types(p, type_count, types, d);
  if (!shapes)
    return NULL;
  if (type_count > f->parameter_count) {
    diagnostic_error(d, f->name_where, "'%s' takes %d arguments, not %d", function, f->parameter_count, type_count);
    return NULL;
  }
  elaborator_begin(e, function);
  scope *s = scope_of_file(e, p->file);
  call_argument *arguments = arena_array(p->arena, call_argument, type_count);
  for (int i = 0; i < type_count; i++) {
    const char *name = f->parameters[i].name;
    dtype type;
    shape of;
    if (!type_to_shape(e, s, shapes->parameters[i].type, name, &type, &of))
      return NULL;
    node *input = graph_input(e->graph, INPUT_DATA, name, type, of, f->parameters[i].where);
    arguments[i] = (call_argument){.value = value_tensor(input), .where = f->parameters[i].where};
  }
  function_value *called = arena_new(p->arena, function_value);
  *called = (function_value){.syntax = f, .file = owner};
  value callee = {.kind = VALUE_FUNCTION, .as.function = called};
  value result = elaborate_call(e, callee, type_count, arguments, f->name_where);
  bool good = result.kind != VALUE_ERROR && add_result(e, result, f->name_where, "result");
  return good && diagnostics_error_count(d) == errors ? e->graph : NULL;
}
