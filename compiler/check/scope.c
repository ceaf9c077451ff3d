#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

scope *scope_create(elaborator *e, scope *parent) {
  scope *s = arena_new(e->arena, scope);
  s->parent = parent;
  s->file = parent->file;
  return s;
}

scope *scope_of_file(elaborator *e, const loaded_file *file) {
  scope *s = arena_new(e->arena, scope);
  s->file = file;
  return s;
}

static binding *find_own(scope *s, const char *name) {
  for (int i = s->count - 1; i >= 0; i--)
    if (strcmp(s->items[i].name, name) == 0)
      return &s->items[i];
  return NULL;
}

binding *scope_bind(elaborator *e, scope *s, const char *name, value v, span where) {
  binding *old = find_own(s, name);
  binding b = {.name = name, .value = v, .where = where};
  if (old) {
    *old = b;
    return old;
  }
  arena_append(e->arena, s->items, s->count, b);
  return &s->items[s->count - 1];
}

binding *scope_find(scope *s, const char *name) {
  for (; s; s = s->parent) {
    binding *b = find_own(s, name);
    if (b)
      return b;
  }
  return NULL;
}

binding *scope_find_member(scope *s, const char *name) {
  for (; s; s = s->parent)
    if (s->self) {
      binding *b = find_own(s->self->members, name);
      if (b)
        return b;
    }
  return NULL;
}

value value_of_declaration(elaborator *e, const declaration *d, const loaded_file *owner) {
  if (d->kind == DECLARE_FUNCTION) {
    function_value *f = arena_new(e->arena, function_value);
    *f = (function_value){.syntax = d->function, .file = owner};
    return (value){.kind = VALUE_FUNCTION, .as.function = f};
  }
  module_value *m = arena_new(e->arena, module_value);
  *m = (module_value){.declaration = d, .file = owner};
  return (value){.kind = VALUE_MODULE, .as.module = m};
}

/* ---- unknown names ---- */

typedef struct name_list {
  arena *arena;
  int count;
  const char **names;
} name_list;

static void add_name(name_list *list, const char *name) {
  arena_append(list->arena, list->names, list->count, name);
}

static void add_scope_names(name_list *list, const scope *s) {
  for (int i = 0; i < s->count; i++)
    add_name(list, s->items[i].name);
}

static void add_file_names(name_list *list, const loaded_file *file) {
  for (int i = 0; i < file->syntax->declaration_count; i++)
    if (file->syntax->declarations[i]->name)
      add_name(list, file->syntax->declarations[i]->name);
}

static const char *nearest_in_scope(elaborator *e, const scope *s, const char *name) {
  name_list list = {.arena = e->arena};
  const loaded_file *file = s->file;
  for (; s; s = s->parent) {
    add_scope_names(&list, s);
    if (s->self)
      add_scope_names(&list, s->self->members);
  }
  add_file_names(&list, file);
  for (int i = 0; i < file->use_count; i++)
    if (file->uses[i])
      add_file_names(&list, file->uses[i]);
  for (int i = 0; builtin_at(i); i++)
    add_name(&list, builtin_name(builtin_at(i)));
  add_name(&list, "training");
  return nearest_name(name, list.names, list.count);
}

static value unknown_name(elaborator *e, const scope *s, const char *name, span where) {
  diagnostic *d = elaborate_error(e, where, "unknown name '%s'", name);
  const char *nearest = nearest_in_scope(e, s, name);
  if (nearest)
    diagnostic_hint(d, "did you mean '%s'?", nearest);
  return elaborate_failed(e, d);
}

static bool is_training(const elaborator *e, const scope *s) {
  for (const scope *around = s; around; around = around->parent)
    if (around->self)
      return around->self->root->training;
  if (e->frame && e->frame->self)
    return e->frame->self->root->training;
  return e->objective;
}

static value read_binding(elaborator *e, const binding *b, span where) {
  if (b->value.kind == VALUE_PARAMETER)
    return value_tensor(parameter_read(e, b->value.as.parameter, where));
  return b->value;
}

value scope_read(elaborator *e, scope *s, const char *name, span where) {
  binding *b = scope_find(s, name);
  if (!b)
    b = scope_find_member(s, name);
  if (b)
    return read_binding(e, b, where);
  const loaded_file *owner = NULL;
  const declaration *d = file_find(s->file, name, &owner);
  if (d)
    return value_of_declaration(e, d, owner);
  if (strcmp(name, "training") == 0)
    return value_bool(is_training(e, s));
  const builtin *built = builtin_find(name);
  if (built)
    return (value){.kind = VALUE_BUILTIN, .as.builtin = built};
  return unknown_name(e, s, name, where);
}
