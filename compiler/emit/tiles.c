/* The register tiles of contractions.
 *
 * A tile is `height` rows and one or two vectors of columns. Its sums stay in registers over the whole depth: of each
 * step in depth it loads the vectors of the right operand, and each row multiplies them by one number of the left. The
 * scheme is that of K. Goto, R. van de Geijn, «Anatomy of high-performance matrix multiplication», TOMS 34 (2008);
 * heights are such that sums, vectors of the right operand and one number fit the registers and hide the latency of
 * multiply-add.
 */
#include "compiler/emit/tiles.h"
#include "compiler/emit/math.h"
#include "compiler/emit/tile_parts.h"
#include "runtime/core/retort.h"
#include <string.h>

enum { VECTORS_MAX = 2, HEIGHTS_MAX = 4, HEIGHT_MAX = 12, LANES_MAX = 16, MASKED_LANES = 16 };

/* By the floats of a vector and the number of registers; falling heights, 1 at last: AVX-512, AVX2, NEON, and SSE2,
 * which has no multiply-add, whose product needs a register. Tiles of one vector have the same heights. */
static const struct tile_table {
  int lanes, registers, count, heights[HEIGHTS_MAX];
} tables[] = {
    {16, 32, 4, {12, 8, 4, 1}},
    {8, 16, 3, {6, 3, 1}},
    {4, 32, 4, {12, 8, 4, 1}},
    {4, 16, 3, {4, 2, 1}},
};

static const struct tile_table *table_of(const target *t) {
  int lanes = target_vector_floats(t), registers = target_vector_registers(t), i = 0;
  while (tables[i].lanes != lanes || tables[i].registers != registers)
    i++;
  return &tables[i];
}

enum tile_parameter { A, A_STRIDE, B, B_STRIDE, DEPTH, C, C_STRIDE, ROWS, COLUMNS, ACCUMULATE, NEXT, NEXT_STRIDE };

typedef struct tile {
  function f; /* of it e and value */
  int lanes, vectors, height;
  tile_multiply *multiply;
  LLVMTypeRef vector;
  LLVMValueRef sums[HEIGHT_MAX * VECTORS_MAX]; /* by row, then vector */
  LLVMValueRef columns;                        /* of tiles with masks: bit i says that column i is there */
  LLVMValueRef masks[VECTORS_MAX];             /* the same, by vector */
} tile;

/* Whether loads and stores of a part of a vector cost as much as those of a whole one: AVX-512's. */
static bool has_masks(const tile *t) {
  return t->lanes == MASKED_LANES;
}

LLVMBuilderRef tile_start_function(function *f, emitter *e, const char *name, LLVMTypeRef type) {
  *f = (function){.e = e, .value = LLVMAddFunction(e->module, name, type)};
  LLVMSetLinkage(f->value, LLVMInternalLinkage);
  target_set_function(e->target, f->value);
  LLVMSetCurrentDebugLocation2(e->builder, NULL); /* no line of the source */
  LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, f->value, "entry"));
  return e->builder;
}

static LLVMBasicBlockRef open_block(const function *f, const char *name) {
  return LLVMAppendBasicBlockInContext(f->e->context, f->value, name);
}

static LLVMValueRef element(emitter *e, LLVMValueRef base, LLVMValueRef offset) {
  return LLVMBuildInBoundsGEP2(e->builder, e->type_f32, base, &offset, 1, "");
}

static LLVMValueRef load_vector(emitter *e, LLVMTypeRef vector, LLVMValueRef at) {
  LLVMValueRef loaded = LLVMBuildLoad2(e->builder, vector, at, "");
  LLVMSetAlignment(loaded, sizeof(float));
  return loaded;
}

static void store_vector(emitter *e, LLVMValueRef stored, LLVMValueRef at) {
  LLVMSetAlignment(LLVMBuildStore(e->builder, stored, at), sizeof(float));
}

LLVMValueRef tile_splat(emitter *e, LLVMTypeRef vector, LLVMValueRef number) {
  LLVMTypeRef indices = LLVMVectorType(e->type_i32, LLVMGetVectorSize(vector));
  LLVMValueRef none = LLVMGetPoison(vector);
  LLVMValueRef first = LLVMBuildInsertElement(e->builder, none, number, LLVMConstInt(e->type_i32, 0, false), "");
  return LLVMBuildShuffleVector(e->builder, first, none, LLVMConstNull(indices), "");
}

