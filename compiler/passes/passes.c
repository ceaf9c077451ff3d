/* The list of passes over the tensor graph: this table is their order. */
#include "compiler/passes/pass.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const pass passes[] = {
    {.name = "dce",
     .run = pass_dce,
     .purpose = "drops what no output and no update needs, as a teacher's layers that no loss reads",
     .place = "first: nobody should work on what is dropped; the later passes leave nothing dead behind"},
    {.name = "simplify",
     .run = pass_simplify,
     .purpose = "rewrites by algebra: identities, constants, views of views, sums of repeated values",
     .place = "before cse: it brings different spellings into one form"},
    {.name = "cse",
     .run = pass_cse,
     .purpose = "computes equal expressions once",
     .place = "before freeze: what two readers share is frozen once"},
    {.name = "freeze",
     .run = pass_freeze,
     .purpose = "moves what depends on frozen weights alone into a graph that runs once",
     .place = "last over the tensor graph: what it cuts off no longer meets its users"},
    {.name = NULL},
};

/* A pass that breaks the graph is a bug of ours: say which one, with the graph, and stop. */
static void verify_after(const graph *g, const char *name) {
#ifndef NDEBUG
  const char *wrong = graph_verify(g);
  if (!wrong)
    return;
  text printed = {0};
  graph_print(g, false, &printed);
  fprintf(stderr, "%s\nretort: internal error: the graph is wrong after pass '%s': %s\n", printed.data, name, wrong);
  text_free(&printed);
  abort();
#else
  (void)g, (void)name;
#endif
}

graph *passes_run(const graph *g, const char *until) {
  graph *result = NULL;
  for (const pass *p = passes; p->name; p++) {
    result = p->run(result ? result : g);
    verify_after(result, p->name);
    if (until && strcmp(p->name, until) == 0)
      break;
  }
  return result;
}
