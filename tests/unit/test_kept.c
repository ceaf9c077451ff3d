/* Values that are kept on disk: forms of a row, files of rows, the folder of all of them. */
#include "runtime/data/file.h"
#include "runtime/data/half.h"
#include "runtime/run/kept_folder.h"
#include "runtime/run/weights.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- forms ---- */

/* A row of a [B, 2, T, T] value with T = 5, of which 3 are real. */
static const kept_value scores = {.name = "scores", .dtype = RETORT_F32, .rank = 3, .sizes = {2, 0, 0}};

static void fill_scores(float *row, int64_t width, int64_t length, float padding) {
  for (int64_t h = 0; h < 2; h++)
    for (int64_t i = 0; i < width; i++)
      for (int64_t k = 0; k < width; k++)
        row[(h * width + i) * width + k] = i < length && k < length ? (float)(h * 100 + i * 10 + k) : padding;
}

static void a_row_finds_its_place(void **state) {
  (void)state;
  float from[2 * 5 * 5], to[2 * 7 * 7], expected[2 * 7 * 7];
  unsigned char kept[2 * 3 * 3 * sizeof(float)];
  kept_error error = {0};
  fill_scores(from, 5, 3, NAN);
  memset(to, 1, sizeof to);
  assert_int_equal(kept_bytes(&scores, 3), sizeof kept);
  assert_true(kept_write(&scores, 3, 5, from, kept, &error));
  kept_read(&scores, 3, 7, kept, to);
  fill_scores(expected, 7, 3, 0);
  assert_memory_equal(to, expected, sizeof expected);
  memset(to, 1, sizeof to);
  kept_copy(&scores, 3, 5, from, 7, to);
  assert_memory_equal(to, expected, sizeof expected);
  kept_read(&scores, 3, 3, kept, to);
  fill_scores(expected, 3, 3, 0);
  assert_memory_equal(to, expected, sizeof kept);
}

static void other_types_and_ranks(void **state) {
  (void)state;
  const kept_value classes = {.name = "class", .dtype = RETORT_I32, .rank = 0},
                   flags = {.name = "flags", .dtype = RETORT_BOOL, .rank = 1, .sizes = {0}};
  int32_t class = 7, got = 0;
  unsigned char kept[8];
  kept_error error = {0};
  assert_int_equal(kept_bytes(&classes, 9), 4);
  assert_true(kept_write(&classes, 9, 16, &class, kept, &error));
  kept_read(&classes, 9, 12, kept, &got);
  assert_int_equal(got, 7);
  const unsigned char from[4] = {1, 0, 1, 1}, expected[6] = {1, 0, 0, 0, 0, 0};
  unsigned char to[6];
  memset(to, 9, sizeof to);
  assert_int_equal(kept_bytes(&flags, 2), 2);
  assert_true(kept_write(&flags, 2, 4, from, kept, &error));
  kept_read(&flags, 2, 6, kept, to);
  assert_memory_equal(to, expected, sizeof to);
}

