/* Whole files: read by mapping them, written so that a reader sees the old file or the new one and nothing between. */
#ifndef RETORT_FILE_H
#define RETORT_FILE_H
#include "runtime/data/memory.h"

typedef struct mapped_file {
  const unsigned char *bytes; /* not NULL, even when the file is empty */
  size_t size;
  void *mapping; /* for file_unmap; NULL when nothing is mapped */
} mapped_file;

/* Maps a regular file for reading. */
bool file_map(const char *path, mapped_file *file, failure *f);
void file_unmap(mapped_file *file);

/* Where a path that a source file writes leads: absolute, or relative to the folder of `source`, else to the folder
 * that RETORT_DATA names. The caller frees it; NULL after a failure, which names the places. */
char *file_locate(const char *source, const char *path, failure *f);

/* A file being written: its bytes go to a temporary one in the same folder. */
typedef struct output_file output_file;
output_file *output_file_open(const char *path, failure *f); /* NULL after a failure */
/* False after a failure, which output_file_commit reports; the calls between may ignore it. */
bool output_file_write(output_file *file, const void *bytes, size_t count);
/* Flushes to the disk and renames over `path`; after a failure `path` is as it was. Ends `file` either way. */
bool output_file_commit(output_file *file, failure *f);
/* Ends `file`; `path` is as it was. */
void output_file_discard(output_file *file);

/* Open, write, commit. */
bool file_write(const char *path, const void *bytes, size_t count, failure *f);

#endif
