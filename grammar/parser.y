/* The grammar of the Retort language; README.md beside it says what everything means. The tokens come from
 * compiler/source/tokens.c, which settles where statements end; nodes are built by compiler/source/build.c. */
%define api.pure full
%define api.prefix {parser_}
%define api.token.prefix {TOKEN_}
%define api.location.type {span}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction consistent /* so that recovery skips to what can follow */
%locations
%param { parser *p }

%code requires {
#include "compiler/source/syntax.h"
}

%code {
#include "compiler/source/parse.h"

#define YYLLOC_DEFAULT(result, parts, count)                                                                           \
  (result) = (count) ? span_join(YYRHSLOC(parts, 1), YYRHSLOC(parts, count)) : span_behind(YYRHSLOC(parts, 0))
#define EXPRESSION(at, ...) build_expression(p, (expression){.where = (at), __VA_ARGS__})
#define NAME_EXPRESSION(at, name_) EXPRESSION(at, .kind = EXPRESSION_NAME, .as.name = (name_))
#define STATEMENT(at, ...) build_statement(p, (statement){.where = (at), __VA_ARGS__})
#define MEMBER(at, ...) build_member(p, (member){.where = (at), __VA_ARGS__})
#define ITEM(at, ...) build_item(p, (item){.where = (at), __VA_ARGS__})
#define APPEND(list, item) arena_append(p->arena, (list).items, (list).count, item)
}

%union {
  const char *name;
  int64_t integer;
  double real;
  struct expression *expression;
  expression_list expressions;
  struct argument argument;
  argument_list arguments;
  struct index_item index;
  index_list indices;
  struct type_syntax *type;
  struct type_dimension dimension;
  dimension_list dimensions;
  struct parameter_syntax parameter;
  parameter_list parameters;
  struct function_syntax *function;
  struct statement *statement;
  struct block block;
  struct member *member;
  struct member_list members;
  struct named named;
  named_list names;
  struct setting setting;
  setting_list settings;
  struct item *item;
  item_list items;
  struct declaration *declaration;
}

%token END_OF_FILE 0 "end of file"
%token END "end of line"
%token NEWLINE "line break"
%token <name> NAME "name" FUNCTION_NAME "function's name" STRING "string"
%token <integer> INT "whole number"
%token <real> REAL "number"
/* All keywords, in one piece: compiler/source/tokens.c asks for the range. */
%token <name> USE "'use'" MODULE "'module'" FUNCTION "'function'" OBJECTIVE "'objective'" OPTIMIZER "'optimizer'"
  EXPERIMENT "'experiment'" PARAM "'param'" BUFFER "'buffer'" STATE "'state'" LET "'let'" TAP "'tap'"
  UPDATE "'update'" RETURN "'return'" LOSS "'loss'" WEIGHT "'weight'" FOR "'for'" IN "'in'" IF "'if'" THEN "'then'"
  ELSE "'else'" AND "'and'" OR "'or'" NOT "'not'" TRUE "'true'" FALSE "'false'" OF "'of'" NEW "'new'" DATA "'data'"
  MODEL "'model'" STAGE "'stage'" TRAIN "'train'" DISTILL "'distill'" WITH "'with'" ON "'on'" AS "'as'"
  VALIDATE "'validate'" EVERY "'every'" KEEP "'keep'" EVALUATE "'evaluate'" EXPORT "'export'"
%token ELLIPSIS "'...'" RANGE "'..'" ARROW "'->'" PIPE "'|>'" POWER "'**'" FLOOR_DIVIDE "'//'" LESS_EQUAL "'<='"
  GREATER_EQUAL "'>='" EQUAL "'=='" NOT_EQUAL "'!='"

%left OR
%left AND
%precedence NOT
%nonassoc '<' '>' LESS_EQUAL GREATER_EQUAL EQUAL NOT_EQUAL
%nonassoc RANGE
%left '+' '-'
%left '*' '/' FLOOR_DIVIDE '%' '@'
%precedence NEGATION
%right POWER

