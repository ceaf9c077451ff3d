/* What becomes one kernel, and that whole training steps of layers compute what the interpreter does. */
#include "compiler/passes/fusion.h"
#include "compiler/passes/pass.h"
#include "tests/unit/emitted.h"
#include "tests/unit/layer_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- counting ---- */

static fusion *fuse(const graph *g) {
  fusion *f = fusion_create(g);
  schedule_groups(f);
  plan_memory(f);
  return f;
}

static graph *parse(arena *a, const char *content) {
  const char *error = NULL;
  graph *g = graph_parse(a, content, strlen(content), &error);
  if (!g)
    fail_msg("%s", error);
  return g;
}

static void expect_groups(const char *content, int count) {
  arena *a = arena_create();
  fusion *f = fuse(parse(a, content));
  text t = {0};
  fusion_print(f, FUSION_GROUPS, &t);
  if (f->group_count != count)
    fail_msg("%d groups instead of %d:\n%s", f->group_count, count, t.data);
  text_free(&t);
  arena_destroy(a);
}

static void softmax_is_one_kernel(void **unused) {
  (void)unused;
  expect_groups("graph g {\n  dim B\n  dim T\n"
                "  %0 = input data f32[B, T] \"x\"\n"
                "  %1 = reduce_max f32[B, 1] %0 axes [1]\n"
                "  %2 = expand f32[B, T] %1\n"
                "  %3 = sub f32[B, T] %0 %2\n"
                "  %4 = exp f32[B, T] %3\n"
                "  %5 = reduce_sum f32[B, 1] %4 axes [1]\n"
                "  %6 = expand f32[B, T] %5\n"
                "  %7 = div f32[B, T] %4 %6\n"
                "  output \"y\" %7\n}\n",
                1);
}

static void across_reshapes_rows_are_the_same(void **unused) {
  (void)unused;
  expect_groups("graph g {\n  dim B\n  dim T\n"
                "  %0 = input data f32[B, T, 8, 16] \"x\"\n"
                "  %1 = exp f32[B, T, 8, 16] %0\n"
                "  %2 = reshape f32[B*T, 128] %1\n"
                "  %3 = reduce_sum f32[B*T, 1] %2 axes [1]\n"
                "  %4 = expand f32[B*T, 128] %3\n"
                "  %5 = mul f32[B*T, 128] %2 %4\n"
                "  output \"y\" %5\n}\n",
                1);
}

static void updates_of_one_weight_are_one_kernel(void **unused) {
  (void)unused;
  expect_groups("graph g {\n"
                "  %0 = input data f32[300, 40] \"gradient\"\n"
                "  %1 = input state f32[300, 40] \"w\"\n"
                "  %2 = input state f32[300, 40] \"m\"\n"
                "  %3 = add f32[300, 40] %2 %0\n"
                "  %4 = sub f32[300, 40] %1 %3\n"
                "  update \"m\" %3\n"
                "  update \"w\" %4\n}\n",
                1);
}

static void a_sum_over_everything_joins_its_producer(void **unused) {
  (void)unused;
  expect_groups("graph g {\n  dim B\n"
                "  %0 = input data f32[B, 64] \"x\"\n"
                "  %1 = input weight f32[64, 32] \"w\"\n"
                "  %2 = matmul f32[B, 32] %0 %1\n"
                "  %3 = mul f32[B, 32] %2 %2\n"
                "  %4 = reduce_sum f32[1, 1] %3 axes [0, 1]\n"
                "  output \"loss\" %4\n"
                "  output \"y\" %2\n}\n",
                1);
}

static void no_pointwise_kernel_stands_between_contractions(void **unused) {
  (void)unused;
  for (int variant = 0; variant < 4; variant++) {
    arena *a = arena_create();
    layer_options options = {.layers = 3,
                             .hidden = 64,
                             .heads = 4,
                             .wide = 256,
                             .train = true,
                             .dropout = variant & 1,
                             .scores = variant & 2};
    graph *g = passes_run(layer_graph(a, &options), NULL);
    fusion *f = fuse(g);
    assert_int_equal(fusion_loose_groups(f), 0);
    assert_int_equal(f->copy_count, 0);
    const step *s = step_create(g);
    assert_true(s->kernel_count < 30); /* layers share theirs */
    arena_destroy(a);
  }
}

/* Not even where a loss compares the scores of two attentions, and for its gradient. */
static void nothing_as_large_as_scores_is_stored(void **unused) {
  (void)unused;
  for (int dropout = 0; dropout < 2; dropout++) {
    arena *a = arena_create();
    layer_options options = {
        .layers = 2, .hidden = 64, .heads = 4, .wide = 256, .train = true, .dropout = dropout, .scores = true};
    fusion *f = fuse(passes_run(layer_graph(a, &options), NULL));
    for (int i = 0; i < f->root_count; i++) {
      shape s = f->roots[i]->node->shape;
      int64_t size;
      if (s.rank == 4 && !dim_is_constant(s.dims[2], &size) && !dim_is_constant(s.dims[3], &size))
        assert_int_not_equal(f->roots[i]->storage, STORAGE_FULL);
    }
    arena_destroy(a);
  }
}

