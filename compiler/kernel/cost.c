/* Runs a kernel's loops without its arithmetic. A loop whose body does the same amount each time is walked through
 * once. */
#include "compiler/kernel/cost.h"

typedef struct use { /* of a parameter, in elements */
  double loaded, stored;
  bool own; /* stored before it was loaded */
} use;

typedef struct counter {
  arena *arena;
  const step *step;
  const step_call *call;
  const kernel *kernel;
  const int64_t *dims;
  int64_t *variables, *registers;
  use *uses;
  double operations, bf16, times; /* times: how often the statement at hand runs */
  const value **seen;             /* values of the statement at hand */
  int seen_count;
} counter;

static void walk_block(counter *c, const block *b);

/* ---- subscripts ---- */

static int64_t evaluate(const counter *c, const subscript *s);

static int64_t evaluate_arithmetic(subscript_kind kind, int64_t x, int64_t y) {
  switch (kind) {
  case SUBSCRIPT_ADD:
    return x + y;
  case SUBSCRIPT_SUBTRACT:
    return x - y;
  case SUBSCRIPT_MULTIPLY:
    return x * y;
  case SUBSCRIPT_DIVIDE:
    return y ? x / y : 0;
  case SUBSCRIPT_REMAINDER:
    return y ? x % y : 0;
  case SUBSCRIPT_MINIMUM:
    return x < y ? x : y;
  case SUBSCRIPT_MAXIMUM:
    return x > y ? x : y;
  case SUBSCRIPT_CONSTANT:
  case SUBSCRIPT_DIM:
  case SUBSCRIPT_SIZE:
  case SUBSCRIPT_VARIABLE:
  case SUBSCRIPT_VALUE:
    break;
  }
  return 0;
}

/* A value from data counts as 0. */
static int64_t evaluate(const counter *c, const subscript *s) {
  switch (s->kind) {
  case SUBSCRIPT_CONSTANT:
    return s->constant;
  case SUBSCRIPT_DIM:
    return dim_evaluate(s->dim, c->dims);
  case SUBSCRIPT_SIZE:
    return dim_evaluate(c->call->sizes[s->number], c->dims);
  case SUBSCRIPT_VARIABLE:
    return c->variables[s->number];
  case SUBSCRIPT_VALUE:
    return s->value->kind == VALUE_REGISTER ? c->registers[s->value->number] : 0;
  case SUBSCRIPT_ADD:
  case SUBSCRIPT_SUBTRACT:
  case SUBSCRIPT_MULTIPLY:
  case SUBSCRIPT_DIVIDE:
  case SUBSCRIPT_REMAINDER:
  case SUBSCRIPT_MINIMUM:
  case SUBSCRIPT_MAXIMUM:
    break;
  }
  return evaluate_arithmetic(s->kind, evaluate(c, s->a), evaluate(c, s->b));
}

static bool mentions(const subscript *s, int variable) {
  return s && ((s->kind == SUBSCRIPT_VARIABLE && s->number == variable) || mentions(s->a, variable) ||
               mentions(s->b, variable));
}

/* Whether how much the block does depends on the variable: bounds, matrices' sizes, and numbers kept for them. */
static bool depends(const block *b, int variable) {
  for (int i = 0; i < b->count; i++) {
    const statement *s = b->statements[i];
    bool found = false;
    if (s->kind == STATEMENT_LOOP)
      found = mentions(s->loop.from, variable) || mentions(s->loop.to, variable) || depends(&s->loop.body, variable);
    else if (s->kind == STATEMENT_WHEN)
      found = depends(&s->when.body, variable);
    else if (s->kind == STATEMENT_MATMUL)
      found = mentions(s->matmul.m, variable) || mentions(s->matmul.n, variable) || mentions(s->matmul.k, variable);
    else if (s->kind == STATEMENT_SET && s->reg.value->kind == VALUE_INDEX)
      found = mentions(s->reg.value->index, variable);
    if (found)
      return true;
  }
  return false;
}

/* ---- what is touched ---- */

static void load(counter *c, int buffer, double elements) {
  use *u = &c->uses[buffer];
  u->own = u->own || (u->stored > 0 && u->loaded == 0);
  u->loaded += c->times * elements;
}

static void store(counter *c, int buffer, double elements) {
  c->uses[buffer].stored += c->times * elements;
}

static void walk_value(counter *c, const value *v);

static void walk_subscript(counter *c, const subscript *s) {
  if (!s)
    return;
  if (s->kind == SUBSCRIPT_VALUE)
    walk_value(c, s->value);
  walk_subscript(c, s->a);
  walk_subscript(c, s->b);
}

static void walk_value(counter *c, const value *v) {
  for (int i = 0; i < c->seen_count; i++)
    if (c->seen[i] == v)
      return;
  arena_append(c->arena, c->seen, c->seen_count, v);
  if (v->kind == VALUE_LOAD)
    load(c, v->buffer, 1);
  if (v->kind == VALUE_OP || v->kind == VALUE_RANDOM)
    c->operations += c->times;
  if (v->kind == VALUE_LOAD)
    walk_subscript(c, v->index);
  for (int i = 0; i < v->operand_count; i++)
    walk_value(c, v->operands[i]);
}

/* ---- statements ---- */

