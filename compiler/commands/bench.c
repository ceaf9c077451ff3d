/* `retort bench`: where the time of a step goes. */
#include "compiler/commands/choose.h"
#include "compiler/commands/command.h"
#include "compiler/commands/layout.h"
#include "compiler/commands/memory_option.h"
#include "compiler/commands/precision.h"
#include "compiler/commands/profile.h"
#include "compiler/commands/run_state.h"
#include "compiler/commands/tune.h"
#include "compiler/commands/units.h"
#include "compiler/commands/without.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int print_help(void) {
  printf(
      "retort bench - times a step kernel by kernel\n"
      "\n"
      "USAGE\n"
      "  retort bench [options] FILE\n"
      "\n"
      "Runs a stage's step, or a model's function, on random data: whole, and kernel by kernel. For each kernel, in\n"
      "the order of the step: its time (a median) and share of all; its operations and the bytes that it must read\n"
      "and write, each once; its floor; time over floor; the line of the source that it begins with, and what it\n"
      "computes. The floor is the longer of operations at the rate of large contractions, float32 or bf16 as the "
      "kernel\n"
      "has them, and bytes at the rate of copying through as much memory as the step uses; the rates are measured in\n"
      "the same run, that of float32 with the faster of emitted code and OpenBLAS. A kernel whose data is still in a\n"
      "cache can be faster than its floor.\n"
      "The line `memory` says what the process was planned to take at the most, before the first step, and what it\n"
      "took: weights, trained weights and the optimizer's state, batch and outputs, workspace with the scratch of\n"
      "every thread, and the program with its libraries and code.\n"
      "\n"
      "OPTIONS\n"
      "  --of STAGE            the experiment's stage that is meant (default: the last one)\n"
      "  --of MODEL.FUNCTION   a model's function, for inference\n"
      "  --rows N              of the batch (default: the stage's; of a model 1)\n"
      "  --length N            of every row (default: the longest that the data can have, else 128)\n"
      "  --mean N              of rows with lengths: random ones up to the longest, with about this mean\n"
      "  --layout LAYOUT       of rows with lengths: padded; packed, their tokens end to end; or auto (default): "
      "packed\n"
      "                        when --mean says that they differ and more than 5 %% would be padding\n"
      "  --threads N           threads (default: one a processor)\n"
      "  --runs N              medians of so many runs (default 21)\n"
      "  --memory SIZE         of the step (weights, state, batch, workspace) at the most: values are computed once "
      "more\n"
      "                        in place of being kept until it fits (512MiB, 1.5GiB)\n"
      "  --json                everything as JSON\n"
      "  --set NAME=VALUE      replaces what the file says; may be repeated\n"
      "  --cpu NAME            code for that processor (an LLVM name; default: this one)\n"
      "  --precision P         bf16, float32, NAME=P, as of retort run; may be repeated\n"
      "  --contractions CODE   auto, emitted or blas, as of retort run\n"
      "  --reproducible        as of retort run\n"
      "  --without PASS        leaves out a pass (retort show --help lists them) or fusion (fuse); may be repeated\n"
      "  --models DIR          the standard library's folder\n"
      "\n"
      "EXIT STATUS\n"
      "  0 done, 1 errors in the file, 2 wrong command line, 3 the file cannot be read, 4 the output cannot be\n"
      "  written, 70 a fault of retort itself, 71 out of memory\n");
  return finish_output();
}

typedef struct bench_options {
  const char *file, *of;
  bool json;
  layout_choice layout;
  int without_count;
  const char **without;
  int precision_count;
  const char **precisions;
  precision_choice *choices;
  profile_options profile; /* rows and length are 0 where the command line does not say them */
  program_options program;
  rematerialization recomputed;
} bench_options;

/* ---- the table ---- */

/* Every unit is written once, at the head of its column. */
static void print_row(const profile *p, const profile_row *r, text *to) {
  char where[64] = "";
  if (r->where.file) {
    const char *slash = strrchr(r->where.file->path, '/');
    snprintf(where, sizeof where, "%s:%d:%d", slash ? slash + 1 : r->where.file->path, r->where.line, r->where.column);
  }
  text_add(to, "%10.4f %6.1f%% %10.3f %9.3f %10.4f ", r->seconds * 1e3, 100 * r->seconds / p->sum, r->operations * 1e-6,
           r->bytes / (1024 * 1024), r->floor * 1e3);
  if (r->floor > 0)
    text_add(to, "%7.1f", r->seconds / r->floor);
  else
    text_add(to, "%7s", "-");
  text_add(to, "  %-22s %s\n", where, r->what);
}

