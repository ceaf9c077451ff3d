/* Hand-made kernels: emitted, linked, run. */
#include "compiler/emit/emit.h"
#include "compiler/link/jit.h"
#include "runtime/core/retort.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- making kernels ---- */

static const subscript *constant(arena *a, int64_t number) {
  subscript *s = arena_new(a, subscript);
  *s = (subscript){.kind = SUBSCRIPT_CONSTANT, .constant = number};
  return s;
}

static const subscript *variable(arena *a, int number) {
  subscript *s = arena_new(a, subscript);
  *s = (subscript){.kind = SUBSCRIPT_VARIABLE, .number = number};
  return s;
}

static const subscript *size(arena *a, int number) {
  subscript *s = arena_new(a, subscript);
  *s = (subscript){.kind = SUBSCRIPT_SIZE, .number = number};
  return s;
}

static const subscript *of_dim(arena *a, const dim *d) {
  subscript *s = arena_new(a, subscript);
  *s = (subscript){.kind = SUBSCRIPT_DIM, .dim = d};
  return s;
}

static const subscript *arithmetic(arena *a, subscript_kind kind, const subscript *x, const subscript *y) {
  subscript *s = arena_new(a, subscript);
  *s = (subscript){.kind = kind, .a = x, .b = y};
  return s;
}

static const value *number(arena *a, double n) {
  value *v = arena_new(a, value);
  *v = (value){.kind = VALUE_NUMBER, .dtype = DTYPE_F32, .number_value = n};
  return v;
}

static const value *load(arena *a, dtype type, int buffer, const subscript *index) {
  value *v = arena_new(a, value);
  *v = (value){.kind = VALUE_LOAD, .dtype = type, .buffer = buffer, .index = index};
  return v;
}

static const value *reg(arena *a, dtype type, int n) {
  value *v = arena_new(a, value);
  *v = (value){.kind = VALUE_REGISTER, .dtype = type, .number = n};
  return v;
}

static const value *apply(arena *a, dtype type, op o, const value *x, const value *y) {
  value *v = arena_new(a, value);
  *v = (value){.kind = VALUE_OP, .dtype = type, .op = o, .operand_count = y ? 2 : 1, .operands = {x, y}};
  return v;
}

static void append(arena *a, block *b, statement *s) {
  arena_append(a, b->statements, b->count, s);
}

static block *loop(arena *a, block *b, int number_of_variable, const subscript *from, const subscript *to) {
  statement *s = arena_new(a, statement);
  *s = (statement){.kind = STATEMENT_LOOP,
                   .loop = {.variable = number_of_variable, .from = from, .to = to, .step = 1, .independent = true}};
  append(a, b, s);
  return &s->loop.body;
}

static void set(arena *a, block *b, statement_kind kind, int n, op o, const value *v) {
  statement *s = arena_new(a, statement);
  *s = (statement){.kind = kind, .reg = {n, o, v}};
  append(a, b, s);
}

static void store(arena *a, block *b, int buffer, const subscript *index, const value *v) {
  statement *s = arena_new(a, statement);
  *s = (statement){.kind = STATEMENT_STORE, .store = {buffer, index, v}};
  append(a, b, s);
}

static kernel *new_kernel(arena *a, const char *name, int buffer_count, int size_count, int loops, int registers) {
  kernel *k = arena_new(a, kernel);
  *k = (kernel){.name = name,
                .buffer_count = buffer_count,
                .buffers = arena_array(a, struct kernel_buffer, buffer_count),
                .size_count = size_count,
                .variable_count = VARIABLE_FIRST_LOOP + loops,
                .register_count = registers,
                .register_dtypes = arena_array(a, dtype, registers + 1),
                .phases = arena_array(a, phase, 4)};
  for (int i = 0; i < buffer_count; i++)
    k->buffers[i].dtype = DTYPE_F32;
  for (int i = 0; i < registers; i++)
    k->register_dtypes[i] = DTYPE_F32;
  return k;
}

/* A step with one call of one kernel, whose buffers are first the inputs, then the outputs, then one of the workspace.
 */
