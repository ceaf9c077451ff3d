/* `retort build`: a model's functions as an object and a C header, its weights as one file. */
#include "compiler/check/program.h"
#include "compiler/commands/command.h"
#include "compiler/commands/precision.h"
#include "compiler/commands/run_state.h"
#include "compiler/commands/tune.h"
#include "compiler/link/product.h"
#include "runtime/data/file.h"
#include <stdlib.h>
#include <string.h>

static int print_help(void) {
  printf(
      "retort build - a model's functions as an object and a C header\n"
      "\n"
      "USAGE\n"
      "  retort build [options] FILE\n"
      "\n"
      "Writes NAME.o, with one function for each named function of the model, for inference; NAME.h, which declares\n"
      "them with typed arguments and the sizes that they need; and, with --weights, NAME.weights, which a program\n"
      "reads or maps into memory as it is. A program links NAME.o and libretort-core.a with -lopenblas -fopenmp -lm.\n"
      "\n"
      "OPTIONS\n"
      "  --model MODEL      which model of the experiment (default: the one that it exports)\n"
      "  -o NAME            path of what is written, without .o and .h (default: the model's name)\n"
      "  --weights PATH     a safetensors file, or a folder with model.safetensors, as retort run --out writes it\n"
      "                     (default for a model of pretrained(…): its folder)\n"
      "  --cpu CPU          code for that processor, an LLVM name (default: this one); of another architecture too,\n"
      "                     as neoverse-n1 of 64-bit ARM\n"
      "  --layout LAYOUT    of rows with lengths: padded (default), or packed, their tokens end to end\n"
      "  --contractions CODE\n"
      "                     emitted: by retort's own code; blas: by OpenBLAS; auto (default): whichever was measured\n"
      "                     to be faster here, or for another processor is by rule\n"
      "  --reproducible     a row's results do not depend, bit for bit, on the batch it comes in, on padding or on "
      "the\n"
      "                     number of threads; somewhat slower\n" PRECISION_HELP
      "  --set NAME=VALUE   replaces what the file says; may be repeated\n"
      "  --models DIR       the standard library's folder\n"
      "\n"
      "EXIT STATUS\n"
      "  0 done, 1 errors in the file, 2 wrong command line, 3 the weights cannot be used, 4 the output cannot be\n"
      "  written, 70 a fault of retort itself, 71 out of memory\n");
  return fflush(stdout) ? STATUS_OUTPUT_FAILED : STATUS_DONE;
}

typedef struct build_options {
  const char *file, *model, *output, *weights;
  compile_options compile;
  program_options program;
} build_options;

static int complain(int status, const char *message) {
  fflush(stdout);
  fprintf(stderr, "retort build: %s\n", message);
  return status;
}

/* The number of the model that is meant; -1 after a message, with *status. */
static int find_model(const build_options *o, const program *p, arena *a, int *status) {
  int count = program_model_count(p);
  if (!o->model && (program_export_count(p) == 1 || count == 1))
    return program_export_count(p) == 1 ? program_export_at(p, 0) : 0;
  text names = {0};
  for (int i = 0; i < count; i++) {
    if (o->model && !strcmp(program_model_at(p, i)->name, o->model))
      return text_free(&names), i;
    text_add(&names, " %s", program_model_at(p, i)->name);
  }
  const char *which = o->model ? arena_print(a, "there is no model '%s'", o->model) : "which model? --model NAME";
  *status = complain(STATUS_USAGE_WRONG, arena_print(a, "%s; there are:%s", which, count ? names.data : " none"));
  text_free(&names);
  return -1;
}

/* ---- weights ---- */

static bool write_weights(const product *made, const weight_set *set, const char *path, failure *f) {
  static const char zeros[64];
  output_file *file = output_file_open(path, f);
  if (!file)
    return false;
  for (int i = 0; i < made->weight_count; i++) {
    const product_weight *w = &made->weights[i];
    if (w->frozen)
      break; /* so are all that follow */
    int64_t written = w->bytes, end = (w->bytes + 63) / 64 * 64;
    output_file_write(file, weight_set_find(set, w->name)->data, (size_t)w->bytes);
    for (int64_t step = 0; written < end; written += step) {
      step = end - written < 64 ? end - written : 64;
      output_file_write(file, zeros, (size_t)step);
    }
  }
  return output_file_commit(file, f);
}

