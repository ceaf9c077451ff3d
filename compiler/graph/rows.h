/* The rows of a batch within a graph: which operations keep them apart. */
#ifndef RETORT_ROWS_H
#define RETORT_ROWS_H

#include "compiler/graph/graph.h"

/* The axis of n whose size is `rows`; -1: none, -2: several. */
int rows_axis(const node *n, const dim *rows);
/* Whether n, a reduction, is over the rows of its operand. */
bool rows_reduced(const node *n, const dim *rows);
/* Whether each row of n depends on nothing but the same row of its operands: by_row says of each operand whether it has
 * rows (at rows_axis) or is the same for all of them; at least one has. */
bool rows_apart(const node *n, const dim *rows, const bool *by_row);

#endif
