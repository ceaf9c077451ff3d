/* The teacher's part of a step: what depends on read-only weights and on the batch's rows alone is the same whenever a
 * row comes by. It is cut off, as pass_freeze cuts off what depends on weights alone, so that it can be computed once
 * for each row and kept.
 *
 *   teacher   computes the values of the cut, outputs "teacher.0", "teacher.1", …
 *   step      the graph without what only they need; it reads them as data of those names
 *
 * A value can be cut when each row of it depends on that row of the batch alone, not on the other rows nor on how wide
 * the batch is, and when nobody looks at its padding unless that is zero. Of all cuts the one is taken that costs
 * least: what is kept costs its bytes, what stays in the step its operations. */
#ifndef RETORT_TEACHER_H
#define RETORT_TEACHER_H

#include "compiler/graph/graph.h"

typedef struct teacher_cut {
  graph *teacher, *step; /* NULL: nothing is cut */
  int count;             /* of the values */
  /* Why what would be the teacher's has to be computed with each batch, or much of it; NULL: there is no such thing. */
  const char *reason;
  const node *at; /* the first value where it is so; of the joint graph */
} teacher_cut;

/* `joint` has its rows along B; costs are those of one row of `length` tokens. */
teacher_cut teacher_cut_find(const graph *joint, int64_t length);

/* Whether readers of n, the input of a step, do not change when the same number is added along its last axis: it is
 * read by a softmax, as what is subtracted from its maximum. */
bool teacher_through_softmax(const graph *step, const node *n);

/* ---- teacher_rows.c: for teacher.c ---- */

typedef enum {
  ROWS_NONE,   /* not of this kind, or not to be told */
  ROWS_SAME,   /* the same for all rows: of weights and numbers */
  ROWS_APART,  /* by rows, as described above */
  ROWS_RANDOM, /* of rows and weights, but also of random numbers or of the step's number: not what can be kept */
  ROWS_MIXED   /* the same with other rows, or the batch's width */
} teacher_rows;

typedef struct teacher_values {
  const graph *graph;
  teacher_rows *rows; /* by node */
  bool *weighs;       /* by node: weights are in it */
  bool *can_be_kept;  /* by node: ROWS_APART, with weights, and its padding is zero or nobody's business */
} teacher_values;

teacher_values teacher_values_find(const graph *g);

#endif
