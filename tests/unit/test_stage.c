/* Stages and evaluations on a function written by hand: one weight w, loss (w - mean label)^2, step w -= 0.1 gradient,
 * and a result [B, 2] = (0, w - length). */
#include "runtime/run/evaluation.h"
#include "runtime/run/interrupt.h"
#include "runtime/run/stage.h"
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the function ---- */

static const int64_t code_rows[] = {RETORT_SIZE_DIM, 0}, code_width[] = {RETORT_SIZE_DIM, 1},
                     code_two[] = {RETORT_SIZE_CONSTANT, 2};
static const retort_size rows_width[] = {{1, code_rows}, {1, code_width}}, rows_two[] = {{1, code_rows}, {1, code_two}},
                         two[] = {{1, code_two}};
static const retort_tensor inputs[] = {{"ids", RETORT_I32, 2, rows_width},
                                       {"ids.lengths", RETORT_I32, 1, rows_width},
                                       {"label", RETORT_I32, 1, rows_width},
                                       {"step", RETORT_F32, 0, NULL},
                                       {"key", RETORT_I64, 1, two}};
static const retort_tensor states[] = {{"m/w", RETORT_F32, 0, NULL}};
static const retort_tensor outputs[] = {{"loss", RETORT_F32, 0, NULL}, {"loss.square", RETORT_F32, 0, NULL}};
static const retort_tensor result[] = {{"result", RETORT_F32, 2, rows_two}};
static const char *const dim_names[] = {"B", "T"};
static const retort_signature step_signature = {.name = "step",
                                                .dim_count = 2,
                                                .input_count = 5,
                                                .output_count = 2,
                                                .state_count = 1,
                                                .dim_names = dim_names,
                                                .inputs = inputs,
                                                .outputs = outputs,
                                                .states = states};
static const retort_signature forward_signature = {.name = "forward",
                                                   .dim_count = 2,
                                                   .weight_count = 1,
                                                   .input_count = 2,
                                                   .output_count = 1,
                                                   .dim_names = dim_names,
                                                   .weights = states,
                                                   .inputs = inputs,
                                                   .outputs = result};

typedef struct behaviour {
  int64_t bad_loss, bad_weight, interrupt; /* at these steps; 0: never */
  int64_t rows;                            /* seen */
} behaviour;

static size_t no_workspace(void *context, const int64_t *dims, int threads) {
  (void)context;
  (void)threads;
  assert_true(dims[0] > 0 && dims[1] > 0);
  return 64;
}

static int call_step(void *context, const retort_call *call) {
  behaviour *b = context;
  const int32_t *label = call->inputs[2];
  int64_t step = (int64_t) * (const float *)call->inputs[3];
  assert_int_equal(((const int64_t *)call->inputs[4])[1], step);
  float *w = call->states[0], mean = 0;
  for (int64_t i = 0; i < call->dims[0]; i++)
    mean += (float)label[i] / (float)call->dims[0];
  float loss = (*w - mean) * (*w - mean);
  *w -= 0.2f * (*w - mean);
  if (step == b->bad_loss) {
    loss = INFINITY;
    *w = NAN;
  }
  if (step == b->bad_weight)
    *w = NAN;
  if (step == b->interrupt)
    raise(SIGINT);
  b->rows += call->dims[0];
  *(float *)call->outputs[0] = *(float *)call->outputs[1] = loss;
  return RETORT_OK;
}

static int call_forward(void *context, const retort_call *call) {
  (void)context;
  const float *w = call->weights[0];
  const int32_t *lengths = call->inputs[1];
  for (int64_t i = 0; i < call->dims[0]; i++) {
    ((float *)call->outputs[0])[2 * i] = 0;
    ((float *)call->outputs[0])[2 * i + 1] = *w - (float)lengths[i];
  }
  return RETORT_OK;
}

/* ---- what a stage needs ---- */

enum { ROWS = 10, BATCH = 4 };

typedef struct fixture {
  weight_set *weights;
  dataset data;
  progress *progress;
  FILE *shown, *log;
  char *shown_text, *log_text;
  size_t shown_size, log_size;
  behaviour behaviour;
  int64_t start;
  int checkpoints;
  int64_t checkpoint_steps; /* done when the last one was made */
  float checkpoint_weight;
  stage_failure explained;
  float weight_when_explained;
} fixture;

static bool checkpoint_due(void *context, int64_t done) {
  (void)context;
  return done % 20 == 0;
}

static void checkpoint(void *context, int64_t done) {
  fixture *x = context;
  x->checkpoints++;
  x->checkpoint_steps = done;
  x->checkpoint_weight = *(float *)x->weights->items[0].data;
}

static void explain(void *context, const stage_failure *what) {
  fixture *x = context;
  x->explained = *what;
  x->weight_when_explained = *(float *)x->weights->items[0].data;
}

