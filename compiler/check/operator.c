/* Operators on compile-time values; what meets a tensor goes on to tensor.c. */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <math.h>
#include <string.h>

bool value_is_number(value v) {
  return v.kind == VALUE_INT || v.kind == VALUE_REAL;
}

bool value_is_compile_time(value v) {
  return value_is_number(v) || v.kind == VALUE_BOOL || v.kind == VALUE_SIZE;
}

double value_as_real(value v) {
  if (v.kind == VALUE_BOOL)
    return v.as.boolean ? 1 : 0;
  return v.kind == VALUE_REAL ? v.as.real : (double)v.as.integer;
}

const dim *value_as_dim(elaborator *e, value v) {
  if (v.kind == VALUE_SIZE)
    return v.as.size;
  return v.kind == VALUE_INT && e->graph ? dim_constant(e->graph->dims, v.as.integer) : NULL;
}

static const char *operator_text(binary_operator o) {
  static const char *const texts[] = {
      [BINARY_ADD] = "+",           [BINARY_SUBTRACT] = "-",    [BINARY_MULTIPLY] = "*", [BINARY_DIVIDE] = "/",
      [BINARY_FLOOR_DIVIDE] = "//", [BINARY_REMAINDER] = "%",   [BINARY_MATMUL] = "@",   [BINARY_POWER] = "**",
      [BINARY_LESS] = "<",          [BINARY_LESS_EQUAL] = "<=", [BINARY_GREATER] = ">",  [BINARY_GREATER_EQUAL] = ">=",
      [BINARY_EQUAL] = "==",        [BINARY_NOT_EQUAL] = "!=",  [BINARY_AND] = "and",    [BINARY_OR] = "or"};
  return texts[o];
}

typedef struct application { /* of a binary operator */
  elaborator *e;
  scope *around;
  binary_operator operator;
  operand left, right;
  const expression *written; /* may be NULL */
  span where;
} application;

static value no_such_operation(const application *a) {
  diagnostic *d = elaborate_error(a->e, a->where, "'%s' cannot take %s and %s", operator_text(a->operator),
                                  value_describe(a->e, a->left.value), value_describe(a->e, a->right.value));
  return elaborate_failed(a->e, d);
}

/* ---- ints ---- */

/* `hidden 30` for a name, else `30`. */
static const char *with_name(const application *a, const expression *x, const char *shown) {
  if (x->kind != EXPRESSION_NAME && x->kind != EXPRESSION_FIELD)
    return shown;
  const char *name = x->kind == EXPRESSION_NAME ? x->as.name : x->as.field.name;
  return strcmp(name, shown) == 0 ? shown : arena_print(a->e->arena, "%s %s", name, shown);
}

static value not_divisible(const application *a, const char *left, const char *right) {
  if (a->written) {
    left = with_name(a, a->written->as.binary.left, left);
    right = with_name(a, a->written->as.binary.right, right);
  }
  diagnostic *d = elaborate_error(a->e, a->where, "%s is not divisible by %s", left, right);
  note_sizes(a->e, d, a->around, 2, (value[]){a->left.value, a->right.value});
  diagnostic_hint(d, "`//` rounds down");
  return elaborate_failed(a->e, d);
}

static const char *int_text(const application *a, int64_t i) {
  return arena_print(a->e->arena, "%lld", (long long)i);
}

static value too_large(const application *a) {
  return elaborate_failed(a->e, elaborate_error(a->e, a->where, "the result of '%s' does not fit into 64 bits",
                                                operator_text(a->operator)));
}

static bool int_power(int64_t base, int64_t exponent, int64_t *result) {
  for (*result = 1; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) && __builtin_mul_overflow(*result, base, result))
      return false;
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
      return false;
  }
  return true;
}