static step *one_call(arena *a, dim_table *dims, kernel *k, int inputs, int outputs, const dim *workspace,
                      const dim **sizes) {
  step *s = arena_new(a, step);
  *s = (step){.name = "test.step",
              .dims = dims,
              .input_count = inputs,
              .output_count = outputs,
              .inputs = arena_array(a, step_tensor, inputs + 1),
              .outputs = arena_array(a, step_tensor, outputs + 1),
              .buffer_count = k->buffer_count,
              .buffers = arena_array(a, step_buffer, k->buffer_count),
              .workspace_count = workspace != NULL,
              .workspace = arena_new(a, step_workspace),
              .kernel_count = 1,
              .kernels = arena_array(a, kernel *, 1),
              .call_count = 1,
              .calls = arena_array(a, step_call, 1)};
  s->kernels[0] = k;
  s->workspace[0] = (step_workspace){.bytes = workspace, .per_thread = true};
  s->calls[0] =
      (step_call){.kernel = k, .buffers = arena_array(a, int, k->buffer_count), .sizes = sizes, .reason = "test"};
  for (int i = 0; i < inputs; i++)
    s->inputs[i] = (step_tensor){.name = "x", .dtype = k->buffers[i].dtype};
  for (int i = 0; i < outputs; i++)
    s->outputs[i] = (step_tensor){.name = "y", .dtype = k->buffers[inputs + i].dtype};
  for (int i = 0; i < k->buffer_count; i++) {
    s->calls[0].buffers[i] = i;
    s->buffers[i] = i < inputs             ? (step_buffer){BUFFER_INPUT, i, DTYPE_F32}
                    : i < inputs + outputs ? (step_buffer){BUFFER_OUTPUT, i - inputs, DTYPE_F32}
                                           : (step_buffer){BUFFER_WORKSPACE, 0, DTYPE_F32};
  }
  return s;
}

/* ---- running them ---- */

static const char *const cpus[] = {NULL, "haswell", "x86-64"};

static void run(arena *a, const step *s, const char *cpu, const int64_t *dims, const void **inputs, void **outputs,
                int threads, int expected_status) {
  const char *error = NULL;
  target *t = target_create(a, cpu, &error);
  assert_non_null(t);
  text object = {0};
  error = emit_step(a, s, t, EMIT_OBJECT, &object);
  if (error)
    fail_msg("%s", error);
  if (target_is_runnable(t)) {
    linked_object *linked = jit_link(a, object.data, object.length, &error);
    assert_non_null(linked);
    retort_function *f = (retort_function *)(uintptr_t)jit_symbol(linked, a, "test_step", &error);
    const retort_signature *signature = jit_symbol(linked, a, "test_step_signature", &error);
    assert_non_null(f);
    assert_non_null(signature);
    assert_string_equal(signature->name, "test.step");
    size_t workspace_size = retort_workspace_size(signature->plan, dims, threads);
    void *workspace = aligned_alloc(64, workspace_size + 64);
    retort_call call = {.inputs = inputs,
                        .outputs = outputs,
                        .dims = dims,
                        .workspace = workspace,
                        .workspace_size = workspace_size,
                        .threads = threads};
    assert_int_equal(f(&call), expected_status);
    call.workspace_size--;
    if (!expected_status)
      assert_int_equal(f(&call), RETORT_WORKSPACE_TOO_SMALL);
    free(workspace);
    jit_unlink(linked);
  }
  text_free(&object);
  target_destroy(t);
}

