/* What a loss says, written out: the expression of the source with the functions of losses replaced by their bodies,
 * compile-time values by numbers, and what can be read off it. For people: `show --stage=losses`. */
#ifndef RETORT_FORMULA_H
#define RETORT_FORMULA_H

#include "compiler/check/elaborate.h"

typedef struct formula_part { /* name = value, in the formula or in a part behind it */
  const char *name;
  const expression *value;
} formula_part;

typedef struct formula {
  const expression *value;
  int part_count;
  formula_part *parts; /* each reads only those before it */
  int reduction_count;
  const char **reductions; /* outermost first: "mean over B", "sum over 2" */
  int real_count;
  const char **real; /* reduced dimensions of which only real elements count: "T" */
  int padded_count;
  const char **padded; /* reduced dimensions of any length that are dense: padding in them counts */
  int temperature_count;
  const char **temperatures; /* arguments of parameters called so, each once */
  double factor;             /* the constant in front */
} formula;

/* `x` as it stands in an objective with these members, elaborated in `s` before. Functions of files that declare
 * objectives are written out, others (layers, softmax, …) keep their names. Adds nodes to the elaborator's graph. */
formula formula_of(elaborator *e, scope *s, const member_list *members, const expression *x);

#endif
