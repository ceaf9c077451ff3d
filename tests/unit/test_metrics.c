/* Metrics against values made elsewhere. */
#include "runtime/run/metrics.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int32_t *integers(const json_t *all, const char *name, int64_t *count) {
  const json_t *list = json_object_get(all, name);
  *count = (int64_t)json_array_size(list);
  int32_t *values = memory_allocate((size_t)*count, sizeof *values);
  for (int64_t i = 0; i < *count; i++)
    values[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
  return values;
}

static double *reals(const json_t *all, const char *name, int64_t *count) {
  const json_t *list = json_object_get(all, name);
  *count = (int64_t)json_array_size(list);
  double *values = memory_allocate((size_t)*count, sizeof *values);
  for (int64_t i = 0; i < *count; i++)
    values[i] = json_number_value(json_array_get(list, (size_t)i));
  return values;
}

static void assert_near(double got, const json_t *all, const char *name) {
  double expected = json_number_value(json_object_get(all, name));
  if (!(fabs(got - expected) <= 1e-9))
    fail_msg("%s: %.12g, expected %.12g", name, got, expected);
}

static json_t *open_case(void) {
  const char *folder = getenv("RETORT_REFERENCE");
  char *path = memory_print("%s/R8-metrics.json", folder ? folder : "tests/reference/vectors");
  json_t *all = json_load_file(path, 0, NULL);
  free(path);
  if (!all)
    skip();
  return all;
}

static void agrees_on_classes(void **state) {
  (void)state;
  json_t *all = open_case();
  int64_t count;
  int32_t *labels = integers(all, "labels", &count), *predictions = integers(all, "predictions", &count);
  assert_near(metric_accuracy(count, labels, predictions, 2), all, "accuracy");
  assert_near(metric_f1(count, labels, predictions, 2), all, "f1");
  assert_near(metric_matthews(count, labels, predictions, 2), all, "mcc");
  free(labels);
  free(predictions);
  labels = integers(all, "labels4", &count);
  predictions = integers(all, "predictions4", &count);
  assert_near(metric_accuracy(count, labels, predictions, 4), all, "accuracy4");
  assert_near(metric_macro_f1(count, labels, predictions, 4), all, "macro_f1");
  free(labels);
  free(predictions);
  json_decref(all);
}

static void agrees_on_scores(void **state) {
  (void)state;
  json_t *all = open_case();
  int64_t count;
  double *a = reals(all, "scores_a", &count), *b = reals(all, "scores_b", &count);
  assert_near(metric_pearson(count, a, b), all, "pearson");
  assert_near(metric_spearman(count, a, b), all, "spearman");
  free(a);
  free(b);
  json_decref(all);
}

static void edges(void **state) {
  (void)state;
  const int32_t zeros[3] = {0, 0, 0}, ones[3] = {1, 1, 1}, mixed[3] = {0, 1, 2};
  assert_true(metric_accuracy(0, zeros, zeros, 2) == 0);
  assert_true(metric_f1(3, zeros, zeros, 2) == 0);
  assert_true(metric_f1(3, ones, ones, 2) == 1);
  assert_true(metric_macro_f1(3, zeros, zeros, 3) == 1); /* classes that occur nowhere do not count */
  assert_true(metric_matthews(3, zeros, zeros, 2) == 0);
  assert_true(fabs(metric_matthews(3, mixed, mixed, 3) - 1) < 1e-12);
  const double same[3] = {1, 1, 1}, up[3] = {1, 2, 9};
  assert_true(metric_pearson(3, same, up) == 0);
  assert_true(fabs(metric_spearman(3, up, up) - 1) < 1e-12);
  assert_non_null(metric_find("macro_f1"));
  assert_null(metric_find("accurracy"));
}

/* Two bins: 4 rows of confidence 0.75 with 2 right, 1 row of 0.5 that is wrong (the first of equals counts). */
static void of_logits(void **state) {
  (void)state;
  const float sure = logf(3), outputs[] = {sure, 0, sure, 0, 0, sure, 0, sure, 0, 0};
  const int32_t labels[] = {0, 1, 1, 0, 1};
  double expected = (4 * fabs(0.5 - 0.75) + 1 * fabs(0 - 0.5)) / 5;
  assert_true(fabs(metric_calibration_error(5, 2, outputs, labels) - expected) < 1e-7);
  double loss = -(2 * log(0.75) + 2 * log(0.25) + log(0.5)) / 5;
  assert_true(fabs(metric_perplexity(5, 2, outputs, labels) - exp(loss)) < 1e-6);
  const float large[] = {1000, 0, 0, 0, 0};
  const int32_t first = 0;
  assert_true(fabs(metric_perplexity(1, 5, large, &first) - 1) < 1e-12);
  assert_true(metric_calibration_error(1, 5, large, &first) < 1e-12);
}

static void by_name(void **state) {
  (void)state;
  const float outputs[] = {3, 0, 1, 0, 2, 5}, targets[] = {30, 10, 20};
  const int32_t predictions[] = {0, 0, 1}, labels[] = {0, 1, 1}, reference[] = {0, 0, 0};
  const scored s = {.count = 3,
                    .classes = 2,
                    .outputs = outputs,
                    .predictions = predictions,
                    .labels = labels,
                    .targets = targets,
                    .reference = reference};
  assert_true(fabs(metric_find("accuracy")->score(&s) - 2 / 3.0) < 1e-12);
  assert_true(fabs(metric_find("agreement")->score(&s) - 2 / 3.0) < 1e-12);
  assert_true(fabs(metric_find("pearson")->score(&s) - 1) < 1e-12); /* of the first output */
  assert_true(fabs(metric_find("spearman")->score(&s) - 1) < 1e-12);
  assert_true(metric_shown("accuracy", 0.5) == 50 && metric_shown("perplexity", 7) == 7);
  assert_true(metric_shown("unknown", 0.5) == 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_on_classes), cmocka_unit_test(agrees_on_scores), cmocka_unit_test(edges),
      cmocka_unit_test(of_logits),         cmocka_unit_test(by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
