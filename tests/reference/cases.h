/* The kinds of cases. Each reads the sizes and options of case.json and compares what models/ compute with what the
 * folder's files hold. False when the case's files cannot be read. */
#ifndef TEST_CASES_H
#define TEST_CASES_H

#include "tests/reference/compiled.h"
#include <jansson.h>

typedef struct reference_case {
  const char *path;       /* the case's folder or file */
  const json_t *settings; /* case.json; NULL where the case is a file */
  const run_options *run;
  arena *arena;
} reference_case;

typedef bool case_runner(const reference_case *c, comparison *result);

case_runner case_bert_forward; /* case_bert.c */
case_runner case_bert_train;   /* case_bert.c */
case_runner case_distillation; /* case_distillation.c */
case_runner case_ops;          /* case_functions.c */
case_runner case_losses;       /* case_functions.c */
case_runner case_more_losses;  /* case_functions.c */
case_runner case_metrics;      /* case_text.c */
case_runner case_wordpiece;    /* case_text.c */

/* PATH/NAME in the arena. */
const char *case_file(const reference_case *c, const char *name);

#endif
