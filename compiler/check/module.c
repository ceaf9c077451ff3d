/* Instances of modules: their members, parameters with initializers, submodules; and what a graph knows of them. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <math.h>
#include <string.h>

static const char *join_path(elaborator *e, const char *path, const char *name) {
  return path[0] ? arena_print(e->arena, "%s.%s", path, name) : name;
}

/* ---- initializers ---- */

typedef struct initializer {
  const char *name;
  initial_kind kind;
  const char *parameters[2]; /* of initial_a and initial_b */
  double defaults[2];
  int required;
} initializer;

static const initializer initializers[] = {
    {"zeros", INITIAL_ZEROS, {NULL, NULL}, {0, 0}, 0},        {"ones", INITIAL_ONES, {NULL, NULL}, {0, 0}, 0},
    {"constant", INITIAL_CONSTANT, {"v", NULL}, {0, 0}, 1},   {"normal", INITIAL_NORMAL, {"std", "mean"}, {1, 0}, 0},
    {"uniform", INITIAL_UNIFORM, {"low", "high"}, {0, 1}, 0},
};
enum { INITIALIZER_COUNT = sizeof initializers / sizeof initializers[0] };

static const initializer *find_initializer(const expression *x) {
  const expression *name = x->kind == EXPRESSION_CALL ? x->as.call.callee : x;
  for (int i = 0; name->kind == EXPRESSION_NAME && i < INITIALIZER_COUNT; i++)
    if (strcmp(initializers[i].name, name->as.name) == 0)
      return &initializers[i];
  return NULL;
}

static bool initializer_argument(elaborator *e, scope *s, const initializer *n, const argument *a, int position,
                                 double *settings) {
  int index = a->name ? -1 : position;
  for (int i = 0; a->name && i < 2; i++)
    if (n->parameters[i] && strcmp(n->parameters[i], a->name) == 0)
      index = i;
  if (index >= 0 && index < 2 && n->parameters[index])
    return elaborate_real(e, s, a->value, arena_print(e->arena, "'%s' of an initializer", n->parameters[index]),
                          &settings[index]);
  if (a->name)
    elaborate_failed(e, elaborate_error(e, a->where, "'%s' has no parameter '%s'", n->name, a->name));
  else
    elaborate_failed(e, elaborate_error(e, a->where, "'%s' takes no such argument", n->name));
  return false;
}

static bool read_initializer(elaborator *e, scope *s, const expression *x, model_parameter *p) {
  const initializer *n = x ? find_initializer(x) : &initializers[0];
  if (!n) {
    diagnostic *d = elaborate_error(e, x->where, "a parameter starts from an initializer");
    diagnostic_hint(d, "zeros, ones, constant(v), normal(std:, mean:), uniform(low:, high:)");
    elaborate_failed(e, d);
    return false;
  }
  double settings[2] = {n->defaults[0], n->defaults[1]};
  int count = x && x->kind == EXPRESSION_CALL ? x->as.call.count : 0;
  bool fine = true;
  for (int i = 0; i < count; i++)
    fine = initializer_argument(e, s, n, &x->as.call.arguments[i], i, settings) && fine;
  if (fine && count < n->required) {
    elaborate_failed(e, elaborate_error(e, x->where, "'%s' needs its value", n->name));
    return false;
  }
  p->initial = n->kind;
  p->initial_a = settings[0];
  p->initial_b = settings[1];
  return fine;
}

/* ---- parameters ---- */

static bool parameter_size(elaborator *e, scope *s, const type_dimension *d, int64_t *size) {
  if (d->ellipsis || d->ragged) {
    elaborate_failed(e, elaborate_error(e, d->where, "a parameter's sizes are compile-time ints"));
    return false;
  }
  if (!elaborate_int(e, s, d->size, "a parameter's size", size))
    return false;
  if (*size >= 1)
    return true;
  elaborate_failed(e, elaborate_error(e, d->where, "a size must be 1 or more, not %lld", (long long)*size));
  return false;
}

