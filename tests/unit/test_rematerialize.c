/* Steps within a budget of memory: what is computed once more gives the same, to the bit in the reference interpreter,
 * as machine code within rounding; the plan is what the step takes; the least that is reached can be asked for. */
#include "compiler/emit/workspace.h"
#include "compiler/grad/differentiate.h"
#include "compiler/passes/pass.h"
#include "tests/unit/emitted_graph.h"
#include "tests/unit/layer_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 48, DRAWS = 2 }; /* of both run-time dimensions */

static graph *make_step(arena *a, bool dropout) {
  const layer_options options = {
      .layers = 4, .hidden = 32, .heads = 4, .wide = 64, .dropout = dropout, .train = true, .scores = true};
  return passes_run(layer_graph(a, &options), NULL);
}

static graph *within(const graph *g, double bytes, rematerialization *done) {
  const pass_switches asked = {.budget = {.bytes = bytes, .rows = SIZE, .length = SIZE, .threads = 2, .result = done}};
  graph *result = pass_rematerialize(g, &asked);
  const char *wrong = graph_verify(result);
  if (wrong)
    fail_msg("%s", wrong);
  return result;
}

static int count_recomputed(const graph *g) {
  int count = 0;
  for (int i = 0; i < g->node_count; i++)
    count += g->nodes[i]->recomputed;
  return count;
}

/* Inputs of h, which has those of g or fewer, by name. */
static random_inputs same_inputs(arena *a, const graph *g, const random_inputs *from, const graph *h) {
  random_inputs to = {.bindings = from->bindings, .inputs = arena_array(a, tensor_value, h->node_count + 1)};
  for (int i = 0; i < h->node_count; i++)
    if (h->nodes[i]->op == OP_input) {
      const node *n = graph_find_input(g, h->nodes[i]->attributes.input.name);
      assert_non_null(n);
      to.inputs[i] = from->inputs[n->id];
    }
  return to;
}

static void check_equal(const graph *g, const random_inputs *x, const graph *h, const random_inputs *y) {
  tensor_value *u = graph_interpret(g, x->bindings, x->inputs, true),
               *v = graph_interpret(h, y->bindings, y->inputs, true);
  assert_non_null(u);
  assert_non_null(v);
  assert_int_equal(g->output_count, h->output_count);
  for (int i = 0; i < g->output_count; i++) {
    const tensor_value *p = &u[g->outputs[i].value->id], *q = &v[h->outputs[i].value->id];
    assert_string_equal(g->outputs[i].name, h->outputs[i].name);
    assert_int_equal(p->count, q->count);
    assert_memory_equal(p->data, q->data, (size_t)p->count * sizeof *p->data);
  }
  interpret_free(g, u);
  interpret_free(h, v);
}

/* g and what became of it compute the same, for drawn inputs. */
static void check_same(arena *a, const graph *g, const graph *h, uint64_t seed, int size_max) {
  random_inputs drawn[DRAWS];
  int count = 0;
  for (int i = 0; i < DRAWS; i++) {
    random_inputs x;
    if (!random_graph_fill(a, g, seed * DRAWS + (uint64_t)i, size_max, &x))
      continue;
    drawn[count] = same_inputs(a, g, &x, h);
    check_equal(g, &x, h, &drawn[count++]);
  }
  const char *wrong = emitted_graph_differs(a, h, count, drawn);
  if (wrong)
    fail_msg("seed %d: %s", (int)seed, wrong);
}

static double step_bytes(arena *a, const graph *g) {
  int64_t *bindings = arena_array(a, int64_t, dim_symbol_count(g->dims) + 1);
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    bindings[i] = SIZE;
  return (double)step_workspace_bytes(a, step_create(g), bindings, 2);
}

/* ---- */

