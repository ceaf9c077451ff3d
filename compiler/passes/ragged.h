/* Ragged rows in batched groups: where the tokens of a batch lie end to end, a product of the batch goes up to its
 * row's own length, and reads and writes the packed tokens.
 *
 * The pass `pack` gathers packed lines to [B, T, …] for what needs rows, and its results back to the tokens. A group
 * whose rows are those of the batch need not: token i of row b is line start[b] + i. It reads a gathered operand as a
 * view, *bounded*: good below the row's length alone; its results that are only gathered back are stored packed; and
 * all its loops and products along T end at the row's length. That is legal where nobody looks at padding, or padding
 * adds nothing to a sum: what pack_padding.c knows. Which groups there will be is not known when roots are chosen. So
 * all that could be is taken to be; what turns out wrong is marked in fusion.plain, and everything is done again. */
#ifndef RETORT_RAGGED_H
#define RETORT_RAGGED_H

#include "compiler/passes/fusion.h"

typedef struct ragged {
  const dim *rows, *width, *tokens; /* B, T, N */
  node *lengths, *starts;           /* i32[B] */
  bool *token, *place; /* by node id: i32[B, T], the token at each position; i32[N], the position of each */
  struct packing *padding;
} ragged;

/* What pass_pack has packed in f's graph, if it is one symbol; else NULL. */
ragged *ragged_find(const fusion *f);
/* n gathers packed lines to their rows; or is what n's first operand is, but for padding. */
bool ragged_is_unpacked(const fusion *f, const node *n);
/* n gathers rows to their tokens. */
bool ragged_is_packed(const fusion *f, const node *n);
/* Marks products of a batch whose results are only gathered to tokens: fusion.packed. */
void ragged_find_results(fusion *f);
/* n, an element of the lengths' mask, is true below them: for all axes along T. */
bool ragged_is_mask(const fusion *f, const node *n);
/* After grouping: decides which groups are ragged; returns whether something must be done again. `all`: none is. */
bool ragged_decide(fusion *f, bool all);
/* The axis of a shape that is B, among the leading `count`; -1: there is none, or several. */
int ragged_row_axis(const ragged *r, shape s, int count);

#endif
