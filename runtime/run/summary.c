#include "runtime/run/summary.h"
#include "runtime/data/file.h"
#include "runtime/run/grid.h"
#include "runtime/run/metrics.h"
#include "runtime/run/table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct summary_row {
  char *on, *label, *metric;
  char **values;  /* of each setting */
  double *scores; /* of each seed; NAN where there is none */
  bool difference;
  int64_t parameters, bytes;
  double milliseconds; /* summed over `runs` */
  int runs;
} summary_row;

struct summary {
  int setting_count, seed_count, row_count;
  const char *const *settings;
  const int64_t *seeds;
  summary_row *rows;
};

summary *summary_create(int setting_count, const char *const *settings, int seed_count, const int64_t *seeds) {
  summary *s = memory_allocate(1, sizeof *s);
  *s = (summary){.setting_count = setting_count, .settings = settings, .seed_count = seed_count, .seeds = seeds};
  return s;
}

void summary_free(summary *s) {
  for (int i = 0; i < s->row_count; i++) {
    summary_row *row = &s->rows[i];
    for (int k = 0; k < s->setting_count; k++)
      free(row->values[k]);
    free(row->values);
    free(row->scores);
    free(row->on);
    free(row->label);
    free(row->metric);
  }
  free(s->rows);
  free(s);
}

/* ---- rows ---- */

static bool row_is(const summary *s, const summary_row *row, const char *on, const char *label, const char *metric,
                   const char *const *values) {
  bool same = strcmp(row->on, on) == 0 && strcmp(row->label, label) == 0 && strcmp(row->metric, metric) == 0;
  for (int i = 0; same && i < s->setting_count; i++)
    same = strcmp(row->values[i], values[i]) == 0;
  return same;
}

