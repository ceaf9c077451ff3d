#include "runtime/run/kept_folder.h"
#include "runtime/data/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char about_name[] = "about.json", rows_suffix[] = ".rows";

void kept_name(const kept_key *key, char name[KEPT_NAME_SIZE]) {
  for (int i = 0; i < KEPT_KEY_BYTES; i++)
    snprintf(name + 2 * i, 3, "%02x", key->bytes[i]);
}

static bool is_name(const char *word) {
  return strlen(word) == KEPT_NAME_SIZE - 1 && strspn(word, "0123456789abcdef") == KEPT_NAME_SIZE - 1;
}

/* Whether this program writes a file of that name there: also what a write that was cut off has left. */
static bool is_ours(const char *word) {
  if (strncmp(word, about_name, sizeof about_name - 1) == 0)
    return word[sizeof about_name - 1] == 0 || word[sizeof about_name - 1] == '.';
  size_t digits = strspn(word, "0123456789");
  if (digits == 0 || strncmp(word + digits, rows_suffix, sizeof rows_suffix - 1) != 0)
    return false;
  return word[digits + sizeof rows_suffix - 1] == 0 || word[digits + sizeof rows_suffix - 1] == '.';
}

/* ---- reading ---- */

static bool read_entry(const char *folder, const char *name, kept_entry *entry) {
  char *path = memory_print("%s/%s", folder, name), *about = memory_print("%s/%s", path, about_name);
  DIR *inside = opendir(path);
  struct stat file;
  *entry = (kept_entry){0};
  if (inside) {
    memcpy(entry->name, name, KEPT_NAME_SIZE);
    entry->used = fstat(dirfd(inside), &file) == 0 ? file.st_mtime : 0;
    for (struct dirent *one; (one = readdir(inside));)
      if (is_ours(one->d_name) && fstatat(dirfd(inside), one->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0)
        entry->bytes += file.st_size;
    if (stat(about, &file) == 0)
      entry->used = file.st_mtime;
    entry->about = json_load_file(about, 0, NULL);
    if (!json_is_object(entry->about)) {
      json_decref(entry->about);
      entry->about = json_object();
    }
    closedir(inside);
  }
  free(about);
  free(path);
  return inside != NULL;
}

static int by_use(const void *a, const void *b) {
  const kept_entry *x = a, *y = b;
  return x->used != y->used ? (x->used < y->used) - (x->used > y->used) : strcmp(x->name, y->name);
}

kept_list kept_list_read(const char *folder) {
  kept_list l = {0};
  DIR *all = opendir(folder);
  for (struct dirent *one; all && (one = readdir(all));) {
    kept_entry entry;
    if (!is_name(one->d_name) || !read_entry(folder, one->d_name, &entry))
      continue;
    l.entries = memory_resize(l.entries, (size_t)l.count + 1, sizeof *l.entries);
    l.entries[l.count++] = entry;
    l.bytes += entry.bytes;
  }
  if (all)
    closedir(all);
  if (l.count > 0)
    qsort(l.entries, (size_t)l.count, sizeof *l.entries, by_use);
  return l;
}

void kept_list_free(kept_list *l) {
  for (int i = 0; i < l->count; i++)
    json_decref(l->entries[i].about);
  free(l->entries);
  *l = (kept_list){0};
}

/* ---- writing ---- */

static bool make_folders(const char *path, failure *f) {
  char *copy = memory_print("%s", path);
  for (char *slash = copy + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
    *slash = 0;
    mkdir(copy, 0777);
  }
  bool good = mkdir(copy, 0777) == 0 || errno == EEXIST;
  int error = errno;
  free(copy);
  return good ? true : fail(f, "cannot make the folder %s: %s", path, strerror(error));
}

bool kept_entry_begin(const char *folder, const char *name, const json_t *about, failure *f) {
  char *path = memory_print("%s/%s", folder, name), *file = memory_print("%s/%s", path, about_name);
  char *text = json_dumps(about, JSON_INDENT(1) | JSON_SORT_KEYS);
  bool good = make_folders(path, f) && file_write(file, text, strlen(text), f);
  free(text);
  free(file);
  free(path);
  return good;
}

void kept_entry_use(const char *folder, const char *name) {
  char *file = memory_print("%s/%s/%s", folder, name, about_name);
  utimensat(AT_FDCWD, file, NULL, 0);
  free(file);
}

bool kept_entry_remove(const char *folder, const char *name) {
  char *path = memory_print("%s/%s", folder, name);
  DIR *inside = opendir(path);
  for (struct dirent *one; inside && (one = readdir(inside));)
    if (is_ours(one->d_name))
      unlinkat(dirfd(inside), one->d_name, 0);
  if (inside)
    closedir(inside);
  bool good = rmdir(path) == 0 || errno == ENOENT;
  free(path);
  return good;
}

/* ---- keeping order ---- */

static bool belongs_to(const json_t *about, const json_t *other) {
  static const char *const keys[] = {"file", "experiment", "stage", "teacher", "data", "settings", "form"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (!json_equal(json_object_get(about, keys[i]), json_object_get(other, keys[i])))
      return false;
  return json_object_get(about, "file") != NULL;
}

int kept_drop_older(const char *folder, const char *name, const json_t *about) {
  kept_list l = kept_list_read(folder);
  int dropped = 0;
  for (int i = 0; i < l.count; i++)
    if (strcmp(l.entries[i].name, name) != 0 && belongs_to(about, l.entries[i].about))
      dropped += kept_entry_remove(folder, l.entries[i].name);
  kept_list_free(&l);
  return dropped;
}

bool kept_make_room(const char *folder, const char *name, int64_t bytes, int64_t limit) {
  if (bytes > limit)
    return false;
  kept_list l = kept_list_read(folder);
  int64_t used = l.bytes;
  for (int i = 0; i < l.count; i++)
    if (strcmp(l.entries[i].name, name) == 0)
      used -= l.entries[i].bytes; /* what is there of it is part of `bytes` */
  for (int i = l.count - 1; i >= 0 && used > limit - bytes; i--)
    if (strcmp(l.entries[i].name, name) != 0 && kept_entry_remove(folder, l.entries[i].name))
      used -= l.entries[i].bytes;
  kept_list_free(&l);
  return used <= limit - bytes;
}
