/* `retort experiment`: the same experiment over seeds and settings, and one table at the end. */
#include "compiler/commands/experiment_plan.h"
#include "runtime/data/file.h"
#include "runtime/run/progress.h"
#include "runtime/run/summary.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "retort experiment - runs a file over seeds and settings, and puts the scores into one table\n"
    "\n"
    "USAGE\n"
    "  retort experiment [options] FILE\n"
    "\n"
    "OPTIONS\n"
    "  --seeds N           runs of each setting, with the seeds 1 to N (default 3)\n"
    "  --seed N            the first of these seeds (default 1)\n"
    "  --sweep NAME=A,B,…  a run for each of the values; the names are those of --set; several sweeps are combined.\n"
    "                      A comma within brackets or quotes belongs to the value\n"
    "  --out DIR           keeps each run in a folder of its own there, as retort run --out does, and the table as\n"
    "                      results.csv and results.json\n"
    "  --set NAME=VALUE, --threads N, --load MODEL=PATH, --checkpoint-minutes N, --checkpoint-steps N,\n"
    "  --teacher-cache FORM, --cache-limit SIZE, --layout LAYOUT, --memory SIZE, --precision P, --without PASS,\n"
    "  --cpu NAME, --contractions CODE, --reproducible, --interpret, --models DIR, --no-warn NAME, --warn NAME,\n"
    "  --warnings-as-errors\n"
    "                      as for retort run\n"
    "\n"
    "With --out the whole can be interrupted or killed, and the same command goes on: a run that is finished is not\n"
    "repeated, one that was cut off goes on from its last checkpoint. More seeds or more values add the runs that are\n"
    "missing; where data, settings or what the file says of a run have changed, it is made again. All settings are\n"
    "checked before the first run starts. A run whose loss becomes NaN is left out of the table; the others go on.\n"
    "\n"
    "A row whose name is a difference compares a distilled model with the one that is built alike and learned without\n"
    "a teacher, seed by seed. «deviation» is the sample standard deviation over the seeds.\n"
    "\n"
    "EXIT STATUS\n"
    "  as for retort run: 0 all runs are finished, 5 a loss of one of them is NaN or infinite, 130 interrupted\n";

static const char marker[] = "experiment.json"; /* a folder with this file is an experiment's */

typedef struct experiment {
  experiment_plan plan;
  summary *summary;
  int finished, total;
} experiment;

/* ---- the folder ---- */

static bool folder_is_free(const char *path) {
  DIR *folder = opendir(path);
  bool free_of_files = folder != NULL, marked = false;
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    free_of_files = free_of_files && entry->d_name[0] == '.';
    marked = marked || strcmp(entry->d_name, marker) == 0;
  }
  if (folder)
    closedir(folder);
  return free_of_files || marked;
}

static json_t *describe(const experiment_plan *p) {
  json_t *sweeps = json_object(), *seeds = json_array();
  for (int i = 0; i < p->sweep_count; i++) {
    json_t *values = json_array();
    for (int k = 0; k < p->values[i].count; k++)
      json_array_append_new(values, json_string(p->values[i].items[k]));
    json_object_set_new(sweeps, p->names[i], values);
  }
  for (int i = 0; i < p->seed_count; i++)
    json_array_append_new(seeds, json_integer(p->seeds[i]));
  return json_pack("{s:o, s:o, s:o}", "file", run_text_json(p->common->file), "seeds", seeds, "sweep", sweeps);
}

static bool begin_folder(const experiment_plan *p, failure *f) {
  const char *out = p->common->out;
  if (mkdir(out, 0777) != 0 && errno != EEXIST)
    return fail(f, "cannot make the folder %s: %s", out, strerror(errno));
  if (!folder_is_free(out))
    return fail(f, "%s holds something else than an experiment (it has no %s): nothing was written", out, marker);
  json_t *about = describe(p);
  char *written = about ? json_dumps(about, JSON_INDENT(2)) : NULL, *path = memory_print("%s/%s", out, marker);
  bool good = written ? file_write(path, written, strlen(written), f)
                      : fail(f, "cannot write %s: a name or a value is not UTF-8", path);
  json_decref(about);
  free(written);
  free(path);
  return good;
}

/* ---- runs ---- */

/* An error in the last setting must not cost the time of all runs before it. */
static int check_settings(const experiment_plan *p) {
  for (int i = 0; i < p->setting_count; i++) {
    planned_run run = experiment_plan_run(p, i, 0);
    run.options.quiet = i > 0; /* warnings once */
    int status = run_check(&run.options);
    if (status == STATUS_DONE)
      continue;
    if (p->sweep_count)
      fprintf(stderr, "retort experiment: with");
    for (int k = 0; k < p->sweep_count; k++)
      fprintf(stderr, " %s=%s", p->names[k], run.values[k]);
    fprintf(stderr, p->sweep_count ? "; no run was started\n" : "");
    return status;
  }
  return STATUS_DONE;
}

