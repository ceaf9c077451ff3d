/* Subscripts and values: straight-line code at one place of a loop. */
#include "compiler/emit/emitter.h"
#include "compiler/emit/pointwise.h"

/* ---- subscripts ---- */

static LLVMValueRef emit_dim(function *f, const dim *d);

/* floor(a / divisor), of any sign. */
static LLVMValueRef floor_divide(function *f, LLVMValueRef a, int64_t divisor) {
  LLVMValueRef by = emitter_integer(f->e, divisor);
  LLVMValueRef rest = LLVMBuildSRem(f->entry, a, by, "");
  LLVMValueRef below = LLVMBuildICmp(f->entry, LLVMIntSLT, rest, emitter_integer(f->e, 0), "");
  LLVMValueRef quotient = LLVMBuildSDiv(f->entry, a, by, "");
  return LLVMBuildAdd(f->entry, quotient, LLVMBuildSExt(f->entry, below, f->e->type_i64, ""), "");
}

static LLVMValueRef emit_factor(function *f, const dim_factor *factor) {
  emitter *e = f->e;
  if (!factor->symbol)
    return floor_divide(f, emit_dim(f, factor->dividend), factor->divisor);
  LLVMValueRef known = memo_find(&f->dims, factor->symbol);
  if (!known) {
    LLVMValueRef offset = emitter_integer(e, factor->symbol->index);
    LLVMValueRef at = LLVMBuildInBoundsGEP2(f->entry, e->type_i64, function_field(f, FIELD_DIMS), &offset, 1, "");
    known = LLVMBuildLoad2(f->entry, e->type_i64, at, factor->symbol->name);
    memo_add(e->arena, &f->dims, factor->symbol, known);
  }
  return known;
}

/* A run-time size, computed once, where the function begins. */
static LLVMValueRef emit_dim(function *f, const dim *d) {
  LLVMValueRef sum = memo_find(&f->dims, d);
  if (sum)
    return sum;
  for (int i = 0; i < d->term_count; i++) {
    LLVMValueRef product = NULL;
    for (int j = 0; j < d->terms[i].factor_count; j++) {
      LLVMValueRef factor = emit_factor(f, d->terms[i].factors[j]);
      product = product ? LLVMBuildNSWMul(f->entry, product, factor, "") : factor;
    }
    LLVMValueRef coefficient = emitter_integer(f->e, d->terms[i].coefficient);
    if (!product)
      product = coefficient;
    else if (d->terms[i].coefficient != 1)
      product = LLVMBuildNSWMul(f->entry, product, coefficient, "");
    sum = sum ? LLVMBuildNSWAdd(f->entry, sum, product, "") : product;
  }
  sum = sum ? sum : emitter_integer(f->e, 0);
  memo_add(f->e->arena, &f->dims, d, sum);
  return sum;
}

static LLVMValueRef emit_variable(function *f, int number) {
  if (number == VARIABLE_THREADS)
    return function_threads(f);
  if (number == VARIABLE_PARTS && f->phase)
    return function_field(f, FIELD_PARTS);
  if (number == VARIABLE_PARTS) { /* changes from phase to phase */
    LLVMValueRef context = LLVMGetParam(f->value, 0);
    LLVMValueRef at = LLVMBuildStructGEP2(f->e->builder, f->e->type_context, context, FIELD_PARTS, "");
    return LLVMBuildLoad2(f->e->builder, f->e->type_i64, at, "");
  }
  return f->variables[number];
}

static LLVMValueRef lesser_or_greater(function *f, LLVMIntPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSelect(f->e->builder, LLVMBuildICmp(f->e->builder, predicate, a, b, ""), a, b, "");
}

static LLVMValueRef emit_arithmetic(function *f, const subscript *s) {
  LLVMBuilderRef b = f->e->builder;
  LLVMValueRef left = emit_subscript(f, s->a), right = emit_subscript(f, s->b);
  switch (s->kind) {
  case SUBSCRIPT_ADD:
    return LLVMBuildNSWAdd(b, left, right, "");
  case SUBSCRIPT_SUBTRACT:
    return LLVMBuildNSWSub(b, left, right, "");
  case SUBSCRIPT_MULTIPLY:
    return LLVMBuildNSWMul(b, left, right, "");
  case SUBSCRIPT_DIVIDE:
    return LLVMBuildUDiv(b, left, right, "");
  case SUBSCRIPT_REMAINDER:
    return LLVMBuildURem(b, left, right, "");
  case SUBSCRIPT_MINIMUM:
    return lesser_or_greater(f, LLVMIntSLT, left, right);
  case SUBSCRIPT_MAXIMUM:
    return lesser_or_greater(f, LLVMIntSGT, left, right);
  case SUBSCRIPT_CONSTANT:
  case SUBSCRIPT_DIM:
  case SUBSCRIPT_SIZE:
  case SUBSCRIPT_VARIABLE:
  case SUBSCRIPT_VALUE:
    break;
  }
  return NULL;
}

