/* The optimizer of a stage: gradients of the total, `prepare` on all of them, `step` for each weight. Its states are
 * inputs of the graph, and its updates are updates of the graph. */
#include "compiler/check/experiment.h"
#include "compiler/grad/differentiate.h"

#include <string.h>

typedef struct optimizing {
  stage_build *build;
  const declaration *optimizer;
  scope *scope; /* arguments and lets */
  int state_count;
  const member **states;
  const function_syntax *prepare, *step;
  int described_count; /* states of all weights */
  model_parameter *described;
  node **gradients; /* by trained input; NULL where nothing flows */
  value prepared;
} optimizing;

static bool bind_optimizer(optimizing *o) {
  stage_build *b = o->build;
  elaborator *e = b->elaborator;
  const expression *call = b->stage->optimizer;
  int count = call->kind == EXPRESSION_CALL ? call->as.call.count : 0;
  call_argument *arguments = NULL;
  if (count && !evaluate_arguments(e, b->experiment->scope, count, call->as.call.arguments, &arguments))
    return false;
  return bind_arguments(e, o->optimizer->name, o->optimizer->parameter_count, o->optimizer->parameters, count,
                        arguments, call->where, o->scope, NULL);
}

/* Finds states and functions behind compile-time conditions, and evaluates lets. */
static void read_members(optimizing *o, const member_list *members) {
  elaborator *e = o->build->elaborator;
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    bool condition = false;
    switch (m->kind) {
    case MEMBER_LET:
      scope_bind(e, o->scope, m->name, elaborate_expression(e, o->scope, m->value), m->name_where);
      break;
    case MEMBER_STATE:
      arena_append(e->arena, o->states, o->state_count, m);
      break;
    case MEMBER_FUNCTION:
      if (strcmp(m->name, "step") == 0)
        o->step = m->function;
      else if (strcmp(m->name, "prepare") == 0)
        o->prepare = m->function;
      else
        diagnostic_hint(
            elaborate_error(e, m->name_where, "an optimizer has the functions prepare and step, not '%s'", m->name),
            "declare it outside, as a function of the file");
      break;
    case MEMBER_IF:
      if (elaborate_condition(e, o->scope, m->value, &condition))
        read_members(o, condition ? &m->body : &m->otherwise);
      break;
    case MEMBER_PARAM:
    case MEMBER_BUFFER:
    case MEMBER_SUBMODULE:
    case MEMBER_FOR:
    case MEMBER_STATEMENT:
      elaborate_error(e, m->where, "an optimizer has states, lets, and the functions prepare and step");
      break;
    }
  }
}

/* Runs a function of the optimizer in its scope; its parameters are bound in order. */
static value run_function(optimizing *o, scope *around, const function_syntax *f, int count, const value *arguments,
                          node *first_state) {
  elaborator *e = o->build->elaborator;
  if (f->parameter_count != count) {
    diagnostic *error = elaborate_error(e, f->name_where, "'%s' of an optimizer takes %d parameters, not %d", f->name,
                                        count, f->parameter_count);
    elaborate_failed(e, error);
    diagnostic_hint(error, count == 1 ? "prepare(gradients)" : "step(weight, gradient, prepared, t, total)");
    return value_error();
  }
  scope *s = scope_create(e, around);
  for (int i = 0; i < count; i++) {
    binding *bound = scope_bind(e, s, f->parameters[i].name, arguments[i], f->parameters[i].where);
    if (i == 0)
      bound->state = first_state;
  }
  if (f->value)
    return elaborate_expression(e, s, f->value);
  value result = value_none();
  elaborate_block(e, scope_create(e, s), &f->body, &result);
  return result;
}

/* ---- states ---- */