%type <expression> expression conditional operation postfix atom bound
%type <expressions> expressions
%type <argument> argument
%type <arguments> arguments
%type <index> index
%type <indices> indices
%type <type> type result
%type <dimension> dimension
%type <dimensions> dimensions
%type <parameter> parameter
%type <parameters> parameters parameter_list
%type <function> function_rest
%type <statement> statement if_statement loss_statement tap_statement update_statement
%type <block> block statements otherwise
%type <member> member if_member
%type <members> member_block members member_otherwise
%type <named> named labelled
%type <names> names labelled_list
%type <setting> setting
%type <settings> settings
%type <item> item if_item work
%type <items> items item_block item_otherwise
%type <declaration> declaration
%type <name> STRING_opt

%%

file: %empty | file use END | file declaration END { parser_declare(p, $declaration); } | file error END { yyerrok; };

use: USE used | USE error { yyerrok; };
used: NAME { parser_use(p, @NAME, $NAME); } | used ',' NAME { parser_use(p, @NAME, $NAME); };

/* ---- declarations ---- */

declaration:
  MODULE NAME parameters member_block {
    $$ = build_declaration(p, (declaration){.kind = DECLARE_MODULE, .where = @$, .name_where = @NAME, .name = $NAME,
      .parameter_count = $parameters.count, .parameters = $parameters.items, .members = $member_block}); }
| OBJECTIVE NAME parameters member_block {
    $$ = build_declaration(p, (declaration){.kind = DECLARE_OBJECTIVE, .where = @$, .name_where = @NAME, .name = $NAME,
      .parameter_count = $parameters.count, .parameters = $parameters.items, .members = $member_block}); }
| OPTIMIZER NAME parameters member_block {
    $$ = build_declaration(p, (declaration){.kind = DECLARE_OPTIMIZER, .where = @$, .name_where = @NAME, .name = $NAME,
      .parameter_count = $parameters.count, .parameters = $parameters.items, .members = $member_block}); }
| FUNCTION NAME function_rest {
    $function_rest->name = $NAME, $function_rest->name_where = @NAME, $function_rest->where = @$;
    $$ = build_declaration(p, (declaration){.kind = DECLARE_FUNCTION, .where = @$, .name_where = @NAME, .name = $NAME,
      .function = $function_rest}); }
| EXPERIMENT NAME '{' items '}' {
    $$ = build_declaration(p, (declaration){.kind = DECLARE_EXPERIMENT, .where = @$, .name_where = @NAME, .name = $NAME,
      .item_count = $items.count, .items = $items.items}); }
| MODULE error lost_members { $$ = NULL; yyerrok; }
| OBJECTIVE error lost_members { $$ = NULL; yyerrok; }
| OPTIMIZER error lost_members { $$ = NULL; yyerrok; }
| FUNCTION error lost_block { $$ = NULL; yyerrok; }
| EXPERIMENT error lost_items { $$ = NULL; yyerrok; }
;

/* What follows an error in the head of something that has a body: the body's own errors are still worth a message. */
lost_members: %empty | recovered member_block;
lost_block: %empty | recovered block;
lost_items: %empty | recovered '{' items '}';
lost_stage: %empty | recovered '{' work settings '}';
recovered: %empty { yyerrok; };

parameters: '(' ')' { $$ = (parameter_list){0}; } | '(' parameter_list ')' { $$ = $2; } | '(' parameter_list ',' ')' { $$ = $2; };
parameter_list:
  parameter { $$ = (parameter_list){0}; APPEND($$, $parameter); }
| parameter_list ',' parameter { $$ = $1; APPEND($$, $parameter); }
;
parameter:
  NAME { $$ = (parameter_syntax){@$, $NAME, build_any_type(p, @NAME), NULL}; }