static void walk_loop(counter *c, const statement *s) {
  int64_t from = evaluate(c, s->loop.from), to = evaluate(c, s->loop.to), stride = s->loop.step;
  if (from >= to)
    return;
  double times = c->times;
  if (depends(&s->loop.body, s->loop.variable)) {
    for (int64_t i = from; i < to; i += stride) {
      c->variables[s->loop.variable] = i;
      walk_block(c, &s->loop.body);
    }
  } else {
    c->variables[s->loop.variable] = from;
    c->times *= (double)((to - from + stride - 1) / stride);
    walk_block(c, &s->loop.body);
  }
  c->times = times;
}

static void walk_matmul(counter *c, const statement *s) {
  double m = (double)evaluate(c, s->matmul.m), n = (double)evaluate(c, s->matmul.n),
         k = (double)evaluate(c, s->matmul.k);
  c->operations += 2 * c->times * m * n * k;
  c->bf16 += s->matmul.bf16 ? 2 * c->times * m * n * k : 0;
  load(c, s->matmul.a.buffer, m * k);
  load(c, s->matmul.b.buffer, k * n);
  if (s->matmul.beta != 0)
    load(c, s->matmul.c.buffer, m * n);
  store(c, s->matmul.c.buffer, m * n);
}

static void walk_statement(counter *c, const statement *s) {
  c->seen_count = 0;
  switch (s->kind) {
  case STATEMENT_LOOP:
    walk_loop(c, s);
    return;
  case STATEMENT_WHEN:
    walk_block(c, &s->when.body);
    return;
  case STATEMENT_MATMUL:
    walk_matmul(c, s);
    return;
  case STATEMENT_SET:
    if (s->reg.value->kind == VALUE_INDEX)
      c->registers[s->reg.number] = evaluate(c, s->reg.value->index);
    else if (s->reg.about)
      c->registers[s->reg.number] = evaluate(c, s->reg.about);
    walk_value(c, s->reg.value);
    return;
  case STATEMENT_ACCUMULATE:
    c->operations += c->times;
    walk_value(c, s->reg.value);
    return;
  case STATEMENT_STORE:
    walk_value(c, s->store.value);
    walk_subscript(c, s->store.index);
    store(c, s->store.buffer, 1);
    return;
  }
}

static void walk_block(counter *c, const block *b) {
  for (int i = 0; i < b->count; i++)
    walk_statement(c, b->statements[i]);
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The phase as one part. */
static void walk_phase(counter *c, const phase *p) {
  if (p->when && evaluate(c, p->when) <= 0)
    return;
  int64_t extent = p->extent ? evaluate(c, p->extent) : 1, parts = 1;
  if (p->extent) {
    parts = least(c->variables[VARIABLE_THREADS], least(extent, evaluate(c, p->work) / KERNEL_WORK_PER_PART));
    parts = parts < 1 ? 1 : parts;
  }
  c->variables[VARIABLE_BEGIN] = 0;
  c->variables[VARIABLE_END] = extent;
  c->times = 1;
  walk_block(c, &p->body);
  c->variables[VARIABLE_PARTS] = parts;
}

/* ---- */

/* Elements of a buffer of the step; 0 of what each thread has of its own. */
static double buffer_elements(const step *s, const step_buffer *b, const int64_t *dims) {
  const step_tensor *lists[] = {[BUFFER_WEIGHT] = s->weights,
                                [BUFFER_INPUT] = s->inputs,
                                [BUFFER_OUTPUT] = s->outputs,
                                [BUFFER_STATE] = s->states};
  if (b->kind != BUFFER_WORKSPACE)
    return (double)dim_evaluate(shape_elements(s->dims, lists[b->kind][b->slot].shape), dims);
  const step_workspace *w = &s->workspace[b->slot];
  return w->per_thread ? 0 : (double)dim_evaluate(w->bytes, dims) / (double)dtype_size(b->dtype);
}

static double touched_bytes(const counter *c) {
  double bytes = 0;
  for (int i = 0; i < c->kernel->buffer_count; i++) {
    const step_buffer *b = &c->step->buffers[c->call->buffers[i]];
    const use *u = &c->uses[i];
    double all = buffer_elements(c->step, b, c->dims), loaded = u->own ? 0 : u->loaded;
    bytes += ((loaded < all ? loaded : all) + (u->stored < all ? u->stored : all)) * (double)dtype_size(b->dtype);
  }
  return bytes;
}

kernel_cost step_call_cost(arena *a, const step *s, int call, const int64_t *dims, int threads) {
  const kernel *k = s->calls[call].kernel;
  counter c = {.arena = a, .step = s, .call = &s->calls[call], .kernel = k, .dims = dims};
  c.variables = arena_array(a, int64_t, k->variable_count);
  c.registers = arena_array(a, int64_t, k->register_count + 1);
  c.uses = arena_array(a, use, k->buffer_count + 1);
  c.variables[VARIABLE_THREADS] = threads;
  c.variables[VARIABLE_PARTS] = 1;
  for (int i = 0; i < k->phase_count; i++)
    walk_phase(&c, &k->phases[i]);
  return (kernel_cost){.operations = c.operations, .bytes = touched_bytes(&c), .bf16 = c.bf16};
}
