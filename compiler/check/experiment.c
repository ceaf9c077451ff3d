/* The experiment of a file: lets, data, models, stages, evaluation and export, with overrides in their places. */
#include "compiler/check/experiment.h"
#include "compiler/check/pretrained.h"

#include <string.h>

void name_add(arena *a, name_list *list, const char *name) {
  arena_append(a, list->items, list->count, name);
}

void report_unknown(diagnostics *d, span where, const char *what, const char *name, int count,
                    const char *const *names) {
  diagnostic *e = diagnostic_error(d, where, "there is no %s '%s'", what, name);
  const char *nearest = nearest_name(name, names, count);
  if (nearest) {
    diagnostic_hint(e, "did you mean '%s'?", nearest);
    return;
  }
  text list = {0};
  for (int i = 0; i < count; i++)
    text_add(&list, "%s%s", i ? ", " : "", names[i]);
  if (count > 0 && list.length < 200)
    diagnostic_note(e, (span){0}, "there %s: %s", count == 1 ? "is" : "are", list.data);
  text_free(&list);
}

int experiment_model(const experiment *x, const char *name) {
  for (int i = 0; i < x->model_count; i++)
    if (strcmp(x->models[i]->about.name, name) == 0)
      return i;
  return -1;
}

int experiment_data(const experiment *x, const char *name) {
  for (int i = 0; i < x->data_count; i++)
    if (strcmp(x->data[i]->name, name) == 0)
      return i;
  return -1;
}

/* The index of a model or a set by the name in the source; -1 after an error. */
static int find_model(program *p, const experiment *x, const named *n) {
  int found = experiment_model(x, n->name);
  if (found >= 0)
    return found;
  const char **names = arena_array(p->arena, const char *, x->model_count);
  for (int i = 0; i < x->model_count; i++)
    names[i] = x->models[i]->about.name;
  report_unknown(p->elaborator->diagnostics, n->where, "model", n->name, x->model_count, names);
  return -1;
}

int experiment_find_data(program *p, const experiment *x, span where, const char *name) {
  int found = experiment_data(x, name);
  if (found >= 0)
    return found;
  const char **names = arena_array(p->arena, const char *, x->data_count);
  for (int i = 0; i < x->data_count; i++)
    names[i] = x->data[i]->name;
  report_unknown(p->elaborator->diagnostics, where, "data set", name, x->data_count, names);
  return -1;
}

static void read_let(program *p, experiment *x, const item *what) {
  const override *o = override_find(&x->overrides, "", what->name);
  name_add(p->arena, &x->settable, what->name);
  value v = elaborate_expression(p->elaborator, x->scope, o ? override_value(p->arena, o, what->value) : what->value);
  scope_bind(p->elaborator, x->scope, what->name, v, what->name_where);
}

static void add_parameter_names(program *p, experiment *x, const char *prefix, const declaration *of,
                                const char ***names) {
  const char **all = arena_array(p->arena, const char *, of->parameter_count);
  for (int i = 0; i < of->parameter_count; i++) {
    all[i] = of->parameters[i].name;
    name_add(p->arena, &x->settable, arena_print(p->arena, "%s%s", prefix, all[i]));
  }
  *names = all;
}

/* ---- models ---- */

static void list_functions(program *p, program_model *about, const instance *top, const member_list *members,
                           name_list *names) {
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    if (m->kind == MEMBER_FUNCTION && instance_function(top, m->name) == m->function)
      name_add(p->arena, names, m->name);
    if (m->kind == MEMBER_IF) {
      list_functions(p, about, top, &m->body, names);
      list_functions(p, about, top, &m->otherwise, names);
    }
  }
  about->function_count = names->count;
  about->functions = names->items;
}

static void list_settings(program *p, program_model *about, const instance *top) {
  const declaration *module = top->module->declaration;
  struct model_setting *settings = arena_array(p->arena, struct model_setting, module->parameter_count);
  int count = 0;
  for (int i = 0; i < module->parameter_count; i++) {
    const char *name = module->parameters[i].name;
    const binding *b = scope_find(top->members, name);
    if (!b)
      continue;
    struct model_setting s = {.name = name};
    if (b->value.kind == VALUE_INT) {
      s.kind = SETTING_INT;
      s.integer = b->value.as.integer;
    } else if (b->value.kind == VALUE_REAL) {
      s.kind = SETTING_REAL;
      s.real = b->value.as.real;
    } else if (b->value.kind == VALUE_BOOL) {
      s.kind = SETTING_BOOL;
      s.integer = b->value.as.boolean;
    } else if (b->value.kind == VALUE_STRING) {
      s.kind = SETTING_STRING;
      s.string = b->value.as.string;
    } else if (b->value.kind == VALUE_FUNCTION) {
      s.kind = SETTING_STRING;
      s.string = b->value.as.function->syntax->name;
    } else {
      continue;
    }
    settings[count++] = s;
  }
  about->setting_count = count;
  about->settings = settings;
}

