#include "runtime/data/half.h"
#include <string.h>

uint16_t half_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) /* infinite, or NaN */
    return (uint16_t)(sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
  if (magnitude >= 0x477ff000) /* 65520 and more round to infinity */
    return (uint16_t)(sign | 0x7c00);
  if (magnitude < 0x38800000) { /* below 2^-14: the addition rounds to multiples of 2^-24 */
    float rounded;
    memcpy(&rounded, &magnitude, sizeof rounded);
    rounded += 0.5f;
    memcpy(&bits, &rounded, sizeof bits);
    return (uint16_t)(sign | (bits - 0x3f000000));
  }
  uint32_t odd = magnitude >> 13 & 1;
  return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

float half_read(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
  float result;
  uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
  if (exponent == 31)
    bits = sign | 0x7f800000 | fraction << 13;
  if (exponent == 0) {
    result = (float)fraction * 0x1p-24f;
    return sign ? -result : result;
  }
  memcpy(&result, &bits, sizeof result);
  return result;
}
