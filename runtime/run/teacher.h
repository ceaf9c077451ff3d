/* What a frozen teacher gives for each row of a set: computed apart from the steps that read it, and kept on disk if it
 * is worth it.
 *
 * A row is always computed at one width, its length rounded up (to a multiple of 16, at most to the set's longest row),
 * together with others of that width. So its bits do not depend on which batch asks for it, as far as the teacher's
 * function itself keeps rows apart, and steps are the same with rows that were kept and with rows that were not. */
#ifndef RETORT_TEACHER_OUTPUTS_H
#define RETORT_TEACHER_OUTPUTS_H
#include "runtime/run/binding.h"
#include "runtime/run/kept_rows.h"
#include "runtime/run/progress.h"

typedef struct teacher_outputs teacher_outputs;

/* The function's outputs are what a step reads as data of the same names: rows first. The sets, and the data, must
 * outlive it. NULL after a failure. */
teacher_outputs *teacher_create(const callable *function, int set_count, weight_set *const *sets, const dataset *data,
                                int threads, failure *f);
void teacher_free(teacher_outputs *t);

int teacher_value_count(const teacher_outputs *t);
/* How a value is kept; to be changed before teacher_open. What a step reads has gone through that form, kept or not. */
kept_value *teacher_value(teacher_outputs *t, int index);
int64_t teacher_bytes(const teacher_outputs *t); /* all that would be kept */

/* Opens what is there; *wrong: files of no use (kept_rows_open). The number of rows that are there. */
int64_t teacher_open(teacher_outputs *t, const char *folder, const kept_key *key, failure *wrong);
typedef enum {
  TEACHER_KEPT,
  TEACHER_INTERRUPTED,
  TEACHER_TOO_LARGE, /* a value that 16 bits cannot hold; *f says which */
  TEACHER_NOT_KEPT   /* it cannot be written, *f says why: steps compute what they read */
} teacher_result;
/* Computes and keeps what is missing; says how far it is every 10 seconds, for the stage of that name. */
teacher_result teacher_fill(teacher_outputs *t, progress *p, const char *stage, failure *f);
/* From here on, steps compute what they read. */
void teacher_forget(teacher_outputs *t);
kept_error teacher_error(const teacher_outputs *t);

/* Gives the step's function what it reads of these rows. */
bool teacher_feed(teacher_outputs *t, binding *step, const batch *data, failure *f);

#endif