static void describe_model(program *p, model_record *m, const char *name, span where) {
  instance_root *root = m->root;
  program_model *about = &m->about;
  about->name = name;
  about->where = where;
  about->module = root->top->module->declaration->name;
  model_parameter *parameters = arena_array(p->arena, model_parameter, root->parameter_count);
  for (int i = 0; i < root->parameter_count; i++)
    parameters[i] = root->parameters[i]->about;
  about->parameter_count = root->parameter_count;
  about->parameters = parameters;
  m->reached = arena_array(p->arena, bool, root->parameter_count);
  name_list names = {0};
  list_functions(p, about, root->top, &root->top->module->declaration->members, &names);
  list_settings(p, about, root->top);
  pretrained_describe(p, about);
}

static const module_value *module_of_model(program *p, experiment *x, const expression *call) {
  diagnostics *d = p->elaborator->diagnostics;
  if (call->kind != EXPRESSION_CALL) {
    diagnostic *e = diagnostic_error(d, call->where, "a model is made by calling a module");
    diagnostic_hint(e, "as in model student = my_module(layers: 2)");
    return NULL;
  }
  value callee = elaborate_expression(p->elaborator, x->scope, call->as.call.callee);
  if (callee.kind == VALUE_MODULE && callee.as.module->declaration->kind == DECLARE_MODULE)
    return callee.as.module;
  if (callee.kind != VALUE_ERROR)
    diagnostic_error(d, call->as.call.callee->where, "a model needs a module; this is %s",
                     value_describe(p->elaborator, callee));
  return NULL;
}

static void read_model(program *p, experiment *x, const item *what) {
  elaborator *e = p->elaborator;
  int other = experiment_model(x, what->name);
  if (other >= 0) {
    diagnostic *error = diagnostic_error(e->diagnostics, what->name_where, "there are two models '%s'", what->name);
    diagnostic_note(error, x->models[other]->where, "the other one is here");
    return;
  }
  model_record *m = arena_new(p->arena, model_record);
  m->about.name = what->name;
  m->where = what->name_where;
  arena_append(p->arena, x->models, x->model_count, m);
  pretrained from = {0};
  expression *call = what->value, rest;
  bool read = pretrained_is(call) && pretrained_read(p, x, call, &from, &rest);
  if (read)
    call = &rest;
  const module_value *module = pretrained_is(what->value) ? from.module : module_of_model(p, x, what->value);
  if (module && (read || !pretrained_is(what->value))) {
    const char *prefix = arena_print(p->arena, "%s.", what->name);
    const char **names;
    add_parameter_names(p, x, prefix, module->declaration, &names);
    call = override_call(p->arena, &x->overrides, prefix, call, module->declaration->parameter_count, names);
    call_argument *arguments = NULL;
    m->about.config_alone = from.config && call->as.call.count == 0;
    if (evaluate_arguments(e, x->scope, call->as.call.count, call->as.call.arguments, &arguments)) {
      int count = pretrained_merge(p, &from, call->as.call.count, arguments, &arguments);
      m->root = instantiate_model(e, module, what->name, count, arguments, call->where);
    }
  }
  m->about.folder = from.folder;
  m->about.config = from.config;
  m->about.fresh_count = from.fresh_count;
  m->about.fresh = from.fresh;
  if (m->root)
    describe_model(p, m, what->name, what->where);
  value v = m->root ? value_instance(m->root->top) : value_error();
  scope_bind(e, x->scope, what->name, v, what->name_where);
}

/* ---- stages ---- */