/* What was planned, part by part, beside what the process took. */
static void print_memory(const bench_options *o, arena *a, const profile *p, text *to) {
  const memory_use *m = &p->planned;
  text_add(to, "memory: weights %s, state %s, batch %s, workspace %s, program %s: %s planned",
           bytes_text(a, m->weights), bytes_text(a, m->states), bytes_text(a, m->batch), bytes_text(a, m->workspace),
           bytes_text(a, m->program), bytes_text(a, m->peak));
  if (p->peak > 0)
    text_add(to, ", %s measured", bytes_text(a, p->peak));
  text_add(to, "\n");
  memory_describe(a, &o->recomputed, to);
}

static void print_table(const bench_options *o, arena *a, const char *name, const profile *p, text *to) {
  double floor = 0;
  for (int i = 0; i < p->row_count; i++)
    floor += p->rows[i].floor;
  text_add(to, "%s: %d row%s of %d%s, %d thread%s: %.4f ms a step (median of %d), floor %.4f ms\n", name,
           o->profile.rows, o->profile.rows == 1 ? "" : "s", o->profile.length,
           o->profile.compile.switches.packed ? ", packed" : "", o->profile.threads, o->profile.threads == 1 ? "" : "s",
           p->step * 1e3, p->runs, floor * 1e3);
  print_memory(o, a, p, to);
  text_add(to, "measured beside it: contractions %.1f Gflop/s", p->rates.operations * 1e-9);
  if (p->rates.bf16 > 0)
    text_add(to, ", in bf16 %.1f", p->rates.bf16 * 1e-9);
  text_add(to, "; memory %.1f GB/s, through %.1f MiB\n\n", p->rates.bandwidth * 1e-9, p->memory / (1024 * 1024));
  text_add(to, "%10s %7s %10s %9s %10s %7s  %-22s %s\n", "ms", "share", "Mflop", "MiB", "floor ms", "x floor", "where",
           "what");
  for (int i = 0; i < p->row_count; i++)
    print_row(p, &p->rows[i], to);
  text_add(to, "%10.4f %6.1f%%%50s  finding the buffers\n", p->placing * 1e3, 100 * p->placing / p->sum, "");
  text_add(to, "%10.4f together, %.1f%% of the step measured as a whole\n", p->sum * 1e3, 100 * p->sum / p->step);
}

static json_t *row_to_json(const profile_row *r) {
  return json_pack("{s:s, s:s, s:o, s:i, s:i, s:f, s:f, s:f, s:f}", "kernel", r->kernel, "what", r->what, "file",
                   run_text_json(r->where.file ? r->where.file->path : ""), "line", r->where.line, "column",
                   r->where.column, "ms", r->seconds * 1e3, "flops", r->operations, "bytes", r->bytes, "floor_ms",
                   r->floor * 1e3);
}

static json_t *memory_to_json(const profile *p) {
  const memory_use *m = &p->planned;
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "weights", m->weights, "state", m->states, "batch", m->batch,
                   "workspace", m->workspace, "program", m->program, "planned", m->peak, "measured", p->peak);
}

static void print_json(const bench_options *o, arena *a, const char *name, const profile *p, text *to) {
  (void)a;
  json_t *rows = json_array();
  for (int i = 0; i < p->row_count; i++)
    json_array_append_new(rows, row_to_json(&p->rows[i]));
  json_t *all = json_pack("{s:s, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "work", name, "rows",
                          o->profile.rows, "length", o->profile.length, "threads", o->profile.threads, "runs", p->runs,
                          "step_ms", p->step * 1e3, "kernels_ms", p->sum * 1e3, "placing_ms", p->placing * 1e3,
                          "flops_per_second", p->rates.operations, "bf16_flops_per_second", p->rates.bf16,
                          "bytes_per_second", p->rates.bandwidth, "memory", memory_to_json(p), "kernels", rows);
  char *printed = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
  if (!printed)
    memory_exhausted();
  text_add(to, "%s\n", printed);
  free(printed);
  json_decref(all);
}

/* ---- */

static void complete_sizes(bench_options *o, const program *p, const work_choice *chosen) {
  int rows, length;
  work_sizes(p, chosen, &rows, &length);
  if (!o->profile.rows)
    o->profile.rows = rows;
  if (!o->profile.length)
    o->profile.length = length;
  memory_budget *budget = &o->profile.compile.switches.budget;
  budget->rows = o->profile.rows;
  budget->length = o->profile.length;
  budget->threads = o->profile.threads;
  budget->result = &o->recomputed;
}