LLVMValueRef tile_call_masked(emitter *e, const char *name, LLVMTypeRef vector, int count, LLVMValueRef *arguments) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMTypeRef types[] = {vector, e->type_pointer};
  LLVMValueRef intrinsic = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
  LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, types, 2);
  return LLVMBuildCall2(e->builder, type, intrinsic, arguments, (unsigned)count, "");
}

/* ---- masks ---- */

/* The bits of vector v among those of all columns. */
static LLVMValueRef bits_of(tile *t, LLVMValueRef bits, int v) {
  emitter *e = t->f.e;
  bits = LLVMBuildLShr(e->builder, bits, emitter_integer(e, v * t->lanes), "");
  LLVMTypeRef word = LLVMInt16TypeInContext(e->context);
  return LLVMBuildBitCast(e->builder, LLVMBuildTrunc(e->builder, bits, word, ""),
                          LLVMVectorType(e->type_bool, (unsigned)t->lanes), "");
}

static void start_masks(tile *t) {
  LLVMBuilderRef b = t->f.e->builder;
  LLVMValueRef one = emitter_integer(t->f.e, 1);
  t->columns = LLVMBuildSub(b, LLVMBuildShl(b, one, LLVMGetParam(t->f.value, COLUMNS), ""), one, "");
  for (int v = 0; v < t->vectors; v++)
    t->masks[v] = bits_of(t, t->columns, v);
}

/* Of vector v of a row: the columns that are there, in the rows that are there. */
static LLVMValueRef row_mask(tile *t, int row, int v) {
  emitter *e = t->f.e;
  LLVMValueRef is_there =
      LLVMBuildICmp(e->builder, LLVMIntSGT, LLVMGetParam(t->f.value, ROWS), emitter_integer(e, row), "");
  return bits_of(t, LLVMBuildSelect(e->builder, is_there, t->columns, emitter_integer(e, 0), ""), v);
}

static LLVMValueRef load_masked(tile *t, LLVMValueRef at, LLVMValueRef mask) {
  emitter *e = t->f.e;
  LLVMValueRef alignment = LLVMConstInt(e->type_i32, sizeof(float), false);
  LLVMValueRef arguments[] = {at, alignment, mask, LLVMConstNull(t->vector)};
  return tile_call_masked(e, "llvm.masked.load", t->vector, 4, arguments);
}

/* ---- the sums ---- */

static LLVMValueRef multiply_add(emitter *e, LLVMValueRef left, LLVMValueRef right, LLVMValueRef sum) {
  return math_intrinsic(e->builder, "llvm.fmuladd", 3, (LLVMValueRef[]){left, right, sum});
}

static LLVMValueRef load_right(tile *t, LLVMValueRef at, int v) {
  return has_masks(t) ? load_masked(t, at, t->masks[v]) : load_vector(t->f.e, t->vector, at);
}

static void emit_depth_step(tile *t, LLVMValueRef a, LLVMValueRef b) {
  emitter *e = t->f.e;
  LLVMValueRef right[VECTORS_MAX];
  for (int v = 0; v < t->vectors; v++)
    right[v] = load_right(t, element(e, b, emitter_integer(e, v * t->lanes)), v);
  for (int i = 0; i < t->height; i++) {
    LLVMValueRef number = LLVMBuildLoad2(e->builder, e->type_f32, element(e, a, emitter_integer(e, i)), "");
    LLVMValueRef left = tile_splat(e, t->vector, number);
    for (int v = 0; v < t->vectors; v++) {
      LLVMValueRef *sum = &t->sums[i * t->vectors + v];
      *sum = t->multiply(e, left, right[v], *sum);
    }
  }
}

static void add_incoming(LLVMValueRef phi, LLVMValueRef before, LLVMBasicBlockRef from, LLVMValueRef next,
                         LLVMBasicBlockRef loop) {
  LLVMAddIncoming(phi, (LLVMValueRef[]){before, next}, (LLVMBasicBlockRef[]){from, loop}, 2);
}

/* Into the second-level cache. */
static void fetch(emitter *e, LLVMValueRef at) {
  static const char name[] = "llvm.prefetch";
  enum { READ = 0, LOCALITY = 2, DATA = 1 };
  unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
  LLVMValueRef arguments[] = {at, LLVMConstInt(e->type_i32, READ, false), LLVMConstInt(e->type_i32, LOCALITY, false),
                              LLVMConstInt(e->type_i32, DATA, false)};
  LLVMValueRef intrinsic = LLVMGetIntrinsicDeclaration(e->module, id, &e->type_pointer, 1);
  LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, &e->type_pointer, 1);
  LLVMBuildCall2(e->builder, type, intrinsic, arguments, 4, "");
}

