#include "runtime/data/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_exit(void *memory) {
  if (memory)
    return memory;
  fputs("retort: out of memory\n", stderr);
  exit(EXIT_MEMORY_EXHAUSTED);
}

void *memory_allocate(size_t count, size_t size) {
  return or_exit(calloc(count ? count : 1, size ? size : 1));
}

void *memory_allocate_aligned(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 64)
    or_exit(NULL);
  bytes = (bytes + 63) / 64 * 64;
  void *memory = or_exit(aligned_alloc(64, bytes ? bytes : 64));
  return memset(memory, 0, bytes ? bytes : 64);
}

void *memory_resize(void *old, size_t count, size_t size) {
  return or_exit(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *memory_copy_text(const char *text, size_t length) {
  char *copy = memory_allocate(length + 1, 1);
  memcpy(copy, text, length);
  return copy;
}

static char *print_list(const char *format, va_list arguments) {
  char *text = NULL;
  if (vasprintf(&text, format, arguments) < 0)
    text = NULL;
  return or_exit(text);
}

char *memory_print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = print_list(format, arguments);
  va_end(arguments);
  return text;
}

bool fail(failure *f, const char *format, ...) {
  if (f->text)
    return false;
  va_list arguments;
  va_start(arguments, format);
  f->text = print_list(format, arguments);
  va_end(arguments);
  return false;
}

void failure_add(failure *f, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *more = print_list(format, arguments);
  va_end(arguments);
  char *all = memory_print("%s%s", f->text ? f->text : "", more);
  free(more);
  free(f->text);
  f->text = all;
}

void failure_free(failure *f) {
  free(f->text);
  f->text = NULL;
}
