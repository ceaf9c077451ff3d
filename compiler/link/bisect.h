/* Which pass, or which merge of fusion, makes a result wrong: found by switching them off. */
#ifndef RETORT_BISECT_H
#define RETORT_BISECT_H

#include "compiler/passes/pass.h"

/* Whether what is made with these switches gives the right result. */
typedef bool bisect_agrees(void *context, const pass_switches *switches);

typedef enum {
  BISECT_RIGHT,    /* with everything on the result is right */
  BISECT_ONE,      /* with `name` alone switched off it is right */
  BISECT_TOGETHER, /* with no single one switched off; it becomes wrong when `name` joins those before it in the list */
  BISECT_ELSEWHERE /* with everything off it is still wrong */
} bisect_outcome;

typedef struct bisect_result {
  bisect_outcome outcome;
  const char *name;    /* of a pass, or "fuse" */
  int merge;           /* of "fuse": with `merge` merges the result is wrong, with one less it is right */
  pass_switches right; /* with which the result is right */
} bisect_result;

/* start: what is switched off, and the layout, from the beginning; merges: how many fusion makes with that. */
bisect_result bisect_search(bisect_agrees *agrees, void *context, const pass_switches *start, int merges);

#endif
