/* `retort show`: prints what is on each arrow between source and code. */
#include "compiler/commands/show.h"
#include "compiler/commands/memory_option.h"
#include "compiler/commands/precision.h"
#include "compiler/commands/without.h"
#include "compiler/passes/pass.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct stage_row {
  const char *name;
  show_stage *show;
  const char *purpose;
} before_passes[] =
    {
        {"tokens", show_tokens, "a token a line: line:column kind text"},
        {"ast", show_ast, "the syntax tree"},
        {"typed", show_typed, "modules and functions with their types, as the checker sees them"},
        {"losses", show_losses, "each stage's losses: formula, reduction, temperature, mask, weight"},
        {"graph", show_graph, "the tensor graph of a stage's losses, or of a model's function"},
        {"grad", show_grad, "the same with gradients and updates, before all passes"},
        {"teacher", show_teacher, "what is computed once for each row and kept, and the step that reads it"},
        {.name = NULL},
},
  behind_passes[] = {
      {"fuse", show_fuse, "after all passes: groups of values that one kernel computes, what they read"},
      {"schedule", show_schedule, "the groups in order, and which states are updated in place"},
      {"kernels", show_kernels, "the groups as loop nests, and the calls of them in order"},
      {"memory", show_memory, "the step's buffers, how long they live, their sizes"},
      {"llvm", show_llvm, "LLVM's text, as it is emitted"},
      {"optimized", show_optimized, "LLVM's text after its optimizer"},
      {"asm", show_asm, "the processor's instructions"},
      {.name = NULL},
};

static const struct stage_row *find_row(const struct stage_row *rows, const char *name) {
  for (; rows->name; rows++)
    if (!strcmp(rows->name, name))
      return rows;
  return NULL;
}

static show_stage *find_stage(const char *name) {
  const struct stage_row *row = find_row(before_passes, name);
  row = row ? row : find_row(behind_passes, name);
  if (row)
    return row->show;
  for (const pass *p = passes; p->name; p++)
    if (!strcmp(p->name, name))
      return show_pass;
  return NULL;
}

int show_failed(const show_options *o, int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fprintf(stderr, "retort %s: ", o->asker);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return status;
}

static void print_rows(const struct stage_row *rows) {
  for (; rows->name; rows++)
    printf("  %-13s  %s\n", rows->name, rows->purpose);
}

static int print_help(void) {
  printf("retort show - prints what a file becomes on its way to code\n"
         "\n"
         "USAGE\n"
         "  retort show --stage=STAGE [options] FILE\n"
         "\n"
         "STAGES, in their order\n");
  print_rows(before_passes);
  for (const pass *p = passes; p->name; p++)
    printf("  %-13s  %s\n", p->name, p->purpose);
  print_rows(behind_passes);
  printf(
      "\n"
      "A pass is shown with those before it; «(unchanged)» says that it had nothing to do. FILE may also be a graph's\n"
      "text, as --stage=graph prints it, in a file that ends in .graph: then a pass is run on it alone, and kernels\n"
      "and code are made from it as it is.\n"
      "\n"
      "OPTIONS\n"
      "  --of STAGE            the experiment's stage whose graph is meant (default: the last one)\n"
      "  --of MODEL.FUNCTION   a model's function, for inference\n"
      "  --set NAME=VALUE      replaces what the file says; may be repeated\n"
      "  --layout LAYOUT       of rows with lengths: padded (default), or packed, their tokens end to end; what auto\n"
      "                        makes of it depends on data\n"
      "  --spans               with each node the place in the source that it came from\n"
      "  --cpu NAME            llvm, asm: code for that processor (an LLVM name; default: this one)\n"
      "  --contractions CODE   llvm, asm: auto, emitted or blas, as of retort run\n"
      "  --precision P         bf16, float32, NAME=P, as of retort run; may be repeated\n"
      "  --reproducible        llvm, asm: as of retort run\n"
      "  --memory SIZE         of the step at the most, as of retort run, on one thread\n"
      "  --without PASS        leaves out a pass (retort show --help lists them) or fusion (fuse); may be repeated\n"
      "  --models DIR          the standard library's folder\n"
      "\n"
      "EXIT STATUS\n"
      "  0 done, 1 errors in the file, 2 wrong command line, 3 the file cannot be read, 4 the output cannot be\n"
      "  written, 70 a fault of retort itself, 71 out of memory\n");
  return finish_output();
}