/* do … while: a depth is 1 at least. What the sums begin with comes from the block where the builder is. */
static void emit_sums(tile *t, LLVMValueRef const *begin) {
  emitter *e = t->f.e;
  LLVMBuilderRef b = e->builder;
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b), loop = open_block(&t->f, "loop"), end = open_block(&t->f, "end");
  LLVMBuildBr(b, loop);
  LLVMPositionBuilderAtEnd(b, loop);
  LLVMValueRef left = LLVMBuildPhi(b, e->type_pointer, "a"), right = LLVMBuildPhi(b, e->type_pointer, "b");
  LLVMValueRef rest = LLVMBuildPhi(b, e->type_i64, "rest"), phis[HEIGHT_MAX * VECTORS_MAX];
  int count = t->height * t->vectors;
  for (int i = 0; i < count; i++)
    t->sums[i] = phis[i] = LLVMBuildPhi(b, t->vector, "sum");
  LLVMValueRef next = LLVMBuildPhi(b, e->type_pointer, "next");
  emit_depth_step(t, left, right);
  for (int v = 0; v < t->vectors; v++)
    fetch(e, element(e, next, emitter_integer(e, v * t->lanes)));
  LLVMValueRef less = LLVMBuildSub(b, rest, emitter_integer(e, 1), "");
  LLVMValueRef f = t->f.value;
  add_incoming(left, LLVMGetParam(f, A), entry, element(e, left, LLVMGetParam(f, A_STRIDE)), loop);
  add_incoming(right, LLVMGetParam(f, B), entry, element(e, right, LLVMGetParam(f, B_STRIDE)), loop);
  add_incoming(next, LLVMGetParam(f, NEXT), entry, element(e, next, LLVMGetParam(f, NEXT_STRIDE)), loop);
  add_incoming(rest, LLVMGetParam(f, DEPTH), entry, less, loop);
  for (int i = 0; i < count; i++)
    add_incoming(phis[i], begin[i], entry, t->sums[i], loop);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSGT, less, emitter_integer(e, 0), ""), loop, end);
  LLVMPositionBuilderAtEnd(b, end);
}

/* ---- the result ---- */

/* The lanes of vector v that are columns of the result. */
static LLVMValueRef mask_of(tile *t, int v) {
  emitter *e = t->f.e;
  LLVMValueRef lanes[LANES_MAX];
  for (int i = 0; i < t->lanes; i++)
    lanes[i] = LLVMConstInt(e->type_i32, (unsigned long long)(v * t->lanes + i), false);
  LLVMTypeRef indices = LLVMVectorType(e->type_i32, (unsigned)t->lanes);
  LLVMValueRef columns = LLVMBuildTrunc(e->builder, LLVMGetParam(t->f.value, COLUMNS), e->type_i32, "");
  return LLVMBuildICmp(e->builder, LLVMIntSLT, LLVMConstVector(lanes, (unsigned)t->lanes),
                       tile_splat(e, indices, columns), "");
}

/* ---- with masks: one way for all numbers of rows and columns ---- */

static LLVMValueRef result_at(tile *t, int row, int v) {
  emitter *e = t->f.e;
  LLVMValueRef offset = LLVMBuildMul(e->builder, LLVMGetParam(t->f.value, C_STRIDE), emitter_integer(e, row), "");
  offset = LLVMBuildAdd(e->builder, offset, emitter_integer(e, v * t->lanes), "");
  return LLVMBuildGEP2(e->builder, e->type_f32, LLVMGetParam(t->f.value, C), &offset, 1, "");
}

/* Zeros, or the result as it was; the builder is left where both ways meet. */
static void emit_begin(tile *t, LLVMValueRef *begin) {
  emitter *e = t->f.e;
  LLVMBuilderRef b = e->builder;
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b), add = open_block(&t->f, "add"), both = open_block(&t->f, "both");
  LLVMValueRef accumulate = LLVMGetParam(t->f.value, ACCUMULATE), zeros = LLVMConstNull(t->vector);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntNE, accumulate, emitter_integer(e, 0), ""), add, both);
  LLVMPositionBuilderAtEnd(b, add);
  LLVMValueRef old[HEIGHT_MAX * VECTORS_MAX];
  for (int i = 0; i < t->height * t->vectors; i++) {
    int row = i / t->vectors, v = i % t->vectors;
    old[i] = load_masked(t, result_at(t, row, v), row_mask(t, row, v));
  }
  LLVMBuildBr(b, both);
  LLVMPositionBuilderAtEnd(b, both);
  for (int i = 0; i < t->height * t->vectors; i++) {
    begin[i] = LLVMBuildPhi(b, t->vector, "begin");
    add_incoming(begin[i], zeros, entry, old[i], add);
  }
}

