#include "runtime/run/metrics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const class_metric class_metrics[] = {
    {"accuracy", metric_accuracy}, {"f1", metric_f1}, {"macro_f1", metric_macro_f1}, {"mcc", metric_matthews}, {0}};

const class_metric *class_metric_find(const char *name) {
  for (const class_metric *m = class_metrics; m->name; m++)
    if (strcmp(m->name, name) == 0)
      return m;
  return NULL;
}

double metric_accuracy(int64_t count, const int32_t *labels, const int32_t *predictions, int classes) {
  (void)classes;
  int64_t right = 0;
  for (int64_t i = 0; i < count; i++)
    right += labels[i] == predictions[i];
  return count ? (double)right / (double)count : 0;
}

/* NAN for a class that occurs nowhere. */
static double class_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int class) {
  int64_t both = 0, either = 0;
  for (int64_t i = 0; i < count; i++) {
    both += labels[i] == class && predictions[i] == class;
    either += (labels[i] == class) + (predictions[i] == class);
  }
  return either ? 2 * (double)both / (double)either : NAN;
}

double metric_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int classes) {
  (void)classes;
  double score = class_f1(count, labels, predictions, 1);
  return isnan(score) ? 0 : score;
}

double metric_macro_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int classes) {
  double total = 0;
  int present = 0;
  for (int class = 0; class < classes; class ++) {
    double score = class_f1(count, labels, predictions, class);
    if (!isnan(score)) {
      total += score;
      present++;
    }
  }
  return present ? total / present : 0;
}

double metric_matthews(int64_t count, const int32_t *labels, const int32_t *predictions, int classes) {
  double right = 0, cross = 0, labelled = 0, predicted = 0, total = (double)count;
  for (int64_t i = 0; i < count; i++)
    right += labels[i] == predictions[i];
  for (int class = 0; class < classes; class ++) {
    double t = 0, p = 0;
    for (int64_t i = 0; i < count; i++) {
      t += labels[i] == class;
      p += predictions[i] == class;
    }
    cross += t * p;
    labelled += t * t;
    predicted += p * p;
  }
  double scale = sqrt(total * total - labelled) * sqrt(total * total - predicted);
  return scale > 0 ? (right * total - cross) / scale : 0;
}

double metric_pearson(int64_t count, const double *a, const double *b) {
  double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < count; i++) {
    mean_a += a[i] / (double)count;
    mean_b += b[i] / (double)count;
  }
  for (int64_t i = 0; i < count; i++) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static int compare_values(const void *a, const void *b, void *values) {
  const double *v = values, x = v[*(const int64_t *)a], y = v[*(const int64_t *)b];
  return (x > y) - (x < y);
}

/* Equal values share the mean of their ranks. */
static double *mean_ranks(int64_t count, const double *values) {
  int64_t *order = memory_allocate((size_t)count, sizeof *order);
  double *ranks = memory_allocate((size_t)count, sizeof *ranks);
  for (int64_t i = 0; i < count; i++)
    order[i] = i;
  qsort_r(order, (size_t)count, sizeof *order, compare_values, (void *)values);
  for (int64_t first = 0, last; first < count; first = last) {
    for (last = first; last < count && values[order[last]] == values[order[first]]; last++)
      ;
    last = last > first ? last : first + 1; /* NaN equals nothing, itself included */
    for (int64_t i = first; i < last; i++)
      ranks[order[i]] = (double)(first + last - 1) / 2;
  }
  free(order);
  return ranks;
}

double metric_spearman(int64_t count, const double *a, const double *b) {
  double *ranks_a = mean_ranks(count, a), *ranks_b = mean_ranks(count, b);
  double rho = metric_pearson(count, ranks_a, ranks_b);
  free(ranks_a);
  free(ranks_b);
  return rho;
}
