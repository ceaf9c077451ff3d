/* Models from folders: `model teacher = pretrained("FOLDER", fresh: "classifier", classes: 77)`.
 *
 * The folder's config.json says which module it is, with which arguments. One that Retort wrote names the module
 * itself. Else it has a "model_type" T, and a function `published_T` of the file, or of what it uses, says what its
 * keys mean: its parameters are the keys that it reads, its value is a call of the module. */
#include "compiler/check/pretrained.h"
#include "compiler/check/tensor.h"
#include "runtime/data/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char convention[] = "published_";

typedef struct reading {
  program *program;
  experiment *experiment;
  span where; /* of the folder's name */
  const char *config;
  json_t *json;
  pretrained *to;
} reading;

bool pretrained_is(const expression *x) {
  return x->kind == EXPRESSION_CALL && x->as.call.callee->kind == EXPRESSION_NAME &&
         strcmp(x->as.call.callee->as.name, "pretrained") == 0;
}

static diagnostic *complain(const reading *r, const char *what) {
  return diagnostic_error(r->program->elaborator->diagnostics, r->where, "%s", what);
}

/* ---- config.json ---- */

/* What of JSON has a kind in the language; VALUE_NONE for the rest. */
static value value_of(arena *a, const json_t *j) {
  if (json_is_integer(j))
    return value_int(json_integer_value(j));
  if (json_is_real(j))
    return value_real(json_real_value(j));
  if (json_is_boolean(j))
    return value_bool(json_is_true(j));
  if (json_is_string(j))
    return value_string(arena_print(a, "%s", json_string_value(j)));
  return value_none();
}

static bool read_config(reading *r, const char *folder) {
  failure f = {0};
  char *found = file_locate(program_path(r->program), folder, &f);
  if (!found) {
    complain(r, f.text);
    failure_free(&f);
    return false;
  }
  arena *a = r->program->arena;
  r->to->folder = arena_print(a, "%s", found);
  r->to->config = r->config = arena_print(a, "%s/config.json", found);
  free(found);
  json_error_t error;
  r->json = json_load_file(r->config, JSON_REJECT_DUPLICATES, &error);
  if (!r->json && error.line > 0)
    complain(r, arena_print(a, "%s:%d: broken JSON: %s", r->config, error.line, error.text));
  else if (!r->json)
    complain(r, arena_print(a, "%s", error.text));
  else if (!json_is_object(r->json))
    complain(r, arena_print(a, "%s is no JSON object", r->config));
  else if (!json_object_get(r->json, "num_labels") && json_object_get(r->json, "id2label"))
    /* published files name the labels instead of counting them */
    json_object_set_new(r->json, "num_labels",
                        json_integer((json_int_t)json_object_size(json_object_get(r->json, "id2label"))));
  return json_is_object(r->json);
}

/* ---- the module and its arguments ---- */

static void add_argument(const reading *r, const char *name, value v) {
  call_argument given = {.name = name, .value = v, .where = r->where};
  arena_append(r->program->arena, r->to->arguments, r->to->argument_count, given);
}

static const module_value *module_named(const reading *r, const char *name) {
  const loaded_file *owner;
  const declaration *found = file_find(r->program->file, name, &owner);
  if (!found || found->kind != DECLARE_MODULE)
    return NULL;
  expression x = {.kind = EXPRESSION_NAME, .where = r->where, .as.name = name};
  value v = elaborate_expression(r->program->elaborator, r->experiment->scope, &x);
  return v.kind == VALUE_MODULE ? v.as.module : NULL;
}

/* What config.json says for a parameter is of no use to it. */
static value wrong_value(const reading *r, const parameter_syntax *p, const char *why) {
  char *said = json_dumps(json_object_get(r->json, p->name), JSON_ENCODE_ANY | JSON_COMPACT);
  arena *a = r->program->arena;
  diagnostic *d = complain(r, arena_print(a, "%s says \"%s\": %.60s, %s", r->config, p->name, said ? said : "?", why));
  diagnostic_note(d, p->where, "it is read here");
  free(said);
  return value_error();
}

/* The value of a parameter's key; a function stands there by its name, looked up in `file`. VALUE_NONE: no such key. */
static value value_of_key(const reading *r, const parameter_syntax *p, const loaded_file *file) {
  elaborator *e = r->program->elaborator;
  const json_t *said = json_object_get(r->json, p->name);
  if (!said || json_is_null(said))
    return value_none();
  value v = value_of(r->program->arena, said), held = v;
  bool by_name = v.kind == VALUE_STRING && p->type->kind == TYPE_FUNCTION;
  if (v.kind == VALUE_NONE || (!by_name && !value_coerce(p->type, &held)))
    return wrong_value(r, p, arena_print(e->arena, "which is not %s", type_kind_name(p->type)));
  if (!by_name)
    return v;
  const loaded_file *owner;
  if (!builtin_find(v.as.string) && !file_find(file, v.as.string, &owner))
    return wrong_value(r, p, arena_print(e->arena, "and %s sees no function of that name", file->path));
  expression x = {.kind = EXPRESSION_NAME, .where = r->where, .as.name = v.as.string};
  return elaborate_expression(e, scope_of_file(e, file), &x);
}