static void emit_end(tile *t) {
  emitter *e = t->f.e;
  LLVMValueRef alignment = LLVMConstInt(e->type_i32, sizeof(float), false);
  for (int i = 0; i < t->height * t->vectors; i++) {
    int row = i / t->vectors, v = i % t->vectors;
    LLVMValueRef arguments[] = {t->sums[i], result_at(t, row, v), alignment, row_mask(t, row, v)};
    tile_call_masked(e, "llvm.masked.store", t->vector, 4, arguments);
  }
  LLVMBuildRetVoid(e->builder);
}

/* ---- without masks: a way for whole tiles and one for parts ---- */

static void emit_row(tile *t, int row, LLVMValueRef at, LLVMValueRef const *masks, bool accumulate) {
  emitter *e = t->f.e;
  LLVMValueRef alignment = LLVMConstInt(e->type_i32, sizeof(float), false);
  for (int v = 0; v < t->vectors; v++) {
    LLVMValueRef sum = t->sums[row * t->vectors + v], to = element(e, at, emitter_integer(e, v * t->lanes));
    if (accumulate) {
      LLVMValueRef old = masks ? tile_call_masked(e, "llvm.masked.load", t->vector, 4,
                                                  (LLVMValueRef[]){to, alignment, masks[v], LLVMConstNull(t->vector)})
                               : load_vector(e, t->vector, to);
      sum = LLVMBuildFAdd(e->builder, old, sum, "");
    }
    if (masks)
      tile_call_masked(e, "llvm.masked.store", t->vector, 4, (LLVMValueRef[]){sum, to, alignment, masks[v]});
    else
      store_vector(e, sum, to);
  }
}

/* All rows, or as many as there are. */
static void emit_rows(tile *t, bool masked, bool accumulate, LLVMBasicBlockRef done) {
  emitter *e = t->f.e;
  LLVMValueRef masks[VECTORS_MAX], at = LLVMGetParam(t->f.value, C);
  for (int v = 0; masked && v < t->vectors; v++)
    masks[v] = mask_of(t, v);
  for (int row = 0; row < t->height; row++) {
    if (row) {
      LLVMBasicBlockRef next = open_block(&t->f, "row");
      LLVMValueRef wanted =
          LLVMBuildICmp(e->builder, LLVMIntSGT, LLVMGetParam(t->f.value, ROWS), emitter_integer(e, row), "");
      LLVMBuildCondBr(e->builder, wanted, next, done);
      LLVMPositionBuilderAtEnd(e->builder, next);
      at = element(e, at, LLVMGetParam(t->f.value, C_STRIDE));
    }
    emit_row(t, row, at, masked ? masks : NULL, accumulate);
  }
  LLVMBuildBr(e->builder, done);
}

static void emit_result(tile *t) {
  emitter *e = t->f.e;
  LLVMBasicBlockRef done = open_block(&t->f, "done");
  LLVMBasicBlockRef ways[2][2] = {{open_block(&t->f, "set"), open_block(&t->f, "add")},
                                  {open_block(&t->f, "set.masked"), open_block(&t->f, "add.masked")}};
  LLVMBasicBlockRef kinds[2] = {open_block(&t->f, "full"), open_block(&t->f, "narrow")};
  LLVMValueRef full = LLVMBuildICmp(e->builder, LLVMIntSGE, LLVMGetParam(t->f.value, COLUMNS),
                                    emitter_integer(e, t->vectors * t->lanes), "");
  LLVMValueRef adds =
      LLVMBuildICmp(e->builder, LLVMIntNE, LLVMGetParam(t->f.value, ACCUMULATE), emitter_integer(e, 0), "");
  LLVMBuildCondBr(e->builder, full, kinds[0], kinds[1]);
  for (int masked = 0; masked < 2; masked++) {
    LLVMPositionBuilderAtEnd(e->builder, kinds[masked]);
    LLVMBuildCondBr(e->builder, adds, ways[masked][1], ways[masked][0]);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
      LLVMPositionBuilderAtEnd(e->builder, ways[masked][accumulate]);
      emit_rows(t, masked, accumulate, done);
    }
  }
  LLVMPositionBuilderAtEnd(e->builder, done);
  LLVMBuildRetVoid(e->builder);
}

