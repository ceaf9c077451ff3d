/* Sums of reproducible code. LLVM may not reorder them, so the order is ours, and one in which vectors can add: element
 * i is added to lane i % LANES, in rising order; at last the lanes are added up, half to half. So the sum depends
 * neither on where a vector ends nor on zeros behind the last element. */
#include "compiler/emit/emitter.h"

enum { LANES = 64 }; /* four vectors of AVX-512: additions to the same lane do not wait for each other */

static bool is_sum(const function *f, const statement *s) {
  return s->kind == STATEMENT_ACCUMULATE && s->reg.op == OP_add &&
         f->kernel->register_dtypes[s->reg.number] == DTYPE_F32;
}

/* The register that statement i of the body sums into, when none before it does; else -1. */
static int sum_of(const function *f, const block *body, int i) {
  if (!is_sum(f, body->statements[i]))
    return -1;
  int number = body->statements[i]->reg.number;
  for (int k = 0; k < i; k++)
    if (is_sum(f, body->statements[k]) && body->statements[k]->reg.number == number)
      return -1;
  return number;
}

bool loop_sums_by_lanes(const function *f, const statement *s) {
  if (!target_reproducible(f->e->target) || !s->loop.independent || s->loop.step != 1)
    return false;
  bool found = false;
  for (int i = 0; i < s->loop.body.count; i++) {
    const statement *inner = s->loop.body.statements[i];
    if (inner->kind == STATEMENT_LOOP || inner->kind == STATEMENT_MATMUL || inner->kind == STATEMENT_WHEN)
      return false;
    found = found || is_sum(f, inner);
  }
  return found;
}

static LLVMTypeRef lanes_type(const emitter *e) {
  return LLVMVectorType(e->type_f32, LANES);
}

static LLVMValueRef half_of(emitter *e, LLVMValueRef lanes, unsigned count, bool upper) {
  LLVMValueRef indices[LANES / 2];
  for (unsigned i = 0; i < count; i++)
    indices[i] = LLVMConstInt(e->type_i32, i + (upper ? count : 0), false);
  return LLVMBuildShuffleVector(e->builder, lanes, LLVMGetPoison(LLVMTypeOf(lanes)), LLVMConstVector(indices, count),
                                "");
}

/* register += the sum of its lanes */
static void add_up(function *f, int number) {
  emitter *e = f->e;
  LLVMValueRef lanes = LLVMBuildLoad2(e->builder, lanes_type(e), f->lane_sums[number], "");
  for (unsigned half = LANES / 2; half > 0; half /= 2)
    lanes = LLVMBuildFAdd(e->builder, half_of(e, lanes, half, false), half_of(e, lanes, half, true), "");
  LLVMValueRef sum = LLVMBuildExtractElement(e->builder, lanes, LLVMConstInt(e->type_i32, 0, false), "");
  LLVMValueRef at = f->registers[number], so_far = LLVMBuildLoad2(e->builder, e->type_f32, at, "");
  LLVMBuildStore(e->builder, LLVMBuildFAdd(e->builder, so_far, sum, ""), at);
}

static void clear(function *f, int number) {
  emitter *e = f->e;
  if (!f->lane_sums[number])
    f->lane_sums[number] = LLVMBuildAlloca(f->entry, lanes_type(e), "lanes");
  LLVMBuildStore(e->builder, LLVMConstNull(lanes_type(e)), f->lane_sums[number]);
}

static LLVMValueRef mark(function *f, LLVMValueRef access) {
  LLVMSetMetadata(access, f->e->kind_access_group, LLVMMetadataAsValue(f->e->context, f->e->access_group));
  return access;
}

void emit_lane_add(function *f, int number, LLVMValueRef added) {
  emitter *e = f->e;
  LLVMValueRef at = LLVMBuildInBoundsGEP2(e->builder, e->type_f32, f->lane_sums[number], &f->lane, 1, "");
  LLVMValueRef so_far = mark(f, LLVMBuildLoad2(e->builder, e->type_f32, at, ""));
  mark(f, LLVMBuildStore(e->builder, LLVMBuildFAdd(e->builder, so_far, added, ""), at));
}

void emit_loop_by_lanes(function *f, const statement *s) {
  emitter *e = f->e;
  LLVMBuilderRef b = e->builder;
  LLVMValueRef from = emit_subscript(f, s->loop.from), to = emit_subscript(f, s->loop.to);
  const block *body = &s->loop.body;
  for (int i = 0; i < body->count; i++)
    if (sum_of(f, body, i) >= 0)
      clear(f, sum_of(f, body, i));
  emitted_loop blocks = emit_loop_begin(f, from, to, "block");
  LLVMValueRef end = LLVMBuildNSWAdd(b, blocks.variable, emitter_integer(e, LANES), "");
  end = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, end, to, ""), end, to, "");
  emitted_loop l = emit_loop_begin(f, blocks.variable, end, arena_print(e->arena, "i%d", s->loop.variable));
  f->variables[s->loop.variable] = l.variable;
  f->lane = LLVMBuildNSWSub(b, l.variable, blocks.variable, "");
  f->in_independent_loop = true;
  emit_block(f, body);
  f->in_independent_loop = false;
  f->lane = NULL;
  function_set_line(f, s->where);
  emit_loop_end(f, &l, 1, true);
  emit_loop_end(f, &blocks, LANES, false);
  for (int i = 0; i < body->count; i++)
    if (sum_of(f, body, i) >= 0)
      add_up(f, sum_of(f, body, i));
}
