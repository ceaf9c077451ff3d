/* The module under construction, and the function under construction. */
#include "compiler/emit/emitter.h"
#include <llvm-c/IRReader.h>
#include <string.h>

/* ---- the module ---- */

static void start_types(emitter *e) {
  LLVMContextRef c = e->context;
  e->type_void = LLVMVoidTypeInContext(c);
  e->type_bool = LLVMInt1TypeInContext(c);
  e->type_i8 = LLVMInt8TypeInContext(c);
  e->type_i32 = LLVMInt32TypeInContext(c);
  e->type_i64 = LLVMInt64TypeInContext(c);
  e->type_f32 = LLVMFloatTypeInContext(c);
  e->type_pointer = LLVMPointerTypeInContext(c, 0);
  LLVMTypeRef p = e->type_pointer, i32 = e->type_i32, i64 = e->type_i64, f32 = e->type_f32;
  e->type_context = LLVMStructTypeInContext(c, (LLVMTypeRef[]){p, p, p, p, p, i64, i64, p, i64}, 9, false);
  e->type_phase = LLVMFunctionType(e->type_void, (LLVMTypeRef[]){p, i64, i64, i64}, 4, false);
  e->type_parallel = LLVMFunctionType(e->type_void, (LLVMTypeRef[]){p, p, i64, i32}, 4, false);
  e->type_parallel_parts = LLVMFunctionType(e->type_void, (LLVMTypeRef[]){p, p, i64, i32, i32}, 5, false);
  e->type_sgemm = LLVMFunctionType(
      e->type_void, (LLVMTypeRef[]){i32, i32, i64, i64, i64, f32, p, i64, p, i64, f32, p, i64, i32}, 14, false);
  e->type_contract = LLVMFunctionType(
      e->type_void, (LLVMTypeRef[]){p, p, i32, i32, i64, i64, i64, f32, p, i64, p, i64, f32, p, i64, i32}, 16, false);
  e->type_run = LLVMFunctionType(i32, (LLVMTypeRef[]){p, p}, 2, false);
}

static unsigned metadata_kind(const emitter *e, const char *name) {
  return LLVMGetMDKindIDInContext(e->context, name, (unsigned)strlen(name));
}

static void start_debug(emitter *e) {
  e->debug = LLVMCreateDIBuilder(e->module);
  LLVMMetadataRef file = LLVMDIBuilderCreateFile(e->debug, e->name, strlen(e->name), "", 0);
  e->debug_unit =
      LLVMDIBuilderCreateCompileUnit(e->debug, LLVMDWARFSourceLanguageC11, file, "retort", 6, true, "", 0, 0, "", 0,
                                     LLVMDWARFEmissionLineTablesOnly, 0, false, false, "", 0, "", 0);
  static const char version[] = "Debug Info Version";
  LLVMAddModuleFlag(e->module, LLVMModuleFlagBehaviorWarning, version, sizeof version - 1,
                    LLVMValueAsMetadata(LLVMConstInt(e->type_i32, LLVMDebugMetadataVersion(), false)));
}

/* An access group is a distinct node without operands, which only LLVM's parser can make. It is the context's, so it
 * outlives the module that it is read from. */
static LLVMMetadataRef make_access_group(LLVMContextRef context) {
  static const char source[] = "!group = !{!0}\n!0 = distinct !{}\n";
  LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(source, sizeof source - 1, "group", true);
  LLVMModuleRef module = NULL;
  char *message = NULL;
  if (LLVMParseIRInContext(context, buffer, &module, &message)) {
    LLVMDisposeMessage(message);
    return NULL;
  }
  LLVMValueRef group = NULL;
  LLVMGetNamedMetadataOperands(module, "group", &group);
  LLVMMetadataRef result = LLVMValueAsMetadata(group);
  LLVMDisposeModule(module);
  return result;
}

/* The optimizer's remarks are for compiler writers. */
static void ignore_diagnostic(LLVMDiagnosticInfoRef information, void *context) {
  (void)information;
  (void)context;
}

void emitter_start(emitter *e, arena *a, const char *name, const target *t) {
  *e = (emitter){.arena = a, .name = name, .target = t};
  e->context = LLVMContextCreate();
  LLVMContextSetDiagnosticHandler(e->context, ignore_diagnostic, NULL);
  e->module = LLVMModuleCreateWithNameInContext(name, e->context);
  target_set_module(t, e->module);
  e->builder = LLVMCreateBuilderInContext(e->context);
  start_types(e);
  start_debug(e);
  e->access_group = make_access_group(e->context);
  e->kind_access_group = metadata_kind(e, "llvm.access.group");
  e->kind_alias_scope = metadata_kind(e, "alias.scope");
  e->kind_noalias = metadata_kind(e, "noalias");
  e->kind_loop = metadata_kind(e, "llvm.loop");
  e->parallel = LLVMAddFunction(e->module, "retort_parallel", e->type_parallel);
  e->parallel_parts = LLVMAddFunction(e->module, "retort_parallel_parts", e->type_parallel_parts);
  e->sgemm = LLVMAddFunction(e->module, "retort_sgemm", e->type_sgemm);
  e->contract = LLVMAddFunction(e->module, "retort_contract", e->type_contract);
  e->contract_bf16 = LLVMAddFunction(e->module, "retort_contract_bf16", e->type_contract);
  e->run = LLVMAddFunction(e->module, "retort_step_run", e->type_run);
}

