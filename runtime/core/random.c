/* Philox 4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, «Parallel random numbers: as easy as 1, 2, 3», SC 2011. */
#include "runtime/core/retort.h"

static void philox(uint32_t counter[4], uint32_t key_low, uint32_t key_high) {
  for (int round = 0; round < 10; round++) {
    uint64_t first = (uint64_t)0xD2511F53u * counter[0], second = (uint64_t)0xCD9E8D57u * counter[2];
    uint32_t next[4] = {(uint32_t)(second >> 32) ^ counter[1] ^ key_low, (uint32_t)second,
                        (uint32_t)(first >> 32) ^ counter[3] ^ key_high, (uint32_t)first};
    for (int word = 0; word < 4; word++)
      counter[word] = next[word];
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
}

void retort_uniform_block(const int64_t key[2], uint32_t site, uint64_t block, float numbers[4]) {
  uint64_t seed = (uint64_t)key[0], step = (uint64_t)key[1];
  uint32_t counter[4] = {(uint32_t)block, (uint32_t)step, site, (uint32_t)(step >> 32)};
  philox(counter, (uint32_t)seed, (uint32_t)(seed >> 32));
  for (int word = 0; word < 4; word++)
    numbers[word] = (float)(counter[word] >> 8) * 0x1p-24f;
}

float retort_uniform(const int64_t key[2], uint32_t site, uint64_t position) {
  float numbers[4];
  retort_uniform_block(key, site, position / 4, numbers);
  return numbers[position % 4];
}
