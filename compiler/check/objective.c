/* An objective on symbolic batches: the models' forward functions, then its members; losses are collected. */
#include "compiler/check/experiment.h"

#include <string.h>

const char *const batch_fields[BATCH_FIELD_COUNT] = {"ids",          "types", "label", "row",  "target",
                                                     "class_weight", "step",  "steps", "epoch"};

node *batch_field(graph *g, const char *name, span where) {
  bool known = false;
  for (int i = 0; i < BATCH_FIELD_COUNT; i++)
    known |= strcmp(batch_fields[i], name) == 0;
  if (!known)
    return NULL;
  node *found = graph_find_input(g, name);
  if (found)
    return found;
  if (strcmp(name, "step") == 0 || strcmp(name, "steps") == 0 || strcmp(name, "epoch") == 0)
    return graph_input(g, INPUT_DATA, name, DTYPE_F32, (shape){0}, where);
  static const char lengths[] = "ids.lengths";
  const dim *rows = dim_named(g->dims, "B");
  shape of = {.rank = 1, .dims = {rows}};
  if (strcmp(name, "row") == 0)
    return graph_input(g, INPUT_DATA, name, DTYPE_I64, of, where);
  if (strcmp(name, "target") == 0 || strcmp(name, "class_weight") == 0)
    return graph_input(g, INPUT_DATA, name, DTYPE_F32, of, where);
  if (strcmp(name, "label") != 0) {
    if (!graph_find_input(g, lengths))
      graph_input(g, INPUT_DATA, lengths, DTYPE_I32, of, where);
    of.dims[of.rank++] = dim_ragged(g->dims, "T", rows, lengths);
  }
  return graph_input(g, INPUT_DATA, name, DTYPE_I32, of, where);
}

/* False and an error when the stage's set does not have a field that its source has to say. */
static bool set_has(stage_build *b, const parameter_syntax *parameter, const char *taker) {
  const program_data *set = b->stage->about.data >= 0 ? b->experiment->data[b->stage->about.data] : NULL;
  bool target = strcmp(parameter->name, "target") == 0;
  bool label = strcmp(parameter->name, "label") == 0 || strcmp(parameter->name, "class_weight") == 0;
  if (!set || set->source_count == 0 || !(label || target) || (label && set->labelled) || (target && set->targeted))
    return true;
  diagnostic *e = diagnostic_error(b->elaborator->diagnostics, b->stage->syntax->name_where,
                                   "stage '%s' needs %s, and '%s' has none", b->stage->about.name,
                                   target ? "targets" : "labels", set->name);
  diagnostic_note(e, parameter->where, "%s takes '%s'", taker, parameter->name);
  diagnostic_note(e, set->where, "'%s' is declared here", set->name);
  diagnostic_hint(e, "say which column holds them: %s: 1", target ? "target" : "label");
  return false;
}

/* The field for a parameter that nobody gave; NULL and, with `required`, an error when there is none. */
static node *take_field(stage_build *b, const parameter_syntax *parameter, const char *taker, bool required) {
  diagnostics *d = b->elaborator->diagnostics;
  if (required && !set_has(b, parameter, taker))
    return NULL;
  node *field = batch_field(b->graph, parameter->name, parameter->where);
  if (field || !required)
    return field;
  diagnostic *e = diagnostic_error(d, b->stage->syntax->name_where, "nothing gives '%s' to %s", parameter->name, taker);
  diagnostic_note(e, parameter->where, "it is declared here");
  text list = {0};
  for (int i = 0; i < BATCH_FIELD_COUNT; i++)
    text_add(&list, "%s%s", i ? ", " : "", batch_fields[i]);
  diagnostic_note(e, (span){0}, "a batch has the fields %s", list.data);
  text_free(&list);
  const char *nearest = nearest_name(parameter->name, batch_fields, BATCH_FIELD_COUNT);
  if (nearest)
    diagnostic_hint(e, "did you mean '%s'?", nearest);
  return NULL;
}

