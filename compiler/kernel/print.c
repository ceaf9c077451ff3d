/* Kernels and steps as text, for people, and to find equal kernels. */
#include "compiler/kernel/print.h"

/* ---- statements ---- */

static void print_block(printer *p, const block *b, int depth);

static void print_matrix(printer *p, const matrix *m) {
  static const char *const forms[] = {[MATRIX_ROWS] = "", [MATRIX_TRANSPOSED] = ".T", [MATRIX_PANELS] = ".panels"};
  text_add(p->to, "p%d%s[", m->buffer, forms[m->form]);
  print_subscript(p, m->offset);
  text_add(p->to, "; ");
  print_subscript(p, m->stride);
  text_add(p->to, "]");
}

static void print_matmul(printer *p, const statement *s) {
  print_matrix(p, &s->matmul.c);
  text_add(p->to, " = ");
  if (s->matmul.beta != 0) {
    print_number(p, s->matmul.beta);
    text_add(p->to, " * itself + ");
  }
  if (s->matmul.alpha != 1) {
    print_number(p, s->matmul.alpha);
    text_add(p->to, " * ");
  }
  print_matrix(p, &s->matmul.a);
  text_add(p->to, " @ ");
  print_matrix(p, &s->matmul.b);
  text_add(p->to, "  m ");
  print_subscript(p, s->matmul.m);
  text_add(p->to, ", n ");
  print_subscript(p, s->matmul.n);
  text_add(p->to, ", k ");
  print_subscript(p, s->matmul.k);
  if (s->matmul.bf16)
    text_add(p->to, ", bf16");
}

static void print_when(printer *p, const statement *s, int depth) {
  text_add(p->to, "when ");
  print_subscript(p, s->when.from);
  text_add(p->to, " <= ");
  print_subscript(p, s->when.index);
  text_add(p->to, " < ");
  print_subscript(p, s->when.to);
  text_add(p->to, " {\n");
  print_block(p, &s->when.body, depth + 1);
  text_add(p->to, "%*s}", 2 * depth, "");
}

static void print_loop(printer *p, const statement *s, int depth) {
  text_add(p->to, "for i%d in ", s->loop.variable);
  print_subscript(p, s->loop.from);
  text_add(p->to, " .. ");
  print_subscript(p, s->loop.to);
  if (s->loop.step != 1)
    text_add(p->to, " step %lld", (long long)s->loop.step);
  text_add(p->to, "%s {\n", s->loop.independent ? " vector" : "");
  print_block(p, &s->loop.body, depth + 1);
  text_add(p->to, "%*s}", 2 * depth, "");
}

static void print_statement(printer *p, const statement *s, int depth) {
  text_add(p->to, "%*s", 2 * depth, "");
  switch (s->kind) {
  case STATEMENT_LOOP:
    print_loop(p, s, depth);
    break;
  case STATEMENT_SET:
    text_add(p->to, "r%d = ", s->reg.number);
    print_value(p, s->reg.value);
    break;
  case STATEMENT_ACCUMULATE:
    text_add(p->to, "r%d %s= ", s->reg.number, operation_sign(s->reg.op));
    print_value(p, s->reg.value);
    break;
  case STATEMENT_STORE:
    text_add(p->to, "p%d[", s->store.buffer);
    print_subscript(p, s->store.index);
    text_add(p->to, "] = ");
    print_value(p, s->store.value);
    break;
  case STATEMENT_MATMUL:
    print_matmul(p, s);
    break;
  case STATEMENT_WHEN:
    print_when(p, s, depth);
    break;
  }
  text_add(p->to, "\n");
}

static void print_block(printer *p, const block *b, int depth) {
  for (int i = 0; i < b->count; i++)
    print_statement(p, b->statements[i], depth);
}

static void print_phase(printer *p, const phase *run) {
  if (run->extent) {
    text_add(p->to, "  parallel ");
    print_subscript(p, run->extent);
    text_add(p->to, " work ");
    print_subscript(p, run->work);
  } else
    text_add(p->to, "  serial");
  if (run->when) {
    text_add(p->to, " when ");
    print_subscript(p, run->when);
    text_add(p->to, " > 0");
  }
  text_add(p->to, " {\n");
  print_block(p, &run->body, 2);
  text_add(p->to, "  }\n");
}

/* Parameters, folded at a width that people read. */
static void print_buffers(const kernel *k, text *to) {
  enum { WIDTH = 100 };
  size_t line = to->length;
  while (line > 0 && to->data[line - 1] != '\n')
    line--;
  text_add(to, "(");
  for (int i = 0; i < k->buffer_count; i++) {
    bool folded = to->length - line > WIDTH;
    if (folded)
      line = to->length;
    text_add(to, "%s%s%s p%d",
             i == 0   ? ""
             : folded ? ",\n    "
                      : ", ",
             k->buffers[i].written ? "" : "const ", dtype_name(k->buffers[i].dtype), i);
  }
  text_add(to, ")");
}

static void print_phases(printer *p, const kernel *k) {
  for (int i = 0; i < k->phase_count; i++)
    print_phase(p, &k->phases[i]);
}

void kernel_print(const kernel *k, text *to) {
  print_buffers(k, to);
  for (int i = 0; i < k->size_count; i++)
    text_add(to, " size%d", i);
  text_add(to, " {\n");
  text counted = {0};
  printer p = {.to = &counted, .counting = true};
  print_phases(&p, k);
  text_free(&counted);
  p.to = to;
  print_common_sizes(&p);
  print_phases(&p, k);
  printer_free(&p);
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
