#include "runtime/data/utf8.h"
#include <string.h>
#include <utf8proc.h>

/* Eight bytes at once: all of them 1 … 127. A zero byte borrows from the high bit of its own. */
static bool plain_block(const char *at) {
  uint64_t x;
  memcpy(&x, at, sizeof x);
  return ((x | (x - 0x0101010101010101)) & 0x8080808080808080) == 0;
}

static int64_t count_lines(const char *begin, const char *end) {
  int64_t count = 0;
  for (; begin < end; begin++)
    count += *begin == '\n';
  return count;
}

bool utf8_check(const char *path, int64_t line, const char *begin, const char *end, failure *f) {
  const char *at = begin;
  while (at < end) {
    if (end - at >= 8 && plain_block(at)) {
      at += 8;
      continue;
    }
    utf8proc_int32_t character = (unsigned char)*at;
    utf8proc_ssize_t used = 1;
    if (character >= 128)
      used = utf8proc_iterate((const utf8proc_uint8_t *)at, end - at, &character);
    if (used < 1)
      return fail(f, "%s:%lld: byte 0x%02x is not UTF-8 text (encoding: \"latin1\" reads Latin-1)", path,
                  (long long)(line + count_lines(begin, at)), (unsigned char)*at);
    if (character == 0)
      return fail(f, "%s:%lld: a zero byte: this is no text file", path, (long long)(line + count_lines(begin, at)));
    at += used;
  }
  return true;
}