static step *softmax_step(arena *a, dim_table *dims) {
  const dim *rows = dim_named(dims, "R"), *columns = dim_named(dims, "N");
  kernel *k = new_kernel(a, "softmax", 2, 1, 4, 2);
  k->buffers[1].written = true;
  phase *p = &k->phases[k->phase_count++];
  *p = (phase){.extent = of_dim(a, rows),
               .work = of_dim(a, dim_multiply(dims, rows, dim_multiply(dims, columns, dim_constant(dims, 9))))};
  int i = VARIABLE_FIRST_LOOP;
  const subscript *zero = constant(a, 0), *n = size(a, 0);
  block *row = loop(a, &p->body, i, variable(a, VARIABLE_BEGIN), variable(a, VARIABLE_END));
  const subscript *start = arithmetic(a, SUBSCRIPT_MULTIPLY, variable(a, i), n);
  set(a, row, STATEMENT_SET, 0, OP_COUNT, number(a, -INFINITY));
  set(a, row, STATEMENT_SET, 1, OP_COUNT, number(a, 0));
  const subscript *at[3];
  for (int j = 0; j < 3; j++)
    at[j] = arithmetic(a, SUBSCRIPT_ADD, start, variable(a, i + 1 + j));
  set(a, loop(a, row, i + 1, zero, n), STATEMENT_ACCUMULATE, 0, OP_maximum, load(a, DTYPE_F32, 0, at[0]));
  block *second = loop(a, row, i + 2, zero, n);
  const value *e = apply(a, DTYPE_F32, OP_exp,
                         apply(a, DTYPE_F32, OP_sub, load(a, DTYPE_F32, 0, at[1]), reg(a, DTYPE_F32, 0)), NULL);
  store(a, second, 1, at[1], e);
  set(a, second, STATEMENT_ACCUMULATE, 1, OP_add, load(a, DTYPE_F32, 1, at[1]));
  set(a, row, STATEMENT_SET, 1, OP_COUNT, apply(a, DTYPE_F32, OP_reciprocal, reg(a, DTYPE_F32, 1), NULL));
  store(a, loop(a, row, i + 3, zero, n), 1, at[2],
        apply(a, DTYPE_F32, OP_mul, load(a, DTYPE_F32, 1, at[2]), reg(a, DTYPE_F32, 1)));
  const dim **sizes = arena_array(a, const dim *, 1);
  sizes[0] = columns;
  return one_call(a, dims, k, 1, 1, NULL, sizes);
}

static void softmax_on_every_cpu(void **state) {
  (void)state;
  arena *a = arena_create();
  dim_table *dims = dim_table_create(a);
  step *s = softmax_step(a, dims);
  enum { ROWS = 37, COLUMNS = 1003 };
  const int64_t bindings[] = {ROWS, COLUMNS}, wrong[] = {ROWS, 0};
  static float x[ROWS * COLUMNS], y[ROWS * COLUMNS], again[ROWS * COLUMNS];
  for (int i = 0; i < ROWS * COLUMNS; i++)
    x[i] = (float)(i * 7919 % 1000) / 50;
  x[5 * COLUMNS + 17] = NAN;
  for (int c = 0; c < 3; c++) {
    run(a, s, cpus[c], bindings, (const void *[]){x}, (void *[]){y}, 1, RETORT_OK);
    run(a, s, cpus[c], bindings, (const void *[]){x}, (void *[]){again}, 3, RETORT_OK);
    run(a, s, cpus[c], wrong, (const void *[]){x}, (void *[]){again}, 3, RETORT_BAD_DIMENSION);
    assert_memory_equal(y, again, sizeof y);
    for (int i = 0; i < ROWS; i++) {
      double sum = 0;
      for (int j = 0; j < COLUMNS; j++)
        sum += exp((double)x[i * COLUMNS + j] - 20);
      for (int j = 0; j < COLUMNS; j++)
        if (i == 5)
          assert_true(isnan(y[i * COLUMNS + j]));
        else
          assert_float_equal(y[i * COLUMNS + j], (float)(exp((double)x[i * COLUMNS + j] - 20) / sum), 1e-8);
    }
  }
  arena_destroy(a);
}

/* A sum in two phases: partial sums of the workers, then their sum in order. */
static void phases_run_in_order(void **state) {
  (void)state;
  arena *a = arena_create();
  dim_table *dims = dim_table_create(a);
  const dim *count = dim_named(dims, "N");
  kernel *k = new_kernel(a, "sum", 3, 0, 2, 1);
  k->buffers[1].written = k->buffers[2].written = true;
  int i = VARIABLE_FIRST_LOOP;
  phase *p = &k->phases[k->phase_count++];
  *p = (phase){.extent = of_dim(a, count), .work = of_dim(a, count)};
  set(a, &p->body, STATEMENT_SET, 0, OP_COUNT, number(a, 0));
  block *partial = loop(a, &p->body, i, variable(a, VARIABLE_BEGIN), variable(a, VARIABLE_END));
  set(a, partial, STATEMENT_ACCUMULATE, 0, OP_add, load(a, DTYPE_F32, 0, variable(a, i)));
  store(a, &p->body, 2, variable(a, VARIABLE_WORKER), reg(a, DTYPE_F32, 0));
  p = &k->phases[k->phase_count++];
  set(a, &p->body, STATEMENT_SET, 0, OP_COUNT, number(a, 0));
  block *total = loop(a, &p->body, i + 1, constant(a, 0), variable(a, VARIABLE_PARTS));
  set(a, total, STATEMENT_ACCUMULATE, 0, OP_add, load(a, DTYPE_F32, 2, variable(a, i + 1)));
  store(a, &p->body, 1, constant(a, 0), reg(a, DTYPE_F32, 0));
  p = &k->phases[k->phase_count++]; /* how many parts there were, where more than one */
  p->when = arithmetic(a, SUBSCRIPT_SUBTRACT, variable(a, VARIABLE_THREADS), constant(a, 1));
  store(a, &p->body, 1, constant(a, 1), number(a, 1));
  step *s = one_call(a, dims, k, 1, 1, dim_constant(dims, 4), NULL);
  enum { COUNT = 100000 };
  static float x[COUNT];
  for (int j = 0; j < COUNT; j++)
    x[j] = (float)(j % 3);
  for (int threads = 1; threads < 4; threads++) {
    float y[2] = {0, 7};
    run(a, s, NULL, (const int64_t[]){COUNT}, (const void *[]){x}, (void *[]){y}, threads, RETORT_OK);
    assert_true(y[0] == 99999);
    assert_true(y[1] == (threads > 1 ? 1 : 7));
  }
  arena_destroy(a);
}

