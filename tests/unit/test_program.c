/* Programs: the library's losses by the interpreter, stages whose graphs verify, one step of training computed by hand.
 */
#include "compiler/check/program.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the above first */
#include <cmocka.h>

static const char tiny[] =
    "module net(classes: int = 2) {\n"
    "  param table: f32[5, 3] = normal(std: 0.1)\n"
    "  param dense: f32[3, classes] = normal(std: 0.1)\n"
    "  param spare: f32[3] = zeros\n"
    "  buffer seen: f32[3] = zeros\n"
    "  forward(ids: i32[B, T of B]) -> f32[B, classes] {\n"
    "    tap pooled = mean(table[ids], axis: 1)\n"
    "    update seen = seen + mean(pooled, axis: 0)\n"
    "    return pooled @ dense\n"
    "  }\n"
    "}\n"
    "objective pull(teacher, student, label: i32[B]) {\n"
    "  fit = net(2)\n"
    "  loss out = mean((student.result - teacher.result) * (student.result - teacher.result)) weight 2\n"
    "  loss pooled = mean(student.pooled) + stop_gradient(0.0 * mean(f32(label)))\n"
    "  for i in 0 .. 2 { loss pooled = mean(student.result) }\n"
    "}\n"
    "optimizer momentum(lr: real = 0.5) {\n"
    "  state velocity = zeros\n"
    "  prepare(gradients) = 2.0\n"
    "  step(weight, gradient, prepared, t, total) {\n"
    "    update velocity = 0.9 * velocity + gradient * prepared\n"
    "    update weight = weight - lr * velocity\n"
    "  }\n"
    "}\n"
    "experiment e {\n"
    "  data train = tsv(\"x.tsv\", text: 0, label: 1, classes: 2) |> wordpiece(\"v.txt\", length: 8)\n"
    "  model teacher = net()\n"
    "  model student = net()\n"
    "  stage one { distill teacher -> student with pull  epochs 1  batch 2  optimizer momentum }\n"
    "}\n";

typedef struct fixture {
  arena *arena;
  diagnostics *diagnostics;
  program *program;
} fixture;

static program *load_text(fixture *f, const char *content) {
  char path[] = "/tmp/retort-program-XXXXXX.rt";
  int file = mkstemps(path, 3);
  assert_true(file >= 0);
  FILE *to = fdopen(file, "w");
  fputs(content, to);
  fclose(to);
  f->arena = arena_create();
  f->diagnostics = diagnostics_create(f->arena);
  program_options options = {.models = "models"};
  f->program = program_load(f->arena, arena_print(f->arena, "%s", path), &options, f->diagnostics);
  unlink(path);
  if (diagnostics_error_count(f->diagnostics) > 0)
    diagnostics_print(f->diagnostics, stderr, false);
  return f->program;
}

typedef struct bound { /* values for the inputs of a graph, by name */
  const char *name;
  const double *values;
} bound;

/* Interprets with every symbol at `sizes`; inputs that are not named are zeros. */
static tensor_value *run(const graph *g, const int64_t *sizes, int count, const bound *inputs) {
  tensor_value *in = calloc((size_t)g->node_count, sizeof *in);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    int64_t elements = 1;
    for (int k = 0; k < n->shape.rank; k++)
      elements *= dim_evaluate(n->shape.dims[k], sizes);
    in[i] = (tensor_value){.count = elements, .data = calloc((size_t)elements, sizeof(double))};
    for (int k = 0; k < count; k++)
      if (strcmp(inputs[k].name, n->attributes.input.name) == 0)
        memcpy(in[i].data, inputs[k].values, sizeof(double) * (size_t)elements);
  }
  tensor_value *out = graph_interpret(g, sizes, in, false);
  for (int i = 0; i < g->node_count; i++)
    free(in[i].data);
  free(in);
  return out;
}

static const node *output(const graph *g, const char *name) {
  for (int i = 0; i < g->output_count; i++)
    if (strcmp(g->outputs[i].name, name) == 0)
      return g->outputs[i].value;
  fail_msg("no output '%s'", name);
  return NULL;
}

static void near(double got, double expected) {
  if (!(fabs(got - expected) <= 1e-9 + 1e-9 * fabs(expected)))
    fail_msg("%.17g is not %.17g", got, expected);
}

/* ---- experiments ---- */