/* The row, made when it is not there. */
static summary_row *find_row(summary *s, const char *on, const char *label, const char *metric,
                             const char *const *values) {
  for (int i = 0; i < s->row_count; i++)
    if (row_is(s, &s->rows[i], on, label, metric, values))
      return &s->rows[i];
  s->rows = memory_resize(s->rows, (size_t)s->row_count + 1, sizeof *s->rows);
  summary_row *row = &s->rows[s->row_count++];
  *row = (summary_row){
      .on = memory_print("%s", on), .label = memory_print("%s", label), .metric = memory_print("%s", metric)};
  row->values = memory_allocate((size_t)s->setting_count, sizeof *row->values);
  for (int i = 0; i < s->setting_count; i++)
    row->values[i] = memory_print("%s", values[i]);
  row->scores = memory_allocate((size_t)s->seed_count, sizeof *row->scores);
  for (int i = 0; i < s->seed_count; i++)
    row->scores[i] = NAN;
  return row;
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static void add_scores(summary *s, const char *const *values, int column, const json_t *result) {
  const char *metric;
  json_t *score;
  json_object_foreach(json_object_get(result, "scores"), metric, score) {
    summary_row *row = find_row(s, text_of(result, "on"), text_of(result, "label"), metric, values);
    row->scores[column] = json_number_value(score);
    row->parameters = json_integer_value(json_object_get(result, "parameters"));
    row->bytes = json_integer_value(json_object_get(result, "bytes"));
    row->milliseconds += json_number_value(json_object_get(result, "milliseconds_per_sample"));
    row->runs++;
  }
}

/* What a model is better than the one that its result names as its baseline. */
static void add_differences(summary *s, const char *const *values, int column, const json_t *results,
                            const json_t *result) {
  const char *baseline = text_of(result, "baseline"), *on = text_of(result, "on"), *metric;
  size_t index;
  json_t *other, *score;
  json_array_foreach(results, index, other) {
    if (strcmp(text_of(other, "label"), baseline) != 0 || strcmp(text_of(other, "on"), on) != 0)
      continue;
    char *label = memory_print("%s - %s", text_of(result, "label"), baseline);
    json_object_foreach(json_object_get(result, "scores"), metric, score) {
      summary_row *row = find_row(s, on, label, metric, values);
      const json_t *its = json_object_get(json_object_get(other, "scores"), metric);
      row->difference = true;
      row->scores[column] = json_number_value(score) - json_number_value(its);
    }
    free(label);
    return;
  }
}

void summary_add(summary *s, const char *const *values, int column, const json_t *results) {
  size_t index;
  json_t *result;
  json_array_foreach(results, index, result) add_scores(s, values, column, result);
  json_array_foreach(results, index, result) add_differences(s, values, column, results, result);
}

/* ---- over the seeds ---- */

typedef struct statistics {
  int count;
  double mean, deviation; /* NAN where there are too few */
} statistics;

static statistics statistics_of(const summary *s, const summary_row *row) {
  statistics t = {.mean = NAN, .deviation = NAN};
  double sum = 0, squares = 0;
  for (int i = 0; i < s->seed_count; i++)
    if (!isnan(row->scores[i])) {
      sum += row->scores[i];
      t.count++;
    }
  if (t.count == 0)
    return t;
  t.mean = sum / t.count;
  for (int i = 0; i < s->seed_count; i++)
    if (!isnan(row->scores[i]))
      squares += (row->scores[i] - t.mean) * (row->scores[i] - t.mean);
  if (t.count > 1)
    t.deviation = sqrt(squares / (t.count - 1));
  return t;
}

/* ---- the table ---- */

static void set_score(text_grid *g, int at, int column, const char *metric, bool with_sign, double score) {
  if (isnan(score))
    grid_set(g, at, column, "-");
  else
    grid_set(g, at, column, with_sign ? "%+.2f" : "%.2f", metric_shown(metric, score));
}

static void fill_row(text_grid *g, const summary *s, int at, const summary_row *row) {
  statistics t = statistics_of(s, row);
  int column = 0;
  grid_set(g, at, column++, "%s", row->label);
  for (int i = 0; i < s->setting_count; i++)
    grid_set(g, at, column++, "%s", row->values[i]);
  for (int i = 0; i < s->seed_count; i++)
    set_score(g, at, column++, row->metric, row->difference, row->scores[i]);
  set_score(g, at, column++, row->metric, row->difference, t.mean);
  set_score(g, at, column++, row->metric, false, t.deviation);
  if (row->difference)
    return;
  char *count = table_count_text(row->parameters);
  grid_set(g, at, column++, "%s", count);
  grid_set(g, at, column++, "%.*f", row->bytes < 100000 ? 4 : 2, (double)row->bytes / 1e6);
  grid_set(g, at, column++, "%.3g", row->milliseconds / (row->runs ? row->runs : 1));
  free(count);
}

static void print_table(const summary *s, FILE *to, bool colour, const char *on, const char *metric) {
  static const char *const rest[] = {"mean", "deviation", "parameters", "MB", "ms/sample"};
  int count = 0, column = 0, at = 1;
  for (int i = 0; i < s->row_count; i++)
    count += strcmp(s->rows[i].on, on) == 0 && strcmp(s->rows[i].metric, metric) == 0;
  text_grid *g = grid_create(1 + s->setting_count + s->seed_count + 5, count + 1);
  grid_set(g, 0, column++, "%s on %s", metric, on);
  for (int i = 0; i < s->setting_count; i++)
    grid_set(g, 0, column++, "%s", s->settings[i]);
  for (int i = 0; i < s->seed_count; i++)
    grid_set(g, 0, column++, "seed %lld", (long long)s->seeds[i]);
  for (int i = 0; i < 5; i++)
    grid_set(g, 0, column++, "%s", rest[i]);
  for (int i = 0; i < s->row_count; i++)
    if (strcmp(s->rows[i].on, on) == 0 && strcmp(s->rows[i].metric, metric) == 0)
      fill_row(g, s, at++, &s->rows[i]);
  fputc('\n', to);
  grid_print(g, to, colour, 1);
  grid_free(g);
}

void summary_print(const summary *s, FILE *to, bool colour) {
  for (int i = 0; i < s->row_count; i++) {
    bool first = true;
    for (int k = 0; k < i && first; k++)
      first = strcmp(s->rows[k].on, s->rows[i].on) != 0;
    if (first)
      print_table(s, to, colour, s->rows[i].on, s->rows[i].metric);
  }
}

/* ---- the files ---- */

/* A field of CSV: in quotes where it has to be. */
static void csv_field(FILE *to, const char *text) {
  if (!strpbrk(text, ",\"\r\n")) {
    fputs(text, to);
    return;
  }
  fputc('"', to);
  for (; *text; text++) {
    if (*text == '"')
      fputc('"', to);
    fputc(*text, to);
  }
  fputc('"', to);
}

static void csv_number(FILE *to, double number) {
  if (isnan(number))
    fputc(',', to);
  else
    fprintf(to, ",%.9g", number);
}

static void csv_row(const summary *s, const summary_row *row, FILE *to) {
  statistics t = statistics_of(s, row);
  csv_field(to, row->on);
  fputc(',', to);
  csv_field(to, row->label);
  fputc(',', to);
  csv_field(to, row->metric);
  for (int i = 0; i < s->setting_count; i++) {
    fputc(',', to);
    csv_field(to, row->values[i]);
  }
  for (int i = 0; i < s->seed_count; i++)
    csv_number(to, row->scores[i]);
  csv_number(to, t.mean);
  csv_number(to, t.deviation);
  if (row->difference)
    fputs(",,,\n", to);
  else
    fprintf(to, ",%lld,%lld,%.9g\n", (long long)row->parameters, (long long)row->bytes,
            row->milliseconds / (row->runs ? row->runs : 1));
}

static void csv_all(const summary *s, FILE *to) {
  fputs("on,label,metric", to);
  for (int i = 0; i < s->setting_count; i++) {
    fputc(',', to);
    csv_field(to, s->settings[i]);
  }
  for (int i = 0; i < s->seed_count; i++)
    fprintf(to, ",seed_%lld", (long long)s->seeds[i]);
  fputs(",mean,standard_deviation,parameters,bytes,milliseconds_per_sample\n", to);
  for (int i = 0; i < s->row_count; i++)
    csv_row(s, &s->rows[i], to);
}

static json_t *number_or_null(double number) {
  return isnan(number) ? json_null() : json_real(number);
}

static json_t *json_row(const summary *s, const summary_row *row) {
  statistics t = statistics_of(s, row);
  json_t *settings = json_object(), *scores = json_array();
  for (int i = 0; i < s->setting_count; i++)
    json_object_set_new(settings, s->settings[i], json_string(row->values[i]));
  for (int i = 0; i < s->seed_count; i++)
    json_array_append_new(scores, number_or_null(row->scores[i]));
  json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "on", row->on, "label", row->label, "metric",
                             row->metric, "settings", settings, "scores", scores, "mean", number_or_null(t.mean),
                             "standard_deviation", number_or_null(t.deviation));
  if (row->difference)
    return object;
  json_object_set_new(object, "parameters", json_integer(row->parameters));
  json_object_set_new(object, "bytes", json_integer(row->bytes));
  json_object_set_new(object, "milliseconds_per_sample", json_real(row->milliseconds / (row->runs ? row->runs : 1)));
  return object;
}

