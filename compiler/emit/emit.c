/* From a step to code. */
#include "compiler/emit/emit.h"
#include "compiler/emit/emitter.h"
#include "compiler/emit/tiles.h"
#include "compiler/emit/tiles_bf16.h"
#include <ctype.h>
#include <llvm-c/Analysis.h>
#include <string.h>

const char *emit_symbol(arena *a, const char *step_name) {
  char *symbol = arena_print(a, "%s%s", isdigit((unsigned char)step_name[0]) ? "_" : "", step_name);
  for (char *c = symbol; *c; c++)
    if (!isalnum((unsigned char)*c))
      *c = '_';
  return symbol;
}

static void add_module_text(LLVMModuleRef module, text *to) {
  char *printed = LLVMPrintModuleToString(module);
  text_add_bytes(to, printed, strlen(printed));
  LLVMDisposeMessage(printed);
}

static const char *add_generated(emitter *e, emit_form form, text *to) {
  LLVMMemoryBufferRef bytes;
  const char *wrong =
      target_generate(e->target, e->arena, e->module, form == EMIT_OBJECT ? TARGET_OBJECT : TARGET_ASSEMBLY, &bytes);
  if (wrong)
    return wrong;
  text_add_bytes(to, LLVMGetBufferStart(bytes), LLVMGetBufferSize(bytes));
  LLVMDisposeMemoryBuffer(bytes);
  return NULL;
}

#ifndef NDEBUG
static const char *verify(emitter *e) {
  char *message = NULL;
  LLVMBool broken = LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message);
  const char *wrong = broken ? arena_print(e->arena, "%s", message) : NULL;
  LLVMDisposeMessage(message);
  return wrong;
}
#else
static const char *verify(emitter *e) {
  (void)e;
  return NULL;
}
#endif

/* What LLVM was allowed, to round products and sums once together and to reorder sums, it uses as suits vectors. */
static void make_strict(LLVMModuleRef module) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
    for (LLVMBasicBlockRef part = LLVMGetFirstBasicBlock(f); part; part = LLVMGetNextBasicBlock(part))
      for (LLVMValueRef i = LLVMGetFirstInstruction(part); i; i = LLVMGetNextInstruction(i))
        if (LLVMCanValueUseFastMathFlags(i))
          LLVMSetFastMathFlags(i, LLVMFastMathNone);
}

static const char *finish_module(emitter *e, emit_form form, text *to) {
  const char *wrong = verify(e);
  if (target_reproducible(e->target))
    make_strict(e->module);
  if (!wrong && form == EMIT_LLVM) {
    add_module_text(e->module, to);
    return NULL;
  }
  if (!wrong)
    wrong = target_optimize(e->target, e->arena, e->module);
  if (!wrong && form == EMIT_OPTIMIZED) {
    add_module_text(e->module, to);
    return NULL;
  }
  return wrong ? wrong : add_generated(e, form, to);
}

const char *emit_steps(arena *a, int count, const step *const *steps, const target *t, emit_form form, text *to) {
  emitter e;
  emitter_start(&e, a, steps[0]->name, t);
  for (int i = 0; i < count; i++) {
    e.step = steps[i];
    LLVMValueRef *kernels = arena_array(a, LLVMValueRef, e.step->kernel_count + 1);
    for (int k = 0; k < e.step->kernel_count; k++)
      kernels[k] = emit_kernel(&e, e.step->kernels[k]);
    emit_tables(&e, emit_symbol(a, e.step->name), kernels);
  }
  LLVMDIBuilderFinalize(e.debug);
  const char *wrong = finish_module(&e, form, to);
  emitter_finish(&e);
  return wrong;
}

const char *emit_step(arena *a, const step *s, const target *t, emit_form form, text *to) {
  return emit_steps(a, 1, &s, t, form, to);
}

static const char *emit_alone(arena *a, const target *t, const char *symbol, LLVMValueRef make(emitter *e), text *to) {
  emitter e;
  emitter_start(&e, a, symbol, t);
  LLVMValueRef tiles = make(&e);
  LLVMSetLinkage(tiles, LLVMExternalLinkage);
  LLVMSetValueName2(tiles, symbol, strlen(symbol));
  LLVMDIBuilderFinalize(e.debug);
  const char *wrong = finish_module(&e, EMIT_OBJECT, to);
  emitter_finish(&e);
  return wrong;
}

const char *emit_tiles_alone(arena *a, const target *t, const char *symbol, text *to) {
  return emit_alone(a, t, symbol, emit_tiles, to);
}

const char *emit_bf16_tiles_alone(arena *a, const target *t, const char *symbol, text *to) {
  return emit_alone(a, t, symbol, emit_bf16_tiles, to);
}
