/* Register tiles of AVX512-BF16, whose instruction vdpbf16ps adds to each float of a vector the sum of two products of
 * bf16: the tiles of tiles.c over words of two numbers that follow each other in depth.
 *
 * What makes such words of float32 is here too: from rows along the depth, by transposing squares of words, and from
 * rows across it, by interleaving two. Rounding is the instruction's: to nearest, ties to even, denormals to zero. */
#include "compiler/emit/tiles_bf16.h"
#include "compiler/emit/tile_parts.h"
#include <string.h>

enum { LANES = 16, COLUMNS = 2 * LANES };

static const int heights[] = {12, 8, 4, 1};
enum { HEIGHT_COUNT = sizeof heights / sizeof *heights };

static LLVMTypeRef type_words(const emitter *e) {
  return LLVMVectorType(e->type_i32, LANES);
}

static LLVMTypeRef type_floats(const emitter *e) {
  return LLVMVectorType(e->type_f32, LANES);
}

static LLVMTypeRef type_halves(const emitter *e, unsigned count) {
  return LLVMVectorType(LLVMBFloatTypeInContext(e->context), count);
}

static LLVMValueRef call_intrinsic(emitter *e, const char *name, unsigned count, LLVMValueRef *arguments) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef intrinsic = LLVMGetIntrinsicDeclaration(e->module, id, NULL, 0);
  return LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, NULL, 0), intrinsic, arguments, count, "");
}

static LLVMValueRef multiply_add(emitter *e, LLVMValueRef left, LLVMValueRef right, LLVMValueRef sum) {
  LLVMTypeRef halves = type_halves(e, 2 * LANES);
  LLVMValueRef arguments[] = {sum, LLVMBuildBitCast(e->builder, left, halves, ""),
                              LLVMBuildBitCast(e->builder, right, halves, "")};
  return call_intrinsic(e, "llvm.x86.avx512bf16.dpbf16ps.512", 3, arguments);
}

/* ---- words ---- */

static LLVMValueRef word_at(emitter *e, LLVMValueRef base, LLVMValueRef offset) {
  return LLVMBuildInBoundsGEP2(e->builder, e->type_f32, base, &offset, 1, "");
}

/* The lanes from `first` on that are below `count`. */
static LLVMValueRef lanes_below(emitter *e, int first, LLVMValueRef count) {
  LLVMValueRef lanes[LANES];
  for (int i = 0; i < LANES; i++)
    lanes[i] = LLVMConstInt(e->type_i32, (unsigned long long)(first + i), false);
  LLVMValueRef narrow = LLVMBuildTrunc(e->builder, count, e->type_i32, "");
  return LLVMBuildICmp(e->builder, LLVMIntSLT, LLVMConstVector(lanes, LANES), tile_splat(e, type_words(e), narrow), "");
}

/* Zero where the mask is not. */
static LLVMValueRef load_masked(emitter *e, LLVMValueRef at, LLVMValueRef mask) {
  LLVMTypeRef vector = type_floats(e);
  LLVMValueRef alignment = LLVMConstInt(e->type_i32, sizeof(float), false);
  return tile_call_masked(e, "llvm.masked.load", vector, 4,
                          (LLVMValueRef[]){at, alignment, mask, LLVMConstNull(vector)});
}

/* Both rounded, the first in the lower half. */
static LLVMValueRef round_two(emitter *e, LLVMValueRef first, LLVMValueRef second) {
  return call_intrinsic(e, "llvm.x86.avx512bf16.cvtne2ps2bf16.512", 2, (LLVMValueRef[]){second, first});
}

static void store_words(emitter *e, LLVMValueRef stored, LLVMValueRef at) {
  LLVMSetAlignment(LLVMBuildStore(e->builder, stored, at), sizeof(float));
}

static LLVMValueRef lesser(emitter *e, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, x, y, ""), x, y, "");
}

static LLVMTypeRef type_packer(emitter *e) {
  LLVMTypeRef p = e->type_pointer, i64 = e->type_i64;
  return LLVMFunctionType(e->type_void, (LLVMTypeRef[]){p, i64, i64, i64, p, i64}, 6, false);
}

enum packer_parameter { FROM, STRIDE, ROWS, WIDTH, TO, TO_STRIDE };

/* The words of a square go to rows [half, half + LANES) of the result, as many as there are. */
static void store_square(function *f, LLVMValueRef const *words, LLVMValueRef half, LLVMValueRef left) {
  emitter *e = f->e;
  LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(e->context, f->value, "done");
  LLVMValueRef to_stride = LLVMGetParam(f->value, TO_STRIDE);
  LLVMValueRef to = word_at(e, LLVMGetParam(f->value, TO), LLVMBuildMul(e->builder, half, to_stride, ""));
  for (int i = 0; i < LANES; i++) {
    if (i) {
      LLVMBasicBlockRef next = LLVMAppendBasicBlockInContext(e->context, f->value, "word");
      LLVMValueRef wanted = LLVMBuildICmp(e->builder, LLVMIntSGT, left, emitter_integer(e, (int64_t)2 * i), "");
      LLVMBuildCondBr(e->builder, wanted, next, done);
      LLVMPositionBuilderAtEnd(e->builder, next);
      to = word_at(e, to, to_stride);
    }
    store_words(e, words[i], to);
  }
  LLVMBuildBr(e->builder, done);
  LLVMPositionBuilderAtEnd(e->builder, done);
}

