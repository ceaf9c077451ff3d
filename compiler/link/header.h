/* The C header of a product: see product.h. */
#ifndef RETORT_HEADER_H
#define RETORT_HEADER_H

#include "compiler/kernel/kernel.h"
#include "compiler/link/product.h"

typedef struct product_function {
  const step *step;
  const step *prepare; /* what computes its frozen weights; NULL: it has none */
} product_function;

/* The name of a function's weight among the product's. */
const char *header_weight_name(arena *a, const product_function *f, const char *input);

/* Appends the header's text. Of each function: `NAME_workspace`, and `NAME_run` with a typed argument for each
 * dimension, input and output; the same of what prepares its weights. */
void header_write(arena *a, const char *name, const char *source, int count, const product_function *functions,
                  const product *p, text *to);

#endif
