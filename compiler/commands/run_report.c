/* What a run leaves of its results: results.json, confusion.json, report.html, events for TensorBoard. */
#include "compiler/commands/run_state.h"
#include "runtime/data/file.h"
#include "runtime/run/events.h"
#include "runtime/run/report.h"
#include <stdlib.h>
#include <time.h>

enum { CONFUSION_CLASSES_MAX = 1000 };

static json_t *class_names(const run_state *r, int data) {
  const class_list *classes = run_classes(r, data);
  if (!classes || !classes->names)
    return NULL;
  json_t *names = json_array();
  for (int i = 0; i < classes->count; i++)
    json_array_append_new(names, json_string(classes->names[i]));
  return names;
}

/* Rows by label, columns by prediction. */
static json_t *count_confusion(const dataset *data, const int32_t *predictions, int classes) {
  int64_t *counts = memory_allocate((size_t)classes * (size_t)classes, sizeof *counts);
  for (int64_t i = 0; i < data->count; i++)
    if (data->labels[i] >= 0 && data->labels[i] < classes)
      counts[(int64_t)data->labels[i] * classes + predictions[i]]++;
  json_t *rows = json_array();
  for (int i = 0; i < classes; i++) {
    json_t *row = json_array();
    for (int k = 0; k < classes; k++)
      json_array_append_new(row, json_integer(counts[(int64_t)i * classes + k]));
    json_array_append_new(rows, row);
  }
  free(counts);
  return rows;
}

void run_note_confusion(const run_state *r, int data, const int32_t *predictions, int classes, json_t *result) {
  if (!r->data[data]->labels || classes > CONFUSION_CLASSES_MAX)
    return;
  json_object_set_new(result, "confusion", count_confusion(r->data[data], predictions, classes));
  json_t *names = class_names(r, data);
  if (names)
    json_object_set_new(result, "classes", names);
}

/* Matrices have a file of their own, without white space: they may be large. */
static bool write_results(run_state *r, failure *f) {
  json_t *plain = json_array(), *matrices = json_array(), *result;
  size_t i;
  json_array_foreach(r->results, i, result) {
    json_t *rest = json_copy(result), *matrix = json_object();
    static const char *const keys[] = {"label", "model", "on", "classes", "confusion"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
      if (json_object_get(result, keys[k]))
        json_object_set(matrix, keys[k], json_object_get(result, keys[k]));
    json_object_del(rest, "classes");
    json_object_del(rest, "confusion");
    json_array_append_new(plain, rest);
    json_array_append_new(matrices, matrix);
  }
  char *compact = json_dumps(matrices, JSON_COMPACT);
  bool good = output_folder_write_json(r->output, "results.json", plain, f);
  if (good && compact)
    good = output_folder_write(r->output, "confusion.json", compact, f);
  free(compact);
  json_decref(plain);
  json_decref(matrices);
  return good;
}

static bool write_layers(run_state *r, failure *f) {
  char *compact = json_dumps(r->layers, JSON_COMPACT | JSON_REAL_PRECISION(6));
  bool good = compact && output_folder_write(r->output, "layers.json", compact, f);
  free(compact);
  return good;
}

static bool write_page(run_state *r, const json_t *settings, failure *f) {
  mapped_file source;
  if (!file_map(program_path(r->program), &source, f))
    return false;
  report about = {.settings = settings,
                  .results = r->results,
                  .layers = r->layers,
                  .source = (const char *)source.bytes,
                  .source_size = source.size};
  about.metrics = output_folder_log_text(r->output, &about.metrics_size);
  char *page = report_page(&about, f);
  bool good = page && output_folder_write(r->output, "report.html", page, f);
  free(page);
  file_unmap(&source);
  return good;
}

static bool write_events(run_state *r, failure *f) {
  size_t metrics_size, size;
  const char *metrics = output_folder_log_text(r->output, &metrics_size);
  unsigned char *events = events_encode(metrics, metrics_size, r->results, (double)time(NULL), &size);
  bool good = output_folder_write_bytes(r->output, EVENTS_FILE, events, size, f);
  free(events);
  return good;
}

bool run_write_results(run_state *r, const json_t *settings, failure *f) {
  return write_results(r, f) && (!r->layers || write_layers(r, f)) && write_page(r, settings, f) && write_events(r, f);
}
