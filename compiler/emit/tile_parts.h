/* Between the files that emit register tiles: of float32 (tiles.c), of bf16 (tiles_bf16.c). */
#ifndef RETORT_EMIT_TILE_PARTS_H
#define RETORT_EMIT_TILE_PARTS_H

#include "compiler/emit/emitter.h"

/* sum + left * right, by lanes; left and right are vectors of floats or of words that take their room. */
typedef LLVMValueRef tile_multiply(emitter *e, LLVMValueRef left, LLVMValueRef right, LLVMValueRef sum);
/* A retort_tile of at most 12 rows of one or two vectors of so many lanes; named `name.ROWSxCOLUMNS`. */
LLVMValueRef tile_emit(emitter *e, const char *name, int lanes, int vectors, int height, tile_multiply *multiply);

/* An internal function of the target, without a line of the source; the builder is left in its first block. */
LLVMBuilderRef tile_start_function(function *f, emitter *e, const char *name, LLVMTypeRef type);
/* A vector with the number in every lane. */
LLVMValueRef tile_splat(emitter *e, LLVMTypeRef vector, LLVMValueRef number);
/* llvm.masked.load or llvm.masked.store. */
LLVMValueRef tile_call_masked(emitter *e, const char *name, LLVMTypeRef vector, int count, LLVMValueRef *arguments);
/* A square of numbers, `lanes` rows of as many. */
void tile_transpose_square(emitter *e, LLVMValueRef *rows, int lanes);
/* A private constant. */
LLVMValueRef tile_constant(emitter *e, LLVMValueRef content, const char *name);

/* The members of a retort_tiles; functions and tables that are NULL are null pointers there. */
typedef struct tiles_members {
  int lanes, columns, count, always;
  bool exact;
  const int *heights;
  LLVMValueRef tiles, narrow, transpose, costs;
} tiles_members;
/* The content of a retort_tiles. */
LLVMValueRef tiles_content(emitter *e, const tiles_members *m);

#endif
