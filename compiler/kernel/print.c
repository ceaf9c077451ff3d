/* Kernels and steps as text, for people, and to find equal kernels. */
#include "compiler/kernel/kernel.h"
#include <math.h>

static void print_binary(const subscript *i, const char *sign, text *to) {
  text_add(to, "(");
  subscript_print(i->a, to);
  text_add(to, " %s ", sign);
  subscript_print(i->b, to);
  text_add(to, ")");
}

static void print_function(const subscript *i, const char *name, text *to) {
  text_add(to, "%s(", name);
  subscript_print(i->a, to);
  text_add(to, ", ");
  subscript_print(i->b, to);
  text_add(to, ")");
}

static void print_variable(int number, text *to) {
  static const char *const names[] = {[VARIABLE_BEGIN] = "begin",
                                      [VARIABLE_END] = "end",
                                      [VARIABLE_WORKER] = "worker",
                                      [VARIABLE_THREADS] = "threads",
                                      [VARIABLE_PARTS] = "parts"};
  if (number < VARIABLE_FIRST_LOOP)
    text_add(to, "%s", names[number]);
  else
    text_add(to, "i%d", number);
}

static void print_dim(const dim *d, text *to) {
  bool alone = dim_as_symbol(d) != NULL;
  text_add(to, "%s", alone ? "" : "(");
  dim_print(d, to);
  text_add(to, "%s", alone ? "" : ")");
}

void subscript_print(const subscript *i, text *to) {
  switch (i->kind) {
  case SUBSCRIPT_CONSTANT:
    text_add(to, "%lld", (long long)i->constant);
    break;
  case SUBSCRIPT_DIM:
    print_dim(i->dim, to);
    break;
  case SUBSCRIPT_SIZE:
    text_add(to, "size%d", i->number);
    break;
  case SUBSCRIPT_VARIABLE:
    print_variable(i->number, to);
    break;
  case SUBSCRIPT_ADD:
    print_binary(i, "+", to);
    break;
  case SUBSCRIPT_SUBTRACT:
    print_binary(i, "-", to);
    break;
  case SUBSCRIPT_MULTIPLY:
    print_binary(i, "*", to);
    break;
  case SUBSCRIPT_DIVIDE:
    print_binary(i, "/", to);
    break;
  case SUBSCRIPT_REMAINDER:
    print_binary(i, "%", to);
    break;
  case SUBSCRIPT_MINIMUM:
    print_function(i, "min", to);
    break;
  case SUBSCRIPT_MAXIMUM:
    print_function(i, "max", to);
    break;
  case SUBSCRIPT_VALUE:
    value_print(i->value, to);
    break;
  }
}

static void print_number(double number, text *to) {
  if (isnan(number))
    text_add(to, "nan");
  else if (isinf(number))
    text_add(to, number < 0 ? "-inf" : "inf");
  else
    text_add(to, "%.17g", number);
}

static void print_operation(const value *v, text *to) {
  if (v->op == OP_cast)
    text_add(to, "%s(", dtype_name(v->dtype));
  else
    text_add(to, "%s(", op_describe(v->op)->name);
  for (int i = 0; i < v->operand_count; i++) {
    text_add(to, "%s", i ? ", " : "");
    value_print(v->operands[i], to);
  }
  text_add(to, ")");
}

void value_print(const value *v, text *to) {
  switch (v->kind) {
  case VALUE_NUMBER:
    print_number(v->number_value, to);
    break;
  case VALUE_LOAD:
    text_add(to, "p%d[", v->buffer);
    subscript_print(v->index, to);
    text_add(to, "]");
    break;
  case VALUE_REGISTER:
    text_add(to, "r%d", v->number);
    break;
  case VALUE_OP:
    print_operation(v, to);
    break;
  case VALUE_INDEX:
    text_add(to, "%s(", dtype_name(v->dtype));
    subscript_print(v->index, to);
    text_add(to, ")");
    break;
  case VALUE_IN_RANGE:
    text_add(to, "inside(");
    subscript_print(v->index, to);
    text_add(to, ", ");
    subscript_print(v->limit, to);
    text_add(to, ")");
    break;
  case VALUE_RANDOM:
    text_add(to, "random(p%d, size%d, ", v->buffer, v->number);
    subscript_print(v->index, to);
    text_add(to, ")");
    break;
  }
}

/* ---- statements ---- */

static void print_block(const block *b, int depth, text *to);

static void print_matrix(const matrix *m, text *to) {
  text_add(to, "p%d%s[", m->buffer, m->transposed ? ".T" : "");
  subscript_print(m->offset, to);
  text_add(to, "; ");
  subscript_print(m->stride, to);
  text_add(to, "]");
}

static void print_matmul(const statement *s, text *to) {
  print_matrix(&s->matmul.c, to);
  text_add(to, " = ");
  if (s->matmul.beta != 0)
    text_add(to, "%.17g * itself + ", s->matmul.beta);
  if (s->matmul.alpha != 1)
    text_add(to, "%.17g * ", s->matmul.alpha);
  print_matrix(&s->matmul.a, to);
  text_add(to, " @ ");
  print_matrix(&s->matmul.b, to);
  text_add(to, "  m ");
  subscript_print(s->matmul.m, to);
  text_add(to, ", n ");
  subscript_print(s->matmul.n, to);
  text_add(to, ", k ");
  subscript_print(s->matmul.k, to);
}

