#include "tests/reference/bert.h"
#include <string.h>

static const struct {
  const char *setting, *key;
} sizes[] = {{"layers", "num_hidden_layers"},
             {"hidden", "hidden_size"},
             {"heads", "num_attention_heads"},
             {"ff", "intermediate_size"},
             {"classes", "num_labels"},
             {"vocabulary", "vocab_size"},
             {"positions", "max_position_embeddings"},
             {"segments", "type_vocab_size"}};

enum { SIZE_COUNT = sizeof sizes / sizeof *sizes };

static int add_overrides(arena *a, const char **to, int count, const char *model, const json_t *configuration,
                         bool padded) {
  for (int i = 0; i < SIZE_COUNT; i++)
    to[count++] = arena_print(a, "%s.%s=%lld", model, sizes[i].setting,
                              (long long)json_integer_value(json_object_get(configuration, sizes[i].key)));
  to[count++] = arena_print(a, "%s.padded=%s", model, padded ? "true" : "false");
  return count;
}

program *bert_program(const reference_case *c, const json_t *teacher, const json_t *student, bool padded) {
  const char *overrides[2 * (SIZE_COUNT + 1)];
  int count = add_overrides(c->arena, overrides, 0, "teacher", teacher, padded);
  count = add_overrides(c->arena, overrides, count, "student", student, padded);
  program_options options = {.models = c->run->models, .override_count = count, .overrides = overrides};
  diagnostics *d = diagnostics_create(c->arena);
  program *p = program_load(c->arena, arena_print(c->arena, "%s/bert.rt", c->run->folder), &options, d);
  if (diagnostics_error_count(d) == 0)
    return p;
  diagnostics_print(d, stdout, false);
  return NULL;
}

static graph *checked(graph *g, const diagnostics *d) {
  if (diagnostics_error_count(d) == 0)
    return g;
  diagnostics_print(d, stdout, false);
  return NULL;
}

graph *bert_stage(const reference_case *c, program *p, int stage) {
  diagnostics *d = diagnostics_create(c->arena);
  return checked(program_stage_graph(p, stage, GRAPH_GRADIENTS, d), d);
}

graph *bert_forward(const reference_case *c, program *p, int model) {
  diagnostics *d = diagnostics_create(c->arena);
  return checked(program_function_graph(p, model, "forward", true, d), d);
}

void bert_set_step(tensors *values, int step) {
  *(float *)tensors_find(values, "step")->data = (float)step;
  ((int64_t *)tensors_find(values, "key")->data)[1] = step;
}

static void add_renamed(tensors *to, const tensor *t, const char *name) {
  if (!t)
    return;
  tensor *made = tensors_add(to, name, t->dtype, t->rank, t->sizes);
  memcpy(made->data, t->data, dtype_size(t->dtype) * (size_t)t->count);
}

void bert_batch(const tensors *inputs, tensors *to, int steps) {
  add_renamed(to, tensors_find(inputs, "input_ids"), "ids");
  add_renamed(to, tensors_find(inputs, "token_type_ids"), "types");
  add_renamed(to, tensors_find(inputs, "labels"), "label");
  const tensor *mask = tensors_find(inputs, "attention_mask");
  tensor *lengths = tensors_add(to, "ids.lengths", DTYPE_I32, 1, mask->sizes);
  for (int64_t i = 0; i < mask->count; i++)
    ((int32_t *)lengths->data)[i / mask->sizes[1]] += tensor_number(mask, i) != 0;
  tensors_add(to, "step", DTYPE_F32, 0, NULL);
  *(float *)tensors_add(to, "steps", DTYPE_F32, 0, NULL)->data = (float)steps;
  tensors_add(to, "key", DTYPE_I64, 1, (int64_t[]){2});
  bert_set_step(to, 1);
}

void bert_add_states(const graph *g, tensors *values) {
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input || n->attributes.input.kind != INPUT_STATE ||
        tensors_find(values, "%s", n->attributes.input.name))
      continue;
    int64_t constant[RANK_MAX] = {0};
    for (int k = 0; k < n->shape.rank; k++)
      dim_is_constant(n->shape.dims[k], &constant[k]);
    tensors_add(values, n->attributes.input.name, n->dtype, n->shape.rank, constant);
  }
}
