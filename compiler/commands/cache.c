/* `retort cache`: what is kept between runs, and how to be rid of it. */
#include "compiler/commands/run_state.h"
#include "compiler/commands/units.h"
#include "runtime/run/kept_folder.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "retort cache - what is kept between runs: teachers' outputs, and compiled code\n"
    "\n"
    "USAGE\n"
    "  retort cache list\n"
    "  retort cache clear [--older-than DAYS] [NAME...]\n"
    "\n"
    "list prints of each set of outputs its name, size, rows, form, when it was last used and what it belongs to:\n"
    "file, stage, teacher, data; the last used one first.\n"
    "\n"
    "clear removes all of it, compiled code too (what retort tune has measured stays); or only what was not used for\n"
    "so many DAYS (fractions are allowed); or only the outputs with these names (the beginning will do), or of\n"
    "experiments, stages or files so named. What a run needs it makes again.\n"
    "\n"
    "The folder is named by the environment variable RETORT_CACHE (set to nothing, nothing is kept), else it is\n"
    "retort in XDG_CACHE_HOME or in ~/.cache. retort run keeps within --cache-limit: what was not used for longest\n"
    "goes first.\n"
    "\n"
    "EXIT STATUS\n"
    "  0 done, 2 wrong command line, 3 there is no such name, 4 something cannot be removed or written\n";

/* ---- compiled code ---- */

static const char object_suffix[] = ".object";

typedef struct objects {
  int count, removed;
  int64_t bytes;
} objects;

/* Also what a write that was cut off has left. */
static bool is_object(const char *name) {
  const char *dot = strstr(name, object_suffix);
  return dot == name + 32 && strspn(name, "0123456789abcdef") == 32;
}

