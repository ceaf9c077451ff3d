/* Instances of modules in graphs: paths, tied weights, buffers, `training`, random sites, taps. */
#include "tests/unit/checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const source =
    "use nn\n"
    "module block(width: int) {\n"
    "  dense = linear(width, width)\n"
    "  forward(x) { tap hidden = dropout(dense(x), 0.5)\n return hidden }\n"
    "}\n"
    "module tied_head(table: embedding) {\n"
    "  forward(x) = x @ table.weight.T\n"
    "}\n"
    "module net(width: int = 4, layers: int = 2, classes: int = 3, deep: bool = true) {\n"
    "  let double = width * 2\n"
    "  words = embedding(classes, width)\n"
    "  layer = block(width) for i in 0 .. layers\n"
    "  if deep { wide = linear(width, double) } else { narrow = linear(width, 1) }\n"
    "  head = tied_head(words)\n"
    "  buffer seen: f32[width] = ones\n"
    "  buffer count: i32 = zeros\n"
    "  forward(ids: i32[B, T of B]) -> f32[B, classes] {\n"
    "    let x = mean(words(ids), axis: 1)\n"
    "    update seen = 0.9 * seen + 0.1 * mean(x, axis: 0)\n"
    "    update count = count + 1\n"
    "    for i in 0 .. layers { x = layer[i](x + seen) }\n"
    "    return head(x)\n"
    "  }\n"
    "  other(ids: i32[B, T of B]) = wide(mean(words(ids), axis: 1))\n"
    "}\n"
    "objective taps(teacher, student) {\n"
    "  loss hidden = mean(square(student.layer[1].hidden - teacher.layer[0].hidden))\n"
    "  loss result = mean(square(student.result - teacher.result)) weight 0.5\n"
    "}\n"
    "optimizer plain(lr: real = 0.1) {\n"
    "  step(weight, gradient, prepared, t, total) { update weight = weight - lr * gradient }\n"
    "}\n"
    "experiment e {\n"
    "  data train = tsv(\"t.tsv\", text: 0, label: 1, classes: 3) |> wordpiece(\"v.txt\", length: 8)\n"
    "  model teacher = net()\n"
    "  model student = net()\n"
    "  stage imitate { distill teacher -> student with taps  epochs 1  batch 4  optimizer plain }\n"
    "}\n";

static checked open_program(void) {
  checked c = checked_open(source);
  if (diagnostics_error_count(c.diagnostics) > 0) {
    char *messages = checked_messages(&c);
    print_error("%s", messages);
    free(messages);
    fail();
  }
  return c;
}

static void test_paths(void **state) {
  (void)state;
  static const char *const expected[] = {"words.weight",
                                         "layer.0.dense.weight",
                                         "layer.0.dense.bias",
                                         "layer.1.dense.weight",
                                         "layer.1.dense.bias",
                                         "wide.weight",
                                         "wide.bias",
                                         "seen",
                                         "count"};
  checked c = open_program();
  const program_model *m = program_model_at(c.program, 1);
  assert_int_equal(m->parameter_count, 9);
  for (int i = 0; i < 9; i++)
    assert_string_equal(m->parameters[i].path, expected[i]);
  assert_string_equal(m->parameters[0].input, "student/words.weight");
  assert_int_equal(m->parameters[5].sizes[0], 8);
  assert_false(m->parameters[7].trained);
  assert_int_equal(m->parameters[7].initial, INITIAL_ONES);
  assert_int_equal(m->parameters[8].dtype, DTYPE_I32);
  checked_close(&c);
}

static const graph_output *find_update(const graph *g, const char *name) {
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i].state && strcmp(g->outputs[i].name, name) == 0)
      return &g->outputs[i];
  return NULL;
}

static int count_op(const graph *g, op o) {
  int count = 0;
  for (int i = 0; i < g->node_count; i++)
    count += g->nodes[i]->op == o;
  return count;
}

/* In the step that trains, the student's buffers are updated and its dropout drops; the teacher's do not. */
static void test_training(void **state) {
  (void)state;
  checked c = open_program();
  graph *g = program_stage_graph(c.program, 0, GRAPH_JOINT, c.diagnostics);
  assert_non_null(g);
  assert_null(graph_verify(g));
  assert_non_null(find_update(g, "student/seen"));
  assert_non_null(find_update(g, "student/count"));
  assert_non_null(find_update(g, "student/layer.0.dense.weight"));
  assert_null(find_update(g, "teacher/seen"));
  assert_null(find_update(g, "student/wide.weight")); /* no loss reaches it */
  assert_int_equal(graph_find_input(g, "teacher/words.weight")->attributes.input.kind, INPUT_WEIGHT);
  assert_int_equal(graph_find_input(g, "student/words.weight")->attributes.input.kind, INPUT_STATE);
  assert_int_equal(count_op(g, OP_random), 2);
  for (int i = 0, site = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_random)
      assert_string_equal(g->nodes[i]->attributes.site.name, site++ ? "student/layer.1#0" : "student/layer.0#0");
  checked_close(&c);
}

static void test_inference(void **state) {
  (void)state;
  checked c = open_program();
  graph *g = program_function_graph(c.program, 1, "forward", true, c.diagnostics);
  assert_non_null(g);
  assert_null(graph_verify(g));
  assert_int_equal(count_op(g, OP_random), 0);
  assert_null(find_update(g, "student/seen"));
  assert_int_equal(graph_find_input(g, "student/words.weight")->attributes.input.kind, INPUT_WEIGHT);
  assert_non_null(checked_output(g, "result"));
  assert_non_null(checked_output(g, "tap.layer.1.hidden"));
  assert_non_null(program_function_graph(c.program, 1, "other", false, c.diagnostics));
  assert_int_equal(diagnostics_error_count(c.diagnostics), 0);
  checked_close(&c);
}

/* Where nothing is trained, an update changes nothing. */
static void test_update_is_read(void **state) {
  (void)state;
  checked c = checked_open("module m() {\n  buffer b: f32[2] = zeros\n"
                           "  forward(x: f32[2]) {\n    let before = b\n    update b = b + x\n    update b = b * 2\n"
                           "    return concat([before, b])\n  }\n}\nexperiment e { model net = m() }\n");
  graph *g = program_function_graph(c.program, 0, "forward", false, c.diagnostics);
  assert_non_null(g);
  const double x[2] = {1, 2}, b[2] = {10, 20};
  const named_size sizes[] = {{NULL, 0}};
  const named_values inputs[] = {{"x", x}, {"net/b", b}, {NULL, NULL}};
  tensor_value *values = checked_evaluate(g, sizes, inputs);
  const double *result = values[checked_output(g, "result")->value->id].data;
  assert_true(result[0] == 10 && result[1] == 20);
  assert_true(result[2] == 10 && result[3] == 20);
  interpret_free(g, values);
  checked_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths), cmocka_unit_test(test_training),
                                     cmocka_unit_test(test_inference), cmocka_unit_test(test_update_is_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
