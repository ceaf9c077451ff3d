#include "tests/unit/checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

checked checked_open(const char *source) {
  checked c = {.arena = arena_create()};
  char name[] = "/tmp/retort-test-XXXXXX.rt";
  int file = mkstemps(name, 3);
  assert_true(file >= 0);
  assert_int_equal(write(file, source, strlen(source)), (ssize_t)strlen(source));
  close(file);
  c.path = strdup(name);
  c.diagnostics = diagnostics_create(c.arena);
  program_options options = {.models = "models"};
  c.program = program_load(c.arena, c.path, &options, c.diagnostics);
  return c;
}

void checked_close(checked *c) {
  unlink(c->path);
  free(c->path);
  arena_destroy(c->arena);
}

char *checked_messages(const checked *c) {
  char *content = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&content, &length);
  diagnostics_print(c->diagnostics, to, false);
  fclose(to);
  return content;
}

static const double *find_values(const named_values *inputs, const char *name) {
  for (; inputs->name; inputs++)
    if (strcmp(inputs->name, name) == 0)
      return inputs->values;
  fail_msg("no values for input %s", name);
  return NULL;
}

tensor_value *checked_evaluate(const graph *g, const named_size *sizes, const named_values *inputs) {
  int64_t bindings[16] = {0};
  assert_true(dim_symbol_count(g->dims) <= 16);
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    for (const named_size *s = sizes; s->name; s++)
      if (strcmp(s->name, dim_symbol_at(g->dims, i)->name) == 0)
        bindings[i] = s->size;
  tensor_value *given = calloc((size_t)g->node_count, sizeof *given);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    given[i].count = dim_evaluate(shape_elements(g->dims, n->shape), bindings);
    given[i].data = malloc(sizeof(double) * (size_t)given[i].count);
    memcpy(given[i].data, find_values(inputs, n->attributes.input.name), sizeof(double) * (size_t)given[i].count);
  }
  tensor_value *values = graph_interpret(g, bindings, given, false);
  for (int i = 0; i < g->node_count; i++)
    free(given[i].data);
  free(given);
  return values;
}

const graph_output *checked_output(const graph *g, const char *name) {
  for (int i = 0; i < g->output_count; i++)
    if (strcmp(g->outputs[i].name, name) == 0)
      return &g->outputs[i];
  fail_msg("no output %s", name);
  return NULL;
}
