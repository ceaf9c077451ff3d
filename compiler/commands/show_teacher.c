/* `retort show --stage=teacher`: what is cut off a step and can be kept between runs. */
#include "compiler/commands/show.h"
#include "compiler/graph/graph.h"
#include "compiler/passes/teacher.h"

enum { TOKENS = 32 }; /* of a row, for the costs; a run takes its data's mean */

int show_teacher(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const graph *g = show_find_graph(o, a, false, &status);
  if (!g)
    return status;
  teacher_cut found = teacher_cut_find(g, TOKENS);
  if (found.teacher) {
    graph_print(found.teacher, o->spans, to);
    graph_print(found.step, o->spans, to);
    const char *wrong = graph_verify(found.teacher);
    wrong = wrong ? wrong : graph_verify(found.step);
    if (wrong)
      status = show_failed(o, STATUS_INTERNAL, "a graph is wrong after the cut: %s", wrong);
  } else {
    text_add(to, "(unchanged)\n");
  }
  if (found.reason && found.at->where.file)
    text_add(to, "%s:%d:%d: computed with each batch: %s\n", found.at->where.file->path, found.at->where.line,
             found.at->where.column, found.reason);
  else if (found.reason)
    text_add(to, "%%%d: computed with each batch: %s\n", found.at->id, found.reason);
  return status;
}
