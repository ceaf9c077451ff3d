/* Measures whole steps and forward passes and writes build/bench.json:
 *   {"cpu": …, "threads": …, "results": [{"name", "unit", "value", "runs", "peak_mib"}…]}
 *   bench [--threads N] [--runs N] [--models FOLDER] [--layout padded|packed] [--only NAME] FILE
 * Each work runs in a process of its own, so that its peak memory is its own; values are medians.
 *   bench serve …      one work beside its peers (serve.c)
 *   bench lengths      of SST-2's sentences */
#include "compiler/commands/tune.h"
#include "tests/bench/work.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const work works[] = {
    {.name = "distill-small", .stage = "distill", .rows = 64, .length = 64},
    {.name = "distill-small-ragged", .stage = "distill", .rows = 64, .length = 64, .ragged = true},
    {.name = "predict-small-ragged", .stage = "predict_small", .rows = 64, .length = 64, .ragged = true},
    {.name = "predict-small-ragged-cached",
     .stage = "predict_small",
     .rows = 64,
     .length = 64,
     .ragged = true,
     .cached = true},
    {.name = "pooled", .stage = "pooled", .rows = 32, .length = 128},
    {.name = "infer-tiny4-1x32", .model = "tiny4", .rows = 1, .length = 32},
    {.name = "infer-tiny4-1x128", .model = "tiny4", .rows = 1, .length = 128},
    {.name = "infer-base-1x128", .model = "base", .rows = 1, .length = 128},
    {.name = "compile-distill-small", .stage = "distill", .rows = 64, .length = 64, .compile = true},
    {.name = "read-sst2", .text = true},
    {.name = "epoch-small", .run = RUN_EPOCH},
    {.name = "epoch-small-cached", .run = RUN_EPOCH, .cached = true},
    {.name = "resume-more-than-a-start", .run = RUN_RESUME},
    {.name = "loader-share", .stage = "distill", .rows = 64, .length = 64, .ragged = true, .loader = true},
};

/* Runs the work in a child; false when it fails. */
static bool measure_apart(const work *w, const bench_options *options, measurement *result) {
  int ends[2];
  if (pipe(ends) != 0)
    return false;
  pid_t child = fork();
  if (child == 0) {
    measurement m = {0};
    bool good = measure_work(w, options, &m);
    struct rusage usage;
    getrusage(w->run ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
    m.peak_mib = (double)usage.ru_maxrss / 1024;
    good = good && write(ends[1], &m, sizeof m) == sizeof m;
    _exit(good ? 0 : 1);
  }
  close(ends[1]);
  bool good = child > 0 && read(ends[0], result, sizeof *result) == sizeof *result;
  close(ends[0]);
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0 && good;
}

static json_t *cpu_name(void) {
  FILE *file = fopen("/proc/cpuinfo", "r");
  char line[512];
  json_t *result = NULL;
  while (file && !result && fgets(line, sizeof line, file))
    if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
      line[strcspn(line, "\n")] = 0;
      result = json_string(strchr(line, ':') + 2);
    }
  if (file)
    fclose(file);
  return result ? result : json_string("unknown");
}

int main(int count, char **arguments) {
  if (count > 1 && strcmp(arguments[1], "serve") == 0)
    return serve(count - 2, arguments + 2);
  if (count > 1 && strcmp(arguments[1], "lengths") == 0)
    return print_lengths() ? 0 : 1;
  bench_options options = {.models = "models", .file = "tests/bench/bench.rt", .threads = 2, .runs = 11};
  const char *to = NULL, *only = NULL;
  for (int i = 1; i < count; i++) {
    const char *next = i + 1 < count ? arguments[i + 1] : NULL;
    if (strcmp(arguments[i], "--threads") == 0 && next)
      options.threads = atoi(arguments[++i]);
    else if (strcmp(arguments[i], "--runs") == 0 && next)
      options.runs = atoi(arguments[++i]);
    else if (strcmp(arguments[i], "--contractions") == 0 && next &&
             contractions_read(next, &options.compile.contractions))
      i++;
    else if (strcmp(arguments[i], "--models") == 0 && next)
      options.models = arguments[++i];
    else if (strcmp(arguments[i], "--layout") == 0 && next) {
      options.layout_chosen = true;
      options.compile.switches.packed = strcmp(arguments[++i], "packed") == 0;
    } else if (strcmp(arguments[i], "--only") == 0 && next)
      only = arguments[++i];
    else
      to = arguments[i];
  }
  if (!to || options.threads < 1 || options.runs < 1) {
    fputs("usage: bench [--threads N] [--runs N] [--contractions auto|emitted|blas] [--models FOLDER] "
          "[--layout padded|packed] [--only NAME] FILE\n",
          stderr);
    return 2;
  }
  arena *a = arena_create();
  tune_options(a, &options.compile, true);
  json_t *results = json_array();
  bool good = true;
  for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
    measurement m = {0};
    if (only && strcmp(only, works[i].name) != 0)
      continue;
    if ((works[i].text || works[i].loader || works[i].run) && !getenv("RETORT_DATA")) {
      printf("%-28s skipped: RETORT_DATA is not set\n", works[i].name);
      continue;
    }
    if (!measure_apart(&works[i], &options, &m)) {
      fprintf(stderr, "%s: failed\n", works[i].name);
      good = false;
      continue;
    }
    const char *unit = works[i].text ? "MB/s" : works[i].loader ? "%" : works[i].compile || works[i].run ? "s" : "ms";
    printf("%-28s %9.3f %-4s  %7.1f MiB  (median of %d)\n", works[i].name, m.median, unit, m.peak_mib, m.runs);
    fflush(stdout);
    json_array_append_new(results, json_pack("{s:s,s:s,s:f,s:i,s:f}", "name", works[i].name, "unit", unit, "value",
                                             m.median, "runs", m.runs, "peak_mib", m.peak_mib));
  }
  json_t *all = json_pack("{s:o,s:i,s:o}", "cpu", cpu_name(), "threads", options.threads, "results", results);
  good = json_dump_file(all, to, JSON_INDENT(1)) == 0 && good;
  json_decref(all);
  arena_destroy(a);
  return good ? 0 : 1;
}
