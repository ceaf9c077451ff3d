#include "compiler/check/program.h"
#include "compiler/commands/choose.h"
#include "compiler/commands/precision.h"
#include "compiler/commands/show.h"
#include "compiler/passes/pass.h"
#include <string.h>

static bool is_graph_text(const char *path) {
  size_t length = strlen(path);
  return length > 6 && !strcmp(path + length - 6, ".graph");
}

static graph *read_graph(const show_options *o, arena *a, int *status) {
  const char *error;
  const source_file *file = source_read(a, o->file, &error);
  if (!file) {
    *status = show_failed(o, STATUS_INPUT_WRONG, "%s", error);
    return NULL;
  }
  graph *g = graph_parse(a, file->text, file->length, &error);
  if (!g)
    *status = show_failed(o, STATUS_SOURCE_WRONG, "%s: %s", o->file, error);
  return g;
}

static program *load(const show_options *o, arena *a, diagnostics *d) {
  const program_options options = {.models = o->models, .override_count = o->override_count, .overrides = o->overrides};
  return program_load(a, o->file, &options, d);
}

/* The file itself could not be read. */
static int unreadable(const diagnostics *d) {
  report_diagnostics(d);
  return STATUS_INPUT_WRONG;
}

/* With *budget, its sizes are set to those of the work. */
static graph *program_graph(const show_options *o, arena *a, graph_extent extent, memory_budget *budget, int *status) {
  diagnostics *d = diagnostics_create(a);
  program *p = load(o, a, d);
  graph *g = NULL;
  work_choice chosen;
  if (p && !diagnostics_error_count(d) && choose_work(o->asker, p, o->of, &chosen, status))
    g = work_graph(p, &chosen, extent, d);
  if (g && budget)
    work_sizes(p, &chosen, &budget->rows, &budget->length);
  int reported = p ? report_errors(d) : unreadable(d);
  if (reported != STATUS_DONE)
    *status = reported;
  if (reported == STATUS_DONE && g && !precision_check(o->asker, p, &o->switches, NULL, true)) {
    *status = STATUS_USAGE_WRONG;
    return NULL;
  }
  return reported == STATUS_DONE ? g : NULL;
}

/* The graph as it is, and how passes run on it. */
static graph *find_graph(const show_options *o, arena *a, pass_switches *switches, int *status) {
  *switches = o->switches;
  switches->budget.rows = 1;
  switches->budget.length = 128;
  switches->budget.threads = 1;
  switches->budget.result = arena_new(a, rematerialization);
  switches->budget.result->fits = true;
  return is_graph_text(o->file) ? read_graph(o, a, status)
                                : program_graph(o, a, GRAPH_JOINT, &switches->budget, status);
}

static graph *fitting(const show_options *o, graph *g, const memory_budget *budget, int *status) {
  if (budget->result->fits)
    return g;
  const double mebibyte = 1 << 20;
  *status = show_failed(o, STATUS_USAGE_WRONG,
                        "the step does not fit into %.1f MiB: of %.1f MiB, %.1f MiB remain at the least",
                        budget->bytes / mebibyte, budget->result->before / mebibyte, budget->result->after / mebibyte);
  return NULL;
}

graph *show_find_graph(const show_options *o, arena *a, bool passes_first, int *status) {
  pass_switches switches;
  graph *g = find_graph(o, a, &switches, status);
  if (!g || !passes_first || is_graph_text(o->file))
    return g;
  g = passes_run_without(g, NULL, &switches);
  return fitting(o, g, &switches.budget, status);
}

/* ---- the arrows ---- */

int show_typed(const show_options *o, arena *a, text *to) {
  diagnostics *d = diagnostics_create(a);
  program *p = load(o, a, d);
  if (p)
    program_print(p, to);
  return p ? report_diagnostics(d) : unreadable(d); /* warnings too: they are what the checker saw */
}

int show_losses(const show_options *o, arena *a, text *to) {
  diagnostics *d = diagnostics_create(a);
  program *p = load(o, a, d);
  if (!p)
    return unreadable(d);
  diagnostics *shown = diagnostics_create(a); /* what writing formulas out says again */
  if (diagnostics_error_count(d) == 0)
    program_print_losses(p, to, shown);
  return report_errors(d);
}

static int print_graph(const show_options *o, const graph *g, int status, text *to) {
  if (g)
    graph_print(g, o->spans, to);
  return status;
}

int show_graph(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const graph *g =
      is_graph_text(o->file) ? read_graph(o, a, &status) : program_graph(o, a, GRAPH_FORWARD, NULL, &status);
  return print_graph(o, g, status, to);
}

int show_grad(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const graph *g = show_find_graph(o, a, false, &status);
  return print_graph(o, g, status, to);
}

static const pass *find_pass(const char *name) {
  for (const pass *p = passes; p->name; p++)
    if (!strcmp(p->name, name))
      return p;
  return NULL;
}

int show_pass(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const pass *p = find_pass(o->stage);
  pass_switches switches;
  const graph *g = find_graph(o, a, &switches, &status);
  if (!g)
    return status;
  if (p > passes && !is_graph_text(o->file))
    g = passes_run_without(g, p[-1].name, &switches);
  text before = {0};
  graph_print(g, o->spans, &before);
  graph *result = pass_run(p, g, &switches);
  if (!fitting(o, result, &switches.budget, &status)) {
    text_free(&before);
    return status;
  }
  const char *wrong = graph_verify(result);
  graph_print(result, o->spans, to);
  if (wrong)
    status = show_failed(o, STATUS_INTERNAL, "the graph is wrong after '%s': %s", p->name, wrong);
  else if (!strcmp(before.data, to->data))
    text_free(to), text_add(to, "(unchanged)\n");
  text_free(&before);
  return status;
}
