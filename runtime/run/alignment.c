#include "runtime/run/alignment.h"
#include "runtime/data/memory.h"
#include <math.h>
#include <stdlib.h>

static double *centred(int64_t rows, int64_t width, const float *values) {
  double *x = memory_allocate((size_t)rows, (size_t)width * sizeof *x);
  for (int64_t k = 0; k < width; k++) {
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
      sum += values[i * width + k];
    for (int64_t i = 0; i < rows; i++)
      x[i * width + k] = values[i * width + k] - sum / (double)rows;
  }
  return x;
}

double *alignment_gram(int64_t rows, int64_t width, const float *values) {
  double *x = centred(rows, width, values), *gram = memory_allocate((size_t)rows, (size_t)rows * sizeof *gram);
  double squares = 0;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j <= i; j++) {
      double sum = 0;
      for (int64_t k = 0; k < width; k++)
        sum += x[i * width + k] * x[j * width + k];
      gram[i * rows + j] = gram[j * rows + i] = sum;
      squares += (i == j ? 1 : 2) * sum * sum;
    }
  for (int64_t i = 0; i < rows * rows; i++)
    gram[i] = squares > 0 ? gram[i] / sqrt(squares) : 0;
  free(x);
  return gram;
}

double alignment_of(int64_t rows, const double *gram, const double *other) {
  double sum = 0;
  for (int64_t i = 0; i < rows * rows; i++)
    sum += gram[i] * other[i];
  return sum;
}
