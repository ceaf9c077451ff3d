/* What a run's record becomes: series, charts, the page, the table over seeds. */
#include "runtime/data/file.h"
#include "runtime/run/chart.h"
#include "runtime/run/report.h"
#include "runtime/run/series.h"
#include "runtime/run/summary.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- series ---- */

static void test_series(void **state) {
  (void)state;
  static const char text[] = "{\"stage\":\"a\",\"step\":1,\"loss\":3,\"terms\":{\"x\":1,\"y\":2}}\n"
                             "{\"evaluate\":\"m\",\"on\":\"dev\",\"scores\":{}}\n"
                             "no json\n\n{\"stage\":7,\"step\":1}\n"
                             "{\"stage\":\"a\",\"step\":2,\"loss\":null,\"terms\":{\"y\":4}}\n"
                             "{\"stage\":\"a\",\"step\":3,\"loss\":5,\"terms\":{\"x\":null,\"y\":6,\"z\":7}}\n"
                             "{\"stage\":\"b\",\"step\":1,\"loss\":0.5,\"terms\":{}}";
  series s = series_read(text, sizeof text - 1);
  assert_int_equal(s.count, 2);
  stage_series *a = &s.stages[0];
  assert_string_equal(a->name, "a");
  assert_int_equal(a->count, 3);
  assert_int_equal(a->term_count, 4);
  assert_string_equal(a->terms[0].name, "loss");
  assert_string_equal(a->terms[3].name, "z");
  assert_true(isnan(a->terms[0].values[1]) && isnan(a->terms[1].values[1]) && isnan(a->terms[1].values[2]));
  assert_true(isnan(a->terms[3].values[0]) && a->terms[3].values[2] == 7);
  assert_true(s.stages[1].terms[0].values[0] == 0.5);
  assert_int_equal(series_thin(a, 3), 1);
  assert_int_equal(series_thin(a, 2), 2); /* steps 1 and 2, then 3 */
  assert_int_equal(a->count, 2);
  assert_true(a->steps[0] == 1.5 && a->steps[1] == 3);
  assert_true(a->terms[0].values[0] == 3 && a->terms[2].values[0] == 3 && isnan(a->terms[1].values[1]));
  series_free(&s);
  assert_int_equal(s.count, 0);
}

/* More steps than the first allocations hold, a term that comes late. */
static void test_long_series(void **state) {
  (void)state;
  char *text = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  for (int i = 1; i <= 1000; i++)
    fprintf(to, "{\"stage\":\"a\",\"step\":%d,\"loss\":%d,\"terms\":{\"x\":1%s}}\n", i, i,
            i > 500 ? ",\"late\":2" : "");
  fclose(to);
  series s = series_read(text, size);
  assert_int_equal(s.stages[0].count, 1000);
  assert_true(s.stages[0].terms[0].values[999] == 1000);
  assert_true(isnan(s.stages[0].terms[2].values[499]) && s.stages[0].terms[2].values[500] == 2);
  assert_int_equal(series_thin(&s.stages[0], 100), 10);
  assert_int_equal(s.stages[0].count, 100);
  assert_true(s.stages[0].terms[0].values[0] == 5.5);
  series_free(&s);
  free(text);
}

/* ---- charts ---- */

static char *text_as_html(const char *text) {
  char *html = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&html, &size);
  html_text(to, text);
  fclose(to);
  return html;
}

static void test_text(void **state) {
  (void)state;
  static const struct text_case {
    const char *text, *html;
  } cases[] = {{"a < b & \"c\" > 'd'", "a &#60; b &#38; &#34;c&#34; &#62; &#39;d&#39;"},
               {"Grüße, 日本, 😀\n\t", "Grüße, 日本, 😀\n\t"},
               {"\xff\x01x\x7f", "&#xFFFD;&#xFFFD;x&#xFFFD;"},
               {"\xc0\xaf", "&#xFFFD;&#xFFFD;"},                         /* too long a form of a slash */
               {"\xed\xa0\x80", "&#xFFFD;&#xFFFD;&#xFFFD;"},             /* a surrogate */
               {"\xef\xbf\xbf", "&#xFFFD;&#xFFFD;&#xFFFD;"},             /* no character */
               {"\xf4\x90\x80\x80", "&#xFFFD;&#xFFFD;&#xFFFD;&#xFFFD;"}, /* above the last one */
               {"\xe2\x82", "&#xFFFD;&#xFFFD;"}};                        /* cut off */
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *html = text_as_html(cases[i].text);
    assert_string_equal(html, cases[i].html);
    free(html);
  }
}

static char *draw(int count, const double *x, const double *y) {
  char *svg = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&svg, &size);
  chart_lines(to, "t", "step", 1, &(chart_line){.name = "l", .count = count, .x = x, .y = y});
  fclose(to);
  return svg;
}

static int count_of(const char *text, const char *piece) {
  int count = 0;
  while ((text = strstr(text, piece))) {
    text++;
    count++;
  }
  return count;
}

