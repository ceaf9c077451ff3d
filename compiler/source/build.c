#include "compiler/source/syntax.h"
#include <string.h>

/* ---- expressions ---- */

static int higher(int height, const expression *part) {
  return part && part->height + 1 > height ? part->height + 1 : height;
}

static int height_of(const expression *e) {
  int height = 0;
  switch (e->kind) {
  case EXPRESSION_INT:
  case EXPRESSION_REAL:
  case EXPRESSION_BOOL:
  case EXPRESSION_STRING:
  case EXPRESSION_NAME:
    return 0;
  case EXPRESSION_FIELD:
    return higher(0, e->as.field.object);
  case EXPRESSION_CALL:
    height = higher(0, e->as.call.callee);
    for (int i = 0; i < e->as.call.count; i++)
      height = higher(height, e->as.call.arguments[i].value);
    return height;
  case EXPRESSION_INDEX:
    height = higher(0, e->as.index.object);
    for (int i = 0; i < e->as.index.count; i++) {
      const index_item *part = &e->as.index.items[i];
      height = higher(higher(higher(higher(height, part->at), part->start), part->stop), part->step);
    }
    return height;
  case EXPRESSION_UNARY:
    return higher(0, e->as.unary.operand);
  case EXPRESSION_BINARY:
    return higher(higher(0, e->as.binary.left), e->as.binary.right);
  case EXPRESSION_CONDITIONAL:
    return higher(higher(higher(0, e->as.conditional.condition), e->as.conditional.then), e->as.conditional.otherwise);
  case EXPRESSION_LIST:
    for (int i = 0; i < e->as.list.count; i++)
      height = higher(height, e->as.list.items[i]);
    return height;
  case EXPRESSION_EACH:
    return higher(higher(0, e->as.each.range), e->as.each.body);
  case EXPRESSION_RANGE:
    return higher(higher(0, e->as.range.from), e->as.range.to);
  }
  return height;
}

expression *build_expression(parser *p, expression like) {
  expression *e = arena_new(p->arena, expression);
  *e = like;
  e->height = height_of(e);
  if (e->height > EXPRESSION_HEIGHT_MAX) {
    diagnostic *error = diagnostic_error(p->diagnostics, e->where, "this expression has too many levels");
    diagnostic_hint(error, "give parts of it names of their own");
    *e = (expression){.kind = EXPRESSION_INT, .where = like.where};
  }
  return e;
}

expression *build_binary(parser *p, span where, binary_operator o, expression *left, expression *right) {
  return build_expression(p, (expression){.kind = EXPRESSION_BINARY, .where = where, .as.binary = {o, left, right}});
}

expression *build_pipe(parser *p, span where, expression *value, expression *callee) {
  expression call = {.kind = EXPRESSION_CALL, .where = where, .as.call = {.callee = callee, .piped = true}};
  int given = 0;
  const argument *arguments = NULL;
  if (callee->kind == EXPRESSION_CALL) {
    call.as.call.callee = callee->as.call.callee;
    given = callee->as.call.count;
    arguments = callee->as.call.arguments;
  }
  call.as.call.count = given + 1;
  call.as.call.arguments = arena_array(p->arena, argument, given + 1);
  call.as.call.arguments[0] = (argument){value->where, NULL, value};
  if (given)
    memcpy(call.as.call.arguments + 1, arguments, sizeof *arguments * (size_t)given);
  return build_expression(p, call);
}

void check_objective(parser *p, const expression *objective) {
  const expression *name = objective;
  if (name->kind == EXPRESSION_CALL && !name->as.call.piped)
    name = name->as.call.callee;
  if (name->kind == EXPRESSION_NAME)
    return;
  diagnostic *e = diagnostic_error(p->diagnostics, objective->where, "expected an objective, found an expression");
  diagnostic_hint(e,
                  "'with' takes the name of an objective, with or without arguments: with soft_labels(temperature: 2)");
}

/* ---- types ---- */

type_syntax *build_any_type(parser *p, span where) {
  type_syntax *type = arena_new(p->arena, type_syntax);
  type->where = where;
  return type;
}

static const struct {
  const char *name;
  type_kind kind;
} compile_time_types[] = {
    {"int", TYPE_INT},   {"real", TYPE_REAL},         {"bool", TYPE_BOOL},     {"string", TYPE_STRING},
    {"list", TYPE_LIST}, {"function", TYPE_FUNCTION}, {"module", TYPE_MODULE},
};

static const char *const element_types[] = {"f32", "i32", "i64", "bool"};
enum { ELEMENT_TYPES = sizeof element_types / sizeof *element_types };

static bool is_element_type(const char *name) {
  for (int i = 0; i < ELEMENT_TYPES; i++)
    if (!strcmp(name, element_types[i]))
      return true;
  return false;
}

