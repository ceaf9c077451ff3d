/* `--precision`, the same for all commands that compile. */
#ifndef RETORT_PRECISION_H
#define RETORT_PRECISION_H

#include "compiler/check/program.h"
#include "compiler/passes/pass.h"

/* For help texts. */
#define PRECISION_HELP                                                                                                \
  "  --precision P      bf16: contractions round their operands to bf16 and add up in float32, where the processor\n" \
  "                     can (AVX512-BF16); float32 (default); NAME=P: those of one model, or of what a stage's\n"     \
  "                     objective has of its own; may be repeated\n"

/* Reads words of --precision into `switches`; those behind override those in front. `choices` has room for `count` and
 * lives as long as the switches. False after a message of the command `of` about a word that is none. */
bool precision_read(const char *of, int count, const char *const *words, precision_choice *choices,
                    pass_switches *switches);

/* Whether every name is a model's or a stage's of p; false after a message. Where bf16 is asked for and code for `cpu`
 * (NULL: this machine's; unknown names are said elsewhere) cannot have it, says on stderr that it is not used. With
 * `interpret` it is always used. */
bool precision_check(const char *of, const program *p, const pass_switches *switches, const char *cpu, bool interpret);

#endif
