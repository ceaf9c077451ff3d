/* `--no-warn NAME`, `--warn NAME`, `--warnings-as-errors`: the same for all commands that warn. */
#ifndef RETORT_WARNINGS_H
#define RETORT_WARNINGS_H

#include "compiler/advise/advise.h"

/* False after a message of the command `of` about a name that is none. */
bool warnings_known(const char *of, const check_switches *s);

/* For help texts. */
#define WARNINGS_HELP                                                                                   \
  "  --no-warn NAME     leaves out a check, or all; may be repeated (retort check --help lists them)\n" \
  "  --warn NAME        takes it back: --no-warn all --warn exchanged\n"                                \
  "  --warnings-as-errors  ends with status 1 when there is a warning\n"

#endif
