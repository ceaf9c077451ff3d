/* Named arrays of numbers: a model's parameters, what an objective learns beside it, an optimizer's state. */
#ifndef RETORT_WEIGHTS_H
#define RETORT_WEIGHTS_H
#include "runtime/core/retort.h"
#include "runtime/data/memory.h"

typedef enum { WEIGHT_ZEROS, WEIGHT_ONES, WEIGHT_CONSTANT, WEIGHT_NORMAL, WEIGHT_UNIFORM } weight_initial;

typedef struct weight {
  const char *path;  /* in files: "encoder.layer.0.output.dense.weight" */
  const char *input; /* as emitted functions call it: "student/encoder…" */
  retort_dtype dtype;
  int rank;
  int64_t sizes[RETORT_RANK_MAX];
  weight_initial initial;
  double a, b; /* constant: value; normal: standard deviation, mean; uniform: low, high */
  void *data;  /* aligned to 64 bytes */
} weight;

typedef struct weight_set {
  int count;
  weight *items;
} weight_set;

size_t retort_dtype_size(retort_dtype dtype);
int64_t weight_count(const weight *w); /* elements */

/* Copies descriptions (data is ignored) and allocates, zeroed. */
weight_set *weight_set_create(int count, const weight *descriptions);
void weight_set_free(weight_set *set);
/* Writes the initial values. Random ones depend on the seed, the path and the position, on nothing else. */
void weight_set_initialize(weight_set *set, uint64_t seed);
/* By input name; NULL when there is none. */
weight *weight_set_find(const weight_set *set, const char *input);
int64_t weight_set_elements(const weight_set *set);
size_t weight_set_bytes(const weight_set *set);
void weight_set_clear(weight_set *set);                       /* all values 0 */
void weight_set_copy(weight_set *to, const weight_set *from); /* values; both of equal descriptions */

/* ---- files (weights_file.c) ---- */

/* Writes all values by path, atomically. */
bool weight_set_save(const weight_set *set, const char *path, failure *f);
typedef struct weight_source {
  const char *path; /* a safetensors file or a folder (tensor_files.h) */
  int fresh_count;
  const char *const *fresh; /* weights whose path begins with one of these (up to a dot) keep their values */
  const char *config;       /* the file that says the sizes, for messages; NULL: none does */
  bool whole;               /* it alone does: what a model repeats, as layers, is there no more often than it says */
} weight_source;

/* Reads values by path. Fails, with nothing changed, listing every missing name and every wrong shape or type. Floats
 * of other widths are converted. Names may differ from the paths as those of published files do: all begin with one
 * component more (a model inside of a larger one), or lack the first component that paths have; the last component is
 * gamma or beta in the place of weight or bias. Names that the set does not have are listed in *extra (a text for the
 * user, the caller frees it) when there are some, else NULL. */
bool weight_set_read(weight_set *set, const weight_source *source, char **extra, failure *f);
/* The same, everything from the file. */
bool weight_set_load(weight_set *set, const char *path, char **extra, failure *f);

#endif
