/* The emitted elementary functions against the C library's in double, densely over float32, for every level of CPU that
 * this machine can run. RETORT_MATH_STRIDE=1 steps through every bit pattern (minutes). */
#include "compiler/emit/math.h"
#include "compiler/emit/target.h"
#include "compiler/link/jit.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef void loop_function(const float *x, const float *y, float *result, int64_t count);

typedef struct tested {
  const char *name;
  LLVMValueRef (*one)(LLVMBuilderRef, LLVMValueRef);
  LLVMValueRef (*two)(LLVMBuilderRef, LLVMValueRef, LLVMValueRef);
  double (*exact_one)(double);
  double (*exact_two)(double, double);
  double ulp;
} tested;

static double exact_rsqrt(double x) {
  return 1 / sqrt(x);
}

static const tested all[] = {
    {"exp", math_exp, NULL, exp, NULL, MATH_EXP_ULP},
    {"log", math_log, NULL, log, NULL, MATH_LOG_ULP},
    {"erf", math_erf, NULL, erf, NULL, MATH_ERF_ULP},
    {"tanh", math_tanh, NULL, tanh, NULL, MATH_TANH_ULP},
    {"rsqrt", math_rsqrt, NULL, exact_rsqrt, NULL, MATH_RSQRT_ULP},
    {"sin", math_sin, NULL, sin, NULL, MATH_SIN_ULP},
    {"cos", math_cos, NULL, cos, NULL, MATH_COS_ULP},
    {"floor", math_floor, NULL, floor, NULL, 0},
    {"pow", NULL, math_pow, NULL, pow, MATH_POW_ULP},
};
enum { TESTED_COUNT = sizeof all / sizeof *all, CHUNK = 4096 };

/* for i in 0 .. count: result[i] = f(x[i], y[i]) */
static void build_loop(const target *t, LLVMModuleRef module, const tested *f) {
  LLVMContextRef context = LLVMGetModuleContext(module);
  LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0), i64 = LLVMInt64TypeInContext(context),
              single = LLVMFloatTypeInContext(context);
  LLVMTypeRef type =
      LLVMFunctionType(LLVMVoidTypeInContext(context), (LLVMTypeRef[]){pointer, pointer, pointer, i64}, 4, 0);
  LLVMValueRef function = LLVMAddFunction(module, f->name, type);
  target_set_function(t, function);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(context, function, ""),
                    body = LLVMAppendBasicBlockInContext(context, function, ""),
                    end = LLVMAppendBasicBlockInContext(context, function, "");
  LLVMBuilderRef b = LLVMCreateBuilderInContext(context);
  LLVMPositionBuilderAtEnd(b, entry);
  LLVMBuildBr(b, body);
  LLVMPositionBuilderAtEnd(b, body);
  LLVMValueRef i = LLVMBuildPhi(b, i64, "");
  LLVMValueRef loaded[2];
  for (unsigned operand = 0; operand < 2; operand++) {
    LLVMValueRef at = LLVMBuildGEP2(b, single, LLVMGetParam(function, operand), &i, 1, "");
    loaded[operand] = LLVMBuildLoad2(b, single, at, "");
  }
  LLVMValueRef result = f->one ? f->one(b, loaded[0]) : f->two(b, loaded[0], loaded[1]);
  LLVMBuildStore(b, result, LLVMBuildGEP2(b, single, LLVMGetParam(function, 2), &i, 1, ""));
  LLVMValueRef next = LLVMBuildAdd(b, i, LLVMConstInt(i64, 1, 0), "");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, LLVMGetParam(function, 3), ""), body, end);
  LLVMAddIncoming(i, (LLVMValueRef[]){LLVMConstInt(i64, 0, 0), next}, (LLVMBasicBlockRef[]){entry, body}, 2);
  LLVMPositionBuilderAtEnd(b, end);
  LLVMBuildRetVoid(b);
  LLVMDisposeBuilder(b);
}

