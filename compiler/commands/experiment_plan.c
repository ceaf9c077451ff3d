#include "compiler/commands/experiment_plan.h"
#include <ctype.h>
#include <string.h>

enum { RUNS_MAX = 10000 };

/* ---- reading sweeps ---- */

/* The end of a value: a comma that stands in no brackets and no quotes, or the end of the text. */
static const char *value_end(const char *at) {
  int depth = 0;
  bool quoted = false;
  for (; *at && (*at != ',' || depth > 0 || quoted); at++) {
    if (*at == '"')
      quoted = !quoted;
    else if (!quoted)
      depth += (strchr("([", *at) != NULL) - (strchr(")]", *at) != NULL);
  }
  return at;
}

static bool read_sweep(experiment_plan *p, int index, const char *word, failure *f) {
  const char *equals = strchr(word, '=');
  if (!equals || equals == word)
    return fail(f, "--sweep %s: expected NAME=VALUE,VALUE…", word);
  p->names[index] = arena_copy(p->arena, word, (size_t)(equals - word));
  struct sweep_values *v = &p->values[index];
  for (const char *at = equals + 1;; at++) {
    const char *end = value_end(at);
    if (end == at)
      return fail(f, "--sweep %s: a value is empty", word);
    const char *value = arena_copy(p->arena, at, (size_t)(end - at));
    for (int i = 0; i < v->count; i++)
      if (strcmp(v->items[i], value) == 0)
        return fail(f, "--sweep %s: the value %s is there twice", word, value);
    arena_append(p->arena, v->items, v->count, value);
    at = end;
    if (!*at)
      return true;
  }
}

/* A name that is swept has no other values. */
static bool check_names(const experiment_plan *p, failure *f) {
  for (int i = 0; i < p->sweep_count; i++) {
    size_t length = strlen(p->names[i]);
    for (int k = 0; k < i; k++)
      if (strcmp(p->names[k], p->names[i]) == 0)
        return fail(f, "--sweep %s is given twice", p->names[i]);
    for (int k = 0; k < p->common->override_count; k++)
      if (strncmp(p->common->overrides[k], p->names[i], length) == 0 && p->common->overrides[k][length] == '=')
        return fail(f, "%s is both swept and set", p->names[i]);
  }
  return true;
}

bool experiment_plan_make(arena *a, const run_options *common, int sweep_count, const char *const *sweeps,
                          int seed_count, experiment_plan *p, failure *f) {
  *p = (experiment_plan){
      .arena = a, .common = common, .sweep_count = sweep_count, .setting_count = 1, .seed_count = seed_count};
  p->names = arena_array(a, const char *, sweep_count + 1);
  p->values = arena_array(a, struct sweep_values, sweep_count + 1);
  for (int i = 0; i < sweep_count; i++) {
    if (!read_sweep(p, i, sweeps[i], f))
      return false;
    if (p->setting_count > RUNS_MAX / p->values[i].count)
      return fail(f, "the sweeps ask for more than %d runs", RUNS_MAX);
    p->setting_count *= p->values[i].count;
  }
  if (p->setting_count > RUNS_MAX / seed_count)
    return fail(f, "the sweeps and seeds ask for more than %d runs", RUNS_MAX);
  if (common->seed > (uint64_t)(INT64_MAX - seed_count))
    return fail(f, "--seed %llu is too large for %d seeds", (unsigned long long)common->seed, seed_count);
  p->seeds = arena_array(a, int64_t, seed_count);
  for (int i = 0; i < seed_count; i++)
    p->seeds[i] = (int64_t)common->seed + i;
  return check_names(p, f);
}

/* ---- one run ---- */

/* What may stand in a folder's name; all else, and what parts the name, as %XX. */
static void add_escaped(text *t, const char *value) {
  for (const unsigned char *c = (const unsigned char *)value; *c; c++)
    text_add(t, isalnum(*c) || strchr("._-+", *c) ? "%c" : "%%%02X", *c);
}

planned_run experiment_plan_run(const experiment_plan *p, int combination, int seed) {
  arena *a = p->arena;
  planned_run run = {.options = *p->common};
  const char **values = arena_array(a, const char *, p->sweep_count + 1);
  const char **overrides = arena_array(a, const char *, p->common->override_count + p->sweep_count + 1);
  text name = {0};
  int rest = combination, used = 0;
  for (int i = p->sweep_count - 1; i >= 0; i--) { /* the last one changes fastest */
    values[i] = p->values[i].items[rest % p->values[i].count];
    rest /= p->values[i].count;
  }
  for (; used < p->common->override_count; used++)
    overrides[used] = p->common->overrides[used];
  for (int i = 0; i < p->sweep_count; i++) {
    overrides[used++] = arena_print(a, "%s=%s", p->names[i], values[i]);
    add_escaped(&name, p->names[i]);
    text_add(&name, "=");
    add_escaped(&name, values[i]);
    text_add(&name, ",");
  }
  text_add(&name, "seed=%lld", (long long)p->seeds[seed]);
  run.name = arena_copy(a, name.data, name.length);
  text_free(&name);
  run.values = values;
  run.options.override_count = used;
  run.options.overrides = overrides;
  run.options.seed = (uint64_t)p->seeds[seed];
  run.options.out = p->common->out ? arena_print(a, "%s/%s", p->common->out, run.name) : NULL;
  run.options.resume = run.options.restart = run.options.out != NULL;
  run.options.quiet = true;
  return run;
}