static void halves_round_to_even(void **state) {
  (void)state;
  static const struct {
    float x;
    uint16_t half;
  } cases[] = {{0, 0},          {-0.0f, 0x8000},       {1, 0x3c00},         {-2, 0xc000},         {65504, 0x7bff},
               {65519, 0x7bff}, {65520, 0x7c00},       {-1e9f, 0xfc00},     {0x1p-24f, 1},        {0x1p-25f, 0},
               {0x3p-25f, 2},   {0x1.ff8p-15f, 0x3ff}, {0x1p-14f, 0x400},   {2049, 0x6800},       {2051, 0x6802},
               {0.1f, 0x2e66},  {INFINITY, 0x7c00},    {-INFINITY, 0xfc00}, {0x1.002p0f, 0x3c00}, {0x1.006p0f, 0x3c02}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (half_of(cases[i].x) != cases[i].half)
      fail_msg("%a: %04x, not %04x", (double)cases[i].x, half_of(cases[i].x), cases[i].half);
  for (uint32_t half = 0; half < 0x10000; half++)
    if ((half & 0x7fff) <= 0x7c00)
      assert_int_equal(half_of(half_read((uint16_t)half)), half);
    else
      assert_true(isnan(half_read((uint16_t)half)) && isnan(half_read(half_of(half_read((uint16_t)half)))));
}

static void halves_say_their_error(void **state) {
  (void)state;
  kept_value v = {.name = "v", .dtype = RETORT_F32, .rank = 1, .sizes = {3}, .form = KEPT_HALF};
  const float from[3] = {1.0f + 0x1p-12f, -3, 1000.25f};
  float to[3];
  unsigned char kept[6];
  kept_error error = {0};
  assert_int_equal(kept_bytes(&v, 1), 6);
  assert_true(kept_write(&v, 1, 1, from, kept, &error));
  kept_read(&v, 1, 1, kept, to);
  assert_true(to[0] == 1 && to[1] == -3 && to[2] == 1000);
  assert_true(error.largest == 0.25);
  assert_false(kept_write(&v, 1, 1, (const float[3]){1, 2, 70000}, kept, &error));
  assert_true(kept_write(&v, 1, 1, (const float[3]){1, INFINITY, NAN}, kept, &error));
}

static double divergence(const float *x, const float *y, int count) {
  double total_x = 0, total_y = 0, sum = 0;
  for (int i = 0; i < count; i++) {
    total_x += exp(x[i]);
    total_y += exp(y[i]);
  }
  for (int i = 0; i < count; i++)
    sum += exp(x[i]) / total_x * (x[i] - log(total_x) - y[i] + log(total_y));
  return sum;
}

/* The largest are as they were, the others have their mass, and the divergence that is said is the one that there is.
 */
static void the_largest_and_the_mass_of_the_others(void **state) {
  (void)state;
  enum { CLASSES = 9, TOP = 3 };
  kept_value v = {.name = "v", .dtype = RETORT_F32, .rank = 2, .sizes = {0, CLASSES}, .form = KEPT_TOP, .top = TOP};
  float from[4 * CLASSES], to[5 * CLASSES];
  unsigned char kept[2 * (TOP * KEPT_BYTES_PER_TOP + KEPT_BYTES_OF_TAIL)];
  for (int i = 0; i < 4 * CLASSES; i++)
    from[i] = (float)sin(i * 12.9898) * 3;
  kept_error error = {0};
  assert_int_equal(kept_bytes(&v, 2), sizeof kept);
  assert_true(kept_write(&v, 2, 4, from, kept, &error));
  kept_read(&v, 2, 5, kept, to);
  double said = 0;
  for (int row = 0; row < 2; row++) {
    const float *x = from + row * CLASSES, *y = to + row * CLASSES;
    double before = 0, after = 0;
    int equal = 0;
    for (int i = 0; i < CLASSES; i++) {
      int above = 0;
      for (int k = 0; k < CLASSES; k++)
        above += x[k] > x[i];
      if (above < TOP)
        assert_true(x[i] == y[i]);
      equal += x[i] == y[i];
      before += exp(x[i]);
      after += exp(y[i]);
    }
    assert_int_equal(equal, TOP);
    assert_true(fabs(before - after) < 1e-5 * before);
    said += divergence(x, y, CLASSES);
  }
  assert_int_equal(error.count, 2);
  assert_true(said > 0.01 && fabs(said - error.divergence) < 1e-6);
  for (int i = 2 * CLASSES; i < 5 * CLASSES; i++)
    assert_true(to[i] == 0); /* behind the row's end */
}

static void extreme_logits(void **state) {
  (void)state;
  enum { CLASSES = 6 };
  kept_value v = {.name = "v", .dtype = RETORT_F32, .rank = 1, .sizes = {CLASSES}, .form = KEPT_TOP, .top = 2};
  static const float cases[][CLASSES] = {{1e4f, 0, -1e4f, -1e4f, 3, 2},
                                         {5, 5, 5, 5, 5, 5},
                                         {-INFINITY, 1, 2, -INFINITY, -INFINITY, -INFINITY},
                                         {-3e38f, 3e38f, 0, 0, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned char kept[2 * KEPT_BYTES_PER_TOP + KEPT_BYTES_OF_TAIL];
    float to[CLASSES];
    kept_error error = {0};
    assert_true(kept_write(&v, 1, 1, cases[i], kept, &error));
    kept_read(&v, 1, 1, kept, to);
    for (int k = 0; k < CLASSES; k++)
      assert_false(isnan(to[k]));
    assert_true(isfinite(error.divergence) && error.divergence >= 0);
  }
}

static void values_of_signatures(void **state) {
  (void)state;
  static const int64_t rows[] = {RETORT_SIZE_DIM, 1}, width[] = {RETORT_SIZE_DIM, 0},
                       four[] = {RETORT_SIZE_CONSTANT, 4},
                       sum[] = {RETORT_SIZE_DIM, 0, RETORT_SIZE_CONSTANT, 1, RETORT_SIZE_ADD, 0};
  static const retort_size good[] = {{1, rows}, {1, width}, {1, four}}, turned[] = {{1, width}, {1, rows}},
                           odd[] = {{1, rows}, {3, sum}};
  kept_value v;
  failure f = {0};
  assert_true(kept_value_of(&(retort_tensor){"v", RETORT_F32, 3, good}, 1, &v, &f));
  assert_true(v.rank == 2 && v.sizes[0] == 0 && v.sizes[1] == 4);
  assert_false(kept_value_of(&(retort_tensor){"v", RETORT_F32, 2, turned}, 1, &v, &f));
  failure_free(&f);
  f = (failure){0};
  assert_false(kept_value_of(&(retort_tensor){"v", RETORT_F32, 2, odd}, 1, &v, &f));
  failure_free(&f);
  f = (failure){0};
  assert_false(kept_value_of(&(retort_tensor){"v", RETORT_F32, 0, NULL}, 1, &v, &f));
  failure_free(&f);
}

/* ---- files of rows ---- */

enum { ROWS = 4100 };
static const kept_value pair[] = {{.name = "a", .dtype = RETORT_F32, .rank = 1, .sizes = {0}},
                                  {.name = "b", .dtype = RETORT_F32, .rank = 1, .sizes = {2}}};
static const kept_key key = {"0123456789abcde"};

static int open_folder(void **state) {
  char *folder = memory_print("/tmp/retort-kept-XXXXXX");
  *state = folder;
  return mkdtemp(folder) ? 0 : 1;
}

static int close_folder(void **state) {
  kept_list l = kept_list_read(*state);
  for (int i = 0; i < l.count; i++)
    kept_entry_remove(*state, l.entries[i].name);
  kept_list_free(&l);
  rmdir(*state);
  free(*state);
  return 0;
}

static void make_starts(int64_t *starts) {
  starts[0] = 0;
  for (int i = 0; i < ROWS; i++)
    starts[i + 1] = starts[i] + 1 + i % 5;
}

/* Row i holds i over and over. */
static void write_file(kept_rows *k, int file, const int64_t *starts, failure *f) {
  int64_t first, count;
  kept_rows_range(k, file, &first, &count);
  int64_t total = starts[first + count] - starts[first] + 2 * count, at = 0;
  float *rows = memory_allocate((size_t)total, sizeof *rows);
  for (int64_t i = first; i < first + count; i++)
    for (int64_t n = kept_rows_size(k, i) / sizeof *rows; n > 0; n--)
      rows[at++] = (float)i;
  assert_int_equal(at, total);
  kept_rows_write(k, file, rows, &(kept_error){.largest = file + 0.5, .divergence = 1, .count = 2}, f);
  free(rows);
}

static void rows_come_back(void **state) {
  int64_t starts[ROWS + 1];
  make_starts(starts);
  failure f = {0};
  kept_rows *k = kept_rows_create(2, pair, ROWS, starts);
  assert_int_equal(kept_rows_files(k), 2);
  assert_int_equal(kept_rows_open(k, *state, &key, &f), 0);
  write_file(k, 1, starts, &f);
  assert_null(f.text);
  assert_true(!kept_rows_there(k, 0) && kept_rows_there(k, 1));
  write_file(k, 0, starts, &f);
  kept_rows_free(k);
  k = kept_rows_create(2, pair, ROWS, starts);
  assert_int_equal(kept_rows_open(k, *state, &key, &f), 2);
  assert_null(f.text);
  for (int64_t i = 0; i < ROWS; i++) {
    float row[8];
    memcpy(row, kept_rows_at(k, i), kept_rows_size(k, i));
    assert_int_equal(kept_rows_size(k, i), (size_t)(3 + i % 5) * sizeof(float));
    assert_true(row[0] == (float)i && row[2 + i % 5] == (float)i);
  }
  kept_error error = kept_rows_error(k);
  assert_true(error.largest == 1.5 && error.divergence == 2 && error.count == 4);
  struct stat about;
  int64_t bytes = 0;
  for (int i = 0; i < 2; i++) {
    char *path = memory_print("%s/%012d.rows", (char *)*state, i * 4096);
    assert_int_equal(stat(path, &about), 0);
    bytes += about.st_size;
    unlink(path);
    free(path);
  }
  assert_int_equal(bytes, kept_rows_bytes(k));
  kept_rows_free(k);
}

/* One file's bytes, for damage. */
static unsigned char *make_file(const char *folder, kept_file *expected, size_t *size) {
  enum { FEW = 6 };
  int64_t starts[FEW + 1];
  for (int i = 0; i <= FEW; i++)
    starts[i] = i * 3;
  failure f = {0};
  kept_rows *k = kept_rows_create(2, pair, FEW, starts);
  kept_rows_open(k, folder, &key, &f);
  write_file(k, 0, starts, &f);
  assert_null(f.text);
  kept_rows_free(k);
  *expected = (kept_file){.key = key, .first = 0, .count = FEW, .bytes = FEW * 5 * sizeof(float)};
  char *path = memory_print("%s/%012d.rows", folder, 0);
  mapped_file file;
  assert_true(file_map(path, &file, &f));
  unsigned char *bytes = memory_allocate(file.size + 1, 1);
  memcpy(bytes, file.bytes, file.size);
  *size = file.size;
  file_unmap(&file);
  unlink(path);
  free(path);
  return bytes;
}

static const char *check(const unsigned char *bytes, size_t size, const kept_file *expected) {
  const unsigned char *rows;
  kept_error error;
  unsigned char *copy = malloc(size ? size : 1); /* so that a sanitizer sees the end */
  memcpy(copy, bytes, size);
  const char *wrong = kept_file_check(copy, size, expected, &rows, &error);
  free(copy);
  return wrong;
}

static void every_damage_is_seen(void **state) {
  kept_file expected;
  size_t size;
  unsigned char *bytes = make_file(*state, &expected, &size);
  assert_null(check(bytes, size, &expected));
  for (size_t left = 0; left < size; left++)
    assert_string_equal(check(bytes, left, &expected), "it is cut off");
  assert_string_equal(check(bytes, size + 1, &expected), "it is longer than it says");
  for (size_t i = 0; i < size; i++)
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] ^= (unsigned char)(1 << bit);
      if (!check(bytes, size, &expected))
        fail_msg("byte %zu, bit %d", i, bit);
      bytes[i] ^= (unsigned char)(1 << bit);
    }
  bytes[8]++;
  assert_string_equal(check(bytes, size, &expected), "it is of another version of retort");
  bytes[8]--;
  expected.key.bytes[3]++;
  assert_string_equal(check(bytes, size, &expected), "it is of something else");
  expected.key.bytes[3]--;
  static const uint64_t hostile[] = {0, 1, UINT64_MAX, UINT64_MAX - 64, INT64_MAX, 1u << 31};
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
    for (size_t at = 32; at < 56; at += 8) { /* first row, rows, bytes */
      uint64_t kept;
      memcpy(&kept, bytes + at, sizeof kept);
      if (kept == hostile[i])
        continue;
      memcpy(bytes + at, &hostile[i], sizeof kept);
      assert_string_equal(check(bytes, size, &expected), "it holds other rows than its name says");
      memcpy(bytes + at, &kept, sizeof kept);
    }
  free(bytes);
}

