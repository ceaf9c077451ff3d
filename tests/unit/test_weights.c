/* Initial values, and weights through files. */
#include "runtime/data/file.h"
#include "runtime/run/weights.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const weight normal_weight = {.path = "layer.weight",
                                     .input = "m/layer.weight",
                                     .dtype = RETORT_F32,
                                     .rank = 2,
                                     .sizes = {100, 200},
                                     .initial = WEIGHT_NORMAL,
                                     .a = 0.02,
                                     .b = 0.5};

static void initial_values(void **state) {
  (void)state;
  const weight all[] = {
      normal_weight,
      {.path = "u",
       .input = "m/u",
       .dtype = RETORT_F32,
       .rank = 1,
       .sizes = {9000},
       .initial = WEIGHT_UNIFORM,
       .a = -1,
       .b = 3},
      {.path = "o", .input = "m/o", .dtype = RETORT_I64, .rank = 1, .sizes = {3}, .initial = WEIGHT_ONES},
      {.path = "c", .input = "m/c", .dtype = RETORT_F32, .rank = 0, .initial = WEIGHT_CONSTANT, .a = 2.5},
  };
  weight_set *set = weight_set_create(4, all);
  weight_set_initialize(set, 3);
  const float *values = set->items[0].data;
  double mean = 0, square = 0;
  for (int i = 0; i < 20000; i++) {
    mean += (double)values[i] / 20000;
    square += ((double)values[i] - 0.5) * ((double)values[i] - 0.5) / 20000;
  }
  assert_true(fabs(mean - 0.5) < 0.001);
  assert_true(fabs(sqrt(square) - 0.02) < 0.0005);
  values = set->items[1].data;
  float low = 3, high = -1;
  for (int i = 0; i < 9000; i++) {
    low = fminf(low, values[i]);
    high = fmaxf(high, values[i]);
  }
  assert_true(low >= -1 && low < -0.99f && high < 3 && high > 2.99f);
  assert_int_equal(((int64_t *)set->items[2].data)[2], 1);
  assert_true(*(float *)set->items[3].data == 2.5f);
  assert_int_equal(weight_set_elements(set), 20000 + 9000 + 3 + 1);
  assert_int_equal(weight_set_bytes(set), 4 * 29001 + 24);
  weight_set_free(set);
}

/* The path and the seed decide, not the model's name. */
static void equal_arguments_give_equal_weights(void **state) {
  (void)state;
  weight other = normal_weight, elsewhere = normal_weight;
  other.input = "n/layer.weight";
  elsewhere.path = "layer.weight2";
  weight_set *a = weight_set_create(1, &normal_weight), *b = weight_set_create(1, &other);
  weight_set *c = weight_set_create(1, &elsewhere), *d = weight_set_create(1, &normal_weight);
  weight_set_initialize(a, 7);
  weight_set_initialize(b, 7);
  weight_set_initialize(c, 7);
  weight_set_initialize(d, 8);
  assert_memory_equal(a->items[0].data, b->items[0].data, 80000);
  assert_memory_not_equal(a->items[0].data, c->items[0].data, 80000);
  assert_memory_not_equal(a->items[0].data, d->items[0].data, 80000);
  assert_non_null(weight_set_find(b, "n/layer.weight"));
  assert_null(weight_set_find(b, "m/layer.weight"));
  weight_set_free(a);
  weight_set_free(b);
  weight_set_free(c);
  weight_set_free(d);
}

static weight_set *two_weights(const char *second, int64_t size, retort_dtype dtype) {
  const weight all[] = {
      {.path = "a", .input = "m/a", .dtype = RETORT_F32, .rank = 1, .sizes = {4}, .initial = WEIGHT_NORMAL, .a = 1},
      {.path = second, .input = "m/b", .dtype = dtype, .rank = 1, .sizes = {size}, .initial = WEIGHT_ONES},
  };
  weight_set *set = weight_set_create(2, all);
  weight_set_initialize(set, 1);
  return set;
}

static void files_round_trip(void **state) {
  (void)state;
  failure f = {0};
  char *extra = NULL, *path = memory_print("/tmp/retort-weights-%d", getpid());
  weight_set *set = two_weights("b", 3, RETORT_I32), *back = two_weights("b", 3, RETORT_I32);
  assert_true(weight_set_save(set, path, &f));
  memset(back->items[0].data, 0, 16);
  assert_true(weight_set_load(back, path, &extra, &f));
  assert_null(extra);
  assert_memory_equal(back->items[0].data, set->items[0].data, 16);
  assert_memory_equal(back->items[1].data, set->items[1].data, 12);
  weight_set_free(back);
  weight_set_free(set);
  unlink(path);
  free(path);
}

static void what_does_not_fit_is_listed(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int64_t size;
    retort_dtype dtype;
    const char *expected;
  } cases[] = {
      {"c", 3, RETORT_F32, "1 of its 2 names are missing:\n  c"},
      {"b", 4, RETORT_F32, "1 are of another shape or type:\n  b: expected [4], found [3]"},
      {"b", 3, RETORT_I64, "1 are of another shape or type:\n  b: expected I64, found F32"},
  };
  char *extra = NULL, *path = memory_print("/tmp/retort-weights-%d", getpid());
  failure f = {0};
  weight_set *set = two_weights("b", 3, RETORT_F32);
  assert_true(weight_set_save(set, path, &f));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    weight_set *other = two_weights(cases[i].name, cases[i].size, cases[i].dtype);
    memset(other->items[0].data, 0, 16);
    assert_false(weight_set_load(other, path, &extra, &f));
    assert_non_null(strstr(f.text, cases[i].expected));
    assert_true(*(float *)other->items[0].data == 0); /* nothing was read */
    failure_free(&f);
    weight_set_free(other);
  }
  set->count = 1; /* the file has one tensor more than the set */
  assert_true(weight_set_load(set, path, &extra, &f));
  assert_string_equal(extra, "\n  b");
  free(extra);
  set->count = 2;
  weight_set_free(set);
  unlink(path);
  free(path);
}

