/* A growing string. The owner calls text_free; all other functions keep `data` zero-terminated. */
#ifndef RETORT_TEXT_H
#define RETORT_TEXT_H

#include <stddef.h>

typedef struct text {
  char *data; /* NULL until something is added */
  size_t length, capacity;
} text;

void text_add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(text *t, const char *bytes, size_t length);
void text_free(text *t);

#endif