void emitter_finish(emitter *e) {
  LLVMDisposeDIBuilder(e->debug);
  LLVMDisposeBuilder(e->builder);
  LLVMDisposeModule(e->module);
  LLVMContextDispose(e->context);
}

LLVMTypeRef emitter_type(const emitter *e, dtype d) {
  switch (d) {
  case DTYPE_BOOL:
    return e->type_bool;
  case DTYPE_I32:
    return e->type_i32;
  case DTYPE_I64:
    return e->type_i64;
  case DTYPE_F32:
    break;
  }
  return e->type_f32;
}

LLVMTypeRef emitter_memory_type(const emitter *e, dtype d) {
  return d == DTYPE_BOOL ? e->type_i8 : emitter_type(e, d);
}

LLVMValueRef emitter_integer(const emitter *e, int64_t number) {
  return LLVMConstInt(e->type_i64, (unsigned long long)number, true);
}

/* ---- a function ---- */

static LLVMMetadataRef debug_file(const emitter *e, const source_file *file) {
  const char *path = file ? file->path : e->name;
  return LLVMDIBuilderCreateFile(e->debug, path, strlen(path), "", 0);
}

static void start_scope(function *f, const char *name, span where) {
  emitter *e = f->e;
  LLVMMetadataRef file = debug_file(e, where.file);
  LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(e->debug, file, NULL, 0, LLVMDIFlagZero);
  f->scope =
      LLVMDIBuilderCreateFunction(e->debug, file, name, strlen(name), name, strlen(name), file, (unsigned)where.line,
                                  type, true, true, (unsigned)where.line, LLVMDIFlagZero, true);
  f->file = where.file;
  LLVMSetSubprogram(f->value, f->scope);
}

/* Distinct buffers never overlap: a scope for each, and for each the scopes of all others. */
static void start_alias_scopes(function *f) {
  emitter *e = f->e;
  int count = f->kernel->buffer_count;
  LLVMMetadataRef *scopes = arena_array(e->arena, LLVMMetadataRef, count + 1);
  f->buffer_scope = arena_array(e->arena, LLVMMetadataRef, count + 1);
  f->buffer_noalias = arena_array(e->arena, LLVMMetadataRef, count + 1);
  /* A node is distinct when it refers to something of its own: here a text with the function's name. */
  const char *name = arena_print(e->arena, "%s", LLVMGetValueName(f->value));
  LLVMMetadataRef label = LLVMMDStringInContext2(e->context, name, strlen(name));
  LLVMMetadataRef domain = LLVMMDNodeInContext2(e->context, &label, 1);
  for (int i = 0; i < count; i++) {
    const char *own = arena_print(e->arena, "%s p%d", name, i);
    LLVMMetadataRef parts[] = {LLVMMDStringInContext2(e->context, own, strlen(own)), domain};
    scopes[i] = LLVMMDNodeInContext2(e->context, parts, 2);
    f->buffer_scope[i] = LLVMMDNodeInContext2(e->context, &scopes[i], 1);
  }
  LLVMMetadataRef *others = arena_array(e->arena, LLVMMetadataRef, count + 1);
  for (int i = 0; i < count; i++) {
    int other_count = 0;
    for (int j = 0; j < count; j++)
      if (j != i)
        others[other_count++] = scopes[j];
    f->buffer_noalias[i] = LLVMMDNodeInContext2(e->context, others, (size_t)other_count);
  }
}

function *function_start(emitter *e, const kernel *k, const char *name, LLVMTypeRef type, span where) {
  function *f = arena_new(e->arena, function);
  f->e = e;
  f->kernel = k;
  f->value = LLVMAddFunction(e->module, name, type);
  LLVMSetLinkage(f->value, LLVMInternalLinkage);
  target_set_function(e->target, f->value);
  f->buffers = arena_array(e->arena, LLVMValueRef, k->buffer_count + 1);
  f->random_seeds = arena_array(e->arena, LLVMValueRef, k->buffer_count + 1);
  f->random_steps = arena_array(e->arena, LLVMValueRef, k->buffer_count + 1);
  f->sizes = arena_array(e->arena, LLVMValueRef, k->size_count + 1);
  f->variables = arena_array(e->arena, LLVMValueRef, k->variable_count + 1);
  f->registers = arena_array(e->arena, LLVMValueRef, k->register_count + 1);
  f->lane_sums = arena_array(e->arena, LLVMValueRef, k->register_count + 1);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(e->context, f->value, "entry");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(e->context, f->value, "body");
  f->entry = LLVMCreateBuilderInContext(e->context);
  LLVMPositionBuilderAtEnd(f->entry, entry);
  LLVMPositionBuilderAtEnd(e->builder, body);
  start_scope(f, name, where);
  start_alias_scopes(f);
  function_set_line(f, where);
  LLVMSetCurrentDebugLocation2(f->entry, LLVMGetCurrentDebugLocation2(e->builder));
  return f;
}