static int bench(bench_options *o, arena *a) {
  if (!switch_off("bench", o->without_count, o->without, &o->profile.compile.switches))
    return STATUS_USAGE_WRONG;
  diagnostics *d = diagnostics_create(a);
  program *p = program_load(a, o->file, &o->program, d);
  work_choice chosen = {.stage = -1, .model = -1};
  graph *g = NULL;
  int status = STATUS_DONE;
  if (p && !diagnostics_error_count(d) && choose_work("bench", p, o->of, &chosen, &status))
    g = work_graph(p, &chosen, GRAPH_JOINT, d);
  int reported = report_errors(d);
  if (reported != STATUS_DONE)
    return p ? reported : STATUS_INPUT_WRONG;
  const compile_options *how = &o->profile.compile;
  if (g && !precision_check("bench", p, &how->switches, how->cpu, false))
    return STATUS_USAGE_WRONG;
  if (!g)
    return status;
  complete_sizes(o, p, &chosen);
  const profile_options *sizes = &o->profile;
  double padding = sizes->mean ? 1 - sizes->mean / (double)sizes->length : 0;
  o->profile.compile.switches.packed = layout_is_packed(o->layout, sizes->rows, padding);
  tune_options(a, &o->profile.compile, true);
  const char *error = NULL;
  bool unfit = false;
  profile *measured = profile_graph(g, &o->profile, &error, &unfit);
  if (!measured) {
    fprintf(stderr, "retort bench: %s\n", error);
    return unfit || !o->recomputed.fits || o->profile.compile.cpu ? STATUS_USAGE_WRONG : STATUS_INTERNAL;
  }
  text t = {0};
  (o->json ? print_json : print_table)(o, a, chosen.name, measured, &t);
  status = write_output(&t);
  text_free(&t);
  return status;
}

int command_bench(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  bench_options o = {.profile = {.threads = default_threads(), .runs = 21}};
  const char *threads = NULL, *rows = NULL, *length = NULL, *runs = NULL, *mean = NULL, *layout = NULL,
             *contractions = NULL, *memory = NULL;
  const char **overrides = calloc((size_t)count, sizeof *overrides);
  o.without = calloc((size_t)count, sizeof *o.without);
  o.precisions = calloc((size_t)count, sizeof *o.precisions);
  o.choices = calloc((size_t)count, sizeof *o.choices);
  if (!overrides || !o.without || !o.precisions || !o.choices)
    memory_exhausted();
  o.program.overrides = overrides;
  const option options[] = {
      {.name = "--of", .value = &o.of},
      {.name = "--rows", .value = &rows},
      {.name = "--length", .value = &length},
      {.name = "--mean", .value = &mean},
      {.name = "--layout", .value = &layout},
      {.name = "--threads", .value = &threads},
      {.name = "--runs", .value = &runs},
      {.name = "--memory", .value = &memory},
      {.name = "--json", .flag = &o.json},
      {.name = "--set", .list = overrides, .list_count = &o.program.override_count},
      {.name = "--cpu", .value = &o.profile.compile.cpu},
      {.name = "--contractions", .value = &contractions},
      {.name = "--precision", .list = o.precisions, .list_count = &o.precision_count},
      {.name = "--reproducible", .flag = &o.profile.compile.reproducible},
      {.name = "--without", .list = o.without, .list_count = &o.without_count},
      {.name = "--models", .value = &o.program.models},
      {.name = NULL},
  };
  int status = STATUS_USAGE_WRONG;
  if (options_read(count, arguments, options, &o.file) &&
      option_number("bench", "--rows", rows, 1, 1 << 20, &o.profile.rows) &&
      option_number("bench", "--length", length, 1, 1 << 20, &o.profile.length) &&
      option_number("bench", "--mean", mean, 1, 1 << 20, &o.profile.mean) &&
      precision_read("bench", o.precision_count, o.precisions, o.choices, &o.profile.compile.switches) &&
      layout_read("bench", layout, &o.layout) &&
      option_number("bench", "--threads", threads, 1, 1024, &o.profile.threads) &&
      option_number("bench", "--runs", runs, 1, 100000, &o.profile.runs) &&
      memory_read("bench", memory, &o.profile.compile.switches.budget.bytes) &&
      option_contractions("bench", contractions, &o.profile.compile.contractions) &&
      option_reproducible("bench", o.profile.compile.reproducible, o.profile.compile.contractions)) {
    arena *a = arena_create();
    if (!o.program.models)
      o.program.models = models_folder(a);
    status = bench(&o, a);
    arena_destroy(a);
  }
  free(overrides);
  free(o.without);
  free(o.precisions);
  free(o.choices);
  return status;
}
