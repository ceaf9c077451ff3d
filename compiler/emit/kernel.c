/* Kernels as functions: loops, statements, phases. */
#include "compiler/emit/emitter.h"
#include "compiler/emit/pointwise.h"
#include "compiler/emit/tiles.h"
#include "compiler/emit/tiles_bf16.h"
#include "runtime/core/retort.h"
#include <string.h>

/* ---- loops ---- */

static bool is_innermost(const block *body) {
  for (int i = 0; i < body->count; i++) {
    statement_kind kind = body->statements[i]->kind;
    if (kind == STATEMENT_LOOP || kind == STATEMENT_MATMUL || kind == STATEMENT_WHEN)
      return false;
  }
  return true;
}

static void emit_loop(function *f, const statement *s) {
  if (loop_sums_by_lanes(f, s)) {
    emit_loop_by_lanes(f, s);
    return;
  }
  LLVMValueRef from = emit_subscript(f, s->loop.from), to = emit_subscript(f, s->loop.to);
  emitted_loop l = emit_loop_begin(f, from, to, arena_print(f->e->arena, "i%d", s->loop.variable));
  f->variables[s->loop.variable] = l.variable;
  bool independent = s->loop.independent && is_innermost(&s->loop.body);
  f->in_independent_loop = independent;
  emit_block(f, &s->loop.body);
  f->in_independent_loop = false;
  function_set_line(f, s->where);
  emit_loop_end(f, &l, s->loop.step, independent);
}

/* ---- other statements ---- */

static void emit_register(function *f, const statement *s) {
  emitter *e = f->e;
  dtype type = f->kernel->register_dtypes[s->reg.number];
  LLVMValueRef at = f->registers[s->reg.number], result = emit_value(f, s->reg.value);
  if (s->kind == STATEMENT_ACCUMULATE && f->lane && f->lane_sums[s->reg.number]) {
    emit_lane_add(f, s->reg.number, result);
    return;
  }
  if (s->kind == STATEMENT_ACCUMULATE) {
    LLVMValueRef so_far = LLVMBuildLoad2(e->builder, emitter_type(e, type), at, "");
    result = pointwise_accumulate(e->builder, s->reg.op, type, so_far, result);
  }
  LLVMBuildStore(e->builder, result, at);
}

static void emit_store(function *f, const statement *s) {
  emitter *e = f->e;
  LLVMValueRef result = emit_value(f, s->store.value);
  if (f->kernel->buffers[s->store.buffer].dtype == DTYPE_BOOL)
    result = LLVMBuildZExt(e->builder, result, e->type_i8, "");
  LLVMValueRef stored = LLVMBuildStore(e->builder, result, emit_element(f, s->store.buffer, s->store.index));
  emit_access(f, stored, s->store.buffer);
}

/* This worker's share of the context's packing. */
static LLVMValueRef worker_packing(function *f) {
  emitter *e = f->e;
  LLVMValueRef share = emitter_integer(e, RETORT_PACKING_BYTES);
  LLVMValueRef offset = LLVMBuildNSWMul(e->builder, f->variables[VARIABLE_WORKER], share, "");
  return LLVMBuildInBoundsGEP2(e->builder, e->type_i8, function_field(f, FIELD_PACKING), &offset, 1, "");
}

static bool is_constant(const subscript *s, int64_t *size) {
  *size = s->constant;
  return s->kind == SUBSCRIPT_CONSTANT || (s->kind == SUBSCRIPT_DIM && dim_is_constant(s->dim, size));
}

/* Whether it is known before the run that the library computes it. */
static bool is_library_matmul(const target *t, const statement *s) {
  if (s->matmul.b.form == MATRIX_PANELS)
    return false;
  if (target_contractions(t) != CONTRACTIONS_AUTO)
    return target_contractions(t) == CONTRACTIONS_LIBRARY;
  int64_t lanes = target_vector_floats(t), n, k;
  bool known = is_constant(s->matmul.n, &n) && is_constant(s->matmul.k, &k);
  return known && !retort_chooses_tiles(target_costs(t), lanes, n, k);
}