static bool parameter_type(elaborator *e, scope *s, const type_syntax *t, model_parameter *p) {
  static const char *const names[] = {"bool", "i32", "i64", "f32"};
  if (t->kind != TYPE_TENSOR || t->dimension_count > RANK_MAX) {
    elaborate_failed(e,
                     elaborate_error(e, t->where, "a parameter has a tensor type of at most %d dimensions", RANK_MAX));
    return false;
  }
  for (int i = 0; i < 4; i++)
    if (strcmp(names[i], t->name) == 0)
      p->dtype = (dtype)i;
  p->rank = t->has_dimensions ? t->dimension_count : 0;
  bool fine = true;
  int64_t elements = 1;
  for (int i = 0; i < p->rank; i++)
    fine = parameter_size(e, s, &t->dimensions[i], &p->sizes[i]) && fine;
  for (int i = 0; fine && i < p->rank; i++)
    if (__builtin_mul_overflow(elements, p->sizes[i], &elements) || elements > INT64_MAX / 8) {
      elaborate_failed(e, elaborate_error(e, t->where, "a parameter of that size does not fit into memory"));
      return false;
    }
  if (fine && p->trained && p->dtype != DTYPE_F32) {
    diagnostic *d = elaborate_error(e, t->where, "a param is f32: only that can be trained");
    diagnostic_hint(d, "a buffer may have any element type");
    elaborate_failed(e, d);
    return false;
  }
  return fine;
}

static void add_parameter(elaborator *e, instance *self, const member *m) {
  scope *s = self->members;
  instance_root *root = self->root;
  const char *path = join_path(e, self->path, m->name);
  instance_parameter *p = arena_new(e->arena, instance_parameter);
  p->owner = self;
  p->about = (model_parameter){.path = path,
                               .input = arena_print(e->arena, "%s/%s", root->prefix, path),
                               .trained = m->kind == MEMBER_PARAM,
                               .where = m->name_where};
  bool fine = parameter_type(e, s, m->type, &p->about);
  fine = read_initializer(e, s, m->value, &p->about) && fine;
  value v = fine ? (value){.kind = VALUE_PARAMETER, .as.parameter = p} : value_error();
  scope_bind(e, s, m->name, v, m->name_where);
  if (fine)
    arena_append(e->arena, root->parameters, root->parameter_count, p);
}

node *parameter_read(elaborator *e, instance_parameter *p, span where) {
  if (!elaborate_needs_graph(e, where))
    return NULL;
  if (p->generation == e->generation && p->value)
    return p->value;
  shape s = {.rank = p->about.rank};
  for (int i = 0; i < s.rank; i++)
    s.dims[i] = dim_constant(e->graph->dims, p->about.sizes[i]);
  p->state = graph_input(e->graph, p->owner->root->kind, p->about.input, p->about.dtype, s, p->about.where);
  p->state->name = p->about.path;
  p->value = p->state;
  p->generation = e->generation;
  return p->value;
}

/* ---- members ---- */

static void run_members(elaborator *e, instance *self, const member_list *list);

static void add_function(elaborator *e, instance *self, const member *m) {
  function_value *f = arena_new(e->arena, function_value);
  *f = (function_value){.syntax = m->function, .file = self->module->file, .self = self};
  value v = {.kind = VALUE_FUNCTION, .as.function = f};
  scope_bind(e, self->members, m->function->name, v, m->function->name_where);
}

static void add_array(elaborator *e, instance *self, const member *m) {
  value range = elaborate_expression(e, self->members, m->range), array = value_error();
  if (range.kind == VALUE_LIST) {
    int count = range.as.list->count;
    value *items = arena_array(e->arena, value, count);
    for (int i = 0; i < count && elaborate_step(e, m->where); i++) {
      scope *inner = scope_create(e, self->members);
      scope_bind(e, inner, m->variable, range.as.list->items[i], m->where);
      const char *path = arena_print(e->arena, "%s.%d", join_path(e, self->path, m->name), i);
      items[i] = instantiate_expression(e, inner, m->value, self->root, path);
    }
    array = value_list_of(e, count, items);
  } else if (range.kind != VALUE_ERROR) {
    elaborate_failed(e,
                     elaborate_error(e, m->range->where, "an array of modules goes through a range or a list, not %s",
                                     value_describe(e, range)));
  }
  scope_bind(e, self->members, m->name, array, m->name_where);
}

