#include "runtime/data/safetensors.h"
#include "runtime/run/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LISTED_MAX = 12 }; /* names in a message */

static safetensors_dtype file_dtype(retort_dtype dtype) {
  switch (dtype) {
  case RETORT_BOOL:
    return SAFETENSORS_BOOL;
  case RETORT_I32:
    return SAFETENSORS_I32;
  case RETORT_I64:
    return SAFETENSORS_I64;
  case RETORT_F32:
    return SAFETENSORS_F32;
  }
  return SAFETENSORS_F32;
}

bool weight_set_save(const weight_set *set, const char *path, failure *f) {
  safetensor *tensors = memory_allocate((size_t)set->count, sizeof *tensors);
  for (int i = 0; i < set->count; i++) {
    const weight *w = &set->items[i];
    tensors[i] = (safetensor){.name = w->path, .dtype = file_dtype(w->dtype), .rank = w->rank, .data = w->data};
    memcpy(tensors[i].sizes, w->sizes, sizeof w->sizes);
  }
  bool good = safetensors_write(path, set->count, tensors, f);
  free(tensors);
  return good;
}

static void print_shape(char *to, size_t size, int rank, const int64_t *sizes) {
  size_t used = (size_t)snprintf(to, size, "[");
  for (int i = 0; i < rank; i++)
    used += (size_t)snprintf(to + used, size - used, "%s%lld", i ? ", " : "", (long long)sizes[i]);
  snprintf(to + used, size - used, "]");
}

static bool is_float(safetensors_dtype d) {
  return d == SAFETENSORS_F16 || d == SAFETENSORS_BF16 || d == SAFETENSORS_F32 || d == SAFETENSORS_F64;
}

/* What keeps a weight from being read from a tensor, as a text that the caller frees; NULL: nothing. */
static char *mismatch(const weight *w, const safetensor *t) {
  if (t->rank != w->rank || memcmp(t->sizes, w->sizes, (size_t)w->rank * sizeof *w->sizes) != 0) {
    char expected[256], found[256];
    print_shape(expected, sizeof expected, w->rank, w->sizes);
    print_shape(found, sizeof found, t->rank, t->sizes);
    return memory_print("%s: expected %s, found %s", w->path, expected, found);
  }
  if (t->dtype != file_dtype(w->dtype) && !(w->dtype == RETORT_F32 && is_float(t->dtype)))
    return memory_print("%s: expected %s, found %s", w->path, safetensors_dtype_name(file_dtype(w->dtype)),
                        safetensors_dtype_name(t->dtype));
  return NULL;
}

/* A list for a message, cut after LISTED_MAX lines. */
typedef struct listing {
  failure text;
  int count;
} listing;

static void list_add(listing *l, const char *line) {
  if (l->count++ < LISTED_MAX)
    failure_add(&l->text, "\n  %s", line);
}

static void list_end(listing *l) {
  if (l->count > LISTED_MAX)
    failure_add(&l->text, "\n  … and %d more", l->count - LISTED_MAX);
}

static bool check_all(const weight_set *set, const safetensors *file, const char *path, failure *f) {
  listing missing = {0}, wrong = {0};
  for (int i = 0; i < set->count; i++) {
    const safetensor *t = safetensors_find(file, set->items[i].path);
    char *problem = t ? mismatch(&set->items[i], t) : NULL;
    if (!t)
      list_add(&missing, set->items[i].path);
    else if (problem)
      list_add(&wrong, problem);
    free(problem);
  }
  list_end(&missing);
  list_end(&wrong);
  bool good = missing.count == 0 && wrong.count == 0;
  if (!good)
    fail(f, "%s does not fit the model", path);
  if (missing.count > 0)
    failure_add(f, "\n%d of its %d names are missing:%s", missing.count, set->count, missing.text.text);
  if (wrong.count > 0)
    failure_add(f, "\n%d are of another shape or type:%s", wrong.count, wrong.text.text);
  failure_free(&missing.text);
  failure_free(&wrong.text);
  return good;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *list_extra(const weight_set *set, const safetensors *file) {
  const char **paths = memory_allocate((size_t)set->count, sizeof *paths);
  for (int i = 0; i < set->count; i++)
    paths[i] = set->items[i].path;
  qsort(paths, (size_t)set->count, sizeof *paths, compare_texts);
  listing extra = {0};
  for (int i = 0; i < safetensors_tensor_count(file); i++) {
    const char *name = safetensors_at(file, i)->name;
    if (!bsearch(&name, paths, (size_t)set->count, sizeof *paths, compare_texts))
      list_add(&extra, name);
  }
  list_end(&extra);
  free(paths);
  return extra.text.text;
}

bool weight_set_load(weight_set *set, const char *path, char **extra, failure *f) {
  struct stat about;
  bool folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
  char *name = memory_print("%s%s", path, folder ? "/model.safetensors" : "");
  safetensors *file = safetensors_open(name, f);
  bool good = file && check_all(set, file, name, f);
  *extra = NULL;
  for (int i = 0; good && i < set->count; i++) {
    const weight *w = &set->items[i];
    const safetensor *t = safetensors_find(file, w->path);
    size_t bytes = (size_t)weight_count(w) * retort_dtype_size(w->dtype);
    if (w->dtype == RETORT_F32)
      safetensor_read_floats(t, w->data);
    else if (bytes > 0)
      memcpy(w->data, t->data, bytes);
  }
  if (good)
    *extra = list_extra(set, file);
  safetensors_close(file);
  free(name);
  return good;
}
