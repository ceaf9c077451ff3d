/* The C header of a product. */
#include "compiler/link/header.h"
#include "compiler/emit/emit.h"
#include <ctype.h>
#include <string.h>

static const char *c_type(dtype d) {
  switch (d) {
  case DTYPE_BOOL:
    return "uint8_t";
  case DTYPE_I32:
    return "int32_t";
  case DTYPE_I64:
    return "int64_t";
  case DTYPE_F32:
    break;
  }
  return "float";
}

static const char *upper(arena *a, const char *name) {
  char *copy = arena_print(a, "%s", emit_symbol(a, name));
  for (char *c = copy; *c; c++)
    *c = (char)toupper((unsigned char)*c);
  return copy;
}

/* «f32[B, T]» */
static void add_type(text *to, const step_tensor *t) {
  text_add(to, "%s[", dtype_name(t->dtype));
  for (int i = 0; i < t->shape.rank; i++) {
    const dim_symbol *symbol = dim_as_symbol(t->shape.dims[i]);
    text_add(to, i ? ", " : "");
    dim_print(t->shape.dims[i], to);
    if (symbol && symbol->of) {
      text_add(to, " of ");
      dim_print(symbol->of, to);
    }
  }
  text_add(to, "]");
}

/* `const int64_t dims[] = {B, T, 0};` The zero is for functions without dimensions: C has no empty arrays. */
static void add_dims(arena *a, const step *s, text *to) {
  text_add(to, "  const int64_t dims[] = {");
  for (int i = 0; i < dim_symbol_count(s->dims); i++)
    text_add(to, "%s, ", emit_symbol(a, dim_symbol_at(s->dims, i)->name));
  text_add(to, "0};\n");
}

static bool has_sums(const step *s) {
  bool found = false;
  for (int i = 0; i < dim_symbol_count(s->dims); i++)
    found = found || dim_symbol_at(s->dims, i)->sum;
  return found;
}

/* The same where inputs are at hand: what is the sum of one, as the number of tokens, is computed. */
static void add_dims_with_sums(arena *a, const step *s, const char *symbol, text *to) {
  if (!has_sums(s)) {
    add_dims(a, s, to);
    return;
  }
  text_add(to, "  int64_t dims[] = {");
  for (int i = 0; i < dim_symbol_count(s->dims); i++) {
    const dim_symbol *d = dim_symbol_at(s->dims, i);
    text_add(to, "%s, ", d->sum ? "0" : emit_symbol(a, d->name));
  }
  text_add(to, "0};\n  retort_bind_sums(&%s_signature, input_pointers, dims);\n", symbol);
}

static void add_workspace(arena *a, const step *s, const char *symbol, text *to) {
  text_add(to, "/* Bytes of workspace that %s_run needs for these dimensions.", symbol);
  for (int i = 0; i < dim_symbol_count(s->dims); i++) {
    const dim_symbol *d = dim_symbol_at(s->dims, i);
    if (d->sum)
      text_add(to, " %s is the sum of %s.", emit_symbol(a, d->name), d->sum);
  }
  text_add(to, " */\nstatic inline size_t %s_workspace(", symbol);
  for (int i = 0; i < dim_symbol_count(s->dims); i++)
    text_add(to, "int64_t %s, ", emit_symbol(a, dim_symbol_at(s->dims, i)->name));
  text_add(to, "int threads) {\n");
  add_dims(a, s, to);
  text_add(to, "  return retort_workspace_size(%s_signature.plan, dims, threads);\n}\n\n", symbol);
}

const char *header_weight_name(arena *a, const product_function *f, const char *input) {
  for (int i = 0; f->prepare && i < f->prepare->output_count; i++)
    if (!strcmp(f->prepare->outputs[i].name, input))
      return arena_print(a, "%s/%s", f->step->name, input);
  return input;
}

static int64_t offset_of(arena *a, const product *p, const product_function *f, const char *input) {
  const char *name = header_weight_name(a, f, input);
  int i = 0;
  while (strcmp(p->weights[i].name, name) != 0)
    i++;
  return p->weights[i].offset;
}

static void add_description(const step *s, const char *symbol, text *to) {
  text_add(to, "/* %s:", symbol);
  for (int i = 0; i < s->input_count; i++) {
    text_add(to, "%s %s: ", i ? "," : "", s->inputs[i].name);
    add_type(to, &s->inputs[i]);
  }
  text_add(to, " ->");
  for (int i = 0; i < s->output_count; i++) {
    text_add(to, "%s %s: ", i ? "," : "", s->outputs[i].name);
    add_type(to, &s->outputs[i]);
  }
  text_add(
      to,
      ".\n * weights: the content of the weights' file, at an address that is a multiple of 64, and behind it what\n"
      " * %s_prepare_run has computed; workspace: at such an address too.\n * threads: 1 or more. Returns 0 or a "
      "retort_status. */\n",
      symbol);
}

static void add_pointers(arena *a, const char *field, const step_tensor *tensors, int count, text *to) {
  text_add(to, "  %s[] = {", field);
  for (int i = 0; i < count; i++)
    text_add(to, "%s, ", emit_symbol(a, tensors[i].name));
  text_add(to, "0};\n");
}

