/* The tensors of a safetensors file, or of a folder as checkpoints are published: model.safetensors, or the shards that
 * model.safetensors.index.json names ({"weight_map": {TENSOR: FILE, …}}). */
#ifndef RETORT_TENSOR_FILES_H
#define RETORT_TENSOR_FILES_H
#include "runtime/data/safetensors.h"

typedef struct tensor_files tensor_files;

/* NULL after a failure: nothing there, a shard missing (all of them are listed), a broken index, a tensor that is not
 * in the shard where the index says. */
tensor_files *tensor_files_open(const char *path, failure *f);
void tensor_files_close(tensor_files *t);

const char *tensor_files_path(const tensor_files *t); /* of the file or the index, for messages */
int tensor_files_count(const tensor_files *t);
const safetensor *tensor_files_at(const tensor_files *t, int index);
const safetensor *tensor_files_find(const tensor_files *t, const char *name); /* NULL when there is none */

#endif