static void open_fixture(fixture *x) {
  *x = (fixture){0};
  x->weights = weight_set_create(
      1, &(weight){.path = "w", .input = "m/w", .dtype = RETORT_F32, .initial = WEIGHT_CONSTANT, .a = 5});
  weight_set_initialize(x->weights, 1);
  x->data = (dataset){.path = "rows", .count = ROWS, .longest = 4};
  x->data.starts = memory_allocate(ROWS + 1, sizeof(int64_t));
  x->data.labels = memory_allocate(ROWS, sizeof(int32_t));
  for (int i = 0; i < ROWS; i++) {
    x->data.starts[i + 1] = x->data.starts[i] + 1 + i % 4;
    x->data.labels[i] = i % 2;
  }
  x->data.ids = memory_allocate((size_t)x->data.starts[ROWS], sizeof(int32_t));
  x->data.types = memory_allocate((size_t)x->data.starts[ROWS], sizeof(int32_t));
  x->shown = open_memstream(&x->shown_text, &x->shown_size);
  x->log = open_memstream(&x->log_text, &x->log_size);
  x->progress = progress_create(x->shown, false, false);
}

static void close_fixture(fixture *x) {
  weight_set_free(x->weights);
  free(x->data.starts);
  free(x->data.labels);
  free(x->data.ids);
  free(x->data.types);
  progress_free(x->progress);
  fclose(x->shown);
  fclose(x->log);
  free(x->shown_text);
  free(x->log_text);
}

static stage_result run(fixture *x, int64_t steps, stage_report *report, failure *f) {
  static const stage_term terms[] = {{"square", "loss.square"}};
  const stage s = {.name = "fit",
                   .title = "train m with square",
                   .step = {.signature = &step_signature,
                            .call = call_step,
                            .workspace_size = no_workspace,
                            .context = &x->behaviour},
                   .set_count = 1,
                   .changed_count = 1,
                   .sets = &x->weights,
                   .data = &x->data,
                   .batch = BATCH,
                   .steps = steps,
                   .seed = 1,
                   .threads = 1,
                   .term_count = 1,
                   .terms = terms,
                   .progress = x->progress,
                   .log = x->log,
                   .start = x->start,
                   .checkpoint_due = checkpoint_due,
                   .checkpoint = checkpoint,
                   .explain = explain,
                   .context = x};
  stage_result got = stage_run(&s, report, f);
  fflush(x->shown);
  fflush(x->log);
  return got;
}

/* ---- tests ---- */

static void runs_to_the_end(void **state) {
  (void)state;
  fixture x;
  open_fixture(&x);
  failure f = {0};
  stage_report report;
  assert_int_equal(run(&x, 60, &report, &f), STAGE_DONE);
  assert_null(f.text);
  assert_int_equal(report.steps, 60);
  assert_int_equal(x.behaviour.rows, 20 * ROWS); /* the last batch of an epoch is smaller, none is left out */
  assert_int_equal(x.checkpoints, 2);            /* none after the last step */
  assert_true(fabsf(*(float *)x.weights->items[0].data - 0.5f) < 0.3f);
  assert_non_null(strstr(x.shown_text, "fit: train m with square, 60 steps\nfit  epoch 1/20  step 3/60  loss "));
  assert_non_null(strstr(x.log_text, "{\"stage\":\"fit\",\"step\":3,\"epoch\":1,\"loss\":"));
  int lines = 0;
  for (const char *c = x.log_text; *c; c++)
    lines += *c == '\n';
  assert_int_equal(lines, 60);
  close_fixture(&x);
}

static float weight_after(int64_t steps) {
  fixture x;
  open_fixture(&x);
  failure f = {0};
  stage_report report;
  float w = 5;
  if (steps > 0) {
    assert_int_equal(run(&x, steps, &report, &f), STAGE_DONE);
    w = *(float *)x.weights->items[0].data;
  }
  close_fixture(&x);
  return w;
}

/* What is left of a run does the same from a checkpoint as it did the first time. */
static void goes_on_where_it_was(void **state) {
  (void)state;
  fixture whole, rest;
  open_fixture(&whole);
  open_fixture(&rest);
  failure f = {0};
  stage_report report;
  assert_int_equal(run(&whole, 50, &report, &f), STAGE_DONE);
  assert_int_equal(whole.checkpoint_steps, 40);
  rest.start = whole.checkpoint_steps;
  *(float *)rest.weights->items[0].data = whole.checkpoint_weight;
  assert_int_equal(run(&rest, 50, &report, &f), STAGE_DONE);
  assert_int_equal(report.steps, 50);
  assert_true(*(float *)rest.weights->items[0].data == *(float *)whole.weights->items[0].data);
  const char *line = strstr(whole.log_text, "{\"stage\":\"fit\",\"step\":41,");
  assert_non_null(line);
  assert_string_equal(rest.log_text, line);
  assert_non_null(strstr(rest.shown_text, "fit  goes on after step 40\n"));
  close_fixture(&whole);
  close_fixture(&rest);
}

