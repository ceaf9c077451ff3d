/* How good predictions are. Each metric is a row in one table. Formulas: accuracy: share of equal ones; F1 = 2 TP / (2
 * TP
 * + FP + FN) of class 1; macro F1: mean of the F1 of the classes 0 … count - 1 that occur in labels or predictions;
 * MCC (Matthews, for any number of classes, Gorodkin 2004); Pearson's r; Spearman's rho (Pearson of the mean ranks). */
#ifndef RETORT_METRICS_H
#define RETORT_METRICS_H
#include "runtime/data/memory.h"

double metric_accuracy(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_macro_f1(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_matthews(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
double metric_pearson(int64_t count, const double *a, const double *b);
double metric_spearman(int64_t count, const double *a, const double *b);

/* Of classes: by the name that the language uses ("accuracy", "f1", "macro_f1", "mcc"). Ends with a NULL name. */
typedef struct class_metric {
  const char *name;
  double (*score)(int64_t count, const int32_t *labels, const int32_t *predictions, int classes);
} class_metric;
extern const class_metric class_metrics[];
const class_metric *class_metric_find(const char *name); /* NULL when there is none */

#endif
