/* Ragged dimensions: means, softmax and products are over real elements; nothing that padding holds, nor how wide it
 * is, changes a value or a gradient, and gradients of padding are zero. */
#include "compiler/grad/differentiate.h"
#include "tests/unit/checked.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 3, WIDTH = 4, LONGEST = 4, WIDEST = 7 };

static const double lengths[ROWS] = {4, 1, 2};

/* ---- by hand ---- */

typedef struct row {
  const char *body; /* of f(x: f32[B, T of B]) */
  const char *type;
  int count;
  double expected[12];
} row;

/* x is [[1, 2, 3, 4], [5, ...], [-1, 7, ...]] */
static const row by_hand[] = {
    {"sum(x, axis: 1)", "f32[B]", 3, {10, 5, 6}},
    {"sum(x)", "f32", 1, {21}},
    {"mean(x, axis: 1)", "f32[B]", 3, {2.5, 5, 3}},
    {"mean(x)", "f32", 1, {3}},
    {"mean(x, axis: 0)", "f32[T]", 4, {5.0 / 3, 4.5, 3, 4}},
    {"max(x, axis: 1)", "f32[B]", 3, {4, 5, 7}},
    {"min(x)", "f32", 1, {-1}},
    {"argmax(x)", "i32[B]", 3, {3, 0, 1}},
    {"tokens(x)", "f32", 1, {7}},
    {"tokens(x[:, :, new] * x[:, new, :])", "f32", 1, {16 + 1 + 4}},
    {"mean(x[:, :, new] * x[:, new, :])", "f32", 1, {(100.0 + 25 + 36) / 21}},
    {"mean(x[:, :, new] * x[:, new, :], axis: [0, 1])", "f32[T]", 4, {(10 + 25 - 6) / 7.0, (20 + 42) / 6.0, 7.5, 10}},
    {"mean(expand(x[..., new], [size(x, 0), size(x, 1), 2]))", "f32", 1, {3}},
    {"f32(lengths(x))", "f32[B]", 3, {4, 1, 2}},
    {"f32(mask(x))", "f32[B, T]", 12, {1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0}},
    {"pad(x)", "f32[B, T]", 12, {1, 2, 3, 4, 5, 0, 0, 0, -1, 7, 0, 0}},
    {"mean(pad(x))", "f32", 1, {21.0 / 12}},
    {"x + 1", "f32[B, T]", 12, {2, 3, 4, 5, 6, 0, 0, 0, 0, 8, 0, 0}},
    {"x[:, 0]", "f32[B]", 3, {1, 5, -1}},
    {"sum(x * (f32(iota(size(x, 1))) + 1), axis: 1)", "f32[B]", 3, {30, 5, 13}},
    {"sum(permute(x, [1, 0]), axis: 0)", "f32[B]", 3, {10, 5, 6}},
    {"x @ f32(iota(size(x, 1)))", "f32[B]", 3, {20, 0, 7}},
    {"mean(random(x) * 0 + 1)", "f32", 1, {1}},
    {"sum(reshape(x, [size(x, 0), 1, size(x, 1)]), axis: 2)", "f32[B, 1]", 3, {10, 5, 6}},
};

static graph *function_graph(checked *c, const char *type) {
  graph *g = program_plain_function_graph(c->program, "f", 1, &type, c->diagnostics);
  if (!g) {
    char *messages = checked_messages(c);
    print_error("%s", messages);
    free(messages);
    fail();
  }
  assert_null(graph_verify(g));
  return g;
}

