/* What compiler/advise takes values for, on expressions of a small program. */
#include "compiler/advise/kinds.h"
#include "tests/unit/checked.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the above first */
#include <cmocka.h>

static const char start[] = "use nn, optimizers\n"
                            "module net() {\n"
                            "  param table: f32[5, 4] = normal(std: 0.1)\n"
                            "  forward(ids: i32[B, T of B]) -> f32[B, 4] {\n"
                            "    tap words = table[ids]\n"
                            "    return mean(words, axis: 1)\n"
                            "  }\n"
                            "}\n";
static const char end[] =
    "experiment e {\n"
    "  data train = tsv(\"x.tsv\", text: 0, label: 1, classes: 4) |> wordpiece(\"v.txt\", length: 8)\n"
    "  model teacher = net()\n"
    "  model student = net()\n"
    "  stage one { distill teacher -> student with look  epochs 1  batch 2  optimizer sgd(lr: 0.1) }\n"
    "}\n";

typedef struct expected {
  const char *expression; /* x: the student's result, y: the teacher's, words: the student's */
  form form;
  double temperature, mass; /* mass: NaN is not looked at */
  int axis;                 /* -1: not looked at */
  oddity odd;
} expected;

static const expected cases[] = {
    {"x", FORM_LOGITS, 1, NAN, -1, ODD_NOTHING},
    {"2.0 * x / 8.0 + 1.0", FORM_LOGITS, 4, NAN, -1, ODD_NOTHING},
    {"maximum(x, 0.1)", FORM_LOGITS, 1, NAN, -1, ODD_NOTHING},
    {"x * y", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"x @ y.T", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"tanh(x)", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"softmax(x / 2.0)", FORM_PROBABILITIES, 2, 1, 1, ODD_NOTHING},
    {"softmax(x, axis: 0)", FORM_PROBABILITIES, 1, 1, 0, ODD_NOTHING},
    {"softmax(words, axis: 1)", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"exp(x) / sum(exp(x), axis: -1, keep: true)", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"exp(x) / sum(exp(y), axis: -1, keep: true)", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"exp(x) / sum(exp(x / 2.0), axis: -1, keep: true)", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"permute(softmax(x), [1, 0])", FORM_PROBABILITIES, 1, 1, 0, ODD_NOTHING},
    {"softmax(x)[:, new]", FORM_PROBABILITIES, 1, 1, 2, ODD_NOTHING},
    {"softmax(x)[:, :2]", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"stop_gradient(softmax(x))", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"(softmax(x) + softmax(y)) / 2.0", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"one_hot(label, 4) * 0.9 + 0.1 / 4", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"log_softmax(x / 3.0)", FORM_LOG_PROBABILITIES, 3, 1, 1, ODD_NOTHING},
    {"log(softmax(x))", FORM_LOG_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"log(softmax(x) + 1e-8)", FORM_LOG_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"x - logsumexp(x, keep: true)", FORM_LOG_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"x - logsumexp(y, keep: true)", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"exp(log_softmax(x))", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
    {"exp(2.0 * log_softmax(x))", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"log_softmax(x) - log_softmax(y)", FORM_DIFFERENCE, 1, NAN, -1, ODD_NOTHING},
    {"log(softmax(x) / softmax(y))", FORM_DIFFERENCE, 1, NAN, -1, ODD_NOTHING},
    {"exp(x)", FORM_EXPONENTIAL, 1, NAN, -1, ODD_NOTHING},
    {"log(exp(x))", FORM_LOGITS, 1, NAN, -1, ODD_UNNORMAL},
    {"log(exp(x) / exp(y))", FORM_DIFFERENCE, 1, NAN, -1, ODD_UNNORMAL},
    {"log(x)", FORM_ANYTHING, 1, NAN, -1, ODD_LOG},
    {"log(log_softmax(x))", FORM_ANYTHING, 1, NAN, -1, ODD_LOG},
    {"log(square(x))", FORM_ANYTHING, 1, NAN, -1, ODD_NOTHING},
    {"softmax(softmax(x))", FORM_PROBABILITIES, 1, 1, 1, ODD_SOFTMAX},
    {"log_softmax(softmax(x))", FORM_LOG_PROBABILITIES, 1, 1, 1, ODD_SOFTMAX},
    {"softmax(log_softmax(x))", FORM_PROBABILITIES, 1, 1, 1, ODD_NOTHING},
};

/* The operand of a sum. */
static const node *summed(const node *n) {
  n = n->op == OP_reshape ? n->operands[0] : n;
  n = n->op == OP_reduce_sum ? n->operands[0] : n;
  while (n->op == OP_where) /* padding is masked before it is summed */
    n = n->operands[1];
  return n;
}

static void test_forms(void **state) {
  (void)state;
  enum { COUNT = sizeof cases / sizeof *cases };
  text source = {0};
  text_add(&source, "%sobjective look(teacher, student, label: i32[B]) {\n", start);
  text_add(&source, "  let x = student.result\n  let y = teacher.result\n  let words = student.words\n");
  for (int i = 0; i < COUNT; i++)
    text_add(&source, "  loss l%d = sum(%s) * sum(x)\n", i, cases[i].expression);
  text_add(&source, "}\n%s", end);
  checked *all = &(checked){0};
  *all = checked_open(source.data);
  char *messages = checked_messages(all);
  if (diagnostics_error_count(all->diagnostics) > 0)
    fail_msg("%s", messages);
  free(messages);
  const stage_view *v = program_stage_view(all->program, 0);
  const kind *kinds = kinds_of(v);
  assert_int_equal(v->loss_count, COUNT);
  for (int i = 0; i < COUNT; i++) {
    const expected *e = &cases[i];
    const kind *k = &kinds[summed(v->losses[i].value->operands[0])->id];
    if (k->form != e->form || k->odd != e->odd || (e->axis >= 0 && k->axis != e->axis) ||
        (e->form != FORM_ANYTHING && k->temperature != e->temperature) ||
        (!isnan(e->mass) && !(fabs(k->mass - e->mass) < 1e-6)))
      fail_msg("%s: form %d odd %d temperature %g mass %g axis %d", e->expression, (int)k->form, (int)k->odd,
               k->temperature, k->mass, k->axis);
  }
  text_free(&source);
  checked_close(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