| NAME ':' type { $$ = (parameter_syntax){@$, $NAME, $type, NULL}; }
| NAME '=' expression { $$ = (parameter_syntax){@$, $NAME, build_any_type(p, @NAME), $expression}; }
| NAME ':' type '=' expression { $$ = (parameter_syntax){@$, $NAME, $type, $expression}; }
;

type:
  NAME { $$ = build_type(p, @$, $NAME, NULL); }
| NAME '[' ']' { $$ = build_type(p, @$, $NAME, &(dimension_list){0}); }
| NAME '[' dimensions ']' { $$ = build_type(p, @$, $NAME, &$dimensions); }
| FUNCTION { $$ = build_type(p, @$, "function", NULL); }
| MODULE { $$ = build_type(p, @$, "module", NULL); }
;
dimensions:
  dimension { $$ = (dimension_list){0}; APPEND($$, $dimension); }
| dimensions ',' dimension { $$ = $1; APPEND($$, $dimension); }
;
dimension:
  ELLIPSIS { $$ = (type_dimension){.where = @$, .ellipsis = true}; }
| NAME ELLIPSIS { $$ = (type_dimension){.where = @$, .ellipsis = true, .name = $NAME}; }
| NAME[size] OF NAME[rows] {
    $$ = (type_dimension){.where = @$, .ragged = $rows,
      .size = EXPRESSION(@size, .kind = EXPRESSION_NAME, .as.name = $size)}; }
| expression { $$ = (type_dimension){.where = @$, .size = $expression}; }
;

/* What follows a function's name. */
function_rest:
  parameters result '=' expression {
    $$ = build_function(p, (function_syntax){.where = @$, .parameter_count = $parameters.count,
      .parameters = $parameters.items, .result = $result, .value = $expression}); }
| parameters result block {
    $$ = build_function(p, (function_syntax){.where = @$, .parameter_count = $parameters.count,
      .parameters = $parameters.items, .result = $result, .body = $block}); }
;
result: %empty { $$ = NULL; } | ARROW type { $$ = $type; };

/* ---- members of modules, objectives and optimizers ---- */

member_block: '{' members '}' { $$ = $members; };
members:
  %empty { $$ = (member_list){0}; }
| members member END { $$ = $1; if ($member) APPEND($$, $member); }
| members error END { $$ = $1; yyerrok; }
;
member:
  PARAM NAME ':' type '=' expression {
    $$ = MEMBER(@$, .kind = MEMBER_PARAM, .name = $NAME, .name_where = @NAME, .type = $type, .value = $expression); }
| BUFFER NAME ':' type '=' expression {
    $$ = MEMBER(@$, .kind = MEMBER_BUFFER, .name = $NAME, .name_where = @NAME, .type = $type, .value = $expression); }
| STATE NAME ':' type '=' expression {
    $$ = MEMBER(@$, .kind = MEMBER_STATE, .name = $NAME, .name_where = @NAME, .type = $type, .value = $expression); }
| STATE NAME '=' expression {
    $$ = MEMBER(@$, .kind = MEMBER_STATE, .name = $NAME, .name_where = @NAME, .value = $expression); }
| LET NAME '=' expression {
    $$ = MEMBER(@$, .kind = MEMBER_LET, .name = $NAME, .name_where = @NAME, .value = $expression); }
| NAME '=' expression {
    $$ = MEMBER(@$, .kind = MEMBER_SUBMODULE, .name = $NAME, .name_where = @NAME, .value = $expression); }
| NAME '=' expression[value] FOR NAME[variable] IN expression[range] {
    $$ = MEMBER(@$, .kind = MEMBER_SUBMODULE, .name = $1, .name_where = @1, .value = $value, .variable = $variable,
      .range = $range); }
| FUNCTION_NAME function_rest {
    $function_rest->name = $1, $function_rest->name_where = @1, $function_rest->where = @$;
    $$ = MEMBER(@$, .kind = MEMBER_FUNCTION, .name = $1, .name_where = @1, .function = $function_rest); }