/* `zeros`, `ones`, `constant(v)`: a state starts the same everywhere. */
static bool read_initial(optimizing *o, const member *m, model_parameter *about) {
  elaborator *e = o->build->elaborator;
  const expression *x = m->value;
  if (!x || (x->kind == EXPRESSION_NAME && strcmp(x->as.name, "zeros") == 0)) {
    about->initial = INITIAL_ZEROS;
    return true;
  }
  if (x->kind == EXPRESSION_NAME && strcmp(x->as.name, "ones") == 0) {
    about->initial = INITIAL_ONES;
    return true;
  }
  if (x->kind == EXPRESSION_CALL && x->as.call.count == 1 && x->as.call.callee->kind == EXPRESSION_NAME &&
      strcmp(x->as.call.callee->as.name, "constant") == 0) {
    about->initial = INITIAL_CONSTANT;
    return elaborate_real(e, o->scope, x->as.call.arguments[0].value, "a state's start", &about->initial_a);
  }
  diagnostic *error = elaborate_error(e, x->where, "a state starts as zeros, ones or constant(v)");
  elaborate_failed(e, error);
  return false;
}

static bool add_state(optimizing *o, scope *into, const member *m, const node *weight) {
  elaborator *e = o->build->elaborator;
  program_stage *about = &o->build->stage->about;
  const char *of = weight->attributes.input.name;
  dtype type = DTYPE_F32;
  shape sizes = weight->shape;
  if (m->type && !type_to_shape(e, o->scope, m->type, m->name, &type, &sizes))
    return false;
  model_parameter state = {.path = arena_print(e->arena, "state/%s/%s", m->name, of),
                           .input = arena_print(e->arena, "%s/state/%s/%s", about->name, m->name, of),
                           .dtype = type,
                           .rank = sizes.rank,
                           .where = m->where};
  for (int i = 0; i < sizes.rank; i++)
    if (!dim_is_constant(sizes.dims[i], &state.sizes[i])) {
      elaborate_failed(e, elaborate_error(e, m->where, "the sizes of a state are known before anything runs"));
      return false;
    }
  if (!read_initial(o, m, &state))
    return false;
  node *input = graph_input(o->build->graph, INPUT_STATE, state.input, type, sizes, m->where);
  scope_bind(e, into, m->name, value_tensor(input), m->name_where)->state = input;
  arena_append(e->arena, o->described, o->described_count, state);
  about->states = o->described;
  about->state_count = o->described_count;
  return true;
}

/* ---- the steps ---- */

static bool prepare(optimizing *o, const value *gradients, int count) {
  elaborator *e = o->build->elaborator;
  o->prepared = value_real(1);
  if (!o->prepare)
    return true;
  value all = value_list_of(e, count, gradients);
  o->prepared = run_function(o, o->scope, o->prepare, 1, &all, NULL);
  if (o->prepared.kind != VALUE_NONE)
    return o->prepared.kind != VALUE_ERROR;
  elaborate_failed(e, elaborate_error(e, o->prepare->name_where, "'prepare' returns nothing"));
  return false;
}

static bool has_update(const graph *g, const node *state) {
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i].state == state)
      return true;
  return false;
}

static bool step(optimizing *o, node *weight, node *gradient, node *t, node *total) {
  elaborator *e = o->build->elaborator;
  scope *states = scope_create(e, o->scope);
  if (has_update(o->build->graph, weight)) {
    elaborate_failed(e, elaborate_error(e, o->build->stage->objective->where,
                                        "the objective updates '%s', and so does the optimizer",
                                        weight->attributes.input.name));
    return false;
  }
  for (int i = 0; i < o->state_count; i++)
    if (!add_state(o, states, o->states[i], weight))
      return false;
  value arguments[] = {value_tensor(weight), value_tensor(gradient), o->prepared, value_tensor(t), value_tensor(total)};
  value result = run_function(o, states, o->step, 5, arguments, weight);
  if (result.kind == VALUE_ERROR)
    return false;
  if (has_update(o->build->graph, weight))
    return true;
  diagnostic *error = elaborate_error(e, o->step->name_where, "'step' never updates '%s'", o->step->parameters[0].name);
  diagnostic_hint(error, "update %s = %s - lr * %s", o->step->parameters[0].name, o->step->parameters[0].name,
                  o->step->parameters[1].name);
  return false;
}

