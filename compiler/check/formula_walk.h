/* Between formula.c, which writes out expressions, and formula_call.c, which writes out calls. */
#ifndef RETORT_FORMULA_WALK_H
#define RETORT_FORMULA_WALK_H

#include "compiler/check/formula.h"

typedef struct spine { /* what was met on the way from the whole to its reductions */
  int reduction_count;
  const char **reductions;
  double factor;
} spine;

typedef struct known_name { /* what a name of a function's body stands for */
  const char *name;
  expression *value;
  const spine *spine; /* of its value; NULL: none */
  struct known_name *next;
} known_name;

typedef struct formula_frame { /* a function's body, or the objective's */
  scope *scope;
  known_name *names;
  const member_list *members; /* of the objective; NULL in functions */
} formula_frame;

typedef struct formula_walk {
  elaborator *e;
  formula *formula;
  scope *outer; /* the objective's: a part has no name of these */
  int depth;
} formula_walk;

/* x written out. `on`: where reductions and factors are noted, NULL inside of what is reduced. */
expression *formula_write(formula_walk *w, formula_frame *f, const expression *x, spine *on);
/* A call written out; NULL when it stays a call. */
expression *formula_write_call(formula_walk *w, formula_frame *f, const expression *x, spine *on);
/* A compile-time number, bool or string as an expression; NULL for other values. */
expression *formula_literal(formula_walk *w, value v, span where);
void formula_spine_add(formula_walk *w, spine *to, const spine *from);
void formula_name_once(formula_walk *w, int *count, const char ***list, const char *name);

#endif
