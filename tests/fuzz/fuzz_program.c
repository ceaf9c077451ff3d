/* Any bytes as a program: errors, or graphs of its stages and models that verify. */
#include "compiler/check/program.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void demand_verified(const graph *g, const diagnostics *d) {
  const char *wrong = g && !diagnostics_error_count(d) ? graph_verify(g) : NULL;
  if (wrong) {
    fprintf(stderr, "fuzz_program: %s\n", wrong);
    abort();
  }
}

static void make_graphs(program *p, diagnostics *d) {
  for (int i = 0; i < program_stage_count(p); i++)
    demand_verified(program_stage_graph(p, i, GRAPH_JOINT, d), d);
  for (int i = 0; i < program_model_count(p); i++)
    for (int k = 0; k < program_model_at(p, i)->function_count; k++)
      demand_verified(program_function_graph(p, i, program_model_at(p, i)->functions[k], true, d), d);
}

static void print_diagnostics(const diagnostics *d) {
  char *printed = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&printed, &length);
  if (!to)
    abort();
  diagnostics_print(d, to, false);
  fclose(to);
  free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int file = memfd_create("program", 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  if (file < 0 || write(file, data, size) != (ssize_t)size)
    abort();
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  const program_options options = {.models = "models"};
  program *p = program_load(a, path, &options, d);
  if (p && !diagnostics_error_count(d))
    make_graphs(p, d);
  print_diagnostics(d);
  text printed = {0};
  if (p)
    program_print(p, &printed);
  text_free(&printed);
  arena_destroy(a);
  close(file);
  return 0;
}
