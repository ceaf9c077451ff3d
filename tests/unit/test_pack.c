/* The packed layout computes what the padded one does: every output, padding and gradients among them, whatever padding
 * of the inputs holds; by the reference interpreter, and as machine code. */
#include "compiler/grad/differentiate.h"
#include "compiler/passes/fusion.h"
#include "compiler/passes/pass.h"
#include "tests/unit/checked.h"
#include "tests/unit/emitted_graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 3 };

typedef struct work {
  const char *body; /* of f(x, w), x: f32[B, T of B, 4], w: f32[4, 4]; with `use nn` */
} work;

static const work works[] = {
    {"gelu(x @ w)"},
    {"mean(square(x @ w))"},
    {"sum(x @ w, axis: 1)"},
    {"sum(x @ w, axis: 0)"},
    {"sum(x @ w, axis: 2)"},
    {"max(x @ w, axis: 1)"},
    {"mean(tanh(x @ w), axis: 1) @ w"},
    {"normalize(x @ w + x) @ w"},
    {"softmax(x @ w) @ w"},
    {"softmax(x @ w, axis: 1)"},
    {"tanh((x @ w)[:, 0]) @ w"},
    {"(x @ w)[:, 0] @ w + sum(gelu(x @ w), axis: 1)"},
    {"permute(x @ w, [1, 0, 2])"},
    {"permute(x @ w, [2, 0, 1]) + 1.0"},
    {"reshape(x @ w, [size(x, 0), size(x, 1), 2, 2])"},
    {"concat([x @ w, x], axis: 2)[:, :, 1:6]"},
    {"(x @ w) @ permute(x @ w, [0, 2, 1])"},
    {"softmax((x @ w) @ permute(x, [0, 2, 1])) @ (x @ w)"},
    {"merge_heads(attention(split_heads(x @ w, 2), split_heads(gelu(x @ w), 2), split_heads(x @ w, 2))) @ w + x"},
    {"mean(square(attention_scores(split_heads(x @ w, 2), split_heads(x, 2))))"},
    {"merge_heads(dropout(softmax(attention_scores(split_heads(x @ w, 4), split_heads(tanh(x @ w), 4))), 0.25) @ "
     "split_heads(x @ w, 4)) @ w + x"},
    {"mean(square(attention_scores(split_heads(x @ w, 2), split_heads(x @ w, 2)) - "
     "attention_scores(split_heads(tanh(x @ w), 2), split_heads(x @ w, 2)))) + "
     "sum(merge_heads(attention(split_heads(x @ w, 2), split_heads(x @ w, 2), split_heads(x @ w, 2))) @ w)"},
    {"sum(where(attention_scores(split_heads(x @ w, 2), split_heads(x @ w, 2)) <= -0.1, 0.0, "
     "attention_scores(split_heads(x @ w, 2), split_heads(tanh(x @ w), 2))))"},
    {"merge_heads(softmax(attention_scores(split_heads(x @ w, 2), split_heads(x @ w, 2)), axis: 2) @ split_heads(x @ "
     "w, 2)) "
     "@ w"},
    {"merge_heads(max(split_heads(x @ w, 2) @ split_heads(tanh(x @ w), 2).T, axis: 3, keep: true) * "
     "split_heads(x @ w, 2)) @ w"},
    {"merge_heads(attention(split_heads(x @ w, 1), split_heads(x @ w, 1), split_heads(x, 1))) @ w"},
    {"sum(cumsum(softmax(attention_scores(split_heads(x @ w, 2), split_heads(x @ w, 2)))), axis: 1)"},
    {"dropout(x @ w, 0.5) @ w"},
    {"argmax(x @ w) |> f32"},
    {"where(x @ w > 0.5, x, 2.0 * x)"},
    {"f32(mask(x))[..., new] * (x @ w)"},
    {"pad(x @ w)"},
    {"log(1.0 + exp(x @ w)) / f32(lengths(x))[:, new, new]"},
    {"(x @ w) * f32(iota(size(x, 1)))[new, :, new]"},
    {"(x @ w) * (sum(x, axis: 1) @ w)[:, new, :]"},
    {"x / sum(abs(x @ w) + 1.0, axis: 0)"},
    {"cumsum(permute(x @ w, [0, 2, 1]))"},
};

