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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(initial_values),
      cmocka_unit_test(equal_arguments_give_equal_weights),
      cmocka_unit_test(files_round_trip),
      cmocka_unit_test(what_does_not_fit_is_listed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
