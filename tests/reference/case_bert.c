/* R1: a classifier's forward pass with every hidden state, score and probability. R2: its loss, every gradient and the
 * parameters after steps of AdamW. */
#include "tests/reference/bert.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEARNING_RATE = 1e-3; /* of R2, and of the stage in bert.rt */

/* Which elements of a tensor [B, …] are real: axes 1 (tokens) or 2 and 3 (pairs of tokens). */
static bool *real_elements(arena *a, const tensor *lengths, const tensor *t) {
  bool *real = arena_array(a, bool, t->count + 1);
  int first = t->rank == 3 ? 1 : 2, last = t->rank == 3 ? 1 : 3;
  for (int64_t i = 0; i < t->count; i++) {
    int64_t rest = i, at[RANK_MAX];
    for (int k = t->rank - 1; k >= 0; k--) {
      at[k] = rest % t->sizes[k];
      rest /= t->sizes[k];
    }
    real[i] = true;
    for (int k = first; k <= last; k++)
      real[i] = real[i] && (double)at[k] < tensor_number(lengths, at[0]);
  }
  return real;
}

static void compare_real(const reference_case *c, comparison *result, const tensors *values, const tensors *outputs,
                         const char *tap, const tensor *expected) {
  const tensor *got = tensors_find(outputs, "%s", tap);
  compare_masked(result, arena_print(c->arena, "%s (%s)", expected->name, tap), got, expected,
                 real_elements(c->arena, tensors_find(values, "ids.lengths"), expected));
}

static bool forward(const reference_case *c, comparison *result, bool padded) {
  const json_t *configuration = json_object_get(c->settings, "config");
  program *p = bert_program(c, configuration, configuration, padded);
  graph *g = p ? bert_forward(c, p, MODEL_STUDENT) : NULL;
  tensors inputs = {.arena = c->arena}, values = inputs, expected = inputs, outputs = inputs;
  if (!g || !tensors_load(&inputs, case_file(c, "inputs.safetensors"), "") ||
      !tensors_load(&values, case_file(c, "weights.safetensors"), "student/") ||
      !tensors_load(&expected, case_file(c, "expected.safetensors"), ""))
    return false;
  bert_batch(&inputs, &values, 1);
  if (!run_graph(g, c->run, &values, &outputs))
    return false;
  compare(result, "logits", tensors_find(&outputs, "result"), tensors_find(&expected, "logits"));
  compare(result, "pooled", tensors_find(&outputs, "tap.pooled"), tensors_find(&expected, "pooled"));
  for (int i = 0; i < expected.count; i++) {
    const tensor *e = &expected.items[i];
    const char *dot = strrchr(e->name, '.');
    if (!dot)
      continue;
    int layer = atoi(dot + 1);
    const char *tap = "tap.bert.embeddings.out";
    if (strncmp(e->name, "scores.", 7) == 0)
      tap = arena_print(c->arena, "tap.bert.encoder.layer.%d.attention.self.scores", layer);
    else if (strncmp(e->name, "probs.", 6) == 0)
      tap = arena_print(c->arena, "tap.bert.encoder.layer.%d.attention.self.probabilities", layer);
    else if (layer > 0)
      tap = arena_print(c->arena, "tap.bert.encoder.layer.%d.hidden", layer - 1);
    compare_real(c, result, &values, &outputs, tap, e);
  }
  return true;
}

bool case_bert_forward(const reference_case *c, comparison *result) {
  return forward(c, result, false) && forward(c, result, true);
}

/* After which update the file has parameters: "step5.classifier.bias" -> 5. */
static int last_step(const tensors *expected) {
  int last = 0;
  for (int i = 0; i < expected->count; i++)
    if (strncmp(expected->items[i].name, "step", 4) == 0 && atoi(expected->items[i].name + 4) > last)
      last = atoi(expected->items[i].name + 4);
  return last;
}

static double largest(const tensor *t) {
  double most = 0;
  for (int64_t i = 0; i < t->count; i++)
    most = fmax(most, fabs(tensor_number(t, i)));
  return most;
}

static double largest_gradient(const tensors *expected) {
  double most = 0;
  for (int i = 0; i < expected->count; i++)
    if (strncmp(expected->items[i].name, "grad.", 5) == 0)
      most = fmax(most, largest(&expected->items[i]));
  return most;
}

/* A key's bias adds the same to all scores of a query, so the softmax takes its gradient to zero, and what either side
 * computes is the rounding error of that zero (below 1e-6 of the other gradients). AdamW divides it by its own size:
 * the move is a random number of up to lr a step, which no formula determines. Such a parameter may be off by what both
 * can have moved. */
static void compare_parameters(const reference_case *c, comparison *result, const tensors *values,
                               const tensors *expected, int step) {
  const char *prefix = arena_print(c->arena, "step%d.", step);
  double noise = 1e-6 * largest_gradient(expected);
  for (int i = 0; i < expected->count; i++) {
    const tensor *e = &expected->items[i];
    if (strncmp(e->name, prefix, strlen(prefix)) != 0)
      continue;
    const char *path = e->name + strlen(prefix);
    const tensor *gradient = tensors_find(expected, "grad.%s", path);
    comparison loose = {.atol = 2 * LEARNING_RATE * step, .rtol = result->rtol};
    bool undetermined = gradient && largest(gradient) < noise;
    compare(undetermined ? &loose : result, e->name, tensors_find(values, "student/%s", path), e);
    if (loose.failed)
      result->failed = true;
  }
}

bool case_bert_train(const reference_case *c, comparison *result) {
  const json_t *configuration = json_object_get(c->settings, "config");
  program *p = bert_program(c, configuration, configuration, false);
  graph *g = p ? bert_stage(c, p, STAGE_CLASSIFY) : NULL;
  tensors inputs = {.arena = c->arena}, values = inputs, expected = inputs;
  if (!g || !tensors_load(&inputs, case_file(c, "inputs.safetensors"), "") ||
      !tensors_load(&values, case_file(c, "weights.safetensors"), "student/") ||
      !tensors_load(&expected, case_file(c, "expected.safetensors"), ""))
    return false;
  bert_batch(&inputs, &values, last_step(&expected));
  bert_add_states(g, &values);
  for (int step = 1; step <= last_step(&expected); step++) {
    tensors outputs = {.arena = c->arena};
    bert_set_step(&values, step);
    if (!run_graph(g, c->run, &values, &outputs))
      return false;
    const char *loss = step == 1 ? "loss" : arena_print(c->arena, "loss.step%d", step);
    if (tensors_find(&expected, "%s", loss))
      compare(result, loss, tensors_find(&outputs, "loss"), tensors_find(&expected, "%s", loss));
    for (int i = 0; step == last_step(&expected) && i < expected.count; i++)
      if (strncmp(expected.items[i].name, "grad.", 5) == 0)
        compare(result, expected.items[i].name,
                tensors_find(&outputs, "gradient.student/%s", expected.items[i].name + 5), &expected.items[i]);
    compare_parameters(c, result, &values, &expected, step);
  }
  return true;
}
