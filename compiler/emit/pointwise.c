/* Pointwise operations of one element. */
#include "compiler/emit/pointwise.h"
#include "compiler/emit/math.h"
#include <math.h>

typedef struct lowering {
  LLVMBuilderRef b;
  dtype from, to;
  LLVMValueRef const *x;
} lowering;

typedef LLVMValueRef lowerer(const lowering *l);

static LLVMTypeRef type_of(LLVMValueRef like, dtype type) {
  LLVMContextRef context = LLVMGetTypeContext(LLVMTypeOf(like));
  switch (type) {
  case DTYPE_BOOL:
    return LLVMInt1TypeInContext(context);
  case DTYPE_I32:
    return LLVMInt32TypeInContext(context);
  case DTYPE_I64:
    return LLVMInt64TypeInContext(context);
  case DTYPE_F32:
    break;
  }
  return LLVMFloatTypeInContext(context);
}

/* Lets products and sums round once together: the only freedom that single operations get. */
static LLVMValueRef contractible(LLVMValueRef x) {
  if (LLVMCanValueUseFastMathFlags(x))
    LLVMSetFastMathFlags(x, LLVMFastMathAllowContract);
  return x;
}

static LLVMValueRef zero(const lowering *l) {
  return LLVMConstNull(LLVMTypeOf(l->x[0]));
}
static bool real(const lowering *l) {
  return l->from == DTYPE_F32;
}
static LLVMValueRef choose(const lowering *l, LLVMValueRef condition, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(l->b, condition, x, y, "");
}

/* ---- of one operand ---- */

static LLVMValueRef lower_neg(const lowering *l) {
  return real(l) ? LLVMBuildFNeg(l->b, l->x[0], "") : LLVMBuildNeg(l->b, l->x[0], "");
}

static LLVMValueRef lower_abs(const lowering *l) {
  if (real(l))
    return math_intrinsic(l->b, "llvm.fabs", 1, (LLVMValueRef[]){l->x[0]});
  LLVMValueRef negative = LLVMBuildICmp(l->b, LLVMIntSLT, l->x[0], zero(l), "");
  return choose(l, negative, LLVMBuildNeg(l->b, l->x[0], ""), l->x[0]);
}

static LLVMValueRef lower_sign(const lowering *l) {
  LLVMTypeRef type = LLVMTypeOf(l->x[0]);
  if (real(l)) {
    LLVMValueRef above = LLVMBuildFCmp(l->b, LLVMRealOGT, l->x[0], zero(l), "");
    LLVMValueRef below = LLVMBuildFCmp(l->b, LLVMRealOLT, l->x[0], zero(l), "");
    LLVMValueRef equal = LLVMBuildFCmp(l->b, LLVMRealOEQ, l->x[0], zero(l), "");
    LLVMValueRef rest = choose(l, equal, zero(l), l->x[0]); /* NaN */
    return choose(l, above, LLVMConstReal(type, 1), choose(l, below, LLVMConstReal(type, -1), rest));
  }
  LLVMValueRef above = LLVMBuildICmp(l->b, LLVMIntSGT, l->x[0], zero(l), "");
  LLVMValueRef below = LLVMBuildICmp(l->b, LLVMIntSLT, l->x[0], zero(l), "");
  return choose(l, above, LLVMConstInt(type, 1, true), LLVMBuildSExt(l->b, below, type, ""));
}

static LLVMValueRef lower_floor(const lowering *l) {
  return real(l) ? math_floor(l->b, l->x[0]) : l->x[0];
}
static LLVMValueRef lower_exp(const lowering *l) {
  return math_exp(l->b, l->x[0]);
}
static LLVMValueRef lower_log(const lowering *l) {
  return math_log(l->b, l->x[0]);
}
static LLVMValueRef lower_rsqrt(const lowering *l) {
  return math_rsqrt(l->b, l->x[0]);
}
static LLVMValueRef lower_tanh(const lowering *l) {
  return math_tanh(l->b, l->x[0]);
}
static LLVMValueRef lower_erf(const lowering *l) {
  return math_erf(l->b, l->x[0]);
}
static LLVMValueRef lower_sin(const lowering *l) {
  return math_sin(l->b, l->x[0]);
}
static LLVMValueRef lower_cos(const lowering *l) {
  return math_cos(l->b, l->x[0]);
}
static LLVMValueRef lower_stop_gradient(const lowering *l) {
  return l->x[0];
}
/* ---- bf16: the upper half of a float's bits ---- */

