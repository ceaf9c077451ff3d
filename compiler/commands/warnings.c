#include "compiler/commands/warnings.h"
#include <stdio.h>

bool warnings_known(const char *of, const check_switches *s) {
  const char *nearest = NULL, *unknown = checks_unknown(s, &nearest);
  if (!unknown)
    return true;
  fprintf(stderr, "retort %s: there is no check '%s'", of, unknown);
  if (nearest)
    fprintf(stderr, "; did you mean '%s'?\n", nearest);
  else
    fputs("; retort check --help lists them\n", stderr);
  return false;
}