static void add_submodule(elaborator *e, instance *self, const member *m) {
  if (m->range) {
    add_array(e, self, m);
    return;
  }
  const char *path = join_path(e, self->path, m->name);
  value v = instantiate_expression(e, self->members, m->value, self->root, path);
  scope_bind(e, self->members, m->name, v, m->name_where);
}

static bool is_taken(elaborator *e, instance *self, const char *name, span where) {
  const binding *b = name ? scope_find(self->members, name) : NULL;
  if (!b)
    return false;
  diagnostic *d = elaborate_error(e, where, "module '%s' has '%s' already", self->module->declaration->name, name);
  diagnostic_note(d, b->where, "it is declared here");
  elaborate_failed(e, d);
  return true;
}

static void run_member(elaborator *e, instance *self, const member *m) {
  const char *name = m->kind == MEMBER_FUNCTION ? m->function->name : m->name;
  bool condition = false;
  if (m->kind != MEMBER_IF &&
      is_taken(e, self, name, m->kind == MEMBER_FUNCTION ? m->function->name_where : m->name_where))
    return;
  switch (m->kind) {
  case MEMBER_PARAM:
  case MEMBER_BUFFER:
    add_parameter(e, self, m);
    return;
  case MEMBER_LET:
    scope_bind(e, self->members, m->name, elaborate_expression(e, self->members, m->value), m->name_where);
    return;
  case MEMBER_SUBMODULE:
    add_submodule(e, self, m);
    return;
  case MEMBER_FUNCTION:
    add_function(e, self, m);
    return;
  case MEMBER_IF:
    if (elaborate_condition(e, self->members, m->value, &condition))
      run_members(e, self, condition ? &m->body : &m->otherwise);
    return;
  case MEMBER_STATE:
  case MEMBER_FOR:
  case MEMBER_STATEMENT:
    elaborate_failed(e, elaborate_error(e, m->where, "this cannot stand in a module"));
    return;
  }
}

static void run_members(elaborator *e, instance *self, const member_list *list) {
  for (int i = 0; i < list->count; i++)
    run_member(e, self, list->items[i]);
}

/* ---- instances ---- */

static instance *instantiate(elaborator *e, const module_value *module, instance_root *root, const char *path,
                             int count, const call_argument *arguments, span where) {
  const declaration *d = module->declaration;
  if (!elaborate_step(e, where))
    return NULL;
  if (e->depth >= CALL_DEPTH_MAX) {
    elaborate_failed(e, elaborate_error(e, where, "recursion without end: module '%s' contains itself", d->name));
    e->unwinding = true;
    return NULL;
  }
  instance *self = arena_new(e->arena, instance);
  *self = (instance){.root = root, .module = module, .path = path, .where = where, .result = value_none()};
  self->members = scope_of_file(e, module->file);
  if (!root->top)
    root->top = self;
  if (!bind_arguments(e, d->name, d->parameter_count, d->parameters, count, arguments, where, self->members, NULL))
    return NULL;
  graph *current = e->graph;
  call_frame frame = {e->frame, d->name, where, self};
  e->graph = NULL; /* members are known for all graphs: nothing of this one may get into them */
  e->frame = &frame;
  e->depth++;
  run_members(e, self, &d->members);
  if (--e->depth == 0)
    e->unwinding = false;
  e->frame = frame.caller;
  e->graph = current;
  return self;
}

static bool is_module(elaborator *e, const module_value *m, span where) {
  const declaration *d = m->declaration;
  if (d->kind == DECLARE_MODULE)
    return true;
  diagnostic *error = elaborate_error(e, where, "'%s' is an %s, not a module", d->name, declaration_kind_name(d->kind));
  diagnostic_note(error, d->name_where, "it is declared here");
  elaborate_failed(e, error);
  return false;
}

instance_root *instantiate_model(elaborator *e, const module_value *module, const char *prefix, int count,
                                 const call_argument *arguments, span where) {
  if (!is_module(e, module, where))
    return NULL;
  e->step_count = 0;
  instance_root *root = arena_new(e->arena, instance_root);
  *root = (instance_root){.prefix = prefix, .kind = INPUT_WEIGHT};
  return instantiate(e, module, root, "", count, arguments, where) ? root : NULL;
}