static const double teacher_table[15] = {1, 2, 3, 0.5, -1, 0, 2, 0, 1, 1, 1, 1, -2, 0.5, 1};
static const double student_table[15] = {0.1, 0.2, 0.3, 0, 0.5, -0.5, 1, 0, 0, 0.3, 0.3, 0.3, 0, 0, 0.1};
static const double teacher_dense[6] = {1, 0, 0, 1, 0.5, 0.5};
static const double student_dense[6] = {0.2, 0.1, -0.3, 0.4, 0.5, 0};
static const double ids[6] = {1, 2, 3, 4, 0, 0}; /* lengths 3 and 1: the rest is padding */
static const double lengths[2] = {3, 1};
static const double velocity[6] = {1, 2, 3, 4, 5, 6};

static void pooled_by_hand(const double *table, double *to) {
  for (int row = 0; row < 2; row++)
    for (int k = 0; k < 3; k++) {
      to[row * 3 + k] = 0;
      for (int i = 0; i < (int)lengths[row]; i++)
        to[row * 3 + k] += table[(int)ids[row * 3 + i] * 3 + k] / lengths[row];
    }
}

static void product_by_hand(const double *pooled, const double *dense, double *to) {
  for (int row = 0; row < 2; row++)
    for (int c = 0; c < 2; c++) {
      to[row * 2 + c] = 0;
      for (int k = 0; k < 3; k++)
        to[row * 2 + c] += pooled[row * 3 + k] * dense[k * 2 + c];
    }
}

static double mean_of(const double *x, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++)
    sum += x[i];
  return sum / count;
}

static void stage_is_as_computed_by_hand(void **state) {
  (void)state;
  fixture f;
  program *p = load_text(&f, tiny);
  assert_int_equal(diagnostics_error_count(f.diagnostics), 0);
  graph *g = program_stage_graph(p, 0, GRAPH_JOINT, f.diagnostics);
  assert_non_null(g);
  assert_null(graph_verify(g));
  const bound inputs[] = {{"ids", ids},
                          {"ids.lengths", lengths},
                          {"teacher/table", teacher_table},
                          {"teacher/dense", teacher_dense},
                          {"student/table", student_table},
                          {"student/dense", student_dense},
                          {"one/state/velocity/student/dense", velocity}};
  assert_int_equal(dim_symbol_count(g->dims), 2);
  int64_t sizes[2] = {2, 3};
  if (strcmp(dim_symbol_at(g->dims, 0)->name, "B") != 0)
    sizes[0] = 3, sizes[1] = 2;
  tensor_value *values = run(g, sizes, 7, inputs);
  double pooled[6], result[4], teacher_pooled[6], teacher_result[4], difference = 0;
  pooled_by_hand(student_table, pooled);
  pooled_by_hand(teacher_table, teacher_pooled);
  product_by_hand(pooled, student_dense, result);
  product_by_hand(teacher_pooled, teacher_dense, teacher_result);
  for (int i = 0; i < 4; i++)
    difference += (result[i] - teacher_result[i]) * (result[i] - teacher_result[i]) / 4;
  double second = mean_of(pooled, 6) + 2 * mean_of(result, 4);
  near(values[output(g, "loss.out")->id].data[0], difference);
  near(values[output(g, "loss.pooled")->id].data[0], second);
  near(values[output(g, "loss")->id].data[0], 2 * difference + second);
  for (int k = 0; k < 3; k++) /* the buffer of the trained model alone */
    near(values[output(g, "student/seen")->id].data[k], (pooled[k] + pooled[3 + k]) / 2);
  for (int k = 0; k < 3; k++)
    for (int c = 0; c < 2; c++) {
      double gradient = 0;
      for (int row = 0; row < 2; row++)
        gradient += pooled[row * 3 + k] * (2 * 2 * (result[row * 2 + c] - teacher_result[row * 2 + c]) + 2) / 4;
      double moved = 0.9 * velocity[k * 2 + c] + gradient * 2.0;
      near(values[output(g, "one/state/velocity/student/dense")->id].data[k * 2 + c], moved);
      near(values[output(g, "student/dense")->id].data[k * 2 + c], student_dense[k * 2 + c] - 0.5 * moved);
    }
  interpret_free(g, values);
  arena_destroy(f.arena);
}

