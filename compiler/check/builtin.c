/* The table of built-in functions: a row each. Everything that is not here is written in the language. */
#include "compiler/check/builtin.h"

#include <math.h>
#include <string.h>

static builtin_function compile_time_int, compile_time_real, compile_time_length, compile_time_range;
static builtin_function parameters_of_model, report_error;

static const builtin table[] = {
    {"exp", {"x"}, builtin_elementwise, OP_exp, exp},
    {"log", {"x"}, builtin_elementwise, OP_log, log},
    {"sqrt", {"x"}, builtin_elementwise, OP_sqrt, sqrt},
    {"rsqrt", {"x"}, builtin_elementwise, OP_rsqrt, number_rsqrt},
    {"tanh", {"x"}, builtin_elementwise, OP_tanh, tanh},
    {"erf", {"x"}, builtin_elementwise, OP_erf, erf},
    {"sin", {"x"}, builtin_elementwise, OP_sin, sin},
    {"cos", {"x"}, builtin_elementwise, OP_cos, cos},
    {"abs", {"x"}, builtin_elementwise, OP_abs, fabs},
    {"sign", {"x"}, builtin_elementwise, OP_sign, number_sign},
    {"floor", {"x"}, builtin_elementwise, OP_floor, floor},
    {"reciprocal", {"x"}, builtin_elementwise, OP_reciprocal, number_reciprocal},
    {"maximum", {"a", "b"}, builtin_two, OP_maximum, NULL},
    {"minimum", {"a", "b"}, builtin_two, OP_minimum, NULL},
    {"where", {"c", "a", "b"}, builtin_where, OP_where, NULL},
    {"sum", {"x", "axis?", "keep?"}, builtin_reduce, OP_reduce_sum, NULL},
    {"mean", {"x", "axis?", "keep?"}, builtin_mean, OP_reduce_sum, NULL},
    {"max", {"x", "axis?", "keep?"}, builtin_reduce, OP_reduce_max, NULL},
    {"min", {"x", "axis?", "keep?"}, builtin_reduce, OP_reduce_min, NULL},
    {"argmax", {"x", "axis?"}, builtin_argmax, OP_argmax, NULL},
    {"reshape", {"x", "dims"}, builtin_reshape, OP_reshape, NULL},
    {"permute", {"x", "axes"}, builtin_permute, OP_permute, NULL},
    {"expand", {"x", "dims"}, builtin_expand, OP_expand, NULL},
    {"concat", {"list", "axis?"}, builtin_concat, OP_concat, NULL},
    {"zero_pad", {"x", "axis", "before?", "after?"}, builtin_zero_pad, OP_pad, NULL},
    {"gather", {"table", "ids"}, builtin_gather, OP_gather, NULL},
    {"scatter_add", {"x", "ids", "rows"}, builtin_scatter_add, OP_scatter_add, NULL},
    {"iota", {"n"}, builtin_iota, OP_iota, NULL},
    {"size", {"x", "axis"}, builtin_size, OP_COUNT, NULL},
    {"rank", {"x"}, builtin_rank, OP_COUNT, NULL},
    {"shape", {"x"}, builtin_shape, OP_COUNT, NULL},
    {"random", {"shape_of"}, builtin_random, OP_random, NULL},
    {"stop_gradient", {"x"}, builtin_stop_gradient, OP_stop_gradient, NULL},
    {"pad", {"x"}, builtin_pad, OP_COUNT, NULL},
    {"mask", {"x"}, builtin_mask, OP_COUNT, NULL},
    {"lengths", {"x"}, builtin_lengths, OP_COUNT, NULL},
    {"tokens", {"x"}, builtin_tokens, OP_COUNT, NULL},
    {"f32", {"x"}, builtin_f32, OP_cast, NULL},
    {"i32", {"x"}, builtin_i32, OP_cast, NULL},
    {"i64", {"x"}, builtin_i64, OP_cast, NULL},
    {"bool", {"x"}, builtin_bool, OP_not_equal, NULL},
    {"int", {"x"}, compile_time_int, OP_COUNT, NULL},
    {"real", {"x"}, compile_time_real, OP_COUNT, NULL},
    {"len", {"list"}, compile_time_length, OP_COUNT, NULL},
    {"range", {"n"}, compile_time_range, OP_COUNT, NULL},
    {"parameters", {"model"}, parameters_of_model, OP_COUNT, NULL},
    {"error", {"text"}, report_error, OP_COUNT, NULL},
};
enum { BUILTIN_COUNT = sizeof table / sizeof table[0] };