static node *scalar_input(graph *g, const char *name, span where) {
  node *found = graph_find_input(g, name);
  return found ? found : graph_input(g, INPUT_DATA, name, DTYPE_F32, (shape){0}, where);
}

static void mark_reached(stage_build *b, model_record *m, node *const *gradients) {
  m->trained = true;
  for (int i = 0; i < b->trained_count; i++)
    for (int k = 0; k < m->about.parameter_count; k++)
      if (gradients[i] && m->root->parameters[k]->state == b->trained[i])
        m->reached[k] = true;
}

static void warn_fits(stage_build *b, node *const *gradients) {
  for (int k = 0; k < b->fits->parameter_count; k++) {
    const instance_parameter *p = b->fits->parameters[k];
    bool reached = false;
    for (int i = 0; i < b->trained_count; i++)
      reached |= gradients[i] && b->trained[i] == p->state;
    if (!reached && p->about.trained)
      diagnostic_warning(b->elaborator->diagnostics, p->about.where, "no loss of stage '%s' trains '%s'",
                         b->stage->about.name, p->about.path);
  }
}

static bool run_steps(optimizing *o) {
  stage_build *b = o->build;
  graph *g = b->graph;
  value *flowing = arena_array(g->arena, value, b->trained_count);
  int count = 0;
  for (int i = 0; i < b->trained_count; i++)
    if (o->gradients[i])
      flowing[count++] = value_tensor(o->gradients[i]);
  if (!prepare(o, flowing, count))
    return false;
  node *t = scalar_input(g, "step", b->stage->optimizer->where);
  node *total = scalar_input(g, "steps", b->stage->optimizer->where);
  bool good = true;
  for (int i = 0; i < b->trained_count && good; i++)
    if (o->gradients[i])
      good = step(o, b->trained[i], o->gradients[i], t, total);
  return good;
}

bool optimizer_elaborate(stage_build *b, bool output_gradients) {
  elaborator *e = b->elaborator;
  stage_record *s = b->stage;
  if (!s->optimizer) {
    diagnostic *error =
        diagnostic_error(e->diagnostics, s->syntax->name_where, "stage '%s' has no optimizer", s->about.name);
    diagnostic_hint(error, "add `optimizer adamw(lr: 1e-4)` (and `use optimizers`)");
  }
  if (!s->optimizer_declaration)
    return false; /* reported */
  int errors = diagnostics_error_count(e->diagnostics);
  optimizing o = {.build = b,
                  .optimizer = s->optimizer_declaration,
                  .scope = scope_create(e, scope_of_file(e, s->optimizer_file)),
                  .gradients = arena_array(e->arena, node *, b->trained_count)};
  if (!bind_optimizer(&o))
    return false;
  differentiate(b->graph, b->total, NULL, b->trained_count, b->trained, o.gradients);
  elaborator_attach(e, b->graph);
  for (int i = 0; i < s->about.student_count; i++)
    mark_reached(b, stage_student(b, i), o.gradients);
  warn_fits(b, o.gradients);
  for (int i = 0; i < b->trained_count && output_gradients; i++)
    if (o.gradients[i])
      graph_output_add(b->graph, arena_print(e->arena, "gradient.%s", b->trained[i]->attributes.input.name),
                       o.gradients[i]);
  call_frame frame = {.name = o.optimizer->name, .where = s->optimizer->where};
  e->frame = &frame;
  read_members(&o, &o.optimizer->members);
  if (!o.step)
    elaborate_error(e, o.optimizer->name_where, "optimizer '%s' has no function step", o.optimizer->name);
  s->about.states = NULL;
  s->about.state_count = 0;
  bool good = o.step && diagnostics_error_count(e->diagnostics) == errors && run_steps(&o);
  e->frame = NULL;
  return good && diagnostics_error_count(e->diagnostics) == errors;
}
