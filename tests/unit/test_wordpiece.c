/* The tokenizer against the published one's ids, where the public vocabulary is present, and its edge cases. */
#include "runtime/data/wordpiece.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *write_vocabulary(const char *content) {
  char *path = memory_print("/tmp/retort-vocabulary-%d.txt", getpid());
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(content, file);
  fclose(file);
  return path;
}

static wordpiece *small_vocabulary(void) {
  failure f = {0};
  char *path = write_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nhello\n,\na\nb\nc\nd\n##b\n\xcf\x82\n");
  wordpiece *w = wordpiece_load(path, true, &f);
  assert_null(f.text);
  unlink(path);
  free(path);
  return w;
}

static void assert_ids(const token_list *list, int count, const int32_t *expected) {
  assert_int_equal(list->count, count);
  for (int i = 0; i < count; i++)
    assert_int_equal(list->items[i], expected[i]);
}

static void encodes_words(void **state) {
  (void)state;
  wordpiece *w = small_vocabulary();
  static const struct {
    const char *text;
    int count;
    int32_t ids[8];
  } cases[] = {
      {"", 0, {0}},
      {"unaffable", 3, {4, 5, 6}},
      {"H\xc3\x89LLO,hello", 3, {7, 8, 7}},
      {"unaffablex", 1, {1}},
      {"a\xe2\x80\xa8"
       "b",
       2,
       {9, 10}}, /* a line separator ends a word */
      {"a\x01"
       "b",
       2,
       {9, 13}}, /* a control character does not */
      {"a\xff"
       "b",
       2,
       {9, 13}},
      {"\xce\xa3", 1, {1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    token_list list = {0};
    wordpiece_encode(w, cases[i].text, strlen(cases[i].text), &list);
    assert_ids(&list, cases[i].count, cases[i].ids);
    free(list.items);
  }
  wordpiece_free(w);
}

static void overlong_word_is_unknown(void **state) {
  (void)state;
  wordpiece *w = small_vocabulary();
  char word[202];
  memset(word, 'b', sizeof word);
  token_list list = {0};
  wordpiece_encode(w, word, 200, &list);
  assert_int_equal(list.count, 200);
  list.count = 0;
  wordpiece_encode(w, word, 201, &list);
  assert_ids(&list, 1, (int32_t[]){1});
  free(list.items);
  wordpiece_free(w);
}

static void pairs_are_truncated(void **state) {
  (void)state;
  wordpiece *w = small_vocabulary();
  token_list ids = {0}, types = {0};
  wordpiece_encode_pair(w, "a b c d", 7, "a b", 3, 7, &ids, &types);
  assert_ids(&ids, 7, (int32_t[]){2, 9, 10, 3, 9, 10, 3});
  assert_ids(&types, 7, (int32_t[]){0, 0, 0, 0, 1, 1, 1});
  ids.count = types.count = 0;
  wordpiece_encode_pair(w, "a b c d", 7, NULL, 0, 4, &ids, &types);
  assert_ids(&ids, 4, (int32_t[]){2, 9, 10, 3});
  free(ids.items);
  free(types.items);
  wordpiece_free(w);
}

static void bad_vocabularies_are_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[PAD]\n[CLS]\n[SEP]\n", "has no [UNK]"}, {"[UNK]\n[SEP]\n", "has no [CLS]"}, {"", "is empty"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    failure f = {0};
    char *path = write_vocabulary(cases[i][0]);
    assert_null(wordpiece_load(path, true, &f));
    assert_non_null(strstr(f.text, cases[i][1]));
    assert_non_null(strstr(f.text, path));
    failure_free(&f);
    unlink(path);
    free(path);
  }
  failure f = {0};
  assert_null(wordpiece_load("/nonexistent/vocab.txt", true, &f));
  assert_string_equal(f.text, "cannot read /nonexistent/vocab.txt: No such file or directory");
  failure_free(&f);
}

static bool row_agrees(const wordpiece *w, const json_t *row) {
  const json_t *pair = json_object_get(row, "pair"), *expected = json_object_get(row, "ids");
  const json_t *text = json_object_get(row, "text"), *expected_types = json_object_get(row, "types");
  token_list ids = {0}, types = {0};
  if (pair)
    wordpiece_encode_pair(w, json_string_value(text), json_string_length(text), json_string_value(pair),
                          json_string_length(pair), json_integer_value(json_object_get(row, "max_length")), &ids,
                          &types);
  else
    wordpiece_encode(w, json_string_value(text), json_string_length(text), &ids);
  bool same = (size_t)ids.count == json_array_size(expected);
  for (int64_t i = 0; same && i < ids.count; i++)
    same = ids.items[i] == json_integer_value(json_array_get(expected, (size_t)i));
  for (int64_t i = 0; same && i < types.count; i++)
    same = types.items[i] == json_integer_value(json_array_get(expected_types, (size_t)i));
  free(ids.items);
  free(types.items);
  return same;
}

/* RETORT_DATA and, where it is not beside the project, RETORT_REFERENCE name the folders. */
static void agrees_with_the_published_tokenizer(void **state) {
  (void)state;
  const char *data = getenv("RETORT_DATA"), *reference = getenv("RETORT_REFERENCE");
  if (!data)
    skip();
  if (!reference)
    reference = "../shared/reference";
  failure f = {0};
  char *vocabulary = memory_print("%s/bert-uncased/vocab.txt", data);
  char *cases = memory_print("%s/R9-wordpiece.jsonl", reference);
  wordpiece *w = wordpiece_load(vocabulary, true, &f);
  assert_null(f.text);
  FILE *file = fopen(cases, "r");
  if (!file) {
    wordpiece_free(w);
    free(vocabulary);
    free(cases);
    skip();
  }
  char *line = NULL;
  size_t capacity = 0;
  int rows = 0, wrong = 0;
  while (getline(&line, &capacity, file) > 0) {
    json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
    assert_non_null(row);
    rows++;
    if (!row_agrees(w, row)) {
      wrong++;
      print_message("differs: %s", line);
    }
    json_decref(row);
  }
  fclose(file);
  assert_true(rows > 300);
  assert_int_equal(wrong, 0);
  free(line);
  free(vocabulary);
  free(cases);
  wordpiece_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encodes_words),
      cmocka_unit_test(overlong_word_is_unknown),
      cmocka_unit_test(pairs_are_truncated),
      cmocka_unit_test(bad_vocabularies_are_refused),
      cmocka_unit_test(agrees_with_the_published_tokenizer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
