/* Costs of contractions, for commands that compile. */
#ifndef RETORT_COMMANDS_TUNE_H
#define RETORT_COMMANDS_TUNE_H

#include "compiler/link/executable.h"

/* Gives the options what contractions cost on this machine, when the choice of their code is left to it: what is kept,
 * or, with `make`, what is measured now and kept. */
void tune_options(arena *a, compile_options *options, bool make);

#endif