static value instantiate_call(elaborator *e, scope *s, const expression *x, const module_value *module,
                              instance_root *root, const char *path) {
  call_argument *arguments = NULL;
  if (!is_module(e, module, x->as.call.callee->where) ||
      !evaluate_arguments(e, s, x->as.call.count, x->as.call.arguments, &arguments))
    return value_error();
  instance *made = instantiate(e, module, root, path, x->as.call.count, arguments, x->where);
  return made ? value_instance(made) : value_error();
}

value instantiate_expression(elaborator *e, scope *s, const expression *x, instance_root *root, const char *path) {
  bool condition = false;
  if (x->kind == EXPRESSION_CONDITIONAL) {
    if (!elaborate_condition(e, s, x->as.conditional.condition, &condition))
      return value_error();
    return instantiate_expression(e, s, condition ? x->as.conditional.then : x->as.conditional.otherwise, root, path);
  }
  value callee = x->kind == EXPRESSION_CALL ? elaborate_expression(e, s, x->as.call.callee) : value_none();
  if (callee.kind == VALUE_MODULE)
    return instantiate_call(e, s, x, callee.as.module, root, path);
  if (callee.kind == VALUE_ERROR)
    return callee;
  value other = x->kind == EXPRESSION_CALL ? value_none() : elaborate_expression(e, s, x);
  if (other.kind == VALUE_INSTANCE || other.kind == VALUE_ERROR)
    return other; /* one that exists: tied weights */
  diagnostic *d = elaborate_error(e, x->where, "a submodule is made by a module: name = module(...)");
  if (callee.kind != VALUE_NONE)
    diagnostic_label(d, x->as.call.callee->where, "%s", value_describe(e, callee));
  diagnostic_hint(d, "`let name = ...` names any other value");
  return elaborate_failed(e, d);
}

/* ---- what a graph knows of an instance ---- */

void instance_refresh(elaborator *e, instance *self) {
  if (self->generation == e->generation)
    return;
  self->generation = e->generation;
  self->tap_count = 0;
  self->taps = NULL;
  self->result = value_none();
  self->random_count = 0;
}

tap *instance_tap(elaborator *e, instance *self, const char *name) {
  for (int i = 0; self->generation == e->generation && i < self->tap_count; i++)
    if (strcmp(self->taps[i].name, name) == 0)
      return &self->taps[i];
  return NULL;
}

void instance_tap_add(elaborator *e, instance *self, const char *name, value v, span where) {
  instance_refresh(e, self);
  tap *known = instance_tap(e, self, name);
  if (known) {
    known->value = v; /* called again: the last one counts */
    return;
  }
  tap t = {.name = name, .value = v, .where = where};
  arena_append(e->arena, self->taps, self->tap_count, t);
}

/* ---- walking ---- */

/* An instance that was made as this member, not one that was passed in. */
static bool is_own(const instance *self, const char *name, const instance *child) {
  size_t length = strlen(self->path), name_length = strlen(name);
  const char *rest = child->path;
  if (child->root != self->root || strncmp(rest, self->path, length) != 0)
    return false;
  rest += length;
  if (length > 0 && *rest++ != '.')
    return false;
  return strncmp(rest, name, name_length) == 0 && (rest[name_length] == 0 || rest[name_length] == '.');
}

void instance_walk(instance *self, void (*visit)(instance *i, void *context), void *context) {
  visit(self, context);
  for (int m = 0; m < self->members->count; m++) {
    const binding *b = &self->members->items[m];
    const value_list *list = b->value.kind == VALUE_LIST ? b->value.as.list : NULL;
    for (int i = 0; list && i < list->count; i++)
      if (list->items[i].kind == VALUE_INSTANCE && is_own(self, b->name, list->items[i].as.instance))
        instance_walk(list->items[i].as.instance, visit, context);
    if (b->value.kind == VALUE_INSTANCE && is_own(self, b->name, b->value.as.instance))
      instance_walk(b->value.as.instance, visit, context);
  }
}
