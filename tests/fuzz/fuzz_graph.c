/* Any bytes as graph text: an error, or a graph that verifies, prints, reads back the same, and can be interpreted. */
#include "compiler/graph/flops.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS_MAX = 1 << 16, BINDING = 2 };

static void demand(bool holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "fuzz_graph: %s\n", what);
    abort();
  }
}

static void reads_back(arena *a, const graph *g) {
  text first = {0}, second = {0};
  graph_print(g, true, &first);
  const char *error;
  graph *back = graph_parse(a, first.data, first.length, &error);
  demand(back, error ? error : "a printed graph does not read back");
  graph_print(back, true, &second);
  demand(strcmp(first.data, second.data) == 0, "a printed graph reads back as another");
  text_free(&first);
  text_free(&second);
}

/* With every symbol bound to 2, when all tensors are small. */
static void interprets(arena *a, const graph *g) {
  int symbols = dim_symbol_count(g->dims);
  int64_t *bindings = arena_array(a, int64_t, symbols + 1);
  for (int i = 0; i < symbols; i++)
    bindings[i] = BINDING;
  tensor_value *inputs = arena_array(a, tensor_value, g->node_count + 1);
  int64_t work = 0;
  for (int i = 0; i < g->node_count; i++) {
    int64_t count = dim_evaluate(shape_elements(g->dims, g->nodes[i]->shape), bindings);
    int64_t operations = dim_evaluate(node_cost(g->dims, g->nodes[i]).operations, bindings);
    if (count > ELEMENTS_MAX || operations > ELEMENTS_MAX || (work += count + operations) > ELEMENTS_MAX)
      return;
    if (g->nodes[i]->op == OP_input)
      inputs[i] = (tensor_value){count < 0 ? 0 : count, arena_array(a, double, count < 0 ? 1 : count + 1)};
  }
  tensor_value *values = graph_interpret(g, bindings, inputs, true);
  interpret_free(g, values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  arena *a = arena_create();
  const char *error;
  graph *g = graph_parse(a, (const char *)data, size, &error);
  demand((g == NULL) == (error != NULL), "an error without a text, or a text without an error");
  if (g) {
    demand(!graph_verify(g), "what was read does not verify");
    reads_back(a, g);
    graph_cost_total(g);
    interprets(a, g);
  }
  arena_destroy(a);
  return 0;
}
