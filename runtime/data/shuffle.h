/* An order of rows that depends on numbers by position alone. */
#ifndef RETORT_SHUFFLE_H
#define RETORT_SHUFFLE_H
#include <stdint.h>

/* Different sites give independent orders. */
enum { SHUFFLE_EPOCH = 0x73687566, SHUFFLE_SHARE = 0x73686172, SHUFFLE_BATCHES = 0x73686261 };

/* Writes 0 … count - 1 in the order of (seed, epoch). */
void shuffle_rows(int64_t *order, int64_t count, uint64_t seed, int64_t epoch, uint32_t site);

#endif