/* ---- graphs ---- */

static const char *const types[] = {"f32[B, T of B, 4]", "f32[4, 4]"};

/* f's result, and the gradients of the sum of its sine. */
static graph *make_graph(checked *c, const char *body) {
  char source[1024];
  snprintf(source, sizeof source, "use nn\nfunction f(x, w) = %s\n", body);
  *c = checked_open(source);
  graph *g = program_plain_function_graph(c->program, "f", 2, types, c->diagnostics);
  if (!g) {
    char *messages = checked_messages(c);
    print_error("%s", messages);
    free(messages);
    fail();
  }
  return g;
}

static graph *with_gradients(checked *c, const char *body) {
  char summed[900];
  snprintf(summed, sizeof summed, "sum(sin(%s))", body);
  graph *g = make_graph(c, summed);
  node *inputs[] = {graph_find_input(g, "x"), graph_find_input(g, "w")}, *gradients[2] = {0};
  static const char *const names[] = {"gradient.x", "gradient.w"};
  differentiate(g, checked_output(g, "result")->value, NULL, 2, inputs, gradients);
  for (int i = 0; i < 2; i++)
    if (gradients[i])
      graph_output_add(g, names[i], gradients[i]);
  return g;
}

/* ---- inputs ---- */

static double draw_element(const node *n, uint64_t *state, const int64_t *sizes, int64_t e) {
  if (strcmp(n->attributes.input.name, "x.lengths") == 0)
    return e == 0 ? (double)sizes[1] : 1 + random_below(state, (int)sizes[1]);
  if (n->dtype != DTYPE_F32)
    return random_below(state, 100);
  return random_between(state, -1.5, 1.5);
}

/* By name, so that both layouts get the same; the last draw has padding full of large numbers, and work for several
 * threads. */
static random_inputs draw(arena *a, const graph *g, int number) {
  random_inputs in = {.bindings = arena_array(a, int64_t, dim_symbol_count(g->dims) + 1),
                      .inputs = arena_array(a, tensor_value, g->node_count + 1)};
  static const int64_t all[DRAWS][2] = {{4, 3}, {1, 5}, {9, 40}};
  const int64_t *sizes = all[number];
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    in.bindings[i] = sizes[dim_symbol_at(g->dims, i)->of != NULL];
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_input)
      continue;
    uint64_t state =
        (uint64_t)number * 1000 + (unsigned char)n->attributes.input.name[0] + (n->dtype == DTYPE_I32 ? 7 : 0);
    tensor_value *v = &in.inputs[id];
    v->count = dim_evaluate(shape_elements(g->dims, n->shape), in.bindings);
    v->data = arena_array(a, double, v->count + 1);
    for (int64_t e = 0; e < v->count; e++)
      v->data[e] = draw_element(n, &state, sizes, e);
    for (int i = 0; i < dim_symbol_count(g->dims); i++)
      if (dim_symbol_at(g->dims, i)->sum && strcmp(dim_symbol_at(g->dims, i)->sum, n->attributes.input.name) == 0) {
        in.bindings[i] = 0;
        for (int64_t e = 0; e < v->count; e++)
          in.bindings[i] += (int64_t)v->data[e];
      }
  }
  node *x = graph_find_input(g, "x"), *lengths = graph_find_input(g, "x.lengths");
  for (int64_t e = 0; x && lengths && number == 2 && e < in.inputs[x->id].count; e++)
    if (e / 4 % sizes[1] >= (int64_t)in.inputs[lengths->id].data[e / 4 / sizes[1]])
      in.inputs[x->id].data[e] = (double)(e % 2 ? 3e3 : -1e4);
  return in;
}

/* ---- comparing ---- */

