/* Subscripts and values as text: infix, by precedence. */
#include "compiler/kernel/print.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- precedence: what binds tighter has the higher level ---- */

enum { LEVEL_ANY, LEVEL_COMPARE, LEVEL_SUM, LEVEL_QUOTIENT, LEVEL_PRODUCT, LEVEL_ATOM };

typedef struct infix {
  const char *sign; /* NULL: written as a function */
  int level;
  int left, right; /* the least levels of the operands that need no parentheses */
} infix;

/* Sums and products are not regrouped, so that the text says in which order they are computed. */
static infix subscript_infix(subscript_kind kind) {
  switch (kind) {
  case SUBSCRIPT_ADD:
    return (infix){" + ", LEVEL_SUM, LEVEL_SUM, LEVEL_QUOTIENT};
  case SUBSCRIPT_SUBTRACT:
    return (infix){" - ", LEVEL_SUM, LEVEL_SUM, LEVEL_QUOTIENT};
  case SUBSCRIPT_MULTIPLY:
    return (infix){"*", LEVEL_PRODUCT, LEVEL_PRODUCT, LEVEL_ATOM};
  case SUBSCRIPT_DIVIDE:
    return (infix){" / ", LEVEL_QUOTIENT, LEVEL_PRODUCT, LEVEL_ATOM};
  case SUBSCRIPT_REMAINDER:
    return (infix){" % ", LEVEL_QUOTIENT, LEVEL_PRODUCT, LEVEL_ATOM};
  case SUBSCRIPT_CONSTANT:
  case SUBSCRIPT_DIM:
  case SUBSCRIPT_SIZE:
  case SUBSCRIPT_VARIABLE:
  case SUBSCRIPT_MINIMUM:
  case SUBSCRIPT_MAXIMUM:
  case SUBSCRIPT_VALUE:
    break;
  }
  return (infix){NULL, LEVEL_ATOM, LEVEL_ANY, LEVEL_ANY};
}

static infix operation_infix(op of) {
  static const struct {
    op op;
    infix infix;
  } table[] = {
      {OP_add, {" + ", LEVEL_SUM, LEVEL_SUM, LEVEL_QUOTIENT}},
      {OP_sub, {" - ", LEVEL_SUM, LEVEL_SUM, LEVEL_QUOTIENT}},
      {OP_mul, {" * ", LEVEL_PRODUCT, LEVEL_PRODUCT, LEVEL_ATOM}},
      {OP_div, {" / ", LEVEL_QUOTIENT, LEVEL_PRODUCT, LEVEL_ATOM}},
      {OP_less, {" < ", LEVEL_COMPARE, LEVEL_SUM, LEVEL_SUM}},
      {OP_less_equal, {" <= ", LEVEL_COMPARE, LEVEL_SUM, LEVEL_SUM}},
      {OP_equal, {" == ", LEVEL_COMPARE, LEVEL_SUM, LEVEL_SUM}},
      {OP_not_equal, {" != ", LEVEL_COMPARE, LEVEL_SUM, LEVEL_SUM}},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i].op == of)
      return table[i].infix;
  return (infix){NULL, LEVEL_ATOM, LEVEL_ANY, LEVEL_ANY};
}

const char *operation_sign(op of) {
  return of == OP_add ? "+" : op_describe(of)->name;
}

/* ---- subscripts ---- */

static char *dim_text(const dim *d) {
  text t = {0};
  dim_print(d, &t);
  return t.data;
}

static int dim_level(const char *printed) {
  int depth = 0, level = LEVEL_ATOM;
  for (const char *c = printed; *c; c++) {
    depth += (*c == '(') - (*c == ')');
    if (depth == 0 && (*c == '+' || *c == '-'))
      return LEVEL_SUM;
    if (depth == 0 && *c == '*')
      level = LEVEL_PRODUCT;
  }
  return level;
}

