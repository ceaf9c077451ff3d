#include "compiler/commands/command.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool wants_help(int count, char **arguments) {
  for (int i = 1; i < count; i++)
    if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h"))
      return true;
  return false;
}

static bool usage_error(const char *name, const char *what, const char *word) {
  fprintf(stderr, "retort %s: %s%s; retort %s --help says more\n", name, what, word, name);
  return false;
}

static const option *find_option(const option *options, const char *name, size_t length) {
  for (; options->name; options++)
    if (strlen(options->name) == length && !strncmp(options->name, name, length))
      return options;
  return NULL;
}

bool options_read_files(int count, char **arguments, const option *options, const char **files, int *file_count) {
  const char *name = arguments[0];
  *file_count = 0;
  for (int i = 1; i < count; i++) {
    const char *word = arguments[i];
    if (word[0] != '-' || !word[1]) {
      files[(*file_count)++] = word;
      continue;
    }
    const char *equals = strchr(word, '=');
    const option *o = find_option(options, word, equals ? (size_t)(equals - word) : strlen(word));
    if (!o)
      return usage_error(name, "unknown option ", word);
    if (o->flag) {
      if (equals)
        return usage_error(name, "takes no value: ", o->name);
      *o->flag = true;
      continue;
    }
    const char *value = equals ? equals + 1 : i + 1 < count ? arguments[++i] : NULL;
    if (!value)
      return usage_error(name, "a value is missing behind ", o->name);
    if (o->value)
      *o->value = value;
    else
      o->list[(*o->list_count)++] = value;
  }
  return *file_count > 0 ? true : usage_error(name, "which file?", "");
}

bool options_read(int count, char **arguments, const option *options, const char **file) {
  const char **files = calloc((size_t)count + 1, sizeof *files);
  int used = 0;
  bool good = files && options_read_files(count, arguments, options, files, &used);
  *file = used ? files[0] : NULL;
  if (good && used > 1)
    good = usage_error(arguments[0], "more than one file: ", files[1]);
  free(files);
  return good;
}

bool option_number(const char *of, const char *name, const char *word, int least, int most, int *value) {
  if (!word)
    return true;
  char *end;
  errno = 0;
  long number = strtol(word, &end, 10);
  if (!*word || *end || errno || number < least || number > most) {
    fprintf(stderr, "retort %s: %s %s: expected a number from %d to %d\n", of, name, word, least, most);
    return false;
  }
  *value = (int)number;
  return true;
}

bool option_contractions(const char *of, const char *word, contraction_code *by) {
  if (!word || contractions_read(word, by))
    return true;
  fprintf(stderr, "retort %s: --contractions %s: expected auto, emitted or blas\n", of, word);
  return false;
}

bool option_reproducible(const char *of, bool reproducible, contraction_code by) {
  if (!reproducible || by != CONTRACTIONS_LIBRARY)
    return true;
  fprintf(stderr, "retort %s: --reproducible has contractions by emitted code: it does not go with blas\n", of);
  return false;
}

int default_threads(void) {
  const char *wanted = getenv("OMP_NUM_THREADS");
  char *end = NULL;
  long number = wanted ? strtol(wanted, &end, 10) : 0;
  if (!wanted || *end || number < 1 || number > 1024)
    number = sysconf(_SC_NPROCESSORS_ONLN);
  return number > 1 ? (int)number : 1;
}

static bool is_folder(const char *path) {
  return access(path, R_OK | X_OK) == 0;
}

const char *models_folder(arena *a) {
  const char *given = getenv("RETORT_MODELS");
  if (given && *given)
    return given;
  char program[4096];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  char *slash = length > 0 && length < (ssize_t)sizeof program ? memrchr(program, '/', (size_t)length) : NULL;
  if (slash) {
    static const char *const beside[] = {"../share/retort/models", "../models", "../../models"};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
      const char *path = arena_print(a, "%.*s/%s", (int)(slash - program), program, beside[i]);
      char shortest[PATH_MAX]; /* messages name files there */
      if (is_folder(path) && realpath(path, shortest))
        return arena_copy(a, shortest, strlen(shortest));
    }
  }
  return RETORT_MODELS;
}

const char *cache_folder(arena *a) {
  const char *given = getenv("RETORT_CACHE"), *shared = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (given)
    return *given ? given : NULL;
  if (shared && *shared == '/')
    return arena_print(a, "%s/retort", shared);
  return home && *home == '/' ? arena_print(a, "%s/.cache/retort", home) : NULL;
}

bool wants_color(void) {
  const char *no_color = getenv("NO_COLOR");
  return isatty(STDERR_FILENO) && !(no_color && *no_color);
}

int finish_output(void) {
  errno = 0;
  if (!fflush(stdout) && !ferror(stdout))
    return STATUS_DONE;
  fprintf(stderr, "retort: cannot write the output: %s\n", strerror(errno));
  return STATUS_OUTPUT_FAILED;
}

int write_output(const text *t) {
  if (t->length)
    fwrite(t->data, 1, t->length, stdout);
  return finish_output();
}

int report_diagnostics(const diagnostics *d) {
  fflush(stdout);
  diagnostics_print(d, stderr, wants_color());
  return diagnostics_error_count(d) ? STATUS_SOURCE_WRONG : STATUS_DONE;
}

int report_errors(const diagnostics *d) {
  return diagnostics_error_count(d) ? report_diagnostics(d) : STATUS_DONE;
}
