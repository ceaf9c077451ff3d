/* What the values of a stage's graph are: logits, probabilities, log-probabilities, and what they are made of on the
 * way, as e^x and its sum. An abstract interpretation, operands before users: kinds.c has a function for each operation
 * that keeps or makes a kind; behind any other a value is anything. What is not known is never taken for something. */
#ifndef RETORT_KINDS_H
#define RETORT_KINDS_H

#include "compiler/check/view.h"

typedef enum {
  FORM_ANYTHING,
  FORM_LOGITS,            /* what a model gives, scaled and shifted: any real numbers */
  FORM_EXPONENTIAL,       /* e^x */
  FORM_TOTAL,             /* the sum of e^x along the axis */
  FORM_LOG_TOTAL,         /* its logarithm */
  FORM_LARGEST,           /* the largest x along the axis */
  FORM_PROBABILITIES,     /* along the axis they sum to `mass` */
  FORM_LOG_PROBABILITIES, /* logarithms of such, times `mass` */
  FORM_RATIO,             /* a quotient of two exponentials, or of two distributions */
  FORM_DIFFERENCE,        /* a difference of two logarithms */
  FORM_PLACES,            /* 0, 1, … along the axis */
} form;

/* What an operation does that looks like a mistake. */
typedef enum {
  ODD_NOTHING,
  ODD_SOFTMAX,  /* of what is a distribution already */
  ODD_LOG,      /* of logits, or of logarithms */
  ODD_UNNORMAL, /* the logarithm of e^logits that no sum divides */
} oddity;

typedef struct kind {
  form form;
  form of;             /* of an exponential, total, …: what x is; of a ratio or difference: of which form both were */
  const node *source;  /* the scores that it was made from, before scale and shift; never NULL */
  double temperature;  /* these were divided by it */
  const node *other;   /* of a ratio or difference: the source of what is divided by or subtracted; else NULL */
  double temperature2; /* and its temperature */
  int axis;            /* of classes, where it is known: totals, probabilities, log-probabilities; else -1 */
  double mass;         /* NaN: not known */
  oddity odd;
} kind;

/* By node id of v->graph; in its arena. */
const kind *kinds_of(const stage_view *v);

/* A number that is the same everywhere and known now; false when it is none. */
bool constant_everywhere(const node *n, double *number);

/* By node id: bits of what the node depends on. */
enum {
  DEPENDS_WEIGHTS = 1, /* any weight, state or buffer */
  DEPENDS_TEACHER = 2, /* a frozen model's */
  DEPENDS_LABELS = 4,  /* label, target */
  DEPENDS_STEP = 8,    /* step, steps, epoch */
};
const unsigned char *dependences_of(const stage_view *v, int teacher_count, const char *const *teachers);

#endif