static void test_by_hand(void **state) {
  (void)state;
  const double x[12] = {1, 2, 3, 4, 5, 1e6, -1e6, 9, -1, 7, NAN, INFINITY}, key[2] = {1, 2};
  for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; i++) {
    const row *r = &by_hand[i];
    char source[256];
    snprintf(source, sizeof source, "function f(x) = %s\n", r->body);
    checked c = checked_open(source);
    graph *g = function_graph(&c, "f32[B, T of B]");
    const node *result = checked_output(g, "result")->value;
    text type = {0};
    node_type_print(result, &type);
    assert_string_equal(type.data, r->type);
    text_free(&type);
    const named_size sizes[] = {{"B", 3}, {"T", 4}, {NULL, 0}};
    /* what is not finite is legal where no product meets it */
    double finite[12];
    for (int k = 0; k < 12; k++)
      finite[k] = isfinite(x[k]) ? x[k] : 1e5;
    const named_values inputs[] = {{"x", finite}, {"x.lengths", lengths}, {"key", key}, {NULL, NULL}};
    tensor_value *values = checked_evaluate(g, sizes, inputs);
    assert_int_equal(values[result->id].count, r->count);
    for (int k = 0; k < r->count; k++)
      if (!(fabs(values[result->id].data[k] - r->expected[k]) < 1e-9))
        fail_msg("%s: element %d is %g, expected %g", r->body, k, values[result->id].data[k], r->expected[k]);
    interpret_free(g, values);
    checked_close(&c);
  }
}

/* ---- whatever padding holds ---- */

typedef struct work {
  const char *body; /* of g(x), x: f32[B, T of B, 4] */
  bool by_row;      /* rows do not meet: the sum over rows is that of dense rows, one by one */
} work;

static const work works[] = {
    {"attention(x[:, new], x[:, new], x[:, new])", true},
    {"attention((x @ x.T @ x)[:, new], x[:, new], square(x)[:, new]) + x[:, new]", true},
    {"normalize(x)", true},
    {"softmax(x, axis: 1)", true},
    {"log_softmax(x * 30, axis: 1)", true},
    {"logsumexp(x, axis: 1)", true},
    {"variance(x, axis: 1)", true},
    {"unit(x, axis: 1)", true},
    {"l2norm(x, axis: 1)", true},
    {"x.T @ x", true},
    {"max(x, axis: 1) + min(x, axis: [1])", true},
    {"log(abs(x)) + 1 / x + rsqrt(abs(x)) + exp(x) + abs(x) ** 1.5 + sqrt(abs(x))", true},
    {"cumsum(permute(x, [0, 2, 1]))", true},
    {"merge_heads(split_heads(x, 2) * 2)", true},
    {"gelu(x) + softplus(x) + silu(x) + tanh(x)", true},
    {"mean(square(x @ x.T))", false},
    {"mean(square(x - mean(x)))", false},
    {"softmax(x, axis: 0)", false},
    {"x / sum(x, axis: 0)", false},
    {"sum(x, axis: [0, 2])", false},
    {"max(x, axis: 0, keep: true) * x", false},
    {"x[:, 0] @ mean(x, axis: 1).T", false},
    {"concat([x, x * 2], axis: 2) @ zero_pad(iota(8) |> f32, axis: 0, before: 0, after: 0)", true},
};

static double real_element(int row_index, int t, int k) {
  return sin(1.7 * row_index + 0.9 * t + 2.3 * k + 0.4) * 1.5;
}

static double garbage(int kind, int t, int k) {
  return kind == 0 ? 0 : kind == 1 ? 1e4 * (k - 1.5) + t : -3e3 - 500 * t * k;
}

typedef struct outcome {
  double value;
  double gradient[ROWS][LONGEST][WIDTH]; /* of real elements */
} outcome;

static void assert_zero(const char *body, double gradient, int t) {
  if (gradient != 0) /* exactly, and no NaN */
    fail_msg("%s: gradient %g in padding %d", body, gradient, t);
}