void function_finish(function *f) {
  LLVMBuildRetVoid(f->e->builder);
  LLVMBuildBr(f->entry, LLVMGetNextBasicBlock(LLVMGetInsertBlock(f->entry)));
  LLVMDisposeBuilder(f->entry);
  LLVMDIBuilderFinalizeSubprogram(f->e->debug, f->scope);
}

void function_set_line(function *f, span where) {
  emitter *e = f->e;
  LLVMMetadataRef scope = f->scope;
  if (where.file && where.file != f->file)
    scope = LLVMDIBuilderCreateLexicalBlockFile(e->debug, scope, debug_file(e, where.file), 0);
  LLVMSetCurrentDebugLocation2(e->builder, LLVMDIBuilderCreateDebugLocation(e->context, (unsigned)where.line,
                                                                            (unsigned)where.column, scope, NULL));
}

LLVMValueRef function_field(function *f, enum context_field field) {
  if (!f->fields[field]) {
    emitter *e = f->e;
    bool number = field == FIELD_THREADS || field == FIELD_PARTS || field == FIELD_WORKERS;
    LLVMTypeRef type = number ? e->type_i64 : e->type_pointer;
    LLVMValueRef at = LLVMBuildStructGEP2(f->entry, e->type_context, LLVMGetParam(f->value, 0), field, "");
    f->fields[field] = LLVMBuildLoad2(f->entry, type, at, "");
  }
  return f->fields[field];
}

LLVMValueRef function_threads(function *f) {
  return function_field(f, f->kernel->sums_across ? FIELD_THREADS : FIELD_WORKERS);
}

/* field_of_step[field_of_call[number]] */
static LLVMValueRef indirect(function *f, enum context_field of_step, enum context_field of_call, int number,
                             LLVMTypeRef type) {
  emitter *e = f->e;
  LLVMValueRef offset = emitter_integer(e, number);
  LLVMValueRef at = LLVMBuildInBoundsGEP2(f->entry, e->type_i32, function_field(f, of_call), &offset, 1, "");
  LLVMValueRef index = LLVMBuildZExt(f->entry, LLVMBuildLoad2(f->entry, e->type_i32, at, ""), e->type_i64, "");
  at = LLVMBuildInBoundsGEP2(f->entry, type, function_field(f, of_step), &index, 1, "");
  return LLVMBuildLoad2(f->entry, type, at, "");
}

LLVMValueRef function_buffer(function *f, int buffer) {
  if (!f->buffers[buffer])
    f->buffers[buffer] = indirect(f, FIELD_POINTERS, FIELD_BUFFERS, buffer, f->e->type_pointer);
  return f->buffers[buffer];
}

LLVMValueRef function_size(function *f, int size) {
  if (!f->sizes[size])
    f->sizes[size] = indirect(f, FIELD_VALUES, FIELD_SIZES, size, f->e->type_i64);
  return f->sizes[size];
}

/* ---- memos ---- */

static int memo_slot(const memo *m, const void *key) {
  uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15) >> 32;
  int slot = (int)(hash & (uint64_t)(m->capacity - 1));
  while (m->entries[slot].key && m->entries[slot].key != key)
    slot = (slot + 1) & (m->capacity - 1);
  return slot;
}

LLVMValueRef memo_find(const memo *m, const void *key) {
  return m->capacity ? m->entries[memo_slot(m, key)].value : NULL;
}

void memo_add(arena *a, memo *m, const void *key, LLVMValueRef result) {
  if (m->count * 2 >= m->capacity) {
    memo larger = {.capacity = m->capacity ? m->capacity * 2 : 64};
    larger.entries = arena_array(a, struct memo_entry, larger.capacity);
    for (int i = 0; i < m->capacity; i++)
      if (m->entries[i].key)
        memo_add(a, &larger, m->entries[i].key, m->entries[i].value);
    *m = larger;
  }
  m->entries[memo_slot(m, key)] = (struct memo_entry){key, result};
  m->count++;
}

void memo_clear(memo *m) {
  if (m->count)
    memset(m->entries, 0, sizeof *m->entries * (size_t)m->capacity);
  m->count = 0;
}
