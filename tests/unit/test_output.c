/* The output folder, the table, the progress line. */
#include "runtime/data/file.h"
#include "runtime/run/output.h"
#include "runtime/run/progress.h"
#include "runtime/run/table.h"
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

/* Each test has a folder of its own. */
static int open_folder(void **state) {
  char *folder = memory_print("/tmp/retort-output-XXXXXX");
  *state = folder;
  return mkdtemp(folder) ? 0 : 1;
}

static int close_folder(void **state) {
  nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  free(*state);
  return 0;
}

static void assert_file(const char *folder, const char *name, const char *expected) {
  failure f = {0};
  mapped_file file;
  char *path = memory_print("%s/%s", folder, name);
  if (!file_map(path, &file, &f))
    fail_msg("%s", f.text);
  assert_int_equal(file.size, strlen(expected));
  assert_memory_equal(file.bytes, expected, file.size);
  file_unmap(&file);
  free(path);
}

static int count_entries(const char *folder) {
  char *command = memory_print("ls -A %s | wc -l", folder);
  FILE *pipe = popen(command, "r");
  int count = -1;
  assert_int_equal(fscanf(pipe, "%d", &count), 1);
  pclose(pipe);
  free(command);
  return count;
}

static char *make_run(const char *out, const char *content, bool finished) {
  failure f = {0};
  output_folder *o = output_folder_begin(out, &f);
  assert_null(f.text);
  fprintf(output_folder_log(o), "%s\n", content);
  json_t *config = json_pack("{s:i}", "layers", 2);
  weight_set *set = weight_set_create(1, &(weight){.path = "w", .input = "m/w", .dtype = RETORT_F32});
  assert_true(output_folder_save_model(o, "student", set, config, &f));
  assert_true(output_folder_save_model(o, "student", set, config, &f)); /* again, over the first */
  assert_true(output_folder_write_json(o, "settings.json", config, &f));
  assert_true(output_folder_write(o, "run.rt", content, &f));
  char *path = NULL;
  assert_true(output_folder_end(o, finished, &path, &f));
  assert_null(f.text);
  json_decref(config);
  weight_set_free(set);
  return path;
}

static void a_run_replaces_a_run(void **state) {
  char *out = memory_print("%s/out", (char *)*state);
  free(make_run(out, "first", true));
  assert_file(out, "run.rt", "first");
  assert_file(out, "metrics.jsonl", "first\n");
  assert_file(out, "student/config.json", "{\n  \"layers\": 2\n}\n");
  assert_int_equal(count_entries(out), 4);
  free(make_run(out, "second", true));
  assert_file(out, "run.rt", "second");
  assert_int_equal(count_entries(*state), 1); /* nothing is left beside it */
  free(out);
}

static void an_unfinished_run_replaces_none(void **state) {
  char *out = memory_print("%s/out", (char *)*state);
  char *path = make_run(out, "early", false);
  assert_string_equal(path, out);
  free(path);
  path = make_run(out, "late", false);
  assert_file(out, "run.rt", "early");
  assert_file(path, "run.rt", "late");
  assert_non_null(strstr(path, "out.unfinished"));
  free(path);
  free(out);
}

static void abandoned_runs_leave_nothing(void **state) {
  failure f = {0};
  char *out = memory_print("%s/out/", (char *)*state);
  output_folder *o = output_folder_begin(out, &f);
  assert_true(output_folder_write(o, "run.rt", "x", &f));
  output_folder_abandon(o);
  assert_int_equal(count_entries(*state), 0);
  free(out);
}

static void assert_refused(const char *out, const char *expected) {
  failure f = {0};
  assert_null(output_folder_begin(out, &f));
  if (!strstr(f.text, expected))
    fail_msg("%s", f.text);
  failure_free(&f);
}

static void other_folders_are_not_touched(void **state) {
  failure f = {0};
  char *file = memory_print("%s/precious", (char *)*state), *below = memory_print("%s/a/b", (char *)*state);
  assert_true(file_write(file, "x", 1, &f));
  assert_refused(*state, "holds something else than a run");
  assert_refused(file, "it is no folder");
  assert_refused(below, "No such file or directory");
  assert_refused("", "has no name");
  if (geteuid() != 0) { /* root may write everywhere */
    chmod(*state, 0500);
    char *out = memory_print("%s/out", (char *)*state);
    assert_refused(out, "Permission denied");
    free(out);
    chmod(*state, 0700);
  }
  assert_int_equal(count_entries(*state), 1);
  free(file);
  free(below);
}

static void prints_a_table(void **state) {
  (void)state;
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  static const char *const metrics[] = {"accuracy", "f1"};
  const double good[] = {0.9, 0.8}, less[] = {0.81, 0.7};
  const table_row rows[] = {{"teacher", good, 1234567, 4938268, 2.0}, {"studént", less, 999, 3996, 0.125}};
  table_print(to, false, "on test", 2, metrics, 2, rows, 0);
  fclose(to);
  assert_string_equal(text, "on test  accuracy     f1  parameters      MB  ms/sample    score  smaller  faster\n"
                            "teacher     90.00  80.00      1.23 M    4.94          2  100.0 %    1.00x   1.00x\n"
                            "studént     81.00  70.00         999  0.0040      0.125   90.0 %  1235.8x   16.0x\n"
                            "score, smaller and faster: compared with teacher, score by accuracy\n");
  free(text);
}

static void a_terminal_line_is_written_over(void **state) {
  (void)state;
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  progress *p = progress_create(to, true, false);
  static const char *const terms[] = {"h", "a"};
  const double values[] = {1, 3};
  progress_begin(p, &(progress_stage){"imitate", "distill a -> b", 4, 2, 0, 2, terms});
  progress_step(p, 1, 8, 4, values);
  progress_step(p, 2, 8, 2, values);
  progress_end(p);
  fclose(to);
  assert_non_null(strstr(text, "\rimitate  epoch 1/2  step 1/4  loss 4 (h 1, a 3)"));
  assert_non_null(strstr(text, "\033[K\rimitate  epoch 1/2  step 2/4  loss 3 (h 1, a 3)"));
  assert_int_equal(text[size - 1], '\n');
  assert_null(strstr(text, "\033[3"));
  progress_free(p);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_run_replaces_a_run, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(an_unfinished_run_replaces_none, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(abandoned_runs_leave_nothing, open_folder, close_folder),
      cmocka_unit_test_setup_teardown(other_folders_are_not_touched, open_folder, close_folder),
      cmocka_unit_test(prints_a_table),
      cmocka_unit_test(a_terminal_line_is_written_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
