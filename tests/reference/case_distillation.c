/* R3: every loss of layer-by-layer distillation with every gradient; with padding counted in the means as published,
 * and («masked.») over real tokens only. The stages of bert.rt are run apart and their gradients added up. */
#include "tests/reference/bert.h"
#include <string.h>

typedef struct run {
  const reference_case *c;
  program *program;
  tensors values;
  tensors outputs[4]; /* by stage */
} run;

static bool run_stage(run *r, int stage) {
  graph *g = bert_stage(r->c, r->program, stage);
  r->outputs[stage].arena = r->c->arena;
  if (!g)
    return false;
  /* The parameters of `fit` are the stage's own; the file calls them fit.*. */
  for (int i = 0; i < r->values.count; i++) {
    const char *name = r->values.items[i].name;
    if (strncmp(name, "student/fit.", 12) == 0) {
      tensor t = r->values.items[i];
      t.name = arena_print(r->c->arena, "layers/%s", name + 8);
      arena_append(r->values.arena, r->values.items, r->values.count, t);
      r->values.items[i].name = "";
    }
  }
  bert_add_states(g, &r->values);
  return run_graph(g, r->c->run, &r->values, &r->outputs[stage]);
}

static double number(const tensors *from, const char *name) {
  const tensor *t = tensors_find(from, "%s", name);
  return t ? tensor_number(t, 0) : 0;
}

/* Adds up the expected loss of all layers: the objective's term is their sum. */
static void compare_sum(run *r, comparison *result, const tensors *expected, const char *prefix, const char *term) {
  double sum = 0;
  const char *start = arena_print(r->c->arena, "%sloss.%s.", prefix, term);
  for (int i = 0; i < expected->count; i++)
    if (strncmp(expected->items[i].name, start, strlen(start)) == 0)
      sum += tensor_number(&expected->items[i], 0);
  float single = (float)sum;
  tensor e = {.name = start, .dtype = DTYPE_F32, .count = 1, .data = &single};
  compare(result, start, tensors_find(&r->outputs[STAGE_LAYERS], "loss.%s", term), &e);
}

static void compare_gradients(run *r, comparison *result, const tensors *expected, const char *prefix, bool soft) {
  const char *start = arena_print(r->c->arena, "%sgrad.", prefix);
  for (int i = 0; i < expected->count; i++) {
    const tensor *e = &expected->items[i];
    if (strncmp(e->name, start, strlen(start)) != 0)
      continue;
    const char *path = e->name + strlen(start);
    const char *owner = strncmp(path, "fit.", 4) == 0 ? "layers" : "student";
    float *sum = arena_array(r->c->arena, float, e->count + 1);
    for (int stage = STAGE_LAYERS; stage <= (soft ? STAGE_SOFT_4 : STAGE_LAYERS); stage++) {
      const tensor *got = tensors_find(&r->outputs[stage], "gradient.%s/%s", owner, path);
      for (int64_t k = 0; got && k < e->count && got->count == e->count; k++)
        sum[k] += (float)tensor_number(got, k);
    }
    tensor total = *e;
    total.data = sum;
    compare(result, e->name, &total, e);
  }
}

static bool distill(const reference_case *c, comparison *result, const tensors *expected, bool padded) {
  run r = {.c = c, .values = {.arena = c->arena}};
  tensors inputs = {.arena = c->arena};
  r.program = bert_program(c, json_object_get(c->settings, "teacher"), json_object_get(c->settings, "student"), padded);
  if (!r.program || !tensors_load(&inputs, case_file(c, "inputs.safetensors"), "") ||
      !tensors_load(&r.values, case_file(c, "teacher.safetensors"), "teacher/") ||
      !tensors_load(&r.values, case_file(c, "student.safetensors"), "student/"))
    return false;
  bert_batch(&inputs, &r.values, 1);
  const char *prefix = padded ? "" : "masked.";
  for (int stage = STAGE_LAYERS; stage <= (padded ? STAGE_SOFT_4 : STAGE_LAYERS); stage++)
    if (!run_stage(&r, stage))
      return false;
  const tensors *layers = &r.outputs[STAGE_LAYERS];
  compare(result, "loss.embedding", tensors_find(layers, "loss.embedding"),
          tensors_find(expected, "%sloss.embedding", prefix));
  compare_sum(&r, result, expected, prefix, "hidden");
  compare_sum(&r, result, expected, prefix, "attention");
  double total = number(layers, "loss");
  if (padded) {
    compare(result, "loss.soft.T1", tensors_find(&r.outputs[STAGE_SOFT_1], "loss.prediction"),
            tensors_find(expected, "loss.soft.T1"));
    compare(result, "loss.soft.T4", tensors_find(&r.outputs[STAGE_SOFT_4], "loss.prediction"),
            tensors_find(expected, "loss.soft.T4"));
    total += number(&r.outputs[STAGE_SOFT_1], "loss") + number(&r.outputs[STAGE_SOFT_4], "loss");
  }
  float single = (float)total;
  tensor got = {.name = "total", .dtype = DTYPE_F32, .count = 1, .data = &single};
  compare(result, "loss.total", &got, tensors_find(expected, "%sloss.total", prefix));
  compare_gradients(&r, result, expected, prefix, padded);
  return true;
}

bool case_distillation(const reference_case *c, comparison *result) {
  tensors expected = {.arena = c->arena};
  return tensors_load(&expected, case_file(c, "expected.safetensors"), "") && distill(c, result, &expected, true) &&
         distill(c, result, &expected, false);
}