/* «teacher 96.10, student alone 72.30»: by the first metric. */
static void say_scores(const json_t *results, double seconds) {
  size_t index;
  json_t *result;
  json_array_foreach(results, index, result) {
    json_t *scores = json_object_get(result, "scores");
    void *first = json_object_iter(scores);
    if (first)
      fprintf(stderr, "%s%s %s %.2f", index ? ", " : "  ", json_string_value(json_object_get(result, "label")),
              json_object_iter_key(first), 100 * json_number_value(json_object_iter_value(first)));
  }
  fprintf(stderr, "%s%.1f s\n", json_array_size(results) ? ", " : "  ", seconds);
}

/* *not_finite: that run is left out. */
static int one_run(experiment *x, int combination, int seed, bool *not_finite) {
  planned_run run = experiment_plan_run(&x->plan, combination, seed);
  int number = combination * x->plan.seed_count + seed + 1;
  fprintf(stderr, "run %d of %d, %s\n", number, x->total, run.name);
  double began = monotonic_seconds();
  json_t *results;
  int status = run_execute(&run.options, &results);
  if (status == STATUS_DONE) {
    say_scores(results, monotonic_seconds() - began);
    summary_add(x->summary, run.values, seed, results);
    x->finished++;
  }
  json_decref(results);
  *not_finite = *not_finite || status == STATUS_NOT_FINITE;
  return status == STATUS_NOT_FINITE ? STATUS_DONE : status;
}

static int all_runs(experiment *x) {
  bool not_finite = false;
  int status = STATUS_DONE;
  for (int i = 0; i < x->plan.setting_count && status == STATUS_DONE; i++)
    for (int k = 0; k < x->plan.seed_count && status == STATUS_DONE; k++)
      status = one_run(x, i, k, &not_finite);
  return status == STATUS_DONE && not_finite ? STATUS_NOT_FINITE : status;
}

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* The table of what is finished, also when not all is. */
static int report(experiment *x, int status) {
  const char *out = x->plan.common->out, *no_color = getenv("NO_COLOR");
  failure f = {0};
  if (x->finished < x->total)
    fprintf(stderr, "%d of %d runs are finished%s\n", x->finished, x->total,
            out && status != STATUS_NOT_FINITE ? "; the same command goes on from there" : "");
  if (x->finished == 0)
    return status;
  summary_print(x->summary, stdout, isatty(STDOUT_FILENO) && !(no_color && *no_color));
  int printed = finish_output();
  json_t *name = run_text_json(file_name(x->plan.common->file));
  if (out && summary_write(x->summary, json_string_value(name), out, &f))
    fprintf(stderr, "written: %s/results.csv, %s/results.json\n", out, out);
  json_decref(name);
  if (f.text)
    fprintf(stderr, "retort: error: %s\n", f.text);
  if (f.text && printed == STATUS_DONE)
    printed = STATUS_OUTPUT_FAILED;
  failure_free(&f);
  return status == STATUS_DONE ? printed : status;
}

static int run_plan(const experiment_plan *plan) {
  experiment x = {.plan = *plan, .total = plan->setting_count * plan->seed_count};
  int status = check_settings(plan);
  failure f = {0};
  if (status == STATUS_DONE && plan->common->out && !begin_folder(plan, &f)) {
    fprintf(stderr, "retort: error: %s\n", f.text);
    status = STATUS_OUTPUT_FAILED;
  }
  failure_free(&f);
  if (status != STATUS_DONE)
    return status;
  x.summary = summary_create(plan->sweep_count, plan->names, plan->seed_count, plan->seeds);
  status = report(&x, all_runs(&x));
  summary_free(x.summary);
  return status;
}

static bool make_plan(arena *a, const run_options *o, const char *seeds, int sweep_count, const char **sweeps,
                      experiment_plan *plan) {
  int64_t count = 3;
  failure f = {0};
  bool good = !seeds || parse_whole(seeds, 1, 10000, &count) ||
              fail(&f, "--seeds %s: expected a number from 1 to 10000", seeds);
  good = good && experiment_plan_make(a, o, sweep_count, sweeps, (int)count, plan, &f);
  if (!good)
    fprintf(stderr, "retort experiment: %s; retort experiment --help says more\n", f.text);
  failure_free(&f);
  return good;
}

int command_experiment(int count, char **arguments) {
  if (wants_help(count, arguments)) {
    fputs(help, stdout);
    return finish_output();
  }
  run_options o;
  const char *seeds = NULL, **sweeps = memory_allocate((size_t)count, sizeof *sweeps);
  int sweep_count = 0, status = STATUS_USAGE_WRONG;
  const option further[] = {{.name = "--seeds", .value = &seeds},
                            {.name = "--sweep", .list = sweeps, .list_count = &sweep_count},
                            {.name = NULL}};
  arena *a = arena_create();
  experiment_plan plan;
  if (run_options_read(count, arguments, further, &o) && make_plan(a, &o, seeds, sweep_count, sweeps, &plan))
    status = run_plan(&plan);
  arena_destroy(a);
  run_options_free(&o);
  free(sweeps);
  return status;
}
