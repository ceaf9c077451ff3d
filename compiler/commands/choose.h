/* What `--of` means: the work of a program that a command is about. */
#ifndef RETORT_CHOOSE_H
#define RETORT_CHOOSE_H

#include "compiler/check/program.h"

typedef struct work_choice {
  int stage, model; /* indices; -1: not that */
  const char *function;
  const char *name; /* "distill", "student.forward"; in the program's arena or the command line */
} work_choice;

/* `of` is a stage, MODEL.function or MODEL; NULL: the last stage, else the first model. False and *status after a
 * message of the command that asks. */
bool choose_work(const char *asker, const program *p, const char *of, work_choice *choice, int *status);

/* Its largest batch: a stage's rows, and the longest sample; of a model 1 row; 128 where nothing says how
 * long. */
void work_sizes(const program *p, const work_choice *choice, int *rows, int *length);

/* Its graph; a model's function is for inference. NULL after an error. */
graph *work_graph(program *p, const work_choice *choice, graph_extent extent, diagnostics *d);

#endif
