/* Contractions with random operands, and their results beside those of a plain loop; for the tests of tiles. */
#ifndef RETORT_TEST_CONTRACTION_PROBLEM_H
#define RETORT_TEST_CONTRACTION_PROBLEM_H
#include "runtime/core/retort.h"

typedef struct problem { /* c = alpha a b + beta c */
  int transpose_a;
  retort_form form_b;
  int64_t m, n, k, a_stride, b_stride, c_stride;
  float alpha, beta;
  float *a, *b, *c, *before; /* before: what c holds at first; NaN where it must not be read */
  int64_t a_count, b_count, c_count;
} problem;

/* 0 … below - 1; the same numbers in each run of a program. */
uint64_t problem_draw(uint64_t below);
/* Random, -1 … 1; the caller frees them. */
float *problem_numbers(int64_t count);

/* Strides are `gap` longer than they have to be. Operands are exactly as long as they must be, so that a sanitizer sees
 * what is read beyond. */
problem problem_make(int64_t m, int64_t n, int64_t k, int transpose_a, retort_form form_b, int accumulate, int64_t gap);
void problem_free(problem *p);
/* c is as before; the caller then contracts into it. */
void problem_reset(problem *p);
/* Where b[l, j] lies. */
int64_t problem_place_of_b(const problem *p, int64_t l, int64_t j);

/* Fails the test at the first element of c that is not what a loop in float64 gives, within what sums in float32 may
 * differ by, or that was written between the rows. `rounded`: what becomes of an operand's number; NULL: itself. */
void problem_check(const problem *p, double (*rounded)(float x));

/* RETORT_PACKING_BYTES for each thread, filled with NaN; the caller frees it. */
void *problem_packing(int threads);

#endif
