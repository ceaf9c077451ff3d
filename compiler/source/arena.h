/* Memory that lives as long as one compilation: allocate, never free a part, destroy the whole.
 * Allocations are zeroed and aligned to 16 bytes. When memory runs out, the program says so and exits with
 * EXIT_MEMORY: no caller has to check. */
#ifndef RETORT_ARENA_H
#define RETORT_ARENA_H

#include <stddef.h>

enum { EXIT_MEMORY = 71 };

typedef struct arena arena;

/* Says so on stderr and exits with EXIT_MEMORY: for owners of other memory too. */
_Noreturn void memory_exhausted(void);

arena *arena_create(void);
void arena_destroy(arena *a);

void *arena_allocate(arena *a, size_t size);
/* A copy of `length` bytes of `text`, with a terminating zero. */
char *arena_copy(arena *a, const char *text, size_t length);
/* As printf, into the arena. */
char *arena_print(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(a, type) ((type *)arena_allocate((a), sizeof(type)))
#define arena_array(a, type, count) ((type *)arena_allocate((a), sizeof(type) * (size_t)(count)))

/* Appends to an array in an arena whose capacity doubles. `items` is an lvalue pointer, `count` an lvalue int.
 * Growth happens when count is a power of two (or zero), so no capacity is kept. */
#define arena_append(a, items, count, item)                                      \
  do {                                                                           \
    if (((count) & ((count)-1)) == 0)                                            \
      (items) = arena_grow((a), (items), sizeof *(items) * (size_t)(count),      \
                           sizeof *(items) * (size_t)((count) ? (count)*2 : 1)); \
    (items)[(count)++] = (item);                                                 \
  } while (0)
void *arena_grow(arena *a, const void *old, size_t old_size, size_t new_size);

#endif
