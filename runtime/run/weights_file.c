#include "runtime/data/tensor_files.h"
#include "runtime/run/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- names ---- */

/* How the names of a file differ from paths. */
typedef struct naming {
  const char *added;   /* every name begins with this ("model."); not terminated: */
  size_t added_length; /* with its dot; 0: with nothing */
  const char *dropped; /* paths that begin with this lack it in the file */
  size_t dropped_length;
} naming;

/* The tensor of a path in the file; NULL when there is none. */
static const safetensor *find_named(const tensor_files *files, const naming *n, const char *path) {
  bool drop = n->dropped_length > 0 && strncmp(path, n->dropped, n->dropped_length) == 0;
  char *name =
      memory_print("%.*s%s", (int)n->added_length, n->added ? n->added : "", path + (drop ? n->dropped_length : 0));
  const safetensor *found = tensor_files_find(files, name);
  static const char *const endings[][2] = {{".weight", ".gamma"}, {".bias", ".beta"}};
  for (int i = 0; i < 2 && !found; i++) {
    size_t length = strlen(name), ending = strlen(endings[i][0]);
    if (length > ending && strcmp(name + length - ending, endings[i][0]) == 0) {
      char *other = memory_print("%.*s%s", (int)(length - ending), name, endings[i][1]);
      found = tensor_files_find(files, other);
      free(other);
    }
  }
  free(name);
  return found;
}

static int count_found(const weight_set *set, const tensor_files *files, const naming *n) {
  int found = 0;
  for (int i = 0; i < set->count; i++)
    found += find_named(files, n, set->items[i].path) != NULL;
  return found;
}

static size_t first_component(const char *name) {
  const char *dot = strchr(name, '.');
  return dot ? (size_t)(dot - name) + 1 : 0;
}

static void keep_better(const weight_set *set, const tensor_files *files, naming other, naming *best, int *found) {
  int count = count_found(set, files, &other);
  if (count > *found) {
    *best = other;
    *found = count;
  }
}

/* The naming that finds most; the paths themselves when nothing finds more. Each first component is tried once. */
static naming find_naming(const weight_set *set, const tensor_files *files) {
  naming best = {0};
  int found = count_found(set, files, &best);
  const char *last = "";
  for (int i = 0; i < set->count && found < set->count; i++) {
    const char *path = set->items[i].path;
    size_t length = first_component(path);
    if (length > 0 && strncmp(path, last, length) != 0)
      keep_better(set, files, (naming){.dropped = path, .dropped_length = length}, &best, &found);
    last = path;
  }
  last = "";
  for (int i = 0; i < tensor_files_count(files) && found < set->count; i++) {
    const char *name = tensor_files_at(files, i)->name;
    size_t length = first_component(name);
    if (length > 0 && strncmp(name, last, length) != 0)
      keep_better(set, files, (naming){.added = name, .added_length = length}, &best, &found);
    last = name;
  }
  return best;
}

static bool is_fresh(const weight_source *source, const char *path) {
  for (int i = 0; i < source->fresh_count; i++) {
    size_t length = strlen(source->fresh[i]);
    if (strncmp(path, source->fresh[i], length) == 0 && (path[length] == '.' || path[length] == 0))
      return true;
  }
  return false;
}

/* ---- reading ---- */

/* A tensor for each weight, NULL for fresh ones. */
static bool check_all(const weight_set *set, const tensor_files *files, const weight_source *source,
                      const safetensor **found, failure *f) {
  listing missing = {0}, wrong = {0};
  naming names = find_naming(set, files);
  for (int i = 0; i < set->count; i++) {
    const char *path = set->items[i].path;
    if (is_fresh(source, path))
      continue;
    found[i] = find_named(files, &names, path);
    char *problem = found[i] ? mismatch(&set->items[i], found[i]) : NULL;
    if (!found[i])
      list_add(&missing, path);
    else if (problem)
      list_add(&wrong, problem);
    free(problem);
  }
  list_end(&missing);
  list_end(&wrong);
  bool good = missing.count == 0 && wrong.count == 0;
  if (!good)
    fail(f, "%s does not fit the model%s%s%s", tensor_files_path(files), source->config ? " that " : "",
         source->config ? source->config : "", source->config ? " describes" : "");
  if (missing.count > 0)
    failure_add(f, "\n%d of its %d names are missing:%s", missing.count, set->count, missing.text.text);
  if (wrong.count > 0)
    failure_add(f, "\n%d are of another shape or type:%s", wrong.count, wrong.text.text);
  failure_free(&missing.text);
  failure_free(&wrong.text);
  return good;
}

