#include "runtime/data/safetensors.h"
#include "runtime/data/file.h"
#include "runtime/data/half.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  size_t size;
} dtypes[] = {
    [SAFETENSORS_BOOL] = {"BOOL", 1}, [SAFETENSORS_U8] = {"U8", 1},   [SAFETENSORS_I8] = {"I8", 1},
    [SAFETENSORS_U16] = {"U16", 2},   [SAFETENSORS_I16] = {"I16", 2}, [SAFETENSORS_F16] = {"F16", 2},
    [SAFETENSORS_BF16] = {"BF16", 2}, [SAFETENSORS_U32] = {"U32", 4}, [SAFETENSORS_I32] = {"I32", 4},
    [SAFETENSORS_F32] = {"F32", 4},   [SAFETENSORS_U64] = {"U64", 8}, [SAFETENSORS_I64] = {"I64", 8},
    [SAFETENSORS_F64] = {"F64", 8},
};

enum { DTYPE_KINDS = sizeof dtypes / sizeof *dtypes };

const char *safetensors_dtype_name(safetensors_dtype dtype) {
  return dtypes[dtype].name;
}
size_t safetensors_dtype_size(safetensors_dtype dtype) {
  return dtypes[dtype].size;
}

int64_t safetensor_count(const safetensor *t) {
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++)
    count *= t->sizes[i];
  return count;
}

struct safetensors {
  mapped_file file;
  json_t *header; /* owns the names */
  int count;
  safetensor *tensors; /* by begin of their data */
  int *by_name;
};

typedef struct reading {
  const char *path;
  const unsigned char *data;
  uint64_t data_size;
  failure *f;
} reading;

/* Names from a hostile file are cut for messages. */
static bool refuse(const reading *r, const char *name, const char *problem) {
  return fail(r->f, "%s: tensor '%.80s%s' %s", r->path, name, strlen(name) > 80 ? "…" : "", problem);
}

static bool read_shape(const reading *r, const char *name, const json_t *shape, safetensor *t, uint64_t *bytes) {
  if (!json_is_array(shape))
    return refuse(r, name, "has no shape");
  if (json_array_size(shape) > SAFETENSORS_RANK_MAX)
    return refuse(r, name, "has more than 8 dimensions");
  t->rank = (int)json_array_size(shape);
  *bytes = dtypes[t->dtype].size;
  for (int i = 0; i < t->rank; i++) {
    const json_t *size = json_array_get(shape, (size_t)i);
    if (!json_is_integer(size) || json_integer_value(size) < 0)
      return refuse(r, name, "has a shape that is not made of sizes");
    t->sizes[i] = json_integer_value(size);
    if (__builtin_mul_overflow(*bytes, (uint64_t)t->sizes[i], bytes) || *bytes > INT64_MAX)
      return refuse(r, name, "has a shape larger than any memory");
  }
  return true;
}

static bool read_tensor(const reading *r, const char *name, const json_t *entry, safetensor *t) {
  if (strlen(name) > SAFETENSORS_NAME_MAX)
    return refuse(r, name, "has a name longer than 1024 bytes");
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  if (!dtype)
    return refuse(r, name, "has no dtype");
  int kind = 0;
  while (kind < DTYPE_KINDS && strcmp(dtypes[kind].name, dtype) != 0)
    kind++;
  if (kind == DTYPE_KINDS)
    return fail(r->f, "%s: tensor '%.80s' has the unknown dtype '%.20s'", r->path, name, dtype);
  t->name = name;
  t->dtype = (safetensors_dtype)kind;
  uint64_t bytes = 0;
  if (!read_shape(r, name, json_object_get(entry, "shape"), t, &bytes))
    return false;
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
    return refuse(r, name, "has no data_offsets");
  int64_t begin = json_integer_value(first), end = json_integer_value(last);
  if (begin < 0 || end < begin)
    return refuse(r, name, "has data_offsets that are no range");
  if ((uint64_t)end > r->data_size)
    return refuse(r, name, "lies behind the end of the file: the file is truncated or its header is wrong");
  if ((uint64_t)(end - begin) != bytes)
    return refuse(r, name, "has data of another size than its shape says");
  t->data = r->data + begin;
  return true;
}