static void a_failed_write_leaves_nothing(void **state) {
  int64_t starts[ROWS + 1];
  make_starts(starts);
  failure f = {0};
  kept_rows *k = kept_rows_create(2, pair, ROWS, starts);
  kept_rows_open(k, *state, &key, &f);
  struct rlimit limit, less;
  getrlimit(RLIMIT_FSIZE, &limit);
  less = limit;
  less.rlim_cur = 10000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &less);
  write_file(k, 0, starts, &f);
  setrlimit(RLIMIT_FSIZE, &limit);
  assert_non_null(strstr(f.text, "File too large"));
  assert_false(kept_rows_there(k, 0));
  failure_free(&f);
  kept_rows_free(k);
  assert_int_equal(rmdir(*state), 0); /* it is empty */
  mkdir(*state, 0777);
}

/* ---- the folder ---- */

static json_t *about_of(const char *stage, const char *form) {
  return json_pack("{s:s, s:s, s:s, s:[s], s:[s], s:s, s:s, s:i}", "file", "/a/b.rt", "experiment", "x", "stage", stage,
                   "teacher", "t", "settings", "seed 1", "data", "train", "form", form, "rows", 5);
}

/* An entry of so many bytes, last used `age` seconds ago. */
static void make_entry(const char *folder, const char *name, json_t *about, size_t bytes, long age) {
  failure f = {0};
  assert_true(kept_entry_begin(folder, name, about, &f));
  json_decref(about);
  char *path = memory_print("%s/%s/000000000000.rows", folder, name), *content = memory_allocate(bytes, 1);
  assert_true(file_write(path, content, bytes, &f));
  free(path);
  free(content);
  path = memory_print("%s/%s/about.json", folder, name);
  const struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
  utimensat(AT_FDCWD, path, times, 0);
  free(path);
}