static value divide_ints(const application *a, int64_t l, int64_t r) {
  if (r == 0)
    return elaborate_failed(a->e, elaborate_error(a->e, a->where, "division by zero"));
  if (r == -1) /* the quotient of INT64_MIN does not exist */
    return a->operator== BINARY_REMAINDER ? value_int(0) : l == INT64_MIN ? too_large(a) : value_int(-l);
  int64_t quotient = l / r, rest = l % r;
  bool below = rest != 0 && (rest < 0) != (r < 0);
  if (a->operator== BINARY_REMAINDER)
    return value_int(below ? rest + r : rest);
  if (a->operator== BINARY_DIVIDE && rest != 0)
    return not_divisible(a, int_text(a, l), int_text(a, r));
  return value_int(below ? quotient - 1 : quotient);
}

static value compare(binary_operator o, double l, double r, const application *a) {
  if (o == BINARY_LESS)
    return value_bool(l < r);
  if (o == BINARY_LESS_EQUAL)
    return value_bool(l <= r);
  if (o == BINARY_GREATER)
    return value_bool(l > r);
  if (o == BINARY_GREATER_EQUAL)
    return value_bool(l >= r);
  if (o == BINARY_EQUAL)
    return value_bool(l == r);
  return o == BINARY_NOT_EQUAL ? value_bool(l != r) : no_such_operation(a);
}

static value apply_ints(const application *a) {
  int64_t l = a->left.value.as.integer, r = a->right.value.as.integer, result = 0;
  bool overflow = false;
  switch ((int)a->operator) {
  case BINARY_ADD:
    overflow = __builtin_add_overflow(l, r, &result);
    break;
  case BINARY_SUBTRACT:
    overflow = __builtin_sub_overflow(l, r, &result);
    break;
  case BINARY_MULTIPLY:
    overflow = __builtin_mul_overflow(l, r, &result);
    break;
  case BINARY_DIVIDE:
  case BINARY_FLOOR_DIVIDE:
  case BINARY_REMAINDER:
    return divide_ints(a, l, r);
  case BINARY_POWER:
    if (r < 0)
      return value_real(pow((double)l, (double)r));
    overflow = !int_power(l, r, &result);
    break;
  default: /* as a difference, so that large ones compare exactly */
    return compare(a->operator, l<r ? -1 : l> r ? 1 : 0, 0, a);
  }
  return overflow ? too_large(a) : value_int(result);
}

/* ---- reals ---- */

static value apply_reals(const application *a) {
  double l = value_as_real(a->left.value), r = value_as_real(a->right.value);
  switch ((int)a->operator) {
  case BINARY_ADD:
    return value_real(l + r);
  case BINARY_SUBTRACT:
    return value_real(l - r);
  case BINARY_MULTIPLY:
    return value_real(l * r);
  case BINARY_DIVIDE:
  case BINARY_FLOOR_DIVIDE:
  case BINARY_REMAINDER:
    if (r == 0)
      return elaborate_failed(a->e, elaborate_error(a->e, a->where, "division by zero"));
    return value_real(a->operator== BINARY_DIVIDE         ? l / r
                      : a->operator== BINARY_FLOOR_DIVIDE ? floor(l / r)
                                                          : l - r * floor(l / r));
  case BINARY_POWER:
    return value_real(pow(l, r));
  default:
    return compare(a->operator, l, r, a);
  }
}

/* ---- sizes ---- */

/* The sizes' difference decides where it is the same for every binding. */
static value compare_sizes(const application *a, const dim *l, const dim *r) {
  const dim *difference = dim_subtract(a->e->graph->dims, l, r);
  int64_t known = 0;
  if (dim_is_constant(difference, &known))
    return compare(a->operator,(double) known, 0, a);
  bool above = dim_is_at_least(difference, 1), below = dim_is_below(difference, 0);
  if (above || below)
    return compare(a->operator, above ? 1 : - 1, 0, a);
  diagnostic *d = elaborate_error(a->e, a->where, "whether %s %s %s is known only when the program runs",
                                  dim_describe(a->e, l), operator_text(a->operator), dim_describe(a->e, r));
  return elaborate_failed(a->e, d);
}

