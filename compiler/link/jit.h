/* Links object bytes into this process, by LLVM's ORC. */
#ifndef RETORT_JIT_H
#define RETORT_JIT_H

#include "compiler/source/arena.h"

typedef struct linked_object linked_object;

/* Copies the bytes. Symbols that the object lacks are those of runtime/core, then those of the C library. NULL and
 * *error (in the arena) when it cannot be linked. The owner calls jit_unlink. */
linked_object *jit_link(arena *a, const void *bytes, size_t size, const char **error);
/* The address of a symbol; NULL and *error when there is none. */
void *jit_symbol(linked_object *o, arena *a, const char *name, const char **error);
void jit_unlink(linked_object *o);

#endif