const builtin *builtin_at(int index) {
  return index >= 0 && index < BUILTIN_COUNT ? &table[index] : NULL;
}

const builtin *builtin_find(const char *name) {
  for (int i = 0; i < BUILTIN_COUNT; i++)
    if (strcmp(table[i].name, name) == 0)
      return &table[i];
  return NULL;
}

const char *builtin_name(const builtin *b) {
  return b->name;
}

/* ---- calling ---- */

/* A row's parameters as a function's are: names, and which may be left out. */
static int parameters_of(const builtin *b, parameter_syntax *parameters, bool *optional, elaborator *e) {
  static type_syntax any = {.kind = TYPE_ANY};
  int count = 0;
  for (; count < BUILTIN_PARAMETERS_MAX && b->parameters[count]; count++) {
    size_t length = strlen(b->parameters[count]);
    optional[count] = b->parameters[count][length - 1] == '?';
    const char *name = arena_copy(e->arena, b->parameters[count], length - (optional[count] ? 1 : 0));
    parameters[count] = (parameter_syntax){.name = name, .type = &any};
  }
  return count;
}

value builtin_apply(elaborator *e, const builtin *b, int count, const call_argument *arguments, span where) {
  parameter_syntax parameters[BUILTIN_PARAMETERS_MAX];
  bool optional[BUILTIN_PARAMETERS_MAX];
  int parameter_count = parameters_of(b, parameters, optional, e);
  scope *s = scope_of_file(e, e->file);
  if (!elaborate_step(e, where) ||
      !bind_arguments(e, b->name, parameter_count, parameters, count, arguments, where, s, optional))
    return value_error();
  builtin_call c = {.e = e, .around = e->around, .row = b, .where = where};
  for (int i = 0; i < parameter_count; i++) {
    const binding *given = scope_find(s, parameters[i].name);
    c.values[i] = given ? given->value : value_none();
    c.wheres[i] = given ? given->where : where;
  }
  return b->run(&c);
}

/* ---- arguments ---- */

static const char *parameter_name(const builtin_call *c, int index) {
  const char *name = c->row->parameters[index];
  size_t length = strlen(name);
  return name[length - 1] == '?' ? arena_copy(c->e->arena, name, length - 1) : name;
}

value builtin_wrong(const builtin_call *c, int index, const char *wanted) {
  if (c->values[index].kind == VALUE_ERROR)
    return value_error();
  diagnostic *d =
      elaborate_error(c->e, c->wheres[index], "argument '%s' of '%s' must be %s, not %s", parameter_name(c, index),
                      c->row->name, wanted, value_describe(c->e, c->values[index]));
  return elaborate_failed(c->e, d);
}

bool builtin_given(const builtin_call *c, int index) {
  return c->values[index].kind != VALUE_NONE;
}

node *builtin_tensor(const builtin_call *c, int index) {
  return tensor_of_value(c->e, (operand){c->values[index], c->wheres[index]}, c->row->name);
}

bool builtin_int(const builtin_call *c, int index, int64_t *result) {
  if (c->values[index].kind != VALUE_INT) {
    builtin_wrong(c, index, "a compile-time int");
    return false;
  }
  *result = c->values[index].as.integer;
  return true;
}

int builtin_axis(const builtin_call *c, int index, const node *x) {
  int64_t axis = 0;
  if (!builtin_int(c, index, &axis))
    return -1;
  if (axis >= -x->shape.rank && axis < x->shape.rank)
    return (int)(axis < 0 ? axis + x->shape.rank : axis);
  diagnostic *d = elaborate_error(c->e, c->wheres[index], "axis %lld of '%s' is none of the %d axes of %s",
                                  (long long)axis, c->row->name, x->shape.rank, node_describe(c->e, x));
  elaborate_failed(c->e, d);
  return -1;
}

