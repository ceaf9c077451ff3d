/* Loops, and sums of rows by index. */
#include "compiler/emit/emitter.h"

/* Says to LLVM that the iterations of the loop do not depend on each other through memory. */
static void mark_independent(emitter *e, LLVMValueRef latch) {
  static const char name[] = "llvm.loop.parallel_accesses";
  LLVMMetadataRef accesses[] = {LLVMMDStringInContext2(e->context, name, sizeof name - 1), e->access_group};
  /* The first operand of a loop's node is the node itself. */
  LLVMMetadataRef itself = LLVMTemporaryMDNode(e->context, NULL, 0);
  LLVMMetadataRef parts[] = {itself, LLVMMDNodeInContext2(e->context, accesses, 2)};
  LLVMMetadataRef loop = LLVMMDNodeInContext2(e->context, parts, 2);
  LLVMMetadataReplaceAllUsesWith(itself, loop);
  LLVMSetMetadata(latch, e->kind_loop, LLVMMetadataAsValue(e->context, loop));
}

emitted_loop emit_loop_begin(function *f, LLVMValueRef from, LLVMValueRef to, const char *name) {
  emitter *e = f->e;
  LLVMBuilderRef b = e->builder;
  emitted_loop l = {.from = from, .to = to, .before = LLVMGetInsertBlock(b)};
  l.body = LLVMAppendBasicBlockInContext(e->context, f->value, "loop");
  l.end = LLVMAppendBasicBlockInContext(e->context, f->value, "end");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, from, to, ""), l.body, l.end);
  LLVMPositionBuilderAtEnd(b, l.body);
  l.variable = LLVMBuildPhi(b, e->type_i64, name);
  return l;
}

void emit_loop_end(function *f, const emitted_loop *l, int64_t increment, bool independent) {
  emitter *e = f->e;
  LLVMBuilderRef b = e->builder;
  LLVMValueRef next = LLVMBuildNSWAdd(b, l->variable, emitter_integer(e, increment), "");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
  LLVMAddIncoming(l->variable, (LLVMValueRef[]){l->from, next}, (LLVMBasicBlockRef[]){l->before, last}, 2);
  LLVMValueRef latch = LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, l->to, ""), l->body, l->end);
  if (independent)
    mark_independent(e, latch);
  LLVMMoveBasicBlockAfter(l->end, last);
  LLVMPositionBuilderAtEnd(b, l->end);
}

/* ---- sums of rows ---- */

typedef struct scatter {
  const statement *s;
  LLVMValueRef from, to, width;
} scatter;

static LLVMValueRef address(function *f, int buffer, LLVMValueRef index) {
  LLVMTypeRef type = emitter_memory_type(f->e, f->kernel->buffers[buffer].dtype);
  return LLVMBuildInBoundsGEP2(f->e->builder, type, function_buffer(f, buffer), &index, 1, "");
}

static LLVMValueRef load(function *f, int buffer, LLVMValueRef index) {
  LLVMTypeRef type = emitter_memory_type(f->e, f->kernel->buffers[buffer].dtype);
  LLVMValueRef loaded = LLVMBuildLoad2(f->e->builder, type, address(f, buffer, index), "");
  emit_access(f, loaded, buffer);
  return loaded;
}

static void store(function *f, int buffer, LLVMValueRef index, LLVMValueRef number) {
  emit_access(f, LLVMBuildStore(f->e->builder, number, address(f, buffer, index)), buffer);
}

static void clear_rows(function *f, const scatter *of) {
  emitter *e = f->e;
  LLVMValueRef from = LLVMBuildNSWMul(e->builder, of->from, of->width, "");
  emitted_loop l = emit_loop_begin(f, from, LLVMBuildNSWMul(e->builder, of->to, of->width, ""), "cleared");
  f->in_independent_loop = true;
  store(f, of->s->scatter.out, l.variable, LLVMConstNull(e->type_f32));
  f->in_independent_loop = false;
  emit_loop_end(f, &l, 1, true);
}

/* out[row,:] += updates[i,:]; nothing when the row is another part's. */
static void add_row(function *f, const scatter *of, LLVMValueRef i) {
  emitter *e = f->e;
  LLVMBuilderRef b = e->builder;
  int out = of->s->scatter.out, updates = of->s->scatter.updates, indices = of->s->scatter.indices;
  LLVMValueRef row = load(f, indices, i);
  if (f->kernel->buffers[indices].dtype != DTYPE_I64)
    row = LLVMBuildSExt(b, row, e->type_i64, "");
  LLVMValueRef inside =
      LLVMBuildICmp(b, LLVMIntULT, LLVMBuildSub(b, row, of->from, ""), LLVMBuildSub(b, of->to, of->from, ""), "");
  LLVMBasicBlockRef own = LLVMAppendBasicBlockInContext(e->context, f->value, "own"),
                    other = LLVMAppendBasicBlockInContext(e->context, f->value, "other");
  LLVMBuildCondBr(b, inside, own, other);
  LLVMPositionBuilderAtEnd(b, own);
  LLVMValueRef to_row = LLVMBuildNSWMul(b, row, of->width, ""), from_row = LLVMBuildNSWMul(b, i, of->width, "");
  emitted_loop l = emit_loop_begin(f, emitter_integer(e, 0), of->width, "column");
  f->in_independent_loop = true;
  LLVMValueRef to = LLVMBuildNSWAdd(b, to_row, l.variable, "");
  LLVMValueRef added = load(f, updates, LLVMBuildNSWAdd(b, from_row, l.variable, ""));
  store(f, out, to, LLVMBuildFAdd(b, load(f, out, to), added, ""));
  f->in_independent_loop = false;
  emit_loop_end(f, &l, 1, true);
  LLVMBuildBr(b, other);
  LLVMPositionBuilderAtEnd(b, other);
}

void emit_scatter(function *f, const statement *s) {
  scatter of = {.s = s,
                .from = emit_subscript(f, s->scatter.from),
                .to = emit_subscript(f, s->scatter.to),
                .width = emit_subscript(f, s->scatter.width)};
  LLVMValueRef count = emit_subscript(f, s->scatter.count);
  clear_rows(f, &of);
  emitted_loop l = emit_loop_begin(f, emitter_integer(f->e, 0), count, "row");
  add_row(f, &of, l.variable);
  emit_loop_end(f, &l, 1, false);
}