/* Links the loops for a CPU into *linked; false when this machine cannot run them. */
static bool make_loops(arena *a, const char *cpu, linked_object **linked, loop_function **loops) {
  const char *error = NULL;
  target *t = target_create(a, cpu, &error);
  assert_non_null(t);
  if (!target_is_runnable(t)) {
    target_destroy(t);
    return false;
  }
  LLVMContextRef context = LLVMContextCreate();
  LLVMModuleRef module = LLVMModuleCreateWithNameInContext("math", context);
  target_set_module(t, module);
  for (int i = 0; i < TESTED_COUNT; i++)
    build_loop(t, module, &all[i]);
  assert_null(target_optimize(t, a, module));
  LLVMMemoryBufferRef bytes;
  assert_null(target_generate(t, a, module, TARGET_OBJECT, &bytes));
  *linked = jit_link(a, LLVMGetBufferStart(bytes), LLVMGetBufferSize(bytes), &error);
  assert_non_null(*linked);
  for (int i = 0; i < TESTED_COUNT; i++) {
    loops[i] = (loop_function *)(uintptr_t)jit_symbol(*linked, a, all[i].name, &error);
    assert_non_null(loops[i]);
  }
  LLVMDisposeMemoryBuffer(bytes);
  LLVMDisposeModule(module);
  LLVMContextDispose(context);
  target_destroy(t);
  return true;
}

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* How far y is from the exact result, in ulp; infinity where it is wrong in kind. */
static double error_in_ulp(float y, double exact) {
  if (isnan(exact))
    return isnan(y) ? 0 : INFINITY;
  if (isnan(y))
    return INFINITY;
  if (exact == 0)
    return y == 0 && !signbit(y) == !signbit(exact) ? 0 : INFINITY;
  if (isinf((float)exact) && (double)y == (double)(float)exact)
    return 0;
  int exponent;
  frexp(exact, &exponent);
  double ulp = ldexp(1, (exponent - 1 > -126 ? exponent - 1 : -126) - 23);
  return fabs((double)y - exact) / ulp;
}

static uint32_t stride(void) {
  const char *given = getenv("RETORT_MATH_STRIDE");
  return given ? (uint32_t)strtoul(given, NULL, 10) : 3001;
}

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 32;
}

static const float special[] = {
    0,        1,     2,       3,     0.5f,    1.5f,    0x1p-149f,     0x1p-126f, 0x1p-127f,
    88.7f,    88.8f, 103,     105,   0x1p23f, 0x1p24f, 0x1p127f,      0.625f,    0x1.fffffep127f,
    INFINITY, NAN,   8388609, 9.02f, 3.92f,   0.92f,   0x1.921fb6p0f, 1e10f};
enum { SPECIAL_COUNT = sizeof special / sizeof *special };

/* The k-th pair of arguments; false behind the last. Special values first, with each other and both signs. */
static bool sample(const tested *f, uint64_t k, uint64_t *random, float *x, float *y) {
  const uint64_t specials = 4 * SPECIAL_COUNT * SPECIAL_COUNT;
  if (k < specials) {
    *x = special[k / 4 % SPECIAL_COUNT] * (k & 1 ? -1 : 1);
    *y = special[k / 4 / SPECIAL_COUNT] * (k & 2 ? -1 : 1);
    return true;
  }
  uint64_t bits = (k - specials) * stride();
  *x = from_bits((uint32_t)bits);
  *y = from_bits((uint32_t)next_random(random));
  if (f->two && k % 2) { /* such that the result is of a usual size */
    double logarithm = log2(fabs((double)*x));
    *y = (float)(((double)next_random(random) / 0x1p31 - 1) * 150 / logarithm);
    if (k % 4 == 1)
      *y = roundf(*y);
  }
  return bits <= UINT32_MAX;
}

static void check_function(const tested *f, loop_function *const *loops, const char *const *names, int loop_count) {
  static float x[CHUNK], y[CHUNK], result[CHUNK];
  static double exact[CHUNK];
  double worst[4] = {0};
  uint64_t random = 1;
  bool more = true;
  for (uint64_t k = 0; more;) {
    int count = 0;
    for (; count < CHUNK && (more = sample(f, k, &random, &x[count], &y[count])); k++, count++)
      exact[count] = f->exact_one ? f->exact_one((double)x[count]) : f->exact_two((double)x[count], (double)y[count]);
    for (int l = 0; count && l < loop_count; l++) {
      loops[l](x, y, result, count);
      for (int i = 0; i < count; i++) {
        double error = error_in_ulp(result[i], exact[i]);
        if (error > f->ulp)
          fail_msg("%s(%a, %a) = %a for %s, exactly %a: %g ulp", f->name, (double)x[i], (double)y[i], (double)result[i],
                   names[l], exact[i], error);
        worst[l] = fmax(worst[l], error);
      }
    }
  }
  for (int l = 0; l < loop_count; l++)
    printf("  %-6s %-8s %.3f ulp\n", f->name, names[l], worst[l]);
}

static void stated_bounds_hold_over_all_of_float32(void **state) {
  (void)state;
  const char *const cpus[] = {NULL, "x86-64-v4", "haswell", "x86-64"};
  const char *names[4];
  arena *a = arena_create();
  linked_object *linked[4];
  loop_function *loops[4][TESTED_COUNT], *of_function[4];
  int count = 0;
  for (int i = 0; i < 4; i++)
    if (make_loops(a, cpus[i], &linked[count], loops[count]))
      names[count++] = cpus[i] ? cpus[i] : "host";
  for (int f = 0; f < TESTED_COUNT; f++) {
    for (int l = 0; l < count; l++)
      of_function[l] = loops[l][f];
    check_function(&all[f], of_function, names, count);
  }
  while (count--)
    jit_unlink(linked[count]);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stated_bounds_hold_over_all_of_float32)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