/* ---- published names ---- */

static weight_set *named_weights(const char *const *names, int count) {
  weight *all = memory_allocate((size_t)count, sizeof *all);
  for (int i = 0; i < count; i++)
    all[i] = (weight){.path = names[i], .input = names[i], .dtype = RETORT_F32, .rank = 1, .sizes = {2}};
  weight_set *set = weight_set_create(count, all);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < 2; k++)
      ((float *)set->items[i].data)[k] = (float)(10 * i + k);
  free(all);
  return set;
}

static void published_names_are_found(void **state) {
  (void)state;
  static const char *const wanted[] = {"net.a.norm.weight", "net.a.norm.bias", "net.b.weight", "head.weight"};
  static const char *const files[][4] = {
      {"net.a.norm.gamma", "net.a.norm.beta", "net.b.weight", "head.weight"},
      {"a.norm.weight", "a.norm.bias", "b.weight", "head.weight"},
      {"outer.net.a.norm.weight", "outer.net.a.norm.beta", "outer.net.b.weight", "outer.head.weight"},
  };
  for (int i = 0; i < 3; i++) {
    failure f = {0};
    char *extra = NULL, *path = memory_print("/tmp/retort-names-%d", getpid());
    weight_set *file = named_weights(files[i], 4), *set = named_weights(wanted, 4);
    assert_true(weight_set_save(file, path, &f));
    for (int k = 0; k < 4; k++)
      memset(set->items[k].data, 0xFF, 8);
    assert_true(weight_set_load(set, path, &extra, &f));
    assert_null(extra);
    for (int k = 0; k < 4; k++)
      assert_memory_equal(set->items[k].data, file->items[k].data, 8);
    weight_set_free(set);
    weight_set_free(file);
    unlink(path);
    free(path);
  }
}

static void fresh_weights_stay(void **state) {
  (void)state;
  static const char *const wanted[] = {"net.a", "head.weight", "header"}, *const file[] = {"net.a", "header"};
  static const char *const fresh[] = {"head"};
  failure f = {0};
  char *extra = NULL, *path = memory_print("/tmp/retort-fresh-%d", getpid());
  weight_set *saved = named_weights(file, 2), *set = named_weights(wanted, 3);
  assert_true(weight_set_save(saved, path, &f));
  assert_false(weight_set_load(set, path, &extra, &f));
  assert_non_null(strstr(f.text, "1 of its 3 names are missing:\n  head.weight"));
  failure_free(&f);
  const weight_source source = {.path = path, .fresh_count = 1, .fresh = fresh};
  assert_true(weight_set_read(set, &source, &extra, &f));
  assert_true(((float *)set->items[1].data)[1] == 11.0f); /* as it was */
  assert_true(((float *)set->items[2].data)[1] == 11.0f); /* of the file: «head» is no path of it */
  weight_set_free(set);
  weight_set_free(saved);
  unlink(path);
  free(path);
}

static void write_text(const char *folder, const char *name, const char *content) {
  char *path = memory_print("%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  fputs(content, file);
  fclose(file);
  free(path);
}

static void shards_are_one(void **state) {
  (void)state;
  static const char *const wanted[] = {"a", "b"};
  static const struct {
    const char *index, *expected;
  } cases[] = {
      {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}", NULL},
      {"{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"3.safetensors\", \"c\": \"4.safetensors\"}}",
       "shards are missing or cannot be read:\n  3.safetensors\n  4.safetensors"},
      {"{\"weight_map\": {\"a\": \"1.safetensors\", \"c\": \"1.safetensors\"}}", "'c' is not in 1.safetensors"},
      {"{\"weight_map\": {\"a\": \"../1.safetensors\"}}", "the file of 'a' is no file's name"},
      {"{\"weight_map\": {}}", "there is no \"weight_map\" that names the shards"},
      {"{", "index.json:1: broken JSON"},
  };
  char folder[] = "/tmp/retort-shards-XXXXXX";
  assert_non_null(mkdtemp(folder));
  failure f = {0};
  weight_set *set = named_weights(wanted, 2), *back = named_weights(wanted, 2);
  for (int i = 0; i < 2; i++) {
    weight_set one = {.count = 1, .items = &set->items[i]};
    char *path = memory_print("%s/%d.safetensors", folder, i + 1);
    assert_true(weight_set_save(&one, path, &f));
    free(path);
  }
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *extra = NULL;
    write_text(folder, "model.safetensors.index.json", cases[i].index);
    memset(back->items[1].data, 0, 8);
    assert_int_equal(weight_set_load(back, folder, &extra, &f), cases[i].expected == NULL);
    if (cases[i].expected)
      assert_non_null(strstr(f.text, cases[i].expected));
    else
      assert_memory_equal(back->items[1].data, set->items[1].data, 8);
    assert_null(extra);
    failure_free(&f);
  }
  static const char *const names[] = {"1.safetensors", "2.safetensors", "model.safetensors.index.json"};
  for (int i = 0; i < 3; i++) {
    char *path = memory_print("%s/%s", folder, names[i]);
    unlink(path);
    free(path);
  }
  rmdir(folder);
  weight_set_free(set);
  weight_set_free(back);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(initial_values),
      cmocka_unit_test(equal_arguments_give_equal_weights),
      cmocka_unit_test(files_round_trip),
      cmocka_unit_test(what_does_not_fit_is_listed),
      cmocka_unit_test(published_names_are_found),
      cmocka_unit_test(fresh_weights_stay),
      cmocka_unit_test(shards_are_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
