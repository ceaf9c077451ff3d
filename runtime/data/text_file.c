#include "runtime/data/text_file.h"
#include "runtime/data/compressed.h"
#include <stdlib.h>

static void take(text_file *t, char *own, size_t size) {
  if (t->file.mapping)
    file_unmap(&t->file);
  free(t->own);
  t->bytes = t->own = own;
  t->size = size;
}

static void convert_latin1(text_file *t) {
  size_t size = t->size;
  for (size_t i = 0; i < t->size; i++)
    size += (unsigned char)t->bytes[i] >= 128;
  char *converted = memory_allocate(size, 1), *to = converted;
  for (size_t i = 0; i < t->size; i++) {
    unsigned char c = (unsigned char)t->bytes[i];
    if (c >= 128)
      *to++ = (char)(0xC0 | c >> 6);
    *to++ = (char)(c >= 128 ? 0x80 | (c & 0x3F) : c);
  }
  take(t, converted, size);
}

bool text_file_open(const char *path, text_encoding encoding, text_file *t, failure *f) {
  *t = (text_file){0};
  if (!file_map(path, &t->file, f))
    return false;
  t->bytes = (const char *)t->file.bytes;
  t->size = t->file.size;
  if (compressed_is(t->bytes, t->size)) {
    size_t size;
    char *expanded = compressed_expand(path, t->bytes, t->size, &size, f);
    if (!expanded) {
      text_file_close(t);
      return false;
    }
    take(t, expanded, size);
  }
  if (encoding == ENCODING_LATIN1)
    convert_latin1(t);
  return true;
}

void text_file_close(text_file *t) {
  if (t->file.mapping)
    file_unmap(&t->file);
  free(t->own);
  *t = (text_file){0};
}