static void loops_are_vector_code(void **state) {
  (void)state;
  static const char *const widest[][2] = {{"x86-64-v4", "vmulps\t%zmm"}, {"haswell", "%ymm"}, {"x86-64", "mulps"}};
  arena *a = arena_create();
  step *s = softmax_step(a, dim_table_create(a));
  for (int c = 0; c < 3; c++) {
    const char *error = NULL;
    target *t = target_create(a, widest[c][0], &error);
    text assembly = {0};
    assert_null(emit_step(a, s, t, EMIT_ASSEMBLY, &assembly));
    assert_non_null(strstr(assembly.data, widest[c][1]));
    text_free(&assembly);
    target_destroy(t);
  }
  arena_destroy(a);
}

/* ---- whole graphs ---- */

static void emit_graph(arena *a, const graph *g, const char *cpu, emit_form form, text *to) {
  const char *error = NULL;
  target *t = target_create(a, cpu, &error);
  assert_non_null(t);
  error = emit_step(a, step_create(g), t, form, to);
  if (error)
    fail_msg("%s", error);
  target_destroy(t);
}

/* What training is made of, each on a last axis of 256: layer norm, softmax, GELU, Adam. */
static const char *const loops[] = {
    "graph layer_norm {\n"
    "  dim B\n"
    "  %0 = input data f32[B, 256] \"x\"\n"
    "  %1 = input weight f32[256] \"scale\"\n"
    "  %2 = reduce_sum f32[B, 1] %0 axes [1]\n"
    "  %3 = constant f32[] 0.00390625\n"
    "  %4 = mul f32[B, 1] %2 %3\n"
    "  %5 = expand f32[B, 256] %4\n"
    "  %6 = sub f32[B, 256] %0 %5\n"
    "  %7 = mul f32[B, 256] %6 %6\n"
    "  %8 = reduce_sum f32[B, 1] %7 axes [1]\n"
    "  %9 = mul f32[B, 1] %8 %3\n"
    "  %10 = rsqrt f32[B, 1] %9\n"
    "  %11 = expand f32[B, 256] %10\n"
    "  %12 = mul f32[B, 256] %6 %11\n"
    "  %13 = reshape f32[1, 256] %1\n"
    "  %14 = expand f32[B, 256] %13\n"
    "  %15 = mul f32[B, 256] %12 %14\n"
    "  output \"y\" %15\n"
    "}\n",
    "graph softmax {\n"
    "  dim B\n"
    "  %0 = input data f32[B, 256] \"x\"\n"
    "  %1 = reduce_max f32[B, 1] %0 axes [1]\n"
    "  %2 = expand f32[B, 256] %1\n"
    "  %3 = sub f32[B, 256] %0 %2\n"
    "  %4 = exp f32[B, 256] %3\n"
    "  %5 = reduce_sum f32[B, 1] %4 axes [1]\n"
    "  %6 = expand f32[B, 256] %5\n"
    "  %7 = div f32[B, 256] %4 %6\n"
    "  output \"y\" %7\n"
    "}\n",
    "graph gelu {\n"
    "  dim B\n"
    "  %0 = input data f32[B, 256] \"x\"\n"
    "  %1 = constant f32[] 0.70710678118654757\n"
    "  %2 = mul f32[B, 256] %0 %1\n"
    "  %3 = erf f32[B, 256] %2\n"
    "  %4 = constant f32[] 1\n"
    "  %5 = add f32[B, 256] %3 %4\n"
    "  %6 = mul f32[B, 256] %0 %5\n"
    "  output \"y\" %6\n"
    "}\n",
    "graph adam {\n"
    "  %0 = input state f32[1000, 256] \"weight\"\n"
    "  %1 = input state f32[1000, 256] \"mean\"\n"
    "  %2 = input state f32[1000, 256] \"square\"\n"
    "  %3 = input data f32[1000, 256] \"gradient\"\n"
    "  %4 = constant f32[] 0.90000000000000002\n"
    "  %5 = mul f32[1000, 256] %1 %4\n"
    "  %6 = add f32[1000, 256] %5 %3\n"
    "  %7 = mul f32[1000, 256] %3 %3\n"
    "  %8 = mul f32[1000, 256] %2 %4\n"
    "  %9 = add f32[1000, 256] %8 %7\n"
    "  %10 = sqrt f32[1000, 256] %9\n"
    "  %11 = div f32[1000, 256] %6 %10\n"
    "  %12 = sub f32[1000, 256] %0 %11\n"
    "  update \"weight\" %12\n"
    "  update \"mean\" %6\n"
    "  update \"square\" %9\n"
    "}\n",
};