/* i32 with the 16 bits below: to nearest, ties to even; NaN is one of them. */
static LLVMValueRef bf16_bits(const lowering *l, LLVMValueRef x) {
  LLVMTypeRef i32 = type_of(x, DTYPE_I32);
  LLVMValueRef half = LLVMConstInt(i32, 16, false), bits = LLVMBuildBitCast(l->b, x, i32, "");
  LLVMValueRef odd = LLVMBuildAnd(l->b, LLVMBuildLShr(l->b, bits, half, ""), LLVMConstInt(i32, 1, false), "");
  LLVMValueRef up = LLVMBuildAdd(l->b, odd, LLVMConstInt(i32, 0x7fff, false), "");
  LLVMValueRef rounded = LLVMBuildLShr(l->b, LLVMBuildAdd(l->b, bits, up, ""), half, "");
  return choose(l, LLVMBuildFCmp(l->b, LLVMRealUNO, x, x, ""), LLVMConstInt(i32, 0x7fc0, false), rounded);
}

static LLVMValueRef lower_bf16_words(const lowering *l) {
  LLVMValueRef lower = bf16_bits(l, l->x[0]), upper = bf16_bits(l, l->x[1]);
  LLVMValueRef half = LLVMConstInt(LLVMTypeOf(lower), 16, false);
  return LLVMBuildOr(l->b, LLVMBuildShl(l->b, upper, half, ""), lower, "");
}

static LLVMValueRef lower_bf16_lower(const lowering *l) {
  LLVMValueRef bits = LLVMBuildShl(l->b, l->x[0], LLVMConstInt(LLVMTypeOf(l->x[0]), 16, false), "");
  return LLVMBuildBitCast(l->b, bits, type_of(bits, DTYPE_F32), "");
}

static LLVMValueRef lower_bf16_upper(const lowering *l) {
  LLVMValueRef bits = LLVMBuildAnd(l->b, l->x[0], LLVMConstInt(LLVMTypeOf(l->x[0]), 0xffff0000u, false), "");
  return LLVMBuildBitCast(l->b, bits, type_of(bits, DTYPE_F32), "");
}

static LLVMValueRef lower_not(const lowering *l) {
  return LLVMBuildNot(l->b, l->x[0], "");
}

static LLVMValueRef lower_sqrt(const lowering *l) {
  return math_intrinsic(l->b, "llvm.sqrt", 1, (LLVMValueRef[]){l->x[0]});
}

static LLVMValueRef lower_reciprocal(const lowering *l) {
  return LLVMBuildFDiv(l->b, LLVMConstReal(LLVMTypeOf(l->x[0]), 1), l->x[0], "");
}

/* Towards zero, limited to the type's range; NaN gives 0. */
static LLVMValueRef real_to_integer(const lowering *l, LLVMTypeRef to) {
  LLVMModuleRef module = LLVMGetGlobalParent(LLVMGetBasicBlockParent(LLVMGetInsertBlock(l->b)));
  LLVMTypeRef types[2] = {to, LLVMTypeOf(l->x[0])};
  static const char name[] = "llvm.fptosi.sat";
  unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(module, id, types, 2);
  LLVMTypeRef signature = LLVMIntrinsicGetType(LLVMGetModuleContext(module), id, types, 2);
  return LLVMBuildCall2(l->b, signature, function, (LLVMValueRef[]){l->x[0]}, 1, "");
}

static LLVMValueRef lower_cast(const lowering *l) {
  LLVMValueRef x = l->x[0];
  LLVMTypeRef to = type_of(x, l->to);
  if (l->from == l->to)
    return x;
  if (l->to == DTYPE_BOOL)
    return real(l) ? LLVMBuildFCmp(l->b, LLVMRealUNE, x, zero(l), "") : LLVMBuildICmp(l->b, LLVMIntNE, x, zero(l), "");
  if (l->from == DTYPE_BOOL)
    return l->to == DTYPE_F32 ? LLVMBuildUIToFP(l->b, x, to, "") : LLVMBuildZExt(l->b, x, to, "");
  if (real(l))
    return real_to_integer(l, to);
  if (l->to == DTYPE_F32)
    return LLVMBuildSIToFP(l->b, x, to, "");
  return l->to == DTYPE_I64 ? LLVMBuildSExt(l->b, x, to, "") : LLVMBuildTrunc(l->b, x, to, "");
}

