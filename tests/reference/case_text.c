/* R8: metrics. R9: texts and pairs with the ids of the published tokenizer. Their files hold no tolerance: metrics
 * agree to 1e-9, ids exactly. */
#include "runtime/data/wordpiece.h"
#include "runtime/run/metrics.h"
#include "tests/reference/cases.h"
#include <stdlib.h>
#include <string.h>

static int64_t read_ints(const json_t *list, int32_t *to) {
  for (size_t i = 0; i < json_array_size(list); i++)
    to[i] = (int32_t)json_integer_value(json_array_get(list, i));
  return (int64_t)json_array_size(list);
}

static int64_t read_numbers(const json_t *list, double *to) {
  for (size_t i = 0; i < json_array_size(list); i++)
    to[i] = json_number_value(json_array_get(list, i));
  return (int64_t)json_array_size(list);
}

static void compare_number(comparison *result, const json_t *file, const char *name, double got) {
  double wanted = json_number_value(json_object_get(file, name));
  float error = (float)(got - wanted), zero = 0;
  tensor a = {.name = name, .dtype = DTYPE_F32, .count = 1, .data = &error};
  tensor b = {.name = name, .dtype = DTYPE_F32, .count = 1, .data = &zero};
  if (!json_object_get(file, name))
    comparison_fail(result, "%s: not in the file", name);
  else
    compare(result, name, &a, &b);
}

bool case_metrics(const reference_case *c, comparison *result) {
  json_error_t error;
  json_t *file = json_load_file(c->path, 0, &error);
  if (!file)
    return false;
  result->atol = 1e-9;
  size_t most = 1;
  const char *name;
  json_t *item;
  json_object_foreach(file, name, item) most = json_array_size(item) > most ? json_array_size(item) : most;
  int32_t *labels = arena_array(c->arena, int32_t, most), *predictions = arena_array(c->arena, int32_t, most);
  int64_t count = read_ints(json_object_get(file, "labels"), labels);
  read_ints(json_object_get(file, "predictions"), predictions);
  compare_number(result, file, "accuracy", metric_accuracy(count, labels, predictions, 2));
  compare_number(result, file, "f1", metric_f1(count, labels, predictions, 2));
  compare_number(result, file, "mcc", metric_matthews(count, labels, predictions, 2));
  count = read_ints(json_object_get(file, "labels4"), labels);
  read_ints(json_object_get(file, "predictions4"), predictions);
  compare_number(result, file, "accuracy4", metric_accuracy(count, labels, predictions, 4));
  compare_number(result, file, "macro_f1", metric_macro_f1(count, labels, predictions, 4));
  double *a = arena_array(c->arena, double, most), *b = arena_array(c->arena, double, most);
  count = read_numbers(json_object_get(file, "scores_a"), a);
  read_numbers(json_object_get(file, "scores_b"), b);
  compare_number(result, file, "pearson", metric_pearson(count, a, b));
  compare_number(result, file, "spearman", metric_spearman(count, a, b));
  json_decref(file);
  return true;
}

static bool same_ids(const token_list *got, const json_t *wanted) {
  if ((size_t)got->count != json_array_size(wanted))
    return false;
  for (int64_t i = 0; i < got->count; i++)
    if (got->items[i] != json_integer_value(json_array_get(wanted, (size_t)i)))
      return false;
  return true;
}

static bool check_line(const wordpiece *w, const json_t *line) {
  const json_t *first = json_object_get(line, "text"), *pair = json_object_get(line, "pair");
  token_list ids = {0}, types = {0};
  bool good;
  if (pair) {
    wordpiece_encode_pair(w, json_string_value(first), json_string_length(first), json_string_value(pair),
                          json_string_length(pair), json_integer_value(json_object_get(line, "max_length")), &ids,
                          &types);
    good = same_ids(&types, json_object_get(line, "types"));
  } else {
    wordpiece_encode(w, json_string_value(first), json_string_length(first), &ids);
    good = true;
  }
  good = good && same_ids(&ids, json_object_get(line, "ids"));
  free(ids.items);
  free(types.items);
  return good;
}

bool case_wordpiece(const reference_case *c, comparison *result) {
  failure f = {0};
  const char *vocabulary = arena_print(c->arena, "%s/bert-uncased/vocab.txt", getenv("RETORT_DATA"));
  wordpiece *w = wordpiece_load(vocabulary, true, &f);
  FILE *lines = fopen(c->path, "r");
  if (!w || !lines) {
    printf("  %s\n", f.text ? f.text : "the file cannot be read");
    failure_free(&f);
    return false;
  }
  char *line = NULL;
  size_t capacity = 0;
  for (int number = 1; getline(&line, &capacity, lines) > 0; number++) {
    json_error_t error;
    json_t *item = json_loads(line, JSON_ALLOW_NUL, &error);
    if (!item || !check_line(w, item))
      comparison_fail(result, "line %d: %s", number, item ? "other ids" : error.text);
    result->tensors++;
    json_decref(item);
  }
  free(line);
  fclose(lines);
  wordpiece_free(w);
  return true;
}
