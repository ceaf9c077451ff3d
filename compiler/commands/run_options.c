/* The command line of what runs experiments: `retort run`, `retort experiment`. */
#include "compiler/commands/memory_option.h"
#include "compiler/commands/precision.h"
#include "compiler/commands/run_state.h"
#include "compiler/commands/warnings.h"
#include "compiler/commands/without.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_CHECKPOINT_MINUTES = 5, TOP_MAX = 1 << 20 };
static const int64_t default_cache_limit = INT64_C(4) << 30;

bool parse_whole(const char *word, int64_t least, int64_t most, int64_t *value) {
  char *end;
  errno = 0;
  long long number = strtoll(word, &end, 10);
  *value = number;
  return *word && !*end && !errno && number >= least && number <= most;
}

static bool parse_numbers(run_options *o, const char *seed, const char *threads, failure *f) {
  int64_t number = 1;
  if (seed && !parse_whole(seed, 0, INT64_MAX, &number))
    return fail(f, "--seed %s: expected a whole number of 0 or more", seed);
  o->seed = (uint64_t)number;
  number = default_threads();
  if (threads && !parse_whole(threads, 1, 1024, &number))
    return fail(f, "--threads %s: expected a number from 1 to 1024", threads);
  o->threads = (int)number;
  return true;
}

static bool parse_checkpoints(run_options *o, const char *steps, const char *minutes, failure *f) {
  o->checkpoints_wanted = steps || minutes;
  if (steps && !parse_whole(steps, 0, INT32_MAX, &o->checkpoint_steps))
    return fail(f, "--checkpoint-steps %s: expected a whole number of 0 or more", steps);
  char *end = NULL;
  o->checkpoint_minutes = minutes ? strtod(minutes, &end) : DEFAULT_CHECKPOINT_MINUTES;
  if (minutes && (!*minutes || *end || !(o->checkpoint_minutes >= 0 && o->checkpoint_minutes <= 1e6)))
    return fail(f, "--checkpoint-minutes %s: expected a number of 0 or more", minutes);
  return true;
}

bool parse_size(const char *word, int64_t *bytes) {
  static const char units[] = "KMGT";
  char *end;
  errno = 0;
  double number = strtod(word, &end), unit = 1;
  const char *found = *end >= 'A' ? strchr(units, *end & ~32) : NULL;
  if (end == word || errno || !(number >= 0))
    return false;
  for (const char *u = units; found && u <= found; u++)
    unit *= 1024;
  if (found)
    end += strcmp(end + 1, "iB") == 0 ? 3 : 1;
  if (*end || !(number * unit < 0x1p62))
    return false;
  *bytes = (int64_t)(number * unit);
  return true;
}

static bool parse_teacher_cache(run_options *o, const char *word, const char *limit, failure *f) {
  int64_t top;
  o->cache_limit = default_cache_limit;
  o->teacher_form = "float32"; /* when nothing is kept, too */
  if (limit && !parse_size(limit, &o->cache_limit))
    return fail(f, "--cache-limit %s: expected a size, as 500M or 4G", limit);
  if (!word || strcmp(word, "f32") == 0)
    return true;
  if (strcmp(word, "off") == 0)
    o->teacher_cache = TEACHER_CACHE_OFF;
  else if (strcmp(word, "f16") == 0) {
    o->teacher_cache = TEACHER_CACHE_HALF;
    o->teacher_form = "float16";
  } else if (strncmp(word, "top-", 4) == 0 && parse_whole(word + 4, 1, TOP_MAX, &top)) {
    o->teacher_cache = TEACHER_CACHE_TOP;
    o->teacher_top = (int)top;
    o->teacher_form = word;
  } else
    return fail(f, "--teacher-cache %s: expected f32, f16, top-K (as top-16) or off", word);
  return true;
}

bool run_options_read(int count, char **arguments, const option *further, run_options *o) {
  enum { OPTIONS_MAX = 32 };
  const char *seed = NULL, *threads = NULL, *steps = NULL, *minutes = NULL, *layout = NULL, *contractions = NULL;
  const char *teacher_cache = NULL, *cache_limit = NULL, *memory = NULL;
  *o = (run_options){0};
  o->overrides = memory_allocate((size_t)count, sizeof *o->overrides);
  o->loads = memory_allocate((size_t)count, sizeof *o->loads);
  o->checks.off = o->checks_off = memory_allocate((size_t)count, sizeof *o->checks_off);
  o->checks.on = o->checks_on = memory_allocate((size_t)count, sizeof *o->checks_on);
  const char **without = memory_allocate((size_t)count, sizeof *without);
  o->precisions = memory_allocate((size_t)count, sizeof *o->precisions);
  o->choices = memory_allocate((size_t)count, sizeof *o->choices);
  int without_count = 0;
  option options[OPTIONS_MAX] = {
      {.name = "--set", .list = o->overrides, .list_count = &o->override_count},
      {.name = "--load", .list = o->loads, .list_count = &o->load_count},
      {.name = "--seed", .value = &seed},
      {.name = "--threads", .value = &threads},
      {.name = "--out", .value = &o->out},
      {.name = "--checkpoint-steps", .value = &steps},
      {.name = "--checkpoint-minutes", .value = &minutes},
      {.name = "--teacher-cache", .value = &teacher_cache},
      {.name = "--cache-limit", .value = &cache_limit},
      {.name = "--layout", .value = &layout},
      {.name = "--cpu", .value = &o->compile.cpu},
      {.name = "--contractions", .value = &contractions},
      {.name = "--precision", .list = o->precisions, .list_count = &o->precision_count},
      {.name = "--memory", .value = &memory},
      {.name = "--without", .list = without, .list_count = &without_count},
      {.name = "--models", .value = &o->models},
      {.name = "--no-warn", .list = o->checks_off, .list_count = &o->checks.off_count},
      {.name = "--warn", .list = o->checks_on, .list_count = &o->checks.on_count},
      {.name = "--warnings-as-errors", .flag = &o->warnings_fatal},
      {.name = "--interpret", .flag = &o->compile.interpret},
      {.name = "--reproducible", .flag = &o->compile.reproducible},
      {.name = NULL},
  };
  int used = 0;
  while (options[used].name)
    used++;
  for (; further && further->name && used < OPTIONS_MAX - 1; further++)
    options[used++] = *further;
  failure f = {0};
  bool good = options_read(count, arguments, options, &o->file) &&
              memory_read(arguments[0], memory, &o->compile.switches.budget.bytes) &&
              layout_read(arguments[0], layout, &o->layout) &&
              option_contractions(arguments[0], contractions, &o->compile.contractions) &&
              option_reproducible(arguments[0], o->compile.reproducible, o->compile.contractions);
  if (good && !(parse_numbers(o, seed, threads, &f) && parse_checkpoints(o, steps, minutes, &f) &&
                parse_teacher_cache(o, teacher_cache, cache_limit, &f))) {
    fprintf(stderr, "retort %s: %s; retort %s --help says more\n", arguments[0], f.text, arguments[0]);
    good = false;
  }
  failure_free(&f);
  good = good && warnings_known(arguments[0], &o->checks) &&
         precision_read(arguments[0], o->precision_count, o->precisions, o->choices, &o->compile.switches) &&
         switch_off(arguments[0], without_count, without, &o->compile.switches);
  free(without);
  return good;
}

void run_options_free(run_options *o) {
  free(o->overrides);
  free(o->loads);
  free(o->checks_off);
  free(o->checks_on);
  free(o->precisions);
  free(o->choices);
}