static int no_stage(const show_options *o) {
  const char *name = o->stage;
  enum { NAMES_MAX = 32 };
  const char *names[NAMES_MAX];
  int count = 0;
  for (const struct stage_row *row = before_passes; row->name && count < NAMES_MAX; row++)
    names[count++] = row->name;
  for (const pass *p = passes; p->name && count < NAMES_MAX; p++)
    names[count++] = p->name;
  for (const struct stage_row *row = behind_passes; row->name && count < NAMES_MAX; row++)
    names[count++] = row->name;
  const char *near = name ? nearest_name(name, names, count) : NULL;
  if (near)
    return show_failed(o, STATUS_USAGE_WRONG, "there is no stage '%s'; did you mean '%s'?", name, near);
  return name ? show_failed(o, STATUS_USAGE_WRONG, "there is no stage '%s'; retort show --help lists them", name)
              : show_failed(o, STATUS_USAGE_WRONG, "which stage? --stage=NAME; retort show --help lists them");
}

static int show(const show_options *given, arena *a) {
  show_options o = *given;
  if (!o.models)
    o.models = models_folder(a);
  if (!switch_off("show", o.without_count, o.without, &o.switches))
    return STATUS_USAGE_WRONG;
  o.switches.library = o.contractions == CONTRACTIONS_LIBRARY; /* where there is code, its target decides */
  o.switches.packed = layout_is_packed(o.layout, 0, 0);
  show_stage *stage = o.stage ? find_stage(o.stage) : NULL;
  if (!stage)
    return no_stage(&o);
  text t = {0};
  int status = stage(&o, a, &t);
  int written = write_output(&t);
  text_free(&t);
  return status == STATUS_DONE ? written : status;
}

int command_show(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  show_options o = {.asker = "show"};
  const char *layout = NULL;
  o.overrides = calloc((size_t)count, sizeof *o.overrides);
  o.without = calloc((size_t)count, sizeof *o.without);
  o.precisions = calloc((size_t)count, sizeof *o.precisions);
  o.choices = calloc((size_t)count, sizeof *o.choices);
  if (!o.overrides || !o.without || !o.precisions || !o.choices)
    memory_exhausted();
  const char *contractions = NULL, *memory = NULL;
  const option options[] = {
      {.name = "--stage", .value = &o.stage},
      {.name = "--of", .value = &o.of},
      {.name = "--set", .list = o.overrides, .list_count = &o.override_count},
      {.name = "--precision", .list = o.precisions, .list_count = &o.precision_count},
      {.name = "--without", .list = o.without, .list_count = &o.without_count},
      {.name = "--models", .value = &o.models},
      {.name = "--cpu", .value = &o.cpu},
      {.name = "--layout", .value = &layout},
      {.name = "--contractions", .value = &contractions},
      {.name = "--reproducible", .flag = &o.reproducible},
      {.name = "--memory", .value = &memory},
      {.name = "--spans", .flag = &o.spans},
      {.name = NULL},
  };
  int status = STATUS_USAGE_WRONG;
  if (options_read(count, arguments, options, &o.file) && layout_read("show", layout, &o.layout) &&
      memory_read("show", memory, &o.switches.budget.bytes) &&
      option_contractions("show", contractions, &o.contractions) &&
      option_reproducible("show", o.reproducible, o.contractions) &&
      precision_read("show", o.precision_count, o.precisions, o.choices, &o.switches)) {
    arena *a = arena_create();
    status = show(&o, a);
    arena_destroy(a);
  }
  free(o.overrides);
  free(o.without);
  free(o.precisions);
  free(o.choices);
  return status;
}