/* The declaration that a stage's objective or optimizer names, with overrides applied to *call. */
static const declaration *find_called(program *p, experiment *x, expression **call, declaration_kind kind,
                                      const char *what, const char *prefix, const loaded_file **owner) {
  const expression *callee = (*call)->kind == EXPRESSION_CALL ? (*call)->as.call.callee : *call;
  diagnostics *d = p->elaborator->diagnostics;
  if (callee->kind != EXPRESSION_NAME) {
    diagnostic_error(d, callee->where, "this is no %s", what);
    return NULL;
  }
  const declaration *found = file_find(p->file, callee->as.name, owner);
  if (!found || found->kind != kind) {
    name_list names = {0};
    for (int f = -1; f < p->file->use_count; f++) {
      const loaded_file *file = f < 0 ? p->file : p->file->uses[f];
      for (int i = 0; file && i < file->syntax->declaration_count; i++)
        if (file->syntax->declarations[i]->kind == kind)
          name_add(p->arena, &names, file->syntax->declarations[i]->name);
    }
    report_unknown(d, callee->where, what, callee->as.name, names.count, names.items);
    return NULL;
  }
  const char **names;
  add_parameter_names(p, x, prefix, found, &names);
  *call = override_call(p->arena, &x->overrides, prefix, *call, found->parameter_count, names);
  return found;
}

static const char *const stage_settings[] = {"epochs",    "steps",  "batch",      "seed",      "on",
                                             "optimizer", "freeze", "accumulate", "by_length", "validate",
                                             "every",     "keep",   "patience"};
enum { STAGE_SETTING_COUNT = sizeof stage_settings / sizeof *stage_settings };

/* What the file or the command line says for a setting; NULL when neither does. */
expression *stage_setting_value(program *p, experiment *x, const item *what, const char *name) {
  override *o = override_find(&x->overrides, arena_print(p->arena, "stage.%s.", what->name), name);
  if (o)
    return o->value;
  for (int i = 0; i < what->setting_count; i++)
    if (strcmp(what->settings[i].name, name) == 0)
      return what->settings[i].value;
  return NULL;
}

static void check_settings(program *p, experiment *x, const item *what) {
  for (int i = 0; i < STAGE_SETTING_COUNT; i++)
    name_add(p->arena, &x->settable, arena_print(p->arena, "stage.%s.%s", what->name, stage_settings[i]));
  for (int i = 0; i < what->setting_count; i++) {
    const setting *s = &what->settings[i];
    bool known = false;
    for (int k = 0; k < STAGE_SETTING_COUNT; k++)
      known |= strcmp(stage_settings[k], s->name) == 0;
    if (!known)
      report_unknown(p->elaborator->diagnostics, s->where, "setting", s->name, STAGE_SETTING_COUNT, stage_settings);
    for (int k = 0; k < i; k++)
      if (strcmp(what->settings[k].name, s->name) == 0)
        diagnostic_error(p->elaborator->diagnostics, s->where, "'%s' is said twice", s->name);
  }
}

int64_t experiment_positive_int(program *p, experiment *x, const expression *from, const char *name, int64_t fallback) {
  int64_t result = fallback;
  if (!from || !elaborate_int(p->elaborator, x->scope, from, name, &result))
    return fallback;
  if (result >= 1 && result <= INT32_MAX)
    return result;
  diagnostic_error(p->elaborator->diagnostics, from->where, "'%s' is %lld; it must be 1 or more", name,
                   (long long)result);
  return fallback;
}

static void read_length(program *p, experiment *x, const item *what, program_stage *about) {
  const char *prefix = arena_print(p->arena, "stage.%s.", what->name);
  const expression *epochs = stage_setting_value(p, x, what, "epochs"),
                   *steps = stage_setting_value(p, x, what, "steps");
  if (epochs && steps && override_find(&x->overrides, prefix, "epochs"))
    steps = NULL;
  else if (epochs && steps && override_find(&x->overrides, prefix, "steps"))
    epochs = NULL;
  diagnostics *d = p->elaborator->diagnostics;
  if (epochs && steps)
    diagnostic_error(d, steps->where, "a stage has epochs or steps, not both");
  if (!epochs && !steps) {
    diagnostic *e = diagnostic_error(d, what->name_where, "stage '%s' does not say how long it is", what->name);
    diagnostic_hint(e, "add `epochs 3` or `steps 1000`");
  }
  about->steps = experiment_positive_int(p, x, steps, "steps", 0);
  if (!epochs || !elaborate_real(p->elaborator, x->scope, epochs, "epochs", &about->epochs))
    return;
  if (!(about->epochs > 0) || about->epochs > 1e9)
    diagnostic_error(d, epochs->where, "'epochs' is %g; it must be more than 0", about->epochs);
}

