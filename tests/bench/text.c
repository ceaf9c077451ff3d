/* Reading a labelled set: bytes to token ids, on one core. The text is RETORT_DATA's sst2/train.tsv, repeated. */
#include "runtime/data/batch.h"
#include "tests/bench/bound.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 20 };

/* Of this process: what it takes a core, whatever else the machine does. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Its size in bytes; 0 after a failure. */
static double write_repeated(const char *from, const char *to, failure *f) {
  text_file read;
  if (!text_file_open(from, ENCODING_UTF8, &read, f))
    return 0;
  FILE *file = fopen(to, "wb");
  for (int i = 0; file && i < REPEATS; i++) {
    fwrite(read.bytes, 1, read.size, file);
    fputc('\n', file); /* the last line has none */
  }
  bool good = file && !ferror(file);
  if (!file || fclose(file) != 0 || !good)
    fail(f, "cannot write %s", to);
  double size = REPEATS * (double)(read.size + 1);
  text_file_close(&read);
  return f->text ? 0 : size;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* A set with labels as SST-2 has them; NULL after a failure. */
static dataset *load(const char *path, const wordpiece *w, int length, failure *f) {
  record_source source = {.path = path, .format = RECORDS_TSV};
  source.columns[RECORD_LABEL].number = 1;
  source.columns[RECORD_PAIR].number = source.columns[RECORD_TARGET].number = -1;
  const dataset_options options = {.source_count = 1, .sources = &source, .classes = 2, .length = length};
  class_list classes = {0};
  dataset *d = w ? dataset_load(&options, w, &classes, f) : NULL;
  class_list_free(&classes);
  return d;
}

static wordpiece *load_vocabulary(failure *f) {
  const char *data = getenv("RETORT_DATA");
  char *path = memory_print("%s/bert-uncased/vocab.txt", data ? data : "");
  wordpiece *w = wordpiece_load(path, true, f);
  free(path);
  return w;
}

/* SST-2's training sentences; NULL after printing what is wrong. */
static dataset *load_sst2(int length) {
  const char *data = getenv("RETORT_DATA");
  failure f = {0};
  char *path = memory_print("%s/sst2/train.tsv", data ? data : "");
  wordpiece *w = load_vocabulary(&f);
  dataset *d = load(path, w, length, &f);
  if (!d)
    fprintf(stderr, "%s\n", f.text);
  wordpiece_free(w);
  free(path);
  failure_free(&f);
  return d;
}

static bool measure(const char *path, const wordpiece *w, double megabytes, int runs, measurement *result, failure *f) {
  double *rates = memory_allocate((size_t)runs, sizeof *rates);
  for (int i = 0; i < runs && !f->text; i++) {
    double began = now();
    dataset *d = load(path, w, 64, f);
    rates[i] = megabytes / (now() - began);
    dataset_free(d);
  }
  qsort(rates, (size_t)runs, sizeof *rates, compare);
  result->median = rates[runs / 2];
  result->runs = runs;
  free(rates);
  return !f->text;
}

bool measure_text(const bench_options *options, measurement *result) {
  const char *data = getenv("RETORT_DATA");
  failure f = {0};
  char *from = memory_print("%s/sst2/train.tsv", data ? data : ""),
       *to = memory_print("/tmp/retort-bench-%d", getpid());
  wordpiece *w = load_vocabulary(&f);
  double size = w ? write_repeated(from, to, &f) : 0;
  bool good = size > 0 && measure(to, w, size / 1e6, options->runs, result, &f);
  if (f.text)
    fprintf(stderr, "%s\n", f.text);
  unlink(to);
  wordpiece_free(w);
  free(from);
  free(to);
  failure_free(&f);
  return good;
}

bool measure_loader(const work *w, const bench_options *options, double *milliseconds) {
  dataset *d = load_sst2(w->length);
  if (!d)
    return false;
  batcher *b = batcher_create(d, w->rows, 0, true, 1);
  double *times = memory_allocate((size_t)options->runs, sizeof *times);
  int64_t step = 0, count = batcher_per_epoch(b);
  for (int i = 0; i < options->runs; i++) {
    double began = bench_seconds();
    for (int64_t k = 0; k < count; k++)
      batcher_fill(b, step++);
    times[i] = (bench_seconds() - began) / (double)count * 1e3;
  }
  qsort(times, (size_t)options->runs, sizeof *times, compare);
  *milliseconds = times[options->runs / 2];
  free(times);
  batcher_free(b);
  dataset_free(d);
  return true;
}

bool print_lengths(void) {
  dataset *d = load_sst2(128);
  for (int64_t i = 0; d && i < d->count; i++)
    printf("%s%d", i ? "," : "[", (int)(d->starts[i + 1] - d->starts[i]));
  if (d)
    puts("]");
  bool good = d != NULL;
  dataset_free(d);
  return good;
}
