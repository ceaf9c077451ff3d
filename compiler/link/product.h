/* What a product links: an object with some functions of a model, and a C header for it. */
#ifndef RETORT_PRODUCT_H
#define RETORT_PRODUCT_H

#include "compiler/link/executable.h"

/* The weights' memory: all weights that the functions read, one behind the other, each at an offset that is a multiple
 * of 64. The frozen ones stand behind all others; they are computed there, by FUNCTION_prepare_run, before the first
 * call. What stands before them is the content of the weights' file. */
typedef struct product_weight {
  const char *name; /* of the input; of a frozen one: FUNCTION/frozen.N */
  bool frozen;
  dtype dtype;
  int64_t offset, bytes;
} product_weight;

typedef struct product {
  text object, header;
  int weight_count;
  product_weight *weights;
  int64_t weights_size, file_size; /* bytes, of all and of those that are not frozen */
} product;

/* Compiles the graphs, each to a function with its graph's name, as the options say (of them neither `interpret` nor
 * `cache`). `name` is the product's, `source` the path of the file that it is made from, for comments. Returns NULL, or
 * what is wrong (in the arena). The caller calls product_free; the weights are in the arena. */
const char *product_make(arena *a, const char *name, const char *source, int count, const graph *const *graphs,
                         const compile_options *options, product *result);
void product_free(product *p);

#endif
