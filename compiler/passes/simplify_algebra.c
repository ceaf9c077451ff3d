/* Simplify: algebra of the pointwise operations, as rows of text. Operations are those of ops.def; a letter stands for
 * any value, the same letter for the same value; a number for that number in any shape. Commutative operations match
 * in both orders. Rows are tried from the top. */
#include "compiler/passes/pass.h"
#include "compiler/passes/simplify.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct algebra_row {
  const char *pattern, *replacement;
} rows[] = {
    /* signs move outwards, where a sum takes them up */
    {"neg(neg(x))", "x"},
    {"add(x, 0)", "x"},
    {"sub(x, 0)", "x"},
    {"sub(0, x)", "neg(x)"},
    {"add(x, neg(y))", "sub(x, y)"},
    {"sub(x, neg(y))", "add(x, y)"},
    {"neg(sub(x, y))", "sub(y, x)"},
    {"mul(x, -1)", "neg(x)"},
    {"div(x, -1)", "neg(x)"},
    {"mul(neg(x), neg(y))", "mul(x, y)"},
    {"div(neg(x), neg(y))", "div(x, y)"},
    {"mul(neg(x), y)", "neg(mul(x, y))"},
    {"div(neg(x), y)", "neg(div(x, y))"},
    {"div(x, neg(y))", "neg(div(x, y))"},
    {"abs(neg(x))", "abs(x)"},
    {"abs(abs(x))", "abs(x)"},
    {"cos(neg(x))", "cos(x)"},
    {"mul(x, 1)", "x"},
    {"div(x, 1)", "x"},

    /* roots, powers and reciprocals: y = 0, infinite or negative come out the same */
    {"div(1, x)", "reciprocal(x)"},
    {"div(x, sqrt(y))", "mul(x, rsqrt(y))"},
    {"reciprocal(sqrt(x))", "rsqrt(x)"},
    {"reciprocal(rsqrt(x))", "sqrt(x)"},
    {"pow(x, 0)", "1"},
    {"pow(x, 1)", "x"},
    {"pow(x, 2)", "mul(x, x)"},
    {"pow(x, 3)", "mul(x, mul(x, x))"},
    {"pow(x, 0.5)", "sqrt(x)"},
    {"pow(x, -0.5)", "rsqrt(x)"},
    {"pow(x, -1)", "reciprocal(x)"},

    /* truths and choices */
    {"not(not(x))", "x"},
    {"not(equal(x, y))", "not_equal(x, y)"},
    {"not(not_equal(x, y))", "equal(x, y)"},
    {"and(x, 1)", "x"},
    {"and(x, 0)", "0"},
    {"and(x, x)", "x"},
    {"or(x, 0)", "x"},
    {"or(x, 1)", "1"},
    {"or(x, x)", "x"},
    {"maximum(x, x)", "x"},
    {"minimum(x, x)", "x"},
    {"where(1, x, y)", "x"},
    {"where(0, x, y)", "y"},
    {"where(c, x, x)", "x"},
    {"where(not(c), x, y)", "where(c, y, x)"},
    {"where(c, where(c, x, y), z)", "where(c, x, z)"},
    {"where(c, x, where(c, y, z))", "where(c, x, z)"},
    {"stop_gradient(x)", "x"}, /* differentiation is over */
};
enum { ROW_COUNT = sizeof rows / sizeof *rows, OPERANDS_MAX = 3 };

typedef struct pattern {
  enum { PATTERN_NUMBER, PATTERN_VARIABLE, PATTERN_OP } kind;
  double number;
  int variable; /* 0 … 25 */
  op op;
  int operand_count;
  struct pattern *operands[OPERANDS_MAX];
} pattern;

typedef struct pattern_set {
  pattern *patterns[ROW_COUNT], *replacements[ROW_COUNT];
} pattern_set;

typedef struct binding {
  node *values[26];
} binding;

