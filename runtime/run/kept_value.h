/* A value that is kept on disk row by row: what a row of it looks like in memory, where it stands in a batch and is
 * filled up to the batch's width, and in a file. */
#ifndef RETORT_KEPT_VALUE_H
#define RETORT_KEPT_VALUE_H
#include "runtime/core/retort.h"
#include "runtime/data/memory.h"

typedef enum {
  KEPT_WHOLE, /* as it is */
  KEPT_HALF,  /* floats of 16 bits */
  KEPT_TOP /* of logits: the largest of each last axis, and the mass of the others, which is spread evenly over them */
} kept_form;

typedef struct kept_value {
  const char *name;
  retort_dtype dtype;
  int rank;                       /* of a row */
  int64_t sizes[RETORT_RANK_MAX]; /* 0: the row's length */
  kept_form form;
  int top; /* of KEPT_TOP: how many, below the last size */
} kept_value;

enum { KEPT_BYTES_PER_TOP = 8, KEPT_BYTES_OF_TAIL = 4 };

/* The value of that name as the output `t` of a signature shows it: its first axis is the rows, `rows_dim` of the
 * signature's dims; any other dim is the rows' length. False after a failure when it is something else. */
bool kept_value_of(const retort_tensor *t, int rows_dim, kept_value *value, failure *f);
int64_t kept_elements(const kept_value *v, int64_t length); /* of a row of that length */
size_t kept_bytes(const kept_value *v, int64_t length);     /* in a file */

/* A row of that length, filled up to one width, to where it is filled up to another, with zeros. */
void kept_copy(const kept_value *v, int64_t length, int64_t from_width, const void *from, int64_t to_width, void *to);

/* What keeping in less room costs: of KEPT_HALF the largest difference, of KEPT_TOP the sum of KL(full || kept) over
 * `count` distributions. */
typedef struct kept_error {
  double largest, divergence;
  int64_t count;
} kept_error;

/* Writes the row at `row`, which is filled up to `width`, to `to`; false when a number has no place in 16 bits. */
bool kept_write(const kept_value *v, int64_t length, int64_t width, const void *row, unsigned char *to,
                kept_error *error);
/* Reads it back to `row`, with zeros behind its length. */
void kept_read(const kept_value *v, int64_t length, int64_t width, const unsigned char *from, void *row);

#endif
