/* R5: operations, each with its output and the gradient of every input for a given upstream gradient. R4, R10: losses
 * with the gradients of what is learned. A row of the file is a function of ops.rt, loss_rows.rt or more_loss_rows.rt;
 * a row without one is unknown. */
#include "compiler/check/program.h"
#include "compiler/grad/differentiate.h"
#include "tests/reference/cases.h"
#include <stdlib.h>
#include <string.h>

enum { OPERANDS_MAX = 8 };

typedef struct row {
  const char *name;
  int operand_count;
  const tensor *operands[OPERANDS_MAX]; /* of the file */
  const char *gradients[OPERANDS_MAX];  /* the expected gradient's name, or NULL */
  const tensor *upstream;               /* NULL: ones */
  const char *output;                   /* the expected output's name */
} row;

typedef struct functions {
  const reference_case *c;
  const char *file, *prefix; /* of the .rt file and of its functions */
  program *program;
  tensors inputs, expected;
} functions;

static const char *type_text(arena *a, const tensor *t) {
  const char *type = arena_print(a, "%s[", dtype_name(t->dtype));
  for (int i = 0; i < t->rank; i++)
    type = arena_print(a, "%s%s%lld", type, i ? ", " : "", (long long)t->sizes[i]);
  return arena_print(a, "%s]", type);
}

/* The declared function of that row: its parameter count, or -1. */
static int parameter_count(const functions *f, const char *function) {
  const char *error = NULL;
  const source_file *source = source_read(f->c->arena, f->file, &error);
  if (!source)
    return -1;
  const file_syntax *syntax = parse_file(f->c->arena, source, diagnostics_create(f->c->arena));
  for (int i = 0; i < syntax->declaration_count; i++) {
    const declaration *d = syntax->declarations[i];
    if (d->kind == DECLARE_FUNCTION && strcmp(d->name, function) == 0)
      return d->function->parameter_count;
  }
  return -1;
}

static node *data_input(const graph *g, int index) {
  for (int i = 0, seen = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input && seen++ == index)
      return g->nodes[i];
  return NULL;
}

/* Adds the gradients as outputs gradient.I. */
static void add_gradients(const functions *f, graph *g, const row *r) {
  node *value = g->outputs[0].value, *seed = NULL;
  node *wrt[OPERANDS_MAX], *gradients[OPERANDS_MAX];
  int count = 0, operand[OPERANDS_MAX];
  for (int i = 0; i < r->operand_count; i++)
    if (r->gradients[i]) {
      wrt[count] = data_input(g, i);
      operand[count++] = i;
    }
  if (count == 0)
    return;
  if (r->upstream)
    seed = graph_input(g, INPUT_DATA, "upstream gradient", DTYPE_F32, value->shape, value->where);
  differentiate(g, value, seed, count, wrt, gradients);
  for (int i = 0; i < count; i++)
    if (gradients[i])
      graph_output_add(g, arena_print(f->c->arena, "gradient.%d", operand[i]), gradients[i]);
}

static void run_row(const functions *f, const row *r, const char *function, comparison *result) {
  arena *a = f->c->arena;
  const char *types[OPERANDS_MAX];
  for (int i = 0; i < r->operand_count; i++)
    types[i] = type_text(a, r->operands[i]);
  diagnostics *d = diagnostics_create(a);
  graph *g = program_plain_function_graph(f->program, function, r->operand_count, types, d);
  if (!g || diagnostics_error_count(d)) {
    diagnostics_print(d, stdout, false);
    comparison_fail(result, "%s: does not compile", r->name);
    return;
  }
  add_gradients(f, g, r);
  tensors values = {.arena = a}, outputs = values;
  for (int i = 0; i < r->operand_count; i++) {
    tensor t = *r->operands[i];
    const node *input = data_input(g, i);
    t.name = input ? input->attributes.input.name : "";
    arena_append(a, values.items, values.count, t);
  }
  if (r->upstream) {
    tensor t = *r->upstream;
    t.name = "upstream gradient";
    arena_append(a, values.items, values.count, t);
  }
  if (!run_graph(g, f->c->run, &values, &outputs)) {
    comparison_fail(result, "%s: does not run", r->name);
    return;
  }
  compare(result, r->output, outputs.count ? &outputs.items[0] : NULL, tensors_find(&f->expected, "%s", r->output));
  for (int i = 0; i < r->operand_count; i++)
    if (r->gradients[i])
      compare(result, r->gradients[i], tensors_find(&outputs, "gradient.%d", i),
              tensors_find(&f->expected, "%s", r->gradients[i]));
}

/* A function that takes one parameter more than the row has inputs gets a tensor of the result's shape: where the size
 * of a result is not in the inputs. */
