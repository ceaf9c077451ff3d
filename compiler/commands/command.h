/* The commands of the program, one file each, and what they share. */
#ifndef RETORT_COMMAND_H
#define RETORT_COMMAND_H

#include "compiler/emit/target.h"
#include "compiler/source/diagnostic.h"
#include "compiler/source/text.h"

#define RETORT_VERSION "0.1"

/* Exit statuses of every command; EXIT_MEMORY (71) is arena.h's. */
enum {
  STATUS_DONE = 0,
  STATUS_SOURCE_WRONG = 1, /* errors in the file */
  STATUS_USAGE_WRONG = 2,
  STATUS_INPUT_WRONG = 3,   /* a file, data or weights cannot be read or used */
  STATUS_OUTPUT_FAILED = 4, /* the output cannot be written */
  STATUS_NOT_FINITE = 5,    /* a loss is NaN or infinite */
  STATUS_INTERNAL = 70,     /* a fault of retort itself */
  STATUS_INTERRUPTED = 130  /* Ctrl-C */
};

typedef struct command {
  const char *name;
  int (*run)(int count, char **arguments); /* arguments[0] is the command's name; returns the exit status */
  const char *summary;
} command;

/* Ends with a row whose name is NULL. */
extern const command commands[];

int command_show(int count, char **arguments);
int command_check(int count, char **arguments);
int command_run(int count, char **arguments);
int command_experiment(int count, char **arguments);
int command_compare(int count, char **arguments);
int command_build(int count, char **arguments);
int command_cache(int count, char **arguments);
int command_bench(int count, char **arguments);
int command_bisect(int count, char **arguments);
int command_tune(int count, char **arguments);

/* ---- the command line ---- */

typedef struct option {
  const char *name;   /* "--models" */
  const char **value; /* gets the option's value; or NULL and */
  const char **list;  /* one more at list[(*list_count)++]; or NULL and */
  int *list_count;
  bool *flag; /* set, the option takes no value */
} option;

/* Reads `--name value`, `--name=value`, flags and one file. On a wrong word says so on stderr («retort show: …») and
 * returns false. `options` ends with a row whose name is NULL; `list` has room for `count`. */
bool options_read(int count, char **arguments, const option *options, const char **file);
/* The same with any number of files, one or more; `files` has room for `count`. */
bool options_read_files(int count, char **arguments, const option *options, const char **files, int *file_count);
/* The whole number of an option of the command `of` from least to most, into *value, which stays when word is NULL;
 * false after a message. */
bool option_number(const char *of, const char *name, const char *word, int least, int most, int *value);
/* The same for the code of contractions. */
bool option_contractions(const char *of, const char *word, contraction_code *by);
/* Whether --reproducible, if it is given, goes with the code of contractions; false after a message. */
bool option_reproducible(const char *of, bool reproducible, contraction_code by);
/* OMP_NUM_THREADS, else one a processor. */
int default_threads(void);
/* Whether `--help` or `-h` is among the words. */
bool wants_help(int count, char **arguments);

/* ---- around every command ---- */

/* The folder of the standard library: $RETORT_MODELS, else beside the program (an installation, then a build folder),
 * else where it was to be installed. */
const char *models_folder(arena *a);
/* The folder where objects and teachers' outputs are kept between runs: $RETORT_CACHE (set to nothing: none, NULL),
 * else retort in $XDG_CACHE_HOME or in ~/.cache; NULL without a home. It is made when something is kept. */
const char *cache_folder(arena *a);
/* Whether diagnostics on stderr have colour: a terminal, without NO_COLOR. */
bool wants_color(void);
/* Writes all to stdout; the status: STATUS_DONE or, after a message, STATUS_OUTPUT_FAILED. */
int write_output(const text *t);
/* Flushes stdout; the same statuses. */
int finish_output(void);
/* Prints diagnostics to stderr; STATUS_SOURCE_WRONG when there is an error, else STATUS_DONE. */
int report_diagnostics(const diagnostics *d);
/* The same, but says nothing when there are only warnings: they belong to `check`, `run` and the checker. */
int report_errors(const diagnostics *d);

#endif
