#include "compiler/source/source.h"
#include "compiler/source/text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SOURCE_MAX = 16 * 1024 * 1024 };

const source_file *source_from_text(arena *a, const char *path, const char *content, size_t length) {
  source_file *file = arena_new(a, source_file);
  file->path = arena_copy(a, path, strlen(path));
  file->text = arena_copy(a, content, length);
  file->length = length;
  return file;
}

const source_file *source_read(arena *a, const char *path, const char **error) {
  FILE *stream = fopen(path, "rb");
  if (!stream) {
    *error = arena_print(a, "cannot read %s: %s", path, strerror(errno));
    return NULL;
  }
  text content = {0};
  text_add_bytes(&content, "", 0);
  char block[16384];
  size_t count;
  errno = 0;
  while ((count = fread(block, 1, sizeof block, stream)) > 0 && content.length <= SOURCE_MAX)
    text_add_bytes(&content, block, count);
  const source_file *file = NULL;
  if (ferror(stream))
    *error = arena_print(a, "cannot read %s: %s", path, strerror(errno));
  else if (content.length > SOURCE_MAX)
    *error = arena_print(a, "%s is larger than 16 MiB", path);
  else if (content.length && memchr(content.data, 0, content.length))
    *error = arena_print(a, "%s holds a zero byte: it is no text", path);
  else {
    size_t mark = content.length >= 3 && memcmp(content.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    file = source_from_text(a, path, content.data + mark, content.length - mark);
  }
  fclose(stream);
  text_free(&content);
  return file;
}

const char *span_text(span where, int *length) {
  *length = 0;
  if (!where.file)
    return NULL;
  const char *at = where.file->text, *end = at + where.file->length;
  for (int line = 1; line < where.line; line++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline)
      return end;
    at = newline + 1;
  }
  if (where.column - 1 > end - at)
    return end;
  at += where.column - 1;
  const char *newline = memchr(at, '\n', (size_t)(end - at));
  const char *stop = newline ? newline : end;
  if (where.end_line == where.line && where.end_column > where.column && where.end_column - where.column <= end - at)
    stop = at + (where.end_column - where.column);
  else if (where.end_line == where.line && where.end_column <= where.column)
    stop = at;
  *length = (int)(stop - at);
  return at;
}

span span_join(span first, span last) {
  if (!first.file)
    return last;
  if (last.file == first.file) {
    first.end_line = last.end_line;
    first.end_column = last.end_column;
  }
  return first;
}