static const char first[] = "00000000000000000000000000000001", second[] = "00000000000000000000000000000002",
                  third[] = "00000000000000000000000000000003";

static bool is_there(const char *folder, const char *name) {
  char *path = memory_print("%s/%s", folder, name);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static void the_longest_unused_makes_room(void **state) {
  make_entry(*state, first, about_of("one", "float32"), 5000, 30);
  make_entry(*state, second, about_of("two", "float32"), 5000, 10);
  make_entry(*state, third, about_of("three", "float32"), 5000, 20);
  kept_list l = kept_list_read(*state);
  assert_int_equal(l.count, 3);
  assert_string_equal(l.entries[0].name, second);
  assert_string_equal(l.entries[2].name, first);
  assert_true(l.bytes > 15000 && l.bytes < 17000);
  kept_list_free(&l);
  assert_false(kept_make_room(*state, second, 20000, 10000)); /* never: nothing is removed */
  assert_true(is_there(*state, first));
  assert_true(kept_make_room(*state, "ffffffffffffffffffffffffffffffff", 4000, 16000));
  assert_true(!is_there(*state, first) && is_there(*state, second) && is_there(*state, third));
  kept_entry_use(*state, third);
  assert_true(kept_make_room(*state, third, 6000, 6000)); /* it is there itself */
  assert_true(!is_there(*state, second) && is_there(*state, third));
}

static void what_has_changed_is_dropped(void **state) {
  make_entry(*state, first, about_of("one", "float32"), 10, 30);
  make_entry(*state, second, about_of("one", "float16"), 10, 30);
  make_entry(*state, third, about_of("two", "float32"), 10, 30);
  json_t *about = about_of("one", "float32");
  json_object_set_new(about, "rows", json_integer(6));
  assert_int_equal(kept_drop_older(*state, first, about), 0);
  assert_int_equal(kept_drop_older(*state, "ffffffffffffffffffffffffffffffff", about), 1);
  json_decref(about);
  assert_true(!is_there(*state, first) && is_there(*state, second) && is_there(*state, third));
}

static void nothing_else_is_removed(void **state) {
  failure f = {0};
  make_entry(*state, first, about_of("one", "float32"), 10, 0);
  char *other = memory_print("%s/%s/notes.txt", (char *)*state, first),
       *part = memory_print("%s/%s/000000004096.rows.AbCdEf", (char *)*state, first),
       *link = memory_print("%s/%s", (char *)*state, second);
  assert_true(file_write(other, "x", 1, &f) && file_write(part, "x", 1, &f));
  assert_int_equal(symlink("/tmp", link), 0);
  assert_false(kept_entry_remove(*state, first));
  assert_true(access(other, F_OK) == 0 && access(part, F_OK) != 0);
  kept_entry_remove(*state, second);
  assert_int_equal(access("/tmp", F_OK), 0);
  unlink(link);
  unlink(other);
  assert_true(kept_entry_remove(*state, first));
  free(other);
  free(part);
  free(link);
}

static void an_entry_without_words(void **state) {
  make_entry(*state, first, about_of("one", "float32"), 10, 0);
  char *path = memory_print("%s/%s/about.json", (char *)*state, first);
  failure f = {0};
  assert_true(file_write(path, "[1", 2, &f));
  free(path);
  kept_list l = kept_list_read(*state);
  assert_int_equal(l.count, 1);
  assert_true(json_is_object(l.entries[0].about));
  kept_list_free(&l);
  json_t *about = json_object();
  assert_int_equal(kept_drop_older(*state, second, about), 0); /* of nobody knows whom */
  json_decref(about);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_row_finds_its_place),
      cmocka_unit_test(other_types_and_ranks),
      cmocka_unit_test(halves_round_to_even),
      cmocka_unit_test(halves_say_their_error),
      cmocka_unit_test(the_largest_and_the_mass_of_the_others),
      cmocka_unit_test(extreme_logits),
      cmocka_unit_test(values_of_signatures),
      cmocka_unit_test_setup_teardown(rows_come_back, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(every_damage_is_seen, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(a_failed_write_leaves_nothing, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(the_longest_unused_makes_room, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(what_has_changed_is_dropped, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(nothing_else_is_removed, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(an_entry_without_words, open_folder, close_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
