/* `retort check`: errors and warnings; then what models and stages cost. */
#include "compiler/check/program.h"
#include "compiler/commands/command.h"
#include <stdlib.h>

static int print_help(void) {
  printf("retort check - finds errors; sizes, costs and memory of models and stages\n"
         "\n"
         "USAGE\n"
         "  retort check [options] FILE\n"
         "\n"
         "OPTIONS\n"
         "  --set NAME=VALUE   replaces what the file says; may be repeated\n"
         "  --models DIR       the standard library's folder\n"
         "\n"
         "EXIT STATUS\n"
         "  0 no errors, 1 errors in the file, 2 wrong command line, 70 a fault of retort itself, 71 out of memory\n");
  return fflush(stdout) ? STATUS_OUTPUT_FAILED : STATUS_DONE;
}

static int check(const char *file, const program_options *options, arena *a) {
  diagnostics *d = diagnostics_create(a);
  program *p = program_load(a, file, options, d);
  for (int i = 0; p && !diagnostics_error_count(d) && i < program_stage_count(p); i++)
    program_stage_graph(p, i, GRAPH_JOINT, d);
  return report_diagnostics(d);
}

int command_check(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  const char *file, *models = NULL;
  program_options o = {0};
  const char **overrides = calloc((size_t)count, sizeof *overrides);
  if (!overrides)
    memory_exhausted();
  const option options[] = {
      {.name = "--set", .list = overrides, .list_count = &o.override_count},
      {.name = "--models", .value = &models},
      {.name = NULL},
  };
  int status = STATUS_USAGE_WRONG;
  if (options_read(count, arguments, options, &file)) {
    arena *a = arena_create();
    o.models = models ? models : models_folder(a);
    o.overrides = overrides;
    status = check(file, &o, a);
    arena_destroy(a);
  }
  free(overrides);
  return status;
}