/* The counter can count: what is read across rows is no epilogue. */
static void a_transposed_value_stands_alone(void **unused) {
  (void)unused;
  arena *a = arena_create();
  fusion *f = fuse(parse(a, "graph g {\n  dim B\n"
                            "  %0 = input data f32[B, 64] \"x\"\n"
                            "  %1 = input weight f32[64, 32] \"w\"\n"
                            "  %2 = matmul f32[B, 32] %0 %1\n"
                            "  %3 = permute f32[32, B] %2 axes [1, 0]\n"
                            "  %4 = exp f32[32, B] %3\n"
                            "  %5 = matmul f32[32, 64] %4 %0\n"
                            "  output \"y\" %5\n}\n"));
  assert_int_equal(fusion_loose_groups(f), 1);
  arena_destroy(a);
}

static void a_layer_takes_a_kernel_for_each_contraction_but_one_for_those_of_a_batch(void **unused) {
  (void)unused;
  arena *a = arena_create();
  layer_options options = {.layers = 1, .hidden = 64, .heads = 4, .wide = 256};
  fusion *f = fuse(passes_run(layer_graph(a, &options), NULL));
  int contractions = 0;
  for (int i = 0; i < f->root_count; i++)
    contractions += f->roots[i]->node->op == OP_matmul;
  assert_int_equal(contractions, 6); /* queries, keys and values are one */
  assert_int_equal(f->group_count, contractions - 1);
  arena_destroy(a);
}

/* ---- computing ---- */

static random_inputs draw(arena *a, const graph *g, uint64_t seed, int64_t rows, int64_t length) {
  random_inputs in = {.bindings = arena_array(a, int64_t, 2), .inputs = arena_array(a, tensor_value, g->node_count)};
  in.bindings[0] = rows;
  in.bindings[1] = length;
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    tensor_value *v = &in.inputs[i];
    v->count = dim_evaluate(shape_elements(g->dims, n->shape), in.bindings);
    v->data = arena_array(a, double, v->count);
    for (int64_t e = 0; e < v->count; e++)
      v->data[e] = n->dtype == DTYPE_F32 ? random_between(&seed, 0.0625, 0.5) * (random_below(&seed, 2) ? 1 : -1) : 7;
    if (strstr(n->attributes.input.name, "second"))
      for (int64_t e = 0; e < v->count; e++)
        v->data[e] = v->data[e] < 0 ? -v->data[e] : v->data[e];
  }
  return in;
}

static void check_layers(const layer_options *options, int64_t rows, int64_t length) {
  arena *a = arena_create();
  const char *wrong = NULL;
  target *t = target_create(a, NULL, &wrong);
  assert_non_null(t);
  graph *g = passes_run(layer_graph(a, options), NULL);
  random_inputs in[] = {draw(a, g, 1, rows, length), draw(a, g, 2, 1, length), draw(a, g, 3, rows, 1)};
  wrong = emitted_differs(a, g, step_create(g), t, 3, in);
  if (wrong)
    fail_msg("%s", wrong);
  target_destroy(t);
  arena_destroy(a);
}

static void training_steps_agree_with_the_interpreter(void **unused) {
  (void)unused;
  check_layers(&(layer_options){.layers = 2, .hidden = 16, .heads = 2, .wide = 24, .train = true}, 3, 7);
  check_layers(&(layer_options){.layers = 1, .hidden = 24, .heads = 3, .wide = 40, .train = true, .scores = true}, 5,
               18);
}

/* Rows enough for blocks of rows on every thread. */
static void blocks_of_rows_agree_with_the_interpreter(void **unused) {
  (void)unused;
  check_layers(&(layer_options){.layers = 1, .hidden = 48, .heads = 2, .wide = 40, .train = true, .dropout = true}, 29,
               41);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(softmax_is_one_kernel),
      cmocka_unit_test(across_reshapes_rows_are_the_same),
      cmocka_unit_test(updates_of_one_weight_are_one_kernel),
      cmocka_unit_test(a_sum_over_everything_joins_its_producer),
      cmocka_unit_test(no_pointwise_kernel_stands_between_contractions),
      cmocka_unit_test(nothing_as_large_as_scores_is_stored),
      cmocka_unit_test(a_transposed_value_stands_alone),
      cmocka_unit_test(a_layer_takes_a_kernel_for_each_contraction_but_one_for_those_of_a_batch),
      cmocka_unit_test(training_steps_agree_with_the_interpreter),
      cmocka_unit_test(blocks_of_rows_agree_with_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
