/* How alike two layers are that may differ in width: linear centred kernel alignment, CKA (Kornblith
 * and others 2019, arXiv:1905.00414, equation 3 with linear kernels). */
#ifndef RETORT_ALIGNMENT_H
#define RETORT_ALIGNMENT_H
#include <stdint.h>

/* X X^T of values [rows, width] whose columns were centred, over its Frobenius norm: [rows, rows], zeros when all rows
 * are equal. The caller frees it. */
double *alignment_gram(int64_t rows, int64_t width, const float *values);
/* CKA of two layers by their Gram matrices of the same rows: 0 … 1, where 1 is equality but for rotation and scale. */
double alignment_of(int64_t rows, const double *gram, const double *other);

#endif
