#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <string.h>

value value_error(void) {
  return (value){.kind = VALUE_ERROR};
}

value value_none(void) {
  return (value){.kind = VALUE_NONE};
}

value value_int(int64_t i) {
  return (value){.kind = VALUE_INT, .as.integer = i};
}

value value_real(double r) {
  return (value){.kind = VALUE_REAL, .as.real = r};
}

value value_bool(bool b) {
  return (value){.kind = VALUE_BOOL, .as.boolean = b};
}

value value_string(const char *s) {
  return (value){.kind = VALUE_STRING, .as.string = s};
}

value value_size(const dim *d) {
  int64_t constant = 0;
  return dim_is_constant(d, &constant) ? value_int(constant) : (value){.kind = VALUE_SIZE, .as.size = d};
}

value value_tensor(node *n) {
  return n ? (value){.kind = VALUE_TENSOR, .as.tensor = n} : value_error();
}

value value_list_of(elaborator *e, int count, const value *items) {
  value_list *list = arena_new(e->arena, value_list);
  list->count = count;
  list->items = arena_array(e->arena, value, count);
  if (count > 0)
    memcpy(list->items, items, sizeof *items * (size_t)count);
  return (value){.kind = VALUE_LIST, .as.list = list};
}

value value_instance(instance *i) {
  return (value){.kind = VALUE_INSTANCE, .as.instance = i};
}

const char *text_keep(elaborator *e, text *t) {
  const char *kept = arena_copy(e->arena, t->data ? t->data : "", t->length);
  text_free(t);
  return kept;
}

const char *dim_describe(elaborator *e, const dim *d) {
  text t = {0};
  dim_print(d, &t);
  return text_keep(e, &t);
}

const char *node_describe(elaborator *e, const node *n) {
  text t = {0};
  node_type_print(n, &t);
  return text_keep(e, &t);
}

const char *declaration_kind_name(declaration_kind kind) {
  switch (kind) {
  case DECLARE_MODULE:
    return "module";
  case DECLARE_FUNCTION:
    return "function";
  case DECLARE_OBJECTIVE:
    return "objective";
  case DECLARE_OPTIMIZER:
    return "optimizer";
  case DECLARE_EXPERIMENT:
    return "experiment";
  }
  return "declaration";
}

static const char *parameter_describe(elaborator *e, const instance_parameter *p) {
  text t = {0};
  text_add(&t, "%s[", dtype_name(p->about.dtype));
  for (int i = 0; i < p->about.rank; i++)
    text_add(&t, "%s%lld", i ? ", " : "", (long long)p->about.sizes[i]);
  text_add(&t, "]");
  return text_keep(e, &t);
}

const char *value_describe(elaborator *e, value v) {
  arena *a = e->arena;
  switch (v.kind) {
  case VALUE_ERROR:
    return "an error";
  case VALUE_NONE:
    return "nothing";
  case VALUE_INT:
    return arena_print(a, "int %lld", (long long)v.as.integer);
  case VALUE_REAL:
    return arena_print(a, "real %.9g", v.as.real);
  case VALUE_BOOL:
    return v.as.boolean ? "bool true" : "bool false";
  case VALUE_STRING:
    return arena_print(a, "string \"%s\"", v.as.string);
  case VALUE_SIZE:
    return arena_print(a, "size %s", dim_describe(e, v.as.size));
  case VALUE_TENSOR:
    return node_describe(e, v.as.tensor);
  case VALUE_LIST:
    return arena_print(a, "a list of %d", v.as.list->count);
  case VALUE_FUNCTION:
    return arena_print(a, "function %s", v.as.function->syntax->name);
  case VALUE_BUILTIN:
    return arena_print(a, "function %s", builtin_name(v.as.builtin));
  case VALUE_MODULE:
    return arena_print(a, "%s %s", declaration_kind_name(v.as.module->declaration->kind),
                       v.as.module->declaration->name);
  case VALUE_INSTANCE:
    return arena_print(a, "an instance of %s", v.as.instance->module->declaration->name);
  case VALUE_PARAMETER:
    return parameter_describe(e, v.as.parameter);
  case VALUE_FAMILY:
    return "something of the experiment";
  }
  return "?";
}
