/* The machine that code is made for: its name, its features, LLVM's optimizer and code generator for it. */
#ifndef RETORT_EMIT_TARGET_H
#define RETORT_EMIT_TARGET_H

#include "compiler/source/arena.h"
#include <llvm-c/Core.h>
#include <stdbool.h>

typedef struct target target;
struct retort_cost;

/* `cpu` is a name of LLVM's; NULL or "native": the host's. NULL and *error (in the arena) when it is unknown. Lives
 * until target_destroy. */
target *target_create(arena *a, const char *cpu, const char **error);
void target_destroy(target *t);

/* By whose code contractions are computed; target_create chooses CONTRACTIONS_AUTO. */
typedef enum {
  CONTRACTIONS_AUTO, /* by sizes, where the target is one for which that was measured; else the library's */
  CONTRACTIONS_EMITTED,
  CONTRACTIONS_LIBRARY
} contraction_code;
/* "auto", "emitted", "blas"; false: another word. */
bool contractions_read(const char *word, contraction_code *found);
const char *contractions_name(contraction_code by);
void target_set_contractions(target *t, contraction_code by);
contraction_code target_contractions(const target *t);
/* Code by which each element of a result depends on what it is computed from alone, not on how much else is computed
 * with it, on padding or on threads: contractions by emitted code whatever was set, each operation rounded by itself,
 * sums in an order that what follows does not change. */
void target_set_reproducible(target *t, bool reproducible);
bool target_reproducible(const target *t);
/* What contractions cost on the target by tiles and by the library, when that was measured: by it CONTRACTIONS_AUTO
 * chooses. They must live as long as the target; NULL, as target_create leaves it: not known. */
void target_set_costs(target *t, const struct retort_cost *costs);
const struct retort_cost *target_costs(const target *t);
/* How many floats a vector of the target has: 16, 8 or 4; and how many registers hold one. */
int target_vector_floats(const target *t);
int target_vector_registers(const target *t);
/* Whether it has AVX512-BF16. */
bool target_multiplies_bf16(const target *t);

/* The name and the features of the CPU, and what was set, as one line: for cache keys and messages. */
const char *target_describe(const target *t);
/* Whether this machine can run the code. */
bool target_is_runnable(const target *t);
/* Gives the module the target's triple and data layout, a function the target's attributes. */
void target_set_module(const target *t, LLVMModuleRef module);
void target_set_function(const target *t, LLVMValueRef function);

/* Each returns NULL or what LLVM says is wrong, in the arena. */
const char *target_optimize(const target *t, arena *a, LLVMModuleRef module);
typedef enum { TARGET_OBJECT, TARGET_ASSEMBLY } target_form;
/* *bytes is the caller's, to be disposed of by LLVMDisposeMemoryBuffer. */
const char *target_generate(const target *t, arena *a, LLVMModuleRef module, target_form form,
                            LLVMMemoryBufferRef *bytes);

#endif
