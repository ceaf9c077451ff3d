/* `retort check`: errors and warnings; then what models and stages cost. */
#include "compiler/check/program.h"
#include "compiler/commands/check_cost.h"
#include "compiler/commands/command.h"
#include "compiler/commands/layout.h"
#include "compiler/commands/warnings.h"
#include "compiler/commands/without.h"
#include <stdlib.h>
#include <string.h>

static int print_help(void) {
  text names = {0};
  checks_print(&names);
  printf(
      "retort check - finds errors and what means nothing; sizes, costs and memory of models and stages\n"
      "\n"
      "USAGE\n"
      "  retort check [options] FILE\n"
      "\n"
      "Errors and warnings go to standard error. Warnings are of what runs and means nothing, or something else than "
      "was\n"
      "meant; each ends in the name of its check, by which it is left out here, or in the source by a comment on the\n"
      "line or alone on the one above: # no-warn NAME. When there is no error, a table of the models and one of the\n"
      "stages follow: parameters and their bytes; floating-point operations for one sample, forward for a model, a\n"
      "whole training step for a stage, after all passes; kernels of the step and calls of them; and the most memory\n"
      "that a step needs: weights, optimizer state, batch, outputs and workspace together. Sizes are those of full\n"
      "batches of the longest samples; real batches need less.\n"
      "\n"
      "OPTIONS\n"
      "  --set NAME=VALUE   replaces what the file says; may be repeated\n"
      "  --layout LAYOUT    of rows with lengths: padded (default), or packed, their tokens end to end\n"
      "  --threads N        for so many threads (default: one a processor)\n" WITHOUT_HELP WARNINGS_HELP
      "  --models DIR       the standard library's folder\n"
      "\n"
      "CHECKS\n%s"
      "\n"
      "EXIT STATUS\n"
      "  0 no errors, 1 errors in the file, 2 wrong command line, 3 the file cannot be read, 4 the output cannot be\n"
      "  written, 70 a fault of retort itself, 71 out of memory\n",
      names.data);
  text_free(&names);
  return finish_output();
}

typedef struct check_options {
  const char *file;
  int threads, without_count;
  layout_choice layout;
  bool warnings_fatal;
  check_switches checks;
  const char **without;
  program_options program;
} check_options;

/* Every graph that a run would need is made, so every error is found. */
static void check_graphs(check_costs *c, diagnostics *d) {
  program *p = c->program;
  c->stages = arena_array(c->arena, graph *, program_stage_count(p) + 1);
  c->forwards = arena_array(c->arena, graph *, program_model_count(p) + 1);
  for (int i = 0; i < program_stage_count(p); i++)
    c->stages[i] = program_stage_graph(p, i, GRAPH_JOINT, d);
  for (int i = 0; i < program_model_count(p); i++)
    for (int k = 0; k < program_model_at(p, i)->function_count; k++)
      if (!strcmp(program_model_at(p, i)->functions[k], "forward"))
        c->forwards[i] = program_function_graph(p, i, "forward", false, d);
}

static int check(const check_options *o, arena *a) {
  diagnostics *d = diagnostics_create(a);
  check_costs c = {.arena = a, .threads = o->threads, .switches = {.packed = o->layout == LAYOUT_PACKED}};
  if (!switch_off("check", o->without_count, o->without, &c.switches))
    return STATUS_USAGE_WRONG;
  c.program = program_load(a, o->file, &o->program, d);
  if (c.program && !diagnostics_error_count(d))
    check_graphs(&c, d);
  if (c.program && !diagnostics_error_count(d))
    advise(c.program, &o->checks, d);
  int status = report_diagnostics(d);
  if (status == STATUS_DONE && o->warnings_fatal && diagnostics_warning_count(d))
    status = STATUS_SOURCE_WRONG;
  if (!c.program)
    return STATUS_INPUT_WRONG;
  if (status != STATUS_DONE)
    return status;
  text t = {0};
  print_costs(&c, &t);
  if (!t.length)
    text_add(&t, "%s: no errors\n", o->file);
  status = write_output(&t);
  text_free(&t);
  return status;
}

int command_check(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  const char *models = NULL, *threads = NULL, *layout = NULL;
  check_options o = {.threads = default_threads()};
  const char **overrides = calloc((size_t)count, sizeof *overrides), **off = calloc((size_t)count, sizeof *off),
             **on = calloc((size_t)count, sizeof *on);
  o.without = calloc((size_t)count, sizeof *o.without);
  if (!overrides || !o.without || !off || !on)
    memory_exhausted();
  o.checks.off = off;
  o.checks.on = on;
  const option options[] = {
      {.name = "--set", .list = overrides, .list_count = &o.program.override_count},
      {.name = "--without", .list = o.without, .list_count = &o.without_count},
      {.name = "--no-warn", .list = off, .list_count = &o.checks.off_count},
      {.name = "--warn", .list = on, .list_count = &o.checks.on_count},
      {.name = "--warnings-as-errors", .flag = &o.warnings_fatal},
      {.name = "--models", .value = &models},
      {.name = "--layout", .value = &layout},
      {.name = "--threads", .value = &threads},
      {.name = NULL},
  };
  int status = STATUS_USAGE_WRONG;
  if (options_read(count, arguments, options, &o.file) && layout_read("check", layout, &o.layout) &&
      warnings_known("check", &o.checks) && option_number("check", "--threads", threads, 1, 1024, &o.threads)) {
    arena *a = arena_create();
    o.program.models = models ? models : models_folder(a);
    o.program.overrides = overrides;
    status = check(&o, a);
    arena_destroy(a);
  }
  free(overrides);
  free(off);
  free(on);
  free(o.without);
  return status;
}
