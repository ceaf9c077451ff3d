#include "runtime/run/kept_rows.h"
#include "runtime/data/file.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum {
  VERSION = 1,
  FILE_ROWS = 4096,    /* so that little is lost when the making is cut off, */
  FILE_BYTES = 1 << 26 /* and little has to be in memory */
};
static const char magic[8] = {'r', 'e', 't', 'o', 'r', 't', 'k', 'r'};

typedef struct file_head {
  char magic[8];
  uint32_t version, unused;
  kept_key key;
  uint64_t first, count, bytes;
  double largest, divergence;
  uint64_t divergence_count;
} file_head;

typedef struct one_file {
  int64_t first;
  mapped_file mapped;
  const unsigned char *rows; /* NULL: it is not there */
  kept_error error;
} one_file;

struct kept_rows {
  int value_count;
  kept_value *values;
  int64_t count;
  const int64_t *starts;
  size_t fixed; /* bytes of every row; 0: they depend on its length */
  int file_count;
  one_file *files;
  size_t *offsets; /* of rows in their files, when their sizes differ; else NULL */
  char *folder;
  kept_key key;
};

/* ---- sizes ---- */

static size_t size_of(const kept_rows *k, int64_t length) {
  size_t size = 0;
  for (int i = 0; i < k->value_count; i++)
    size += kept_bytes(&k->values[i], length);
  return size;
}

size_t kept_rows_size(const kept_rows *k, int64_t row) {
  return k->fixed ? k->fixed : size_of(k, k->starts[row + 1] - k->starts[row]);
}

static void begin_file(kept_rows *k, int64_t first) {
  k->files = memory_resize(k->files, (size_t)k->file_count + 1, sizeof *k->files);
  k->files[k->file_count++] = (one_file){.first = first};
}

kept_rows *kept_rows_create(int value_count, const kept_value *values, int64_t count, const int64_t *starts) {
  kept_rows *k = memory_allocate(1, sizeof *k);
  *k = (kept_rows){.value_count = value_count, .count = count, .starts = starts};
  k->values = memory_allocate((size_t)value_count, sizeof *values);
  memcpy(k->values, values, (size_t)value_count * sizeof *values);
  k->fixed = size_of(k, 1) == size_of(k, 2) ? size_of(k, 1) : 0;
  if (!k->fixed)
    k->offsets = memory_allocate((size_t)count, sizeof *k->offsets);
  size_t used = 0;
  for (int64_t row = 0; row < count; row++) {
    size_t size = kept_rows_size(k, row);
    if (row == 0 || row - k->files[k->file_count - 1].first == FILE_ROWS || used + size > FILE_BYTES) {
      begin_file(k, row);
      used = 0;
    }
    if (k->offsets)
      k->offsets[row] = used;
    used += size;
  }
  return k;
}

void kept_rows_close(kept_rows *k) {
  for (int i = 0; i < k->file_count; i++) {
    file_unmap(&k->files[i].mapped);
    k->files[i].rows = NULL;
  }
}

void kept_rows_free(kept_rows *k) {
  if (!k)
    return;
  kept_rows_close(k);
  free(k->files);
  free(k->offsets);
  free(k->values);
  free(k->folder);
  free(k);
}

int kept_rows_files(const kept_rows *k) {
  return k->file_count;
}

void kept_rows_range(const kept_rows *k, int file, int64_t *first, int64_t *count) {
  *first = k->files[file].first;
  *count = (file + 1 < k->file_count ? k->files[file + 1].first : k->count) - *first;
}

static uint64_t bytes_of(const kept_rows *k, int file) {
  int64_t first, count;
  kept_rows_range(k, file, &first, &count);
  if (k->fixed)
    return k->fixed * (uint64_t)count;
  return k->offsets[first + count - 1] + kept_rows_size(k, first + count - 1);
}

int64_t kept_rows_bytes(const kept_rows *k) {
  uint64_t all = 0;
  for (int i = 0; i < k->file_count; i++)
    all += bytes_of(k, i) + sizeof(file_head) + sizeof(uint64_t);
  return (int64_t)all;
}

/* ---- files ---- */