static void read_settings(program *p, experiment *x, stage_record *s) {
  const item *what = s->syntax;
  diagnostics *d = p->elaborator->diagnostics;
  check_settings(p, x, what);
  read_length(p, x, what, &s->about);
  s->about.batch = (int)experiment_positive_int(p, x, stage_setting_value(p, x, what, "batch"), "batch", 32);
  s->about.seed = experiment_positive_int(p, x, stage_setting_value(p, x, what, "seed"), "seed", 0);
  const expression *on = stage_setting_value(p, x, what, "on");
  s->about.data = -1;
  if (on && on->kind != EXPRESSION_NAME)
    diagnostic_error(d, on->where, "'on' names a data set");
  else if (on)
    s->about.data = experiment_find_data(p, x, on->where, on->as.name);
  else if (x->data_count > 0)
    s->about.data = 0;
  else
    diagnostic_error(d, what->name_where, "stage '%s' has no data: the experiment declares none", what->name);
  stage_read_accumulate(p, x, s);
  stage_read_by_length(p, x, s);
  stage_read_frozen(p, x, s);
  stage_read_validation(p, x, s);
  s->optimizer = stage_setting_value(p, x, what, "optimizer");
  if (!s->optimizer) /* an error where something is to be trained: optimizer.c */
    return;
  const char *prefix = arena_print(p->arena, "stage.%s.optimizer.", what->name);
  s->optimizer_declaration =
      find_called(p, x, &s->optimizer, DECLARE_OPTIMIZER, "optimizer", prefix, &s->optimizer_file);
  if (s->optimizer_declaration)
    s->about.optimizer = s->optimizer_declaration->name;
}

static const int *find_models(program *p, experiment *x, int count, const named *names, bool *known) {
  int *models = arena_array(p->arena, int, count);
  for (int i = 0; i < count; i++) {
    models[i] = find_model(p, x, &names[i]);
    *known = *known && models[i] >= 0;
    for (int k = 0; k < i; k++)
      if (models[i] >= 0 && models[i] == models[k]) {
        diagnostic_error(p->elaborator->diagnostics, names[i].where, "'%s' is named twice", names[i].name);
        *known = false;
      }
  }
  return models;
}

static bool read_stage_models(program *p, experiment *x, stage_record *s) {
  const item *what = s->syntax;
  bool known = true;
  s->about.teacher_count = what->teacher_count;
  s->about.teachers = find_models(p, x, what->teacher_count, what->teachers, &known);
  s->about.student_count = what->student_count;
  s->about.students = find_models(p, x, what->student_count, what->students, &known);
  for (int i = 0; i < what->student_count; i++)
    for (int k = 0; k < what->teacher_count; k++)
      if (s->about.students[i] >= 0 && s->about.students[i] == s->about.teachers[k]) {
        diagnostic_error(p->elaborator->diagnostics, what->students[i].where, "'%s' cannot be its own teacher",
                         what->students[i].name);
        known = false;
      }
  return known;
}

static void read_stage(program *p, experiment *x, const item *what) {
  diagnostics *d = p->elaborator->diagnostics;
  for (int i = 0; i < x->stage_count; i++) {
    if (strcmp(x->stages[i]->about.name, what->name) != 0)
      continue;
    diagnostic *e = diagnostic_error(d, what->name_where, "there are two stages '%s'", what->name);
    diagnostic_note(e, x->stages[i]->syntax->name_where, "the other one is here");
    return;
  }
  stage_record *s = arena_new(p->arena, stage_record);
  s->syntax = what;
  s->about.name = what->name;
  s->about.where = what->where;
  s->models_known = read_stage_models(p, x, s);
  s->objective = what->objective;
  const char *prefix = arena_print(p->arena, "stage.%s.objective.", what->name);
  s->objective_declaration =
      find_called(p, x, &s->objective, DECLARE_OBJECTIVE, "objective", prefix, &s->objective_file);
  if (s->objective_declaration)
    s->about.objective = s->objective_declaration->name;
  read_settings(p, x, s);
  arena_append(p->arena, x->stages, x->stage_count, s);
}

/* ---- evaluation and export ---- */

const char *const experiment_metrics[EXPERIMENT_METRIC_COUNT] = {
    "accuracy", "f1", "macro_f1", "mcc", "pearson", "spearman", "agreement", "calibration_error", "perplexity"};

bool experiment_has_metric(const char *name, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(experiment_metrics[i], name) == 0)
      return true;
  return false;
}