const dim *builtin_size_argument(const builtin_call *c, int index) {
  if (!elaborate_needs_graph(c->e, c->where))
    return NULL;
  const dim *d = value_as_dim(c->e, c->values[index]);
  if (!d)
    builtin_wrong(c, index, "a size or an int");
  return d;
}

bool builtin_shape_argument(const builtin_call *c, int index, shape *result) {
  value v = c->values[index];
  if (!elaborate_needs_graph(c->e, c->where))
    return false;
  if (v.kind != VALUE_LIST) {
    builtin_wrong(c, index, "a list of sizes");
    return false;
  }
  if (v.as.list->count > RANK_MAX) {
    elaborate_failed(c->e, elaborate_error(c->e, c->wheres[index], "a tensor has at most %d dimensions", RANK_MAX));
    return false;
  }
  *result = (shape){.rank = v.as.list->count};
  for (int i = 0; i < result->rank; i++) {
    result->dims[i] = value_as_dim(c->e, v.as.list->items[i]);
    if (result->dims[i])
      continue;
    diagnostic *d = elaborate_error(c->e, c->wheres[index], "argument '%s' of '%s' must hold sizes, not %s",
                                    parameter_name(c, index), c->row->name, value_describe(c->e, v.as.list->items[i]));
    elaborate_failed(c->e, d);
    return false;
  }
  return true;
}

/* ---- compile-time values ---- */

static value compile_time_int(const builtin_call *c) {
  value v = c->values[0];
  if (v.kind == VALUE_INT || v.kind == VALUE_SIZE)
    return v;
  if (v.kind == VALUE_BOOL)
    return value_int(v.as.boolean);
  if (v.kind != VALUE_REAL)
    return builtin_wrong(c, 0, "a compile-time number");
  if (!(fabs(v.as.real) < 0x1p63))
    return builtin_wrong(c, 0, "a number that fits into an int");
  return value_int((int64_t)v.as.real);
}

static value compile_time_real(const builtin_call *c) {
  value v = c->values[0];
  return value_is_number(v) || v.kind == VALUE_BOOL ? value_real(value_as_real(v))
                                                    : builtin_wrong(c, 0, "a compile-time number");
}

static value compile_time_length(const builtin_call *c) {
  return c->values[0].kind == VALUE_LIST ? value_int(c->values[0].as.list->count) : builtin_wrong(c, 0, "a list");
}

static value compile_time_range(const builtin_call *c) {
  int64_t n = 0;
  return builtin_int(c, 0, &n) ? range_value(c->e, 0, n, c->where) : value_error();
}

/* Params and buffers of an instance and of all below it, in order of declaration. */
static value parameters_of_model(const builtin_call *c) {
  if (c->values[0].kind != VALUE_INSTANCE)
    return builtin_wrong(c, 0, "a model or a part of one");
  const instance *top = c->values[0].as.instance;
  size_t length = strlen(top->path);
  int count = 0;
  value *items = arena_array(c->e->arena, value, top->root->parameter_count);
  for (int i = 0; i < top->root->parameter_count; i++) {
    instance_parameter *p = top->root->parameters[i];
    const char *path = p->about.path;
    if (length == 0 || (strncmp(path, top->path, length) == 0 && path[length] == '.'))
      items[count++] = (value){.kind = VALUE_PARAMETER, .as.parameter = p};
  }
  return value_list_of(c->e, count, items);
}

/* At the line that called the function which says so. */
static value report_error(const builtin_call *c) {
  elaborator *e = c->e;
  if (c->values[0].kind != VALUE_STRING)
    return builtin_wrong(c, 0, "a string");
  const call_frame *frame = e->frame;
  diagnostic *d = elaborate_error(e, frame ? frame->where : c->where, "%s", c->values[0].as.string);
  e->frame = frame ? frame->caller : NULL;
  elaborate_failed(e, d);
  e->frame = frame;
  return value_error();
}
