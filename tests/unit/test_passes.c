/* Passes keep what a graph computes: every output and update, on random graphs and their gradients, by the reference
 * interpreter. What each pass does is tested by golden tests. */
#include "compiler/grad/differentiate.h"
#include "compiler/passes/pass.h"
#include "tests/unit/random_graph.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *printed(const graph *g) {
  text t = {0};
  graph_print(g, true, &t);
  return t.data;
}

static graph *parse(arena *a, const char *content) {
  const char *error = NULL;
  graph *g = graph_parse(a, content, strlen(content), &error);
  if (!g)
    fail_msg("%s in\n%s", error, content);
  return g;
}

/* ---- evaluation, with what was frozen computed first ---- */

typedef struct evaluation {
  const graph *g;
  tensor_value *values;
} evaluation;

/* Inputs are found by name in `from` and, for what is frozen, among the outputs of the preparation. */
static tensor_value *inputs_of(arena *a, const graph *g, const graph *from, const tensor_value *given,
                               const evaluation *prepared) {
  tensor_value *inputs = arena_array(a, tensor_value, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++) {
    if (g->nodes[id]->op != OP_input)
      continue;
    const char *name = g->nodes[id]->attributes.input.name;
    const node *original = graph_find_input(from, name);
    if (original)
      inputs[id] = given[original->id];
    for (int i = 0; prepared->g && i < prepared->g->output_count; i++)
      if (strcmp(prepared->g->outputs[i].name, name) == 0)
        inputs[id] = prepared->values[prepared->g->outputs[i].value->id];
    assert_non_null(inputs[id].data);
  }
  return inputs;
}

static bool near(double x, double y) {
  return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-8 * (1 + fabs(x) + fabs(y));
}

static void compare_outputs(const evaluation *before, const evaluation *after, const char *label) {
  const graph *g = before->g, *h = after->g;
  assert_int_equal(g->output_count, h->output_count);
  for (int i = 0; i < g->output_count; i++) {
    assert_string_equal(g->outputs[i].name, h->outputs[i].name);
    assert_int_equal(g->outputs[i].state != NULL, h->outputs[i].state != NULL);
    const tensor_value *x = &before->values[g->outputs[i].value->id], *y = &after->values[h->outputs[i].value->id];
    assert_int_equal(g->outputs[i].value->dtype, h->outputs[i].value->dtype);
    assert_int_equal(x->count, y->count);
    for (int64_t e = 0; e < x->count; e++)
      if (!near(x->data[e], y->data[e]))
        fail_msg("%s: output %s[%d] is %.17g, was %.17g, in\n%s\nwhich was\n%s", label, g->outputs[i].name, (int)e,
                 y->data[e], x->data[e], printed(h), printed(g));
  }
}

static void compare_graphs(arena *a, const graph *before, const graph *after, const random_inputs *filled,
                           const char *label) {
  const char *wrong = graph_verify(after);
  if (wrong)
    fail_msg("%s: %s in\n%s\nwhich was\n%s", label, wrong, printed(after), printed(before));
  evaluation prepared = {0};
  if (after->prepare) {
    evaluation none = {0};
    prepared.g = after->prepare;
    tensor_value *weights = inputs_of(a, prepared.g, before, filled->inputs, &none);
    prepared.values = graph_interpret(prepared.g, filled->bindings, weights, false);
  }
  evaluation x = {before, graph_interpret(before, filled->bindings, filled->inputs, false)};
  tensor_value *inputs = inputs_of(a, after, before, filled->inputs, &prepared);
  evaluation y = {after, graph_interpret(after, filled->bindings, inputs, false)};
  compare_outputs(&x, &y, label);
  interpret_free(before, x.values);
  interpret_free(after, y.values);
  if (prepared.g)
    interpret_free(prepared.g, prepared.values);
}

/* ---- random graphs ---- */

/* A random graph and, when it has a loss, the gradients of that as outputs too. */
static graph *random_step(arena *a, uint64_t seed, random_graph_options *options) {
  *options = (random_graph_options){.operations = 5 + (int)(seed % 25),
                                    .size_max = 2 + (int)(seed % 3),
                                    .differentiable = seed % 2 == 0,
                                    .symbolic = seed % 3 == 0,
                                    .integers = seed % 5 < 2,
                                    .updates = seed % 7 < 3};
  graph *g = random_graph(a, seed, options);
  node *inputs[64], *gradients[64];
  int count = 0;
  for (int id = 0; options->differentiable && id < g->node_count && count < 64; id++)
    if (g->nodes[id]->op == OP_input && g->nodes[id]->dtype == DTYPE_F32)
      inputs[count++] = g->nodes[id];
  if (count)
    differentiate(g, g->outputs[0].value, NULL, count, inputs, gradients);
  for (int i = 0; i < count; i++)
    if (gradients[i])
      graph_output_add(g, arena_print(a, "gradient.%d", i), gradients[i]);
  return g;
}

static void values_stay(void **state) {
  (void)state;
  int compared = 0;
  for (uint64_t seed = 0; seed < 1500; seed++) {
    arena *a = arena_create();
    random_graph_options options;
    random_inputs filled;
    graph *g = random_step(a, seed, &options);
    if (random_graph_fill(a, g, seed, options.size_max, &filled)) {
      for (const pass *p = passes; p->name; p++)
        compare_graphs(a, g, pass_run(p, g, NULL), &filled, arena_print(a, "seed %d, %s", (int)seed, p->name));
      compare_graphs(a, g, passes_run(g, NULL), &filled, arena_print(a, "seed %d, all passes", (int)seed));
      compared++;
    }
    arena_destroy(a);
  }
  print_message("seeds 0 to 1499: %d graphs compared\n", compared);
  assert_true(compared > 1200);
}

