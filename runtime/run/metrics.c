#include "runtime/run/metrics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- of logits ---- */

/* log of the sum of e^x over a row. */
static double log_sum(const float *row, int classes) {
  double largest = row[0], sum = 0;
  for (int i = 1; i < classes; i++)
    largest = fmax(largest, row[i]);
  for (int i = 0; i < classes; i++)
    sum += exp(row[i] - largest);
  return largest + log(sum);
}

double metric_calibration_error(int64_t count, int classes, const float *outputs, const int32_t *labels) {
  enum { BINS = 15 };
  double confidences[BINS] = {0}, rights[BINS] = {0}, error = 0;
  for (int64_t i = 0; i < count; i++) {
    const float *row = outputs + i * classes;
    int best = 0;
    for (int k = 1; k < classes; k++)
      best = row[k] > row[best] ? k : best;
    double confidence = exp(row[best] - log_sum(row, classes));
    int bin = (int)ceil(confidence * BINS) - 1; /* bins are open below, closed above */
    bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
    confidences[bin] += confidence;
    rights[bin] += labels[i] == best;
  }
  for (int b = 0; b < BINS; b++)
    error += fabs(rights[b] - confidences[b]);
  return count ? error / (double)count : 0;
}

double metric_perplexity(int64_t count, int classes, const float *outputs, const int32_t *labels) {
  double total = 0;
  for (int64_t i = 0; i < count; i++)
    total += log_sum(outputs + i * classes, classes) - outputs[i * classes + labels[i]];
  return count ? exp(total / (double)count) : 0;
}

/* ---- the table ---- */

static double score_accuracy(const scored *s) {
  return metric_accuracy(s->count, s->labels, s->predictions, s->classes);
}
static double score_f1(const scored *s) {
  return metric_f1(s->count, s->labels, s->predictions, s->classes);
}
static double score_macro_f1(const scored *s) {
  return metric_macro_f1(s->count, s->labels, s->predictions, s->classes);
}
static double score_matthews(const scored *s) {
  return metric_matthews(s->count, s->labels, s->predictions, s->classes);
}
static double score_agreement(const scored *s) {
  return metric_accuracy(s->count, s->reference, s->predictions, s->classes);
}
static double score_calibration_error(const scored *s) {
  return metric_calibration_error(s->count, s->classes, s->outputs, s->labels);
}
static double score_perplexity(const scored *s) {
  return metric_perplexity(s->count, s->classes, s->outputs, s->labels);
}

static double correlate(const scored *s, double (*how)(int64_t count, const double *a, const double *b)) {
  double *given = memory_allocate((size_t)s->count, sizeof *given),
         *wanted = memory_allocate((size_t)s->count, sizeof *wanted);
  for (int64_t i = 0; i < s->count; i++) {
    given[i] = s->outputs[i * s->classes];
    wanted[i] = s->targets[i];
  }
  double result = how(s->count, given, wanted);
  free(given);
  free(wanted);
  return result;
}
static double score_pearson(const scored *s) {
  return correlate(s, metric_pearson);
}
static double score_spearman(const scored *s) {
  return correlate(s, metric_spearman);
}

const named_metric named_metrics[] = {
    {.name = "accuracy", .score = score_accuracy},
    {.name = "f1", .score = score_f1},
    {.name = "macro_f1", .score = score_macro_f1},
    {.name = "mcc", .score = score_matthews},
    {.name = "pearson", .need = METRIC_OF_TARGETS, .score = score_pearson},
    {.name = "spearman", .need = METRIC_OF_TARGETS, .score = score_spearman},
    {.name = "agreement", .need = METRIC_OF_REFERENCE, .score = score_agreement},
    {.name = "calibration_error", .lower = true, .score = score_calibration_error},
    {.name = "perplexity", .lower = true, .plain = true, .score = score_perplexity},
    {0},
};

const named_metric *metric_find(const char *name) {
  for (const named_metric *m = named_metrics; m->name; m++)
    if (strcmp(m->name, name) == 0)
      return m;
  return NULL;
}

double metric_shown(const char *name, double score) {
  const named_metric *m = metric_find(name);
  return m && m->plain ? score : 100 * score;
}