static bool run_forward(stage_build *b, model_record *m, const named *mention) {
  elaborator *e = b->elaborator;
  instance *top = m->root->top;
  const function_syntax *forward = instance_function(top, "forward");
  if (!forward) {
    diagnostic *error = diagnostic_error(e->diagnostics, mention->where, "module '%s' has no forward", m->about.module);
    diagnostic_note(error, top->module->declaration->name_where, "it is declared here");
    return false;
  }
  const char *taker = arena_print(b->program->arena, "'%s'", m->about.name);
  call_argument *arguments = arena_array(b->program->arena, call_argument, forward->parameter_count);
  int count = 0;
  for (int i = 0; i < forward->parameter_count; i++) {
    const parameter_syntax *parameter = &forward->parameters[i];
    if (parameter->default_value && parameter->type->kind != TYPE_TENSOR)
      continue;
    node *field = take_field(b, parameter, taker, !parameter->default_value);
    if (!field && !parameter->default_value)
      return false;
    if (field)
      arguments[count++] = (call_argument){parameter->name, value_tensor(field), mention->where};
  }
  value result = elaborate_method(e, top, "forward", count, arguments, mention->where);
  top->result = result;
  return result.kind != VALUE_ERROR;
}

/* ---- the objective's parameters ---- */

static bool given(int count, const call_argument *arguments, int position, const char *name) {
  int positional = 0;
  for (int i = 0; i < count; i++)
    if (arguments[i].name ? strcmp(arguments[i].name, name) == 0 : positional++ == position)
      return true;
  return false;
}

/* The models as arguments: one each, or a list of all where the objective's parameter is one. How many arguments. */
static int add_models(stage_build *b, int count, const int *models, const named *mentions, int position,
                      call_argument *arguments) {
  const declaration *objective = b->stage->objective_declaration;
  bool list = position < objective->parameter_count && objective->parameters[position].type->kind == TYPE_LIST;
  value *values = arena_array(b->elaborator->arena, value, count);
  for (int i = 0; i < count; i++) {
    values[i] = value_instance(b->experiment->models[models[i]]->root->top);
    if (!list)
      arguments[i] = (call_argument){NULL, values[i], mentions[i].where};
  }
  if (!list || count == 0)
    return count;
  arguments[0] = (call_argument){NULL, value_list_of(b->elaborator, count, values), mentions[0].where};
  return 1;
}

static bool bind_parameters(stage_build *b) {
  elaborator *e = b->elaborator;
  const stage_record *s = b->stage;
  const declaration *objective = s->objective_declaration;
  int teachers = s->about.teacher_count, students = s->about.student_count;
  call_argument *model_arguments = arena_array(e->arena, call_argument, teachers + students);
  int models = add_models(b, teachers, s->about.teachers, s->syntax->teachers, 0, model_arguments);
  models += add_models(b, students, s->about.students, s->syntax->students, models, model_arguments + models);
  if (objective->parameter_count < models) {
    diagnostic *error =
        diagnostic_error(e->diagnostics, s->objective->where, "objective '%s' takes %s; %s", objective->name,
                         objective->parameter_count == 0   ? "no model"
                         : objective->parameter_count == 1 ? "one model"
                                                           : "too few models",
                         models > 2 ? arena_print(e->arena, "the stage gives it %d", models)
                         : teachers ? "a distillation gives it teacher and student"
                                    : "the stage gives it one");
    diagnostic_note(error, objective->name_where, "it is declared here");
    return false;
  }
  int own_count = s->objective->kind == EXPRESSION_CALL ? s->objective->as.call.count : 0;
  call_argument *own = NULL;
  if (own_count && !evaluate_arguments(e, b->experiment->scope, own_count, s->objective->as.call.arguments, &own))
    return false;
  call_argument *all = arena_array(e->arena, call_argument, models + own_count + objective->parameter_count);
  memcpy(all, model_arguments, sizeof *all * (size_t)models);
  int count = models;
  for (int i = 0; i < own_count; i++)
    all[count++] = own[i];
  int fixed = count;
  const char *taker = arena_print(e->arena, "objective '%s'", objective->name);
  for (int i = models; i < objective->parameter_count; i++) {
    const parameter_syntax *parameter = &objective->parameters[i];
    bool tensor = parameter->type->kind == TYPE_TENSOR;
    if (given(fixed, all, i, parameter->name) || (parameter->default_value && !tensor) ||
        (!tensor && parameter->type->kind != TYPE_ANY))
      continue;
    node *field = take_field(b, parameter, taker, !parameter->default_value);
    if (!field && !parameter->default_value)
      return false;
    if (field)
      all[count++] = (call_argument){parameter->name, value_tensor(field), parameter->where};
  }
  return bind_arguments(e, objective->name, objective->parameter_count, objective->parameters, count, all,
                        s->objective->where, b->scope, NULL);
}

