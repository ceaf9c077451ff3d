#include "compiler/commands/choose.h"
#include "compiler/commands/command.h"
#include <string.h>

static int find_stage(const program *p, const char *name) {
  for (int i = 0; i < program_stage_count(p); i++)
    if (!strcmp(program_stage_at(p, i)->name, name))
      return i;
  return -1;
}

static int find_model(const program *p, const char *name, size_t length) {
  for (int i = 0; i < program_model_count(p); i++)
    if (strlen(program_model_at(p, i)->name) == length && !strncmp(program_model_at(p, i)->name, name, length))
      return i;
  return -1;
}

/* A message that lists what there is. */
static int nothing_named(const char *asker, const program *p, const char *name) {
  fflush(stdout);
  fprintf(stderr, "retort %s: --of %s: no such stage or model; there are", asker, name);
  for (int i = 0; i < program_stage_count(p); i++)
    fprintf(stderr, " %s", program_stage_at(p, i)->name);
  for (int i = 0; i < program_model_count(p); i++)
    for (int k = 0; k < program_model_at(p, i)->function_count; k++)
      fprintf(stderr, " %s.%s", program_model_at(p, i)->name, program_model_at(p, i)->functions[k]);
  fputc('\n', stderr);
  return STATUS_USAGE_WRONG;
}

bool choose_work(const char *asker, const program *p, const char *of, work_choice *choice, int *status) {
  *choice = (work_choice){.stage = of ? find_stage(p, of) : program_stage_count(p) - 1, .model = -1};
  if (choice->stage >= 0) {
    choice->name = program_stage_at(p, choice->stage)->name;
    return true;
  }
  const char *dot = of ? strchr(of, '.') : NULL, *function = dot ? dot + 1 : "forward";
  int model = of ? find_model(p, of, dot ? (size_t)(dot - of) : strlen(of)) : program_model_count(p) ? 0 : -1;
  for (int k = 0; model >= 0 && k < program_model_at(p, model)->function_count; k++)
    if (!strcmp(program_model_at(p, model)->functions[k], function)) {
      choice->model = model;
      choice->function = program_model_at(p, model)->functions[k];
      choice->name = of ? of : program_model_at(p, model)->name;
      return true;
    }
  if (of) {
    *status = nothing_named(asker, p, of);
    return false;
  }
  fflush(stdout);
  fprintf(stderr, "retort %s: %s has neither a stage nor a model\n", asker, program_path(p));
  *status = STATUS_SOURCE_WRONG;
  return false;
}

void work_sizes(const program *p, const work_choice *choice, int *rows, int *length) {
  *rows = 1;
  *length = 0;
  for (int i = 0; i < program_data_count(p); i++)
    if (program_data_at(p, i)->length > *length)
      *length = program_data_at(p, i)->length;
  if (choice->stage >= 0) {
    const program_stage *s = program_stage_at(p, choice->stage);
    *rows = s->batch;
    *length = program_data_at(p, s->data)->length;
  }
  *length = *length > 0 ? *length : 128;
}

graph *work_graph(program *p, const work_choice *choice, graph_extent extent, diagnostics *d) {
  return choice->stage >= 0 ? program_stage_graph(p, choice->stage, extent, d)
                            : program_function_graph(p, choice->model, choice->function, false, d);
}