/* NaN, infinities and zeros of both signs come out as they did. */
static void special_values_stay(void **state) {
  (void)state;
  static const double special[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1, -1, 0.5, 1e-300, 2};
  for (uint64_t seed = 0; seed < 1500; seed++) {
    arena *a = arena_create();
    random_graph_options options;
    random_inputs filled;
    graph *g = random_step(a, seed, &options);
    bool drawn = random_graph_fill(a, g, seed, options.size_max, &filled);
    uint64_t random = seed;
    for (int id = 0; drawn && id < g->node_count; id++)
      for (int64_t e = 0; g->nodes[id]->dtype == DTYPE_F32 && e < filled.inputs[id].count; e++)
        if (random_below(&random, 3) == 0)
          filled.inputs[id].data[e] = special[random_below(&random, sizeof special / sizeof *special)];
    if (drawn)
      compare_graphs(a, g, passes_run(g, NULL), &filled, arena_print(a, "seed %d, special values", (int)seed));
    arena_destroy(a);
  }
}

/* Run again on what it made, a pass finds nothing to do; and it does the same every time. */
static void passes_settle(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 500; seed++)
    for (const pass *p = passes; p->name; p++) {
      arena *a = arena_create();
      random_graph_options options;
      graph *g = random_step(a, seed, &options), *first = pass_run(p, g, NULL);
      char *once = printed(first), *again = printed(pass_run(p, g, NULL)), *twice = printed(pass_run(p, first, NULL));
      if (strcmp(once, twice) != 0)
        fail_msg("seed %d: %s is not done:\n%s\n%s", (int)seed, p->name, once, twice);
      assert_string_equal(once, again);
      free(once);
      free(again);
      free(twice);
      arena_destroy(a);
    }
}

/* ---- the list ---- */

static const char *const teacher = "graph teacher {\n"
                                   "dim B\n"
                                   "%0 = input data f32[B, 4] \"x\"\n"
                                   "%1 = input weight f32[4, 4] \"teacher.layer.0\"\n"
                                   "%2 = input weight f32[4, 4] \"teacher.layer.1\"\n"
                                   "%3 = input state f32[4, 4] \"student\"\n"
                                   "%4 = matmul f32[B, 4] %0 %1\n"
                                   "%5 = matmul f32[B, 4] %4 %2\n"
                                   "%6 = matmul f32[B, 4] %0 %3\n"
                                   "%7 = sub f32[B, 4] %6 %4\n"
                                   "%8 = tanh f32[B, 4] %5\n"
                                   "output \"loss\" %7\n"
                                   "update \"student\" %3\n"
                                   "}\n";

static int count_op(const graph *g, op o) {
  int count = 0;
  for (int id = 0; id < g->node_count; id++)
    count += g->nodes[id]->op == o;
  return count;
}

static void a_layer_no_loss_reads_disappears(void **state) {
  (void)state;
  arena *a = arena_create();
  graph *g = passes_run(parse(a, teacher), NULL);
  assert_non_null(graph_find_input(g, "teacher.layer.0"));
  assert_null(graph_find_input(g, "teacher.layer.1")); /* its weights are not asked for */
  assert_int_equal(count_op(g, OP_matmul), 2);
  assert_int_equal(count_op(g, OP_tanh), 0);
  arena_destroy(a);
}

static void until_stops_behind_that_pass(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *content = "graph g {\n"
                        "%0 = input weight f32[4] \"w\"\n"
                        "%1 = exp f32[4] %0\n"
                        "%2 = neg f32[4] %1\n"
                        "%3 = neg f32[4] %2\n"
                        "%4 = input data f32[4] \"x\"\n"
                        "%5 = add f32[4] %3 %4\n"
                        "output \"y\" %5\n}\n";
  graph *g = passes_run(parse(a, content), "dce");
  assert_int_equal(count_op(g, OP_neg), 2);
  g = passes_run(parse(a, content), "cse");
  assert_int_equal(count_op(g, OP_neg), 0);
  assert_int_equal(count_op(g, OP_exp), 1);
  assert_null(g->prepare);
  g = passes_run(parse(a, content), "freeze");
  assert_int_equal(count_op(g, OP_exp), 0);
  assert_non_null(g->prepare);
  arena_destroy(a);
}

/* Each pass leaves only what is needed, once dce has run. */
static void nothing_dead_is_left(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 300; seed++) {
    arena *a = arena_create();
    random_graph_options options;
    graph *g = random_step(a, seed, &options);
    for (const pass *p = passes; p->name; p++) {
      g = pass_run(p, g, NULL);
      bool *needed = pass_needed(g);
      for (int id = 0; id < g->node_count; id++)
        if (!needed[id])
          fail_msg("seed %d: %s leaves %%%d, which nobody reads, in\n%s", (int)seed, p->name, id, printed(g));
    }
    arena_destroy(a);
  }
}

static void the_list_says_what_and_why(void **state) {
  (void)state;
  for (const pass *p = passes; p->name; p++) {
    assert_true((p->run || p->run_asked) && p->purpose && p->place);
    assert_int_equal(op_by_name(p->name), OP_COUNT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_stay),
      cmocka_unit_test(special_values_stay),
      cmocka_unit_test(passes_settle),
      cmocka_unit_test(a_layer_no_loss_reads_disappears),
      cmocka_unit_test(until_stops_behind_that_pass),
      cmocka_unit_test(nothing_dead_is_left),
      cmocka_unit_test(the_list_says_what_and_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