| FUNCTION_NAME error lost_block { $$ = NULL; yyerrok; }
| if_member
| FOR NAME IN expression member_block {
    $$ = MEMBER(@$, .kind = MEMBER_FOR, .variable = $NAME, .name = $NAME, .name_where = @NAME, .value = $expression,
      .body = $member_block); }
| FOR error lost_members { $$ = NULL; yyerrok; }
| loss_statement { $$ = MEMBER(@$, .kind = MEMBER_STATEMENT, .statement = $1); }
| tap_statement { $$ = MEMBER(@$, .kind = MEMBER_STATEMENT, .statement = $1); }
| update_statement { $$ = MEMBER(@$, .kind = MEMBER_STATEMENT, .statement = $1); }
| expression {
    $$ = MEMBER(@$, .kind = MEMBER_STATEMENT,
      .statement = STATEMENT(@$, .kind = STATEMENT_EXPRESSION, .value = $expression)); }
;
if_member:
  IF expression member_block member_otherwise {
    $$ = MEMBER(@$, .kind = MEMBER_IF, .value = $expression, .body = $member_block, .otherwise = $member_otherwise); }
| IF error lost_members member_otherwise { $$ = NULL; yyerrok; }
;
member_otherwise:
  %empty { $$ = (member_list){0}; }
| ELSE member_block { $$ = $2; }
| ELSE if_member { $$ = (member_list){0}; if ($2) APPEND($$, $2); }
;

/* ---- statements ---- */

block: '{' statements '}' { $$ = $statements; };
statements:
  %empty { $$ = (struct block){0}; }
| statements statement END { $$ = $1; if ($statement) APPEND($$, $statement); }
| statements error END { $$ = $1; yyerrok; }
;
statement:
  NAME '=' expression {
    $$ = STATEMENT(@$, .kind = STATEMENT_BIND, .name = $NAME, .name_where = @NAME, .value = $expression); }
| LET NAME '=' expression {
    $$ = STATEMENT(@$, .kind = STATEMENT_LET, .name = $NAME, .name_where = @NAME, .value = $expression); }
| update_statement
| RETURN expression { $$ = STATEMENT(@$, .kind = STATEMENT_RETURN, .value = $expression); }
| FOR NAME IN expression block {
    $$ = STATEMENT(@$, .kind = STATEMENT_FOR, .name = $NAME, .name_where = @NAME, .value = $expression,
      .body = $block); }
| FOR error lost_block { $$ = NULL; yyerrok; }
| if_statement
| loss_statement
| tap_statement
| expression { $$ = STATEMENT(@$, .kind = STATEMENT_EXPRESSION, .value = $expression); }
;
loss_statement:
  LOSS NAME '=' expression {
    $$ = STATEMENT(@$, .kind = STATEMENT_LOSS, .name = $NAME, .name_where = @NAME, .value = $expression); }
| LOSS NAME '=' expression[value] WEIGHT expression[factor] {
    $$ = STATEMENT(@$, .kind = STATEMENT_LOSS, .name = $NAME, .name_where = @NAME, .value = $value,
      .weight = $factor); }
;
update_statement:
  UPDATE postfix '=' expression {
    $$ = STATEMENT(@$, .kind = STATEMENT_UPDATE, .target = $postfix, .value = $expression); }
;
tap_statement:
  TAP NAME '=' expression {
    $$ = STATEMENT(@$, .kind = STATEMENT_TAP, .name = $NAME, .name_where = @NAME, .value = $expression); }
;
if_statement:
  IF expression block otherwise {
    $$ = STATEMENT(@$, .kind = STATEMENT_IF, .value = $expression, .body = $block, .otherwise = $otherwise); }
| IF error lost_block otherwise { $$ = NULL; yyerrok; }
;
otherwise:
  %empty { $$ = (struct block){0}; }
