/* A call of an executable on random data, for what measures and compares: every tensor of the signature is made. */
#ifndef RETORT_RANDOM_CALL_H
#define RETORT_RANDOM_CALL_H

#include "compiler/link/executable.h"

typedef struct random_sizes {
  int rows;   /* of run-time dimensions named B, and of those that others vary by */
  int length; /* of all others */
  int mean;   /* length of a ragged one's rows, about; the first is as long as all may be. 0: all are */
  int threads;
  uint64_t seed;
} random_sizes;

typedef struct random_call {
  retort_call call;
  const retort_signature *signature;
  int64_t *dims;
} random_call;

/* Weights and inputs are small numbers of both signs, an optimizer's state is not negative, single numbers are 1,
 * integers lie within the tables of g (the executable's graph) that they look up, or are 0 and 1. NULL and *error (in
 * g's arena) when the graph is not for such sizes. */
random_call *random_call_create(const executable *e, const graph *g, const random_sizes *sizes, const char **error);
void random_call_destroy(random_call *r);
/* Of a tensor of the signature. */
int64_t random_call_elements(const random_call *r, const retort_tensor *t);

#endif
