/* The text of a file: mapped as it is, or expanded (gzip, zstd: compressed.h), or converted from another encoding. */
#ifndef RETORT_TEXT_FILE_H
#define RETORT_TEXT_FILE_H
#include "runtime/data/file.h"

typedef enum {
  ENCODING_UTF8,
  ENCODING_LATIN1 /* ISO 8859-1: each byte is the character of its number */
} text_encoding;

typedef struct text_file {
  const char *bytes; /* UTF-8 when the file is; readers check it, so that they can name the line */
  size_t size;
  mapped_file file;
  char *own; /* NULL: what is mapped */
} text_file;

bool text_file_open(const char *path, text_encoding encoding, text_file *t, failure *f);
void text_file_close(text_file *t);

#endif
