/* The part of the runtime that emitted code calls. */
#include "runtime/core/retort.h"
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct parts {
  int64_t begin[8], end[8];
  int count;
} parts;

static void record(void *context, int64_t begin, int64_t end, int64_t worker) {
  parts *p = context;
  p->begin[worker] = begin;
  p->end[worker] = end;
#pragma omp atomic
  p->count++;
}

static void parallel_cuts_into_equal_parts(void **state) {
  (void)state;
  parts p = {.count = 0};
  retort_parallel(record, &p, 11, 4);
  assert_int_equal(p.count, 4);
  const int64_t expected[] = {0, 3, 6, 9, 11};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(p.begin[i], expected[i]);
    assert_int_equal(p.end[i], expected[i + 1]);
  }
  p.count = 0;
  retort_parallel(record, &p, 2, 4);
  assert_int_equal(p.count, 2);
  p.count = 0;
  retort_parallel(record, &p, 0, 4);
  assert_int_equal(p.count, 0);
}

static void parallel_runs_every_part_inside_a_parallel_region(void **state) {
  (void)state;
  parts p = {.count = 0};
#pragma omp parallel num_threads(2)
#pragma omp single
  retort_parallel(record, &p, 10, 4);
  assert_int_equal(p.count, 4);
}

static void check_sgemm(int transpose_a, int transpose_b, int m, int n, int k, int threads) {
  int a_stride = (transpose_a ? m : k) + 3, b_stride = (transpose_b ? k : n) + 1, c_stride = n + 2;
  size_t a_count = (size_t)((transpose_a ? k : m) * a_stride), b_count = (size_t)((transpose_b ? n : k) * b_stride),
         c_count = (size_t)(m * c_stride);
  float *a = malloc(4 * a_count), *b = malloc(4 * b_count), *c = malloc(4 * c_count);
  for (size_t i = 0; i < a_count; i++)
    a[i] = (float)(i % 7) - 3;
  for (size_t i = 0; i < b_count; i++)
    b[i] = (float)(i % 5) - 2;
  for (size_t i = 0; i < c_count; i++)
    c[i] = NAN; /* beta 0 must not read it */
  retort_sgemm(transpose_a, transpose_b, m, n, k, 2, a, a_stride, b, b_stride, 0, c, c_stride, threads);
  retort_sgemm(transpose_a, transpose_b, m, n, k, 1, a, a_stride, b, b_stride, 3, c, c_stride, threads);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++)
        sum += (double)a[transpose_a ? l * a_stride + i : i * a_stride + l] *
               (double)b[transpose_b ? j * b_stride + l : l * b_stride + j];
      assert_float_equal(c[i * c_stride + j], (float)(7 * sum), 1e-3);
    }
  free(a), free(b), free(c);
}

static void sgemm_equals_the_sum(void **state) {
  (void)state;
  const int sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {1, 64, 64}, {33, 65, 129}, {200, 100, 50}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int variant = 0; variant < 8; variant++)
      check_sgemm(variant & 1, variant & 2, sizes[s][0], sizes[s][1], sizes[s][2], variant & 4 ? 2 : 1);
}

static void sgemm_leaves_the_thread_count(void **state) {
  (void)state;
  int before = omp_get_max_threads();
  check_sgemm(0, 0, 200, 100, 50, before + 1);
  assert_int_equal(omp_get_max_threads(), before);
}

/* Known answers of the reference implementation (Random123, kat_vectors: philox4x32 10). */
static void philox_gives_the_published_numbers(void **state) {
  (void)state;
  const int64_t zero[2] = {0, 0};
  const uint32_t at_zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  const int64_t ones[2] = {-1, -1};
  const uint32_t at_ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  /* counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0 */
  const int64_t pi[2] = {0x299f31d0a4093822, 0x0370734485a308d3};
  const uint32_t at_pi[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  for (uint64_t word = 0; word < 4; word++) {
    assert_true(retort_uniform(zero, 0, word) == (float)(at_zero[word] >> 8) * 0x1p-24f);
    assert_true(retort_uniform(ones, 0xffffffff, 0x3fffffffcu + word) == (float)(at_ones[word] >> 8) * 0x1p-24f);
    assert_true(retort_uniform(pi, 0x13198a2e, 4 * (uint64_t)0x243f6a88 + word) ==
                (float)(at_pi[word] >> 8) * 0x1p-24f);
  }
}

static void sizes_are_polynomials(void **state) {
  (void)state;
  const int64_t dims[] = {3, -7};
  /* (3 * 4 + floor(-7 / 2)) + threads */
  const int64_t code[] = {RETORT_SIZE_DIM, 0, RETORT_SIZE_CONSTANT,     4, RETORT_SIZE_MULTIPLY, 0,
                          RETORT_SIZE_DIM, 1, RETORT_SIZE_FLOOR_DIVIDE, 2, RETORT_SIZE_ADD,      0,
                          RETORT_SIZE_DIM, 2, RETORT_SIZE_ADD,          0};
  retort_size size = {.count = 8, .code = code};
  assert_int_equal(retort_size_evaluate(&size, dims, 2, 5), 12 - 4 + 5);
}

static void buffers_share_memory_by_lifetime(void **state) {
  (void)state;
  const int64_t sizes[] = {RETORT_SIZE_CONSTANT, 100, RETORT_SIZE_CONSTANT, 64,
                           RETORT_SIZE_CONSTANT, 128, RETORT_SIZE_CONSTANT, 40};
  const retort_buffer buffers[] = {
      {{1, sizes}, 0, 1}, {{1, sizes + 2}, 0, 3}, {{1, sizes + 4}, 2, 3}, {{1, sizes + 6}, 3, 3}};
  const retort_plan plan = {.buffer_count = 4, .buffers = buffers};
  size_t table[8];
  assert_int_equal(retort_plan_place(&plan, NULL, 1, table), 256);
  const size_t expected[] = {0, 128, 0, 192, 128, 64, 128, 64};
  assert_memory_equal(table, expected, sizeof table);
  assert_int_equal(retort_workspace_size(&plan, NULL, 1), 256 + 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parallel_cuts_into_equal_parts),
      cmocka_unit_test(parallel_runs_every_part_inside_a_parallel_region),
      cmocka_unit_test(sgemm_equals_the_sum),
      cmocka_unit_test(sgemm_leaves_the_thread_count),
      cmocka_unit_test(philox_gives_the_published_numbers),
      cmocka_unit_test(sizes_are_polynomials),
      cmocka_unit_test(buffers_share_memory_by_lifetime),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
