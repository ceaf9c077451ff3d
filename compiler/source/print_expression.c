#include "compiler/source/ast.h"
#include "compiler/source/number.h"

/* Binding strength, from weak to strong: as the grammar's precedences. */
enum {
  LEVEL_PIPE,
  LEVEL_CONDITIONAL,
  LEVEL_OR,
  LEVEL_AND,
  LEVEL_NOT,
  LEVEL_COMPARISON,
  LEVEL_RANGE,
  LEVEL_SUM,
  LEVEL_PRODUCT,
  LEVEL_NEGATION,
  LEVEL_POWER,
  LEVEL_POSTFIX
};

static const struct {
  const char *symbol;
  int level;
} operators[] = {
    [BINARY_ADD] = {"+", LEVEL_SUM},
    [BINARY_SUBTRACT] = {"-", LEVEL_SUM},
    [BINARY_MULTIPLY] = {"*", LEVEL_PRODUCT},
    [BINARY_DIVIDE] = {"/", LEVEL_PRODUCT},
    [BINARY_FLOOR_DIVIDE] = {"//", LEVEL_PRODUCT},
    [BINARY_REMAINDER] = {"%", LEVEL_PRODUCT},
    [BINARY_MATMUL] = {"@", LEVEL_PRODUCT},
    [BINARY_POWER] = {"**", LEVEL_POWER},
    [BINARY_LESS] = {"<", LEVEL_COMPARISON},
    [BINARY_LESS_EQUAL] = {"<=", LEVEL_COMPARISON},
    [BINARY_GREATER] = {">", LEVEL_COMPARISON},
    [BINARY_GREATER_EQUAL] = {">=", LEVEL_COMPARISON},
    [BINARY_EQUAL] = {"==", LEVEL_COMPARISON},
    [BINARY_NOT_EQUAL] = {"!=", LEVEL_COMPARISON},
    [BINARY_AND] = {"and", LEVEL_AND},
    [BINARY_OR] = {"or", LEVEL_OR},
};

static int level_of(const expression *e) {
  switch (e->kind) {
  case EXPRESSION_UNARY:
    return e->as.unary.operator== UNARY_NOT ? LEVEL_NOT : LEVEL_NEGATION;
  case EXPRESSION_BINARY:
    return operators[e->as.binary.operator].level;
  case EXPRESSION_CONDITIONAL:
    return LEVEL_CONDITIONAL;
  case EXPRESSION_RANGE:
    return LEVEL_RANGE;
  case EXPRESSION_INT:
  case EXPRESSION_REAL:
  case EXPRESSION_BOOL:
  case EXPRESSION_STRING:
  case EXPRESSION_NAME:
  case EXPRESSION_FIELD:
  case EXPRESSION_CALL:
  case EXPRESSION_INDEX:
  case EXPRESSION_LIST:
  case EXPRESSION_EACH:
    break;
  }
  return LEVEL_POSTFIX;
}

/* `e` where at least `level` is needed: in parentheses when it binds less. */
static void add_at(const expression *e, int level, text *to) {
  bool weak = level_of(e) < level;
  text_add(to, weak ? "(" : "");
  expression_print(e, to);
  text_add(to, weak ? ")" : "");
}

static void add_binary(const expression *e, text *to) {
  int level = operators[e->as.binary.operator].level;
  bool alone = level == LEVEL_COMPARISON, right = level == LEVEL_POWER;
  add_at(e->as.binary.left, level + (alone || right), to);
  text_add(to, " %s ", operators[e->as.binary.operator].symbol);
  add_at(e->as.binary.right, level + !right, to);
}

static void add_call(const expression *e, text *to) {
  add_at(e->as.call.callee, LEVEL_POSTFIX, to);
  text_add(to, "(");
  for (int i = 0; i < e->as.call.count; i++) {
    const argument *a = &e->as.call.arguments[i];
    text_add(to, "%s%s%s", i ? ", " : "", a->name ? a->name : "", a->name ? ": " : "");
    expression_print(a->value, to);
  }
  text_add(to, ")");
}

static void add_index(const expression *e, text *to) {
  add_at(e->as.index.object, LEVEL_POSTFIX, to);
  for (int i = 0; i < e->as.index.count; i++) {
    const index_item *part = &e->as.index.items[i];
    text_add(to, i ? ", " : "[");
    switch (part->kind) {
    case INDEX_AT:
      expression_print(part->at, to);
      break;
    case INDEX_NEW:
      text_add(to, "new");
      break;
    case INDEX_ELLIPSIS:
      text_add(to, "...");
      break;
    case INDEX_SLICE:
      if (part->start)
        expression_print(part->start, to);
      text_add(to, ":");
      if (part->stop)
        expression_print(part->stop, to);
      if (part->step) {
        text_add(to, ":");
        expression_print(part->step, to);
      }
      break;
    }
  }
  text_add(to, "]");
}

static void add_list(const expression *e, text *to) {
  text_add(to, "[");
  for (int i = 0; i < e->as.list.count; i++) {
    text_add(to, i ? ", " : "");
    expression_print(e->as.list.items[i], to);
  }
  text_add(to, "]");
}

static void add_compound(const expression *e, text *to) {
  if (e->kind == EXPRESSION_CONDITIONAL) {
    text_add(to, "if ");
    expression_print(e->as.conditional.condition, to);
    text_add(to, " then ");
    expression_print(e->as.conditional.then, to);
    text_add(to, " else ");
    add_at(e->as.conditional.otherwise, LEVEL_CONDITIONAL, to);
  } else if (e->kind == EXPRESSION_EACH) {
    text_add(to, "[");
    expression_print(e->as.each.body, to);
    text_add(to, " for %s in ", e->as.each.name);
    expression_print(e->as.each.range, to);
    text_add(to, "]");
  } else {
    add_at(e->as.range.from, LEVEL_RANGE + 1, to);
    text_add(to, " .. ");
    add_at(e->as.range.to, LEVEL_RANGE + 1, to);
  }
}

void expression_print(const expression *e, text *to) {
  switch (e->kind) {
  case EXPRESSION_INT:
    text_add(to, "%lld", (long long)e->as.integer);
    break;
  case EXPRESSION_REAL:
    text_add_real(to, e->as.real);
    break;
  case EXPRESSION_BOOL:
    text_add(to, e->as.boolean ? "true" : "false");
    break;
  case EXPRESSION_STRING:
    text_add_quoted(to, e->as.string);
    break;
  case EXPRESSION_NAME:
    text_add(to, "%s", e->as.name);
    break;
  case EXPRESSION_FIELD:
    add_at(e->as.field.object, LEVEL_POSTFIX, to);
    text_add(to, ".%s", e->as.field.name);
    break;
  case EXPRESSION_CALL:
    add_call(e, to);
    break;
  case EXPRESSION_INDEX:
    add_index(e, to);
    break;
  case EXPRESSION_UNARY:
    text_add(to, e->as.unary.operator== UNARY_NOT ? "not " : "-");
    add_at(e->as.unary.operand, level_of(e), to);
    break;
  case EXPRESSION_BINARY:
    add_binary(e, to);
    break;
  case EXPRESSION_LIST:
    add_list(e, to);
    break;
  case EXPRESSION_CONDITIONAL:
  case EXPRESSION_EACH:
  case EXPRESSION_RANGE:
    add_compound(e, to);
    break;
  }
}