static char *json_all(const summary *s, const char *experiment) {
  json_t *rows = json_array(), *seeds = json_array();
  for (int i = 0; i < s->seed_count; i++)
    json_array_append_new(seeds, json_integer(s->seeds[i]));
  for (int i = 0; i < s->row_count; i++)
    json_array_append_new(rows, json_row(s, &s->rows[i]));
  json_t *all = json_pack("{s:s, s:o, s:o}", "experiment", experiment, "seeds", seeds, "rows", rows);
  char *text = all ? json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(all);
  return text;
}

static bool write_text(const char *folder, const char *name, const char *text, failure *f) {
  char *path = memory_print("%s/%s", folder, name);
  bool good = file_write(path, text, strlen(text), f);
  free(path);
  return good;
}

bool summary_write(const summary *s, const char *experiment, const char *folder, failure *f) {
  char *csv = NULL, *json = json_all(s, experiment);
  size_t size = 0;
  FILE *to = open_memstream(&csv, &size);
  if (to)
    csv_all(s, to);
  bool good = to && fclose(to) == 0 && json;
  if (!good)
    fail(f, "cannot write the results into %s: a name in them is not UTF-8, or memory is short", folder);
  good = good && write_text(folder, "results.csv", csv, f) && write_text(folder, "results.json", json, f);
  free(csv);
  free(json);
  return good;
}