static void emit_matmul(function *f, const statement *s) {
  emitter *e = f->e;
  const matrix *m[3] = {&s->matmul.a, &s->matmul.b, &s->matmul.c};
  static const retort_form forms[] = {
      [MATRIX_ROWS] = RETORT_ROWS, [MATRIX_TRANSPOSED] = RETORT_TRANSPOSED, [MATRIX_PANELS] = RETORT_PANELS};
  LLVMValueRef at[3], stride[3];
  for (int i = 0; i < 3; i++) {
    at[i] = emit_element(f, m[i]->buffer, m[i]->offset);
    stride[i] = emit_subscript(f, m[i]->stride);
  }
  LLVMValueRef threads = !f->phase->extent
                             ? LLVMBuildTrunc(e->builder, function_field(f, FIELD_WORKERS), e->type_i32, "")
                             : LLVMConstInt(e->type_i32, 1, false);
  LLVMValueRef arguments[] = {NULL,
                              NULL,
                              LLVMConstInt(e->type_i32, forms[m[0]->form], false),
                              LLVMConstInt(e->type_i32, forms[m[1]->form], false),
                              emit_subscript(f, s->matmul.m),
                              emit_subscript(f, s->matmul.n),
                              emit_subscript(f, s->matmul.k),
                              LLVMConstReal(e->type_f32, s->matmul.alpha),
                              at[0],
                              stride[0],
                              at[1],
                              stride[1],
                              LLVMConstReal(e->type_f32, s->matmul.beta),
                              at[2],
                              stride[2],
                              threads};
  unsigned count = sizeof arguments / sizeof *arguments;
  if (s->matmul.bf16 && target_multiplies_bf16(e->target)) {
    arguments[0] = emit_bf16_tiles(e);
    arguments[1] = worker_packing(f);
    LLVMBuildCall2(e->builder, e->type_contract, e->contract_bf16, arguments, count, "");
    return;
  }
  if (is_library_matmul(e->target, s)) {
    LLVMBuildCall2(e->builder, e->type_sgemm, e->sgemm, arguments + 2, count - 2, "");
    return;
  }
  arguments[0] = emit_tiles(e);
  arguments[1] = worker_packing(f);
  LLVMBuildCall2(e->builder, e->type_contract, e->contract, arguments, count, "");
}

static void emit_when(function *f, const statement *s) {
  emitter *e = f->e;
  LLVMBuilderRef b = e->builder;
  LLVMValueRef index = emit_subscript(f, s->when.index), from = emit_subscript(f, s->when.from);
  LLVMValueRef inside = LLVMBuildAnd(b, LLVMBuildICmp(b, LLVMIntSLE, from, index, ""),
                                     LLVMBuildICmp(b, LLVMIntSLT, index, emit_subscript(f, s->when.to), ""), "");
  LLVMBasicBlockRef then = LLVMAppendBasicBlockInContext(e->context, f->value, "when"),
                    end = LLVMAppendBasicBlockInContext(e->context, f->value, "end");
  LLVMBuildCondBr(b, inside, then, end);
  LLVMPositionBuilderAtEnd(b, then);
  emit_block(f, &s->when.body);
  function_set_line(f, s->where);
  LLVMBuildBr(b, end);
  LLVMMoveBasicBlockAfter(end, LLVMGetInsertBlock(b));
  LLVMPositionBuilderAtEnd(b, end);
  memo_clear(&f->statement); /* what is computed inside does not reach further */
}

static void emit_statement(function *f, const statement *s) {
  memo_clear(&f->statement);
  function_set_line(f, s->where);
  switch (s->kind) {
  case STATEMENT_LOOP:
    emit_loop(f, s);
    break;
  case STATEMENT_SET:
  case STATEMENT_ACCUMULATE:
    emit_register(f, s);
    break;
  case STATEMENT_STORE:
    emit_store(f, s);
    break;
  case STATEMENT_MATMUL:
    emit_matmul(f, s);
    break;
  case STATEMENT_WHEN:
    emit_when(f, s);
    break;
  }
}

void emit_block(function *f, const block *body) {
  for (int i = 0; i < body->count; i++)
    emit_statement(f, body->statements[i]);
}

/* ---- phases ---- */

static LLVMValueRef emit_phase(emitter *e, const kernel *k, int number) {
  const phase *p = &k->phases[number];
  const char *name = arena_print(e->arena, "%s.%d", k->name, number);
  function *f = function_start(e, k, name, e->type_phase, k->where);
  f->phase = p;
  static const char no_inline[] = "noinline"; /* it is called in two ways, and large */
  LLVMAddAttributeAtIndex(
      f->value, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
      LLVMCreateEnumAttribute(e->context, LLVMGetEnumAttributeKindForName(no_inline, sizeof no_inline - 1), 0));
  f->variables[VARIABLE_BEGIN] = LLVMGetParam(f->value, 1);
  f->variables[VARIABLE_END] = LLVMGetParam(f->value, 2);
  f->variables[VARIABLE_WORKER] = LLVMGetParam(f->value, 3);
  for (int i = 0; i < k->register_count; i++)
    f->registers[i] =
        LLVMBuildAlloca(f->entry, emitter_type(e, k->register_dtypes[i]), arena_print(e->arena, "r%d", i));
  emit_block(f, &p->body);
  function_finish(f);
  return f->value;
}

