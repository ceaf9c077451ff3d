/* Between the files that lower groups of roots (compiler/passes/fusion.h) to kernels. */
#ifndef RETORT_KERNEL_LOWER_H
#define RETORT_KERNEL_LOWER_H

#include "compiler/kernel/build.h"
#include "compiler/passes/ragged.h"

/* ---- places (place.c): an element of a tensor, an index for each axis ---- */

/* (base / divide) % modulo, so that indices that come from one number can be joined again; modulo NULL: none. */
typedef struct place {
  const subscript *base;
  const dim *divide, *modulo;
} place;

typedef struct places {
  place axis[RANK_MAX];
} places;

place place_of(kernel_builder *b, const subscript *base);
const subscript *place_subscript(kernel_builder *b, place p);
/* The places of the leading `count` axes, of those sizes, when they are counted through as one by `number`. */
void places_split(kernel_builder *b, const dim *const *dims, int count, const subscript *number, place *axis);
/* Where in x an element of its reshape lies. */
places places_reshape(kernel_builder *b, shape from, shape to, const places *at);
/* start + the sum of index * stride. */
const subscript *places_offset(kernel_builder *b, shape s, const places *at, const dim *const *strides,
                               const subscript *start);

/* ---- lowering ---- */

typedef struct memo {
  int generation;
  places at;
  const value *value;
  struct memo *next;
} memo;

typedef struct lowering {
  const fusion *f;
  kernel_builder *b;
  group *g;
  memo **memos;   /* by node id; those of an older generation do not count */
  int generation; /* one a nest */
  int *registers; /* by root index: the register that holds it at this point, or -1 */
  int *parts;     /* by root index, of a sum across rows to one number: the register that rows add to, or -1 */
  int *chunks;    /* … and the part's own register while `parts` is a chunk's */
  const subscript *row;
  const subscript *line;           /* of a batched group, in a section by lines */
  const subscript *length, *start; /* of a ragged group: how many tokens the row has; the first */
  const subscript *rows;
  const dim *row_work; /* about how many operations a row takes */
} lowering;

/* A lowering for all groups of f, one after the other. */
lowering *lowering_create(const fusion *f);
/* The kernel of one group; its builder is left in l->b. */
void lower_group(lowering *l, group *g);

/* ragged.c: at the beginning of a part, the rows that it computes of a ragged group: such that all parts take about as
 * long as each other. */
void lower_ragged_part(lowering *l, const subscript **from, const subscript **to);
/* At the beginning of a row: its length, and its first token. */
void lower_ragged_row(lowering *l);
/* A size as the bound of a loop or product: of a ragged group, the row's own length for T. */
const subscript *bound_of(lowering *l, const dim *size);

/* expression.c: the value of n at that place, within the current nest. */
const value *lower_node(lowering *l, const node *n, const places *at);
/* The same for a node that is itself a root: its expression. */
const value *lower_expression(lowering *l, const node *n, const places *at);
int root_parameter(lowering *l, const root *r, bool written);
int source_parameter(lowering *l, const node *source);
/* Where r's element lies in its buffer, or in this thread's scratch. */
const subscript *root_offset(lowering *l, const root *r, const places *at);
const subscript *scratch_offset(lowering *l, const root *r, const places *at);
int scratch_parameter(lowering *l, const root *r, bool written);

/* nests.c: all nests of the group on row l->row, at the place where statements are added. */
void lower_row(lowering *l);
/* Whether iterations over rows are independent and the row has no loops of its own. */
bool rows_are_vector(const lowering *l);

/* The operation that a reduction accumulates with, and what it starts from (of argmax: the best value so far). */
op step_operation(const node *n);
const value *identity_of(lowering *l, const node *n);

/* across.c: rows [from, to), with what they add to sums across rows. */
void lower_row_loop(lowering *l, const subscript *from, const subscript *to);
/* Shares of sums across rows: cleared before the first row of a part, kept after the last, added up in the end. */
void lower_part_begin(lowering *l);
void lower_part_end(lowering *l);
void lower_finish(lowering *l);
bool group_sums_across(const group *g);
bool sums_to_number(const lowering *l, const root *r);
/* Where the share of a worker begins; its second half is what the rows of a chunk add to. */
const subscript *share_start(lowering *l, const root *r, const subscript *worker, bool chunk);

/* contraction.c */
void lower_contraction(lowering *l);
/* One product of r's batch, that of the row; returns about how many operations it is. */
const dim *lower_batched(lowering *l, const root *r);

#endif
