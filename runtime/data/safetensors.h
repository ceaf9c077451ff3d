/* safetensors files (https://github.com/huggingface/safetensors): 8 bytes of little-endian header length, a JSON
 * header {"NAME": {"dtype", "shape", "data_offsets": [begin, end]}, …}, the data. The whole header is checked before
 * anything of it is used: sizes against the file, shapes against byte counts, no gaps, no overlaps, no name twice. */
#ifndef RETORT_SAFETENSORS_H
#define RETORT_SAFETENSORS_H
#include "runtime/data/memory.h"

enum {
  SAFETENSORS_RANK_MAX = 8,
  SAFETENSORS_NAME_MAX = 1024,       /* bytes */
  SAFETENSORS_HEADER_MAX = 100000000 /* bytes, as the published reader has it */
};

typedef enum {
  SAFETENSORS_BOOL,
  SAFETENSORS_U8,
  SAFETENSORS_I8,
  SAFETENSORS_U16,
  SAFETENSORS_I16,
  SAFETENSORS_F16,
  SAFETENSORS_BF16,
  SAFETENSORS_U32,
  SAFETENSORS_I32,
  SAFETENSORS_F32,
  SAFETENSORS_U64,
  SAFETENSORS_I64,
  SAFETENSORS_F64
} safetensors_dtype;

typedef struct safetensor {
  const char *name;
  safetensors_dtype dtype;
  int rank;
  int64_t sizes[SAFETENSORS_RANK_MAX];
  const void *data; /* row-major, little-endian; in a file that was read it may lie at any address */
} safetensor;

const char *safetensors_dtype_name(safetensors_dtype dtype); /* "F32" */
size_t safetensors_dtype_size(safetensors_dtype dtype);
int64_t safetensor_count(const safetensor *t); /* elements */

typedef struct safetensors safetensors;

/* NULL after a failure. */
safetensors *safetensors_open(const char *path, failure *f);
/* The same from memory that outlives the result; `path` is for messages. */
safetensors *safetensors_parse(const char *path, const void *bytes, size_t size, failure *f);
void safetensors_close(safetensors *file);

int safetensors_tensor_count(const safetensors *file);
const safetensor *safetensors_at(const safetensors *file, int index);          /* in order of their data */
const safetensor *safetensors_find(const safetensors *file, const char *name); /* NULL when there is none */

/* Copies elements into `to`, converted from F16, BF16, F32 or F64 to float. False for any other dtype. */
bool safetensor_read_floats(const safetensor *t, float *to);

/* Writes all tensors in the given order, atomically (see file.h); data is aligned to 64 bytes in the file. Equal
 * tensors give equal bytes. */
bool safetensors_write(const char *path, int count, const safetensor *tensors, failure *f);

#endif
