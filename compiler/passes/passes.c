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
    {.name = "pack",
     .run = pass_pack,
     .packing = true,
     .purpose = "lays the tokens of ragged rows end to end: padding is not computed (--layout packed)",
     .place = "behind cse: each value is packed once; before freeze, which makes inputs of what it cuts off"},
    {.name = "recompute",
     .run = pass_recompute,
     .purpose = "makes what is as large as all pairs of positions again where a later part of the step reads it",
     .place = "behind cse, which would undo it, and pack, which looks at the values that readers share"},
    {.name = "precision",
     .run_asked = pass_precision,
     .purpose = "marks the contractions that round their operands to bf16 (--precision)",
     .place = "behind simplify and pack, which make contractions; before freeze, which cuts off what they read"},
    {.name = "join",
     .run = pass_join,
     .purpose = "makes one contraction of those of one value with several read-only weights",
     .place =
         "behind precision, which may differ between them; before freeze, which lays the weights side by side once"},
    {.name = "freeze",
     .run = pass_freeze,
     .purpose = "moves what depends on frozen weights alone into a graph that runs once",
     .place = "near the end: what it cuts off no longer meets its users"},
    {.name = "panels",
     .run = pass_panels,
     .tiling = true,
     .purpose = "keeps read-only weights in the order in which register tiles read them, prepared once",
     .place = "behind freeze: what was frozen is kept so too"},
    {.name = "rematerialize",
     .run_asked = pass_rematerialize,
     .purpose = "computes values once more in place of keeping them, until the step fits (--memory=SIZE)",
     .place =
         "behind all others, which would make one of what is computed twice; it plans the memory of what they leave"},
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

bool passes_switch_off(pass_switches *switches, const char *name) {
  for (int i = 0; passes[i].name; i++)
    if (strcmp(passes[i].name, name) == 0) {
      switches->without |= 1U << i;
      return true;
    }
  if (strcmp(name, "fuse") != 0)
    return false;
  switches->merge_limit = 1;
  return true;
}

graph *pass_run(const pass *p, const graph *g, const pass_switches *switches) {
  static const pass_switches nothing;
  return p->run_asked ? p->run_asked(g, switches ? switches : &nothing) : p->run(g);
}

static bool asks_for_precision(const pass_switches *s) {
  return s && (s->bf16 || s->precision_count);
}

const graph *passes_set_precision(const graph *g, const pass_switches *switches) {
  for (int i = 0; passes[i].name; i++)
    if (passes[i].run_asked == pass_precision && asks_for_precision(switches) && !(switches->without & 1U << i))
      return pass_precision(g, switches);
  return g;
}

graph *passes_run_without(const graph *g, const char *until, const pass_switches *switches) {
  graph *result = NULL;
  for (int i = 0; passes[i].name; i++) {
    bool off = switches && (switches->without & 1U << i), packed = switches && switches->packed;
    bool library = switches && switches->library;
    if (!off && (packed || !passes[i].packing) && !(library && passes[i].tiling)) {
      result = pass_run(&passes[i], result ? result : g, switches);
      verify_after(result, passes[i].name);
    }
    if (until && strcmp(passes[i].name, until) == 0)
      break;
  }
  return result ? result : graph_rewrite(g, NULL, NULL, NULL);
}

graph *passes_run(const graph *g, const char *until) {
  return passes_run_without(g, until, NULL);
}
