/* object.name */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

static value read_member(elaborator *e, const binding *b, span where) {
  if (b->value.kind == VALUE_PARAMETER)
    return value_tensor(parameter_read(e, b->value.as.parameter, where));
  return b->value;
}

/* What `instance.` could be followed by, for messages. */
typedef struct choice {
  int count;
  const char **names;
} choice;

static void add_choice(elaborator *e, choice *c, const char *name) {
  arena_append(e->arena, c->names, c->count, name);
}

static value unknown_field(elaborator *e, const instance *self, const char *name, span where) {
  const instance *top_instance = self->root->top;
  if (top_instance->generation == e->generation && top_instance->result.kind == VALUE_ERROR)
    return value_error(); /* its forward failed, and taps may be missing for that */
  choice all = {0}, taps = {0};
  bool current = self->generation == e->generation;
  for (int i = 0; e->objective && current && i < self->tap_count; i++) {
    add_choice(e, &taps, self->taps[i].name);
    add_choice(e, &all, self->taps[i].name);
  }
  for (int i = 0; i < self->members->count; i++)
    add_choice(e, &all, self->members->items[i].name);
  if (e->objective && current && self->result.kind != VALUE_NONE)
    add_choice(e, &all, "result");
  bool top = self->path[0] == 0;
  diagnostic *d = elaborate_error(e, where, "%s%s%s has no %s'%s'", self->root->prefix, top ? "" : ".", self->path,
                                  e->objective ? "tap or member " : "member ", name);
  const char *nearest = nearest_name(name, all.names, all.count);
  if (taps.count > 0) {
    text t = {0};
    for (int i = 0; i < taps.count; i++)
      text_add(&t, "%s%s", i ? ", " : "", taps.names[i]);
    diagnostic_note(d, (span){0}, "its taps are: %s", text_keep(e, &t));
  } else if (e->objective) {
    diagnostic_note(d, (span){0}, "it has no taps");
  }
  if (nearest)
    diagnostic_hint(d, "did you mean '%s'?", nearest);
  return elaborate_failed(e, d);
}

static value instance_field(elaborator *e, instance *self, const char *name, span where) {
  if (e->objective) {
    tap *t = instance_tap(e, self, name);
    if (t) {
      t->read = true;
      return t->value;
    }
    if (strcmp(name, "result") == 0 && self->generation == e->generation && self->result.kind != VALUE_NONE)
      return self->result;
  }
  const binding *b = scope_find(self->members, name);
  return b ? read_member(e, b, where) : unknown_field(e, self, name, where);
}

value elaborate_field(elaborator *e, value object, const char *name, span where) {
  if (object.kind == VALUE_ERROR)
    return object;
  if (object.kind == VALUE_INSTANCE)
    return instance_field(e, object.as.instance, name, where);
  if (object.kind == VALUE_TENSOR && strcmp(name, "T") == 0)
    return value_tensor(tensor_transpose(e, object.as.tensor, where));
  diagnostic *d = elaborate_error(e, where, "%s has no '%s'", value_describe(e, object), name);
  if (object.kind == VALUE_LIST)
    diagnostic_hint(d, "a list's elements are reached by an index: layer[0].%s", name);
  return elaborate_failed(e, d);
}
