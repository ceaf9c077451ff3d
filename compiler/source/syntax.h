/* Between the grammar (grammar/parser.y) and the tree: the lists that the parser collects and the functions that build
 * nodes. For compiler/source/ and the grammar alone; the tree itself is ast.h. */
#ifndef RETORT_SYNTAX_H
#define RETORT_SYNTAX_H

#include "compiler/source/ast.h"
#include "compiler/source/tokens.h"

typedef struct parser {
  arena *arena;
  diagnostics *diagnostics;
  token_list tokens;
  int next;         /* the token that parser_lex gives next */
  int last;         /* the one that it gave last */
  int next_problem; /* of the tokens', not yet reported */
  int problem;      /* the token at which the last of them was reported; -1: none yet */
  file_syntax *result;
} parser;

/* ---- lists, grown by arena_append ---- */

typedef struct expression_list {
  int count;
  expression **items;
} expression_list;

typedef struct argument_list {
  int count;
  argument *items;
} argument_list;

typedef struct index_list {
  int count;
  index_item *items;
} index_list;

typedef struct dimension_list {
  int count;
  type_dimension *items;
} dimension_list;

typedef struct parameter_list {
  int count;
  parameter_syntax *items;
} parameter_list;

typedef struct named_list {
  int count;
  named *items;
} named_list;

typedef struct setting_list {
  int count;
  setting *items;
} setting_list;

typedef struct item_list {
  int count;
  item **items;
} item_list;

/* ---- nodes (build.c) ---- */

/* A deeper expression is an error: what walks the tree may recur. */
enum { EXPRESSION_HEIGHT_MAX = 1000 };

/* `like` copied into the arena, its height set from its parts; too high a one is reported and cut. */
expression *build_expression(parser *p, expression like);
expression *build_binary(parser *p, span where, binary_operator o, expression *left, expression *right);
/* x |> f(a): f(x, a); x |> f: f(x). */
expression *build_pipe(parser *p, span where, expression *value, expression *callee);
type_syntax *build_type(parser *p, span where, const char *name, const dimension_list *dimensions);
type_syntax *build_any_type(parser *p, span where);
statement *build_statement(parser *p, statement like);
member *build_member(parser *p, member like);
function_syntax *build_function(parser *p, function_syntax like);
/* Reports members that their kind of declaration does not have. */
declaration *build_declaration(parser *p, declaration like);
item *build_item(parser *p, item like);
/* Reports an objective that is neither a name nor a call of one. */
void check_objective(parser *p, const expression *objective);

#endif