/* The same in every call's every part: a size, not a place. */
static bool is_size(const subscript *i) {
  switch (i->kind) {
  case SUBSCRIPT_CONSTANT:
  case SUBSCRIPT_DIM:
  case SUBSCRIPT_SIZE:
    return true;
  case SUBSCRIPT_VARIABLE:
    return i->number == VARIABLE_THREADS;
  case SUBSCRIPT_VALUE:
    return false;
  case SUBSCRIPT_ADD:
  case SUBSCRIPT_SUBTRACT:
  case SUBSCRIPT_MULTIPLY:
  case SUBSCRIPT_DIVIDE:
  case SUBSCRIPT_REMAINDER:
  case SUBSCRIPT_MINIMUM:
  case SUBSCRIPT_MAXIMUM:
    return is_size(i->a) && is_size(i->b);
  }
  return false;
}

static void print_subscript_in(printer *p, const subscript *i, int least);

static void print_variable(printer *p, int number) {
  static const char *const names[] = {[VARIABLE_BEGIN] = "begin",
                                      [VARIABLE_END] = "end",
                                      [VARIABLE_WORKER] = "worker",
                                      [VARIABLE_THREADS] = "threads",
                                      [VARIABLE_PARTS] = "parts"};
  if (number < VARIABLE_FIRST_LOOP)
    text_add(p->to, "%s", names[number]);
  else
    text_add(p->to, "i%d", number);
}

static void print_dim(printer *p, const dim *d, int least) {
  char *printed = dim_text(d);
  bool closed = dim_level(printed) >= least;
  text_add(p->to, closed ? "%s" : "(%s)", printed);
  free(printed);
}

/* An operator with its operands, without a look at names. */
static void print_compound(printer *p, const subscript *i, int least) {
  infix sign = subscript_infix(i->kind);
  bool closed = sign.level >= least;
  if (sign.sign) {
    text_add(p->to, "%s", closed ? "" : "(");
    print_subscript_in(p, i->a, sign.left);
    text_add(p->to, "%s", sign.sign);
    print_subscript_in(p, i->b, sign.right);
    text_add(p->to, "%s", closed ? "" : ")");
    return;
  }
  text_add(p->to, i->kind == SUBSCRIPT_MINIMUM ? "min(" : "max(");
  print_subscript_in(p, i->a, LEVEL_ANY);
  text_add(p->to, ", ");
  print_subscript_in(p, i->b, LEVEL_ANY);
  text_add(p->to, ")");
}

/* ---- names of common sizes ---- */

enum { SHORTEST_NAMED = 16 };

static char *plain_text(const subscript *i) {
  text t = {0};
  printer plain = {.to = &t};
  print_compound(&plain, i, LEVEL_ANY);
  return t.data;
}

static common_size *find_size(const printer *p, const char *printed) {
  for (int i = 0; i < p->size_count; i++)
    if (!strcmp(p->sizes[i].text, printed))
      return &p->sizes[i];
  return NULL;
}

static void add_size(printer *p, const subscript *i, char *printed) {
  if (p->size_count == p->size_capacity) {
    p->size_capacity = p->size_capacity ? 2 * p->size_capacity : 16;
    p->sizes = realloc(p->sizes, p->size_capacity * sizeof *p->sizes);
    if (!p->sizes)
      memory_exhausted();
  }
  p->sizes[p->size_count++] = (common_size){.size = i, .text = printed, .uses = 1, .name = -1};
}

/* Prints i by its name, or counts it; false: it is to be printed as it is. */
static bool print_by_name(printer *p, const subscript *i, int least) {
  if (!p->counting && !p->size_count)
    return false;
  char *printed = plain_text(i);
  common_size *found = find_size(p, printed);
  if (!p->counting) {
    free(printed);
    if (!found || found->name < 0)
      return false;
    text_add(p->to, "n%d", found->name);
    return true;
  }
  if (found) {
    found->uses++;
    free(printed);
  } else {
    print_compound(p, i, least); /* its parts first: a name may stand for a part of another */
    add_size(p, i, printed);
  }
  return true;
}

