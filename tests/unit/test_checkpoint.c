/* Checkpoints: what is read is what was written; what is damaged is refused and nothing is lost. */
#include "runtime/data/file.h"
#include "runtime/run/checkpoint.h"
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

static int open_folder(void **state) {
  char *folder = memory_print("/tmp/retort-checkpoint-XXXXXX");
  *state = folder;
  return mkdtemp(folder) ? 0 : 1;
}

static int close_folder(void **state) {
  checkpoints_remove(*state);
  bool gone = access(*state, F_OK) != 0; /* nothing else was left in it */
  free(*state);
  return gone ? 0 : 1;
}

static weight_set *make_set(const char *name, int64_t size, float value) {
  weight_set *set = weight_set_create(1, &(weight){.path = name,
                                                   .input = name,
                                                   .dtype = RETORT_F32,
                                                   .rank = 1,
                                                   .sizes = {size},
                                                   .initial = WEIGHT_CONSTANT,
                                                   .a = value});
  weight_set_initialize(set, 1);
  return set;
}

static bool write_one(const char *folder, int64_t number, bool only, failure *f) {
  weight_set *sets[] = {make_set("m/w", 3, (float)number), make_set("s/state", 70000, 0.5f)};
  json_t *state = json_pack("{s:I}", "step", (json_int_t)number);
  const checkpoint_content content = {
      .state = state, .log = "one\ntwo\n", .log_size = 8, .set_count = 2, .sets = sets, .only = only};
  bool good = checkpoint_write(folder, number, &content, f);
  json_decref(state);
  weight_set_free(sets[0]);
  weight_set_free(sets[1]);
  return good;
}

static int64_t newest(const char *folder) {
  failure f = {0};
  checkpoint *c = checkpoint_open(folder, &f);
  assert_null(f.text);
  int64_t step = c ? json_integer_value(json_object_get(checkpoint_state(c), "step")) : -1;
  checkpoint_close(c);
  return step;
}

static void reads_what_was_written(void **state) {
  failure f = {0};
  assert_int_equal(newest(*state), -1);
  assert_true(write_one(*state, 7, false, &f));
  checkpoint *c = checkpoint_open(*state, &f);
  assert_non_null(c);
  size_t size;
  assert_memory_equal(checkpoint_log(c, &size), "one\ntwo\n", 8);
  assert_int_equal(size, 8);
  weight_set *sets[] = {make_set("m/w", 3, 0), make_set("s/state", 70000, 0)};
  assert_true(checkpoint_read(c, 0, 1, sets, &f));
  assert_true(((float *)sets[0]->items[0].data)[2] == 7);
  assert_true(((float *)sets[1]->items[0].data)[69999] == 0);
  assert_true(checkpoint_read(c, 1, 1, sets + 1, &f));
  assert_true(((float *)sets[1]->items[0].data)[69999] == 0.5f);
  weight_set *other[] = {make_set("m/w", 4, 0)};
  assert_false(checkpoint_read(c, 0, 1, other, &f));
  assert_non_null(strstr(f.text, "12 bytes of 'm/w' where the program has 16"));
  failure_free(&f);
  assert_false(checkpoint_read(c, 2, 1, sets, &f));
  failure_free(&f);
  checkpoint_close(c);
  weight_set_free(sets[0]);
  weight_set_free(sets[1]);
  weight_set_free(other[0]);
}

static bool is_there(const char *folder, int64_t number) {
  char *path = memory_print("%s/%012lld.checkpoint", folder, (long long)number);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static void keeps_two(void **state) {
  failure f = {0};
  for (int64_t number = 1; number < 5; number++)
    assert_true(write_one(*state, number, false, &f));
  assert_int_equal(newest(*state), 4);
  assert_true(is_there(*state, 3));
  assert_false(is_there(*state, 2));
  assert_true(write_one(*state, 2, true, &f)); /* the first of another run: later numbers are not its own */
  assert_int_equal(newest(*state), 2);
  assert_false(is_there(*state, 3) || is_there(*state, 4));
  char *part = memory_print("%s/000000000009.checkpoint.AbCdEf", (char *)*state); /* of a write that was cut off */
  assert_true(file_write(part, "x", 1, &f));
  assert_int_equal(newest(*state), 2);
  assert_true(write_one(*state, 10, false, &f));
  assert_int_not_equal(access(part, F_OK), 0);
  free(part);
}

/* The newest with its bytes from `at` on replaced, or cut there. */
static void damage(const char *folder, int64_t at, bool cut) {
  failure f = {0};
  mapped_file file;
  char *path = memory_print("%s/%012d.checkpoint", folder, 2);
  assert_true(file_map(path, &file, &f));
  size_t size = file.size, where = at < 0 ? size - (size_t)-at : (size_t)at;
  unsigned char *bytes = memory_allocate(size, 1);
  memcpy(bytes, file.bytes, size);
  bytes[where] ^= 0x40;
  file_unmap(&file);
  assert_true(file_write(path, bytes, cut ? where : size, &f));
  free(bytes);
  free(path);
}

static void refuses_what_is_damaged(void **state) {
  static const struct {
    int64_t at;
    bool cut;
    const char *expected;
  } cases[] = {{0, true, "cut off"},
               {20, true, "cut off"},
               {-1, true, "cut off"},
               {0, false, "is no checkpoint"},
               {8, false, "of another version"},
               {16, false, "than it says"},
               {24, false, "damaged"},
               {70, false, "damaged"},
               {-5000, false, "damaged"},
               {-1, false, "damaged"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    failure f = {0};
    assert_true(write_one(*state, 1, true, &f));
    assert_true(write_one(*state, 2, false, &f));
    damage(*state, cases[i].at, cases[i].cut);
    assert_null(checkpoint_open(*state, &f));
    if (!f.text || !strstr(f.text, "000000000002.checkpoint") ||
        !strstr(f.text, "000000000001.checkpoint, is used when"))
      fail_msg("case %zu: %s", i, f.text ? f.text : "no failure");
    if (!strstr(f.text, cases[i].expected) && !(cases[i].at == 16 && strstr(f.text, "cut off")))
      fail_msg("case %zu: %s", i, f.text);
    failure_free(&f);
    char *path = memory_print("%s/%012d.checkpoint", (char *)*state, 2);
    unlink(path);
    free(path);
    assert_int_equal(newest(*state), 1);
  }
}

static void a_failed_write_changes_nothing(void **state) {
  failure f = {0};
  assert_true(write_one(*state, 1, false, &f));
  struct rlimit limit, less;
  getrlimit(RLIMIT_FSIZE, &limit);
  less = limit;
  less.rlim_cur = 100000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &less);
  bool good = write_one(*state, 2, false, &f);
  setrlimit(RLIMIT_FSIZE, &limit);
  assert_false(good);
  assert_non_null(strstr(f.text, "File too large"));
  failure_free(&f);
  assert_int_equal(newest(*state), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_what_was_written, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(keeps_two, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(refuses_what_is_damaged, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(a_failed_write_changes_nothing, open_folder, close_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