static value divide_sizes(const application *a, const dim *l, const dim *r) {
  dim_table *t = a->e->graph->dims;
  int64_t divisor = 0;
  bool known = dim_is_constant(r, &divisor);
  if (known && divisor == 0)
    return elaborate_failed(a->e, elaborate_error(a->e, a->where, "division by zero"));
  const dim *exact = dim_divide_exact(t, l, r);
  if (a->operator== BINARY_DIVIDE)
    return exact ? value_size(exact) : not_divisible(a, dim_describe(a->e, l), dim_describe(a->e, r));
  if (!known || divisor < 0) {
    if (exact)
      return a->operator== BINARY_FLOOR_DIVIDE ? value_size(exact) : value_int(0);
    return no_such_operation(a);
  }
  const dim *quotient = dim_floor_divide(t, l, divisor);
  if (a->operator== BINARY_FLOOR_DIVIDE)
    return value_size(quotient);
  return value_size(dim_subtract(t, l, dim_multiply(t, quotient, r)));
}

static value size_power(const application *a, const dim *l) {
  value exponent = a->right.value;
  if (exponent.kind != VALUE_INT || exponent.as.integer < 0 || exponent.as.integer > RANK_MAX)
    return no_such_operation(a);
  const dim *power = dim_constant(a->e->graph->dims, 1);
  for (int64_t i = 0; i < exponent.as.integer; i++)
    power = dim_multiply(a->e->graph->dims, power, l);
  return value_size(power);
}

static value apply_sizes(const application *a) {
  dim_table *t = a->e->graph->dims;
  const dim *l = value_as_dim(a->e, a->left.value), *r = value_as_dim(a->e, a->right.value), *result = NULL;
  switch ((int)a->operator) {
  case BINARY_ADD:
    result = dim_add(t, l, r);
    break;
  case BINARY_SUBTRACT:
    result = dim_subtract(t, l, r);
    break;
  case BINARY_MULTIPLY:
    result = dim_multiply(t, l, r);
    break;
  case BINARY_DIVIDE:
  case BINARY_FLOOR_DIVIDE:
  case BINARY_REMAINDER:
    return divide_sizes(a, l, r);
  case BINARY_POWER:
    return size_power(a, l);
  default:
    return compare_sizes(a, l, r);
  }
  return dim_is_too_large(result) ? too_large(a) : value_size(result);
}

/* ---- others ---- */

static value apply_same(const application *a, bool same) {
  if (a->operator== BINARY_EQUAL)
    return value_bool(same);
  return a->operator== BINARY_NOT_EQUAL ? value_bool(!same) : no_such_operation(a);
}

static value apply_bools(const application *a) {
  bool l = a->left.value.as.boolean, r = a->right.value.as.boolean;
  if (a->operator== BINARY_AND)
    return value_bool(l && r);
  return a->operator== BINARY_OR ? value_bool(l || r) : apply_same(a, l == r);
}

static value join_lists(const application *a) {
  const value_list *l = a->left.value.as.list, *r = a->right.value.as.list;
  if (a->operator!= BINARY_ADD)
    return no_such_operation(a);
  if (l->count + r->count > LIST_LENGTH_MAX)
    return elaborate_failed(a->e, elaborate_error(a->e, a->where, "a list of more than %d elements", LIST_LENGTH_MAX));
  value *items = arena_array(a->e->arena, value, l->count + r->count);
  for (int i = 0; i < l->count + r->count; i++)
    items[i] = i < l->count ? l->items[i] : r->items[i - l->count];
  return value_list_of(a->e, l->count + r->count, items);
}

static value apply_to_kind(const application *a, value_kind kind) {
  value l = a->left.value, r = a->right.value;
  if (kind == VALUE_BOOL)
    return apply_bools(a);
  if (kind == VALUE_STRING)
    return apply_same(a, strcmp(l.as.string, r.as.string) == 0);
  if (kind == VALUE_LIST)
    return join_lists(a);
  if (kind == VALUE_BUILTIN)
    return apply_same(a, l.as.builtin == r.as.builtin);
  if (kind == VALUE_FUNCTION)
    return apply_same(a, l.as.function->syntax == r.as.function->syntax && l.as.function->self == r.as.function->self);
  return kind == VALUE_INSTANCE ? apply_same(a, l.as.instance == r.as.instance) : no_such_operation(a);
}

