/* Arenas, texts, files, diagnostics, the nearest name. */
#include "compiler/source/diagnostic.h"
#include "compiler/source/number.h"
#include "compiler/source/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void arena_aligns_and_zeroes(void **state) {
  (void)state;
  arena *a = arena_create();
  for (size_t size = 1; size < 300000; size = size * 3 + 1) {
    unsigned char *piece = arena_allocate(a, size);
    assert_int_equal((uintptr_t)piece % 16, 0);
    for (size_t i = 0; i < size; i++)
      assert_int_equal(piece[i], 0);
    memset(piece, 0xff, size);
  }
  assert_non_null(arena_allocate(a, 0));
  arena_destroy(a);
  arena_destroy(NULL);
}

static void arena_pieces_do_not_overlap(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  arena *a = arena_create();
  unsigned char *pieces[COUNT];
  for (int i = 0; i < COUNT; i++) {
    size_t size = (size_t)(i * 37 % 1000 + (i % 100 == 0 ? 70000 : 1));
    pieces[i] = arena_allocate(a, size);
    memset(pieces[i], i % 251, size);
  }
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(pieces[i][i * 37 % 1000], i % 251);
  arena_destroy(a);
}

static void arena_appends(void **state) {
  (void)state;
  arena *a = arena_create();
  int *items = NULL, count = 0;
  for (int i = 0; i < 1000; i++)
    arena_append(a, items, count, i * i);
  assert_int_equal(count, 1000);
  for (int i = 0; i < 1000; i++)
    assert_int_equal(items[i], i * i);
  assert_string_equal(arena_print(a, "%d %s", 12, "ab"), "12 ab");
  assert_string_equal(arena_copy(a, "abcdef", 3), "abc");
  arena_destroy(a);
}

static void text_grows(void **state) {
  (void)state;
  text t = {0};
  for (int i = 0; i < 1000; i++)
    text_add(&t, "%d,", i % 10);
  assert_int_equal(t.length, 2000);
  assert_memory_equal(t.data + 1990, "5,6,7,8,9,", 11);
  text_add_bytes(&t, "\0x", 2);
  assert_int_equal(t.length, 2002);
  text_free(&t);
  assert_null(t.data);
  text_add(&t, "%s", "");
  assert_string_equal(t.data, "");
  text_free(&t);
}

static void reals_read_back(void **state) {
  (void)state;
  static const double numbers[] = {0, 1, -2, 0.1, 1.0 / 3, 1e-300, 1.7976931348623157e308, 5e-324, 123456789.125};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    text t = {0};
    text_add_real(&t, numbers[i]);
    assert_true(strtod(t.data, NULL) == numbers[i]);
    assert_non_null(strpbrk(t.data, ".e"));
    text_free(&t);
  }
  text t = {0};
  text_add_quoted(&t, "a\n\t\"\\b");
  assert_string_equal(t.data, "\"a\\n\\t\\\"\\\\b\"");
  text_free(&t);
}

/* ---- files ---- */

static void files_are_read(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *error = NULL;
  assert_null(source_read(a, "/no/such/file", &error));
  assert_string_equal(error, "cannot read /no/such/file: No such file or directory");
  char path[] = "/tmp/test_source_XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  assert_int_equal(write(file, "ab\ncd", 5), 5);
  const source_file *source = source_read(a, path, &error);
  assert_non_null(source);
  assert_int_equal(source->length, 5);
  assert_string_equal(source->text, "ab\ncd");
  assert_string_equal(source->path, path);
  assert_int_equal(write(file, "\0", 1), 1);
  assert_null(source_read(a, path, &error));
  assert_non_null(strstr(error, "zero byte"));
  assert_int_equal(ftruncate(file, 0), 0);
  assert_int_equal(lseek(file, 16 * 1024 * 1024, SEEK_SET), 16 * 1024 * 1024);
  assert_int_equal(write(file, "x", 1), 1);
  assert_null(source_read(a, path, &error));
  assert_non_null(strstr(error, "larger than 16 MiB"));
  close(file);
  unlink(path);
  arena_destroy(a);
}

