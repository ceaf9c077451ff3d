/* Rows, labels, sets and batches: what is read, and what is refused with which words. */
#include "runtime/data/batch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nc\n";

static char *write_file(const char *name, const char *content) {
  char *path = memory_print("/tmp/retort-dataset-%d-%s", getpid(), name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(content, file);
  fclose(file);
  return path;
}

/* ---- rows ---- */

typedef struct row_case {
  delimited_format format;
  const char *content;
  const char *expected; /* fields between |, rows between newlines, each with its line */
} row_case;

static void reads_rows(void **state) {
  (void)state;
  static const row_case cases[] = {
      {DELIMITED_TSV, "a\tb\n\nc\t\"d\n", "1:a|b\n3:c|\"d\n"},
      {DELIMITED_TSV,
       "\xEF\xBB\xBF"
       "a\tb\r\nc\t",
       "1:a|b\n2:c|\n"},
      {DELIMITED_TSV, "", ""},
      {DELIMITED_CSV, "a,b\nc,d", "1:a|b\n2:c|d\n"},
      {DELIMITED_CSV, "\"a,\"\"x\"\"\n\",b\r\nc,\"\"\n", "1:a,\"x\"\n|b\n3:c|\n"},
      {DELIMITED_CSV, "a\"b,c\n", "1:a\"b|c\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    failure f = {0};
    char got[256] = "";
    size_t used = 0;
    delimited *d = delimited_parse("x", cases[i].format, cases[i].content, strlen(cases[i].content));
    for (int count; (count = delimited_next(d, &f)) > 0;) {
      used += (size_t)snprintf(got + used, sizeof got - used, "%d:", (int)delimited_line(d));
      for (int k = 0; k < count; k++)
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%s", k ? "|" : "", delimited_field(d, k).text);
      used += (size_t)snprintf(got + used, sizeof got - used, "\n");
    }
    assert_null(f.text);
    assert_string_equal(got, cases[i].expected);
    delimited_close(d);
  }
}

static void refuses_rows(void **state) {
  (void)state;
  static const row_case cases[] = {
      {DELIMITED_TSV, "a\tb\nc\xff\td\n", "x:2: byte 0xff is not UTF-8 text (encoding: \"latin1\" reads Latin-1)"},
      {DELIMITED_CSV, "a,\"b\nc\xe9\"\n", "x:2: byte 0xe9 is not UTF-8 text (encoding: \"latin1\" reads Latin-1)"},
      {DELIMITED_CSV, "a,b\nc,\"d\n\n", "x:2: a quoted field is not closed"},
      {DELIMITED_CSV, "a,\"b\"c\n", "x:1: text behind the closing quote of a field"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    failure f = {0};
    delimited *d = delimited_parse("x", cases[i].format, cases[i].content, strlen(cases[i].content));
    int count;
    while ((count = delimited_next(d, &f)) > 0)
      ;
    assert_int_equal(count, -1);
    assert_string_equal(f.text, cases[i].expected);
    failure_free(&f);
    delimited_close(d);
  }
  failure f = {0};
  delimited *d = delimited_parse("x", DELIMITED_TSV, "a\0b", 3);
  assert_int_equal(delimited_next(d, &f), -1);
  assert_string_equal(f.text, "x:1: a zero byte: this is no text file");
  failure_free(&f);
  delimited_close(d);
}

/* ---- sets ---- */

typedef struct fixture {
  wordpiece *tokenizer;
  class_list classes;
  failure f;
} fixture;

static fixture open_fixture(void) {
  fixture x = {0};
  char *path = write_file("vocab.txt", vocabulary);
  x.tokenizer = wordpiece_load(path, true, &x.f);
  assert_non_null(x.tokenizer);
  unlink(path);
  free(path);
  return x;
}

static void close_fixture(fixture *x) {
  wordpiece_free(x->tokenizer);
  class_list_free(&x->classes);
  failure_free(&x->f);
}

typedef struct set_case { /* a tsv set: columns by number */
  int label, pair;
  int target; /* 0: none */
  bool header;
  int classes, length;
  struct dataset_share share;
} set_case;

static dataset *load(fixture *x, const char *content, set_case of) {
  char *path = write_file("rows.tsv", content);
  record_source source = {.path = path, .format = RECORDS_TSV, .header = of.header};
  source.columns[RECORD_LABEL].number = of.label;
  source.columns[RECORD_PAIR].number = of.pair;
  source.columns[RECORD_TARGET].number = of.target ? of.target : -1;
  dataset_options options = {
      .source_count = 1, .sources = &source, .classes = of.classes, .length = of.length, .share = of.share};
  dataset *d = dataset_load(&options, x->tokenizer, &x->classes, &x->f);
  unlink(path);
  free(path);
  return d;
}

static const set_case two_columns = {.label = 1, .pair = -1, .length = 6};

static void reads_a_set(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *d = load(&x, "a b\t1\nc\t0\na a a a a a a\t2\n", two_columns);
  assert_null(x.f.text);
  assert_int_equal(d->count, 3);
  assert_int_equal(d->longest, 6);
  assert_int_equal(d->labels[0], 1);
  assert_int_equal(d->labels[2], 2);
  assert_int_equal(x.classes.count, 3);
  const int32_t ids[] = {2, 4, 5, 3, 2, 6, 3, 2, 4, 4, 4, 4, 3};
  assert_int_equal(d->starts[3], 13);
  assert_memory_equal(d->ids, ids, sizeof ids);
  assert_int_equal(dataset_row_over(d, d->ids, 6), 1);
  assert_int_equal(dataset_row_over(d, d->ids, 7), -1);
  assert_int_equal(dataset_label_over(d, 2), 2);
  dataset_free(d);
  close_fixture(&x);
}

static void class_names_are_shared(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *train = load(&x, "a\tpositive\nb\tnegative\nc\tpositive\n", two_columns);
  assert_non_null(train);
  assert_int_equal(x.classes.count, 2);
  assert_string_equal(x.classes.names[0], "negative");
  assert_int_equal(train->labels[0], 1);
  dataset *test = load(&x, "a\tnegative\n", two_columns);
  assert_non_null(test);
  assert_int_equal(test->labels[0], 0);
  assert_null(load(&x, "a\tnegative\nb\tneutral\n", two_columns));
  assert_non_null(strstr(x.f.text, "rows.tsv:2: label 'neutral' is none of the 2 classes of the first set"));
  dataset_free(train);
  dataset_free(test);
  close_fixture(&x);
}

static void pairs_have_types(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *d =
      load(&x, "text\tlabel\tpair\na\t0\tb c\n", (set_case){.label = 1, .pair = 2, .header = true, .length = 9});
  assert_null(x.f.text);
  const int32_t ids[] = {2, 4, 3, 5, 6, 3}, types[] = {0, 0, 0, 1, 1, 1};
  assert_int_equal(d->count, 1);
  assert_memory_equal(d->ids, ids, sizeof ids);
  assert_memory_equal(d->types, types, sizeof types);
  dataset_free(d);
  close_fixture(&x);
}

static void refuses_sets(void **state) {
  (void)state;
  static const struct {
    const char *content;
    set_case options;
    const char *expected;
  } cases[] = {
      {"", {.label = 1, .pair = -1, .length = 6}, "no rows: the file is empty"},
      {"text\tlabel\n", {.label = 1, .pair = -1, .length = 6, .header = true}, "the file is empty but for its header"},
      {"a\t1\nb\n", {.label = 1, .pair = -1, .length = 6}, ":2: too few columns: the row has 1, and label is column 1"},
      {"a\t1\nb\t2\n",
       {.label = 1, .pair = -1, .length = 6, .classes = 2},
       ":2: label '2' is outside the classes 0 … 1"},
      {"a\t-1\n", {.label = 1, .pair = -1, .length = 6}, ":1: label '-1' is below 0"},
      {"a\t1\nb\tx\n", {.label = 1, .pair = -1, .length = 6}, ":2: label 'x' is no number"},
      {"a\t1\nb\t\n", {.label = 1, .pair = -1, .length = 6}, ":2: the label is empty"},
      {"a\tx\nb\ty\nc\tz\n", {.label = 1, .pair = -1, .length = 6, .classes = 2}, "have 3 classes, not 2"},
      {"a\t1\n", {.label = 1, .pair = -1, .length = 1}, "rows of 1 tokens have no room"},
      {"a\t1\nb\tx\n", {.label = -1, .pair = -1, .target = 1, .length = 6}, ":2: target 'x' is no number"},
      {"a\tnan\n", {.label = -1, .pair = -1, .target = 1, .length = 6}, ":1: target 'nan' is no number"},
      {"a\t1\n",
       {.label = 1, .pair = -1, .length = 6, .share = {.begin = 0, .end = 0.1}},
       "a share of 0.1 of 1 rows has none"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture x = open_fixture();
    assert_null(load(&x, cases[i].content, cases[i].options));
    assert_non_null(x.f.text);
    if (!strstr(x.f.text, cases[i].expected))
      fail_msg("case %zu: %s", i, x.f.text);
    close_fixture(&x);
  }
}

static void targets_and_class_weights(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *d = load(&x, "a\t0\t1.5\nb\t0\t-2\nc\t0\t0\nc\t1\t1e2\n",
                    (set_case){.label = 1, .pair = -1, .target = 2, .length = 6});
  assert_null(x.f.text);
  assert_true(d->targets[0] == 1.5f && d->targets[1] == -2.0f && d->targets[3] == 100.0f);
  assert_float_equal(d->class_weights[0], 4.0 / (2 * 3), 1e-6);
  assert_float_equal(d->class_weights[1], 4.0 / (2 * 1), 1e-6);
  batcher *b = batcher_create(d, 4, 0, false, 0);
  const batch *got = batcher_fill(b, 0);
  assert_true(got->targets[1] == -2.0f && got->class_weights[3] == d->class_weights[1]);
  batcher_free(b);
  dataset_free(d);
  close_fixture(&x);
}

/* Sets of one seed divide the rows, whatever the seed; each keeps the order of the file. */
static void shares_divide_the_rows(void **state) {
  (void)state;
  char content[8 * 100] = "";
  for (int i = 0; i < 100; i++)
    snprintf(content + strlen(content), 16, "a\t%d\n", i);
  int first[2] = {0};
  for (uint64_t seed = 0; seed < 2; seed++) {
    fixture x = open_fixture();
    int seen[100] = {0};
    const double bounds[] = {0, 0.1, 0.35, 1};
    for (int k = 0; k < 3; k++) {
      dataset *d =
          load(&x, content, (set_case){.label = 1, .pair = -1, .length = 6, .share = {bounds[k], bounds[k + 1], seed}});
      assert_non_null(d);
      assert_int_equal(x.classes.count, 100); /* of all rows, not of a share's */
      assert_int_equal(d->count, k == 0 ? 10 : k == 1 ? 25 : 65);
      for (int64_t i = 0; i < d->count; i++) {
        seen[d->labels[i]]++;
        assert_int_equal(d->lines[i], d->labels[i] + 1);
        assert_true(i == 0 || d->lines[i] > d->lines[i - 1]);
        assert_int_equal(d->starts[i + 1] - d->starts[i], 3);
      }
      first[seed] += k == 0 ? (int)d->lines[3] * 1000 + (int)d->lines[7] : 0;
      dataset_free(d);
    }
    for (int i = 0; i < 100; i++)
      assert_int_equal(seen[i], 1);
    close_fixture(&x);
  }
  assert_int_not_equal(first[0], first[1]);
}

static void joins_files(void **state) {
  (void)state;
  fixture x = open_fixture();
  char *first = write_file("one.txt", "a\nb b\n"), *second = write_file("two.txt", "\nc\n\xe9 a\n");
  record_source sources[] = {{.path = first, .format = RECORDS_LINES, .class = "no"},
                             {.path = second, .format = RECORDS_LINES, .class = "yes", .encoding = ENCODING_LATIN1}};
  for (int i = 0; i < 2; i++)
    for (int k = RECORD_LABEL; k < RECORD_PARTS; k++)
      sources[i].columns[k].number = -1;
  dataset_options options = {.source_count = 2, .sources = sources, .length = 6};
  dataset *d = dataset_load(&options, x.tokenizer, &x.classes, &x.f);
  assert_null(x.f.text);
  assert_int_equal(d->count, 4);
  const int32_t labels[] = {0, 0, 1, 1};
  assert_memory_equal(d->labels, labels, sizeof labels);
  assert_string_equal(x.classes.names[1], "yes");
  assert_string_equal(dataset_file_of(d, 1), first);
  assert_string_equal(dataset_file_of(d, 2), second);
  assert_int_equal(d->lines[2], 2);
  assert_int_equal(d->lines[3], 3);
  dataset_free(d);
  unlink(first);
  unlink(second);
  free(first);
  free(second);
  close_fixture(&x);
}

/* ---- batches ---- */

static void batches_cover_the_set(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *d = load(&x, "a\t0\na a\t1\na a a\t2\nb\t3\nb b\t4\n", two_columns);
  batcher *b = batcher_create(d, 2, 0, true, 7), *again = batcher_create(d, 2, 0, true, 7);
  assert_int_equal(batcher_per_epoch(b), 3);
  int differing = 0;
  for (int64_t epoch = 0; epoch < 20; epoch++) {
    int seen[5] = {0};
    for (int64_t step = 3 * epoch; step < 3 * epoch + 3; step++) {
      const batch *got = batcher_fill(b, step);
      assert_int_equal(got->rows, step % 3 == 2 ? 1 : 2);
      int64_t longest = 0;
      for (int64_t i = 0; i < got->rows; i++) {
        seen[got->labels[i]]++;
        longest = got->lengths[i] > longest ? got->lengths[i] : longest;
        for (int64_t k = 0; k < got->width; k++)
          assert_true((got->ids[i * got->width + k] == 0) == (k >= got->lengths[i]));
      }
      assert_int_equal(got->width, longest);
      differing += got->labels[0] != (step % 3) * 2;
    }
    for (int i = 0; i < 5; i++)
      assert_int_equal(seen[i], 1);
  }
  assert_true(differing > 20);
  /* A batch is the same whatever was asked before it. */
  const batch *late = batcher_fill(again, 40), *same = batcher_fill(b, 40);
  assert_memory_equal(late->labels, same->labels, 2 * sizeof *same->labels);
  batcher_free(b);
  batcher_free(again);
  dataset_free(d);
  close_fixture(&x);
}

/* Lengths 3 … 7 of 10 rows in batches of 2: sorted as a whole, a batch's two rows are equally long; in pools of two
 * batches they differ by less than by chance; each epoch still has every row once, and another order. */
static void batches_by_length(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *d =
      load(&x, "a\t0\na a\t1\na a a\t2\na a a a\t3\na a a a a\t4\nb b b b b\t0\nb b b b\t1\nb b b\t2\nb b\t3\nb\t4\n",
           two_columns);
  for (int64_t pool = 2; pool <= 100; pool += 98) {
    batcher *b = batcher_create(d, 2, 0, true, 7);
    batcher_by_length(b, pool);
    int64_t apart = 0, first_sum = 0;
    for (int64_t epoch = 0; epoch < 20; epoch++) {
      int64_t seen = 0;
      for (int64_t step = 5 * epoch; step < 5 * epoch + 5; step++) {
        const batch *got = batcher_fill(b, step);
        seen |= (int64_t)1 << got->indices[0] | (int64_t)1 << got->indices[1];
        apart += labs((long)got->lengths[0] - got->lengths[1]);
        first_sum += step == 5 * epoch ? got->lengths[0] : 0;
      }
      assert_int_equal(seen, 1023);
    }
    assert_true(pool == 100 ? apart == 0 : apart > 0 && apart < 100);
    assert_true(first_sum > 20 * 3 + 10 && first_sum < 20 * 7 - 10); /* an epoch begins anywhere */
    const batch *late = batcher_fill(b, 44);
    int64_t rows[2] = {late->indices[0], late->indices[1]};
    batcher_fill(b, 3);
    assert_memory_equal(batcher_fill(b, 44)->indices, rows, sizeof rows);
    batcher_free(b);
  }
  dataset_free(d);
  close_fixture(&x);
}

static void fixed_width_and_order(void **state) {
  (void)state;
  fixture x = open_fixture();
  dataset *d = load(&x, "a\t0\na a\t1\n", two_columns);
  batcher *b = batcher_create(d, 8, 6, false, 0);
  const batch *got = batcher_fill(b, 1);
  const int32_t ids[] = {2, 4, 3, 0, 0, 0, 2, 4, 4, 3, 0, 0};
  assert_int_equal(got->rows, 2);
  assert_int_equal(got->width, 6);
  assert_memory_equal(got->ids, ids, sizeof ids);
  batcher_free(b);
  dataset_free(d);
  close_fixture(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_rows),
      cmocka_unit_test(refuses_rows),
      cmocka_unit_test(reads_a_set),
      cmocka_unit_test(refuses_sets),
      cmocka_unit_test(class_names_are_shared),
      cmocka_unit_test(pairs_have_types),
      cmocka_unit_test(targets_and_class_weights),
      cmocka_unit_test(shares_divide_the_rows),
      cmocka_unit_test(joins_files),
      cmocka_unit_test(batches_cover_the_set),
      cmocka_unit_test(batches_by_length),
      cmocka_unit_test(fixed_width_and_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