static void add_weight_pointers(arena *a, const product_function *f, const step *s, const product *p, text *to) {
  text_add(to, "  static const size_t weight_offsets[] = {");
  for (int i = 0; i < s->weight_count; i++)
    text_add(to, "%s%lld,", i % 8 ? " " : "\n      ", (long long)offset_of(a, p, f, s->weights[i].name));
  text_add(to, " 0};\n  const void *weight_pointers[%d];\n", s->weight_count + 1);
  text_add(to, "  for (int i = 0; i < %d; i++)\n    weight_pointers[i] = (const char *)weights + weight_offsets[i];\n",
           s->weight_count);
}

static void add_call(const char *symbol, const char *threads, text *to) {
  text_add(to,
           "  const retort_call call = {weight_pointers, input_pointers, output_pointers, 0, dims, workspace,\n"
           "                            workspace_size, %s};\n  return %s(&call);\n}\n\n",
           threads, symbol);
}

static void add_run(arena *a, const product_function *f, const char *symbol, const product *p, text *to) {
  const step *s = f->step;
  add_description(s, symbol, to);
  text_add(to, "static inline int %s_run(\n    const void *weights", symbol);
  for (int i = 0; i < dim_symbol_count(s->dims); i++)
    if (!dim_symbol_at(s->dims, i)->sum)
      text_add(to, ", int64_t %s", emit_symbol(a, dim_symbol_at(s->dims, i)->name));
  for (int i = 0; i < s->input_count; i++)
    text_add(to, ",\n    const %s *%s", c_type(s->inputs[i].dtype), emit_symbol(a, s->inputs[i].name));
  for (int i = 0; i < s->output_count; i++)
    text_add(to, ",\n    %s *%s", c_type(s->outputs[i].dtype), emit_symbol(a, s->outputs[i].name));
  text_add(to, ",\n    void *workspace, size_t workspace_size, int threads) {\n");
  add_weight_pointers(a, f, s, p, to);
  add_pointers(a, "const void *const input_pointers", s->inputs, s->input_count, to);
  add_pointers(a, "void *const output_pointers", s->outputs, s->output_count, to);
  add_dims_with_sums(a, s, symbol, to);
  add_call(symbol, "threads", to);
}

/* A function that has nothing to prepare can be asked to as well. */
static void add_no_prepare(const char *symbol, text *to) {
  text_add(to,
           "static inline size_t %s_prepare_workspace(void) {\n  return 0;\n}\n\n"
           "/* %s needs nothing of its weights beside the file's content. */\n"
           "static inline int %s_prepare_run(void *weights, void *workspace, size_t workspace_size) {\n"
           "  (void)weights, (void)workspace, (void)workspace_size;\n  return RETORT_OK;\n}\n\n",
           symbol, symbol, symbol);
}

/* Frozen shapes are constant, so any dimensions will do; inputs are not read. */
static void add_prepare(arena *a, const product_function *f, const product *p, text *to) {
  const step *s = f->prepare;
  const char *symbol = emit_symbol(a, s->name), *of = emit_symbol(a, f->step->name);
  text_add(to, "retort_function %s;\nextern const retort_signature %s_signature;\n\n", symbol, symbol);
  text_add(to, "static const int64_t %s_dims[] = {", symbol);
  for (int i = 0; i < dim_symbol_count(s->dims); i++)
    text_add(to, "1, ");
  text_add(to,
           "0};\n\nstatic inline size_t %s_workspace(void) {\n  return retort_workspace_size(%s_signature.plan, "
           "%s_dims, 1);\n}\n\n",
           symbol, symbol, symbol);
  text_add(to,
           "/* Computes, in the memory of the weights, what %s needs of them beside the file's content: once, before "
           "its first call. */\nstatic inline int %s_run(void *weights, void *workspace, size_t workspace_size) {\n",
           of, symbol);
  add_weight_pointers(a, f, s, p, to);
  text_add(to, "  static const void *const input_pointers[%d] = {0};\n  void *const output_pointers[] = {",
           s->input_count + 1);
  for (int i = 0; i < s->output_count; i++)
    text_add(to, "\n      (char *)weights + %lld,", (long long)offset_of(a, p, f, s->outputs[i].name));
  text_add(to, " 0};\n  const int64_t *const dims = %s_dims;\n", symbol);
  add_call(symbol, "1", to);
}

void header_write(arena *a, const char *name, const char *source, int count, const product_function *functions,
                  const product *p, text *to) {
  const char *guard = upper(a, name);
  text_add(
      to,
      "/* %s, made by retort from %s. Link %s.o with libretort-core.a, -lopenblas -fopenmp -lm.\n"
      " * Functions allocate nothing and keep nothing: weights, inputs, outputs and workspace come from the caller. "
      "*/\n#ifndef %s_H\n#define %s_H\n\n#include \"retort.h\"\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
      name, source, name, guard, guard);
  text_add(to,
           "/* Bytes of the weights' memory, and of their file, whose content it begins with. */\n"
           "#define %s_WEIGHTS_SIZE ((size_t)%lld)\n#define %s_FILE_SIZE ((size_t)%lld)\n\n",
           guard, (long long)p->weights_size, guard, (long long)p->file_size);
  for (int i = 0; i < count; i++) {
    const step *s = functions[i].step;
    const char *symbol = emit_symbol(a, s->name);
    text_add(to, "extern const retort_signature %s_signature;\nretort_function %s;\n\n", symbol, symbol);
    if (functions[i].prepare)
      add_prepare(a, &functions[i], p, to);
    else
      add_no_prepare(symbol, to);
    add_workspace(a, s, symbol, to);
    add_run(a, &functions[i], symbol, p, to);
  }
  text_add(to, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
