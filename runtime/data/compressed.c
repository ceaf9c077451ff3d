#include "runtime/data/compressed.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static bool is_gzip(const unsigned char *bytes, size_t size) {
  return size >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

static bool is_zstd(const unsigned char *bytes, size_t size) {
  return size >= 4 && memcmp(bytes, "\x28\xB5\x2F\xFD", 4) == 0;
}

bool compressed_is(const void *bytes, size_t size) {
  return is_gzip(bytes, size) || is_zstd(bytes, size);
}

typedef struct growing {
  char *bytes;
  size_t used, capacity;
} growing;

/* Room behind what is used; never none. */
static size_t make_room(growing *g) {
  if (g->used == g->capacity) {
    g->capacity = g->capacity ? g->capacity * 2 : 1 << 16;
    g->bytes = memory_resize(g->bytes, g->capacity, 1);
  }
  return g->capacity - g->used;
}

/* zlib counts in 32 bits; larger pieces are given to it one after the other. */
static uInt piece(size_t size) {
  return size < (1u << 30) ? (uInt)size : 1u << 30;
}

/* One member; *at moves behind it. */
static bool expand_member(const char *path, const unsigned char **at, const unsigned char *end, growing *to,
                          failure *f) {
  z_stream z = {0};
  if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
    return fail(f, "cannot read %s: zlib does not start", path);
  int status = Z_OK;
  while (status == Z_OK) {
    size_t room = make_room(to);
    uInt given = piece((size_t)(end - *at)), offered = piece(room);
    z.next_in = (unsigned char *)*at; /* zlib does not write there */
    z.avail_in = given;
    z.next_out = (unsigned char *)to->bytes + to->used;
    z.avail_out = offered;
    status = inflate(&z, Z_NO_FLUSH);
    *at += given - z.avail_in;
    to->used += offered - z.avail_out;
    if (status == Z_BUF_ERROR && *at < end)
      status = Z_OK;
  }
  if (status == Z_BUF_ERROR)
    fail(f, "%s: the gzip data ends early: the file is not whole", path);
  else if (status != Z_STREAM_END)
    fail(f, "%s: the gzip data is damaged%s%s", path, z.msg ? ": " : "", z.msg ? z.msg : "");
  inflateEnd(&z);
  return status == Z_STREAM_END;
}

static bool expand_gzip(const char *path, const unsigned char *at, const unsigned char *end, growing *to, failure *f) {
  while (at < end) {
    if (!is_gzip(at, (size_t)(end - at)))
      return fail(f, "%s: %zu bytes behind the end of the gzip data", path, (size_t)(end - at));
    if (!expand_member(path, &at, end, to, f))
      return false;
  }
  return true;
}

static bool expand_zstd(const char *path, const unsigned char *bytes, size_t size, growing *to, failure *f) {
  ZSTD_DStream *z = ZSTD_createDStream();
  ZSTD_inBuffer in = {.src = bytes, .size = size};
  size_t left = 1; /* what ZSTD_decompressStream says: 0 at the end of a frame */
  while (!ZSTD_isError(left) && !(in.pos == size && left == 0)) {
    make_room(to);
    ZSTD_outBuffer out = {.dst = to->bytes, .size = to->capacity, .pos = to->used};
    size_t before = in.pos;
    left = ZSTD_decompressStream(z, &out, &in);
    bool stuck = in.pos == before && out.pos == to->used;
    to->used = out.pos;
    if (stuck && !ZSTD_isError(left) && left != 0)
      break;
  }
  if (ZSTD_isError(left))
    fail(f, "%s: the zstd data is damaged: %s", path, ZSTD_getErrorName(left));
  else if (left != 0)
    fail(f, "%s: the zstd data ends early: the file is not whole", path);
  ZSTD_freeDStream(z);
  return !f->text;
}

char *compressed_expand(const char *path, const void *bytes, size_t size, size_t *expanded, failure *f) {
  growing to = {0};
  make_room(&to);
  bool good = is_gzip(bytes, size) ? expand_gzip(path, bytes, (const unsigned char *)bytes + size, &to, f)
                                   : expand_zstd(path, bytes, size, &to, f);
  *expanded = to.used;
  if (good)
    return to.bytes;
  free(to.bytes);
  return NULL;
}