/* ---- losses ---- */

static void add_loss(elaborator *e, scope *s, const statement *what, void *context) {
  stage_build *b = context;
  if (what->kind != STATEMENT_LOSS)
    return;
  value v = elaborate_expression(e, s, what->value);
  value weight = what->weight ? elaborate_expression(e, s, what->weight) : value_real(1);
  if (v.kind == VALUE_INT || v.kind == VALUE_REAL)
    v = value_tensor(graph_scalar(b->graph, v.kind == VALUE_INT ? (double)v.as.integer : v.as.real, what->where));
  if (v.kind == VALUE_ERROR || weight.kind == VALUE_ERROR)
    return;
  if (v.kind != VALUE_TENSOR || v.as.tensor->dtype != DTYPE_F32 || v.as.tensor->shape.rank != 0) {
    diagnostic *error = elaborate_error(e, what->value->where, "loss '%s' is no scalar", what->name);
    diagnostic_label(error, what->value->where, "%s", value_describe(e, v));
    elaborate_failed(e, error);
    diagnostic_hint(error, "take the mean or the sum of it");
    return;
  }
  node *factor = NULL;
  double number = 1;
  if (weight.kind == VALUE_INT || weight.kind == VALUE_REAL) {
    number = weight.kind == VALUE_INT ? (double)weight.as.integer : weight.as.real;
    factor = number == 1 ? NULL : graph_scalar(b->graph, number, what->where);
  } else if (weight.kind == VALUE_TENSOR && weight.as.tensor->dtype == DTYPE_F32 && weight.as.tensor->shape.rank == 0) {
    factor = weight.as.tensor;
  } else {
    diagnostic *error = elaborate_error(e, what->weight->where, "the weight of loss '%s' is no number", what->name);
    diagnostic_label(error, what->weight->where, "%s", value_describe(e, weight));
    elaborate_failed(e, error);
    return;
  }
  node *n = v.as.tensor;
  loss_addend added = {.syntax = what,
                       .value = n,
                       .weighted = factor ? graph_binary(b->graph, OP_mul, n, factor, what->where) : n,
                       .weight_known = weight.kind != VALUE_TENSOR,
                       .weight = number};
  arena_append(e->arena, b->losses, b->loss_count, added);
  if (b->program->listing)
    losses_note(b, s, what);
}

/* ---- members ---- */

static void run_members(stage_build *b, scope *s, const member_list *members, const char *path);

/* `name = module(…)` is a module that is learned with the student; any other value is bound. */
static value make_member(stage_build *b, scope *s, const expression *x, const char *path) {
  elaborator *e = b->elaborator;
  if (x->kind != EXPRESSION_CALL || x->as.call.callee->kind != EXPRESSION_NAME ||
      scope_find(s, x->as.call.callee->as.name))
    return elaborate_expression(e, s, x);
  const loaded_file *owner;
  const declaration *callee = file_find(s->file, x->as.call.callee->as.name, &owner);
  if (!callee || callee->kind != DECLARE_MODULE)
    return elaborate_expression(e, s, x);
  return instantiate_expression(e, s, x, b->fits, path);
}

static bool range_of(stage_build *b, scope *s, const expression *x, value *range) {
  *range = elaborate_expression(b->elaborator, s, x);
  if (range->kind == VALUE_LIST)
    return true;
  if (range->kind != VALUE_ERROR) {
    diagnostic *error = elaborate_error(b->elaborator, x->where, "a for goes through a list or a range");
    diagnostic_label(error, x->where, "%s", value_describe(b->elaborator, *range));
    elaborate_failed(b->elaborator, error);
  }
  return false;
}

