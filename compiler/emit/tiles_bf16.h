/* The register tiles of contractions whose operands are rounded to bf16: what runtime/core/contract.c needs for them of
 * a target that multiplies bf16 (target_multiplies_bf16). */
#ifndef RETORT_EMIT_TILES_BF16_H
#define RETORT_EMIT_TILES_BF16_H

#include "compiler/emit/emitter.h"

/* The address of the module's retort_bf16_tiles, made when it is asked for first. The builder comes back as it was. */
LLVMValueRef emit_bf16_tiles(emitter *e);

#endif
