/* The register tiles of contractions: what runtime/core/contract.c needs of the target, as functions of vectors that
 * any target of LLVM has code for. */
#ifndef RETORT_EMIT_TILES_H
#define RETORT_EMIT_TILES_H

#include "compiler/emit/emitter.h"

/* The address of the module's retort_tiles, made when it is asked for first. The builder comes back as it was. */
LLVMValueRef emit_tiles(emitter *e);

#endif
