/* One work in a process of its own that measures when it is asked, so that peers and Retort can take turns.
 *
 *   bench serve (--stage NAME | --model NAME) --weights FOLDER --inputs FILE [--inputs FILE …] [--threads N]
 *               [--layout padded|packed] [--teacher computed|cached] [--precision P …] [--file FILE]
 *               [--models FOLDER]
 *
 * A call is one pass over the batches of all --inputs. Commands are lines; each answer is a JSON object on a line:
 *   step     does a call                       {"outputs": [{NAME: [numbers]} a batch]}
 *   time     repeats calls for 20 ms or more   {"ms": of a batch}
 *   memory                                     {"peak_mib": of the process until now, without the reading of files;
 *                                              "planned_mib": the same, as known before the first step}
 *   floor    measures the machine's rates      {"floor_ms": of a batch, "flops", "bytes", "flops_per_second",
 *                                              "bytes_per_second"} */
#include "compiler/commands/precision.h"
#include "compiler/commands/profile.h"
#include "compiler/commands/tune.h"
#include "tests/bench/bound.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES_MAX = 64, PRECISIONS_MAX = 8 };

typedef struct server {
  work work;
  bench_options options;
  const char *weights, *inputs[BATCHES_MAX];
  int count; /* of batches */
  const char *precisions[PRECISIONS_MAX];
  int precision_count;
  precision_choice choices[PRECISIONS_MAX];
  arena *arena;
  graph *graph;
  bound *batches;
  int steps, repeat;
  memory_use planned; /* for the batch that needs most */
  double loading;     /* the process's peak until its tensors were made; bytes */
} server;

/* ---- memory ---- */

/* The highest from here on. */
static void reset_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (!file)
    return;
  fputs("5", file);
  fclose(file);
}

/* ---- calls ---- */

static bool call_batches(server *s) {
  bool good = true;
  for (int i = 0; i < s->count; i++) {
    bound *b = &s->batches[i];
    const retort_signature *of = executable_signature(b->executable);
    s->steps++;
    for (int k = 0; k < of->input_count; k++)
      if (strcmp(of->inputs[k].name, "step") == 0)
        *(float *)b->call.inputs[k] = (float)s->steps;
    good = good && executable_call(b->executable, &b->call) == RETORT_OK;
  }
  return good;
}

static json_t *outputs_of(const bound *b) {
  const retort_signature *s = executable_signature(b->executable);
  json_t *all = json_object();
  for (int i = 0; i < s->output_count; i++) {
    int64_t count = 1;
    json_t *numbers = json_array();
    for (int k = 0; k < s->outputs[i].rank; k++)
      count *= retort_size_evaluate(&s->outputs[i].dims[k], b->dims, s->dim_count, 1);
    for (int64_t k = 0; k < count && s->outputs[i].dtype == RETORT_F32; k++)
      json_array_append_new(numbers, json_real((double)((const float *)b->call.outputs[i])[k]));
    json_object_set_new(all, s->outputs[i].name, numbers);
  }
  return all;
}

static json_t *answer_step(server *s) {
  if (!call_batches(s))
    return NULL;
  json_t *outputs = json_array();
  for (int i = 0; i < s->count; i++)
    json_array_append_new(outputs, outputs_of(&s->batches[i]));
  return json_pack("{s:o}", "outputs", outputs);
}

static json_t *answer_time(server *s) {
  if (!s->repeat) {
    double begin = bench_seconds();
    if (!call_batches(s))
      return NULL;
    s->repeat = bench_repeat(bench_seconds() - begin);
  }
  double begin = bench_seconds();
  for (int i = 0; i < s->repeat; i++)
    if (!call_batches(s))
      return NULL;
  return json_pack("{s:f}", "ms", (bench_seconds() - begin) * 1e3 / s->repeat / s->count);
}

static json_t *answer_memory(server *s) {
  double peak = process_peak(), mib = 1024 * 1024;
  return json_pack("{s:f, s:f}", "peak_mib", (peak > s->loading ? peak : s->loading) / mib, "planned_mib",
                   s->planned.peak / mib);
}

static json_t *answer_floor(server *s) {
  profile_floor sum = {0};
  double memory = s->planned.weights + s->planned.states + s->planned.batch + s->planned.workspace;
  for (int i = 0; i < s->count; i++) {
    const bound *b = &s->batches[i];
    profile_floor one =
        profile_graph_floor(s->graph, b->executable, &s->options.compile, b->dims, s->options.threads, memory);
    sum.seconds += one.seconds / s->count;
    sum.operations += one.operations / s->count;
    sum.bytes += one.bytes / s->count;
    sum.rates = one.rates;
  }
  return json_pack("{s:f, s:f, s:f, s:f, s:f}", "floor_ms", sum.seconds * 1e3, "flops", sum.operations, "bytes",
                   sum.bytes, "flops_per_second", sum.rates.operations, "bytes_per_second", sum.rates.bandwidth);
}