/* ---- tensors ---- */

static op tensor_operation(binary_operator o) {
  static const op operations[] = {[BINARY_ADD] = OP_add,
                                  [BINARY_SUBTRACT] = OP_sub,
                                  [BINARY_MULTIPLY] = OP_mul,
                                  [BINARY_DIVIDE] = OP_div,
                                  [BINARY_FLOOR_DIVIDE] = OP_div,
                                  [BINARY_REMAINDER] = OP_div,
                                  [BINARY_MATMUL] = OP_matmul,
                                  [BINARY_POWER] = OP_pow,
                                  [BINARY_LESS] = OP_less,
                                  [BINARY_LESS_EQUAL] = OP_less_equal,
                                  [BINARY_GREATER] = OP_less, /* with the operands exchanged */
                                  [BINARY_GREATER_EQUAL] = OP_less_equal,
                                  [BINARY_EQUAL] = OP_equal,
                                  [BINARY_NOT_EQUAL] = OP_not_equal,
                                  [BINARY_AND] = OP_and,
                                  [BINARY_OR] = OP_or};
  return operations[o];
}

static node *pointwise(const application *a, op o, operand left, operand right) {
  return tensor_pointwise(a->e, a->around, o, operator_text(a->operator), 2, (operand[]){left, right}, a->where);
}

static bool is_number(value v, double number) {
  return value_is_number(v) && value_as_real(v) == number;
}

/* Powers that have a cheaper form with the same value and a gradient without a logarithm. */
static node *tensor_power(const application *a) {
  value exponent = a->right.value;
  operand x = a->left;
  if (x.value.kind == VALUE_TENSOR && x.value.as.tensor->dtype == DTYPE_F32) {
    if (is_number(exponent, 1))
      return x.value.as.tensor;
    if (is_number(exponent, 2) || is_number(exponent, 3) || is_number(exponent, 4)) {
      node *square = pointwise(a, OP_mul, x, x);
      operand squared = {value_tensor(square), a->where};
      if (!square || is_number(exponent, 2))
        return square;
      return pointwise(a, OP_mul, squared, is_number(exponent, 3) ? x : squared);
    }
    if (is_number(exponent, 0.5))
      return tensor_pointwise(a->e, a->around, OP_sqrt, "**", 1, &x, a->where);
    if (is_number(exponent, -0.5))
      return tensor_pointwise(a->e, a->around, OP_rsqrt, "**", 1, &x, a->where);
    if (is_number(exponent, -1))
      return tensor_pointwise(a->e, a->around, OP_reciprocal, "**", 1, &x, a->where);
  }
  return pointwise(a, OP_pow, x, a->right);
}

/* floor(x / y), and for % the rest x - y floor(x / y). */
static node *tensor_floor_divide(const application *a) {
  node *quotient = pointwise(a, OP_div, a->left, a->right);
  node *whole = quotient ? tensor_make(a->e, OP_floor, 1, &quotient, NULL, quotient->dtype, NULL, a->where) : NULL;
  if (!whole)
    return NULL;
  ragged_set(a->e, whole, ragged_of(a->e, quotient));
  if (a->operator== BINARY_FLOOR_DIVIDE)
    return whole;
  node *product = pointwise(a, OP_mul, a->right, (operand){value_tensor(whole), a->where});
  return product ? pointwise(a, OP_sub, a->left, (operand){value_tensor(product), a->where}) : NULL;
}

static bool is_integer_tensor(value v) {
  return v.kind == VALUE_TENSOR && (v.as.tensor->dtype == DTYPE_I32 || v.as.tensor->dtype == DTYPE_I64);
}