static void read_evaluation(program *p, experiment *x, const item *what) {
  program_evaluation *v = arena_new(p->arena, program_evaluation);
  v->where = what->where;
  struct evaluated_model *models = arena_array(p->arena, struct evaluated_model, what->name_count);
  for (int i = 0; i < what->name_count; i++) {
    const named *n = &what->names[i];
    int model = find_model(p, x, n);
    if (model >= 0)
      models[v->model_count++] = (struct evaluated_model){.model = model, .label = n->label ? n->label : n->name};
  }
  v->models = models;
  if (what->on.name)
    v->data = experiment_find_data(p, x, what->on.where, what->on.name);
  else
    diagnostic_error(p->elaborator->diagnostics, what->where, "an evaluation names its data: evaluate … on test");
  const char **metrics = arena_array(p->arena, const char *, what->metric_count);
  for (int i = 0; i < what->metric_count; i++) {
    if (!experiment_has_metric(what->metrics[i].name, EXPERIMENT_METRIC_COUNT))
      report_unknown(p->elaborator->diagnostics, what->metrics[i].where, "metric", what->metrics[i].name,
                     EXPERIMENT_METRIC_COUNT, experiment_metrics);
    metrics[i] = what->metrics[i].name;
  }
  v->metric_count = what->metric_count;
  v->metrics = metrics;
  arena_append(p->arena, x->evaluations, x->evaluation_count, v);
}

/* Whether some stage's objective declares a submodule of that name. */
static const stage_record *stage_with_fit(const experiment *x, const char *name) {
  for (int i = 0; i < x->stage_count; i++) {
    const declaration *o = x->stages[i]->objective_declaration;
    for (int m = 0; o && m < o->members.count; m++)
      if (o->members.items[m]->kind == MEMBER_SUBMODULE && strcmp(o->members.items[m]->name, name) == 0)
        return x->stages[i];
  }
  return NULL;
}

static void read_export(program *p, experiment *x, const item *what) {
  for (int i = 0; i < what->name_count; i++) {
    const named *n = &what->names[i];
    const stage_record *fit = experiment_model(x, n->name) < 0 ? stage_with_fit(x, n->name) : NULL;
    if (fit) {
      diagnostic *e =
          diagnostic_warning(p->elaborator->diagnostics, n->where,
                             "'%s' is a helper of objective '%s' and is not exported", n->name, fit->about.objective);
      diagnostic_hint(e, "it is learned with the student and left behind; export the student");
      continue;
    }
    int model = find_model(p, x, n);
    if (model >= 0)
      arena_append(p->arena, x->exports, x->export_count, model);
  }
}

static void read_items(program *p, experiment *x, int count, item *const *items);

static void read_item(program *p, experiment *x, const item *what) {
  bool condition;
  switch (what->kind) {
  case ITEM_LET:
    read_let(p, x, what);
    break;
  case ITEM_DATA:
    experiment_read_data(p, x, what);
    break;
  case ITEM_MODEL:
    read_model(p, x, what);
    break;
  case ITEM_STAGE:
    read_stage(p, x, what);
    break;
  case ITEM_EVALUATE:
    read_evaluation(p, x, what);
    break;
  case ITEM_EXPORT:
    read_export(p, x, what);
    break;
  case ITEM_IF:
    if (elaborate_condition(p->elaborator, x->scope, what->value, &condition))
      read_items(p, x, condition ? what->body_count : what->otherwise_count, condition ? what->body : what->otherwise);
    break;
  }
}

static void read_items(program *p, experiment *x, int count, item *const *items) {
  for (int i = 0; i < count; i++)
    read_item(p, x, items[i]);
}

experiment *experiment_load(program *p) {
  const declaration *found = NULL;
  for (int i = 0; i < p->file->syntax->declaration_count; i++) {
    const declaration *d = p->file->syntax->declarations[i];
    if (d->kind != DECLARE_EXPERIMENT)
      continue;
    if (found) {
      diagnostic *e = diagnostic_error(p->elaborator->diagnostics, d->name_where, "a file has one experiment");
      diagnostic_note(e, found->name_where, "the other one is here");
    } else {
      found = d;
    }
  }
  experiment *x = arena_new(p->arena, experiment);
  x->overrides = overrides_parse(p->arena, &p->options, p->elaborator->diagnostics);
  p->experiment = found ? x : NULL;
  x->declaration = found;
  x->scope = scope_create(p->elaborator, scope_of_file(p->elaborator, p->file));
  if (found)
    read_items(p, x, found->item_count, found->items);
  experiment_check_choices(p, x);
  overrides_report_unused(&x->overrides, p->elaborator->diagnostics, x->settable.count, x->settable.items);
  return p->experiment;
}