static pattern *parse(arena *a, const char **cursor) {
  pattern *p = arena_new(a, pattern);
  const char *c = *cursor;
  size_t letters = strspn(c, "abcdefghijklmnopqrstuvwxyz_");
  if (letters == 0) {
    char *end;
    *p = (pattern){.kind = PATTERN_NUMBER, .number = strtod(c, &end)};
    *cursor = end;
  } else if (letters == 1) {
    *p = (pattern){.kind = PATTERN_VARIABLE, .variable = *c - 'a'};
    *cursor = c + 1;
  } else {
    *p = (pattern){.kind = PATTERN_OP, .op = op_by_name(arena_copy(a, c, letters))};
    assert(p->op != OP_COUNT && op_describe(p->op)->class == CLASS_POINTWISE);
    *cursor = c + letters;
    do {
      *cursor += strspn(*cursor, "(, ");
      assert(p->operand_count < OPERANDS_MAX);
      p->operands[p->operand_count++] = parse(a, cursor);
    } while (**cursor == ',');
    assert(**cursor == ')' && p->operand_count == op_describe(p->op)->operands);
    ++*cursor;
  }
  return p;
}

pattern_set *simplify_patterns(arena *a) {
  pattern_set *set = arena_new(a, pattern_set);
  for (int i = 0; i < ROW_COUNT; i++) {
    const char *cursor = rows[i].pattern;
    set->patterns[i] = parse(a, &cursor);
    cursor = rows[i].replacement;
    set->replacements[i] = parse(a, &cursor);
  }
  return set;
}

static bool commutes(op o) {
  return o == OP_add || o == OP_mul || o == OP_maximum || o == OP_minimum || o == OP_equal || o == OP_not_equal ||
         o == OP_and || o == OP_or;
}

/* Equal views of one value are one value, though each reader has its own node until cse. */
static bool same_value(const node *x, const node *y) {
  if (x == y)
    return true;
  op_class class = op_describe(x->op)->class;
  bool same = (class == CLASS_MOVEMENT || class == CLASS_LEAF) && pass_same_operation(x, y);
  for (int i = 0; i < x->operand_count && same; i++)
    same = same_value(x->operands[i], y->operands[i]);
  return same;
}

static bool match(const pattern *p, node *n, binding *b);

static bool match_operands(const pattern *p, node *n, binding *b, bool exchanged) {
  binding attempt = *b;
  for (int i = 0; i < p->operand_count; i++)
    if (!match(p->operands[i], n->operands[exchanged ? 1 - i : i], &attempt))
      return false;
  *b = attempt;
  return true;
}

static bool match(const pattern *p, node *n, binding *b) {
  double number;
  switch (p->kind) {
  case PATTERN_NUMBER:
    return simplify_number(n, &number) && number == p->number;
  case PATTERN_VARIABLE:
    if (!b->values[p->variable])
      b->values[p->variable] = n;
    return same_value(b->values[p->variable], n);
  case PATTERN_OP:
    return n->op == p->op && (match_operands(p, n, b, false) || (commutes(p->op) && match_operands(p, n, b, true)));
  }
  return false;
}

/* NULL where the operation does not take these types (a reciprocal of integers, say). */
static node *build(simplifier *s, const pattern *p, const node *n, const binding *b) {
  node *operands[OPERANDS_MAX];
  shape scalar = {.rank = 0}, result = {.rank = 0};
  dtype type = n->dtype;
  switch (p->kind) {
  case PATTERN_NUMBER:
    return graph_constant(s->to, p->number, n->dtype, scalar, n->where);
  case PATTERN_VARIABLE:
    return b->values[p->variable];
  case PATTERN_OP:
    for (int i = 0; i < p->operand_count; i++)
      if (!(operands[i] = build(s, p->operands[i], n, b)))
        return NULL;
    if (graph_check(s->to, p->op, p->operand_count, operands, NULL, &type, &result))
      return NULL;
    return graph_add(s->to, p->op, p->operand_count, operands, NULL, type, NULL, n->where);
  }
  return NULL;
}

node *simplify_by_pattern(simplifier *s, node *n) {
  if (op_describe(n->op)->class != CLASS_POINTWISE)
    return NULL;
  for (int i = 0; i < ROW_COUNT; i++) {
    binding b = {0};
    if (s->patterns->patterns[i]->op != n->op || !match(s->patterns->patterns[i], n, &b))
      continue;
    node *better = build(s, s->patterns->replacements[i], n, &b);
    if (better)
      return simplify_conform(s, better, n);
  }
  return NULL;
}
