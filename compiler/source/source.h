/* Source files and places in them. A span is 16 bytes and is carried from token to kernel. */
#ifndef RETORT_SOURCE_H
#define RETORT_SOURCE_H

#include "compiler/source/arena.h"

typedef struct source_file {
  const char *path; /* as messages show it */
  const char *text; /* zero-terminated */
  size_t length;
} source_file;

/* Lines and columns count from 1, columns in bytes; the end is behind the last byte. file is NULL for «nowhere». */
typedef struct span {
  const source_file *file;
  int line, column, end_line, end_column;
} span;

/* Reads a whole file into the arena. Returns NULL and sets *error (a text in the arena, as «cannot read X: No such file
 * or directory») when it cannot be read, is larger than 16 MiB or holds a zero byte. A byte order mark is left out. */
const source_file *source_read(arena *a, const char *path, const char **error);
/* A source that is not from a file. */
const source_file *source_from_text(arena *a, const char *path, const char *content, size_t length);

/* The bytes of a span's first line, without a zero; NULL and 0 for «nowhere». Takes time in proportion to the line's
 * number: for messages. */
const char *span_text(span where, int *length);

/* From the start of `first` to the end of `last`. */
span span_join(span first, span last);

#endif
