/* `retort bisect`: which pass or fusion makes compiled code differ from the reference interpreter. */
#include "compiler/link/bisect.h"
#include "compiler/commands/choose.h"
#include "compiler/commands/command.h"
#include "compiler/commands/show.h"
#include "compiler/link/random_call.h"
#include "compiler/passes/fusion.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int print_help(void) {
  printf(
      "retort bisect - finds the pass or fusion that makes a result wrong\n"
      "\n"
      "USAGE\n"
      "  retort bisect [options] FILE\n"
      "\n"
      "Runs a stage's step, or a model's function, on random data: compiled, and by the reference interpreter. When\n"
      "the results differ, passes and fusions are switched off until they agree, and the one at fault is named; of\n"
      "fusion, which two values it should not have put into one kernel. FILE may also be a graph's text, as\n"
      "retort show --stage=grad prints it, in a file that ends in .graph.\n"
      "\n"
      "OPTIONS\n"
      "  --of STAGE            the experiment's stage that is meant (default: the last one)\n"
      "  --of MODEL.FUNCTION   a model's function, for inference\n"
      "  --rows N              of the batch (default 3)\n"
      "  --length N            of every row (default 7)\n"
      "  --layout LAYOUT       of rows with lengths: padded (default), or packed\n"
      "  --threads N           threads (default: one a processor)\n"
      "  --seed N              of the data (default 1)\n"
      "  --set NAME=VALUE      replaces what the file says; may be repeated\n"
      "  --cpu NAME            code for that processor (an LLVM name; default: this one)\n"
      "  --models DIR          the standard library's folder\n"
      "\n"
      "EXIT STATUS\n"
      "  0 compiled code and interpreter agree, 1 errors in the file, 2 wrong command line, 3 the file cannot be\n"
      "  read, 4 the output cannot be written, 70 a fault of retort itself: they differ, 71 out of memory\n");
  return finish_output();
}

typedef struct bisect_options {
  show_options graph; /* which */
  random_sizes sizes;
} bisect_options;

typedef struct comparison {
  const graph *graph;
  const bisect_options *options;
  executable *interpreter;
  random_call *expected;
  const char *failure; /* it could not be compiled */
} comparison;

/* Of the largest number of a tensor. Float32 sums in another order differ by less. */
static const double TOLERANCE = 1e-3, SMALL = 1e-3;

/* ---- comparing ---- */

static double element(const retort_tensor *t, const void *data, int64_t i) {
  switch ((retort_dtype)t->dtype) {
  case RETORT_BOOL:
    return ((const char *)data)[i] != 0;
  case RETORT_I32:
    return ((const int32_t *)data)[i];
  case RETORT_I64:
    return (double)((const int64_t *)data)[i];
  case RETORT_F32:
    break;
  }
  return (double)((const float *)data)[i];
}

/* How far apart, in units of the largest expected number or, where all are small, of SMALL: they may be what is left of
 * a difference. Infinite where one is no number. */
static double distance(const retort_tensor *t, int64_t count, const void *found, const void *expected) {
  double largest = SMALL, furthest = 0;
  for (int64_t i = 0; i < count; i++)
    if (isfinite(element(t, expected, i)))
      largest = fmax(largest, fabs(element(t, expected, i)));
  for (int64_t i = 0; i < count; i++) {
    double x = element(t, found, i), y = element(t, expected, i);
    if (x == y || (isnan(x) && isnan(y)))
      continue;
    furthest = isfinite(x) && isfinite(y) ? fmax(furthest, fabs(x - y)) : INFINITY;
  }
  return furthest / largest;
}

static int find_tensor(const retort_tensor *list, int count, const char *name) {
  int i = 0;
  while (i < count && strcmp(list[i].name, name) != 0)
    i++;
  return i;
}

/* The tensor that is furthest from what the interpreter says, of one kind. */
static double furthest(const random_call *found, const retort_tensor *list, int count, void *const *data,
                       const retort_tensor *of, int of_count, void *const *expected, const char **name) {
  double most = 0;
  for (int i = 0; i < count; i++) {
    int other = find_tensor(of, of_count, list[i].name);
    double apart = other < of_count
                       ? distance(&list[i], random_call_elements(found, &list[i]), data[i], expected[other])
                       : INFINITY;
    if (apart > most) {
      most = apart;
      *name = list[i].name;
    }
  }
  return most;
}

static void print_switches(const pass_switches *s) {
  printf("without");
  for (int i = 0; passes[i].name; i++)
    if (s->without & 1U << i)
      printf(" %s", passes[i].name);
  if (s->merge_limit == 1)
    printf(" fuse");
  else if (s->merge_limit)
    printf(" merges after the %d first", s->merge_limit - 1);
  else if (!s->without)
    printf(" nothing");
}

static bool results_agree(const comparison *c, const random_call *found) {
  const retort_signature *own = found->signature, *reference = c->expected->signature;
  const char *name = NULL, *state = NULL;
  double apart = furthest(found, own->outputs, own->output_count, found->call.outputs, reference->outputs,
                          reference->output_count, c->expected->call.outputs, &name);
  double states_apart = furthest(found, own->states, own->state_count, found->call.states, reference->states,
                                 reference->state_count, c->expected->call.states, &state);
  if (states_apart > apart) {
    apart = states_apart;
    name = state;
  }
  if (apart <= TOLERANCE)
    printf(": agrees\n");
  else
    printf(": '%s' differs, by %.2g of its largest number\n", name, apart);
  return apart <= TOLERANCE;
}

