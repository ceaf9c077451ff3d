/* `--without PASS`, the same for all commands that compile. */
#ifndef RETORT_WITHOUT_H
#define RETORT_WITHOUT_H

#include "compiler/passes/pass.h"

/* Switches off each of the named passes; false after a message of the command `of` about a name that is none. */
bool switch_off(const char *of, int count, const char *const *names, pass_switches *switches);

/* For help texts. */
#define WITHOUT_HELP \
  "  --without PASS     leaves out a pass (retort show --help lists them) or fusion (fuse); may be repeated\n"

#endif