/* retort_bf16_tiles.along: squares of LANES rows and twice as many numbers. Missing rows repeat the last. */
static LLVMValueRef emit_along(emitter *e) {
  function f;
  LLVMBuilderRef b = tile_start_function(&f, e, "pack.along", type_packer(e));
  LLVMValueRef from = LLVMGetParam(f.value, FROM), width = LLVMGetParam(f.value, WIDTH);
  LLVMValueRef last = LLVMBuildSub(b, LLVMGetParam(f.value, ROWS), emitter_integer(e, 1), "");
  LLVMValueRef starts[LANES], words[LANES];
  for (int i = 0; i < LANES; i++) {
    LLVMValueRef row = lesser(e, emitter_integer(e, i), last);
    starts[i] = word_at(e, from, LLVMBuildMul(b, row, LLVMGetParam(f.value, STRIDE), ""));
  }
  emitted_loop l = emit_loop_begin(&f, emitter_integer(e, 0), width, "number");
  LLVMValueRef left = LLVMBuildSub(b, width, l.variable, "");
  LLVMValueRef masks[] = {lanes_below(e, 0, left), lanes_below(e, LANES, left)};
  for (int i = 0; i < LANES; i++) {
    LLVMValueRef at = word_at(e, starts[i], l.variable);
    LLVMValueRef lower = load_masked(e, at, masks[0]);
    LLVMValueRef upper = load_masked(e, word_at(e, at, emitter_integer(e, LANES)), masks[1]);
    words[i] = LLVMBuildBitCast(b, round_two(e, lower, upper), type_words(e), "");
  }
  tile_transpose_square(e, words, LANES);
  LLVMValueRef half = LLVMBuildLShr(b, l.variable, emitter_integer(e, 1), "");
  store_square(&f, words, half, left);
  emit_loop_end(&f, &l, 2 * LANES, false);
  LLVMBuildRetVoid(b);
  return f.value;
}

/* Words of one number of each, the first's below. */
static LLVMValueRef interleave(emitter *e, LLVMValueRef first, LLVMValueRef second) {
  LLVMValueRef indices[2 * LANES], both = round_two(e, first, second);
  for (int i = 0; i < 2 * LANES; i++)
    indices[i] = LLVMConstInt(e->type_i32, (unsigned long long)(i / 2 + (i % 2 ? LANES : 0)), false);
  LLVMTypeRef shorts = LLVMVectorType(LLVMInt16TypeInContext(e->context), 2 * LANES);
  both = LLVMBuildBitCast(e->builder, both, shorts, "");
  LLVMValueRef order = LLVMConstVector(indices, 2 * LANES);
  LLVMValueRef mixed = LLVMBuildShuffleVector(e->builder, both, LLVMGetPoison(shorts), order, "");
  return LLVMBuildBitCast(e->builder, mixed, type_words(e), "");
}

/* retort_bf16_tiles.across: two rows at a time; behind the last of an odd number there are zeros, and so beyond the
 * width. */
static LLVMValueRef emit_across(emitter *e) {
  function f;
  LLVMBuilderRef b = tile_start_function(&f, e, "pack.across", type_packer(e));
  LLVMValueRef stride = LLVMGetParam(f.value, STRIDE), rows = LLVMGetParam(f.value, ROWS);
  LLVMValueRef width = LLVMGetParam(f.value, WIDTH), mask = lanes_below(e, 0, width);
  emitted_loop l = emit_loop_begin(&f, emitter_integer(e, 0), rows, "row");
  LLVMValueRef at = word_at(e, LLVMGetParam(f.value, FROM), LLVMBuildMul(b, l.variable, stride, ""));
  LLVMValueRef next = LLVMBuildAdd(b, l.variable, emitter_integer(e, 1), "");
  LLVMValueRef there = LLVMBuildICmp(b, LLVMIntSLT, next, rows, "");
  LLVMValueRef none = LLVMConstNull(LLVMTypeOf(mask));
  LLVMValueRef first = load_masked(e, at, mask);
  LLVMValueRef second = load_masked(e, word_at(e, at, stride), LLVMBuildSelect(b, there, mask, none, ""));
  LLVMValueRef half = LLVMBuildLShr(b, l.variable, emitter_integer(e, 1), "");
  LLVMValueRef to = LLVMBuildMul(b, half, LLVMGetParam(f.value, TO_STRIDE), "");
  store_words(e, interleave(e, first, second), word_at(e, LLVMGetParam(f.value, TO), to));
  emit_loop_end(&f, &l, 2, false);
  LLVMBuildRetVoid(b);
  return f.value;
}

/* ---- the table ---- */

static LLVMValueRef emit_heights(emitter *e, int vectors) {
  LLVMValueRef functions[HEIGHT_COUNT];
  for (int i = 0; i < HEIGHT_COUNT; i++)
    functions[i] = tile_emit(e, "tile.bf16", LANES, vectors, heights[i], multiply_add);
  return tile_constant(e, LLVMConstArray2(e->type_pointer, functions, HEIGHT_COUNT), "tiles.bf16");
}

static LLVMValueRef make_tiles(emitter *e) {
  const tiles_members m = {.lanes = LANES,
                           .columns = COLUMNS,
                           .count = HEIGHT_COUNT,
                           .always = target_reproducible(e->target) ? 2 : 1,
                           .exact = true,
                           .heights = heights,
                           .tiles = emit_heights(e, COLUMNS / LANES),
                           .narrow = emit_heights(e, 1)};
  LLVMValueRef all[] = {tiles_content(e, &m), emit_along(e), emit_across(e)};
  return tile_constant(e, LLVMConstStructInContext(e->context, all, sizeof all / sizeof *all, false), "bf16");
}

LLVMValueRef emit_bf16_tiles(emitter *e) {
  if (!e->bf16_tiles) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMMetadataRef line = LLVMGetCurrentDebugLocation2(e->builder);
    e->bf16_tiles = make_tiles(e);
    if (before)
      LLVMPositionBuilderAtEnd(e->builder, before);
    LLVMSetCurrentDebugLocation2(e->builder, line);
  }
  return e->bf16_tiles;
}
