#include "runtime/run/checkpoint.h"
#include "runtime/data/file.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { VERSION = 1 };
static const char magic[8] = {'r', 'e', 't', 'o', 'r', 't', 'c', 'k'};
static const char suffix[] = ".checkpoint";

typedef struct file_head {
  char magic[8];
  uint32_t version, unused;
  uint64_t size, head_size, log_size;
} file_head;

static size_t weight_bytes(const weight *w) {
  return (size_t)weight_count(w) * retort_dtype_size(w->dtype);
}

/* ---- the folder ---- */

static char *path_of(const char *folder, int64_t number) {
  return memory_print("%s/%012lld%s", folder, (long long)number, suffix);
}

/* The number of a checkpoint's file; -1: another file. *partial: what a write that was cut off has left. */
static int64_t number_of(const char *name, bool *partial) {
  char *end;
  *partial = false;
  if (name[0] < '0' || name[0] > '9')
    return -1;
  long long number = strtoll(name, &end, 10);
  if (strncmp(end, suffix, sizeof suffix - 1) != 0)
    return -1;
  *partial = end[sizeof suffix - 1] == '.';
  return end[sizeof suffix - 1] ? -1 : number;
}

/* The largest number below `limit`; -1: none. */
static int64_t newest_below(const char *path, int64_t limit) {
  int64_t newest = -1;
  bool partial;
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    int64_t number = number_of(entry->d_name, &partial);
    if (number < limit && number > newest)
      newest = number;
  }
  if (folder)
    closedir(folder);
  return newest;
}

/* Removes files older than `oldest` and newer than `newest`, and what writes that were cut off have left. */
static void prune(const char *path, int64_t oldest, int64_t newest) {
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    bool partial;
    int64_t number = number_of(entry->d_name, &partial);
    if (partial || (number >= 0 && (number < oldest || number > newest)))
      unlinkat(dirfd(folder), entry->d_name, 0);
  }
  if (folder)
    closedir(folder);
}

void checkpoints_remove(const char *folder) {
  prune(folder, INT64_MAX, -1);
  rmdir(folder);
}

/* ---- writing ---- */

static json_t *describe_sets(int count, weight_set *const *sets) {
  json_t *all = json_array();
  for (int k = 0; k < count; k++) {
    json_t *items = json_array();
    for (int i = 0; i < sets[k]->count; i++)
      json_array_append_new(items,
                            json_pack("[s, I]", sets[k]->items[i].input, (json_int_t)weight_bytes(&sets[k]->items[i])));
    json_array_append_new(all, items);
  }
  return all;
}

static void add(output_file *file, XXH3_state_t *hash, const void *bytes, size_t count) {
  if (count == 0)
    return;
  XXH3_64bits_update(hash, bytes, count);
  output_file_write(file, bytes, count);
}

static void add_all(output_file *file, const checkpoint_content *c, const char *head) {
  file_head start = {.version = VERSION, .head_size = strlen(head), .log_size = c->log_size};
  memcpy(start.magic, magic, sizeof magic);
  start.size = sizeof start + start.head_size + start.log_size + sizeof(uint64_t);
  for (int k = 0; k < c->set_count; k++)
    start.size += weight_set_bytes(c->sets[k]);
  XXH3_state_t *hash = XXH3_createState();
  XXH3_64bits_reset(hash);
  add(file, hash, &start, sizeof start);
  add(file, hash, head, start.head_size);
  add(file, hash, c->log, start.log_size);
  for (int k = 0; k < c->set_count; k++)
    for (int i = 0; i < c->sets[k]->count; i++)
      add(file, hash, c->sets[k]->items[i].data, weight_bytes(&c->sets[k]->items[i]));
  uint64_t sum = XXH3_64bits_digest(hash);
  output_file_write(file, &sum, sizeof sum);
  XXH3_freeState(hash);
}

bool checkpoint_write(const char *folder, int64_t number, const checkpoint_content *content, failure *f) {
  if (mkdir(folder, 0777) != 0 && errno != EEXIST)
    return fail(f, "cannot write %s: %s", folder, strerror(errno));
  char *path = path_of(folder, number);
  output_file *file = output_file_open(path, f);
  free(path);
  if (!file)
    return false;
  json_t *head =
      json_pack("{s:O, s:o}", "state", content->state, "sets", describe_sets(content->set_count, content->sets));
  char *text = json_dumps(head, JSON_COMPACT);
  json_decref(head);
  add_all(file, content, text);
  free(text);
  if (!output_file_commit(file, f))
    return false;
  prune(folder, content->only ? number : newest_below(folder, number), number);
  return true;
}

/* ---- reading ---- */

struct checkpoint {
  char *path;
  mapped_file file;
  file_head start;
  json_t *head;
};

