/* Values of a data set's rows kept on disk: a folder of files of so many rows each, in the order of the set. A file is
 * written beside its name and renamed, so it is whole or not there; files that are there already are read by mapping
 * them.
 *
 *   8 bytes "retortkr", u32 version, u32 0, 16 bytes of the key, u64 first row, u64 rows, u64 bytes of them,
 *   f64 largest, f64 divergence, u64 its count (kept_error), the rows: of each all its values, one behind the other;
 *   u64 XXH3-64 of everything before.  Numbers are little-endian. */
#ifndef RETORT_KEPT_ROWS_H
#define RETORT_KEPT_ROWS_H
#include "runtime/run/kept_value.h"

enum { KEPT_KEY_BYTES = 16, KEPT_NAME_SIZE = 2 * KEPT_KEY_BYTES + 1 };

typedef struct kept_key {
  unsigned char bytes[KEPT_KEY_BYTES];
} kept_key;

typedef struct kept_rows kept_rows;

/* Row i has starts[i + 1] - starts[i] tokens. Reads and writes nothing yet. `starts` must outlive it. */
kept_rows *kept_rows_create(int value_count, const kept_value *values, int64_t count, const int64_t *starts);
void kept_rows_free(kept_rows *k);
int64_t kept_rows_bytes(const kept_rows *k); /* of all files */
int kept_rows_files(const kept_rows *k);
/* The rows of a file. */
void kept_rows_range(const kept_rows *k, int file, int64_t *first, int64_t *count);
size_t kept_rows_size(const kept_rows *k, int64_t row); /* bytes of a row */

/* Opens the files of `folder` that are there under that key. What is wrong with others, which are as good as missing,
 * becomes a line each of `wrong`. How many there are. */
int kept_rows_open(kept_rows *k, const char *folder, const kept_key *key, failure *wrong);
bool kept_rows_there(const kept_rows *k, int file);
/* Writes a file, with its rows one behind the other, and opens it. */
bool kept_rows_write(kept_rows *k, int file, const void *rows, const kept_error *error, failure *f);
/* Lets go of all files. */
void kept_rows_close(kept_rows *k);

/* A row of a file that is there. */
const unsigned char *kept_rows_at(const kept_rows *k, int64_t row);
kept_error kept_rows_error(const kept_rows *k); /* of all files that are there */

/* What a file has to be; for tests and the fuzzer. */
typedef struct kept_file {
  kept_key key;
  int64_t first, count;
  uint64_t bytes; /* of the rows */
} kept_file;

/* NULL and where the rows begin, or what is wrong with the file. */
const char *kept_file_check(const unsigned char *bytes, size_t size, const kept_file *expected,
                            const unsigned char **rows, kept_error *error);

#endif
