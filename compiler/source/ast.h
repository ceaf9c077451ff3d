/* The syntax tree, as the parser makes it (grammar/parser.y) and the checker reads it. Everything lives in one arena;
 * lists are arrays with a count. Each node has the span it came from. ast_print gives the S-expression of `show
 * --stage=ast`. */
#ifndef RETORT_AST_H
#define RETORT_AST_H

#include "compiler/source/diagnostic.h"
#include "compiler/source/text.h"
#include <stdint.h>

typedef struct expression expression;
typedef struct statement statement;
typedef struct member member;

/* ---- types ---- */

typedef enum {
  TYPE_ANY, /* no type was written */
  TYPE_INT,
  TYPE_REAL,
  TYPE_BOOL,
  TYPE_STRING,
  TYPE_LIST,
  TYPE_FUNCTION,
  TYPE_MODULE, /* `module`, or the name of a module, then in `name` */
  TYPE_TENSOR
} type_kind;

typedef struct type_dimension {
  span where;
  bool ellipsis;      /* `...`, or `S...` with S in `name` */
  const char *name;   /* of an ellipsis; else NULL */
  expression *size;   /* else: arithmetic; a plain EXPRESSION_NAME may bind */
  const char *ragged; /* `T of B`: "B", else NULL */
} type_dimension;

typedef struct type_syntax {
  type_kind kind;
  span where;
  const char *name;    /* TYPE_TENSOR: "f32", "i32", "i64", "bool"; TYPE_MODULE: a module's name or NULL */
  bool has_dimensions; /* `f32` alone is a scalar as `f32[]` is */
  int dimension_count;
  type_dimension *dimensions;
} type_syntax;

/* ---- expressions ---- */

typedef enum {
  EXPRESSION_INT,
  EXPRESSION_REAL,
  EXPRESSION_BOOL,
  EXPRESSION_STRING,
  EXPRESSION_NAME,
  EXPRESSION_FIELD, /* object.name; `.T` is a field too */
  EXPRESSION_CALL,
  EXPRESSION_INDEX, /* object[items] */
  EXPRESSION_UNARY,
  EXPRESSION_BINARY,
  EXPRESSION_CONDITIONAL, /* if c then a else b */
  EXPRESSION_LIST,        /* [a, b] */
  EXPRESSION_EACH,        /* [body for name in range]; range is any list-valued expression */
  EXPRESSION_RANGE        /* a .. b */
} expression_kind;

typedef enum { UNARY_NEGATE, UNARY_NOT } unary_operator;

typedef enum {
  BINARY_ADD,
  BINARY_SUBTRACT,
  BINARY_MULTIPLY,
  BINARY_DIVIDE,
  BINARY_FLOOR_DIVIDE,
  BINARY_REMAINDER,
  BINARY_MATMUL,
  BINARY_POWER,
  BINARY_LESS,
  BINARY_LESS_EQUAL,
  BINARY_GREATER,
  BINARY_GREATER_EQUAL,
  BINARY_EQUAL,
  BINARY_NOT_EQUAL,
  BINARY_AND,
  BINARY_OR
} binary_operator;

typedef struct argument {
  span where;
  const char *name; /* NULL when given by position */
  expression *value;
} argument;

typedef enum { INDEX_AT, INDEX_SLICE, INDEX_NEW, INDEX_ELLIPSIS } index_kind;

typedef struct index_item {
  index_kind kind;
  span where;
  expression *at;                  /* INDEX_AT */
  expression *start, *stop, *step; /* INDEX_SLICE; each may be NULL */
} index_item;

struct expression {
  expression_kind kind;
  int height; /* of the tree beneath, 0 for a leaf; bounded, so that walking it may recur */
  span where;
  union {
    int64_t integer;
    double real;
    bool boolean;
    const char *string; /* EXPRESSION_STRING (unescaped) */
    const char *name;   /* EXPRESSION_NAME */
    struct {
      expression *object;
      const char *name;
      span name_where;
    } field;
    struct { /* `x |> f(a)` is parsed to f(x, a), `x |> f` to f(x), with piped set */
      expression *callee;
      int count;
      argument *arguments;
      bool piped;
    } call;
    struct {
      expression *object;
      int count;
      index_item *items;
    } index;
    struct {
      unary_operator operator;
      expression *operand;
    } unary;
    struct {
      binary_operator operator;
      expression *left, *right;
    } binary;
    struct {
      expression *condition, *then, *otherwise;
    } conditional;
    struct {
      int count;
      expression **items;
    } list;
    struct {
      const char *name;
      expression *range, *body;
    } each;
    struct {
      expression *from, *to;
    } range;
  } as;
};

/* ---- statements of a function's body or an objective ---- */

typedef struct block {
  int count;
  statement **items;
} block;

typedef enum {
  STATEMENT_BIND,   /* name = value */
  STATEMENT_LET,    /* let name = value */
  STATEMENT_TAP,    /* tap name = value */
  STATEMENT_UPDATE, /* update path = value; target is a name or field/index expression */
  STATEMENT_RETURN,
  STATEMENT_LOSS, /* loss name = value [weight weight] */
  STATEMENT_IF,
  STATEMENT_FOR,
  STATEMENT_EXPRESSION /* a call for its error() */
} statement_kind;