/* sum(sin(g(x))) and its gradient, for rows of the given width with that kind of garbage. */
static outcome evaluate(const char *body, const graph *g, const node *value, const node *gradient, int width,
                        int kind) {
  double x[ROWS * WIDEST * WIDTH];
  for (int b = 0; b < ROWS; b++)
    for (int t = 0; t < width; t++)
      for (int k = 0; k < WIDTH; k++)
        x[(b * width + t) * WIDTH + k] = t < lengths[b] ? real_element(b, t, k) : garbage(kind, t, k);
  const named_size sizes[] = {{"B", ROWS}, {"T", width}, {NULL, 0}};
  const named_values inputs[] = {{"x", x}, {"x.lengths", lengths}, {NULL, NULL}};
  tensor_value *values = checked_evaluate(g, sizes, inputs);
  outcome result = {.value = values[value->id].data[0]};
  for (int b = 0; b < ROWS; b++)
    for (int t = 0; t < width; t++)
      for (int k = 0; k < WIDTH; k++) {
        double d = values[gradient->id].data[(b * width + t) * WIDTH + k];
        if (t < lengths[b])
          result.gradient[b][t][k] = d;
        else
          assert_zero(body, d, t);
      }
  interpret_free(g, values);
  return result;
}

static void assert_same(const char *body, const outcome *a, const outcome *b) {
  if (!(fabs(a->value - b->value) <= 1e-9 * (1 + fabs(a->value))))
    fail_msg("%s: %.12g and %.12g", body, a->value, b->value);
  for (int r = 0; r < ROWS; r++)
    for (int t = 0; t < lengths[r]; t++)
      for (int k = 0; k < WIDTH; k++) {
        double p = a->gradient[r][t][k], q = b->gradient[r][t][k];
        if (!(fabs(p - q) <= 1e-8 * (1 + fabs(p))))
          fail_msg("%s: gradients %.12g and %.12g at %d, %d, %d", body, p, q, r, t, k);
      }
}

/* The rows one by one, dense. */
static outcome evaluate_dense(const graph *g, const node *value, const node *gradient) {
  outcome result = {0};
  for (int b = 0; b < ROWS; b++) {
    double x[LONGEST * WIDTH];
    int length = (int)lengths[b];
    for (int t = 0; t < length; t++)
      for (int k = 0; k < WIDTH; k++)
        x[t * WIDTH + k] = real_element(b, t, k);
    const named_size sizes[] = {{"B", 1}, {"T", length}, {NULL, 0}};
    const named_values inputs[] = {{"x", x}, {NULL, NULL}};
    tensor_value *values = checked_evaluate(g, sizes, inputs);
    result.value += values[value->id].data[0];
    for (int t = 0; t < length; t++)
      for (int k = 0; k < WIDTH; k++)
        result.gradient[b][t][k] = values[gradient->id].data[t * WIDTH + k];
    interpret_free(g, values);
  }
  return result;
}

static graph *with_gradient(checked *c, const char *type, const node **value, const node **gradient) {
  graph *g = function_graph(c, type);
  node *x = graph_find_input(g, "x"), *d = NULL;
  node *result = checked_output(g, "result")->value;
  differentiate(g, result, NULL, 1, &x, &d);
  assert_non_null(d);
  *value = result;
  *gradient = d;
  return g;
}

static void test_padding_changes_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
    char source[512];
    snprintf(source, sizeof source, "use nn\nfunction g(x) = %s\nfunction f(x) = sum(sin(g(x)))\n", works[i].body);
    checked c = checked_open(source);
    const node *value = NULL, *gradient = NULL;
    graph *g = with_gradient(&c, "f32[B, T of B, 4]", &value, &gradient);
    outcome first = evaluate(works[i].body, g, value, gradient, LONGEST, 0);
    for (int width = LONGEST; width <= WIDEST; width += WIDEST - LONGEST)
      for (int kind = 0; kind < 3; kind++) {
        outcome other = evaluate(works[i].body, g, value, gradient, width, kind);
        assert_same(works[i].body, &first, &other);
      }
    if (works[i].by_row) {
      graph *dense = with_gradient(&c, "f32[B, T, 4]", &value, &gradient);
      outcome rows = evaluate_dense(dense, value, gradient);
      assert_same(works[i].body, &first, &rows);
    }
    checked_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_padding_changes_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