static void stops_before_a_bad_step(void **state) {
  (void)state;
  static const int64_t steps[] = {1, 2, 100, 101, 117, 230};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    for (int spoil_weight = 0; spoil_weight < 2; spoil_weight++) {
      fixture x;
      open_fixture(&x);
      failure f = {0};
      stage_report report;
      *(spoil_weight ? &x.behaviour.bad_weight : &x.behaviour.bad_loss) = steps[i];
      assert_int_equal(run(&x, 300, &report, &f), STAGE_NOT_FINITE);
      bool further_back = !spoil_weight && (steps[i] - 1) % 20 != 0; /* not behind the snapshot */
      assert_int_equal(report.steps, steps[i] - 1 - further_back);
      assert_true(*(float *)x.weights->items[0].data == weight_after(report.steps));
      assert_int_equal(x.explained.step, steps[i]);
      assert_true(x.weight_when_explained == weight_after(steps[i] - 1));
      assert_non_null(strstr(f.text, "stage 'fit': "));
      assert_non_null(strstr(f.text, spoil_weight ? "the weights are no longer numbers after step"
                                                  : "the loss 'square' is infinite at step"));
      failure_free(&f);
      close_fixture(&x);
    }
}

static void a_signal_ends_it_after_a_step(void **state) {
  (void)state;
  fixture x;
  open_fixture(&x);
  failure f = {0};
  stage_report report;
  x.behaviour.interrupt = 7;
  interrupt_catch();
  assert_int_equal(run(&x, 60, &report, &f), STAGE_INTERRUPTED);
  interrupt_release();
  assert_false(interrupt_requested());
  assert_int_equal(report.steps, 7);
  assert_true(*(float *)x.weights->items[0].data == weight_after(7));
  close_fixture(&x);
}

static void names_that_are_not_there(void **state) {
  (void)state;
  fixture x;
  open_fixture(&x);
  failure f = {0};
  weight_set *other = weight_set_create(1, &(weight){.path = "w", .input = "n/w", .dtype = RETORT_F32});
  callable forward = {.signature = &forward_signature, .call = call_forward, .workspace_size = no_workspace};
  assert_null(binding_create(&forward, 1, &other, 1, &f));
  assert_string_equal(f.text, "forward: nothing is known under the name 'm/w'");
  failure_free(&f);
  weight_set_free(other);
  other = weight_set_create(1, &(weight){.path = "w", .input = "m/w", .dtype = RETORT_F32, .rank = 1, .sizes = {2}});
  assert_null(binding_create(&forward, 1, &other, 1, &f));
  assert_non_null(strstr(f.text, "'m/w' has another shape"));
  failure_free(&f);
  weight_set_free(other);
  retort_signature strange = forward_signature;
  const retort_tensor image[] = {{"image", RETORT_F32, 2, rows_width}};
  strange.inputs = image;
  strange.input_count = 1;
  forward.signature = &strange;
  assert_null(binding_create(&forward, 1, &x.weights, 1, &f));
  assert_non_null(strstr(f.text, "'image' is no field of a batch"));
  failure_free(&f);
  close_fixture(&x);
}

static void predicts_in_the_sets_order(void **state) {
  (void)state;
  fixture x;
  open_fixture(&x);
  failure f = {0};
  evaluation_result got;
  *(float *)x.weights->items[0].data = 2.5f;
  const evaluation e = {
      .forward = {.signature = &forward_signature, .call = call_forward, .workspace_size = no_workspace},
      .weights = x.weights,
      .data = &x.data,
      .batch = BATCH,
      .threads = 1};
  assert_true(evaluation_run(&e, &got, &f));
  assert_int_equal(got.classes, 2);
  for (int i = 0; i < ROWS; i++)
    assert_int_equal(got.predictions[i], 1 + i % 4 < 2.5);
  for (int i = 0; i < ROWS; i++)
    assert_int_equal(got.outputs[2 * i + 1] > got.outputs[2 * i], got.predictions[i]);
  assert_true(got.milliseconds >= 0);
  evaluation_result_free(&got);
  close_fixture(&x);
}

static void steps_of_epochs(void **state) {
  (void)state;
  assert_int_equal(stage_steps(3, 10, 4), 9);
  assert_int_equal(stage_steps(0.5, 10, 4), 2);
  assert_int_equal(stage_steps(0.1, 100, 10), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_to_the_end),          cmocka_unit_test(goes_on_where_it_was),
      cmocka_unit_test(stops_before_a_bad_step),  cmocka_unit_test(a_signal_ends_it_after_a_step),
      cmocka_unit_test(names_that_are_not_there), cmocka_unit_test(predicts_in_the_sets_order),
      cmocka_unit_test(steps_of_epochs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
