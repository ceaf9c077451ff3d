/* The object cache: what is kept comes back as it was, and nothing else does. */
#include "compiler/link/cache.h"
#include "compiler/link/executable.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char source[] = "graph cached {\n"
                             "  dim N\n"
                             "  %0 = input data f32[N] \"x\"\n"
                             "  %1 = exp f32[N] %0\n"
                             "  output \"y\" %1\n"
                             "}\n";

typedef struct fixture {
  arena *arena;
  char folder[64];
  const char *nested; /* does not exist yet */
} fixture;

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->arena = arena_create();
  strcpy(f->folder, "/tmp/retort-cache-XXXXXX");
  if (!mkdtemp(f->folder))
    return -1;
  f->nested = arena_print(f->arena, "%s/a/b", f->folder);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  int status = system(arena_print(f->arena, "rm -r %s", f->folder));
  arena_destroy(f->arena);
  free(f);
  return status;
}

static graph *read_graph(fixture *f, const char *content) {
  const char *error = NULL;
  graph *g = graph_parse(f->arena, content, strlen(content), &error);
  assert_non_null(g);
  return g;
}

static void objects_come_back(void **state) {
  fixture *f = *state;
  text written = {0}, read = {0};
  text_add_bytes(&written, "a\0b", 3);
  assert_false(cache_read(f->nested, "key", &read));
  cache_write(f->nested, "key", &written);
  assert_true(cache_read(f->nested, "key", &read));
  assert_int_equal(read.length, 3);
  assert_memory_equal(read.data, "a\0b", 3);
  assert_false(cache_read(f->nested, "other", &read));
  text_free(&written), text_free(&read);
}

static void changed_objects_do_not(void **state) {
  fixture *f = *state;
  const char *path = arena_print(f->arena, "%s/key.object", f->nested);
  text written = {0}, read = {0};
  text_add(&written, "some object");
  cache_write(f->nested, "key", &written);
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  for (long at = 0; at < about.st_size; at++) {
    FILE *file = fopen(path, "r+b");
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
    assert_false(cache_read(f->nested, "key", &read));
    file = fopen(path, "r+b");
    fseek(file, at, SEEK_SET);
    fputc(byte, file);
    fclose(file);
  }
  assert_true(cache_read(f->nested, "key", &read));
  assert_int_equal(truncate(path, about.st_size - 1), 0);
  assert_false(cache_read(f->nested, "key", &read));
  FILE *longer = fopen(path, "ab");
  fputs("tt", longer);
  fclose(longer);
  assert_false(cache_read(f->nested, "key", &read));
  text_free(&written), text_free(&read);
}

static void what_cannot_be_written_is_not_kept(void **state) {
  fixture *f = *state;
  text written = {0}, read = {0};
  text_add(&written, "some object");
  cache_write("/dev/null/folder", "key", &written);
  assert_false(cache_read("/dev/null/folder", "key", &read));
  cache_write(f->folder, "no/such", &written);
  assert_false(cache_read(f->folder, "no/such", &read));
  text_free(&written), text_free(&read);
}

static void keys_tell_graphs_and_targets_apart(void **state) {
  fixture *f = *state;
  graph *g = read_graph(f, source);
  const char *key = cache_key(f->arena, g, "haswell"), *other = strstr(source, "exp");
  assert_int_equal(strlen(key), 32);
  assert_string_equal(key, cache_key(f->arena, read_graph(f, source), "haswell"));
  assert_string_not_equal(key, cache_key(f->arena, g, "skylake"));
  const char *changed = arena_print(f->arena, "%.*slog%s", (int)(other - source), source, other + 3);
  assert_string_not_equal(key, cache_key(f->arena, read_graph(f, changed), "haswell"));
}

static void executables_use_it(void **state) {
  fixture *f = *state;
  graph *g = read_graph(f, source);
  const compile_options options = {.cache = f->nested};
  float results[2][3];
  size_t sizes[2];
  for (int i = 0; i < 2; i++) {
    const char *error = NULL;
    executable *e = executable_create(g, &options, &error);
    assert_non_null(e);
    executable_object(e, &sizes[i]);
    assert_int_equal(executable_step(e)->call_count, 1);
    const float x[] = {0, 1, -2};
    const int64_t dims[] = {3};
    size_t size = executable_workspace_size(e, dims, 1);
    void *workspace = aligned_alloc(64, (size + 127) / 64 * 64);
    retort_call call = {NULL, (const void *[]){x}, (void *[]){results[i]}, NULL, dims, workspace, size, 1};
    assert_int_equal(executable_call(e, &call), RETORT_OK);
    free(workspace);
    executable_destroy(e);
  }
  assert_int_equal(sizes[0], sizes[1]);
  assert_memory_equal(results[0], results[1], sizeof results[0]);
  assert_float_equal(results[0][1], 2.7182817F, 1e-6F);
  /* One object was kept, and a broken one is made anew. */
  const char *broken = arena_print(f->arena, "for o in %s/*.object; do echo x > $o; done; [ $(ls %s | wc -l) = 1 ]",
                                   f->nested, f->nested);
  assert_int_equal(system(broken), 0);
  const char *error = NULL;
  executable *e = executable_create(g, &options, &error);
  assert_non_null(e);
  executable_destroy(e);
}

static void those_not_used_go(void **state) {
  fixture *f = *state;
  static const char *const keys[] = {"a", "b", "c", "d"};
  text written = {0}, read = {0};
  text_add(&written, "an object of some bytes");
  for (int i = 0; i < 4; i++) {
    cache_write(f->nested, keys[i], &written);
    const struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
    assert_int_equal(utimensat(AT_FDCWD, arena_print(f->arena, "%s/%s.object", f->nested, keys[i]), times, 0), 0);
  }
  struct stat about;
  assert_int_equal(stat(arena_print(f->arena, "%s/a.object", f->nested), &about), 0);
  assert_true(cache_read(f->nested, "a", &read)); /* now it is the one used last */
  cache_keep_within(f->nested, 4 * about.st_size);
  assert_true(access(arena_print(f->arena, "%s/b.object", f->nested), R_OK) == 0);
  cache_keep_within(f->nested, 3 * about.st_size);
  assert_false(cache_read(f->nested, "b", &read));
  cache_keep_within(f->nested, 2 * about.st_size);
  assert_false(cache_read(f->nested, "c", &read));
  cache_keep_within(f->nested, 1);
  assert_false(cache_read(f->nested, "d", &read));
  assert_true(cache_read(f->nested, "a", &read));
  cache_keep_within("/no/such/folder", 1);
  text_free(&written), text_free(&read);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(objects_come_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(changed_objects_do_not, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_cannot_be_written_is_not_kept, set_up, tear_down),
      cmocka_unit_test_setup_teardown(keys_tell_graphs_and_targets_apart, set_up, tear_down),
      cmocka_unit_test_setup_teardown(those_not_used_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(executables_use_it, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