static void check_row(const functions *f, row *r, comparison *result, int *known, const char **unknown) {
  arena *a = f->c->arena;
  char *function = arena_print(a, "%s%s", f->prefix, r->name);
  for (char *at = function; *at; at++)
    if (*at == '.')
      *at = '_';
  int parameters = parameter_count(f, function);
  if (parameters < 0) {
    *unknown = arena_print(a, "%s %s", *unknown, r->name);
    return;
  }
  if (parameters == r->operand_count + 1)
    r->operands[r->operand_count++] = tensors_find(&f->expected, "%s", r->output);
  ++*known;
  run_row(f, r, function, result);
}

static bool load(functions *f, const char *file) {
  arena *a = f->c->arena;
  f->file = arena_print(a, "%s/%s", f->c->run->folder, file);
  f->inputs.arena = f->expected.arena = a;
  program_options options = {.models = f->c->run->models};
  diagnostics *d = diagnostics_create(a);
  f->program = program_load(a, f->file, &options, d);
  if (diagnostics_error_count(d)) {
    diagnostics_print(d, stdout, false);
    return false;
  }
  return tensors_load(&f->inputs, case_file(f->c, "inputs.safetensors"), "") &&
         tensors_load(&f->expected, case_file(f->c, "expected.safetensors"), "");
}

static void print_rows(const char *path, int known, const char *unknown) {
  const char *name = strrchr(path, '/');
  printf("%s: %d rows", name ? name + 1 : path, known);
  if (*unknown)
    printf("; unknown:%s", unknown);
  putchar('\n');
}

bool case_ops(const reference_case *c, comparison *result) {
  functions f = {.c = c, .prefix = "op_"};
  const char *name, *unknown = "";
  json_t *formula;
  int known = 0;
  if (!load(&f, "ops.rt"))
    return false;
  json_object_foreach(json_object_get(c->settings, "doc"), name, formula) {
    row r = {.name = name, .output = arena_print(c->arena, "%s.out", name)};
    while (r.operand_count < OPERANDS_MAX - 1 && tensors_find(&f.inputs, "%s.%d", name, r.operand_count)) {
      int i = r.operand_count++;
      const char *gradient = arena_print(c->arena, "%s.grad.%d", name, i);
      r.operands[i] = tensors_find(&f.inputs, "%s.%d", name, i);
      r.gradients[i] = tensors_find(&f.expected, "%s", gradient) ? gradient : NULL;
    }
    r.upstream = tensors_find(&f.inputs, "%s.upstream", name);
    check_row(&f, &r, result, &known, &unknown);
  }
  print_rows(c->path, known, unknown);
  return true;
}

/* The inputs NAME.INPUT of a row, in the file's order. The name of one has no dot, so that row a.b is not row a's. */
static row find_row(const functions *f, const char *name) {
  row r = {.name = name, .output = arena_print(f->c->arena, "%s.loss", name)};
  size_t length = strlen(name);
  for (int i = 0; i < f->inputs.count && r.operand_count < OPERANDS_MAX - 1; i++) {
    const tensor *t = &f->inputs.items[i];
    if (strncmp(t->name, name, length) == 0 && t->name[length] == '.' && !strchr(t->name + length + 1, '.'))
      r.operands[r.operand_count++] = t;
  }
  return r;
}

static bool is_input(const row *r, int operand, const char *input) {
  return strcmp(r->operands[operand]->name + strlen(r->name) + 1, input) == 0;
}

bool case_losses(const reference_case *c, comparison *result) {
  functions f = {.c = c, .prefix = "loss_"};
  const char *name, *unknown = "";
  json_t *formula;
  int known = 0;
  if (!load(&f, "loss_rows.rt"))
    return false;
  json_object_foreach(json_object_get(c->settings, "formula"), name, formula) {
    row r = find_row(&f, name);
    for (int i = 0; i < r.operand_count; i++)
      if (is_input(&r, i, "student"))
        r.gradients[i] = arena_print(c->arena, "%s.grad", name);
    check_row(&f, &r, result, &known, &unknown);
  }
  print_rows(c->path, known, unknown);
  return true;
}

bool case_more_losses(const reference_case *c, comparison *result) {
  functions f = {.c = c, .prefix = "loss_"};
  const char *name, *unknown = "";
  json_t *loss, *input;
  int known = 0;
  size_t index;
  if (!load(&f, "more_loss_rows.rt"))
    return false;
  json_object_foreach(json_object_get(c->settings, "losses"), name, loss) {
    row r = find_row(&f, name);
    json_array_foreach(json_object_get(loss, "gradients"), index, input) {
      const char *wanted = json_string_value(input);
      bool found = false;
      for (int i = 0; i < r.operand_count && wanted; i++)
        if (is_input(&r, i, wanted)) {
          r.gradients[i] = arena_print(c->arena, "%s.grad.%s", name, wanted);
          found = true;
        }
      if (!found)
        comparison_fail(result, "%s: no input '%s' for a gradient", name, wanted ? wanted : "");
    }
    check_row(&f, &r, result, &known, &unknown);
  }
  print_rows(c->path, known, unknown);
  return true;
}