void print_common_sizes(printer *p) {
  p->counting = false;
  int names = 0;
  for (int i = 0; i < p->size_count; i++) {
    common_size *s = &p->sizes[i];
    if (s->uses < 2 || strlen(s->text) < SHORTEST_NAMED)
      continue;
    text_add(p->to, "  let n%d = ", names);
    print_compound(p, s->size, LEVEL_ANY);
    text_add(p->to, "\n");
    s->name = names++;
  }
}

void printer_free(printer *p) {
  for (int i = 0; i < p->size_count; i++)
    free(p->sizes[i].text);
  free(p->sizes);
}

static void print_subscript_in(printer *p, const subscript *i, int least) {
  switch (i->kind) {
  case SUBSCRIPT_CONSTANT:
    text_add(p->to, "%lld", (long long)i->constant);
    break;
  case SUBSCRIPT_DIM:
    print_dim(p, i->dim, least);
    break;
  case SUBSCRIPT_SIZE:
    text_add(p->to, "size%d", i->number);
    break;
  case SUBSCRIPT_VARIABLE:
    print_variable(p, i->number);
    break;
  case SUBSCRIPT_VALUE:
    print_value(p, i->value);
    break;
  case SUBSCRIPT_ADD:
  case SUBSCRIPT_SUBTRACT:
  case SUBSCRIPT_MULTIPLY:
  case SUBSCRIPT_DIVIDE:
  case SUBSCRIPT_REMAINDER:
  case SUBSCRIPT_MINIMUM:
  case SUBSCRIPT_MAXIMUM:
    if (!is_size(i) || !print_by_name(p, i, least))
      print_compound(p, i, least);
    break;
  }
}

void print_subscript(printer *p, const subscript *i) {
  print_subscript_in(p, i, LEVEL_ANY);
}

/* ---- values ---- */

void print_number(printer *p, double number) {
  if (isnan(number) || isinf(number)) {
    text_add(p->to, "%s", isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
    return;
  }
  char digits[40];
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number)
      break;
  }
  text_add(p->to, "%s", digits);
}

static void print_value_in(printer *p, const value *v, int least);

static void print_operation(printer *p, const value *v, int least) {
  infix sign = operation_infix(v->op);
  if (sign.sign) {
    bool closed = sign.level >= least;
    text_add(p->to, "%s", closed ? "" : "(");
    print_value_in(p, v->operands[0], sign.left);
    text_add(p->to, "%s", sign.sign);
    print_value_in(p, v->operands[1], sign.right);
    text_add(p->to, "%s", closed ? "" : ")");
    return;
  }
  text_add(p->to, "%s(", v->op == OP_cast ? dtype_name(v->dtype) : op_describe(v->op)->name);
  for (int i = 0; i < v->operand_count; i++) {
    text_add(p->to, "%s", i ? ", " : "");
    print_value_in(p, v->operands[i], LEVEL_ANY);
  }
  text_add(p->to, ")");
}

static void print_value_in(printer *p, const value *v, int least) {
  switch (v->kind) {
  case VALUE_NUMBER:
    print_number(p, v->number_value);
    break;
  case VALUE_LOAD:
    text_add(p->to, "p%d[", v->buffer);
    print_subscript(p, v->index);
    text_add(p->to, "]");
    break;
  case VALUE_REGISTER:
    text_add(p->to, "r%d", v->number);
    break;
  case VALUE_OP:
    print_operation(p, v, least);
    break;
  case VALUE_INDEX:
    text_add(p->to, "%s(", dtype_name(v->dtype));
    print_subscript(p, v->index);
    text_add(p->to, ")");
    break;
  case VALUE_IN_RANGE:
    text_add(p->to, "inside(");
    print_subscript(p, v->index);
    text_add(p->to, ", ");
    print_subscript(p, v->limit);
    text_add(p->to, ")");
    break;
  case VALUE_RANDOM:
    text_add(p->to, "random(p%d, size%d, ", v->buffer, v->number);
    print_subscript(p, v->index);
    text_add(p->to, ")");
    break;
  }
}

void print_value(printer *p, const value *v) {
  print_value_in(p, v, LEVEL_ANY);
}
