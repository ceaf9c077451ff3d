/* An emitted function bound to named weights: finds each pointer of its signature by name, reads the run-time
 * dimensions off the batch, keeps outputs and workspace, and calls. */
#ifndef RETORT_BINDING_H
#define RETORT_BINDING_H
#include "runtime/data/batch.h"
#include "runtime/run/weights.h"

/* A function with its signature; how it came to be is its maker's business. */
typedef struct callable {
  const retort_signature *signature;
  int (*call)(void *context, const retort_call *call);
  size_t (*workspace_size)(void *context, const int64_t *dims, int threads);
  /* May be NULL: computes what depends on the weights (not the states) alone, once for all calls of a binding. */
  int (*prepare)(void *context, const void *const *weights);
  void *context;
} callable;

typedef struct binding binding;

/* Weights and states are looked up in `sets` by input name and must agree in type and shape; inputs are the batch's
 * fields ids, types, label, row, NAME.lengths, step, steps, epoch, key, and what binding_feed gives. NULL after a
 * failure (which lists what was not found). The sets and what the callable points to must outlive the binding; weights
 * must keep their values. */
binding *binding_create(const callable *function, int set_count, weight_set *const *sets, int threads, failure *f);
void binding_free(binding *b);

/* The width that the function demands of a batch, when a field's second size is a number; 0 when any will do. */
int64_t binding_width(const binding *b);

typedef struct step_values {
  int64_t step, steps; /* step from 1 */
  uint64_t seed;
  double epoch; /* epochs done before this step */
  int64_t part; /* of the batch, from 0: each draws its own random numbers */
} step_values;

/* Sets an input that is no field of the batch, "teacher.N", for the calls that follow: `count` elements of its type. */
void binding_feed(binding *b, const char *name, const void *data, int64_t count);
bool binding_call(binding *b, const batch *data, const step_values *values, failure *f);

/* An output of the last call, by name; NULL when there is none. *count: its elements. */
const float *binding_output(const binding *b, const char *name, int64_t *count);
/* The same of any type, by its place in the signature. */
const void *binding_output_at(const binding *b, int index);
size_t binding_workspace_size(const binding *b); /* the largest so far */

#endif
