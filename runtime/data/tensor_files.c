#include "runtime/data/tensor_files.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tensor_files {
  char *path;
  int count;
  safetensors **files;
};

static bool add_file(tensor_files *t, const char *path, failure *f) {
  safetensors *file = safetensors_open(path, f);
  if (!file)
    return false;
  t->files = memory_resize(t->files, (size_t)t->count + 1, sizeof *t->files);
  t->files[t->count++] = file;
  return true;
}

/* ---- shards ---- */

/* A file of the same folder, so that an index cannot reach elsewhere. */
static bool is_plain_name(const char *name) {
  return *name && !strchr(name, '/') && strcmp(name, "..") != 0 && strcmp(name, ".") != 0;
}

/* Its values are checked and every shard is there; the distinct ones are keys of `shards`. */
static bool find_shards(const char *index, const char *folder, const json_t *map, json_t *shards, failure *f) {
  const char *name;
  json_t *file;
  failure missing = {0};
  json_object_foreach((json_t *)map, name, file) {
    const char *shard = json_string_value(file);
    if (!shard || !is_plain_name(shard)) {
      failure_free(&missing);
      return fail(f, "%s: the file of '%.200s' is no file's name", index, name);
    }
    if (json_object_get(shards, shard))
      continue;
    json_object_set_new(shards, shard, json_true());
    char *path = memory_print("%s/%s", folder, shard);
    if (access(path, R_OK) != 0)
      failure_add(&missing, "\n  %s", shard);
    free(path);
  }
  if (missing.text)
    fail(f, "%s: shards are missing or cannot be read:%s", index, missing.text);
  failure_free(&missing);
  return !f->text;
}

static bool open_shards(tensor_files *t, const char *folder, failure *f) {
  json_error_t error;
  json_t *index = json_load_file(t->path, JSON_REJECT_DUPLICATES, &error), *shards = json_object();
  const json_t *map = json_object_get(index, "weight_map");
  const char *name;
  json_t *value;
  if (!index)
    fail(f, "%s:%d: broken JSON: %s", t->path, error.line, error.text);
  else if (!json_is_object(map) || json_object_size(map) == 0)
    fail(f, "%s: there is no \"weight_map\" that names the shards", t->path);
  else
    find_shards(t->path, folder, map, shards, f);
  json_object_foreach(shards, name, value) {
    char *path = f->text ? NULL : memory_print("%s/%s", folder, name);
    if (path)
      add_file(t, path, f);
    free(path);
  }
  if (!f->text)
    json_object_foreach((json_t *)map, name, value) {
      if (!tensor_files_find(t, name))
        fail(f, "%s: '%.200s' is not in %s", t->path, name, json_string_value(value));
    }
  json_decref(shards);
  json_decref(index);
  return !f->text;
}

/* ---- both ---- */

tensor_files *tensor_files_open(const char *path, failure *f) {
  struct stat about;
  tensor_files *t = memory_allocate(1, sizeof *t);
  bool folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
  t->path = memory_print("%s%s", path, folder ? "/model.safetensors" : "");
  bool sharded = false;
  if (folder && access(t->path, F_OK) != 0) {
    char *index = memory_print("%s.index.json", t->path);
    sharded = access(index, F_OK) == 0;
    free(sharded ? t->path : index);
    t->path = sharded ? index : t->path;
  }
  if (sharded ? open_shards(t, path, f) : add_file(t, t->path, f))
    return t;
  tensor_files_close(t);
  return NULL;
}

void tensor_files_close(tensor_files *t) {
  if (!t)
    return;
  for (int i = 0; i < t->count; i++)
    safetensors_close(t->files[i]);
  free(t->files);
  free(t->path);
  free(t);
}

const char *tensor_files_path(const tensor_files *t) {
  return t->path;
}

int tensor_files_count(const tensor_files *t) {
  int total = 0;
  for (int i = 0; i < t->count; i++)
    total += safetensors_tensor_count(t->files[i]);
  return total;
}

const safetensor *tensor_files_at(const tensor_files *t, int index) {
  int file = 0;
  while (index >= safetensors_tensor_count(t->files[file]))
    index -= safetensors_tensor_count(t->files[file++]);
  return safetensors_at(t->files[file], index);
}

const safetensor *tensor_files_find(const tensor_files *t, const char *name) {
  const safetensor *found = NULL;
  for (int i = 0; i < t->count && !found; i++)
    found = safetensors_find(t->files[i], name);
  return found;
}