LLVMValueRef tile_emit(emitter *e, const char *name, int lanes, int vectors, int height, tile_multiply *multiply) {
  LLVMTypeRef p = e->type_pointer, i = e->type_i64;
  LLVMTypeRef type = LLVMFunctionType(e->type_void, (LLVMTypeRef[]){p, i, p, i, i, p, i, i, i, i, p, i}, 12, false);
  tile t = {.lanes = lanes,
            .vectors = vectors,
            .height = height,
            .multiply = multiply,
            .vector = LLVMVectorType(e->type_f32, (unsigned)lanes)};
  tile_start_function(&t.f, e, arena_print(e->arena, "%s.%dx%d", name, height, vectors * lanes), type);
  LLVMValueRef begin[HEIGHT_MAX * VECTORS_MAX];
  for (int k = 0; k < height * vectors; k++)
    begin[k] = LLVMConstNull(t.vector);
  if (!has_masks(&t)) {
    emit_sums(&t, begin);
    emit_result(&t);
    return t.f.value;
  }
  start_masks(&t);
  emit_begin(&t, begin);
  emit_sums(&t, begin);
  emit_end(&t);
  return t.f.value;
}

/* ---- transposition ---- */

/* One lane of each in turn, from their lower or upper halves. */
static LLVMValueRef interleave(emitter *e, LLVMValueRef x, LLVMValueRef y, int lanes, bool upper) {
  LLVMValueRef indices[LANES_MAX];
  for (int i = 0; i < lanes; i++) {
    int lane = (upper ? lanes / 2 : 0) + i / 2 + (i % 2 ? lanes : 0);
    indices[i] = LLVMConstInt(e->type_i32, (unsigned long long)lane, false);
  }
  return LLVMBuildShuffleVector(e->builder, x, y, LLVMConstVector(indices, (unsigned)lanes), "");
}

/* By as many perfect shuffles of its rows as the number of lanes has bits. */
void tile_transpose_square(emitter *e, LLVMValueRef *rows, int lanes) {
  LLVMValueRef mixed[LANES_MAX];
  for (int size = lanes; size > 1; size /= 2) {
    for (int i = 0; i < lanes / 2; i++) {
      mixed[2 * i] = interleave(e, rows[i], rows[i + lanes / 2], lanes, false);
      mixed[2 * i + 1] = interleave(e, rows[i], rows[i + lanes / 2], lanes, true);
    }
    memcpy(rows, mixed, sizeof *rows * (size_t)lanes);
  }
}

static LLVMValueRef lesser(emitter *e, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, x, y, ""), x, y, "");
}

/* Squares along the rows; the last is moved back so that it ends where they end. Missing rows repeat the last. */
static LLVMValueRef emit_transpose(emitter *e, int lanes) {
  LLVMTypeRef p = e->type_pointer, i64 = e->type_i64, vector = LLVMVectorType(e->type_f32, (unsigned)lanes);
  LLVMTypeRef type = LLVMFunctionType(e->type_void, (LLVMTypeRef[]){p, i64, i64, i64, p, i64}, 6, false);
  function f;
  LLVMBuilderRef b = tile_start_function(&f, e, "transpose", type);
  LLVMValueRef from = LLVMGetParam(f.value, 0), stride = LLVMGetParam(f.value, 1), columns = LLVMGetParam(f.value, 3);
  LLVMValueRef last = LLVMBuildSub(b, LLVMGetParam(f.value, 2), emitter_integer(e, 1), "");
  LLVMValueRef starts[LANES_MAX], rows[LANES_MAX], final = LLVMBuildSub(b, columns, emitter_integer(e, lanes), "");
  for (int i = 0; i < lanes; i++)
    starts[i] = element(e, from, LLVMBuildMul(b, lesser(e, emitter_integer(e, i), last), stride, ""));
  emitted_loop l = emit_loop_begin(&f, emitter_integer(e, 0), columns, "column");
  LLVMValueRef column = lesser(e, l.variable, final);
  for (int i = 0; i < lanes; i++)
    rows[i] = load_vector(e, vector, element(e, starts[i], column));
  tile_transpose_square(e, rows, lanes);
  LLVMValueRef to_stride = LLVMGetParam(f.value, 5);
  LLVMValueRef to = element(e, LLVMGetParam(f.value, 4), LLVMBuildMul(b, column, to_stride, ""));
  for (int i = 0; i < lanes; i++) {
    store_vector(e, rows[i], to);
    to = element(e, to, to_stride);
  }
  emit_loop_end(&f, &l, lanes, false);
  LLVMBuildRetVoid(b);
  return f.value;
}

