/* Built-ins that work element by element, and conversions. */
#include "compiler/check/builtin.h"

#include <math.h>

double number_rsqrt(double x) {
  return 1 / sqrt(x);
}

double number_sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

double number_reciprocal(double x) {
  return 1 / x;
}

static operand argument_at(const builtin_call *c, int index) {
  return (operand){c->values[index], c->wheres[index]};
}

static bool keeps_ints(op o) {
  return o == OP_abs || o == OP_sign || o == OP_floor;
}

value builtin_elementwise(const builtin_call *c) {
  value v = c->values[0];
  if (value_is_number(v)) {
    double result = c->row->number(value_as_real(v));
    if (v.kind == VALUE_INT && keeps_ints(c->row->op))
      return fabs(result) < 0x1p63 ? value_int((int64_t)result) : builtin_wrong(c, 0, "smaller");
    if (isnan(result) && !isnan(value_as_real(v)))
      return builtin_wrong(c, 0, "a number where the function is defined");
    return value_real(result);
  }
  operand x = argument_at(c, 0);
  return value_tensor(tensor_pointwise(c->e, c->around, c->row->op, c->row->name, 1, &x, c->where));
}

value builtin_two(const builtin_call *c) {
  value a = c->values[0], b = c->values[1];
  bool larger = c->row->op == OP_maximum;
  if (a.kind == VALUE_INT && b.kind == VALUE_INT)
    return (a.as.integer > b.as.integer) == larger ? a : b;
  if (value_is_number(a) && value_is_number(b)) {
    double x = value_as_real(a), y = value_as_real(b);
    return value_real((x > y) == larger ? x : y);
  }
  operand operands[] = {argument_at(c, 0), argument_at(c, 1)};
  return value_tensor(tensor_pointwise(c->e, c->around, c->row->op, c->row->name, 2, operands, c->where));
}

value builtin_where(const builtin_call *c) {
  operand operands[] = {argument_at(c, 0), argument_at(c, 1), argument_at(c, 2)};
  bool all_known = value_is_number(c->values[1]) && value_is_number(c->values[2]);
  if (c->values[0].kind == VALUE_BOOL && all_known)
    return c->values[0].as.boolean ? c->values[1] : c->values[2];
  if (c->values[0].kind != VALUE_BOOL &&
      (c->values[0].kind != VALUE_TENSOR || c->values[0].as.tensor->dtype != DTYPE_BOOL))
    return builtin_wrong(c, 0, "bool");
  return value_tensor(tensor_pointwise(c->e, c->around, OP_where, c->row->name, 3, operands, c->where));
}

value builtin_stop_gradient(const builtin_call *c) {
  if (value_is_compile_time(c->values[0]))
    return c->values[0];
  operand x = argument_at(c, 0);
  return value_tensor(tensor_pointwise(c->e, c->around, OP_stop_gradient, c->row->name, 1, &x, c->where));
}

/* ---- conversions ---- */

static value convert(const builtin_call *c, dtype type) {
  value v = c->values[0];
  if (v.kind == VALUE_TENSOR)
    return value_tensor(tensor_cast(c->e, v.as.tensor, type, c->where));
  if (v.kind == VALUE_BOOL)
    v = value_int(v.as.boolean);
  if (v.kind == VALUE_REAL && type != DTYPE_F32) {
    if (!(fabs(v.as.real) < 0x1p53))
      return builtin_wrong(c, 0, "a number that fits");
    v = value_int((int64_t)v.as.real);
  }
  if (!value_is_compile_time(v))
    return builtin_wrong(c, 0, "a tensor or a number");
  return value_tensor(tensor_of_number(c->e, v, type, c->wheres[0]));
}

value builtin_f32(const builtin_call *c) {
  return convert(c, DTYPE_F32);
}

value builtin_i32(const builtin_call *c) {
  return convert(c, DTYPE_I32);
}

value builtin_i64(const builtin_call *c) {
  return convert(c, DTYPE_I64);
}

/* True where x is not zero. */
value builtin_bool(const builtin_call *c) {
  value v = c->values[0];
  if (v.kind == VALUE_BOOL || (v.kind == VALUE_TENSOR && v.as.tensor->dtype == DTYPE_BOOL))
    return v;
  if (value_is_number(v))
    return value_bool(value_as_real(v) != 0);
  operand operands[] = {argument_at(c, 0), {value_int(0), c->where}};
  return value_tensor(tensor_pointwise(c->e, c->around, OP_not_equal, c->row->name, 2, operands, c->where));
}
