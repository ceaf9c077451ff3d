/* The inside of the pass `simplify`: rows (pattern, replacement) in groups, one file a group; simplify.c tries them
 * until none matches. Only simplify*.c include this. */
#ifndef RETORT_SIMPLIFY_H
#define RETORT_SIMPLIFY_H

#include "compiler/graph/graph.h"

typedef struct simplifier {
  graph *to;       /* where replacements are built */
  const node *old; /* what the node under hand was copied from; NULL when it is already a replacement */
  const int *uses; /* by old id: how many operands and outputs read it */
  struct pattern_set *patterns;
} simplifier;

/* Returns what stands for n, of n's type and value; NULL when the row does not match. n is in s->to and so are its
 * operands; nodes made on the way cost nothing, for what is not used is dropped. */
typedef node *simplify_rule(simplifier *s, node *n);

typedef struct simplify_row {
  op first, last; /* operations it looks at, a range of the table */
  simplify_rule *apply;
  const char *says; /* for readers */
} simplify_row;

/* Each ends with a row whose apply is NULL. */
extern const simplify_row simplify_constants[];  /* simplify_constant.c: folding, constants through movement */
extern const simplify_row simplify_broadcasts[]; /* simplify_broadcast.c: repetition moves behind computation */
extern const simplify_row simplify_movement[];   /* simplify_movement.c: views of views */
extern const simplify_row simplify_reductions[]; /* simplify_reduction.c: reductions and contractions */

/* simplify_algebra.c: rows in text. */
struct pattern_set *simplify_patterns(arena *a);
node *simplify_by_pattern(simplifier *s, node *n);

/* ---- what rules share (simplify.c) ---- */

/* The number that n is everywhere, looking through movement that keeps it so. */
bool simplify_number(const node *n, double *number);
/* A number of n's type and shape. */
node *simplify_constant(simplifier *s, const node *n, double number);
/* x, broadcast where n has a larger shape: for results that came out as scalars. */
node *simplify_conform(simplifier *s, node *x, const node *n);
/* n's operand is read by n alone, so that work moved into n is not done twice. */
bool simplify_sole_user(const simplifier *s, int operand);
bool simplify_is_one(const dim *d);
/* The value of a size as a scalar: a constant, or for a run-time size the last element of an iota, plus one. */
node *simplify_size(simplifier *s, const dim *d, dtype type, span where);

#endif
