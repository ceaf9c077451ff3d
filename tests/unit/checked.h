/* For tests of the checker: a source text is loaded as a program, and its functions are evaluated by the interpreter.
 */
#ifndef RETORT_TESTS_CHECKED_H
#define RETORT_TESTS_CHECKED_H

#include "compiler/check/program.h"

typedef struct checked {
  arena *arena;
  diagnostics *diagnostics;
  program *program;
  char *path; /* of a file that is removed by checked_close */
} checked;

typedef struct named_values {
  const char *name;
  const double *values;
} named_values;

typedef struct named_size {
  const char *name;
  int64_t size;
} named_size;

checked checked_open(const char *source);
void checked_close(checked *c);
/* All messages so far as text; the caller frees it. */
char *checked_messages(const checked *c);
/* The values of every node, by graph_interpret; interpret_free frees them. Lists end in an item without a name. */
tensor_value *checked_evaluate(const graph *g, const named_size *sizes, const named_values *inputs);
/* The output of that name; fails the test when there is none. */
const graph_output *checked_output(const graph *g, const char *name);

#endif
