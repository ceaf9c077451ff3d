/* `retort tune`: measures again what contractions cost on this machine. */
#include "compiler/commands/tune.h"
#include "compiler/commands/command.h"
#include "compiler/link/tune.h"
#include <stdio.h>
#include <string.h>

static int print_help(void) {
  printf(
      "retort tune - measures what contractions cost on this machine\n"
      "\n"
      "USAGE\n"
      "  retort tune\n"
      "\n"
      "A contraction is computed by register tiles that retort emits, or by OpenBLAS, whichever is expected to be\n"
      "faster for its columns and depth. What is expected is fitted to measurements of this machine. The first run\n"
      "takes them, in less than a second, and keeps the result; this command takes them again, prints them and\n"
      "replaces what was kept. Take them while the machine does nothing else. A run gives the same bytes as long as\n"
      "they stay, or with --contractions emitted or blas, which do not ask them.\n"
      "\n"
      "They are kept in the folder that the environment variable RETORT_CACHE names, else in retort in\n"
      "XDG_CACHE_HOME or in ~/.cache. Without them, and in code for another processor, a rule chooses.\n"
      "\n"
      "EXIT STATUS\n"
      "  0 done, 2 wrong command line, 4 the costs cannot be written, 70 a fault of retort itself, 71 out of memory\n");
  return finish_output();
}

void tune_options(arena *a, compile_options *options, bool make) {
  bool here = !options->cpu || !strcmp(options->cpu, "native");
  const char *folder = cache_folder(a);
  if (options->interpret || !here || options->contractions != CONTRACTIONS_AUTO || !folder)
    return;
  options->costs = make ? tune_find(a, folder) : tune_read(a, folder);
}

static void print_measurements(const tune_result *r, text *to) {
  text_add(to, "%18s %12s %12s %12s %12s  %s\n", "m x n x k", "tiles us", "expected", "library us", "expected",
           "chosen");
  for (int i = 0; i < r->count; i++) {
    const tune_measurement *m = &r->measured[i];
    char size[64];
    snprintf(size, sizeof size, "%lld x %lld x %lld", (long long)m->m, (long long)m->n, (long long)m->k);
    text_add(to, "%18s", size);
    for (int by = 0; by < 2; by++)
      text_add(to, " %12.2f %12.2f", m->seconds[by] * 1e6, retort_cost_of(&r->costs[by], m->m, m->n, m->k) * 1e-3);
    text_add(to, "  %s\n", retort_chooses_tiles(r->costs, 0, m->n, m->k) ? "tiles" : "library");
  }
  text_add(to, "\n%-8s %10s %16s %14s %14s %14s %8s\n", "ns", "a call", "a multiplication", "of the right",
           "of the left", "of the result", "columns");
  for (int by = 0; by < 2; by++) {
    const retort_cost *c = &r->costs[by];
    text_add(to, "%-8s %10.1f %16.6f %14.4f %14.4f %14.4f %8.0f\n", by ? "library" : "tiles", c->call, c->multiply,
             c->right, c->left, c->result, c->unit);
  }
}

static int tune(arena *a) {
  const char *folder = cache_folder(a);
  tune_result measured;
  const char *wrong = tune_measure(a, &measured);
  if (wrong) {
    fprintf(stderr, "retort tune: %s\n", wrong);
    return STATUS_INTERNAL;
  }
  text t = {0};
  print_measurements(&measured, &t);
  const retort_cost *kept = NULL;
  if (folder) {
    tune_write(a, folder, measured.costs, true);
    kept = tune_read(a, folder);
    text_add(&t, kept ? "\nkept in %s\n" : "", tune_path(a, folder));
  }
  int status = write_output(&t);
  text_free(&t);
  if (kept)
    return status;
  if (folder)
    fprintf(stderr, "retort tune: %s cannot be written\n", tune_path(a, folder));
  else
    fprintf(stderr, "retort tune: nothing is kept: RETORT_CACHE is set to nothing, or there is no home\n");
  return STATUS_OUTPUT_FAILED;
}

int command_tune(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  if (count > 1) {
    fprintf(stderr, "retort tune: unexpected '%s'; retort tune --help says more\n", arguments[1]);
    return STATUS_USAGE_WRONG;
  }
  arena *a = arena_create();
  int status = tune(a);
  arena_destroy(a);
  return status;
}