/* Every call is one of the runtime's or of this code's own functions. */
static void assert_no_library_calls(const char *assembly, const char *graph_name) {
  for (const char *call = assembly; (call = strstr(call, "\tcallq\t")) != NULL;) {
    call += strlen("\tcallq\t");
    if (*call != '*' && strncmp(call, "retort_", 7) != 0 && strncmp(call, graph_name, strlen(graph_name)) != 0)
      fail_msg("a call of %.40s", call);
  }
}

static void training_is_vector_code_of_full_width(void **state) {
  (void)state;
  static const char *const widest[][3] = {
      {"x86-64-v4", "%zmm", "vmulps"}, {"haswell", "%ymm", "vmulps"}, {"x86-64", "%xmm", "mulps"}};
  arena *a = arena_create();
  for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
    for (int c = 0; c < 3; c++) {
      const char *error = NULL;
      const graph *g = graph_parse(a, loops[i], strlen(loops[i]), &error);
      if (!g)
        fail_msg("%s", error);
      text assembly = {0};
      emit_graph(a, g, widest[c][0], EMIT_ASSEMBLY, &assembly);
      assert_non_null(strstr(assembly.data, widest[c][1]));
      assert_non_null(strstr(assembly.data, widest[c][2]));
      assert_no_library_calls(assembly.data, g->name);
      text_free(&assembly);
    }
  arena_destroy(a);
}

static void debug_lines_are_the_sources(void **state) {
  (void)state;
  arena *a = arena_create();
  const source_file *file = source_from_text(a, "models/layer.rt", "", 0);
  graph *g = graph_create(a, dim_table_create(a), "lines");
  shape s = {.rank = 1, .dims = {dim_named(g->dims, "N")}};
  node *x = graph_input(g, INPUT_DATA, "x", DTYPE_F32, s, (span){file, 3, 5, 3, 6});
  graph_output_add(g, "y", graph_unary(g, OP_exp, x, (span){file, 1234, 7, 1234, 9}));
  text printed = {0};
  emit_graph(a, g, NULL, EMIT_ASSEMBLY, &printed);
  assert_non_null(strstr(printed.data, "\"models\" \"layer.rt\""));
  assert_non_null(strstr(printed.data, "1234 7"));
  text_free(&printed);
  arena_destroy(a);
}

static void unknown_cpus_are_refused(void **state) {
  (void)state;
  arena *a = arena_create();
  const char *error = NULL;
  assert_null(target_create(a, "z80", &error));
  assert_non_null(strstr(error, "unknown CPU 'z80'; known are native, x86-64, "));
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(softmax_on_every_cpu),        cmocka_unit_test(phases_run_in_order),
      cmocka_unit_test(loops_are_vector_code),       cmocka_unit_test(training_is_vector_code_of_full_width),
      cmocka_unit_test(debug_lines_are_the_sources), cmocka_unit_test(unknown_cpus_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
