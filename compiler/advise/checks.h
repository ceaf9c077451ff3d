/* Inside compiler/advise/: what checks see of a stage, and how they warn. */
#ifndef RETORT_CHECKS_H
#define RETORT_CHECKS_H

#include "compiler/advise/advise.h"
#include "compiler/advise/kinds.h"

typedef struct advising advising; /* what was said so far (advise.c) */

typedef struct judged { /* a stage with a loss */
  advising *by;
  const char *check; /* the name of the check that runs */
  const program *program;
  const program_stage *stage;
  const stage_view *view;
  const graph *graph; /* of the view */
  const kind *kinds;
  const unsigned char *depends; /* bits of kinds.h */
  const bool *reached;          /* by node: a gradient flows to something trained */
  const bool *live;             /* by node: the total loss depends on it */
} judged;

typedef void check_function(judged *j);

/* A warning at a node: at its place in the main file, or at the innermost call there that led to it. What a library's
 * objective does is said where the stage names it, with a note that shows the library's line. NULL when it is switched
 * off at one of these, or was said of that line already. */
diagnostic *warn_at(judged *j, const node *n, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same at a place. */
diagnostic *warn_where(judged *j, span where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The place that warn_at chooses. */
span warning_place(const judged *j, const node *n);
/* Notes where the node itself is made, if that is elsewhere. `what`: «it is computed here». */
void note_made(diagnostic *w, const judged *j, const node *n, const char *what);
/* The innermost call around a node that the main file makes; NULL: there is none. */
const traced_call *call_around(const judged *j, const node *n);

/* Whether the logarithm of a distribution, or a difference of two, is an operand of the product n: *target the other
 * operand's kind, *log its own. */
bool is_cross_term(const judged *j, const node *n, const node **target, const node **log);

/* ---- formulas.c: what values are ---- */
check_function check_softmax_of_distribution, check_log_of_logits, check_unnormalized, check_target;
/* ---- roles.c: teacher and student ---- */
check_function check_exchanged, check_gradient_into_target, check_teacher_dropout;
/* ---- scales.c: temperature, padding ---- */
check_function check_temperature_scale, check_padding_mean;
/* ---- setup.c: helpers, layers, data ---- */
check_function check_wide_fit, check_last_layer, check_test_choice;

#endif