/* ---- of two ---- */

static LLVMValueRef lower_add(const lowering *l) {
  return real(l) ? contractible(LLVMBuildFAdd(l->b, l->x[0], l->x[1], "")) : LLVMBuildAdd(l->b, l->x[0], l->x[1], "");
}

static LLVMValueRef lower_sub(const lowering *l) {
  return real(l) ? contractible(LLVMBuildFSub(l->b, l->x[0], l->x[1], "")) : LLVMBuildSub(l->b, l->x[0], l->x[1], "");
}

static LLVMValueRef lower_mul(const lowering *l) {
  return real(l) ? contractible(LLVMBuildFMul(l->b, l->x[0], l->x[1], "")) : LLVMBuildMul(l->b, l->x[0], l->x[1], "");
}

/* Of integers towards zero; x / 0 is 0, and the least number divided by -1 stays as it is. */
static LLVMValueRef lower_div(const lowering *l) {
  if (real(l))
    return LLVMBuildFDiv(l->b, l->x[0], l->x[1], "");
  LLVMTypeRef type = LLVMTypeOf(l->x[1]);
  LLVMValueRef by_zero = LLVMBuildICmp(l->b, LLVMIntEQ, l->x[1], zero(l), "");
  LLVMValueRef by_minus_one = LLVMBuildICmp(l->b, LLVMIntEQ, l->x[1], LLVMConstAllOnes(type), "");
  LLVMValueRef unsafe = LLVMBuildOr(l->b, by_zero, by_minus_one, "");
  LLVMValueRef quotient = LLVMBuildSDiv(l->b, l->x[0], choose(l, unsafe, LLVMConstInt(type, 1, false), l->x[1]), "");
  quotient = choose(l, by_minus_one, LLVMBuildNeg(l->b, l->x[0], ""), quotient);
  return choose(l, by_zero, zero(l), quotient);
}

static LLVMValueRef lower_pow(const lowering *l) {
  return math_pow(l->b, l->x[0], l->x[1]);
}

/* NaN if either is; which zero comes out of 0 and -0 is open. */
static LLVMValueRef extreme(const lowering *l, const char *name, LLVMIntPredicate predicate) {
  if (!real(l))
    return choose(l, LLVMBuildICmp(l->b, predicate, l->x[0], l->x[1], ""), l->x[0], l->x[1]);
  LLVMValueRef result = math_intrinsic(l->b, name, 2, (LLVMValueRef[]){l->x[0], l->x[1]});
  if (LLVMCanValueUseFastMathFlags(result))
    LLVMSetFastMathFlags(result, LLVMFastMathNoSignedZeros);
  return result;
}

static LLVMValueRef lower_maximum(const lowering *l) {
  return extreme(l, "llvm.maximum", LLVMIntSGT);
}
static LLVMValueRef lower_minimum(const lowering *l) {
  return extreme(l, "llvm.minimum", LLVMIntSLT);
}

static LLVMValueRef compare(const lowering *l, LLVMRealPredicate of_reals, LLVMIntPredicate of_integers) {
  return real(l) ? LLVMBuildFCmp(l->b, of_reals, l->x[0], l->x[1], "")
                 : LLVMBuildICmp(l->b, of_integers, l->x[0], l->x[1], "");
}

static LLVMValueRef lower_less(const lowering *l) {
  return compare(l, LLVMRealOLT, LLVMIntSLT);
}
static LLVMValueRef lower_less_equal(const lowering *l) {
  return compare(l, LLVMRealOLE, LLVMIntSLE);
}
static LLVMValueRef lower_equal(const lowering *l) {
  return compare(l, LLVMRealOEQ, LLVMIntEQ);
}
static LLVMValueRef lower_not_equal(const lowering *l) {
  return compare(l, LLVMRealUNE, LLVMIntNE);
}
static LLVMValueRef lower_and(const lowering *l) {
  return LLVMBuildAnd(l->b, l->x[0], l->x[1], "");
}
static LLVMValueRef lower_or(const lowering *l) {
  return LLVMBuildOr(l->b, l->x[0], l->x[1], "");
}
static LLVMValueRef lower_where(const lowering *l) {
  return choose(l, l->x[0], l->x[1], l->x[2]);
}

/* ---- the table ---- */

#define lower_nest NULL
static lowerer *const lowerers[OP_COUNT] = {
#define OP(name, operands, class, attribute, shape, gradient, evaluate, lower, meaning) [OP_##name] = lower_##lower,
#include "compiler/graph/ops.def"
#undef OP
};

