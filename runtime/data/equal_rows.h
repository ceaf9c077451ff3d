/* Rows of one set that are in another as well, as models see them: the same tokens of the same types. */
#ifndef RETORT_EQUAL_ROWS_H
#define RETORT_EQUAL_ROWS_H
#include "runtime/data/dataset.h"

/* How many rows of `rows` are among those of `among`; *first: the first of them, -1 when there is none. Takes time in
 * proportion to the tokens of both. */
int64_t dataset_count_equal(const dataset *rows, const dataset *among, int64_t *first);

#endif
