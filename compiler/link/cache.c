/* Objects kept between runs. A file is a head, with a hash of what follows, and the object's bytes. It is written under
 * another name and renamed, so that nobody ever reads half of one. */
#include "compiler/link/cache.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

typedef struct cache_head {
  char magic[8];
  uint64_t size;
  XXH128_hash_t hash; /* of the bytes */
} cache_head;

static const char magic[8] = {'r', 'e', 't', 'o', 'r', 't', 'o', '1'};
enum { OBJECT_SIZE_MAX = 1 << 30 };

/* A new build of this program makes new objects, whatever its version says. */
static void add_own_build(text *to) {
  struct stat about;
  if (stat("/proc/self/exe", &about) == 0)
    text_add(to, "%lld %lld.%09ld", (long long)about.st_size, (long long)about.st_mtim.tv_sec, about.st_mtim.tv_nsec);
}

const char *cache_key(arena *a, const graph *g, const char *target) {
  text source = {0};
  text_add(&source, "%s\n", target);
  add_own_build(&source);
  graph_print(g, true, &source);
  for (int i = 0; i < dim_condition_count(g->dims); i++) { /* some may be of nodes that are no longer there */
    dim_condition_print(dim_condition_at(g->dims, i), &source);
    text_add(&source, "\n");
  }
  XXH128_hash_t hash = XXH3_128bits(source.data, source.length);
  text_free(&source);
  return arena_print(a, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

static const char *path_of(char *path, size_t size, const char *folder, const char *key, const char *suffix) {
  int length = snprintf(path, size, "%s/%s.object%s", folder, key, suffix);
  return length > 0 && (size_t)length < size ? path : NULL;
}

static bool read_checked(FILE *file, text *object) {
  cache_head head;
  if (fread(&head, sizeof head, 1, file) != 1 || memcmp(head.magic, magic, sizeof magic) != 0 ||
      head.size > OBJECT_SIZE_MAX)
    return false;
  char *bytes = malloc(head.size + 1);
  bool good = bytes && fread(bytes, 1, head.size, file) == head.size && fgetc(file) == EOF &&
              XXH128_isEqual(XXH3_128bits(bytes, head.size), head.hash);
  if (good)
    text_add_bytes(object, bytes, head.size);
  free(bytes);
  return good;
}

bool cache_read(const char *folder, const char *key, text *object) {
  char path[4096];
  FILE *file = path_of(path, sizeof path, folder, key, "") ? fopen(path, "rb") : NULL;
  if (!file)
    return false;
  bool good = read_checked(file, object);
  fclose(file);
  if (good)
    utimensat(AT_FDCWD, path, NULL, 0); /* it was used now */
  return good;
}

/* ---- how much is kept ---- */

typedef struct kept_object {
  char *path;
  int64_t bytes;
  struct timespec used;
} kept_object;

static int compare_uses(const void *x, const void *y) {
  const kept_object *a = x, *b = y;
  if (a->used.tv_sec != b->used.tv_sec)
    return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
  return (a->used.tv_nsec > b->used.tv_nsec) - (a->used.tv_nsec < b->used.tv_nsec);
}

static bool is_object(const char *name) {
  static const char suffix[] = ".object";
  size_t length = strlen(name), end = sizeof suffix - 1;
  return length > end && strcmp(name + length - end, suffix) == 0;
}

/* The folder's objects, in an arena; how many. */
static int list_objects(arena *a, const char *folder, kept_object **list) {
  int count = 0;
  DIR *opened = opendir(folder);
  for (struct dirent *entry; opened && (entry = readdir(opened)) != NULL;) {
    struct stat about;
    char *path = arena_print(a, "%s/%s", folder, entry->d_name);
    if (!is_object(entry->d_name) || stat(path, &about) != 0 || !S_ISREG(about.st_mode))
      continue;
    kept_object found = {.path = path, .bytes = about.st_size, .used = about.st_mtim};
    arena_append(a, *list, count, found);
  }
  if (opened)
    closedir(opened);
  return count;
}

void cache_keep_within(const char *folder, int64_t bytes) {
  arena *a = arena_create();
  kept_object *list = NULL;
  int count = list_objects(a, folder, &list);
  int64_t all = 0;
  for (int i = 0; i < count; i++)
    all += list[i].bytes;
  if (all > bytes)
    qsort(list, (size_t)count, sizeof *list, compare_uses);
  for (int i = 0; i < count - 1 && all > bytes; i++)
    if (remove(list[i].path) == 0)
      all -= list[i].bytes;
  arena_destroy(a);
}

void cache_make_folder(const char *folder) {
  char path[4096];
  if (strlen(folder) >= sizeof path)
    return;
  strcpy(path, folder);
  for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
    *slash = 0;
    mkdir(path, 0777);
  }
  mkdir(path, 0777);
}

void cache_write(const char *folder, const char *key, const text *object) {
  char path[4096], temporary[4096], suffix[32];
  snprintf(suffix, sizeof suffix, ".%ld", (long)getpid());
  if (!path_of(path, sizeof path, folder, key, "") || !path_of(temporary, sizeof temporary, folder, key, suffix))
    return;
  cache_make_folder(folder);
  FILE *file = fopen(temporary, "wb");
  if (!file)
    return;
  cache_head head = {.size = object->length, .hash = XXH3_128bits(object->data, object->length)};
  memcpy(head.magic, magic, sizeof magic);
  bool good =
      fwrite(&head, sizeof head, 1, file) == 1 && fwrite(object->data, 1, object->length, file) == object->length;
  if (fclose(file) != 0 || !good || rename(temporary, path) != 0)
    remove(temporary);
}