/* ---- the way there ---- */

static bool prepare(server *s, failure *f) {
  const graph *teacher = NULL;
  s->arena = arena_create();
  if (!bound_read_sizes(s->inputs[0], &s->work, f))
    return false;
  tune_options(s->arena, &s->options.compile, true);
  executable *e = bound_compile(s->arena, &s->work, &s->options, &s->graph, &teacher);
  if (!e)
    return fail(f, "it does not compile");
  const memory_use before = s->planned = memory_before();
  s->loading = before.peak;
  s->batches = memory_allocate((size_t)s->count, sizeof *s->batches);
  for (int i = 0; i < s->count; i++) {
    work w = s->work;
    bound *b = &s->batches[i];
    b->executable = e;
    if (!bound_read_sizes(s->inputs[i], &w, f))
      return false;
    if (i == 0)
      bound_make(b, &w, s->options.threads);
    else
      bound_make_another(b, &s->batches[0], &w);
    if ((i == 0 && !bound_load(b, s->weights, f)) || !bound_read_inputs(b, s->inputs[i], f) ||
        (teacher && !bound_feed(b, &w, teacher, &s->options, s->weights, s->inputs[i], f)))
      return false;
    memory_use planned = before;
    memory_plan(&planned, e, b->dims, s->options.threads);
    s->planned = planned.peak > s->planned.peak ? planned : s->planned;
  }
  reset_peak();
  return executable_prepare(e, s->batches[0].call.weights) == RETORT_OK || fail(f, "the weights cannot be prepared");
}

static bool read_options(server *s, int count, char **arguments) {
  for (int i = 0; i + 1 < count; i += 2) {
    const char *name = arguments[i], *value = arguments[i + 1];
    if (strcmp(name, "--stage") == 0)
      s->work.stage = value;
    else if (strcmp(name, "--model") == 0)
      s->work.model = value;
    else if (strcmp(name, "--weights") == 0)
      s->weights = value;
    else if (strcmp(name, "--inputs") == 0 && s->count < BATCHES_MAX)
      s->inputs[s->count++] = value;
    else if (strcmp(name, "--threads") == 0)
      s->options.threads = atoi(value);
    else if (strcmp(name, "--layout") == 0)
      s->options.compile.switches.packed = strcmp(value, "packed") == 0;
    else if (strcmp(name, "--teacher") == 0)
      s->work.cached = strcmp(value, "cached") == 0;
    else if (strcmp(name, "--precision") == 0 && s->precision_count < PRECISIONS_MAX)
      s->precisions[s->precision_count++] = value;
    else if (strcmp(name, "--file") == 0)
      s->options.file = value;
    else if (strcmp(name, "--models") == 0)
      s->options.models = value;
    else
      return false;
  }
  s->work.name = s->work.stage ? s->work.stage : s->work.model;
  return precision_read("serve", s->precision_count, s->precisions, s->choices, &s->options.compile.switches) &&
         count % 2 == 0 && s->work.name && s->weights && s->count && s->options.threads > 0;
}

static json_t *answer(server *s, const char *command) {
  static const struct {
    const char *name;
    json_t *(*answer)(server *s);
  } commands[] = {{"step", answer_step}, {"time", answer_time}, {"memory", answer_memory}, {"floor", answer_floor}};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(commands[i].name, command) == 0)
      return commands[i].answer(s);
  return NULL;
}

int serve(int count, char **arguments) {
  server s = {.options = {.models = "models", .file = "tests/bench/bench.rt", .threads = 2}};
  if (!read_options(&s, count, arguments)) {
    fputs("usage: bench serve (--stage NAME | --model NAME) --weights FOLDER --inputs FILE [--inputs FILE …]\n"
          "                   [--threads N] [--layout padded|packed] [--teacher computed|cached] [--file FILE] "
          "[--models FOLDER]\n",
          stderr);
    return 2;
  }
  failure f = {0};
  if (!prepare(&s, &f)) {
    fprintf(stderr, "%s: %s\n", s.work.name, f.text);
    return 1;
  }
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    json_t *said = answer(&s, line);
    if (!said) {
      fprintf(stderr, "%s: cannot do '%s'\n", s.work.name, line);
      return 1;
    }
    json_dumpf(said, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(said);
  }
  return 0;
}