static void wrong_element_type(parser *p, span where, const char *name) {
  diagnostic *e = diagnostic_error(p->diagnostics, where, "expected an element type, found '%s'", name);
  const char *near = nearest_name(name, element_types, ELEMENT_TYPES);
  if (near)
    diagnostic_hint(e, "did you mean '%s'? Element types are f32, i32, i64, bool", near);
  else
    diagnostic_hint(e, "element types are f32, i32, i64, bool");
}

type_syntax *build_type(parser *p, span where, const char *name, const dimension_list *dimensions) {
  type_syntax *type = build_any_type(p, where);
  for (size_t i = 0; !dimensions && i < sizeof compile_time_types / sizeof *compile_time_types; i++)
    if (!strcmp(name, compile_time_types[i].name)) {
      type->kind = compile_time_types[i].kind;
      return type;
    }
  type->name = name;
  if (!dimensions && !is_element_type(name)) {
    type->kind = TYPE_MODULE;
    return type;
  }
  type->kind = TYPE_TENSOR;
  if (!is_element_type(name)) {
    wrong_element_type(p, where, name);
    type->name = "f32";
  }
  if (dimensions) {
    type->has_dimensions = true;
    type->dimension_count = dimensions->count;
    type->dimensions = dimensions->items;
  }
  return type;
}

/* ---- statements, members, declarations, items ---- */

statement *build_statement(parser *p, statement like) {
  statement *s = arena_new(p->arena, statement);
  *s = like;
  return s;
}

member *build_member(parser *p, member like) {
  member *m = arena_new(p->arena, member);
  *m = like;
  return m;
}

function_syntax *build_function(parser *p, function_syntax like) {
  function_syntax *f = arena_new(p->arena, function_syntax);
  *f = like;
  return f;
}

item *build_item(parser *p, item like) {
  item *i = arena_new(p->arena, item);
  *i = like;
  return i;
}

/* Which members which declaration has: NULL when it has, else what to call the member. */
static const char *misplaced(const member *m, declaration_kind kind) {
  bool module = kind == DECLARE_MODULE, objective = kind == DECLARE_OBJECTIVE, optimizer = kind == DECLARE_OPTIMIZER;
  switch (m->kind) {
  case MEMBER_PARAM:
    return module ? NULL : "'param'";
  case MEMBER_BUFFER:
    return module ? NULL : "'buffer'";
  case MEMBER_STATE:
    return optimizer ? NULL : "'state'";
  case MEMBER_SUBMODULE:
    return optimizer ? "a submodule" : NULL;
  case MEMBER_FUNCTION:
    return objective ? "a function" : NULL;
  case MEMBER_FOR:
    return objective ? NULL : "'for'";
  case MEMBER_STATEMENT:
    if (objective || m->statement->kind == STATEMENT_EXPRESSION)
      return NULL;
    return m->statement->kind == STATEMENT_LOSS     ? "'loss'"
           : m->statement->kind == STATEMENT_UPDATE ? "'update'"
                                                    : "'tap'";
  case MEMBER_LET:
  case MEMBER_IF:
    return NULL;
  }
  return NULL;
}

static const char *where_it_stands(const member *m) {
  switch (m->kind) {
  case MEMBER_PARAM:
  case MEMBER_BUFFER:
    return "what is trained or kept belongs to a module";
  case MEMBER_STATE:
    return "'state' belongs to an optimizer; a module keeps values in a 'buffer'";
  case MEMBER_SUBMODULE:
    return "'let' names a value here";
  case MEMBER_FUNCTION:
    return "functions stand in a module or, with 'function', by themselves";
  case MEMBER_FOR:
    return "an array of submodules is written: layer = name(...) for i in 0 .. n";
  case MEMBER_STATEMENT:
    return m->statement->kind == STATEMENT_LOSS ? "losses stand in an objective"
           : m->statement->kind == STATEMENT_UPDATE
               ? "an update stands in a function's body or, of a model's weights, in an objective"
               : "taps stand in a function's body";
  case MEMBER_LET:
  case MEMBER_IF:
    break;
  }
  return "";
}

static void check_members(parser *p, const member_list *members, declaration_kind kind) {
  static const char *const names[] = {
      [DECLARE_MODULE] = "a module", [DECLARE_OBJECTIVE] = "an objective", [DECLARE_OPTIMIZER] = "an optimizer"};
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    const char *what = misplaced(m, kind);
    if (what) {
      diagnostic *e = diagnostic_error(p->diagnostics, m->where, "%s cannot stand in %s", what, names[kind]);
      diagnostic_hint(e, "%s", where_it_stands(m));
    }
    check_members(p, &m->body, kind);
    check_members(p, &m->otherwise, kind);
  }
}

declaration *build_declaration(parser *p, declaration like) {
  declaration *d = arena_new(p->arena, declaration);
  *d = like;
  if (d->kind == DECLARE_MODULE || d->kind == DECLARE_OBJECTIVE || d->kind == DECLARE_OPTIMIZER)
    check_members(p, &d->members, d->kind);
  return d;
}