static void test_lines(void **state) {
  (void)state;
  static const double x[] = {1, 2, 3, 4, 5};
  char *svg = draw(5, x, (const double[]){NAN, INFINITY, -INFINITY, NAN, NAN});
  assert_string_equal(svg, ""); /* nothing to draw */
  free(svg);
  svg = draw(5, x, (const double[]){0, 1, NAN, 3, 4});
  assert_non_null(strstr(svg, "d=\"M48.0 198.0l0 0L")); /* from the corner of the axes */
  assert_int_equal(count_of(svg, "l0 0L"), 2);          /* two pieces */
  assert_null(strstr(svg, "logarithmic"));
  assert_null(strstr(svg, "nan"));
  free(svg);
  svg = draw(5, x, (const double[]){1000, 100, 10, 1, 0.1});
  assert_non_null(strstr(svg, "logarithmic"));
  assert_non_null(strstr(svg, ">1000</text>"));
  free(svg);
  static const double flat[][5] = {{0, 0, 0, 0, 0}, {1e300, 1e300, 1e300, 1e300, 1e300}, {-2, -2, -2, -2, -2}};
  for (size_t i = 0; i < sizeof flat / sizeof *flat; i++)
    for (int count = 1; count <= 5; count += 4) {
      svg = draw(count, x, flat[i]);
      assert_non_null(strstr(svg, "</svg>"));
      assert_null(strstr(svg, "nan"));
      assert_null(strstr(svg, "inf"));
      free(svg);
    }
}

/* ---- the page ---- */

static void test_page_of_nothing(void **state) {
  (void)state;
  failure f = {0};
  json_t *settings = json_object(), *results = json_array();
  char *page = report_page(&(report){.settings = settings, .results = results, .metrics = "", .source = ""}, &f);
  assert_non_null(page);
  assert_non_null(strstr(page, "</html>"));
  assert_null(strstr(page, "Results"));
  assert_null(strstr(page, "Losses"));
  assert_null(strstr(page, "Confusion"));
  free(page);
  json_decref(settings);
  json_decref(results);
}

/* ---- the table over seeds ---- */

static json_t *result(const char *label, const char *baseline, double score) {
  return json_pack("{s:s, s:s, s:s?, s:{s:f}, s:i, s:i, s:f}", "label", label, "on", "test", "baseline", baseline,
                   "scores", "accuracy", score, "parameters", 10, "bytes", 40, "milliseconds_per_sample", 0.5);
}

static void add_run(summary *s, const char *value, int column, double alone, double distilled) {
  json_t *results = json_array();
  json_array_append_new(results, result("alone", NULL, alone));
  json_array_append_new(results, result("distilled", "alone", distilled));
  summary_add(s, &value, column, results);
  json_decref(results);
}

static void test_summary(void **state) {
  (void)state;
  const char *name = "name, \"quoted\"";
  summary *s = summary_create(1, &name, 3, (const int64_t[]){1, 2, 3});
  add_run(s, "a,b", 0, 0.50, 0.75);
  add_run(s, "a,b", 2, 0.25, 0.25);
  add_run(s, "c", 1, 0.5, 1);
  char folder[] = "/tmp/retort-summary-XXXXXX";
  assert_non_null(mkdtemp(folder));
  failure f = {0};
  assert_true(summary_write(s, "e", folder, &f));
  summary_free(s);
  char *csv = memory_print("%s/results.csv", folder), *json = memory_print("%s/results.json", folder);
  mapped_file file;
  assert_true(file_map(csv, &file, &f));
  static const char expected[] =
      "on,label,metric,\"name, \"\"quoted\"\"\",seed_1,seed_2,seed_3,mean,standard_deviation,parameters,bytes,"
      "milliseconds_per_sample\n"
      "test,alone,accuracy,\"a,b\",0.5,,0.25,0.375,0.176776695,10,40,0.5\n"
      "test,distilled,accuracy,\"a,b\",0.75,,0.25,0.5,0.353553391,10,40,0.5\n"
      "test,distilled - alone,accuracy,\"a,b\",0.25,,0,0.125,0.176776695,,,\n"
      "test,alone,accuracy,c,,0.5,,0.5,,10,40,0.5\n"
      "test,distilled,accuracy,c,,1,,1,,10,40,0.5\n"
      "test,distilled - alone,accuracy,c,,0.5,,0.5,,,,\n";
  char *got = memory_copy_text((const char *)file.bytes, file.size);
  assert_string_equal(got, expected);
  free(got);
  file_unmap(&file);
  json_t *all = json_load_file(json, 0, NULL), *row = json_array_get(json_object_get(all, "rows"), 2);
  assert_true(json_number_value(json_array_get(json_object_get(row, "scores"), 0)) == 0.25);
  assert_true(json_is_null(json_array_get(json_object_get(row, "scores"), 1)));
  json_decref(all);
  unlink(csv);
  unlink(json);
  rmdir(folder);
  free(csv);
  free(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_series), cmocka_unit_test(test_long_series),     cmocka_unit_test(test_text),
      cmocka_unit_test(test_lines),  cmocka_unit_test(test_page_of_nothing), cmocka_unit_test(test_summary),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
