/* Loops. */
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