static int compare_data(const void *a, const void *b) {
  const safetensor *x = a, *y = b;
  if (x->data != y->data)
    return x->data < y->data ? -1 : 1;
  /* an empty tensor stands before the one that begins at its place */
  int64_t empty_x = safetensor_count(x) == 0, empty_y = safetensor_count(y) == 0;
  return empty_x != empty_y ? (empty_x ? -1 : 1) : strcmp(x->name, y->name);
}

static int compare_by_name(const void *a, const void *b, void *tensors) {
  return strcmp(((safetensor *)tensors)[*(const int *)a].name, ((safetensor *)tensors)[*(const int *)b].name);
}

/* The data of all tensors must tile the file: nothing hidden between, nothing shared. */
static bool check_tiling(const reading *r, int count, const safetensor *tensors) {
  const unsigned char *at = r->data;
  for (int i = 0; i < count; i++) {
    const unsigned char *begin = tensors[i].data;
    if (begin < at)
      return refuse(r, tensors[i].name, "overlaps another one");
    if (begin > at)
      return refuse(r, tensors[i].name, "is preceded by bytes that belong to no tensor");
    at = begin + (uint64_t)safetensor_count(&tensors[i]) * dtypes[tensors[i].dtype].size;
  }
  if (at != r->data + r->data_size)
    return fail(r->f, "%s: %llu bytes at the end belong to no tensor", r->path,
                (unsigned long long)(r->data + r->data_size - at));
  return true;
}

static bool check_metadata(const reading *r, const json_t *metadata) {
  const char *key;
  json_t *value;
  if (!json_is_object(metadata))
    return fail(r->f, "%s: __metadata__ is no object", r->path);
  json_object_foreach((json_t *)metadata, key, value) {
    if (!json_is_string(value))
      return fail(r->f, "%s: __metadata__ has a value that is no text", r->path);
  }
  return true;
}

static bool read_header(safetensors *file, const reading *r) {
  const char *name;
  json_t *entry;
  file->tensors = memory_allocate(json_object_size(file->header), sizeof *file->tensors);
  json_object_foreach(file->header, name, entry) {
    if (strcmp(name, "__metadata__") == 0 ? !check_metadata(r, entry)
                                          : !read_tensor(r, name, entry, &file->tensors[file->count]))
      return false;
    file->count += strcmp(name, "__metadata__") != 0;
  }
  qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, compare_data);
  file->by_name = memory_allocate((size_t)file->count, sizeof *file->by_name);
  for (int i = 0; i < file->count; i++)
    file->by_name[i] = i;
  qsort_r(file->by_name, (size_t)file->count, sizeof *file->by_name, compare_by_name, file->tensors);
  return check_tiling(r, file->count, file->tensors);
}

safetensors *safetensors_parse(const char *path, const void *bytes, size_t size, failure *f) {
  if (size < 8) {
    fail(f, "%s: no safetensors file: it has only %zu bytes", path, size);
    return NULL;
  }
  if (memcmp(bytes, "PK\3\4", 4) == 0) {
    fail(f, "%s: no safetensors file but a zip file, as torch.save writes: convert it to safetensors first", path);
    return NULL;
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; i--)
    length = length << 8 | ((const unsigned char *)bytes)[i];
  if (length > SAFETENSORS_HEADER_MAX || length > size - 8) {
    fail(f, "%s: no safetensors file, or a truncated one: its header would have %llu bytes, the file has %zu", path,
         (unsigned long long)length, size);
    return NULL;
  }
  json_error_t error;
  json_t *header = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (!json_is_object(header)) {
    fail(f, "%s: no safetensors file: its header is no JSON object%s%s", path, header ? "" : ": ",
         header ? "" : error.text);
    json_decref(header);
    return NULL;
  }
  safetensors *file = memory_allocate(1, sizeof *file);
  file->header = header;
  reading r = {.path = path, .data = (const unsigned char *)bytes + 8 + length, .data_size = size - 8 - length, .f = f};
  if (read_header(file, &r))
    return file;
  safetensors_close(file);
  return NULL;
}

