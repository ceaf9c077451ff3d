/* How good predictions are. Formulas: accuracy: share of equal ones; F1 = 2 TP / (2 TP + FP + FN) of class 1; macro F1:
 * mean of the F1 of the classes 0 … count - 1 that occur in labels or predictions; MCC (Matthews, for any number of
 * classes, Gorodkin 2004); Pearson's r; Spearman's rho (Pearson of the mean ranks); expected calibration error (Guo et
 * al. 2017, arXiv:1706.04599, equation 3, 15 bins): sum over bins of confidence of share x |accuracy - mean
 * confidence|; perplexity: e to the mean of -log p(label). */
#ifndef RETORT_METRICS_H
#define RETORT_METRICS_H
#include "runtime/data/memory.h"

double metric_accuracy(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_macro_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_matthews(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_pearson(int64_t count, const double *a, const double *b);
double metric_spearman(int64_t count, const double *a, const double *b);

/* outputs: logits [count, classes]; p is their softmax. */
double metric_calibration_error(int64_t count, int classes, const float *outputs, const int32_t *labels);
double metric_perplexity(int64_t count, int classes, const float *outputs, const int32_t *labels);

/* ---- by the name that the language uses ---- */

/* A model's predictions on a set, by the set's rows. */
typedef struct scored {
  int64_t count;
  int classes;
  const float *outputs;       /* [count, classes] */
  const int32_t *predictions; /* the class of the largest output */
  const int32_t *labels;      /* NULL: the set has none */
  const float *targets;       /* NULL: the set has none; compared with the first output */
  const int32_t *reference;   /* the predictions of the model that this one is compared with */
} scored;

typedef enum { METRIC_OF_LABELS, METRIC_OF_TARGETS, METRIC_OF_REFERENCE } metric_need;

/* Rows of one table, which ends with a NULL name. */
typedef struct named_metric {
  const char
      *name; /* "accuracy", "f1", "macro_f1", "mcc", "pearson", "spearman", "agreement", "calibration_error", … */
  metric_need need;
  bool lower; /* is better */
  bool plain; /* shown as it is; else times 100 */
  double (*score)(const scored *s);
} named_metric;
extern const named_metric named_metrics[];
const named_metric *metric_find(const char *name); /* NULL when there is none */
/* A score, or a difference of two, as tables show it: times 100, unless the metric is plain. */
double metric_shown(const char *name, double score);

#endif