| ELSE block { $$ = $2; }
| ELSE if_statement { $$ = (struct block){0}; if ($2) APPEND($$, $2); }
;

/* ---- experiments ---- */

items:
  %empty { $$ = (item_list){0}; }
| items item END { $$ = $1; if ($item) APPEND($$, $item); }
| items error END { $$ = $1; yyerrok; }
;
item:
  LET NAME '=' expression { $$ = ITEM(@$, .kind = ITEM_LET, .name = $NAME, .name_where = @NAME, .value = $expression); }
| DATA names '=' expression {
    $$ = ITEM(@$, .kind = ITEM_DATA, .name_count = $names.count, .names = $names.items, .value = $expression); }
| MODEL NAME '=' expression {
    $$ = ITEM(@$, .kind = ITEM_MODEL, .name = $NAME, .name_where = @NAME, .value = $expression); }
| STAGE NAME '{' work settings '}' {
    $$ = $work;
    if ($$)
      $$->where = @$, $$->name = $NAME, $$->name_where = @NAME, $$->setting_count = $settings.count,
      $$->settings = $settings.items; }
| STAGE NAME '{' '}'[end] { empty_stage(p, @end); $$ = NULL; }
| STAGE error lost_stage { $$ = NULL; yyerrok; }
| EVALUATE labelled_list[models] ON named WITH names[metrics] {
    $$ = ITEM(@$, .kind = ITEM_EVALUATE, .name_count = $models.count, .names = $models.items, .on = $named,
      .metric_count = $metrics.count, .metrics = $metrics.items); }
| EXPORT names { $$ = ITEM(@$, .kind = ITEM_EXPORT, .name_count = $names.count, .names = $names.items); }
| if_item
;
if_item:
  IF expression item_block[body] item_otherwise[otherwise] {
    $$ = ITEM(@$, .kind = ITEM_IF, .value = $expression, .body_count = $body.count, .body = $body.items,
      .otherwise_count = $otherwise.count, .otherwise = $otherwise.items); }
| IF error lost_items item_otherwise { $$ = NULL; yyerrok; }
;
item_block: '{' items '}' { $$ = $items; };
item_otherwise:
  %empty { $$ = (item_list){0}; }
| ELSE item_block { $$ = $2; }
| ELSE if_item { $$ = (item_list){0}; if ($2) APPEND($$, $2); }
;
work:
  TRAIN names WITH expression {
    check_objective(p, $expression);
    $$ = ITEM(@$, .kind = ITEM_STAGE, .student_count = $names.count, .students = $names.items,
      .objective = $expression); }
| DISTILL names[from] ARROW names[to] WITH expression {
    check_objective(p, $expression);
    $$ = ITEM(@$, .kind = ITEM_STAGE, .teacher_count = $from.count, .teachers = $from.items,
      .student_count = $to.count, .students = $to.items, .objective = $expression); }
| error END { $$ = NULL; yyerrok; }
;
settings:
  %empty { $$ = (setting_list){0}; }
| settings END { $$ = $1; }
| settings setting { $$ = $1; APPEND($$, $setting); }
| settings error END { $$ = $1; yyerrok; }
;
setting:
  NAME expression { $$ = (struct setting){.where = @$, .name = $NAME, .value = $expression}; }
| OPTIMIZER expression { $$ = (struct setting){.where = @$, .name = "optimizer", .value = $expression}; }
| ON NAME { $$ = (struct setting){.where = @$, .name = "on", .value = NAME_EXPRESSION(@NAME, $NAME)}; }
| VALIDATE NAME { $$ = (struct setting){.where = @$, .name = "validate", .value = NAME_EXPRESSION(@NAME, $NAME)}; }
| EVERY expression { $$ = (struct setting){.where = @$, .name = "every", .value = $expression}; }
| KEEP NAME[best] NAME[metric] ON NAME[set] {
    $$ = (struct setting){.where = @$, .name = "keep", .value = NAME_EXPRESSION(@metric, $metric),
      .choice = $best, .choice_where = @best, .on = {.where = @set, .name = $set}}; }