LLVMValueRef pointwise_emit(LLVMBuilderRef b, op o, dtype from, dtype to, LLVMValueRef const *operands) {
  return lowerers[o](&(lowering){.b = b, .from = from, .to = to, .x = operands});
}

LLVMValueRef pointwise_accumulate(LLVMBuilderRef b, op o, dtype type, LLVMValueRef so_far, LLVMValueRef value) {
  LLVMValueRef result = pointwise_emit(b, o, type, type, (LLVMValueRef[]){so_far, value});
  if (o == OP_add && LLVMCanValueUseFastMathFlags(result))
    LLVMSetFastMathFlags(result, LLVMFastMathAllowReassoc | LLVMFastMathAllowContract);
  return result;
}

/* ---- Philox ---- */

/* The high and low halves of the product of a constant and x (i32). */
static void multiply_wide(LLVMBuilderRef b, uint32_t constant, LLVMValueRef x, LLVMValueRef *high, LLVMValueRef *low) {
  LLVMTypeRef narrow = LLVMTypeOf(x), wide = LLVMInt64TypeInContext(LLVMGetTypeContext(narrow));
  LLVMValueRef product = LLVMBuildMul(b, LLVMBuildZExt(b, x, wide, ""), LLVMConstInt(wide, constant, false), "");
  *high = LLVMBuildTrunc(b, LLVMBuildLShr(b, product, LLVMConstInt(wide, 32, false), ""), narrow, "");
  *low = LLVMBuildTrunc(b, product, narrow, "");
}

static LLVMValueRef word_of(LLVMBuilderRef b, LLVMValueRef wide, int word) {
  LLVMTypeRef type = LLVMTypeOf(wide);
  LLVMValueRef shifted = LLVMBuildLShr(b, wide, LLVMConstInt(type, (unsigned)(32 * word), false), "");
  return LLVMBuildTrunc(b, shifted, LLVMInt32TypeInContext(LLVMGetTypeContext(type)), "");
}

LLVMValueRef pointwise_uniform(LLVMBuilderRef b, LLVMValueRef seed, LLVMValueRef step, LLVMValueRef site,
                               LLVMValueRef position) {
  LLVMTypeRef i32 = LLVMTypeOf(site), i64 = LLVMTypeOf(position);
  LLVMTypeRef single = LLVMFloatTypeInContext(LLVMGetTypeContext(i32));
  LLVMValueRef block = LLVMBuildLShr(b, position, LLVMConstInt(i64, 2, false), "");
  LLVMValueRef counter[4] = {word_of(b, block, 0), word_of(b, step, 0), site, word_of(b, step, 1)};
  LLVMValueRef key[2] = {word_of(b, seed, 0), word_of(b, seed, 1)};
  for (int round = 0; round < 10; round++) {
    LLVMValueRef high[2], low[2];
    multiply_wide(b, 0xD2511F53u, counter[0], &high[0], &low[0]);
    multiply_wide(b, 0xCD9E8D57u, counter[2], &high[1], &low[1]);
    counter[0] = LLVMBuildXor(b, LLVMBuildXor(b, high[1], counter[1], ""), key[0], "");
    counter[2] = LLVMBuildXor(b, LLVMBuildXor(b, high[0], counter[3], ""), key[1], "");
    counter[1] = low[1];
    counter[3] = low[0];
    key[0] = LLVMBuildAdd(b, key[0], LLVMConstInt(i32, 0x9E3779B9u, false), "");
    key[1] = LLVMBuildAdd(b, key[1], LLVMConstInt(i32, 0xBB67AE85u, false), "");
  }
  LLVMValueRef which = LLVMBuildAnd(b, LLVMBuildTrunc(b, position, i32, ""), LLVMConstInt(i32, 3, false), "");
  LLVMValueRef word = counter[3];
  for (unsigned i = 0; i < 3; i++) {
    LLVMValueRef here = LLVMBuildICmp(b, LLVMIntEQ, which, LLVMConstInt(i32, i, false), "");
    word = LLVMBuildSelect(b, here, counter[i], word, "");
  }
  word = LLVMBuildLShr(b, word, LLVMConstInt(i32, 8, false), "");
  return LLVMBuildFMul(b, LLVMBuildUIToFP(b, word, single, ""), LLVMConstReal(single, 0x1p-24), "");
}
