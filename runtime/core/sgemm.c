/* Matrix products by OpenBLAS. */
#include "runtime/core/retort.h"
#include <cblas.h>
#include <omp.h>

/* Below this number of multiplications a plain loop is faster than the library's preparations. */
enum { TINY_PRODUCT = 512 };

static void tiny_sgemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                       int64_t a_stride, const float *b, int64_t b_stride, float beta, float *c, int64_t c_stride) {
  int64_t a_row = transpose_a ? 1 : a_stride, a_column = transpose_a ? a_stride : 1;
  int64_t b_row = transpose_b ? 1 : b_stride, b_column = transpose_b ? b_stride : 1;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      float sum = 0;
      for (int64_t l = 0; l < k; l++)
        sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
      float *to = &c[i * c_stride + j];
      *to = beta == 0 ? alpha * sum : alpha * sum + beta * *to;
    }
}

void retort_sgemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                  int64_t a_stride, const float *b, int64_t b_stride, float beta, float *c, int64_t c_stride,
                  int threads) {
  if (m * n * k <= TINY_PRODUCT) {
    tiny_sgemm(transpose_a, transpose_b, m, n, k, alpha, a, a_stride, b, b_stride, beta, c, c_stride);
    return;
  }
  /* The library takes OpenMP's maximum for the calling thread, and one thread inside a parallel region. */
  int before = omp_get_max_threads();
  if (threads != before)
    omp_set_num_threads(threads);
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)a_stride, b, (blasint)b_stride, beta, c,
              (blasint)c_stride);
  if (threads != before)
    omp_set_num_threads(before);
}
