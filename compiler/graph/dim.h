/* Dimensions: integer arithmetic over symbols that are bound at run time (B, T).
 *
 * A dim is a polynomial with integer coefficients, kept in one normal form and interned in its table, so equal
 * dims are the same pointer. Its atoms are symbols and floor divisions of a dim by a constant.
 * A symbol may be ragged: `T of B` stands for the largest of the lengths, and rows are filled up to it; the tensor that
 * holds the lengths (i32[B]) is an input of the graph named by `lengths`. */
#ifndef RETORT_DIM_H
#define RETORT_DIM_H

#include "compiler/source/source.h"
#include "compiler/source/text.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct dim dim;
typedef struct dim_table dim_table;

typedef struct dim_symbol {
  const char *name;    /* unique in its table */
  int index;           /* 0, 1, … in order of making: the position in an array of bindings */
  const dim *of;       /* of a ragged one: the symbol of its rows (B); else NULL */
  const char *lengths; /* of a ragged one: the name of the input with its lengths; else NULL */
  const char *sum;     /* of a number of tokens: the name of the input with the lengths that it sums up; else NULL */
} dim_symbol;

typedef struct dim_factor { /* one atom: a symbol, or floor(dividend / divisor) when symbol is NULL */
  const dim_symbol *symbol;
  const dim *dividend;
  int64_t divisor;
} dim_factor;

typedef struct dim_term { /* coefficient x product of atoms (repeated for powers, sorted) */
  int64_t coefficient;
  int factor_count;
  const dim_factor *const *factors;
} dim_term;

struct dim {
  int id;         /* order of interning */
  int term_count; /* 0: the number zero; terms are sorted, the constant term first */
  const dim_term *terms;
};

dim_table *dim_table_create(arena *a);
int dim_symbol_count(const dim_table *t);
const dim_symbol *dim_symbol_at(const dim_table *t, int index);
const dim_symbol *dim_symbol_find(const dim_table *t, const char *name); /* NULL when there is none */

const dim *dim_constant(dim_table *t, int64_t value);
/* The symbol of that name, made when new. */
const dim *dim_named(dim_table *t, const char *name);
/* A new ragged symbol; if one of that name exists with the same `of` and lengths it is returned. If the name is taken
 * by another symbol, a number is added to it (`T.2`). */
const dim *dim_ragged(dim_table *t, const char *name, const dim *of, const char *lengths);

/* The number of tokens of a ragged symbol, the sum of its lengths: a symbol of its own, `T.tokens`. */
const dim *dim_tokens(dim_table *t, const dim_symbol *ragged);
/* The symbol of that name that sums up that input; NULL when the name is taken by another. */
const dim *dim_sum(dim_table *t, const char *name, const char *lengths);

const dim *dim_add(dim_table *t, const dim *a, const dim *b);
const dim *dim_subtract(dim_table *t, const dim *a, const dim *b);
const dim *dim_multiply(dim_table *t, const dim *a, const dim *b);
/* a / b if b divides a exactly for all bindings (as polynomials with integer coefficients), else NULL. */
const dim *dim_divide_exact(dim_table *t, const dim *a, const dim *b);
/* floor(a / divisor), divisor > 0. */
const dim *dim_floor_divide(dim_table *t, const dim *a, int64_t divisor);

/* Arithmetic that leaves int64_t, or a polynomial of more terms than anybody writes, gives one dim that stays itself in
 * further arithmetic: this tells. Shape rules refuse it. */
bool dim_is_too_large(const dim *d);

/* value may be NULL. */
bool dim_is_constant(const dim *d, int64_t *value);
/* Known for all bindings, where each symbol is 1 or more; false also when it cannot be told. */
bool dim_is_at_least(const dim *d, int64_t bound);
bool dim_is_below(const dim *d, int64_t bound);

/* What run-time dimensions must fulfil beyond being 1 or more, so that nothing is read or written outside of a tensor:
 * size >= least. Whoever makes nodes (graph_add) finds them. They are the table's: they hold for every graph over it.
 */
typedef struct dim_condition {
  const dim *size; /* without a constant term */
  int64_t least;
  const dim *negative; /* of the size, where that is how people say it («expected T to be 512 or less»); else NULL */
  span where;
  const char *because; /* «'slice' takes elements 0 to 3 of axis 1, which has T»; NULL: not yet said */
} dim_condition;

/* Demands d >= least. Returns a condition that is new, for `because` to be filled in; NULL when it is known already, or
 * holds for all bindings. */
dim_condition *dim_require(dim_table *t, const dim *d, int64_t least, span where);
/* Fills in `because` with a copy that lives as long as the table: a graph may go before. */
void dim_condition_say(dim_table *t, dim_condition *c, const char *because, size_t length);
int dim_condition_count(const dim_table *t);
const dim_condition *dim_condition_at(const dim_table *t, int index);
/* «f.rt:3:9: 'slice' takes …: expected T to be 4 or more». What was found belongs behind it. */
void dim_condition_print(const dim_condition *c, text *to);

/* The symbol that d consists of alone, or NULL. */
const dim_symbol *dim_as_symbol(const dim *d);
/* bindings[symbol index] -> value; saturates. */
int64_t dim_evaluate(const dim *d, const int64_t *bindings);
/* `B*T`, `2*T + 1`, `floor(H + 1, 2)`; dim_parse reads it back (NULL on nonsense) and makes symbols that are new. */
void dim_print(const dim *d, text *to);
const dim *dim_parse(dim_table *t, const char **cursor);

#endif
