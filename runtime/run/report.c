#include "runtime/run/report.h"
#include "runtime/run/chart.h"
#include "runtime/run/metrics.h"
#include "runtime/run/report_layers.h"
#include "runtime/run/report_style.h"
#include "runtime/run/series.h"
#include "runtime/run/table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 160, BARS_MAX = 16, CLASSES_WITH_NUMBERS = 16, CLASSES_MAX = 160 };

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static double number_of(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

static void element(FILE *to, const char *name, const char *text) {
  fprintf(to, "<%s>", name);
  html_text(to, text);
  fprintf(to, "</%s>", name);
}

static void element_free(FILE *to, const char *name, char *text) {
  element(to, name, text);
  free(text);
}

/* ---- head ---- */

static void write_head(FILE *to, const json_t *settings) {
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
        to);
  html_text(to, text_of(settings, "experiment"));
  fprintf(to, ", seed %lld</title>\n<style>\n%s</style>\n</head>\n<body>\n",
          (long long)json_integer_value(json_object_get(settings, "seed")), report_style);
  element(to, "h1", text_of(settings, "experiment"));
  fputs("\n<p class=\"about\">", to);
  html_text(to, text_of(settings, "file"));
  fprintf(to, ", seed %lld, ", (long long)json_integer_value(json_object_get(settings, "seed")));
  bool finished = strcmp(text_of(settings, "status"), "finished") == 0;
  fputs(finished ? "" : "<b class=\"bad\">", to);
  html_text(to, text_of(settings, "status"));
  fputs(finished ? "</p>\n" : "</b></p>\n", to);
}

/* ---- scores ---- */

/* Whether this result is the first one on its set. */
static bool first_on_set(const json_t *results, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (strcmp(text_of(json_array_get(results, i), "on"), text_of(json_array_get(results, index), "on")) == 0)
      return false;
  return true;
}

static void score_row(FILE *to, const json_t *result) {
  const char *metric;
  json_t *score;
  fputs("<tr>", to);
  element(to, "td", text_of(result, "label"));
  json_object_foreach(json_object_get(result, "scores"), metric, score)
      element_free(to, "td", memory_print("%.2f", metric_shown(metric, json_number_value(score))));
  element_free(to, "td", table_count_text((int64_t)number_of(result, "parameters")));
  element_free(to, "td", memory_print("%.3g", number_of(result, "bytes") / 1e6));
  element_free(to, "td", memory_print("%.3g", number_of(result, "milliseconds_per_sample")));
  fputs("</tr>\n", to);
}

static void score_table(FILE *to, const json_t *results, const char *on, const json_t *first) {
  const char *metric;
  json_t *score, *result;
  size_t i;
  fputs("<div class=\"wide\"><table>\n<tr><th>model</th>", to);
  json_object_foreach(json_object_get(first, "scores"), metric, score) element(to, "th", metric);
  fputs("<th>parameters</th><th>MB</th><th>ms/sample</th></tr>\n", to);
  json_array_foreach(results, i, result) if (strcmp(text_of(result, "on"), on) == 0) score_row(to, result);
  fputs("</table></div>\n", to);
}

typedef enum { BAR_SCORE, BAR_SIZE, BAR_TIME } bar_kind;

static chart_bar bar_of(const json_t *result, const char *metric, bar_kind kind) {
  chart_bar bar = {.name = text_of(result, "label")};
  switch (kind) {
  case BAR_SCORE:
    bar.value = number_of(json_object_get(result, "scores"), metric);
    bar.text = memory_print("%.2f", metric_shown(metric, bar.value));
    break;
  case BAR_SIZE:
    bar.value = number_of(result, "bytes") / 1e6;
    bar.text = memory_print("%.3g MB", bar.value);
    break;
  case BAR_TIME:
    bar.value = number_of(result, "milliseconds_per_sample");
    bar.text = memory_print("%.3g ms", bar.value);
    break;
  }
  return bar;
}