static void stage_is_described(void **state) {
  (void)state;
  fixture f;
  program *p = load_text(&f, tiny);
  const program_stage *s = program_stage_at(p, 0);
  assert_int_equal(s->term_count, 2);
  assert_string_equal(s->terms[1].output, "loss.pooled");
  assert_int_equal(s->fit_count, 4);
  assert_string_equal(s->fit[0].input, "one/fit.table");
  assert_int_equal(s->state_count, 2); /* for table and dense: nothing reaches the others */
  assert_string_equal(s->states[0].input, "one/state/velocity/student/table");
  assert_int_equal(s->states[0].rank, 2);
  const program_model *m = program_model_at(p, 1);
  assert_int_equal(m->parameter_count, 4);
  assert_false(m->parameters[3].trained);
  assert_string_equal(m->parameters[1].input, "student/dense");
  assert_int_equal(m->setting_count, 1);
  assert_int_equal(m->settings[0].integer, 2);
  assert_true(diagnostics_warning_count(f.diagnostics) > 0); /* spare, and the fit that no loss reads */
  arena_destroy(f.arena);
}

static void graphs_of_all_extents_verify(void **state) {
  (void)state;
  fixture f;
  program *p = load_text(&f, tiny);
  graph *first = program_stage_graph(p, 0, GRAPH_JOINT, f.diagnostics);
  graph *again = program_stage_graph(p, 0, GRAPH_JOINT, f.diagnostics);
  assert_ptr_not_equal(first, again); /* each caller may append to its own */
  text one = {0}, two = {0};
  graph_print(first, true, &one);
  graph_print(again, true, &two);
  assert_string_equal(one.data, two.data);
  text_free(&one);
  text_free(&two);
  graph *forward = program_stage_graph(p, 0, GRAPH_FORWARD, f.diagnostics);
  assert_null(graph_verify(forward));
  graph *gradients = program_stage_graph(p, 0, GRAPH_GRADIENTS, f.diagnostics);
  assert_null(graph_verify(gradients));
  output(gradients, "gradient.student/table");
  graph *inference = program_function_graph(p, 1, "forward", true, f.diagnostics);
  assert_null(graph_verify(inference));
  output(inference, "result");
  output(inference, "tap.pooled");
  assert_int_equal(graph_find_input(inference, "student/table")->attributes.input.kind, INPUT_WEIGHT);
  for (int i = 0; i < inference->output_count; i++) /* nothing is updated outside of training */
    assert_null(inference->outputs[i].state);
  arena_destroy(f.arena);
}

/* ---- the library ---- */

static double loss_of(const char *function, int count, const char *const *types, const bound *inputs) {
  fixture f;
  program *p = load_text(&f, "use losses\n");
  graph *g = program_plain_function_graph(p, function, count, types, f.diagnostics);
  if (!g)
    diagnostics_print(f.diagnostics, stderr, false);
  assert_non_null(g);
  assert_null(graph_verify(g));
  int64_t sizes[1] = {0};
  tensor_value *values = run(g, sizes, count, inputs);
  double result = values[output(g, "result")->id].data[0];
  interpret_free(g, values);
  arena_destroy(f.arena);
  return result;
}

static void losses_are_their_formulas(void **state) {
  (void)state;
  static const double a[4] = {1, 2, -1, 0.5}, b[4] = {0, 1, 1, 3}, label[2] = {1, 0};
  static const char *const two[] = {"f32[2, 2]", "f32[2, 2]"}, *const labelled[] = {"f32[2, 2]", "i32[2]"};
  const bound pair[] = {{"student", a}, {"teacher", b}};
  const bound with_label[] = {{"logits", a}, {"labels", label}};
  near(loss_of("mse", 2, two, pair), (1 + 1 + 4 + 6.25) / 4);
  double cross = (log(exp(1) + exp(2)) - 2 + log(exp(-1) + exp(0.5)) + 1) / 2;
  near(loss_of("cross_entropy", 2, labelled, with_label), cross);
  double kl = 0, soft = 0;
  for (int row = 0; row < 2; row++) {
    double zs = exp(a[row * 2]) + exp(a[row * 2 + 1]), zt = exp(b[row * 2]) + exp(b[row * 2 + 1]);
    for (int c = 0; c < 2; c++) {
      double q = exp(a[row * 2 + c]) / zs, t = exp(b[row * 2 + c]) / zt;
      kl += t * log(t / q) / 2;
      soft -= t * log(q) / 2;
    }
  }
  near(loss_of("kl_divergence", 2, two, pair), kl);
  near(loss_of("soft_cross_entropy", 2, two, pair), soft);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stage_is_as_computed_by_hand),
      cmocka_unit_test(stage_is_described),
      cmocka_unit_test(graphs_of_all_extents_verify),
      cmocka_unit_test(losses_are_their_formulas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
