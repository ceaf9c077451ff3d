#include "tests/unit/contraction_problem.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- random numbers ---- */

uint64_t problem_draw(uint64_t below) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (state >> 33) % below;
}

float *problem_numbers(int64_t count) {
  float *made = malloc((size_t)count * sizeof *made);
  assert_non_null(made);
  for (int64_t i = 0; i < count; i++)
    made[i] = (float)problem_draw(2001) / 1000.0f - 1;
  return made;
}

/* ---- a problem ---- */

static int64_t panels_of(int64_t n) {
  return (n + RETORT_PANEL_COLUMNS - 1) / RETORT_PANEL_COLUMNS;
}

problem problem_make(int64_t m, int64_t n, int64_t k, int transpose_a, retort_form form_b, int accumulate,
                     int64_t gap) {
  problem p = {.transpose_a = transpose_a, .form_b = form_b, .m = m, .n = n, .k = k, .alpha = 1};
  p.beta = accumulate ? 1.0f : 0.0f;
  p.a_stride = (p.transpose_a ? m : k) + gap;
  p.b_stride = (p.form_b == RETORT_TRANSPOSED ? k : n) + gap;
  p.c_stride = n + gap;
  p.a_count = ((p.transpose_a ? k : m) - 1) * p.a_stride + (p.transpose_a ? m : k);
  p.b_count = ((p.form_b == RETORT_TRANSPOSED ? n : k) - 1) * p.b_stride + (p.form_b == RETORT_TRANSPOSED ? k : n);
  if (p.form_b == RETORT_PANELS) {
    p.b_stride = k * RETORT_PANEL_COLUMNS + gap;
    p.b_count = (panels_of(n) - 1) * p.b_stride + k * RETORT_PANEL_COLUMNS;
  }
  p.c_count = (m - 1) * p.c_stride + n;
  p.a = problem_numbers(p.a_count);
  p.b = problem_numbers(p.b_count);
  p.c = problem_numbers(p.c_count);
  p.before = problem_numbers(p.c_count);
  for (int64_t i = 0; p.beta == 0 && i < p.c_count; i++) /* must not be read */
    if (i % p.c_stride < n)
      p.before[i] = NAN;
  return p;
}

void problem_free(problem *p) {
  free(p->a);
  free(p->b);
  free(p->c);
  free(p->before);
}

void problem_reset(problem *p) {
  memcpy(p->c, p->before, (size_t)p->c_count * sizeof *p->c);
}

int64_t problem_place_of_b(const problem *p, int64_t l, int64_t j) {
  switch (p->form_b) {
  case RETORT_TRANSPOSED:
    return j * p->b_stride + l;
  case RETORT_PANELS:
    return j / RETORT_PANEL_COLUMNS * p->b_stride + l * RETORT_PANEL_COLUMNS + j % RETORT_PANEL_COLUMNS;
  case RETORT_ROWS:
    break;
  }
  return l * p->b_stride + j;
}

/* ---- its result ---- */

static double itself(float x) {
  return (double)x;
}

static double expected(const problem *p, double (*rounded)(float x), int64_t i, int64_t j, double *magnitude) {
  double sum = p->beta == 0 ? 0 : (double)p->before[i * p->c_stride + j];
  *magnitude = fabs(sum);
  for (int64_t l = 0; l < p->k; l++) {
    double term = rounded(p->a[p->transpose_a ? l * p->a_stride + i : i * p->a_stride + l]) *
                  rounded(p->b[problem_place_of_b(p, l, j)]);
    sum += (double)p->alpha * term;
    *magnitude += fabs(term);
  }
  return sum;
}

static void fail_at(const problem *p, int64_t i, int64_t j, double wanted, double found) {
  static const char *const forms[] = {"", " b^T", " b in panels"};
  fail_msg("%lldx%lldx%lld%s%s beta %g, strides %lld %lld %lld, (%lld, %lld): expected %g, found %g", (long long)p->m,
           (long long)p->n, (long long)p->k, p->transpose_a ? " a^T" : "", forms[p->form_b], (double)p->beta,
           (long long)p->a_stride, (long long)p->b_stride, (long long)p->c_stride, (long long)i, (long long)j, wanted,
           found);
}

void problem_check(const problem *p, double (*rounded)(float x)) {
  for (int64_t at = 0; at < p->c_count; at++) {
    int64_t i = at / p->c_stride, j = at % p->c_stride;
    double found = (double)p->c[at], magnitude;
    if (j >= p->n) { /* between the rows */
      if (found != (double)p->before[at])
        fail_at(p, i, j, (double)p->before[at], found);
      continue;
    }
    double wanted = expected(p, rounded ? rounded : itself, i, j, &magnitude);
    bool good = isfinite(wanted) ? fabs(found - wanted) <= 1e-7 * (double)(p->k + 2) * (magnitude + 1e-30)
                                 : isnan(wanted) == isnan(found) && (isnan(wanted) || wanted == found);
    if (!good)
      fail_at(p, i, j, wanted, found);
  }
}

void *problem_packing(int threads) {
  void *packing = aligned_alloc(64, (size_t)threads * RETORT_PACKING_BYTES);
  assert_non_null(packing);
  memset(packing, 0xff, (size_t)threads * RETORT_PACKING_BYTES); /* NaN */
  return packing;
}