static void spans_join_and_give_text(void **state) {
  (void)state;
  arena *a = arena_create();
  const source_file *f = source_from_text(a, "f", "one\ntwo three\n", 14);
  span s = span_join((span){f, 2, 1, 2, 4}, (span){f, 2, 5, 2, 10});
  int length;
  const char *bytes = span_text(s, &length);
  assert_int_equal(length, 9);
  assert_memory_equal(bytes, "two three", 9);
  span_text((span){f, 9, 1, 9, 2}, &length);
  assert_int_equal(length, 0);
  assert_null(span_text((span){0}, &length));
  assert_ptr_equal(span_join((span){0}, s).file, f);
  arena_destroy(a);
}

/* ---- diagnostics ---- */

static void prints(const diagnostics *d, const char *expected) {
  char *printed = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&printed, &length);
  assert_non_null(to);
  diagnostics_print(d, to, false);
  fclose(to);
  assert_string_equal(printed, expected);
  free(printed);
}

static const char demo[] = "first\n  loss h = mse(student.hidden, teacher.hidden)\nthird";

static void labels_stand_beneath(void **state) {
  (void)state;
  arena *a = arena_create();
  const source_file *f = source_from_text(a, "demo.rt", demo, sizeof demo - 1);
  diagnostics *d = diagnostics_create(a);
  diagnostic *e = diagnostic_error(d, (span){f, 2, 12, 2, 47}, "'%s' needs equal shapes", "mse");
  diagnostic_label(e, (span){f, 2, 32, 2, 46}, "f32[B, T, 256]");
  diagnostic_label(e, (span){f, 2, 16, 2, 30}, "f32[B, T, 128]");
  diagnostic_note(e, (span){0}, "hidden = 128 was bound at demo.rt:8:36");
  diagnostic_note(e, (span){f, 3, 1, 3, 6}, "here");
  diagnostic_hint(e, "fit the student");
  prints(d, "demo.rt:2:12: error: 'mse' needs equal shapes\n"
            "    2 |   loss h = mse(student.hidden, teacher.hidden)\n"
            "      |                ^~~~~~~~~~~~~~  ^~~~~~~~~~~~~~\n"
            "      |                f32[B, T, 128]  f32[B, T, 256]\n"
            "   note: hidden = 128 was bound at demo.rt:8:36\n"
            "   note: demo.rt:3:1: here\n"
            "    3 | third\n"
            "      | ^~~~~\n"
            "   hint: fit the student\n");
  assert_int_equal(diagnostics_error_count(d), 1);
  assert_int_equal(diagnostics_warning_count(d), 0);
  arena_destroy(a);
}

static void labels_that_touch_take_rows(void **state) {
  (void)state;
  arena *a = arena_create();
  const source_file *f = source_from_text(a, "demo.rt", demo, sizeof demo - 1);
  diagnostics *d = diagnostics_create(a);
  diagnostic *e = diagnostic_warning(d, (span){f, 2, 3, 2, 7}, "w");
  diagnostic_label(e, (span){f, 2, 8, 2, 9}, "a long label");
  diagnostic_label(e, (span){f, 2, 12, 2, 15}, "another");
  diagnostic_label(e, (span){f, 3, 1, 3, 6}, "on another line");
  prints(d, "demo.rt:2:3: warning: w\n"
            "    2 |   loss h = mse(student.hidden, teacher.hidden)\n"
            "      |   ^~~~ ^   ^~~\n"
            "      |        a long label\n"
            "      |            another\n"
            "   note: demo.rt:3:1: on another line\n"
            "    3 | third\n"
            "      | ^~~~~\n");
  assert_int_equal(diagnostics_warning_count(d), 1);
  arena_destroy(a);
}