struct statement {
  statement_kind kind;
  span where;
  const char *name; /* BIND, LET, TAP, LOSS; FOR: the variable */
  span name_where;
  expression *target; /* UPDATE */
  expression *value;  /* BIND … LOSS, EXPRESSION; IF: the condition; FOR: the range */
  expression *weight; /* LOSS: may be NULL */
  block body, otherwise;
};

/* ---- declarations ---- */

typedef struct parameter_syntax { /* of a module, function, objective, optimizer */
  span where;
  const char *name;
  type_syntax *type;         /* never NULL; kind TYPE_ANY when none was written */
  expression *default_value; /* may be NULL */
} parameter_syntax;

typedef struct function_syntax {
  span where, name_where;
  const char *name;
  int parameter_count;
  parameter_syntax *parameters;
  type_syntax *result; /* may be NULL */
  expression *value;   /* `= expression`; else NULL and */
  block body;
} function_syntax;

typedef enum {
  MEMBER_PARAM,
  MEMBER_BUFFER,
  MEMBER_STATE, /* of an optimizer: type may be NULL (f32 of the weight's shape) */
  MEMBER_LET,
  MEMBER_SUBMODULE, /* name = value [for variable in range] */
  MEMBER_FUNCTION,
  MEMBER_IF,
  MEMBER_FOR,      /* only in objectives, where members and statements mix */
  MEMBER_STATEMENT /* objectives: loss, let-like statements */
} member_kind;

typedef struct member_list {
  int count;
  member **items;
} member_list;

struct member {
  member_kind kind;
  span where, name_where;
  const char *name;
  type_syntax *type;    /* PARAM, BUFFER, STATE */
  expression *value;    /* initializer; LET's value; SUBMODULE's call; IF's condition; FOR's range */
  const char *variable; /* SUBMODULE array or FOR: the loop's name; NULL for a single submodule */
  expression *range;    /* SUBMODULE array */
  function_syntax *function;
  statement *statement;
  member_list body, otherwise;
};

typedef enum {
  DECLARE_MODULE,
  DECLARE_FUNCTION,
  DECLARE_OBJECTIVE,
  DECLARE_OPTIMIZER,
  DECLARE_EXPERIMENT
} declaration_kind;

typedef struct named { /* a model in evaluate or export, a set in data, a metric */
  span where;
  const char *name;
  const char *label; /* `as "…"`, else NULL */
} named;

typedef struct setting { /* `epochs 4`, `optimizer adamw(lr: 1e-3)`, `on train`, `keep best accuracy on dev` */
  span where;
  const char *name;
  expression *value;
  const char *choice; /* keep: `best` */
  span choice_where;
  named on; /* keep: the set */
} setting;

typedef enum { ITEM_LET, ITEM_DATA, ITEM_MODEL, ITEM_STAGE, ITEM_EVALUATE, ITEM_EXPORT, ITEM_IF } item_kind;

typedef struct item { /* of an experiment */
  item_kind kind;
  span where, name_where;
  const char *name;  /* LET, MODEL, STAGE */
  expression *value; /* LET, MODEL, DATA (source with |> folded into calls); IF: the condition */
  int name_count;    /* DATA: sets; EVALUATE, EXPORT: models */
  named *names;
  named on;         /* EVALUATE: the set */
  int metric_count; /* EVALUATE */
  named *metrics;
  int teacher_count, student_count; /* STAGE: `distill teachers -> students`; `train students` has no teachers */
  named *teachers, *students;
  expression *objective; /* STAGE: a name or a call */
  int setting_count;     /* STAGE */
  setting *settings;
  int body_count, otherwise_count; /* IF */
  struct item **body, **otherwise;
} item;

typedef struct declaration {
  declaration_kind kind;
  span where, name_where;
  const char *name;
  int parameter_count; /* MODULE, OBJECTIVE, OPTIMIZER */
  parameter_syntax *parameters;
  member_list members;       /* MODULE, OBJECTIVE, OPTIMIZER */
  function_syntax *function; /* FUNCTION */
  int item_count;            /* EXPERIMENT */
  item **items;
} declaration;

typedef struct use_syntax {
  span where;
  const char *name;
} use_syntax;

typedef struct file_syntax {
  const source_file *file;
  int use_count;
  use_syntax *uses;
  int declaration_count;
  declaration **declarations;
} file_syntax;

/* Parses a whole file. Errors go to `d` (at most 20, in source order; the parser recovers at the end of a statement or
 * of a block); the result holds what could be read and is never NULL. Reentrant: keeps no state between calls. */
file_syntax *parse_file(arena *a, const source_file *file, diagnostics *d);

/* One token a line: `line:column kind text`, for `show --stage=tokens`; what cannot be read as `line:column problem …`.
 */
void print_tokens(const source_file *file, text *to);
void ast_print(const file_syntax *file, text *to);
void expression_print(const expression *e, text *to); /* as it could have been written */

#endif