const char *kept_file_check(const unsigned char *bytes, size_t size, const kept_file *expected,
                            const unsigned char **rows, kept_error *error) {
  file_head head;
  uint64_t sum;
  if (size < sizeof head + sizeof sum)
    return "it is cut off";
  memcpy(&head, bytes, sizeof head);
  if (memcmp(head.magic, magic, sizeof magic) != 0)
    return "it holds no kept rows";
  if (head.version != VERSION)
    return "it is of another version of retort";
  if (memcmp(&head.key, &expected->key, sizeof head.key) != 0)
    return "it is of something else";
  if (head.first != (uint64_t)expected->first || head.count != (uint64_t)expected->count ||
      head.bytes != expected->bytes)
    return "it holds other rows than its name says";
  if (size - sizeof head - sizeof sum != head.bytes)
    return size - sizeof head - sizeof sum < head.bytes ? "it is cut off" : "it is longer than it says";
  memcpy(&sum, bytes + size - sizeof sum, sizeof sum);
  if (XXH3_64bits(bytes, size - sizeof sum) != sum)
    return "its bytes are damaged (the checksum does not agree)";
  *rows = bytes + sizeof head;
  *error = (kept_error){head.largest, head.divergence, (int64_t)head.divergence_count};
  return NULL;
}

static char *path_of(const kept_rows *k, int file) {
  return memory_print("%s/%012lld.rows", k->folder, (long long)k->files[file].first);
}

static kept_file expected_of(const kept_rows *k, int file) {
  kept_file expected = {.key = k->key, .bytes = bytes_of(k, file)};
  kept_rows_range(k, file, &expected.first, &expected.count);
  return expected;
}

/* False: it is not there, or not as it should be, which is said. */
static bool open_file(kept_rows *k, int file, failure *wrong) {
  one_file *one = &k->files[file];
  char *path = path_of(k, file);
  failure f = {0};
  if (access(path, F_OK) == 0 && file_map(path, &one->mapped, &f)) {
    kept_file expected = expected_of(k, file);
    const char *reason = kept_file_check(one->mapped.bytes, one->mapped.size, &expected, &one->rows, &one->error);
    if (reason)
      fail(&f, "%s: %s", path, reason);
  }
  if (f.text && wrong->text)
    failure_add(wrong, "\n%s", f.text);
  else if (f.text)
    fail(wrong, "%s", f.text);
  if (f.text)
    file_unmap(&one->mapped);
  failure_free(&f);
  free(path);
  return one->rows != NULL;
}

int kept_rows_open(kept_rows *k, const char *folder, const kept_key *key, failure *wrong) {
  kept_rows_close(k);
  free(k->folder);
  k->folder = memory_print("%s", folder);
  k->key = *key;
  int there = 0;
  for (int i = 0; i < k->file_count; i++)
    there += open_file(k, i, wrong);
  return there;
}

bool kept_rows_there(const kept_rows *k, int file) {
  return k->files[file].rows != NULL;
}

bool kept_rows_write(kept_rows *k, int file, const void *rows, const kept_error *error, failure *f) {
  kept_file expected = expected_of(k, file);
  file_head head = {.version = VERSION,
                    .key = k->key,
                    .first = (uint64_t)expected.first,
                    .count = (uint64_t)expected.count,
                    .bytes = expected.bytes,
                    .largest = error->largest,
                    .divergence = error->divergence,
                    .divergence_count = (uint64_t)error->count};
  memcpy(head.magic, magic, sizeof magic);
  char *path = path_of(k, file);
  output_file *to = output_file_open(path, f);
  free(path);
  if (!to)
    return false;
  XXH3_state_t *hash = XXH3_createState();
  XXH3_64bits_reset(hash);
  XXH3_64bits_update(hash, &head, sizeof head);
  XXH3_64bits_update(hash, rows, expected.bytes);
  uint64_t sum = XXH3_64bits_digest(hash);
  XXH3_freeState(hash);
  output_file_write(to, &head, sizeof head);
  output_file_write(to, rows, expected.bytes);
  output_file_write(to, &sum, sizeof sum);
  if (!output_file_commit(to, f))
    return false;
  failure wrong = {0};
  if (!open_file(k, file, &wrong))
    fail(f, "what was just written cannot be read: %s", wrong.text ? wrong.text : "it is gone");
  failure_free(&wrong);
  return !f->text;
}

/* ---- rows ---- */

static int file_of(const kept_rows *k, int64_t row) {
  int low = 0, high = k->file_count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (k->files[middle].first <= row)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

const unsigned char *kept_rows_at(const kept_rows *k, int64_t row) {
  const one_file *file = &k->files[file_of(k, row)];
  return file->rows + (k->offsets ? k->offsets[row] : k->fixed * (size_t)(row - file->first));
}

kept_error kept_rows_error(const kept_rows *k) {
  kept_error all = {0};
  for (int i = 0; i < k->file_count; i++) {
    const kept_error *one = &k->files[i].error;
    if (!k->files[i].rows)
      continue;
    all.largest = one->largest > all.largest ? one->largest : all.largest;
    all.divergence += one->divergence;
    all.count += one->count;
  }
  return all;
}
