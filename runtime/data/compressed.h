/* Compressed bytes, told by how they begin: gzip (RFC 1952) and Zstandard (RFC 8878). Several members or frames behind
 * each other are one text. */
#ifndef RETORT_COMPRESSED_H
#define RETORT_COMPRESSED_H
#include "runtime/data/memory.h"

bool compressed_is(const void *bytes, size_t size);
/* All of it, in memory that the caller frees, with its size. Fails with `path` in the message, and nothing returned,
 * when the bytes end early, are damaged, or are followed by something else. NULL after a failure. */
char *compressed_expand(const char *path, const void *bytes, size_t size, size_t *expanded, failure *f);

#endif
