/* What the files of the emitter share: the module under construction, and the function under construction. */
#ifndef RETORT_EMIT_EMITTER_H
#define RETORT_EMIT_EMITTER_H

#include "compiler/emit/target.h"
#include "compiler/kernel/kernel.h"
#include <llvm-c/DebugInfo.h>

typedef struct emitter {
  arena *arena;
  const char *name; /* of the module */
  const step *step; /* under construction */
  const target *target;
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef builder;
  LLVMDIBuilderRef debug;
  LLVMMetadataRef debug_unit;
  LLVMTypeRef type_void, type_bool, type_i8, type_i32, type_i64, type_f32, type_pointer;
  LLVMTypeRef type_context, type_phase, type_parallel, type_parallel_parts, type_sgemm, type_contract, type_run;
  LLVMValueRef parallel, parallel_parts, sgemm, contract, run; /* runtime/core's */
  LLVMValueRef tiles;                                          /* tiles.h; NULL until used */
  LLVMValueRef contract_bf16, bf16_tiles;                      /* the same, of tiles_bf16.h */
  unsigned kind_access_group, kind_alias_scope, kind_noalias, kind_loop;
  LLVMMetadataRef access_group; /* of all accesses in independent innermost loops */
} emitter;

/* Results that have been computed already, by the address of what they are the result of. */
typedef struct memo {
  int capacity, count; /* capacity is zero or a power of two */
  struct memo_entry {
    const void *key;
    LLVMValueRef value;
  } * entries;
} memo;

/* A phase of a kernel, or the function that runs its phases. */
typedef struct function {
  emitter *e;
  const kernel *kernel;
  const struct phase *phase; /* NULL: the function that runs them */
  LLVMValueRef value;
  LLVMBuilderRef entry;   /* inserts where everything that does not change is computed, once */
  LLVMValueRef fields[9]; /* of the retort_context, by position; NULL until used */
  LLVMValueRef *buffers, *sizes, *variables, *registers;
  LLVMValueRef *random_seeds, *random_steps;      /* by buffer: its two numbers */
  LLVMMetadataRef *buffer_scope, *buffer_noalias; /* alias metadata by buffer; of phases */
  memo dims;                                      /* of the whole function */
  memo statement;                                 /* of the statement under construction */
  LLVMMetadataRef scope;                          /* debug information */
  const source_file *file;
  bool in_independent_loop; /* an innermost one */
  LLVMValueRef lane;        /* in a loop whose sums are taken by lanes (lanes.c): which one; else NULL */
  LLVMValueRef *lane_sums;  /* by register: the sums of its lanes; NULL until used */
} function;

/* ---- emitter.c ---- */

void emitter_start(emitter *e, arena *a, const char *name, const target *t);
void emitter_finish(emitter *e);
LLVMTypeRef emitter_type(const emitter *e, dtype d);            /* of a value */
LLVMTypeRef emitter_memory_type(const emitter *e, dtype d);     /* of an element of a buffer */
LLVMValueRef emitter_integer(const emitter *e, int64_t number); /* i64 */

/* A new internal function of that name and type, with an open entry block; the builder is left in the block behind. The
 * first parameter is the retort_context. */
function *function_start(emitter *e, const kernel *k, const char *name, LLVMTypeRef type, span where);
/* Returns void, closes the entry block. */
void function_finish(function *f);
/* The line that the next instructions belong to. */
void function_set_line(function *f, span where);
/* A field of the retort_context. */
enum context_field {
  FIELD_POINTERS,
  FIELD_BUFFERS,
  FIELD_VALUES,
  FIELD_SIZES,
  FIELD_DIMS,
  FIELD_THREADS,
  FIELD_PARTS,
  FIELD_PACKING,
  FIELD_WORKERS,
  FIELD_COUNT
};
LLVMValueRef function_field(function *f, enum context_field field);
/* Into how many parts its work is cut at most. */
LLVMValueRef function_threads(function *f);
LLVMValueRef function_buffer(function *f, int buffer);
LLVMValueRef function_size(function *f, int size);

LLVMValueRef memo_find(const memo *m, const void *key);
void memo_add(arena *a, memo *m, const void *key, LLVMValueRef result);
void memo_clear(memo *m);

/* ---- value.c ---- */

LLVMValueRef emit_subscript(function *f, const subscript *s); /* i64 */
LLVMValueRef emit_value(function *f, const value *v);
/* The address of an element. */
LLVMValueRef emit_element(function *f, int buffer, const subscript *index);
/* Tells LLVM with which accesses this load or store cannot interfere. */
void emit_access(function *f, LLVMValueRef access, int buffer);

/* ---- loop.c ---- */

typedef struct emitted_loop {
  LLVMBasicBlockRef before, body, end;
  LLVMValueRef variable, from, to;
} emitted_loop;

/* if (from < to) { variable = from; do …, variable += step while (variable < to) }: guarded and rotated, as LLVM's loop
 * passes want it. The builder is left in the body, then behind the loop. */
emitted_loop emit_loop_begin(function *f, LLVMValueRef from, LLVMValueRef to, const char *name);
/* `independent`: no iteration depends on another through accesses that emit_access marked in_independent_loop. */
void emit_loop_end(function *f, const emitted_loop *l, int64_t increment, bool independent);

/* ---- lanes.c: sums of reproducible code ---- */

/* Whether a loop's sums are to be taken by lanes. */
bool loop_sums_by_lanes(const function *f, const statement *s);
void emit_loop_by_lanes(function *f, const statement *s);
/* The current lane's sum of a register += number. */
void emit_lane_add(function *f, int number, LLVMValueRef added);

/* ---- kernel.c ---- */

void emit_block(function *f, const block *body);

/* The kernel as a function of the retort_context. */
LLVMValueRef emit_kernel(emitter *e, const kernel *k);

/* ---- tables.c ---- */

/* The constants of the step, its signature, and the function that runs it. kernels[i] is step->kernels[i]'s. */
void emit_tables(emitter *e, const char *symbol, LLVMValueRef const *kernels);

#endif