static void run_submodule(stage_build *b, scope *s, const member *m, const char *path) {
  elaborator *e = b->elaborator;
  const char *own = *path ? arena_print(e->arena, "%s.%s", path, m->name) : m->name;
  if (!m->range) {
    scope_bind(e, s, m->name, make_member(b, s, m->value, own), m->name_where);
    return;
  }
  value range;
  if (!range_of(b, s, m->range, &range)) {
    scope_bind(e, s, m->name, value_error(), m->name_where);
    return;
  }
  int count = range.as.list->count;
  value *items = arena_array(e->arena, value, count);
  for (int i = 0; i < count; i++) {
    scope *inner = scope_create(e, s);
    scope_bind(e, inner, m->variable, range.as.list->items[i], m->where);
    items[i] = make_member(b, inner, m->value, arena_print(e->arena, "%s.%d", own, i));
  }
  scope_bind(e, s, m->name, value_list_of(e, count, items), m->name_where);
}

static void run_for(stage_build *b, scope *s, const member *m, const char *path) {
  elaborator *e = b->elaborator;
  value range;
  if (!range_of(b, s, m->range ? m->range : m->value, &range))
    return;
  for (int i = 0; i < range.as.list->count; i++) {
    scope *inner = scope_create(e, s);
    const char *variable = m->variable ? m->variable : m->name;
    scope_bind(e, inner, variable, range.as.list->items[i], m->where);
    run_members(b, inner, &m->body, *path ? arena_print(e->arena, "%s.%d", path, i) : arena_print(e->arena, "%d", i));
  }
}

static void bind_function(elaborator *e, scope *s, const member *m) {
  function_value *f = arena_new(e->arena, function_value);
  *f = (function_value){.syntax = m->function, .file = s->file};
  scope_bind(e, s, m->name, (value){.kind = VALUE_FUNCTION, .as.function = f}, m->name_where);
}

static void run_members(stage_build *b, scope *s, const member_list *members, const char *path) {
  elaborator *e = b->elaborator;
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    bool condition = false, returned = false;
    value result = value_none();
    switch (m->kind) {
    case MEMBER_PARAM:
    case MEMBER_BUFFER:
    case MEMBER_STATE: {
      diagnostic *error = diagnostic_error(e->diagnostics, m->where, "an objective has no parameters of its own");
      diagnostic_hint(error, "declare a module with it and use that: %s = my_module(…)", m->name);
      break;
    }
    case MEMBER_LET:
      scope_bind(e, s, m->name, elaborate_expression(e, s, m->value), m->name_where);
      break;
    case MEMBER_SUBMODULE:
      run_submodule(b, s, m, path);
      break;
    case MEMBER_FUNCTION:
      bind_function(e, s, m);
      break;
    case MEMBER_IF:
      if (elaborate_condition(e, s, m->value, &condition))
        run_members(b, s, condition ? &m->body : &m->otherwise, path);
      break;
    case MEMBER_FOR:
      run_for(b, s, m, path);
      break;
    case MEMBER_STATEMENT:
      elaborate_statement(e, s, m->statement, &returned, &result);
      if (returned && result.kind != VALUE_ERROR)
        diagnostic_error(e->diagnostics, m->where, "an objective returns nothing");
      break;
    }
  }
}

static bool has_updates(const graph *g) {
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i].state)
      return true;
  return false;
}

bool objective_elaborate(stage_build *b) {
  elaborator *e = b->elaborator;
  const stage_record *s = b->stage;
  int errors = diagnostics_error_count(e->diagnostics);
  for (int i = 0; i < s->about.teacher_count; i++)
    if (!run_forward(b, stage_teacher(b, i), &s->syntax->teachers[i]))
      return false;
  for (int i = 0; i < s->about.student_count; i++)
    if (!run_forward(b, stage_student(b, i), &s->syntax->students[i]))
      return false;
  call_frame frame = {
      .name = s->objective_declaration->name, .where = s->objective->where, .self = stage_student(b, 0)->root->top};
  e->objective = true;
  e->statement_hook = add_loss;
  e->hook_context = b;
  bool bound = bind_parameters(b);
  e->frame = &frame;
  if (bound)
    run_members(b, b->scope, &s->objective_declaration->members, "");
  e->frame = NULL;
  e->objective = false;
  e->statement_hook = NULL;
  if (bound && b->loss_count == 0 && !has_updates(b->graph) && diagnostics_error_count(e->diagnostics) == errors) {
    diagnostic *error = diagnostic_error(e->diagnostics, s->objective->where, "objective '%s' has no loss",
                                         s->objective_declaration->name);
    diagnostic_note(error, s->objective_declaration->name_where, "it is declared here");
  }
  return diagnostics_error_count(e->diagnostics) == errors;
}
