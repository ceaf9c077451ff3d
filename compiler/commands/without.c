#include "compiler/commands/without.h"
#include "compiler/source/diagnostic.h"
#include <stdio.h>

bool switch_off(const char *of, int count, const char *const *names, pass_switches *switches) {
  for (int i = 0; i < count; i++) {
    if (passes_switch_off(switches, names[i]))
      continue;
    enum { NAMES_MAX = 32 };
    const char *known[NAMES_MAX] = {"fuse"};
    int known_count = 1;
    for (const pass *p = passes; p->name && known_count < NAMES_MAX; p++)
      known[known_count++] = p->name;
    const char *near = nearest_name(names[i], known, known_count);
    fprintf(stderr, "retort %s: --without %s: there is no such pass", of, names[i]);
    if (near)
      fprintf(stderr, "; did you mean '%s'?\n", near);
    else {
      fprintf(stderr, "; there are");
      for (int k = 0; k < known_count; k++)
        fprintf(stderr, " %s", known[k]);
      fputc('\n', stderr);
    }
    return false;
  }
  return true;
}
