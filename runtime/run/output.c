#include "runtime/run/output.h"
#include "runtime/data/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char marker[] = "settings.json"; /* a folder with this file is a run */
static const char metrics[] = "metrics.jsonl";

struct output_folder {
  char *path;      /* as it will be called */
  char *temporary; /* as it is called until then */
  int lock;        /* the folder itself, open: the system unlocks it whichever way the process ends */
  FILE *log;       /* into log_bytes */
  char *log_bytes;
  size_t log_size, log_written;
  int log_file;
};

/* ---- folders ---- */

static bool folder_is_empty(const char *path) {
  DIR *folder = opendir(path);
  int count = 0;
  for (struct dirent *entry; folder && count <= 2 && (entry = readdir(folder));)
    count++;
  if (folder)
    closedir(folder);
  return folder && count <= 2;
}

static bool holds(const char *path, const char *file) {
  char *name = memory_print("%s/%s", path, file);
  bool there = access(name, F_OK) == 0;
  free(name);
  return there;
}

static bool holds_run(const char *path) {
  return holds(path, marker);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

static void remove_folder(const char *path) {
  nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool check_target(const char *path, failure *f) {
  struct stat about;
  if (lstat(path, &about) != 0)
    return errno == ENOENT ? true : fail(f, "cannot write the output folder %s: %s", path, strerror(errno));
  if (!S_ISDIR(about.st_mode))
    return fail(f, "cannot write the output folder %s: it is no folder", path);
  if (!folder_is_empty(path) && !holds_run(path))
    return fail(f, "the output folder %s holds something else than a run (it has no %s): nothing was written", path,
                marker);
  if (access(path, W_OK) != 0)
    return fail(f, "cannot write the output folder %s: %s", path, strerror(errno));
  return true;
}

static bool cannot_begin(const output_folder *o, const char *why, failure *f) {
  return fail(f, "cannot write the output folder %s: %s", o->path, why);
}

static bool is_still(int folder, const char *path) {
  struct stat opened, named;
  return fstat(folder, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

/* Makes NAME.running this run's own. Another run may end, and so rename it, between any two steps here. */
static bool lock_folder(output_folder *o, failure *f) {
  for (;;) {
    if (mkdir(o->temporary, 0777) != 0 && errno != EEXIST)
      return cannot_begin(o, strerror(errno), f);
    o->lock = open(o->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->lock < 0 && errno == ENOENT)
      continue;
    if (o->lock < 0)
      return fail(f, "cannot write the output folder %s: %s: %s", o->path, o->temporary, strerror(errno));
    if (flock(o->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return fail(f, "another run is writing %s (in %s)", o->path, o->temporary);
    if (is_still(o->lock, o->temporary))
      return true;
    close(o->lock);
    o->lock = -1;
  }
}

static int remove_below(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  return where->level == 0 ? 0 : remove(path);
}

static bool prepare_folder(output_folder *o, failure *f) {
  if (!lock_folder(o, f))
    return false;
  if (!folder_is_empty(o->temporary) && !holds(o->temporary, metrics))
    return fail(f, "%s, where the run would be written, holds something else: nothing was written", o->temporary);
  nftw(o->temporary, remove_below, 16, FTW_DEPTH | FTW_PHYS);
  char *log = memory_print("%s/%s", o->temporary, metrics);
  o->log_file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (o->log_file < 0) {
    fail(f, "cannot write %s: %s", log, strerror(errno));
    rmdir(o->temporary);
  }
  free(log);
  return !f->text;
}

static void free_folder(output_folder *o) {
  if (o->log)
    fclose(o->log);
  if (o->log_file >= 0)
    close(o->log_file);
  if (o->lock >= 0)
    close(o->lock);
  free(o->log_bytes);
  free(o->path);
  free(o->temporary);
  free(o);
}

output_folder *output_folder_begin(const char *path, failure *f) {
  output_folder *o = memory_allocate(1, sizeof *o);
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/')
    length--;
  *o = (output_folder){.lock = -1, .log_file = -1, .path = memory_copy_text(path, length)};
  o->temporary = memory_print("%s.running", o->path);
  if (length == 0)
    fail(f, "the output folder has no name");
  else if (check_target(o->path, f))
    prepare_folder(o, f);
  if (!f->text) {
    o->log = open_memstream(&o->log_bytes, &o->log_size);
    if (!o->log)
      exit(EXIT_MEMORY_EXHAUSTED);
    return o;
  }
  free_folder(o);
  return NULL;
}

/* ---- files ---- */

FILE *output_folder_log(output_folder *o) {
  return o->log;
}

const char *output_folder_log_text(output_folder *o, size_t *size) {
  fflush(o->log);
  *size = o->log_size;
  return o->log_bytes;
}

bool output_folder_flush(output_folder *o, failure *f) {
  if (fflush(o->log) != 0 || ferror(o->log))
    return fail(f, "cannot keep %s/%s: %s", o->path, metrics, strerror(errno));
  while (o->log_written < o->log_size) {
    ssize_t written =
        pwrite(o->log_file, o->log_bytes + o->log_written, o->log_size - o->log_written, (off_t)o->log_written);
    if (written < 0 && errno != EINTR)
      return fail(f, "cannot write %s/%s: %s", o->path, metrics, strerror(errno));
    o->log_written += written > 0 ? (size_t)written : 0;
  }
  return true;
}

/* A failure names the place as the user knows it. */
bool output_folder_write_bytes(output_folder *o, const char *name, const void *bytes, size_t count, failure *f) {
  failure inner = {0};
  char *path = memory_print("%s/%s", o->temporary, name);
  bool good = file_write(path, bytes, count, &inner);
  if (!good)
    fail(f, "%s (output folder %s)", inner.text, o->path);
  failure_free(&inner);
  free(path);
  return good;
}

bool output_folder_write(output_folder *o, const char *name, const char *text, failure *f) {
  return output_folder_write_bytes(o, name, text, strlen(text), f);
}

bool output_folder_copy(output_folder *o, const char *name, const char *from, failure *f) {
  mapped_file file;
  if (!file_map(from, &file, f))
    return false;
  bool good = output_folder_write_bytes(o, name, file.bytes, file.size, f);
  file_unmap(&file);
  return good;
}

bool output_folder_write_json(output_folder *o, const char *name, const json_t *value, failure *f) {
  char *text = json_dumps(value, JSON_INDENT(2));
  if (!text)
    return fail(f, "cannot write %s/%s: it holds text that is not UTF-8", o->path, name);
  char *line = memory_print("%s\n", text);
  bool good = output_folder_write(o, name, line, f);
  free(line);
  free(text);
  return good;
}

bool output_folder_save_model(output_folder *o, const char *model, const weight_set *weights, const json_t *config,
                              failure *f) {
  failure inner = {0};
  char *folder = memory_print("%s/%s", o->temporary, model);
  char *path = memory_print("%s/model.safetensors", folder), *name = memory_print("%s/config.json", model);
  bool good = mkdir(folder, 0777) == 0 || errno == EEXIST;
  if (!good)
    fail(&inner, "cannot write %s: %s", folder, strerror(errno));
  good = good && weight_set_save(weights, path, &inner);
  if (!good)
    fail(f, "%s (output folder %s)", inner.text, o->path);
  good = good && output_folder_write_json(o, name, config, f);
  failure_free(&inner);
  free(folder);
  free(path);
  free(name);
  return good;
}

/* ---- the end ---- */

/* Puts the temporary folder in the place of `path`; what was there is removed once that is done. */
static bool take_place(const output_folder *o, const char *path, failure *f) {
  if (rename(o->temporary, path) == 0) /* works over an empty folder too */
    return true;
  if (errno != EEXIST && errno != ENOTEMPTY)
    return fail(f, "cannot write the output folder %s: %s (the run is in %s)", path, strerror(errno), o->temporary);
  if (renameat2(AT_FDCWD, o->temporary, AT_FDCWD, path, RENAME_EXCHANGE) != 0) {
    /* a file system that cannot exchange: two steps, the old one kept until the new one stands */
    char *old = memory_print("%s.old", path);
    remove_folder(old);
    bool good = rename(path, old) == 0 && rename(o->temporary, path) == 0;
    if (good)
      remove_folder(old);
    else
      fail(f, "cannot write the output folder %s: %s (the run is in %s)", path, strerror(errno), o->temporary);
    free(old);
    return good;
  }
  remove_folder(o->temporary);
  return true;
}

bool output_folder_end(output_folder *o, bool finished, char **path, failure *f) {
  *path = NULL;
  if (!output_folder_flush(o, f)) {
    output_folder_abandon(o);
    return false;
  }
  bool aside = !finished && holds_run(o->path);
  *path = memory_print("%s%s", o->path, aside ? ".unfinished" : "");
  bool good = take_place(o, *path, f);
  free_folder(o);
  return good;
}

void output_folder_abandon(output_folder *o) {
  if (!o)
    return;
  remove_folder(o->temporary);
  free_folder(o);
}