static void compare(const char *body, const graph *g, const graph *h, const tensor_value *x, const tensor_value *y) {
  for (int i = 0; i < g->output_count; i++) {
    const tensor_value *v = &x[g->outputs[i].value->id], *w = &y[h->outputs[i].value->id];
    assert_int_equal(v->count, w->count);
    for (int64_t e = 0; e < v->count; e++)
      if (!(fabs(v->data[e] - w->data[e]) <= 1e-8 * (1 + fabs(v->data[e])))) {
        text t = {0};
        graph_print(h, false, &t);
        fail_msg("%s: %s[%d] is %.12g padded, %.12g packed in\n%s", body, g->outputs[i].name, (int)e, v->data[e],
                 w->data[e], t.data);
      }
  }
}

static bool has_tokens(const graph *g) {
  const dim_symbol *tokens = dim_symbol_find(g->dims, "T.tokens");
  for (int i = 0; tokens && i < g->node_count; i++)
    if (g->nodes[i]->op == OP_matmul && dim_as_symbol(g->nodes[i]->shape.dims[0]) == tokens)
      return true;
  return false;
}

static void check_graph(checked *c, const char *body, const graph *g, bool emitted) {
  arena *a = c->arena;
  const pass_switches switches = {.packed = true};
  const graph *packed = passes_run_without(g, "pack", &switches);
  assert_null(graph_verify(packed));
  if (!has_tokens(packed))
    fail_msg("%s: nothing is packed", body);
  random_inputs drawn[DRAWS];
  for (int i = 0; i < DRAWS; i++) {
    random_inputs dense = draw(a, g, i);
    drawn[i] = draw(a, packed, i);
    tensor_value *x = graph_interpret(g, dense.bindings, dense.inputs, false);
    tensor_value *y = graph_interpret(packed, drawn[i].bindings, drawn[i].inputs, false);
    compare(body, g, packed, x, y);
    interpret_free(g, x);
    interpret_free(packed, y);
  }
  const char *wrong = emitted ? emitted_graph_differs(a, packed, DRAWS, drawn) : NULL;
  if (wrong)
    fail_msg("%s: %s", body, wrong);
}

static void values_are_equal(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
    checked c;
    const graph *g = make_graph(&c, works[i].body);
    check_graph(&c, works[i].body, g, false);
    checked_close(&c);
  }
}

static void gradients_are_equal(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
    checked c;
    const graph *g = with_gradients(&c, works[i].body);
    check_graph(&c, works[i].body, g, true);
    checked_close(&c);
  }
}

/* Attention in the packed layout gathers nothing: its products end at the rows' own lengths. */
static void attention_is_ragged(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "merge_heads(dropout(softmax(attention_scores(split_heads(x @ w, 2), split_heads(tanh(x @ w), 2))), 0.25) @ "
      "split_heads(x @ w, 2)) @ w + x",
      "mean(square(attention_scores(split_heads(x @ w, 2), split_heads(x @ w, 2)) - "
      "attention_scores(split_heads(tanh(x @ w), 2), split_heads(gelu(x @ w), 2))))"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    checked c;
    const graph *g = with_gradients(&c, bodies[i]);
    fusion *f = fusion_create(passes_run_without(g, NULL, &(pass_switches){.packed = true}));
    int products = 0;
    for (int k = 0; k < f->root_count; k++) {
      const root *r = f->roots[k];
      if (r->node->op == OP_gather && r->node->dtype == DTYPE_F32 && r->node->shape.rank > 3) {
        text t = {0};
        fusion_print(f, FUSION_GROUPS, &t);
        graph_print(f->graph, false, &t);
        fail_msg("%s", t.data);
      }
      if (r->node->op != OP_matmul || r->node->shape.rank != 4)
        continue;
      assert_true(r->group->ragged);
      products++;
    }
    assert_true(products >= 3);
    checked_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_equal), cmocka_unit_test(gradients_are_equal),
                                     cmocka_unit_test(attention_is_ragged)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