static void places_may_be_odd(void **state) {
  (void)state;
  arena *a = arena_create();
  static const char odd[] = "\t\xe5\x90\x8d\xff\x01x\r\n\n";
  const source_file *f = source_from_text(a, "o", odd, sizeof odd - 1);
  diagnostics *d = diagnostics_create(a);
  diagnostic_error(d, (span){f, 1, 7, 1, 8}, "behind a tab, a wide character, no UTF-8, a control character");
  diagnostic_error(d, (span){f, 2, 1, 2, 1}, "an empty line");
  diagnostic_error(d, (span){f, 1, 7, 2, 1}, "to the next line");
  diagnostic_error(d, (span){f, 7, 3, 7, 9}, "no such line");
  diagnostic_error(d, (span){f, 1, 900, 1, 901}, "behind its line");
  diagnostic_error(d, (span){0}, "nowhere");
  prints(d, "o:1:7: error: behind a tab, a wide character, no UTF-8, a control character\n"
            "    1 |     \xe5\x90\x8d\xEF\xBF\xBD\xEF\xBF\xBDx\n"
            "      |         ^\n"
            "o:2:1: error: an empty line\n"
            "    2 | \n"
            "      | ^\n"
            "o:1:7: error: to the next line\n"
            "    1 |     \xe5\x90\x8d\xEF\xBF\xBD\xEF\xBF\xBDx\n"
            "      |         ^\n"
            "o:7:3: error: no such line\n"
            "o:1:900: error: behind its line\n"
            "    1 |     \xe5\x90\x8d\xEF\xBF\xBD\xEF\xBF\xBDx\n"
            "      |           ^\n"
            "error: nowhere\n");
  arena_destroy(a);
}

static void errors_are_limited(void **state) {
  (void)state;
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  for (int i = 0; i < DIAGNOSTIC_ERRORS_MAX + 5; i++)
    assert_non_null(diagnostic_error(d, (span){0}, "%d", i));
  assert_int_equal(diagnostics_error_count(d), DIAGNOSTIC_ERRORS_MAX + 5);
  char *printed = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&printed, &length);
  diagnostics_print(d, to, true);
  fclose(to);
  assert_non_null(strstr(printed, "19"));
  assert_null(strstr(printed, "20"));
  assert_non_null(strstr(printed, "and 5 more errors\n"));
  assert_non_null(strstr(printed, "\033[1;31merror:"));
  free(printed);
  arena_destroy(a);
}

static void nearest(const char *name, const char *expected) {
  static const char *const names[] = {"gelu", "relu", "softmax", "temperature", "lr", "log_softmax"};
  const char *found = nearest_name(name, names, 6);
  if (expected)
    assert_string_equal(found ? found : "(none)", expected);
  else
    assert_null(found);
}

static void nearest_names(void **state) {
  (void)state;
  nearest("glu", "gelu");
  nearest("gleu", "gelu"); /* a swap is one edit */
  nearest("rellu", "relu");
  nearest("softmux", "softmax");
  nearest("temprature", "temperature");
  nearest("temp", NULL); /* too far */
  nearest("rl", NULL);   /* a third of two letters is nothing */
  nearest("", NULL);
  nearest("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL);
  assert_null(nearest_name("a", NULL, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_aligns_and_zeroes),
      cmocka_unit_test(arena_pieces_do_not_overlap),
      cmocka_unit_test(arena_appends),
      cmocka_unit_test(text_grows),
      cmocka_unit_test(reals_read_back),
      cmocka_unit_test(files_are_read),
      cmocka_unit_test(spans_join_and_give_text),
      cmocka_unit_test(labels_stand_beneath),
      cmocka_unit_test(labels_that_touch_take_rows),
      cmocka_unit_test(places_may_be_odd),
      cmocka_unit_test(errors_are_limited),
      cmocka_unit_test(nearest_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