static value apply_tensors(const application *a) {
  bool divides = a->operator== BINARY_DIVIDE || a->operator== BINARY_FLOOR_DIVIDE || a->operator== BINARY_REMAINDER;
  if (divides && (is_integer_tensor(a->left.value) || is_integer_tensor(a->right.value))) {
    diagnostic *d =
        elaborate_error(a->e, a->where, "'%s' of tensors needs f32, not %s and %s", operator_text(a->operator),
                        value_describe(a->e, a->left.value), value_describe(a->e, a->right.value));
    diagnostic_hint(d, "f32(x) converts");
    return elaborate_failed(a->e, d);
  }
  if (divides && value_is_number(a->right.value) && value_as_real(a->right.value) == 0)
    return elaborate_failed(a->e, elaborate_error(a->e, a->where, "division by zero"));
  if (a->operator== BINARY_MATMUL)
    return value_tensor(tensor_matmul(a->e, a->around, a->left, a->right, a->where));
  if (a->operator== BINARY_POWER)
    return value_tensor(tensor_power(a));
  if (a->operator== BINARY_FLOOR_DIVIDE || a->operator== BINARY_REMAINDER)
    return value_tensor(tensor_floor_divide(a));
  bool exchanged = a->operator== BINARY_GREATER || a->operator== BINARY_GREATER_EQUAL;
  op o = tensor_operation(a->operator);
  return value_tensor(exchanged ? pointwise(a, o, a->right, a->left) : pointwise(a, o, a->left, a->right));
}

static bool may_meet_tensor(value v) {
  return v.kind == VALUE_TENSOR || value_is_compile_time(v);
}

value apply_binary(elaborator *e, scope *around, binary_operator o, operand left, operand right,
                   const expression *written, span where) {
  application a = {e, around, o, left, right, written, where};
  value l = left.value, r = right.value;
  if (l.kind == VALUE_ERROR || r.kind == VALUE_ERROR)
    return value_error();
  if (o == BINARY_MATMUL && l.kind != VALUE_TENSOR && r.kind != VALUE_TENSOR)
    return no_such_operation(&a);
  if (l.kind == VALUE_TENSOR || r.kind == VALUE_TENSOR)
    return may_meet_tensor(l) && may_meet_tensor(r) ? apply_tensors(&a) : no_such_operation(&a);
  if (l.kind == VALUE_INT && r.kind == VALUE_INT)
    return apply_ints(&a);
  if (value_is_number(l) && value_is_number(r))
    return apply_reals(&a);
  if (l.kind == VALUE_SIZE || r.kind == VALUE_SIZE) {
    if (value_as_dim(e, l) && value_as_dim(e, r))
      return apply_sizes(&a);
    if (value_is_number(l) || value_is_number(r)) /* a size and a real */
      return apply_tensors(&a);
  }
  return l.kind == r.kind ? apply_to_kind(&a, l.kind) : no_such_operation(&a);
}

value apply_unary(elaborator *e, unary_operator o, operand x, span where) {
  value v = x.value;
  if (v.kind == VALUE_ERROR)
    return v;
  if (o == UNARY_NOT && v.kind == VALUE_BOOL)
    return value_bool(!v.as.boolean);
  if (o == UNARY_NEGATE && v.kind == VALUE_REAL)
    return value_real(-v.as.real);
  if (o == UNARY_NEGATE && v.kind == VALUE_INT)
    return apply_binary(e, NULL, BINARY_SUBTRACT, (operand){value_int(0), x.where}, x, NULL, where);
  if (o == UNARY_NEGATE && v.kind == VALUE_SIZE)
    return value_size(dim_subtract(e->graph->dims, dim_constant(e->graph->dims, 0), v.as.size));
  if (v.kind == VALUE_TENSOR)
    return value_tensor(
        tensor_pointwise(e, NULL, o == UNARY_NOT ? OP_not : OP_neg, o == UNARY_NOT ? "not" : "-", 1, &x, where));
  return elaborate_failed(
      e, elaborate_error(e, where, "'%s' cannot take %s", o == UNARY_NOT ? "not" : "-", value_describe(e, v)));
}