static bool compiled_agrees(void *context, const pass_switches *switches) {
  comparison *c = context;
  const compile_options how = {.cpu = c->options->graph.cpu, .switches = *switches};
  print_switches(switches);
  const char *error = NULL;
  executable *e = executable_create(c->graph, &how, &error);
  if (!e) {
    printf(": cannot be compiled: %s\n", error);
    c->failure = error;
    return false;
  }
  random_call *r = random_call_create(e, c->graph, &c->options->sizes, &error);
  if (!r) { /* the interpreter's was made: a pass has made conditions of its own */
    printf(": %s\n", error);
    executable_destroy(e);
    return false;
  }
  int status = executable_call(e, &r->call);
  bool agree = false;
  if (status)
    printf(": ends with status %d\n", status);
  else
    agree = results_agree(c, r);
  random_call_destroy(r);
  executable_destroy(e);
  return agree;
}

/* ---- what is said in the end ---- */

static void print_root(const root *r) {
  const node *n = r->node;
  printf("  '%s'", n->name ? n->name : op_describe(n->op)->name);
  if (n->where.file)
    printf(", %s:%d:%d", n->where.file->path, n->where.line, n->where.column);
  printf("\n");
}

static int report(const comparison *c, const bisect_result *r) {
  switch (r->outcome) {
  case BISECT_RIGHT:
    printf("compiled code and the interpreter agree\n");
    return finish_output();
  case BISECT_ELSEWHERE:
    printf("the fault is in no pass and no fusion: in gradients, kernels, the emitter, or the interpreter\n");
    break;
  case BISECT_TOGETHER:
    printf("the first at fault, of more than one, is '%s'\n", r->name);
    break;
  case BISECT_ONE:
    printf("the fault is in '%s'\n", r->name);
    break;
  }
  if (r->merge) {
    pass_switches wrong = r->right;
    wrong.merge_limit = r->merge + 1;
    const graph *g = passes_run_without(c->graph, NULL, &wrong);
    const fusion *f = fusion_create_limited(g, wrong.merge_limit);
    printf("merge %d makes the result wrong: it puts into one kernel\n", r->merge);
    for (int i = 0; i < 2 && f->last_merge[i]; i++)
      print_root(f->last_merge[i]);
  }
  finish_output();
  return STATUS_INTERNAL;
}

static int bisect(bisect_options *o, arena *a) {
  if (!o->graph.models)
    o->graph.models = models_folder(a);
  int status = STATUS_DONE;
  const char *error = NULL;
  comparison c = {.options = o, .graph = show_find_graph(&o->graph, a, false, &status)};
  if (!c.graph)
    return status;
  c.interpreter = executable_create(c.graph, &(compile_options){.interpret = true}, &error);
  c.expected = random_call_create(c.interpreter, c.graph, &o->sizes, &error);
  if (!c.expected) {
    fprintf(stderr, "retort bisect: %s\n", error);
    executable_destroy(c.interpreter);
    return STATUS_USAGE_WRONG;
  }
  status = executable_call(c.interpreter, &c.expected->call);
  if (status == RETORT_OK) {
    int merges = fusion_create(passes_run_without(c.graph, NULL, &o->graph.switches))->merge_count;
    bisect_result found = bisect_search(compiled_agrees, &c, &o->graph.switches, merges);
    status = report(&c, &found);
  } else {
    fprintf(stderr, "retort bisect: the interpreter ends with status %d\n", status);
    status = STATUS_INTERNAL;
  }
  random_call_destroy(c.expected);
  executable_destroy(c.interpreter);
  return status;
}

int command_bisect(int count, char **arguments) {
  if (wants_help(count, arguments))
    return print_help();
  bisect_options o = {.graph = {.asker = "bisect"},
                      .sizes = {.rows = 3, .length = 7, .threads = default_threads(), .seed = 1}};
  const char *threads = NULL, *rows = NULL, *length = NULL, *seed = NULL, *layout = NULL;
  int seed_number = 1;
  o.graph.overrides = calloc((size_t)count, sizeof *o.graph.overrides);
  if (!o.graph.overrides)
    memory_exhausted();
  const option options[] = {
      {.name = "--of", .value = &o.graph.of},
      {.name = "--rows", .value = &rows},
      {.name = "--length", .value = &length},
      {.name = "--threads", .value = &threads},
      {.name = "--seed", .value = &seed},
      {.name = "--set", .list = o.graph.overrides, .list_count = &o.graph.override_count},
      {.name = "--layout", .value = &layout},
      {.name = "--cpu", .value = &o.graph.cpu},
      {.name = "--models", .value = &o.graph.models},
      {.name = NULL},
  };
  int status = STATUS_USAGE_WRONG;
  if (options_read(count, arguments, options, &o.graph.file) && layout_read("bisect", layout, &o.graph.layout) &&
      option_number("bisect", "--rows", rows, 1, 1 << 20, &o.sizes.rows) &&
      option_number("bisect", "--length", length, 1, 1 << 20, &o.sizes.length) &&
      option_number("bisect", "--threads", threads, 1, 1024, &o.sizes.threads) &&
      option_number("bisect", "--seed", seed, 0, INT32_MAX, &seed_number)) {
    arena *a = arena_create();
    o.graph.switches.packed = layout_is_packed(o.graph.layout, o.sizes.rows, 0); /* rows are equally long */
    o.sizes.seed = (uint64_t)seed_number;
    status = bisect(&o, a);
    arena_destroy(a);
  }
  free(o.graph.overrides);
  return status;
}
