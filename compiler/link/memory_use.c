#include "compiler/link/memory_use.h"
#include <stdio.h>
#include <string.h>

static double status_bytes(const char *name) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  size_t length = strlen(name);
  double kilobytes = 0;
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, name, length) == 0)
      sscanf(line + length, "%lf", &kilobytes);
  if (file)
    fclose(file);
  return 1024 * kilobytes;
}

double process_resident(void) {
  return status_bytes("VmRSS:");
}

double process_peak(void) {
  return status_bytes("VmHWM:");
}

static double tensor_bytes(const retort_signature *s, const retort_tensor *list, int count, const int64_t *dims) {
  double total = 0;
  for (int i = 0; i < count; i++) {
    double bytes = (double)dtype_size((dtype)list[i].dtype);
    for (int k = 0; k < list[i].rank; k++)
      bytes *= (double)retort_size_evaluate(&list[i].dims[k], dims, s->dim_count, 1);
    total += bytes;
  }
  return total;
}

memory_use memory_before(void) {
  return (memory_use){.program = process_resident(), .peak = process_peak()};
}

void memory_plan(memory_use *m, const executable *e, const int64_t *dims, int threads) {
  const retort_signature *s = executable_signature(e);
  m->weights = tensor_bytes(s, s->weights, s->weight_count, dims) + executable_frozen_bytes(e);
  m->states = tensor_bytes(s, s->states, s->state_count, dims);
  m->batch = tensor_bytes(s, s->inputs, s->input_count, dims) + tensor_bytes(s, s->outputs, s->output_count, dims);
  m->workspace = (double)executable_workspace_size(e, dims, threads);
  double all = m->program + m->weights + m->states + m->batch + m->workspace;
  m->peak = all > m->peak ? all : m->peak;
}
