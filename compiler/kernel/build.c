#include "compiler/kernel/build.h"
#include <math.h>
#include <string.h>

enum { TABLE_SIZE = 1024, DEPTH_MOST = 32 };

typedef struct made_subscript {
  subscript subscript;
  struct made_subscript *next;
} made_subscript;

typedef struct made_value {
  value value; /* first, so that a value's address is this one's */
  struct made_value *next;
  int user, users;     /* builder_share: the last statement that was seen to use it; how many do */
  const value *shared; /* builder_share: what stands for it */
  int share_mark;
} made_value;

struct kernel_builder {
  arena *arena;
  dim_table *dims;
  kernel *kernel;
  int *buffers;
  const dim **sizes;
  made_subscript *subscripts[TABLE_SIZE];
  made_value *values[TABLE_SIZE];
  int cost;
  span where;
  int depth;
  block *open[DEPTH_MOST];
  int share_mark;
};

kernel_builder *builder_create(arena *a, dim_table *dims) {
  kernel_builder *b = arena_new(a, kernel_builder);
  b->arena = a;
  b->dims = dims;
  b->kernel = arena_new(a, kernel);
  b->kernel->variable_count = VARIABLE_FIRST_LOOP;
  return b;
}

kernel *builder_kernel(kernel_builder *b) {
  return b->kernel;
}
arena *builder_arena(kernel_builder *b) {
  return b->arena;
}
dim_table *builder_dims(kernel_builder *b) {
  return b->dims;
}

int builder_buffer(kernel_builder *b, int buffer, dtype type, bool written) {
  kernel *k = b->kernel;
  for (int i = 0; i < k->buffer_count; i++)
    if (b->buffers[i] == buffer) {
      k->buffers[i].written |= written;
      return i;
    }
  int count = k->buffer_count;
  struct kernel_buffer made = {.dtype = type, .written = written};
  arena_append(b->arena, b->buffers, count, buffer);
  arena_append(b->arena, k->buffers, k->buffer_count, made);
  return k->buffer_count - 1;
}

void builder_call(kernel_builder *b, step_call *call) {
  call->kernel = b->kernel;
  call->buffers = b->buffers;
  call->sizes = b->sizes;
}

/* ---- subscripts ---- */

static uint64_t mix(uint64_t hash, uint64_t part) {
  return (hash ^ part) * UINT64_C(0x9E3779B97F4A7C15) ^ (hash >> 29);
}

static const subscript *intern_subscript(kernel_builder *b, subscript s) {
  uint64_t hash = mix(mix(mix(mix((uint64_t)s.kind, (uint64_t)s.number), (uint64_t)s.constant), (uintptr_t)s.dim),
                      mix(mix((uintptr_t)s.a, (uintptr_t)s.b), (uintptr_t)s.value));
  made_subscript **at = &b->subscripts[(hash >> 32) % TABLE_SIZE];
  for (made_subscript *m = *at; m; m = m->next)
    if (m->subscript.kind == s.kind && m->subscript.number == s.number && m->subscript.constant == s.constant &&
        m->subscript.dim == s.dim && m->subscript.a == s.a && m->subscript.b == s.b && m->subscript.value == s.value)
      return &m->subscript;
  made_subscript *m = arena_new(b->arena, made_subscript);
  *m = (made_subscript){.subscript = s, .next = *at};
  *at = m;
  return &m->subscript;
}

const subscript *builder_size(kernel_builder *b, const dim *size, bool distinct) {
  kernel *k = b->kernel;
  int at = 0;
  while (at < k->size_count && (distinct || b->sizes[at] != size))
    at++;
  if (at == k->size_count)
    arena_append(b->arena, b->sizes, k->size_count, size);
  return intern_subscript(b, (subscript){.kind = SUBSCRIPT_SIZE, .number = at});
}

const subscript *subscript_constant(kernel_builder *b, int64_t number) {
  return intern_subscript(b, (subscript){.kind = SUBSCRIPT_CONSTANT, .constant = number});
}

const subscript *subscript_dim(kernel_builder *b, const dim *d) {
  int64_t number;
  if (dim_is_constant(d, &number))
    return subscript_constant(b, number);
  return intern_subscript(b, (subscript){.kind = SUBSCRIPT_DIM, .dim = d});
}

const subscript *subscript_variable(kernel_builder *b, int variable) {
  return intern_subscript(b, (subscript){.kind = SUBSCRIPT_VARIABLE, .number = variable});
}

