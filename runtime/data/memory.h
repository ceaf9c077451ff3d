/* Memory, failures and growing strings for the runtime. Whoever allocates frees with free(). When memory runs out the
 * program says so and exits with EXIT_MEMORY_EXHAUSTED: no caller has to check. */
#ifndef RETORT_MEMORY_H
#define RETORT_MEMORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_MEMORY_EXHAUSTED = 71 };

/* count x size bytes, zeroed; never NULL. */
void *memory_allocate(size_t count, size_t size);
/* Zeroed, aligned to 64 bytes; never NULL. */
void *memory_allocate_aligned(size_t count, size_t size);
/* Resizes; what is new is not zeroed. */
void *memory_resize(void *old, size_t count, size_t size);
char *memory_copy_text(const char *text, size_t length);
char *memory_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What went wrong, as a text for the user, with the file's name in it. Starts as {0}; the first failure is kept. */
typedef struct failure {
  char *text;    /* NULL: nothing failed */
  bool of_input; /* by what was read, which could be had otherwise */
} failure;

/* Always false, so that a function can `return fail(f, …)`. */
bool fail(failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds to a failure's text. */
void failure_add(failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void failure_free(failure *f);

#endif
