/* Checks of compiler/advise/ that look at data and at the first step of a stage. */
#ifndef RETORT_RUN_MEASURED_H
#define RETORT_RUN_MEASURED_H
#include "compiler/commands/run_state.h"

/* Warns of rows to train on that results are measured on, when the data is read. How many warnings. */
int run_warn_equal_rows(run_state *r);

/* Warns of a term that is nearly nothing or nearly all of the sum. `terms`: values at the first step of that stage, not
 * weighted. Says nothing where weights change with the step, and where terms of one name have several weights. */
void run_warn_term_shares(run_state *r, int index, const double *terms);

#endif