const subscript *subscript_of_value(kernel_builder *b, const value *v) {
  if (v->kind == VALUE_INDEX)
    return v->index;
  if (v->kind == VALUE_NUMBER)
    return subscript_constant(b, (int64_t)v->number_value);
  return intern_subscript(b, (subscript){.kind = SUBSCRIPT_VALUE, .value = v});
}

static const dim *as_dim(kernel_builder *b, const subscript *s) {
  if (s->kind == SUBSCRIPT_DIM)
    return s->dim;
  return s->kind == SUBSCRIPT_CONSTANT ? dim_constant(b->dims, s->constant) : NULL;
}

static bool is_constant(const subscript *s, int64_t number) {
  return s->kind == SUBSCRIPT_CONSTANT && s->constant == number;
}

/* Of two constants or dims; NULL when it has no dim. */
static const dim *fold_dims(kernel_builder *b, subscript_kind kind, const dim *x, const dim *y) {
  int64_t p, q;
  if (kind == SUBSCRIPT_ADD)
    return dim_add(b->dims, x, y);
  if (kind == SUBSCRIPT_SUBTRACT)
    return dim_subtract(b->dims, x, y);
  if (kind == SUBSCRIPT_MULTIPLY)
    return dim_multiply(b->dims, x, y);
  if (kind == SUBSCRIPT_DIVIDE && dim_is_constant(y, &q) && q > 0)
    return dim_floor_divide(b->dims, x, q);
  if (!dim_is_constant(x, &p) || !dim_is_constant(y, &q))
    return NULL;
  if (kind == SUBSCRIPT_MINIMUM)
    return p < q ? x : y;
  if (kind == SUBSCRIPT_MAXIMUM)
    return p > q ? x : y;
  return kind == SUBSCRIPT_REMAINDER && p >= 0 && q > 0 ? dim_constant(b->dims, p % q) : NULL;
}

const subscript *subscript_binary(kernel_builder *b, subscript_kind kind, const subscript *x, const subscript *y) {
  const dim *p = as_dim(b, x), *q = as_dim(b, y), *folded = p && q ? fold_dims(b, kind, p, q) : NULL;
  if (folded)
    return subscript_dim(b, folded);
  bool sum = kind == SUBSCRIPT_ADD || kind == SUBSCRIPT_SUBTRACT;
  if (sum && is_constant(y, 0))
    return x;
  if (kind == SUBSCRIPT_ADD && is_constant(x, 0))
    return y;
  if (kind == SUBSCRIPT_MULTIPLY && (is_constant(x, 0) || is_constant(y, 1)))
    return x;
  if (kind == SUBSCRIPT_MULTIPLY && (is_constant(y, 0) || is_constant(x, 1)))
    return y;
  if (kind == SUBSCRIPT_DIVIDE && (is_constant(y, 1) || is_constant(x, 0)))
    return x;
  if (kind == SUBSCRIPT_REMAINDER && (is_constant(y, 1) || is_constant(x, 0)))
    return subscript_constant(b, 0);
  if ((kind == SUBSCRIPT_MINIMUM || kind == SUBSCRIPT_MAXIMUM) && x == y)
    return x;
  return intern_subscript(b, (subscript){.kind = kind, .a = x, .b = y});
}

const subscript *subscript_add(kernel_builder *b, const subscript *x, const subscript *y) {
  return subscript_binary(b, SUBSCRIPT_ADD, x, y);
}

const subscript *subscript_multiply(kernel_builder *b, const subscript *x, const subscript *y) {
  return subscript_binary(b, SUBSCRIPT_MULTIPLY, x, y);
}

const subscript *subscript_parts(kernel_builder *b, const subscript *x, const subscript *y) {
  const subscript *less = subscript_binary(b, SUBSCRIPT_SUBTRACT, y, subscript_constant(b, 1));
  return subscript_binary(b, SUBSCRIPT_DIVIDE, subscript_add(b, x, less), y);
}

/* ---- values ---- */

static uint64_t hash_value(const value *v) {
  uint64_t number;
  memcpy(&number, &v->number_value, sizeof number);
  uint64_t hash = mix(mix(mix((uint64_t)v->kind, (uint64_t)v->dtype), (uint64_t)v->op), number);
  hash = mix(mix(mix(mix(hash, (uint64_t)v->number), (uint64_t)v->buffer), (uintptr_t)v->index), (uintptr_t)v->limit);
  for (int i = 0; i < v->operand_count; i++)
    hash = mix(hash, (uintptr_t)v->operands[i]);
  return hash;
}

