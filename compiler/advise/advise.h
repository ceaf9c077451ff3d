/* What runs and means nothing, or something else than was meant: warnings about a program that has no errors. Each
 * check is a row of the table in advise.c, with a name by which it is switched off: on the command line, or in the
 * source by a comment `# no-warn NAME` at the end of the line, alone on the one above it, or so where the stage names
 * its objective or where that is declared. */
#ifndef RETORT_ADVISE_H
#define RETORT_ADVISE_H

#include "compiler/check/program.h"

/* Rows that commands ask for by number, since they look at what is there only when data is read or a stage runs. */
typedef enum { CHECK_EQUAL_ROWS, CHECK_TERM_SHARE, CHECK_ROWS } measured_check;

typedef struct check_switches { /* names; the later option does not matter: --warn wins */
  int off_count;
  const char *const *off; /* or "all" */
  int on_count;
  const char *const *on;
} check_switches;

/* «NAME  what it warns of», a line each, for --help. */
void checks_print(text *to);
/* NULL, or the first word that is no check's name; *nearest: the nearest one there is, or NULL. */
const char *checks_unknown(const check_switches *s, const char **nearest);

/* Warns of all that can be seen in the program alone; without an experiment, of nothing. The stages were built without
 * errors. */
void advise(const program *p, const check_switches *s, diagnostics *d);

/* A warning of a check that looks at more than the program, «MESSAGE [NAME]», for notes and hints to be attached; NULL
 * when it is switched off, by `s` or at `where`. */
diagnostic *advise_measured(measured_check which, const check_switches *s, diagnostics *d, span where,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