/* Of a folder that Retort wrote: keys are the module's parameters. */
static bool read_own(const reading *r, const module_value *module) {
  r->to->module = module;
  for (int i = 0; i < module->declaration->parameter_count; i++) {
    const parameter_syntax *p = &module->declaration->parameters[i];
    value v = value_of_key(r, p, module->file);
    if (v.kind == VALUE_ERROR)
      return false;
    if (v.kind != VALUE_NONE)
      add_argument(r, p->name, v);
  }
  return true;
}

/* Gives the function's parameters the values of their keys. */
static scope *bind_keys(const reading *r, const function_syntax *f, const loaded_file *file) {
  elaborator *e = r->program->elaborator;
  call_argument *arguments = NULL;
  int count = 0;
  bool good = true;
  for (int i = 0; i < f->parameter_count; i++) {
    const parameter_syntax *p = &f->parameters[i];
    call_argument given = {.name = p->name, .where = r->where};
    given.value = value_of_key(r, p, file);
    if (given.value.kind == VALUE_ERROR) {
      good = false;
    } else if (given.value.kind != VALUE_NONE) {
      arena_append(r->program->arena, arguments, count, given);
    } else if (!p->default_value) {
      diagnostic *d = complain(r, arena_print(r->program->arena, "%s has no \"%s\"", r->config, p->name));
      diagnostic_note(d, p->where, "'%s' reads it", f->name);
      good = false;
    }
  }
  scope *s = scope_create(e, scope_of_file(e, file));
  return good && bind_arguments(e, f->name, f->parameter_count, f->parameters, count, arguments, r->where, s, NULL)
             ? s
             : NULL;
}

/* A published folder, by the function that says what its keys mean. */
static bool read_published(const reading *r, const function_syntax *f, const loaded_file *file,
                           const module_value *module) {
  elaborator *e = r->program->elaborator;
  if (!f->value || f->value->kind != EXPRESSION_CALL) {
    diagnostic_error(e->diagnostics, f->name_where, "'%s' has to be a call of a module: = my_module(…)", f->name);
    return false;
  }
  const expression *call = f->value;
  scope *s = bind_keys(r, f, file);
  value callee = s ? elaborate_expression(e, s, call->as.call.callee) : value_error();
  call_argument *arguments = NULL;
  if (callee.kind == VALUE_ERROR || !evaluate_arguments(e, s, call->as.call.count, call->as.call.arguments, &arguments))
    return false;
  if (callee.kind != VALUE_MODULE) {
    diagnostic_error(e->diagnostics, call->where, "'%s' has to be a call of a module", f->name);
    return false;
  }
  r->to->module = module ? module : callee.as.module;
  const declaration *taker = r->to->module->declaration;
  for (int i = 0; i < call->as.call.count; i++) {
    bool taken = false; /* another module than the function's may have fewer parameters */
    for (int k = 0; arguments[i].name && k < taker->parameter_count; k++)
      taken |= strcmp(taker->parameters[k].name, arguments[i].name) == 0;
    if (!arguments[i].name) {
      diagnostic_error(e->diagnostics, arguments[i].where, "'%s' has to name the arguments of its module", f->name);
      return false;
    }
    if (taken)
      add_argument(r, arguments[i].name, arguments[i].value);
  }
  return true;
}

/* The function `published_TYPE`; NULL when there is none. */
static const function_syntax *find_published(const program *p, const char *type, const loaded_file **file) {
  const declaration *found = file_find(p->file, arena_print(p->arena, "%s%s", convention, type), file);
  return found && found->kind == DECLARE_FUNCTION ? found->function : NULL;
}

static bool read_module(const reading *r, const module_value *wanted) {
  arena *a = r->program->arena;
  const char *name = json_string_value(json_object_get(r->json, "module"));
  const char *type = json_string_value(json_object_get(r->json, "model_type"));
  const module_value *own = name ? module_named(r, name) : NULL;
  if (own)
    return read_own(r, wanted ? wanted : own);
  const loaded_file *file;
  const function_syntax *f = type ? find_published(r->program, type, &file) : NULL;
  if (f)
    return read_published(r, f, file, wanted);
  diagnostic *d;
  if (name) {
    d = complain(r, arena_print(a, "%s names the module '%s', which is not known here", r->config, name));
    diagnostic_hint(d, "`use` the file that declares it");
  } else if (type) {
    d = complain(
        r, arena_print(a, "nothing says what the keys of %s mean, whose \"model_type\" is \"%s\"", r->config, type));
    diagnostic_hint(d, "`use` a file with a function '%s%s'", convention, type);
  } else {
    complain(r, arena_print(a, "%s has neither \"model_type\" nor \"module\"", r->config));
  }
  return false;
}