static bool equal_values(const value *x, const value *y) {
  bool equal = x->kind == y->kind && x->dtype == y->dtype && x->op == y->op && x->number == y->number &&
               x->buffer == y->buffer && x->index == y->index && x->limit == y->limit &&
               x->operand_count == y->operand_count &&
               memcmp(&x->number_value, &y->number_value, sizeof x->number_value) == 0;
  for (int i = 0; equal && i < x->operand_count; i++)
    equal = x->operands[i] == y->operands[i];
  return equal;
}

static int cost_of(const value *v) {
  if (v->kind == VALUE_LOAD)
    return 1;
  if (v->kind == VALUE_RANDOM)
    return 20;
  if (v->kind != VALUE_OP)
    return 0;
  if (v->op == OP_exp || v->op == OP_log || v->op == OP_erf || v->op == OP_tanh || v->op == OP_sin || v->op == OP_cos)
    return 14;
  return v->op == OP_pow ? 40 : 1;
}

static const value *intern_value(kernel_builder *b, value v) {
  made_value **at = &b->values[(hash_value(&v) >> 32) % TABLE_SIZE];
  for (made_value *m = *at; m; m = m->next)
    if (equal_values(&m->value, &v))
      return &m->value;
  made_value *m = arena_new(b->arena, made_value);
  *m = (made_value){.value = v, .next = *at, .user = -1};
  *at = m;
  b->cost += cost_of(&v);
  return &m->value;
}

int builder_take_cost(kernel_builder *b) {
  int cost = b->cost;
  b->cost = 0;
  return cost;
}

const value *value_number(kernel_builder *b, double number, dtype type) {
  return intern_value(b, (value){.kind = VALUE_NUMBER, .number_value = number, .dtype = type});
}

const value *value_load(kernel_builder *b, int buffer, const subscript *index) {
  dtype type = b->kernel->buffers[buffer].dtype;
  return intern_value(b, (value){.kind = VALUE_LOAD, .buffer = buffer, .index = index, .dtype = type});
}

const value *value_register(kernel_builder *b, int number) {
  dtype type = b->kernel->register_dtypes[number];
  return intern_value(b, (value){.kind = VALUE_REGISTER, .number = number, .dtype = type});
}

const value *value_op(kernel_builder *b, op o, dtype type, int count, const value *const *operands) {
  value v = {.kind = VALUE_OP, .op = o, .dtype = type, .operand_count = count};
  for (int i = 0; i < count; i++)
    v.operands[i] = operands[i];
  return o == OP_stop_gradient || (o == OP_cast && operands[0]->dtype == type) ? operands[0] : intern_value(b, v);
}

const value *value_index(kernel_builder *b, const subscript *index, dtype type) {
  return intern_value(b, (value){.kind = VALUE_INDEX, .index = index, .dtype = type});
}

const value *value_in_range(kernel_builder *b, const subscript *index, const subscript *limit) {
  return intern_value(b, (value){.kind = VALUE_IN_RANGE, .index = index, .limit = limit, .dtype = DTYPE_BOOL});
}

const value *value_random(kernel_builder *b, int buffer, int site, const subscript *position) {
  return intern_value(
      b, (value){.kind = VALUE_RANDOM, .buffer = buffer, .number = site, .index = position, .dtype = DTYPE_F32});
}

/* ---- statements ---- */

int builder_register(kernel_builder *b, dtype type) {
  arena_append(b->arena, b->kernel->register_dtypes, b->kernel->register_count, type);
  return b->kernel->register_count - 1;
}

int builder_variable(kernel_builder *b) {
  return b->kernel->variable_count++;
}

void builder_where(kernel_builder *b, span where) {
  b->where = where;
}

phase *builder_phase(kernel_builder *b, const subscript *when, const subscript *extent, span where) {
  phase p = {.when = when, .extent = extent};
  arena_append(b->arena, b->kernel->phases, b->kernel->phase_count, p);
  phase *made = &b->kernel->phases[b->kernel->phase_count - 1];
  b->depth = 1;
  b->open[0] = &made->body;
  b->where = where;
  return made;
}