static int compare_tensors(const void *a, const void *b) {
  const safetensor *x = *(const safetensor *const *)a, *y = *(const safetensor *const *)b;
  return (x > y) - (x < y);
}

/* What nothing was read from. `found` is sorted on the way. */
static char *list_extra(const safetensor **found, int count, const tensor_files *files) {
  qsort(found, (size_t)count, sizeof *found, compare_tensors);
  listing extra = {0};
  for (int i = 0; i < tensor_files_count(files); i++) {
    const safetensor *t = tensor_files_at(files, i);
    if (!bsearch(&t, found, (size_t)count, sizeof *found, compare_tensors))
      list_add(&extra, t->name);
  }
  list_end(&extra);
  return extra.text.text;
}

/* Whether two names differ in one component only, a number: "layer.2.bias" and "layer.0.bias". */
static bool differ_in_number(const char *a, const char *b) {
  size_t same = 0;
  while (a[same] && a[same] == b[same])
    same++;
  while (same > 0 && a[same - 1] != '.')
    same--;
  size_t x = strspn(a + same, "0123456789"), y = strspn(b + same, "0123456789");
  return x > 0 && y > 0 && a[same + x] == '.' && strcmp(a + same + x, b + same + y) == 0;
}

/* Fails when there are tensors as those of an array of the set, further on. `found` as check_all leaves it. */
static bool check_repeated(const safetensor *const *found, int count, const tensor_files *files,
                           const weight_source *source, failure *f) {
  listing more = {0};
  for (int i = 0; i < tensor_files_count(files); i++) {
    const safetensor *t = tensor_files_at(files, i);
    bool taken = false, repeated = false;
    for (int k = 0; k < count && !taken; k++) {
      taken = found[k] == t;
      repeated = repeated || (found[k] && differ_in_number(t->name, found[k]->name));
    }
    if (repeated && !taken)
      list_add(&more, t->name);
  }
  list_end(&more);
  if (more.count > 0)
    fail(f,
         "%s does not fit the model that %s describes\n%d of its names are of further parts of what the model "
         "repeats:%s\n"
         "(to leave them out, say the number where the model is declared)",
         tensor_files_path(files), source->config, more.count, more.text.text);
  failure_free(&more.text);
  return more.count == 0;
}

static void read_weight(weight *w, const safetensor *t) {
  size_t bytes = (size_t)weight_count(w) * retort_dtype_size(w->dtype);
  if (w->dtype == RETORT_F32)
    safetensor_read_floats(t, w->data);
  else if (bytes > 0)
    memcpy(w->data, t->data, bytes);
}

bool weight_set_read(weight_set *set, const weight_source *source, char **extra, failure *f) {
  *extra = NULL;
  tensor_files *files = tensor_files_open(source->path, f);
  if (!files)
    return false;
  const safetensor **found = memory_allocate((size_t)set->count, sizeof *found);
  bool good = check_all(set, files, source, found, f) &&
              (!source->whole || check_repeated(found, set->count, files, source, f));
  for (int i = 0; good && i < set->count; i++)
    if (found[i])
      read_weight(&set->items[i], found[i]);
  if (good)
    *extra = list_extra(found, set->count, files);
  free(found);
  tensor_files_close(files);
  return good;
}

bool weight_set_load(weight_set *set, const char *path, char **extra, failure *f) {
  return weight_set_read(set, &(weight_source){.path = path}, extra, f);
}