static void a_step_fits_and_computes_the_same(void **state) {
  (void)state;
  for (int dropout = 0; dropout < 2; dropout++) {
    arena *a = arena_create();
    graph *g = make_step(a, dropout);
    rematerialization none, least, done;
    graph *h = within(g, 1e12, &none);
    assert_true(none.fits);
    assert_int_equal(none.value_count, 0);
    assert_int_equal(count_recomputed(h), 0);
    within(g, 1, &least);
    assert_true(least.after < 0.8 * none.before);
    double bytes = (none.before + least.after) / 2;
    h = within(g, bytes, &done);
    assert_true(done.fits && done.after <= bytes && done.repeated < least.repeated);
    assert_true(done.value_count > 0 && done.repeated > 0 && done.repeated < done.operations);
    assert_true(count_recomputed(h) >= done.value_count);
    check_same(a, g, h, 7, 6);
    arena_destroy(a);
  }
}

static void the_plan_is_what_the_step_takes(void **state) {
  (void)state;
  arena *a = arena_create();
  graph *g = make_step(a, true);
  rematerialization done;
  graph *h = within(g, 1, &done);
  assert_false(done.fits);
  double saved = step_bytes(a, g) - step_bytes(a, h), planned = done.before - done.after;
  assert_true(saved > 0.95 * planned && saved < 1.05 * planned);
  arena_destroy(a);
}

static void the_least_can_be_asked_for(void **state) {
  (void)state;
  arena *a = arena_create();
  graph *g = make_step(a, false);
  rematerialization least, asked, less;
  within(g, 1, &least);
  assert_false(least.fits);
  within(g, least.after, &asked);
  assert_true(asked.fits && asked.after <= least.after);
  within(g, least.after - 1, &less);
  assert_true(!less.fits || less.after < least.after);
  assert_true(less.after == least.after);
  arena_destroy(a);
}

static graph *with_gradients(graph *g) {
  node **inputs = NULL, *loss = NULL;
  int count = 0, nodes = g->node_count;
  for (int i = 0; i < nodes; i++)
    if (g->nodes[i]->op == OP_input && g->nodes[i]->dtype == DTYPE_F32)
      arena_append(g->arena, inputs, count, g->nodes[i]);
  for (int i = 0; i < g->output_count; i++)
    if (strcmp(g->outputs[i].name, "loss") == 0)
      loss = g->outputs[i].value;
  assert_non_null(loss);
  node **gradients = arena_array(g->arena, node *, count + 1);
  differentiate(g, loss, NULL, count, inputs, gradients);
  for (int i = 0; i < count; i++)
    if (gradients[i])
      graph_output_add(g, arena_print(g->arena, "gradient.%d", i), gradients[i]);
  return g;
}

static void random_graphs_compute_the_same(void **state) {
  (void)state;
  int recomputed = 0;
  for (uint64_t seed = 0; seed < 12; seed++) {
    arena *a = arena_create();
    const random_graph_options options = {.operations = 10 + 4 * (int)seed,
                                          .size_max = 2 + (int)(seed % 7),
                                          .differentiable = true,
                                          .symbolic = seed & 1};
    graph *g = passes_run(with_gradients(random_graph(a, seed, &options)), NULL);
    rematerialization done;
    graph *h = within(g, 1, &done);
    recomputed += done.value_count;
    check_same(a, g, h, seed, options.size_max);
    arena_destroy(a);
  }
  assert_true(recomputed > 50);
}

static void the_text_says_what_is_recomputed(void **state) {
  (void)state;
  arena *a = arena_create();
  rematerialization done;
  graph *h = within(make_step(a, true), 1, &done);
  text once = {0}, twice = {0};
  graph_print(h, false, &once);
  assert_non_null(strstr(once.data, " recomputed\n"));
  const char *error = NULL;
  graph *read = graph_parse(a, once.data, once.length, &error);
  assert_null(error);
  graph_print(read, false, &twice);
  assert_string_equal(once.data, twice.data);
  /* and cse does not undo it */
  assert_int_equal(count_recomputed(pass_cse(read)), count_recomputed(read));
  text_free(&once);
  text_free(&twice);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_fits_and_computes_the_same), cmocka_unit_test(the_plan_is_what_the_step_takes),
      cmocka_unit_test(the_least_can_be_asked_for), cmocka_unit_test(random_graphs_compute_the_same),
      cmocka_unit_test(the_text_says_what_is_recomputed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