static void score_bars(FILE *to, const json_t *results, const char *on, const char *metric, bar_kind kind,
                       const char *title) {
  chart_bar bars[BARS_MAX];
  int count = 0;
  size_t i;
  json_t *result;
  json_array_foreach(results, i, result) if (count < BARS_MAX && strcmp(text_of(result, "on"), on) == 0) bars[count++] =
      bar_of(result, metric, kind);
  fputs("<div class=\"card\">\n", to);
  chart_bars(to, title, count, bars);
  fputs("</div>\n", to);
  for (int k = 0; k < count; k++)
    free((char *)bars[k].text);
}

static void write_scores(FILE *to, const json_t *results) {
  size_t i;
  json_t *result;
  json_array_foreach(results, i, result) {
    if (!first_on_set(results, i))
      continue;
    const char *on = text_of(result, "on");
    json_t *scores = json_object_get(result, "scores");
    void *first = json_object_iter(scores);
    const char *metric = first ? json_object_iter_key(first) : NULL;
    element_free(to, "h2", memory_print("Results on %s", on));
    fputs("\n<div class=\"cards\">\n", to);
    if (metric)
      score_bars(to, results, on, metric, BAR_SCORE, metric);
    score_bars(to, results, on, metric, BAR_SIZE, "size of the weights");
    score_bars(to, results, on, metric, BAR_TIME, "time per sample");
    fputs("</div>\n", to);
    score_table(to, results, on, result);
  }
}

/* ---- losses ---- */

static void stage_chart(FILE *to, stage_series *s) {
  double last = s->count ? s->steps[s->count - 1] : 0;
  int group = series_thin(s, POINTS_MAX);
  bool losses = s->term_count > 0 && strcmp(s->terms[0].name, "loss") == 0;
  int hidden = losses && s->term_count == 2; /* one term: it is the loss */
  chart_line *lines = memory_allocate((size_t)s->term_count, sizeof *lines);
  for (int i = hidden; i < s->term_count; i++)
    lines[i - hidden] = (chart_line){.name = losses && i == 0 ? "sum (weighted)" : s->terms[i].name,
                                     .count = s->count,
                                     .x = s->steps,
                                     .y = s->terms[i].values};
  fputs("<section class=\"card\">\n", to);
  element(to, "h3", s->name);
  chart_lines(to, s->name, "step", s->term_count - hidden, lines);
  fprintf(to, "<p class=\"note\">%.0f step%s", last, last == 1 ? "" : "s");
  if (group > 1)
    fprintf(to, "; a point is the mean of %d", group);
  fputs("</p>\n</section>\n", to);
  free(lines);
}

static void write_losses(FILE *to, const report *r) {
  series all = series_read(r->metrics, r->metrics_size);
  if (all.count)
    fputs("<h2>Losses</h2>\n<div class=\"cards stages\">\n", to);
  for (int i = 0; i < all.count; i++)
    stage_chart(to, &all.stages[i]);
  fputs(all.count ? "</div>\n" : "", to);
  series_free(&all);
}

/* ---- confusion ---- */

static void class_name(FILE *to, const json_t *classes, size_t index) {
  const char *name = json_string_value(json_array_get(classes, index));
  if (name)
    html_text(to, name);
  else
    fprintf(to, "%zu", index);
}

static double sum_of(const json_t *row) {
  double sum = 0;
  size_t i;
  json_t *cell;
  json_array_foreach(row, i, cell) sum += json_number_value(cell);
  return sum;
}

/* A cell's shade is its share of the row: of all rows with that label. */
static void confusion_row(FILE *to, const json_t *row, const json_t *classes, size_t label) {
  size_t k;
  json_t *cell;
  double sum = sum_of(row);
  fputs("<tr><th>", to);
  class_name(to, classes, label);
  fputs("</th>", to);
  json_array_foreach(row, k, cell)
      fprintf(to, "<td style=\"--share: %.3f\">%lld</td>", sum > 0 ? json_number_value(cell) / sum : 0,
              (long long)json_integer_value(cell));
  fputs("</tr>\n", to);
}

static void confusion_table(FILE *to, const json_t *counts, const json_t *classes) {
  size_t k;
  json_t *row;
  fputs("<div class=\"wide\"><table class=\"confusion\">\n<tr><th></th>", to);
  for (k = 0; k < json_array_size(counts); k++) {
    fputs("<th>", to);
    class_name(to, classes, k);
    fputs("</th>", to);
  }
  fputs("</tr>\n", to);
  json_array_foreach(counts, k, row) confusion_row(to, row, classes, k);
  fputs("</table></div>\n", to);
}