safetensors *safetensors_open(const char *path, failure *f) {
  mapped_file mapped;
  if (!file_map(path, &mapped, f))
    return NULL;
  safetensors *file = safetensors_parse(path, mapped.bytes, mapped.size, f);
  if (file)
    file->file = mapped;
  else
    file_unmap(&mapped);
  return file;
}

void safetensors_close(safetensors *file) {
  if (!file)
    return;
  json_decref(file->header);
  free(file->tensors);
  free(file->by_name);
  if (file->file.mapping)
    file_unmap(&file->file);
  free(file);
}

int safetensors_tensor_count(const safetensors *file) {
  return file->count;
}
const safetensor *safetensors_at(const safetensors *file, int index) {
  return &file->tensors[index];
}

const safetensor *safetensors_find(const safetensors *file, const char *name) {
  int low = 0, high = file->count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    const safetensor *t = &file->tensors[file->by_name[middle]];
    int order = strcmp(name, t->name);
    if (order == 0)
      return t;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

/* ---- conversion ---- */

static float float_from_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

bool safetensor_read_floats(const safetensor *t, float *to) {
  int64_t count = safetensor_count(t);
  const unsigned char *from = t->data;
  uint16_t half;
  double wide;
  if (t->dtype == SAFETENSORS_F32) {
    if (count > 0)
      memcpy(to, from, (size_t)count * sizeof(float));
  } else if (t->dtype == SAFETENSORS_F64) {
    for (int64_t i = 0; i < count; i++) {
      memcpy(&wide, from + i * 8, 8);
      to[i] = (float)wide;
    }
  } else if (t->dtype == SAFETENSORS_F16 || t->dtype == SAFETENSORS_BF16) {
    for (int64_t i = 0; i < count; i++) {
      memcpy(&half, from + i * 2, 2);
      to[i] = t->dtype == SAFETENSORS_F16 ? half_read(half) : float_from_bits((uint32_t)half << 16);
    }
  } else {
    return false;
  }
  return true;
}

/* ---- writing ---- */

static char *header_text(int count, const safetensor *tensors) {
  json_t *header = json_object();
  int64_t offset = 0;
  for (int i = 0; i < count; i++) {
    json_t *shape = json_array();
    for (int k = 0; k < tensors[i].rank; k++)
      json_array_append_new(shape, json_integer(tensors[i].sizes[k]));
    int64_t end = offset + safetensor_count(&tensors[i]) * (int64_t)dtypes[tensors[i].dtype].size;
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[tensors[i].dtype].name, "shape", shape,
                              "data_offsets", (json_int_t)offset, (json_int_t)end);
    json_object_set_new(header, tensors[i].name, entry); /* refuses what is not UTF-8 */
    offset = end;
  }
  char *text = json_object_size(header) == (size_t)count ? json_dumps(header, JSON_COMPACT) : NULL;
  json_decref(header);
  return text;
}

bool safetensors_write(const char *path, int count, const safetensor *tensors, failure *f) {
  char *header = header_text(count, tensors);
  if (!header)
    return fail(f, "cannot write %s: a tensor's name is not UTF-8 or stands twice", path);
  output_file *file = output_file_open(path, f);
  if (!file) {
    free(header);
    return false;
  }
  size_t length = strlen(header), padded = (8 + length + 63) / 64 * 64 - 8;
  unsigned char prefix[8];
  for (int i = 0; i < 8; i++)
    prefix[i] = (unsigned char)((uint64_t)padded >> (8 * i));
  output_file_write(file, prefix, sizeof prefix);
  output_file_write(file, header, length);
  for (; length < padded; length++)
    output_file_write(file, " ", 1);
  free(header);
  for (int i = 0; i < count; i++)
    output_file_write(file, tensors[i].data, (size_t)safetensor_count(&tensors[i]) * dtypes[tensors[i].dtype].size);
  return output_file_commit(file, f);
}
