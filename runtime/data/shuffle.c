#include "runtime/data/shuffle.h"
#include "runtime/core/retort.h"

/* Fisher-Yates with numbers by position; two of 24 bits make one fine enough for any set. */
void shuffle_rows(int64_t *order, int64_t count, uint64_t seed, int64_t epoch, uint32_t site) {
  const int64_t key[2] = {(int64_t)seed, epoch};
  for (int64_t i = 0; i < count; i++)
    order[i] = i;
  for (int64_t i = count - 1; i > 0; i--) {
    double fine = retort_uniform(key, site, (uint64_t)i * 2 + 1) * 0x1p-24;
    double u = retort_uniform(key, site, (uint64_t)i * 2) + fine;
    int64_t k = (int64_t)(u * (double)(i + 1));
    int64_t swapped = order[i];
    order[i] = order[k];
    order[k] = swapped;
  }
}
