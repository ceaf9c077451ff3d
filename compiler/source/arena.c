#include "compiler/source/arena.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, CHUNK_SIZE = 64 * 1024 };

typedef struct chunk {
  struct chunk *next;
  size_t used, size; /* of the bytes that follow */
} chunk;

struct arena {
  chunk *chunks; /* the first is the one being filled */
};

/* Chunk headers keep what follows them aligned. */
_Static_assert((sizeof(chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT >= sizeof(chunk), "header fits");
static const size_t header = (sizeof(chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

void memory_exhausted(void) {
  fputs("retort: out of memory\n", stderr);
  exit(EXIT_MEMORY);
}

arena *arena_create(void) {
  arena *a = calloc(1, sizeof *a);
  if (!a)
    memory_exhausted();
  return a;
}

void arena_destroy(arena *a) {
  if (!a)
    return;
  for (chunk *c = a->chunks, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(a);
}

static chunk *chunk_create(size_t size) {
  if (size > SIZE_MAX - header)
    memory_exhausted();
  chunk *c = calloc(1, header + size);
  if (!c)
    memory_exhausted();
  c->size = size;
  return c;
}

void *arena_allocate(arena *a, size_t size) {
  if (size > PTRDIFF_MAX)
    memory_exhausted();
  size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  chunk *c = a->chunks;
  if (!c || c->size - c->used < size) {
    chunk *fresh = chunk_create(size > CHUNK_SIZE / 4 ? size : CHUNK_SIZE);
    if (c && size > CHUNK_SIZE / 4) { /* a large piece has a chunk of its own; the one being filled stays first */
      fresh->next = c->next;
      c->next = fresh;
    } else {
      fresh->next = c;
      a->chunks = fresh;
    }
    c = fresh;
  }
  void *result = (char *)c + header + c->used;
  c->used += size;
  return result;
}

char *arena_copy(arena *a, const char *text, size_t length) {
  char *copy = arena_allocate(a, length + 1);
  if (length)
    memcpy(copy, text, length);
  return copy;
}

char *arena_print(arena *a, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *result = arena_allocate(a, (size_t)(length < 0 ? 0 : length) + 1);
  if (length > 0)
    vsnprintf(result, (size_t)length + 1, format, again);
  va_end(again);
  return result;
}

void *arena_grow(arena *a, const void *old, size_t old_size, size_t new_size) {
  void *result = arena_allocate(a, new_size);
  if (old_size)
    memcpy(result, old, old_size);
  return result;
}