LLVMValueRef emit_subscript(function *f, const subscript *s) {
  emitter *e = f->e;
  switch (s->kind) {
  case SUBSCRIPT_CONSTANT:
    return emitter_integer(e, s->constant);
  case SUBSCRIPT_DIM:
    return emit_dim(f, s->dim);
  case SUBSCRIPT_SIZE:
    return function_size(f, s->number);
  case SUBSCRIPT_VARIABLE:
    return emit_variable(f, s->number);
  case SUBSCRIPT_ADD:
  case SUBSCRIPT_SUBTRACT:
  case SUBSCRIPT_MULTIPLY:
  case SUBSCRIPT_DIVIDE:
  case SUBSCRIPT_REMAINDER:
  case SUBSCRIPT_MINIMUM:
  case SUBSCRIPT_MAXIMUM:
  case SUBSCRIPT_VALUE:
    break;
  }
  LLVMValueRef known = memo_find(&f->statement, s);
  if (known)
    return known;
  if (s->kind == SUBSCRIPT_VALUE) {
    known = emit_value(f, s->value);
    known = s->value->dtype == DTYPE_I64 ? known : LLVMBuildSExt(e->builder, known, e->type_i64, "");
  } else {
    known = emit_arithmetic(f, s);
  }
  memo_add(e->arena, &f->statement, s, known);
  return known;
}

/* ---- values ---- */

LLVMValueRef emit_element(function *f, int buffer, const subscript *index) {
  LLVMTypeRef type = emitter_memory_type(f->e, f->kernel->buffers[buffer].dtype);
  LLVMValueRef at = emit_subscript(f, index);
  return LLVMBuildInBoundsGEP2(f->e->builder, type, function_buffer(f, buffer), &at, 1, "");
}

void emit_access(function *f, LLVMValueRef access, int buffer) {
  emitter *e = f->e;
  LLVMSetMetadata(access, e->kind_alias_scope, LLVMMetadataAsValue(e->context, f->buffer_scope[buffer]));
  LLVMSetMetadata(access, e->kind_noalias, LLVMMetadataAsValue(e->context, f->buffer_noalias[buffer]));
  if (f->in_independent_loop)
    LLVMSetMetadata(access, e->kind_access_group, LLVMMetadataAsValue(e->context, e->access_group));
}

static LLVMValueRef emit_load(function *f, const value *v) {
  emitter *e = f->e;
  dtype type = f->kernel->buffers[v->buffer].dtype;
  LLVMValueRef loaded =
      LLVMBuildLoad2(e->builder, emitter_memory_type(e, type), emit_element(f, v->buffer, v->index), "");
  emit_access(f, loaded, v->buffer);
  if (type != DTYPE_BOOL)
    return loaded;
  return LLVMBuildICmp(e->builder, LLVMIntNE, loaded, LLVMConstNull(e->type_i8), "");
}

static LLVMValueRef emit_number(function *f, const value *v) {
  LLVMTypeRef type = emitter_type(f->e, v->dtype);
  if (v->dtype == DTYPE_F32)
    return LLVMConstReal(type, v->number_value);
  return LLVMConstInt(type, (unsigned long long)(int64_t)v->number_value, true);
}

static LLVMValueRef emit_pointwise(function *f, const value *v) {
  LLVMValueRef operands[3];
  for (int i = 0; i < v->operand_count; i++)
    operands[i] = emit_value(f, v->operands[i]);
  return pointwise_emit(f->e->builder, v->op, v->operands[v->operand_count - 1]->dtype, v->dtype, operands);
}

static LLVMValueRef load_key(function *f, int buffer, int64_t word) {
  emitter *e = f->e;
  LLVMValueRef offset = emitter_integer(e, word);
  LLVMValueRef at = LLVMBuildInBoundsGEP2(f->entry, e->type_i64, function_buffer(f, buffer), &offset, 1, "");
  return LLVMBuildLoad2(f->entry, e->type_i64, at, "");
}

static LLVMValueRef emit_random(function *f, const value *v) {
  emitter *e = f->e;
  if (!f->random_seeds[v->buffer]) {
    f->random_seeds[v->buffer] = load_key(f, v->buffer, 0);
    f->random_steps[v->buffer] = load_key(f, v->buffer, 1);
  }
  LLVMValueRef site = LLVMBuildTrunc(e->builder, function_size(f, v->number), e->type_i32, "");
  return pointwise_uniform(e->builder, f->random_seeds[v->buffer], f->random_steps[v->buffer], site,
                           emit_subscript(f, v->index));
}

static LLVMValueRef compute_value(function *f, const value *v) {
  emitter *e = f->e;
  switch (v->kind) {
  case VALUE_NUMBER:
    return emit_number(f, v);
  case VALUE_LOAD:
    return emit_load(f, v);
  case VALUE_REGISTER:
    return LLVMBuildLoad2(e->builder, emitter_type(e, f->kernel->register_dtypes[v->number]), f->registers[v->number],
                          "");
  case VALUE_OP:
    return emit_pointwise(f, v);
  case VALUE_INDEX: {
    LLVMValueRef index = emit_subscript(f, v->index);
    return v->dtype == DTYPE_I64 ? index : LLVMBuildTrunc(e->builder, index, e->type_i32, "");
  }
  case VALUE_IN_RANGE: /* unsigned: a negative index is a large one */
    return LLVMBuildICmp(e->builder, LLVMIntULT, emit_subscript(f, v->index), emit_subscript(f, v->limit), "");
  case VALUE_RANDOM:
    return emit_random(f, v);
  }
  return NULL;
}

LLVMValueRef emit_value(function *f, const value *v) {
  LLVMValueRef known = memo_find(&f->statement, v);
  if (!known) {
    known = compute_value(f, v);
    memo_add(f->e->arena, &f->statement, v, known);
  }
  return known;
}
