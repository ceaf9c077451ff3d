/* What the files of `retort show` share. */
#ifndef RETORT_SHOW_H
#define RETORT_SHOW_H

#include "compiler/commands/command.h"
#include "compiler/commands/layout.h"
#include "compiler/passes/pass.h"

typedef struct show_options {
  const char *asker; /* the command that messages speak for */
  const char *file, *stage, *of, *models, *cpu;
  contraction_code contractions;
  bool reproducible;
  layout_choice layout;
  int override_count;
  const char **overrides;
  bool spans;
  int without_count;
  const char **without;
  int precision_count;
  const char **precisions;
  precision_choice *choices;
  pass_switches switches;
} show_options;

/* Appends what is on that arrow to `to`; returns an exit status, after a message when it is not STATUS_DONE. */
typedef int show_stage(const show_options *o, arena *a, text *to);

show_stage show_tokens, show_ast; /* show_source.c */
show_stage show_typed, show_losses, show_graph, show_grad;
/* A pass by its name, with those before it on a program, alone on a graph's text (show_graph.c). */
show_stage show_pass;
/* The teacher's graph and the step that reads what it gives (show_teacher.c). */
show_stage show_teacher;
show_stage show_fuse, show_schedule;
show_stage show_kernels, show_memory, show_llvm, show_optimized, show_asm; /* show_code.c */

/* The graph that the options mean (show_graph.c): of a file of graph text, itself; else of a program. With `passes`
 * (only on a program) after all passes. NULL and *status after a message. */
struct graph *show_find_graph(const show_options *o, arena *a, bool passes, int *status);
/* Appends each contraction's sizes and the code that computes it (show_contractions.c). */
struct fusion;
int show_contractions(const show_options *o, arena *a, const struct fusion *f, text *to);
/* A message on stderr for the command that asks; returns `status`. */
int show_failed(const show_options *o, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
