/* Links object bytes into this process. */
#include "compiler/link/jit.h"
#include "runtime/core/retort.h"
#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>
#include <stdlib.h>

struct linked_object {
  LLVMOrcLLJITRef jit;
};

/* The functions that emitted code calls. They are given by address, so that the program need not export them. */
static const struct runtime_symbol {
  const char *name;
  void (*address)(void);
} runtime_symbols[] = {
    {"retort_step_run", (void (*)(void))retort_step_run},
    {"retort_parallel", (void (*)(void))retort_parallel},
    {"retort_parallel_parts", (void (*)(void))retort_parallel_parts},
    {"retort_sgemm", (void (*)(void))retort_sgemm},
    {"retort_contract", (void (*)(void))retort_contract},
    {"retort_contract_bf16", (void (*)(void))retort_contract_bf16},
};
enum { RUNTIME_SYMBOL_COUNT = sizeof runtime_symbols / sizeof *runtime_symbols };

static const char *take_error(arena *a, LLVMErrorRef failure) {
  char *message = LLVMGetErrorMessage(failure);
  const char *copy = arena_print(a, "%s", message);
  LLVMDisposeErrorMessage(message);
  return copy;
}

static LLVMErrorRef define_runtime(LLVMOrcLLJITRef jit) {
  LLVMOrcCSymbolMapPair pairs[RUNTIME_SYMBOL_COUNT];
  for (int i = 0; i < RUNTIME_SYMBOL_COUNT; i++)
    pairs[i] = (LLVMOrcCSymbolMapPair){
        .Name = LLVMOrcLLJITMangleAndIntern(jit, runtime_symbols[i].name),
        .Sym = {.Address = (LLVMOrcExecutorAddress)(uintptr_t)runtime_symbols[i].address,
                .Flags = {.GenericFlags = LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable}}};
  LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit);
  LLVMErrorRef failure = LLVMOrcJITDylibDefine(library, LLVMOrcAbsoluteSymbols(pairs, RUNTIME_SYMBOL_COUNT));
  if (failure)
    return failure;
  LLVMOrcDefinitionGeneratorRef process;
  failure =
      LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL);
  if (!failure)
    LLVMOrcJITDylibAddGenerator(library, process);
  return failure;
}

linked_object *jit_link(arena *a, const void *bytes, size_t size, const char **error) {
  if (LLVMInitializeNativeTarget() || LLVMInitializeNativeAsmPrinter()) {
    *error = "LLVM has no code generator for this machine";
    return NULL;
  }
  linked_object *o = calloc(1, sizeof *o);
  if (!o) {
    *error = "out of memory";
    return NULL;
  }
  LLVMErrorRef failure = LLVMOrcCreateLLJIT(&o->jit, NULL);
  if (!failure)
    failure = define_runtime(o->jit);
  if (!failure) {
    LLVMMemoryBufferRef copy = LLVMCreateMemoryBufferWithMemoryRangeCopy(bytes, size, "step.o");
    failure = LLVMOrcLLJITAddObjectFile(o->jit, LLVMOrcLLJITGetMainJITDylib(o->jit), copy);
  }
  if (!failure)
    return o;
  *error = take_error(a, failure);
  jit_unlink(o);
  return NULL;
}

void *jit_symbol(linked_object *o, arena *a, const char *name, const char **error) {
  LLVMOrcExecutorAddress address = 0;
  LLVMErrorRef failure = LLVMOrcLLJITLookup(o->jit, &address, name);
  if (failure) {
    *error = take_error(a, failure);
    return NULL;
  }
  return (void *)(uintptr_t)address;
}

void jit_unlink(linked_object *o) {
  if (!o)
    return;
  if (o->jit) {
    LLVMErrorRef failure = LLVMOrcDisposeLLJIT(o->jit);
    if (failure)
      LLVMConsumeError(failure);
  }
  free(o);
}
