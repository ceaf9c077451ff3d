/* Random graphs, compiled with everything on, reproducible, without fusion, and (a third of the graphs each) with each
 * pass switched off, against the reference interpreter.
 *   random_graphs [--from SEED] [--count N] [--cpu NAME]…
 * Each graph is compiled for one of the processors, in turn, and each code runs on up to three draws of data, with one,
 * two and three threads. Prints the seeds, what differs, and «N passed, N failed»: graphs. */
#include "compiler/passes/pass.h"
#include "tests/unit/emitted.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 3, CPUS_MAX = 8 };

typedef struct setting {
  const char *name;
  pass_switches switches;
  bool reproducible;
} setting;

enum { SETTINGS_MAX = 64, ALWAYS = 3 /* of the settings are every graph's; of the others a third */ };

/* Everything on, the same reproducible, fusion off; each pass off. */
static int list_settings(setting *settings) {
  int count = 0;
  settings[count++] = (setting){.name = "without nothing"};
  settings[count++] = (setting){.name = "reproducible", .reproducible = true};
  settings[count] = (setting){.name = "without fuse"};
  passes_switch_off(&settings[count++].switches, "fuse");
  for (const pass *p = passes; p->name && count < SETTINGS_MAX; p++) {
    settings[count] = (setting){.name = p->name}; /* off */
    passes_switch_off(&settings[count++].switches, p->name);
  }
  return count;
}

static bool check_graph(uint64_t seed, const char *cpu) {
  setting settings[SETTINGS_MAX] = {0};
  int setting_count = list_settings(settings);
  arena *a = arena_create();
  const char *wrong = NULL;
  target *t = target_create(a, cpu, &wrong);
  random_graph_options options = {.operations = seed % 20 == 19 ? 120 : 4 + (int)(seed % 30),
                                  .size_max = seed % 10 == 9 ? 24 : 2 + (int)(seed % 7),
                                  .symbolic = seed & 1,
                                  .integers = seed & 2,
                                  .updates = seed & 4};
  const graph *g = random_graph(a, seed, &options);
  for (int i = 0; t && !wrong && i < setting_count; i++) {
    if (i >= ALWAYS && (seed + (uint64_t)i) % 3 != 0)
      continue;
    target_set_reproducible(t, settings[i].reproducible);
    const graph *optimized = passes_run_without(g, NULL, &settings[i].switches);
    if (optimized->prepare) /* what is frozen needs the executable around it: tests/unit/test_executable.c */
      optimized = passes_run_without(g, "cse", &settings[i].switches);
    random_inputs drawn[DRAWS];
    int count = 0;
    for (int k = 0; k < DRAWS; k++)
      count += random_graph_fill(a, optimized, seed * DRAWS + (uint64_t)k, options.size_max, &drawn[count]);
    const step *s = step_create_limited(optimized, settings[i].switches.merge_limit);
    wrong = emitted_differs(a, optimized, s, t, count, drawn);
    if (wrong)
      printf("seed %llu, %s, %s%s: %s\n", (unsigned long long)seed, cpu ? cpu : "native", i < ALWAYS ? "" : "without ",
             settings[i].name, wrong);
  }
  if (!t)
    printf("%s: %s\n", cpu, wrong);
  target_destroy(t);
  arena_destroy(a);
  return !wrong;
}

int main(int count, char **arguments) {
  const char *cpus[CPUS_MAX] = {NULL};
  int cpu_count = 0, failed = 0;
  uint64_t from = 0, graphs = 60;
  for (int i = 1; i + 1 < count; i += 2)
    if (strcmp(arguments[i], "--from") == 0)
      from = strtoull(arguments[i + 1], NULL, 10);
    else if (strcmp(arguments[i], "--count") == 0)
      graphs = strtoull(arguments[i + 1], NULL, 10);
    else if (strcmp(arguments[i], "--cpu") == 0 && cpu_count < CPUS_MAX)
      cpus[cpu_count++] = arguments[i + 1];
    else
      count = 0;
  if (count % 2 == 0 || graphs == 0) {
    fputs("usage: random_graphs [--from SEED] [--count N] [--cpu NAME]...\n", stderr);
    return 2;
  }
  printf("seeds %llu to %llu\n", (unsigned long long)from, (unsigned long long)(from + graphs - 1));
  fflush(stdout);
  for (uint64_t seed = from; seed < from + graphs; seed++)
    failed += !check_graph(seed, cpu_count ? cpus[seed % (uint64_t)cpu_count] : NULL);
  printf("%d passed, %d failed\n", (int)graphs - failed, failed);
  return failed ? 1 : 0;
}