/* Too many classes for numbers: a square each, its number when it is pointed at. */
static void confusion_picture(FILE *to, const json_t *counts, const json_t *classes) {
  size_t i, k;
  json_t *row, *cell;
  fprintf(to, "<svg class=\"confusion\" viewBox=\"0 0 %zu %zu\">\n", json_array_size(counts), json_array_size(counts));
  json_array_foreach(counts, i, row) {
    double sum = sum_of(row);
    json_array_foreach(row, k, cell) {
      if (json_integer_value(cell) == 0)
        continue;
      fprintf(to, "<rect x=\"%zu\" y=\"%zu\" width=\"1\" height=\"1\" fill-opacity=\"%.3f\"><title>", k, i,
              0.1 + 0.9 * json_number_value(cell) / sum);
      class_name(to, classes, i);
      fputs(" as ", to);
      class_name(to, classes, k);
      fprintf(to, ": %lld</title></rect>\n", (long long)json_integer_value(cell));
    }
  }
  fputs("</svg>\n", to);
}

static void write_confusion(FILE *to, const json_t *results) {
  size_t i;
  json_t *result;
  bool any = false;
  json_array_foreach(results, i, result) {
    const json_t *counts = json_object_get(result, "confusion");
    size_t size = json_array_size(counts);
    if (size == 0 || size > CLASSES_MAX)
      continue;
    if (!any)
      fputs("<h2>Confusion</h2>\n<p class=\"note\">A row is a label, a column what the model says.</p>\n"
            "<div class=\"cards\">\n",
            to);
    any = true;
    fputs("<section class=\"card\">\n", to);
    element_free(to, "h3", memory_print("%s on %s", text_of(result, "label"), text_of(result, "on")));
    if (size <= CLASSES_WITH_NUMBERS)
      confusion_table(to, counts, json_object_get(result, "classes"));
    else
      confusion_picture(to, counts, json_object_get(result, "classes"));
    fputs("</section>\n", to);
  }
  fputs(any ? "</div>\n" : "", to);
}

/* ---- settings and source ---- */

/* An array's texts one beneath the other; NULL for what is not set. */
static char *setting_text(const json_t *value) {
  if (json_is_string(value))
    return memory_print("%s", json_string_value(value));
  if (!json_is_array(value))
    return json_is_null(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
  char *lines = NULL;
  size_t i;
  json_t *item;
  json_array_foreach(value, i, item) {
    char *longer = memory_print("%s%s%s", lines ? lines : "", lines ? "\n" : "",
                                json_is_string(item) ? json_string_value(item) : "");
    free(lines);
    lines = longer;
  }
  return lines;
}

static void write_settings(FILE *to, const json_t *settings) {
  const char *key;
  json_t *value;
  fputs("<h2>Settings</h2>\n<div class=\"wide\"><table class=\"settings\">\n", to);
  json_object_foreach((json_t *)settings, key, value) {
    char *shown = setting_text(value);
    if (!shown)
      continue;
    fputs("<tr>", to);
    element(to, "td", key);
    element_free(to, "td", shown);
    fputs("</tr>\n", to);
  }
  fputs("</table></div>\n", to);
}

static void write_source(FILE *to, const report *r) {
  char *text = memory_copy_text(r->source, r->source_size);
  element_free(to, "h2", memory_print("%s", text_of(r->settings, "file")));
  fputs("\n<pre>", to);
  html_text(to, text);
  fputs("</pre>\n", to);
  free(text);
}

char *report_page(const report *r, failure *f) {
  char *page = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&page, &size);
  if (to) {
    write_head(to, r->settings);
    write_scores(to, r->results);
    write_losses(to, r);
    report_layers(to, r->layers);
    write_confusion(to, r->results);
    write_settings(to, r->settings);
    write_source(to, r);
    fputs("</body>\n</html>\n", to);
  }
  if (to && fclose(to) == 0)
    return page;
  free(page);
  fail(f, "cannot write the report: memory is short");
  return NULL;
}
