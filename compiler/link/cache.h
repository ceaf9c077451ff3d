/* Objects kept between runs of the program, by what they were made from. */
#ifndef RETORT_CACHE_H
#define RETORT_CACHE_H

#include "compiler/graph/graph.h"

/* The key of a graph's object for a target: a hash of the graph's text, of the target and of this program's own build,
 * as 32 digits in the arena. */
const char *cache_key(arena *a, const graph *g, const char *target);

/* Appends the object with that key to `object`; false when there is none, or when its bytes have changed. */
bool cache_read(const char *folder, const char *key, text *object);
enum { CACHE_OBJECT_BYTES = 1 << 29 }; /* of all objects, unless something else is said */

/* Removes the objects that were not used for longest until all that stay have at most so many bytes; the one used last
 * stays in any case. */
void cache_keep_within(const char *folder, int64_t bytes);
/* Keeps an object, making the folder if need be. What cannot be written is not kept: a cache is never an error. */
void cache_write(const char *folder, const char *key, const text *object);

/* Makes the folder and those above it, as far as that can be done. */
void cache_make_folder(const char *folder);

#endif
