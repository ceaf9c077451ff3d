#include "compiler/source/text.h"
#include "compiler/source/arena.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(text *t, size_t more) {
  size_t needed = t->length + more + 1;
  if (needed <= t->capacity)
    return;
  size_t capacity = t->capacity ? t->capacity * 2 : 64;
  while (capacity < needed)
    capacity *= 2;
  char *data = realloc(t->data, capacity);
  if (!data)
    memory_exhausted();
  t->data = data;
  t->capacity = capacity;
}

void text_add(text *t, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  reserve(t, length < 0 ? 0 : (size_t)length);
  t->data[t->length] = 0;
  if (length > 0) {
    vsnprintf(t->data + t->length, (size_t)length + 1, format, again);
    t->length += (size_t)length;
  }
  va_end(again);
}

void text_add_bytes(text *t, const char *bytes, size_t length) {
  reserve(t, length);
  if (length)
    memcpy(t->data + t->length, bytes, length);
  t->length += length;
  t->data[t->length] = 0;
}

void text_free(text *t) {
  free(t->data);
  *t = (text){0};
}
