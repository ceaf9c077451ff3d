#include "runtime/data/file.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_map(const char *path, mapped_file *file, failure *f) {
  *file = (mapped_file){.bytes = (const unsigned char *)""};
  /* Non-blocking, so that a named pipe is refused below instead of waited for. */
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fail(f, "cannot read %s: %s", path, strerror(errno));
  struct stat about;
  if (fstat(descriptor, &about) != 0) {
    fail(f, "cannot read %s: %s", path, strerror(errno));
  } else if (!S_ISREG(about.st_mode)) {
    fail(f, "cannot read %s: %s", path, S_ISDIR(about.st_mode) ? "it is a folder" : "it is not a regular file");
  } else if (about.st_size > 0) {
    file->mapping = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (file->mapping == MAP_FAILED) {
      file->mapping = NULL;
      fail(f, "cannot read %s: %s", path, strerror(errno));
    } else {
      file->bytes = file->mapping;
      file->size = (size_t)about.st_size;
    }
  }
  close(descriptor);
  return !f->text;
}

void file_unmap(mapped_file *file) {
  if (file->mapping)
    munmap(file->mapping, file->size);
  *file = (mapped_file){.bytes = (const unsigned char *)""};
}

char *file_locate(const char *source, const char *path, failure *f) {
  if (path[0] == '/')
    return memory_print("%s", path);
  const char *slash = strrchr(source, '/'), *data = getenv("RETORT_DATA");
  char *beside = slash ? memory_print("%.*s/%s", (int)(slash - source), source, path) : memory_print("%s", path);
  if (access(beside, F_OK) == 0)
    return beside;
  if (data && *data) {
    char *there = memory_print("%s/%s", data, path);
    if (access(there, F_OK) == 0) {
      free(beside);
      return there;
    }
    fail(f, "cannot find %s: neither as %s nor as %s (from RETORT_DATA)", path, beside, there);
    free(there);
  } else {
    fail(f, "cannot find %s: there is no %s, and RETORT_DATA names no folder to look in", path, beside);
  }
  free(beside);
  return NULL;
}

struct output_file {
  char *path, *temporary;
  int descriptor;
  int error; /* errno of the first write that failed */
  size_t used;
  unsigned char buffer[1 << 16];
};

static void output_file_free(output_file *file) {
  if (file->descriptor >= 0)
    close(file->descriptor);
  free(file->path);
  free(file->temporary);
  free(file);
}

output_file *output_file_open(const char *path, failure *f) {
  output_file *file = memory_allocate(1, sizeof *file);
  file->path = memory_copy_text(path, strlen(path));
  file->temporary = memory_print("%s.XXXXXX", path);
  file->descriptor = mkostemp(file->temporary, O_CLOEXEC);
  if (file->descriptor < 0) {
    fail(f, "cannot write %s: %s", path, strerror(errno));
    output_file_free(file);
    return NULL;
  }
  /* mkostemp gives 0600; the finished file has what the umask allows, as any other. */
  mode_t mask = umask(0);
  umask(mask);
  fchmod(file->descriptor, 0666 & ~mask);
  return file;
}

static void write_all(output_file *file, const unsigned char *bytes, size_t count) {
  while (count > 0 && !file->error) {
    ssize_t written = write(file->descriptor, bytes, count);
    if (written < 0 && errno != EINTR)
      file->error = errno;
    if (written > 0) {
      bytes += written;
      count -= (size_t)written;
    }
  }
}

bool output_file_write(output_file *file, const void *bytes, size_t count) {
  if (count > sizeof file->buffer - file->used) {
    write_all(file, file->buffer, file->used);
    file->used = 0;
  }
  if (count > sizeof file->buffer) {
    write_all(file, bytes, count);
  } else if (count > 0) {
    memcpy(file->buffer + file->used, bytes, count);
    file->used += count;
  }
  return !file->error;
}

/* The rename itself lasts only when the folder is flushed too. */
static void flush_folder(const char *path) {
  char *copy = memory_copy_text(path, strlen(path));
  int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
  free(copy);
}

bool output_file_commit(output_file *file, failure *f) {
  write_all(file, file->buffer, file->used);
  if (!file->error && fsync(file->descriptor) != 0)
    file->error = errno;
  if (!file->error && close(file->descriptor) != 0)
    file->error = errno;
  else if (!file->error)
    file->descriptor = -1;
  if (!file->error && rename(file->temporary, file->path) != 0)
    file->error = errno;
  bool good = !file->error;
  if (good)
    flush_folder(file->path);
  else {
    unlink(file->temporary);
    fail(f, "cannot write %s: %s", file->path, strerror(file->error));
  }
  output_file_free(file);
  return good;
}

void output_file_discard(output_file *file) {
  unlink(file->temporary);
  output_file_free(file);
}

bool file_write(const char *path, const void *bytes, size_t count, failure *f) {
  output_file *file = output_file_open(path, f);
  if (!file)
    return false;
  output_file_write(file, bytes, count);
  return output_file_commit(file, f);
}