/* What is wrong with the file; NULL: nothing. */
static const char *check_file(checkpoint *c) {
  const mapped_file *file = &c->file;
  if (file->size < sizeof c->start)
    return "it is cut off";
  memcpy(&c->start, file->bytes, sizeof c->start);
  if (memcmp(c->start.magic, magic, sizeof magic) != 0)
    return "it is no checkpoint";
  if (c->start.version != VERSION)
    return "it is of another version of retort";
  if (c->start.size != file->size)
    return file->size < c->start.size ? "it is cut off" : "it is longer than it says";
  size_t room = file->size - sizeof c->start;
  if (room < sizeof(uint64_t) || c->start.head_size > room - sizeof(uint64_t) ||
      c->start.log_size > room - sizeof(uint64_t) - c->start.head_size)
    return "its sizes contradict each other";
  uint64_t sum;
  memcpy(&sum, file->bytes + file->size - sizeof sum, sizeof sum);
  if (XXH3_64bits(file->bytes, file->size - sizeof sum) != sum)
    return "its bytes are damaged (the checksum does not agree)";
  c->head = json_loadb((const char *)file->bytes + sizeof c->start, c->start.head_size, 0, NULL);
  if (!json_is_object(json_object_get(c->head, "state")) || !json_is_array(json_object_get(c->head, "sets")))
    return "its head cannot be read";
  return NULL;
}

checkpoint *checkpoint_open(const char *folder, failure *f) {
  int64_t number = newest_below(folder, INT64_MAX);
  if (number < 0)
    return NULL;
  checkpoint *c = memory_allocate(1, sizeof *c);
  c->path = path_of(folder, number);
  const char *wrong = file_map(c->path, &c->file, f) ? check_file(c) : NULL;
  if (!f->text && !wrong)
    return c;
  int64_t before = newest_below(folder, number);
  char *older = before < 0 ? NULL : path_of(folder, before);
  if (wrong)
    fail(f, "cannot go on from %s: %s", c->path, wrong);
  if (wrong && older)
    failure_add(f, "\nthe one before it, %s, is used when this one is removed", older);
  else if (wrong)
    failure_add(f, "\nthere is no older one: without it the run starts from its beginning");
  free(older);
  checkpoint_close(c);
  return NULL;
}

void checkpoint_close(checkpoint *c) {
  if (!c)
    return;
  file_unmap(&c->file);
  json_decref(c->head);
  free(c->path);
  free(c);
}

const char *checkpoint_path(const checkpoint *c) {
  return c->path;
}

const json_t *checkpoint_state(const checkpoint *c) {
  return json_object_get(c->head, "state");
}

const char *checkpoint_log(const checkpoint *c, size_t *size) {
  *size = c->start.log_size;
  return (const char *)c->file.bytes + sizeof c->start + c->start.head_size;
}

/* A set as the file describes it against the set that is to be filled; *bytes: what it takes. NULL set: any. */
static bool check_set(const checkpoint *c, const json_t *items, const weight_set *set, size_t *bytes, failure *f) {
  *bytes = 0;
  if (set && json_array_size(items) != (size_t)set->count)
    return fail(f, "%s holds %zu arrays where the program has %d", c->path, json_array_size(items), set->count);
  for (size_t i = 0; i < json_array_size(items); i++) {
    const json_t *item = json_array_get(items, i);
    const char *name = json_string_value(json_array_get(item, 0));
    json_int_t size = json_integer_value(json_array_get(item, 1));
    if (!name || size < 0)
      return fail(f, "cannot go on from %s: its head cannot be read", c->path);
    if (set && (strcmp(name, set->items[i].input) != 0 || (size_t)size != weight_bytes(&set->items[i])))
      return fail(f, "%s holds %lld bytes of '%s' where the program has %zu of '%s'", c->path, (long long)size, name,
                  weight_bytes(&set->items[i]), set->items[i].input);
    *bytes += (size_t)size;
  }
  return true;
}

bool checkpoint_read(const checkpoint *c, int first, int count, weight_set *const *sets, failure *f) {
  const json_t *described = json_object_get(c->head, "sets");
  size_t at = sizeof c->start + c->start.head_size + c->start.log_size;
  size_t end = c->file.size - sizeof(uint64_t);
  if (json_array_size(described) < (size_t)(first + count))
    return fail(f, "%s holds %zu sets of arrays where the program has %d", c->path, json_array_size(described),
                first + count);
  for (int k = 0; k < first + count; k++) {
    weight_set *set = k < first ? NULL : sets[k - first];
    size_t bytes;
    if (!check_set(c, json_array_get(described, (size_t)k), set, &bytes, f))
      return false;
    if (bytes > end - at)
      return fail(f, "cannot go on from %s: its sizes contradict each other", c->path);
    const unsigned char *from = c->file.bytes + at;
    for (int i = 0; set && i < set->count; i++) {
      memcpy(set->items[i].data, from, weight_bytes(&set->items[i]));
      from += weight_bytes(&set->items[i]);
    }
    at += bytes;
  }
  return true;
}
