/* Whole runs of the program: an epoch with and without kept teacher outputs, and what going on after a kill costs more
 * than a fresh start. Teacher and student are distill-small's, rows SST-2's. */
#include "runtime/data/memory.h"
#include "runtime/data/text_file.h"
#include "tests/bench/bound.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 1920, LONG_EPOCHS = 3, RESUME_STEPS = ROWS / 64, RUNS_MOST = 3, WORDS_MAX = 24 };

typedef struct runs {
  const bench_options *options;
  char *program, *folder, *models;
} runs;

static const char source[] = //
    "use bert, tinybert, optimizers\n"
    "experiment e {\n"
    "  data train = tsv(\"train.tsv\", text: 0, label: 1, classes: 2) |> wordpiece(\"bert-uncased/vocab.txt\", length: "
    "64)\n"
    "  model teacher = bert_classifier(layers: 4, hidden: 256, heads: 4, ff: 1024, drop: 0.0)\n"
    "  model student = bert_classifier(layers: 2, hidden: 128, heads: 4, ff: 512, drop: 0.0)\n"
    "  stage predict { distill teacher -> student with tinybert_prediction  epochs 1  batch 64  optimizer adamw(lr: "
    "5e-4) }\n"
    "}\n";

static bool write_text(const runs *r, const char *name, const char *bytes, size_t count) {
  char *path = memory_print("%s/%s", r->folder, name);
  FILE *file = fopen(path, "wb");
  bool good = file && fwrite(bytes, 1, count, file) == count;
  good = file && fclose(file) == 0 && good;
  if (!good)
    fprintf(stderr, "cannot write %s\n", path);
  free(path);
  return good;
}

/* The first lines of SST-2's training set. */
static bool write_rows(const runs *r) {
  const char *data = getenv("RETORT_DATA");
  char *path = memory_print("%s/sst2/train.tsv", data ? data : "");
  failure f = {0};
  text_file file;
  bool good = text_file_open(path, ENCODING_UTF8, &file, &f);
  if (good) {
    size_t end = 0;
    for (int lines = 0; end < file.size && lines < ROWS; end++)
      lines += ((const char *)file.bytes)[end] == '\n';
    good = write_text(r, "train.tsv", (const char *)file.bytes, end);
    text_file_close(&file);
  } else {
    fprintf(stderr, "%s\n", f.text);
  }
  failure_free(&f);
  free(path);
  return good;
}

static bool begin(runs *r, const bench_options *options) {
  char own[PATH_MAX], models[PATH_MAX], *slash = NULL;
  ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  own[length > 0 ? length : 0] = 0;
  for (int i = 0; i < 3 && (slash = strrchr(own, '/')) != NULL; i++)
    *slash = 0; /* BUILD/tests/bench/bench */
  *r = (runs){.options = options, .program = memory_print("%s/retort", own)};
  r->models = memory_print("%s", realpath(options->models, models) ? models : options->models);
  r->folder = memory_print("/tmp/retort-bench-runs-XXXXXX");
  if (!mkdtemp(r->folder) || access(r->program, X_OK) != 0) {
    fprintf(stderr, "there is no %s, or no folder can be made\n", r->program);
    return false;
  }
  char *cache = memory_print("%s/cache", r->folder);
  setenv("RETORT_CACHE", cache, 1);
  setenv("RETORT_MODELS", r->models, 1);
  free(cache);
  return write_rows(r) && write_text(r, "e.rt", source, sizeof source - 1);
}

/* Starts the program in the folder; `words` ends with NULL. */
static pid_t start(const runs *r, const char *const *words) {
  pid_t child = fork();
  if (child != 0)
    return child;
  char threads[16];
  const char *all[WORDS_MAX] = {"retort",
                                "run",
                                "e.rt",
                                "--threads",
                                threads,
                                "--layout",
                                r->options->compile.switches.packed ? "packed" : "padded"};
  snprintf(threads, sizeof threads, "%d", r->options->threads);
  for (int i = 7; *words && i < WORDS_MAX - 1; i++)
    all[i] = *words++;
  int nothing = open("/dev/null", O_WRONLY);
  dup2(nothing, STDOUT_FILENO);
  dup2(nothing, STDERR_FILENO);
  if (chdir(r->folder) == 0)
    execv(r->program, (char *const *)(uintptr_t)all);
  _exit(127);
}

/* Its time in seconds; -1 when it fails. */
static double run(const runs *r, const char *const *words) {
  int status = 1;
  double began = bench_seconds();
  pid_t child = start(r, words);
  bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
  if (!good)
    fprintf(stderr, "a run of %s fails\n", r->program);
  return good ? bench_seconds() - began : -1;
}

static void end(runs *r) {
  pid_t child = fork();
  if (child == 0) {
    execlp("rm", "rm", "-rf", "--", r->folder, (char *)NULL);
    _exit(127);
  }
  waitpid(child, NULL, 0);
  free(r->program);
  free(r->models);
  free(r->folder);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* What further epochs take, so that starting is not in it. */
static double epoch_once(const runs *r, bool cached) {
  const char *form = cached ? "f32" : "off";
  char more[64];
  snprintf(more, sizeof more, "stage.predict.epochs=%d", 1 + LONG_EPOCHS);
  double one = run(r, (const char *[]){"--teacher-cache", form, NULL});
  double all = run(r, (const char *[]){"--teacher-cache", form, "--set", more, NULL});
  return one < 0 || all < 0 ? -1 : (all - one) / LONG_EPOCHS;
}

static bool is_there(const runs *r, const char *name) {
  char *path = memory_print("%s/%s", r->folder, name);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

/* A run of two epochs is killed after the first; what is left of it, against a fresh run of one epoch. */
static double resume_once(const runs *r) {
  static const char two[] = "stage.predict.epochs=2";
  char steps[16], checkpoint[64];
  snprintf(steps, sizeof steps, "%d", RESUME_STEPS);
  snprintf(checkpoint, sizeof checkpoint, "kept.checkpoint/%012d.checkpoint", RESUME_STEPS);
  double fresh = run(r, (const char *[]){"--out", "fresh", NULL});
  pid_t child = start(r, (const char *[]){"--set", two, "--out", "kept", "--checkpoint-steps", steps, NULL});
  int status = 0;
  bool ended = child < 0;
  while (!ended && !is_there(r, checkpoint)) {
    usleep(1000);
    ended = waitpid(child, &status, WNOHANG) != 0;
  }
  if (!ended) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  double resumed = run(r, (const char *[]){"--set", two, "--resume", "kept", NULL});
  return fresh < 0 || resumed < 0 ? -1000 : resumed - fresh;
}

bool measure_run(const work *w, const bench_options *options, measurement *result) {
  runs r;
  double times[RUNS_MOST];
  int count = options->runs < RUNS_MOST ? options->runs : RUNS_MOST;
  bool good = begin(&r, options) && run(&r, (const char *[]){NULL}) >= 0; /* makes objects and outputs */
  for (int i = 0; i < count && good; i++) {
    times[i] = w->run == RUN_RESUME ? resume_once(&r) : epoch_once(&r, w->cached);
    good = times[i] > (w->run == RUN_RESUME ? -100 : 0);
  }
  end(&r);
  if (!good)
    return false;
  qsort(times, (size_t)count, sizeof *times, compare);
  *result = (measurement){.median = times[count / 2], .runs = count};
  return true;
}