statement *builder_statement(kernel_builder *b, statement_kind kind) {
  statement *s = arena_new(b->arena, statement);
  s->kind = kind;
  s->where = b->where;
  block *open = b->open[b->depth - 1];
  arena_append(b->arena, open->statements, open->count, s);
  return s;
}

statement *builder_loop(kernel_builder *b, int variable, const subscript *from, const subscript *to, int64_t stride,
                        bool independent) {
  statement *s = builder_statement(b, STATEMENT_LOOP);
  s->loop.variable = variable;
  s->loop.from = from;
  s->loop.to = to;
  s->loop.step = stride;
  s->loop.independent = independent;
  b->open[b->depth++] = &s->loop.body;
  return s;
}

statement *builder_when(kernel_builder *b, const subscript *index, const subscript *from, const subscript *to) {
  statement *s = builder_statement(b, STATEMENT_WHEN);
  s->when.index = index;
  s->when.from = from;
  s->when.to = to;
  b->open[b->depth++] = &s->when.body;
  return s;
}

void builder_end(kernel_builder *b) {
  b->depth--;
}

statement *builder_set(kernel_builder *b, int number, const value *v) {
  statement *s = builder_statement(b, STATEMENT_SET);
  s->reg.number = number;
  s->reg.value = v;
  return s;
}

void builder_accumulate(kernel_builder *b, int number, op o, const value *v) {
  statement *s = builder_statement(b, STATEMENT_ACCUMULATE);
  s->reg.number = number;
  s->reg.op = o;
  s->reg.value = v;
}

void builder_store(kernel_builder *b, int buffer, const subscript *index, const value *v) {
  statement *s = builder_statement(b, STATEMENT_STORE);
  b->kernel->buffers[buffer].written = true;
  s->store.buffer = buffer;
  s->store.index = index;
  s->store.value = v;
}

int builder_statement_count(const kernel_builder *b) {
  return b->open[b->depth - 1]->count;
}

/* ---- sharing ---- */

static made_value *made(const value *v) {
  return (made_value *)(uintptr_t)v;
}

static const value *statement_value(const statement *s) {
  if (s->kind == STATEMENT_SET || s->kind == STATEMENT_ACCUMULATE)
    return s->reg.value;
  return s->kind == STATEMENT_STORE ? s->store.value : NULL;
}

/* Only the whole of what is shared is counted: what stands inside it is not visited again. */
static void count_uses(kernel_builder *b, const value *v, int user) {
  made_value *m = made(v);
  if (m->share_mark != b->share_mark) {
    m->share_mark = b->share_mark;
    m->user = -1;
    m->users = 0;
    m->shared = NULL;
  }
  if (m->user == user)
    return;
  m->user = user;
  if (m->users++ > 0)
    return;
  for (int i = 0; i < v->operand_count; i++)
    count_uses(b, v->operands[i], user);
}

static bool is_worth_sharing(const value *v) {
  return v->kind == VALUE_OP || v->kind == VALUE_LOAD || v->kind == VALUE_RANDOM;
}

/* v with shared values replaced by registers; those that have none yet are set now. */
static const value *use_shared(kernel_builder *b, const value *v) {
  made_value *m = made(v);
  if (m->share_mark == b->share_mark && m->shared)
    return m->shared;
  const value *result = v;
  if (v->operand_count > 0) {
    const value *operands[3];
    for (int i = 0; i < v->operand_count; i++)
      operands[i] = use_shared(b, v->operands[i]);
    result = value_op(b, v->op, v->dtype, v->operand_count, operands);
  }
  if (m->share_mark != b->share_mark)
    return result;
  if (m->users > 1 && is_worth_sharing(v)) {
    int number = builder_register(b, v->dtype);
    builder_set(b, number, result);
    result = value_register(b, number);
  }
  m->shared = result;
  return result;
}

void builder_share(kernel_builder *b, int first) {
  block *open = b->open[b->depth - 1];
  block old = *open;
  b->share_mark++;
  for (int i = first; i < old.count; i++)
    if (statement_value(old.statements[i]))
      count_uses(b, statement_value(old.statements[i]), i);
  *open = (block){0};
  for (int i = 0; i < old.count; i++) {
    statement *s = old.statements[i];
    if (i >= first && statement_value(s)) {
      b->where = s->where;
      const value *v = use_shared(b, statement_value(s));
      if (s->kind == STATEMENT_STORE)
        s->store.value = v;
      else
        s->reg.value = v;
    }
    arena_append(b->arena, open->statements, open->count, s);
  }
}