;
named: NAME { $$ = (struct named){.where = @$, .name = $NAME}; };
names: named { $$ = (named_list){0}; APPEND($$, $named); } | names ',' named { $$ = $1; APPEND($$, $named); };
labelled: NAME STRING_opt { $$ = (struct named){.where = @NAME, .name = $NAME, .label = $STRING_opt}; };
STRING_opt: %empty { $$ = NULL; } | AS STRING { $$ = $STRING; };
labelled_list:
  labelled { $$ = (named_list){0}; APPEND($$, $labelled); }
| labelled_list ',' labelled { $$ = $1; APPEND($$, $labelled); }
;

/* ---- expressions ---- */

expression: conditional | expression PIPE postfix { $$ = build_pipe(p, @$, $1, $3); };
conditional:
  operation
| IF expression[condition] THEN expression[then] ELSE conditional[otherwise] {
    $$ = EXPRESSION(@$, .kind = EXPRESSION_CONDITIONAL, .as.conditional = {$condition, $then, $otherwise}); }
;
operation:
  postfix
| operation OR operation { $$ = build_binary(p, @$, BINARY_OR, $1, $3); }
| operation AND operation { $$ = build_binary(p, @$, BINARY_AND, $1, $3); }
| operation '<' operation { $$ = build_binary(p, @$, BINARY_LESS, $1, $3); }
| operation '>' operation { $$ = build_binary(p, @$, BINARY_GREATER, $1, $3); }
| operation LESS_EQUAL operation { $$ = build_binary(p, @$, BINARY_LESS_EQUAL, $1, $3); }
| operation GREATER_EQUAL operation { $$ = build_binary(p, @$, BINARY_GREATER_EQUAL, $1, $3); }
| operation EQUAL operation { $$ = build_binary(p, @$, BINARY_EQUAL, $1, $3); }
| operation NOT_EQUAL operation { $$ = build_binary(p, @$, BINARY_NOT_EQUAL, $1, $3); }
| operation '+' operation { $$ = build_binary(p, @$, BINARY_ADD, $1, $3); }
| operation '-' operation { $$ = build_binary(p, @$, BINARY_SUBTRACT, $1, $3); }
| operation '*' operation { $$ = build_binary(p, @$, BINARY_MULTIPLY, $1, $3); }
| operation '/' operation { $$ = build_binary(p, @$, BINARY_DIVIDE, $1, $3); }
| operation FLOOR_DIVIDE operation { $$ = build_binary(p, @$, BINARY_FLOOR_DIVIDE, $1, $3); }
| operation '%' operation { $$ = build_binary(p, @$, BINARY_REMAINDER, $1, $3); }
| operation '@' operation { $$ = build_binary(p, @$, BINARY_MATMUL, $1, $3); }
| operation POWER operation { $$ = build_binary(p, @$, BINARY_POWER, $1, $3); }
| operation RANGE operation { $$ = EXPRESSION(@$, .kind = EXPRESSION_RANGE, .as.range = {$1, $3}); }
| NOT operation { $$ = EXPRESSION(@$, .kind = EXPRESSION_UNARY, .as.unary = {UNARY_NOT, $2}); }
| '-' operation %prec NEGATION { $$ = EXPRESSION(@$, .kind = EXPRESSION_UNARY, .as.unary = {UNARY_NEGATE, $2}); }
;
postfix:
  atom
| postfix '.' NAME { $$ = EXPRESSION(@$, .kind = EXPRESSION_FIELD, .as.field = {$1, $NAME, @NAME}); }
| postfix '(' ')' { $$ = EXPRESSION(@$, .kind = EXPRESSION_CALL, .as.call = {.callee = $1}); }
| postfix '(' arguments ')' {
    $$ = EXPRESSION(@$, .kind = EXPRESSION_CALL,
      .as.call = {.callee = $1, .count = $arguments.count, .arguments = $arguments.items}); }