static LLVMValueRef greater_of(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, LLVMIntSGT, a, b, ""), a, b, "");
}

static LLVMValueRef lesser_of(emitter *e, LLVMValueRef a, LLVMValueRef b) {
  return LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, a, b, ""), a, b, "");
}

/* min(threads, extent, max(1, work / KERNEL_WORK_PER_PART)), 1 at least */
static LLVMValueRef count_parts(function *f, const phase *p, LLVMValueRef extent) {
  emitter *e = f->e;
  LLVMValueRef work = emit_subscript(f, p->work);
  LLVMValueRef parts = LLVMBuildSDiv(e->builder, work, emitter_integer(e, KERNEL_WORK_PER_PART), "");
  parts = lesser_of(e, lesser_of(e, parts, extent), function_threads(f));
  return greater_of(e, parts, emitter_integer(e, 1));
}

static LLVMBasicBlockRef open_block(function *f, const char *name) {
  return LLVMAppendBasicBlockInContext(f->e->context, f->value, name);
}

static void run_by_pool(function *f, LLVMValueRef body, LLVMValueRef extent, LLVMValueRef parts) {
  emitter *e = f->e;
  LLVMValueRef arguments[] = {body, LLVMGetParam(f->value, 0), extent,
                              LLVMBuildTrunc(e->builder, parts, e->type_i32, ""), NULL};
  if (!target_reproducible(e->target) || !f->kernel->sums_across) {
    LLVMBuildCall2(e->builder, e->type_parallel, e->parallel, arguments, 4, "");
    return;
  }
  arguments[4] = LLVMBuildTrunc(e->builder, function_field(f, FIELD_WORKERS), e->type_i32, "");
  LLVMBuildCall2(e->builder, e->type_parallel_parts, e->parallel_parts, arguments, 5, "");
}

/* One part runs on this thread, several by the pool. */
static void run_phase(function *f, const phase *p, LLVMValueRef body) {
  emitter *e = f->e;
  LLVMValueRef context = LLVMGetParam(f->value, 0), zero = emitter_integer(e, 0), one = emitter_integer(e, 1);
  LLVMValueRef extent = p->extent ? emit_subscript(f, p->extent) : one;
  LLVMValueRef parts = p->extent ? count_parts(f, p, extent) : one;
  LLVMValueRef arguments[] = {context, zero, extent, zero};
  if (p->extent) {
    LLVMBasicBlockRef alone = open_block(f, "alone"), together = open_block(f, "together"), end = open_block(f, "end");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntEQ, parts, one, ""), alone, together);
    LLVMPositionBuilderAtEnd(e->builder, together);
    run_by_pool(f, body, extent, parts);
    LLVMBuildBr(e->builder, end);
    LLVMPositionBuilderAtEnd(e->builder, alone);
    LLVMBuildCall2(e->builder, e->type_phase, body, arguments, 4, "");
    LLVMBuildBr(e->builder, end);
    LLVMPositionBuilderAtEnd(e->builder, end);
  } else {
    LLVMBuildCall2(e->builder, e->type_phase, body, arguments, 4, "");
  }
  LLVMValueRef at = LLVMBuildStructGEP2(e->builder, e->type_context, context, FIELD_PARTS, "");
  LLVMBuildStore(e->builder, parts, at);
}

LLVMValueRef emit_kernel(emitter *e, const kernel *k) {
  LLVMValueRef *bodies = arena_array(e->arena, LLVMValueRef, k->phase_count + 1);
  for (int i = 0; i < k->phase_count; i++)
    bodies[i] = emit_phase(e, k, i);
  LLVMTypeRef type = LLVMFunctionType(e->type_void, &e->type_pointer, 1, false);
  function *f = function_start(e, k, k->name, type, k->where);
  for (int i = 0; i < k->phase_count; i++) {
    const phase *p = &k->phases[i];
    memo_clear(&f->statement);
    LLVMBasicBlockRef end = NULL;
    if (p->when) {
      LLVMBasicBlockRef run = open_block(f, "run");
      end = open_block(f, "next");
      LLVMValueRef when = emit_subscript(f, p->when);
      LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSGT, when, emitter_integer(e, 0), ""), run, end);
      LLVMPositionBuilderAtEnd(e->builder, run);
      memo_clear(&f->statement); /* what is computed here does not reach the next phase */
    }
    run_phase(f, p, bodies[i]);
    if (end) {
      LLVMBuildBr(e->builder, end);
      LLVMPositionBuilderAtEnd(e->builder, end);
    }
  }
  function_finish(f);
  return f->value;
}
