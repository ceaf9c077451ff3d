/* From a step to code: one module with a function for each phase of each distinct kernel, a function that runs the
 * phases of each kernel, and the tables from which retort_step_run runs the step. */
#ifndef RETORT_EMIT_H
#define RETORT_EMIT_H

#include "compiler/emit/target.h"
#include "compiler/kernel/kernel.h"

typedef enum {
  EMIT_LLVM,      /* LLVM's text, as emitted */
  EMIT_OPTIMIZED, /* LLVM's text after its optimizer */
  EMIT_ASSEMBLY,
  EMIT_OBJECT
} emit_form;

/* Appends the code to `to`. The module defines the symbols emit_symbol(s) (a retort_function), and that name followed
 * by
 * `_signature` and by `_step` (a retort_step, for profiles). Returns NULL, or what is wrong in the arena. */
const char *emit_step(arena *a, const step *s, const target *t, emit_form form, text *to);

/* The same for several steps in one module. */
const char *emit_steps(arena *a, int count, const step *const *steps, const target *t, emit_form form, text *to);

/* An object with nothing but the target's retort_tiles under that symbol: for tests and measurements of them alone. */
const char *emit_tiles_alone(arena *a, const target *t, const char *symbol, text *to);
/* The same with its retort_bf16_tiles; the target multiplies bf16. */
const char *emit_bf16_tiles_alone(arena *a, const target *t, const char *symbol, text *to);

/* The step's name with everything that a C identifier cannot hold replaced by `_`. */
const char *emit_symbol(arena *a, const char *step_name);

#endif