| postfix '(' arguments ',' ')' {
    $$ = EXPRESSION(@$, .kind = EXPRESSION_CALL,
      .as.call = {.callee = $1, .count = $arguments.count, .arguments = $arguments.items}); }
| postfix '[' indices ']' {
    $$ = EXPRESSION(@$, .kind = EXPRESSION_INDEX, .as.index = {$1, $indices.count, $indices.items}); }
;
atom:
  INT { $$ = EXPRESSION(@$, .kind = EXPRESSION_INT, .as.integer = $1); }
| REAL { $$ = EXPRESSION(@$, .kind = EXPRESSION_REAL, .as.real = $1); }
| TRUE { $$ = EXPRESSION(@$, .kind = EXPRESSION_BOOL, .as.boolean = true); }
| FALSE { $$ = EXPRESSION(@$, .kind = EXPRESSION_BOOL, .as.boolean = false); }
| STRING { $$ = EXPRESSION(@$, .kind = EXPRESSION_STRING, .as.string = $1); }
| NAME { $$ = EXPRESSION(@$, .kind = EXPRESSION_NAME, .as.name = $1); }
| '(' expression ')' { $$ = $2; $$->where = @$; }
| '[' ']' { $$ = EXPRESSION(@$, .kind = EXPRESSION_LIST); }
| '[' expressions ']' { $$ = EXPRESSION(@$, .kind = EXPRESSION_LIST, .as.list = {$2.count, $2.items}); }
| '[' expressions ',' ']' { $$ = EXPRESSION(@$, .kind = EXPRESSION_LIST, .as.list = {$2.count, $2.items}); }
| '[' expression[body] FOR NAME IN expression[range] ']' {
    $$ = EXPRESSION(@$, .kind = EXPRESSION_EACH, .as.each = {$NAME, $range, $body}); }
;
expressions:
  expression { $$ = (expression_list){0}; APPEND($$, $1); }
| expressions ',' expression { $$ = $1; APPEND($$, $3); }
;
arguments:
  argument { $$ = (argument_list){0}; APPEND($$, $1); }
| arguments ',' argument { $$ = $1; APPEND($$, $3); }
;
argument:
  expression { $$ = (struct argument){@$, NULL, $1}; }
| NAME ':' expression { $$ = (struct argument){@$, $NAME, $3}; }
;
indices:
  index { $$ = (index_list){0}; APPEND($$, $1); }
| indices ',' index { $$ = $1; APPEND($$, $3); }
;
index:
  expression { $$ = (index_item){.kind = INDEX_AT, .where = @$, .at = $1}; }
| ELLIPSIS { $$ = (index_item){.kind = INDEX_ELLIPSIS, .where = @$}; }
| NEW { $$ = (index_item){.kind = INDEX_NEW, .where = @$}; }
| bound[start] ':' bound[stop] {
    $$ = (index_item){.kind = INDEX_SLICE, .where = @$, .start = $start, .stop = $stop}; }
| bound[start] ':' bound[stop] ':' bound[step] {
    $$ = (index_item){.kind = INDEX_SLICE, .where = @$, .start = $start, .stop = $stop, .step = $step}; }
;
bound: %empty { $$ = NULL; } | expression;

%%

/* Bison's part of an error: what it would have taken here. The words are syntax_error's. */
static int yyreport_syntax_error(const yypcontext_t *context, parser *p) {
  yysymbol_kind_t kinds[YYNTOKENS];
  const char *names[YYNTOKENS];
  int count = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
  for (int i = 0; i < count; i++)
    names[i] = yysymbol_name(kinds[i]);
  syntax_error(p, names, count);
  return 0;
}