/* ---- the call ---- */

/* Takes `fresh` and `module` out of the call's arguments; what is left is for the module. */
static bool read_own_arguments(const reading *r, const expression *call, expression *rest,
                               const module_value **wanted) {
  elaborator *e = r->program->elaborator;
  *rest = (expression){.kind = EXPRESSION_CALL, .where = call->where};
  rest->as.call.callee = call->as.call.callee;
  for (int i = 1; i < call->as.call.count; i++) {
    argument x = call->as.call.arguments[i];
    if (!x.name) {
      diagnostic_error(e->diagnostics, x.where, "behind the folder arguments are given by name");
      return false;
    }
    bool fresh = strcmp(x.name, "fresh") == 0, module = strcmp(x.name, "module") == 0;
    value v = fresh || module ? elaborate_expression(e, r->experiment->scope, x.value) : value_none();
    if (v.kind == VALUE_ERROR)
      return false;
    if (module && (v.kind != VALUE_MODULE || v.as.module->declaration->kind != DECLARE_MODULE)) {
      diagnostic_error(e->diagnostics, x.where, "'module' is %s, not a module", value_describe(e, v));
      return false;
    }
    if (fresh && v.kind != VALUE_STRING) {
      diagnostic *d = diagnostic_error(e->diagnostics, x.where, "'fresh' is %s, not a path", value_describe(e, v));
      diagnostic_hint(d, "as in fresh: \"classifier\"");
      return false;
    }
    if (module)
      *wanted = v.as.module;
    else if (fresh)
      arena_append(e->arena, r->to->fresh, r->to->fresh_count, v.as.string);
    else
      arena_append(e->arena, rest->as.call.arguments, rest->as.call.count, x);
  }
  return true;
}

bool pretrained_read(program *p, experiment *x, const expression *call, pretrained *to, expression *rest) {
  elaborator *e = p->elaborator;
  *to = (pretrained){0};
  const argument *first = call->as.call.count > 0 ? &call->as.call.arguments[0] : NULL;
  value folder = first && !first->name ? elaborate_expression(e, x->scope, first->value) : value_none();
  if (folder.kind == VALUE_ERROR)
    return false;
  if (folder.kind != VALUE_STRING) {
    diagnostic *d = diagnostic_error(e->diagnostics, call->where, "'pretrained' takes a folder first");
    diagnostic_hint(d, "as in pretrained(\"my-model\", fresh: \"classifier\")");
    return false;
  }
  reading r = {.program = p, .experiment = x, .where = first->value->where, .to = to};
  const module_value *wanted = NULL;
  bool good =
      read_own_arguments(&r, call, rest, &wanted) && read_config(&r, folder.as.string) && read_module(&r, wanted);
  json_decref(r.json);
  return good;
}

int pretrained_merge(program *p, const pretrained *from, int count, const call_argument *given, call_argument **all) {
  call_argument *merged = NULL;
  int total = 0;
  for (int i = 0; i < count; i++)
    arena_append(p->arena, merged, total, given[i]);
  for (int i = 0; i < from->argument_count; i++) {
    bool replaced = false;
    for (int k = 0; k < count; k++)
      replaced |= given[k].name && strcmp(given[k].name, from->arguments[i].name) == 0;
    if (!replaced)
      arena_append(p->arena, merged, total, from->arguments[i]);
  }
  *all = merged;
  return total;
}

/* ---- the way back ---- */

/* A key for each argument of the function's call that is one of its parameters alone. */
static void describe(program *p, const function_syntax *f, program_model *about) {
  const expression *call = f->value;
  about->published_type = f->name + strlen(convention);
  for (int i = 0; i < call->as.call.count; i++) {
    const argument *x = &call->as.call.arguments[i];
    for (int k = 0; x->name && x->value->kind == EXPRESSION_NAME && k < f->parameter_count; k++)
      if (strcmp(f->parameters[k].name, x->value->as.name) == 0) {
        struct published_key key = {.key = f->parameters[k].name, .setting = x->name};
        arena_append(p->arena, about->published_keys, about->published_key_count, key);
      }
  }
}

void pretrained_describe(program *p, program_model *about) {
  for (int f = -1; f < p->file->use_count; f++) {
    const loaded_file *file = f < 0 ? p->file : p->file->uses[f];
    for (int i = 0; file && i < file->syntax->declaration_count; i++) {
      const declaration *d = file->syntax->declarations[i];
      const expression *call = d->kind == DECLARE_FUNCTION ? d->function->value : NULL;
      if (!call || strncmp(d->name, convention, strlen(convention)) != 0 || call->kind != EXPRESSION_CALL ||
          call->as.call.callee->kind != EXPRESSION_NAME || strcmp(call->as.call.callee->as.name, about->module) != 0)
        continue;
      describe(p, d->function, about);
      return;
    }
  }
}