static int build_weights(const build_options *o, const program_model *m, const product *made, const char *path) {
  failure f = {0};
  char *extra = NULL;
  weight_set *set = run_make_weights(m->parameters, m->parameter_count, 0);
  int status = STATUS_DONE;
  weight_source source = {.path = o->weights};
  if (!o->weights)
    source = (weight_source){.path = m->folder, .fresh_count = m->fresh_count, .fresh = m->fresh, .config = m->config};
  if (!weight_set_read(set, &source, &extra, &f))
    status = complain(STATUS_INPUT_WRONG, f.text);
  else if (!write_weights(made, set, path, &f))
    status = complain(STATUS_OUTPUT_FAILED, f.text);
  if (extra)
    fprintf(stderr, "warning: %s holds tensors that model '%s' does not have:%s\n", source.path, m->name, extra);
  free(extra);
  failure_free(&f);
  weight_set_free(set);
  return status;
}

/* ---- the object ---- */

static int output_failed(failure *f) {
  complain(STATUS_OUTPUT_FAILED, f->text);
  failure_free(f);
  return STATUS_OUTPUT_FAILED;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int write_product(const build_options *o, arena *a, const program_model *m, const product *made) {
  const char *path = o->output ? o->output : m->name;
  failure f = {0};
  if (!file_write(arena_print(a, "%s.o", path), made->object.data, made->object.length, &f) ||
      !file_write(arena_print(a, "%s.h", path), made->header.data, made->header.length, &f))
    return output_failed(&f);
  return o->weights || m->folder ? build_weights(o, m, made, arena_print(a, "%s.weights", path)) : STATUS_DONE;
}

static int build_model(const build_options *o, arena *a, program *p, int index, diagnostics *d) {
  const program_model *m = program_model_at(p, index);
  const graph **graphs = arena_array(a, const graph *, m->function_count + 1);
  for (int i = 0; i < m->function_count; i++)
    graphs[i] = program_function_graph(p, index, m->functions[i], false, d);
  int status = report_diagnostics(d);
  if (status != STATUS_DONE)
    return status;
  product made;
  const char *name = base_name(o->output ? o->output : m->name);
  const char *wrong = product_make(a, name, o->file, m->function_count, graphs, &o->compile, &made);
  status =
      wrong ? complain(o->compile.cpu ? STATUS_USAGE_WRONG : STATUS_INTERNAL, wrong) : write_product(o, a, m, &made);
  product_free(&made);
  return status;
}

static int build(build_options *o, arena *a) {
  diagnostics *d = diagnostics_create(a);
  if (!o->program.models)
    o->program.models = models_folder(a);
  program *p = program_load(a, o->file, &o->program, d);
  if (!p || diagnostics_error_count(d))
    return report_diagnostics(d);
  int status = STATUS_DONE, index = find_model(o, p, a, &status);
  if (index >= 0 && !precision_check("build", p, &o->compile.switches, o->compile.cpu, false))
    return STATUS_USAGE_WRONG;
  return index < 0 ? status : build_model(o, a, p, index, d);
}

int command_build(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  build_options o = {0};
  const char **overrides = calloc((size_t)count, sizeof *overrides);
  const char **precisions = calloc((size_t)count, sizeof *precisions);
  precision_choice *choices = calloc((size_t)count, sizeof *choices);
  const char *layout = NULL, *contractions = NULL;
  layout_choice wanted = LAYOUT_PADDED; /* nobody knows the rows that a program will have */
  int precision_count = 0;
  if (!overrides || !precisions || !choices)
    memory_exhausted();
  o.program.overrides = overrides;
  const option options[] = {
      {.name = "--model", .value = &o.model},
      {.name = "-o", .value = &o.output},
      {.name = "--weights", .value = &o.weights},
      {.name = "--cpu", .value = &o.compile.cpu},
      {.name = "--layout", .value = &layout},
      {.name = "--contractions", .value = &contractions},
      {.name = "--precision", .list = precisions, .list_count = &precision_count},
      {.name = "--reproducible", .flag = &o.compile.reproducible},
      {.name = "--set", .list = overrides, .list_count = &o.program.override_count},
      {.name = "--models", .value = &o.program.models},
      {.name = NULL},
  };
  int status = STATUS_USAGE_WRONG;
  if (options_read(count, arguments, options, &o.file) &&
      precision_read("build", precision_count, precisions, choices, &o.compile.switches) &&
      layout_read("build", layout, &wanted) && option_contractions("build", contractions, &o.compile.contractions) &&
      option_reproducible("build", o.compile.reproducible, o.compile.contractions)) {
    arena *a = arena_create();
    o.compile.switches.packed = layout_is_packed(wanted, 0, 0);
    tune_options(a, &o.compile, true);
    status = build(&o, a);
    arena_destroy(a);
  }
  free(overrides);
  free(precisions);
  free(choices);
  return status;
}