/* Counts them and removes those not used since `before` (0: none). */
static objects visit_objects(const char *folder, time_t before) {
  objects found = {0};
  DIR *all = opendir(folder);
  for (struct dirent *one; all && (one = readdir(all));) {
    struct stat about;
    if (!is_object(one->d_name) || fstatat(dirfd(all), one->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    found.count++;
    found.bytes += about.st_size;
    time_t used = about.st_atime > about.st_mtime ? about.st_atime : about.st_mtime;
    if (used < before)
      found.removed += unlinkat(dirfd(all), one->d_name, 0) == 0;
  }
  if (all)
    closedir(all);
  return found;
}

/* ---- list ---- */

static void add_age(text *to, time_t used) {
  static const struct {
    long seconds;
    const char *name;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}};
  long age = (long)(time(NULL) - used);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (age >= units[i].seconds) {
      long count = age / units[i].seconds;
      text_add(to, "%ld %s%s ago", count, units[i].name, count == 1 ? "" : "s");
      return;
    }
  text_add(to, "just now");
}

static const char *word_of(const json_t *about, const char *key) {
  const char *word = json_string_value(json_object_get(about, key));
  return word ? word : "?";
}

static void print_entry(arena *a, const kept_entry *e, text *to) {
  text age = {0}, teachers = {0};
  const json_t *names = json_object_get(e->about, "teacher");
  add_age(&age, e->used);
  for (size_t i = 0; i < json_array_size(names); i++)
    text_add(&teachers, "%s%s", i ? ", " : "", json_string_value(json_array_get(names, i)));
  text_add(to, "%.12s  %10s  %9lld  %-8s  %-14s  %s: %s, %s on %s\n", e->name, bytes_text(a, (double)e->bytes),
           (long long)json_integer_value(json_object_get(e->about, "rows")), word_of(e->about, "form"), age.data,
           word_of(e->about, "file"), word_of(e->about, "stage"), teachers.length ? teachers.data : "?",
           word_of(e->about, "data"));
  text_free(&age);
  text_free(&teachers);
}

static int list(arena *a, const char *cache, const char *folder) {
  kept_list l = kept_list_read(folder);
  objects code = visit_objects(cache, 0);
  text t = {0};
  if (l.count > 0)
    text_add(&t, "%-12s  %10s  %9s  %-8s  %-14s  %s\n", "name", "size", "rows", "form", "last used", "belongs to");
  for (int i = 0; i < l.count; i++)
    print_entry(a, &l.entries[i], &t);
  text_add(&t, "%d set%s of teacher outputs, %s; compiled code: %d object%s, %s; in %s\n", l.count,
           l.count == 1 ? "" : "s", bytes_text(a, (double)l.bytes), code.count, code.count == 1 ? "" : "s",
           bytes_text(a, (double)code.bytes), cache);
  int status = write_output(&t);
  text_free(&t);
  kept_list_free(&l);
  return status;
}

/* ---- clear ---- */

static bool is_named(const kept_entry *e, const char *name) {
  const char *file = word_of(e->about, "file"), *slash = strrchr(file, '/');
  return (strlen(name) >= 4 && strncmp(e->name, name, strlen(name)) == 0) || strcmp(file, name) == 0 ||
         (slash && strcmp(slash + 1, name) == 0) || strcmp(word_of(e->about, "experiment"), name) == 0 ||
         strcmp(word_of(e->about, "stage"), name) == 0;
}

typedef struct clearing {
  const char *cache, *folder;
  time_t before; /* what was used since then stays */
  int name_count;
  const char **names;
} clearing;

static bool is_meant(const clearing *c, const kept_entry *e, bool *met) {
  bool meant = c->name_count == 0;
  for (int i = 0; i < c->name_count; i++)
    if (is_named(e, c->names[i]))
      meant = met[i] = true;
  return meant && e->used < c->before;
}

static int clear(arena *a, const clearing *c) {
  kept_list l = kept_list_read(c->folder);
  bool *met = memory_allocate((size_t)c->name_count, sizeof *met);
  int removed = 0, status = STATUS_DONE;
  int64_t bytes = 0;
  for (int i = 0; i < l.count; i++) {
    if (!is_meant(c, &l.entries[i], met))
      continue;
    if (kept_entry_remove(c->folder, l.entries[i].name)) {
      removed++;
      bytes += l.entries[i].bytes;
    } else {
      fprintf(stderr, "retort cache: %s/%s cannot be removed\n", c->folder, l.entries[i].name);
      status = STATUS_OUTPUT_FAILED;
    }
  }
  for (int i = 0; i < c->name_count; i++)
    if (!met[i]) {
      fprintf(stderr, "retort cache: nothing that is kept has the name or belongs to '%s'; retort cache list\n",
              c->names[i]);
      status = STATUS_INPUT_WRONG;
    }
  objects code = c->name_count == 0 ? visit_objects(c->cache, c->before) : (objects){0};
  text t = {0};
  text_add(&t, "removed: %d set%s of teacher outputs, %s", removed, removed == 1 ? "" : "s",
           bytes_text(a, (double)bytes));
  if (c->name_count == 0)
    text_add(&t, "; %d object%s", code.removed, code.removed == 1 ? "" : "s");
  text_add(&t, "\n");
  int written = write_output(&t);
  text_free(&t);
  free(met);
  kept_list_free(&l);
  return status == STATUS_DONE ? written : status;
}

/* ---- the command line ---- */

static int usage(const char *what, const char *word) {
  fprintf(stderr, "retort cache: %s%s; retort cache --help says more\n", what, word);
  return STATUS_USAGE_WRONG;
}

static int run_words(arena *a, int count, const char **words, const char *days) {
  const char *cache = cache_folder(a);
  char *end = NULL;
  double age = days ? strtod(days, &end) : 0;
  if (days && (end == days || *end || !(age >= 0 && age < 1e6)))
    return usage("--older-than takes a number of days, not ", days);
  bool listing = strcmp(words[0], "list") == 0;
  if (!listing && strcmp(words[0], "clear") != 0)
    return usage("list or clear, not ", words[0]);
  if (listing && (count > 1 || days))
    return usage("list takes no more words", "");
  if (!cache) {
    puts("nothing is kept: RETORT_CACHE is set to nothing, or there is no home");
    return finish_output();
  }
  const char *folder = arena_print(a, "%s/" TEACHERS_FOLDER, cache);
  if (listing)
    return list(a, cache, folder);
  /* without an age: whatever it is, even from a clock that is ahead */
  time_t before = days ? time(NULL) - (time_t)(age * 86400) : (time_t)INT32_MAX * 1000;
  return clear(a, &(clearing){cache, folder, before, count - 1, words + 1});
}

int command_cache(int count, char **arguments) {
  if (wants_help(count, arguments)) {
    fputs(help, stdout);
    return finish_output();
  }
  const char *days = NULL;
  const option options[] = {{.name = "--older-than", .value = &days}, {.name = NULL}};
  const char **words = memory_allocate((size_t)count, sizeof *words);
  int used = 0, status = STATUS_USAGE_WRONG;
  if (count < 2) {
    usage("list or clear?", "");
  } else if (options_read_files(count, arguments, options, words, &used)) {
    arena *a = arena_create();
    status = run_words(a, used, words, days);
    arena_destroy(a);
  }
  free(words);
  return status;
}