static void print_scatter(const statement *s, text *to) {
  text_add(to, "p%d rows ", s->scatter.out);
  subscript_print(s->scatter.from, to);
  text_add(to, " .. ");
  subscript_print(s->scatter.to, to);
  text_add(to, " of ");
  subscript_print(s->scatter.width, to);
  text_add(to, " = sums of p%d by p%d, ", s->scatter.updates, s->scatter.indices);
  subscript_print(s->scatter.count, to);
}

static void print_loop(const statement *s, int depth, text *to) {
  text_add(to, "for i%d in ", s->loop.variable);
  subscript_print(s->loop.from, to);
  text_add(to, " .. ");
  subscript_print(s->loop.to, to);
  if (s->loop.step != 1)
    text_add(to, " step %lld", (long long)s->loop.step);
  text_add(to, "%s {\n", s->loop.independent ? " vector" : "");
  print_block(&s->loop.body, depth + 1, to);
  text_add(to, "%*s}", 2 * depth, "");
}

static void print_statement(const statement *s, int depth, text *to) {
  text_add(to, "%*s", 2 * depth, "");
  switch (s->kind) {
  case STATEMENT_LOOP:
    print_loop(s, depth, to);
    break;
  case STATEMENT_SET:
    text_add(to, "r%d = ", s->reg.number);
    value_print(s->reg.value, to);
    break;
  case STATEMENT_ACCUMULATE:
    text_add(to, "r%d %s= ", s->reg.number, op_describe(s->reg.op)->name);
    value_print(s->reg.value, to);
    break;
  case STATEMENT_STORE:
    text_add(to, "p%d[", s->store.buffer);
    subscript_print(s->store.index, to);
    text_add(to, "] = ");
    value_print(s->store.value, to);
    break;
  case STATEMENT_MATMUL:
    print_matmul(s, to);
    break;
  case STATEMENT_SCATTER:
    print_scatter(s, to);
    break;
  }
  text_add(to, "\n");
}

static void print_block(const block *b, int depth, text *to) {
  for (int i = 0; i < b->count; i++)
    print_statement(b->statements[i], depth, to);
}

static void print_phase(const phase *p, text *to) {
  if (p->extent) {
    text_add(to, "  parallel ");
    subscript_print(p->extent, to);
    text_add(to, " work ");
    subscript_print(p->work, to);
  } else
    text_add(to, "  serial");
  if (p->when) {
    text_add(to, " when ");
    subscript_print(p->when, to);
    text_add(to, " > 0");
  }
  text_add(to, " {\n");
  print_block(&p->body, 2, to);
  text_add(to, "  }\n");
}

void kernel_print(const kernel *k, text *to) {
  text_add(to, "(");
  for (int i = 0; i < k->buffer_count; i++)
    text_add(to, "%s%s%s p%d", i ? ", " : "", k->buffers[i].written ? "" : "const ", dtype_name(k->buffers[i].dtype),
             i);
  text_add(to, ")");
  for (int i = 0; i < k->size_count; i++)
    text_add(to, " size%d", i);
  text_add(to, " {\n");
  for (int i = 0; i < k->phase_count; i++)
    print_phase(&k->phases[i], to);
  text_add(to, "}\n");
}

/* ---- steps ---- */

static void print_buffer(const step *s, int buffer, text *to) {
  static const char *const kinds[] = {[BUFFER_WEIGHT] = "weight",
                                      [BUFFER_INPUT] = "input",
                                      [BUFFER_OUTPUT] = "output",
                                      [BUFFER_STATE] = "state",
                                      [BUFFER_WORKSPACE] = "workspace"};
  const step_buffer *b = &s->buffers[buffer];
  text_add(to, "%s%d", kinds[b->kind], b->slot);
}

static void print_call(const step *s, const step_call *c, text *to) {
  text_add(to, "  call %s(", c->kernel->name);
  for (int i = 0; i < c->kernel->buffer_count; i++) {
    text_add(to, "%s", i ? ", " : "");
    print_buffer(s, c->buffers[i], to);
  }
  for (int i = 0; i < c->kernel->size_count; i++) {
    text_add(to, ", ");
    dim_print(c->sizes[i], to);
  }
  text_add(to, ")  # %s\n", c->reason);
}

static void print_place(span where, text *to) {
  if (where.file)
    text_add(to, "# %s:%d:%d\n", where.file->path, where.line, where.column);
}

void step_print(const step *s, text *to) {
  for (int i = 0; i < s->kernel_count; i++) {
    print_place(s->kernels[i]->where, to);
    text_add(to, "kernel %s", s->kernels[i]->name);
    kernel_print(s->kernels[i], to);
  }
  text_add(to, "step %s {\n", s->name);
  for (int i = 0; i < s->call_count; i++)
    print_call(s, &s->calls[i], to);
  text_add(to, "}\n");
}

void step_print_memory(const step *s, text *to) {
  text_add(to, "memory of %s: %d buffers, %d calls\n", s->name, s->workspace_count, s->call_count);
  for (int i = 0; i < s->workspace_count; i++) {
    const step_workspace *w = &s->workspace[i];
    text_add(to, "  workspace%d: ", i);
    dim_print(w->bytes, to);
    text_add(to, " bytes%s, calls %d .. %d\n", w->per_thread ? " a thread" : "", w->first, w->last);
  }
}