/* ---- the table ---- */

LLVMValueRef tile_constant(emitter *e, LLVMValueRef content, const char *name) {
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(content), name);
  LLVMSetInitializer(global, content);
  LLVMSetGlobalConstant(global, true);
  LLVMSetLinkage(global, LLVMPrivateLinkage);
  return global;
}

static LLVMValueRef emit_heights(emitter *e, const struct tile_table *table, int vectors) {
  LLVMValueRef functions[HEIGHTS_MAX];
  for (int i = 0; i < table->count; i++)
    functions[i] = tile_emit(e, "tile", table->lanes, vectors, table->heights[i], multiply_add);
  return tile_constant(e, LLVMConstArray2(e->type_pointer, functions, (unsigned)table->count), "tiles");
}

static LLVMValueRef emit_costs(emitter *e) {
  const retort_cost *costs = target_costs(e->target);
  if (!costs)
    return LLVMConstNull(e->type_pointer);
  LLVMTypeRef real = LLVMDoubleTypeInContext(e->context);
  enum { MEMBERS = sizeof *costs / sizeof(double) };
  LLVMValueRef numbers[2 * MEMBERS];
  for (int i = 0; i < 2; i++) {
    const retort_cost *c = &costs[i];
    const double members[MEMBERS] = {c->call, c->multiply, c->right, c->left, c->result, c->unit};
    for (int k = 0; k < MEMBERS; k++)
      numbers[i * MEMBERS + k] = LLVMConstReal(real, members[k]);
  }
  return tile_constant(e, LLVMConstArray2(real, numbers, 2 * MEMBERS), "costs");
}

static LLVMValueRef integer_member(const emitter *e, int number) {
  return LLVMConstInt(e->type_i32, (unsigned long long)number, false);
}

static LLVMValueRef pointer_member(const emitter *e, LLVMValueRef pointer) {
  return pointer ? pointer : LLVMConstNull(e->type_pointer);
}

LLVMValueRef tiles_content(emitter *e, const tiles_members *m) {
  LLVMValueRef heights[HEIGHTS_MAX];
  for (int i = 0; i < m->count; i++)
    heights[i] = integer_member(e, m->heights[i]);
  LLVMValueRef members[] = {integer_member(e, m->lanes),
                            integer_member(e, m->columns),
                            integer_member(e, m->count),
                            integer_member(e, m->always),
                            integer_member(e, m->exact),
                            tile_constant(e, LLVMConstArray2(e->type_i32, heights, (unsigned)m->count), "heights"),
                            pointer_member(e, m->tiles),
                            pointer_member(e, m->narrow),
                            pointer_member(e, m->transpose),
                            pointer_member(e, m->costs)};
  return LLVMConstStructInContext(e->context, members, sizeof members / sizeof *members, false);
}

static LLVMValueRef make_tiles(emitter *e) {
  const struct tile_table *table = table_of(e->target);
  tiles_members m = {.lanes = table->lanes,
                     .columns = VECTORS_MAX * table->lanes,
                     .count = table->count,
                     .exact = table->lanes == MASKED_LANES,
                     .heights = table->heights,
                     .tiles = emit_heights(e, table, VECTORS_MAX),
                     .narrow = emit_heights(e, table, 1),
                     .transpose = emit_transpose(e, table->lanes),
                     .costs = emit_costs(e)};
  m.always = target_reproducible(e->target) ? 2 : target_contractions(e->target) == CONTRACTIONS_EMITTED;
  return tile_constant(e, tiles_content(e, &m), "tiles");
}

LLVMValueRef emit_tiles(emitter *e) {
  if (!e->tiles) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMMetadataRef line = LLVMGetCurrentDebugLocation2(e->builder);
    e->tiles = make_tiles(e);
    if (before)
      LLVMPositionBuilderAtEnd(e->builder, before);
    LLVMSetCurrentDebugLocation2(e->builder, line);
  }
  return e->tiles;
}
