/* Padding: what it holds, and whether anybody looks. See pack.h for what padding is.
 *
 * The checker sees to it that padding is finite wherever it meets a product; so zero times padding is zero here. */
#include "compiler/graph/evaluate.h"
#include "compiler/passes/pack.h"
#include <math.h>

static unsigned bit(int axis) {
  return 1u << axis;
}

/* ---- which axes ---- */

static void find_axes(const packing *p, const node *n, padding *of) {
  int rows = 0, both = 0;
  unsigned width_axes = 0, both_axes = 0;
  of->row = -1;
  for (int i = 0; i < n->shape.rank; i++) {
    const dim *d = n->shape.dims[i];
    if (d == p->rows) {
      rows++;
      of->row = i;
    } else if (d == p->width) {
      width_axes |= bit(i);
    } else if (d == p->both) {
      both++;
      both_axes |= bit(i);
    }
  }
  if (rows == 1 && both == 0)
    of->axes = width_axes;
  else if (rows == 0 && both == 1)
    of->axes = both_axes;
  if (rows != 1)
    of->row = -1;
}

static unsigned zeros_of(const padding *x) {
  return x->filler == 0 ? x->filled : 0;
}

unsigned packing_zeros(const packing *p, const node *n) {
  return zeros_of(&p->padding[n->id]);
}

token_axes packing_tokens(const packing *p, const node *n) {
  const padding *x = &p->padding[n->id];
  for (int i = 0; i < n->shape.rank; i++)
    if (x->axes == bit(i) && (x->row < 0 || x->row == i - 1))
      return x->row < 0 ? (token_axes){i, 1} : (token_axes){i - 1, 2};
  return (token_axes){0, 0};
}

unsigned token_bit(token_axes t) {
  return bit(t.first + t.count - 1);
}

/* ---- the same axes in operand and result ---- */

static const dim *elements_before(dim_table *t, shape s, int axis) {
  s.rank = axis;
  return shape_elements(t, s);
}

/* The axis of `to` that counts as `axis` of `from` does, after a reshape; -1: there is none. */
static int reshaped_axis(const packing *p, shape from, int axis, shape to, const dim *size) {
  const dim *before = elements_before(p->from->dims, from, axis);
  for (int i = 0; i < to.rank; i++)
    if (to.dims[i] == size && elements_before(p->from->dims, to, i) == before)
      return i;
  return -1;
}

/* Bits of x as bits of y, where x is reshaped to y or y to x. */
static unsigned through_reshape(const packing *p, const node *x, unsigned bits, const node *y) {
  const padding *from = &p->padding[x->id], *to = &p->padding[y->id];
  unsigned result = 0;
  for (int i = 0; i < x->shape.rank; i++) {
    if (!(bits & bit(i)))
      continue;
    int row = from->row < 0 ? i : from->row; /* where the rows begin */
    const dim *row_size = to->row < 0 ? p->both : p->rows;
    int row_to = reshaped_axis(p, x->shape, row, y->shape, row_size);
    int axis = row_to;
    if (from->row < 0 && to->row >= 0)
      axis = row_to + 1;
    else if (from->row >= 0 && to->row < 0)
      axis = i == row + 1 ? row_to : -1;
    else if (from->row >= 0)
      axis = reshaped_axis(p, x->shape, i, y->shape, p->width);
    if (row_to >= 0 && axis >= 0 && (to->row < 0 || to->row == row_to) && (to->axes & bit(axis)))
      result |= bit(axis);
  }
  return result;
}

static unsigned through_permute(const node *n, unsigned bits, bool to_result) {
  unsigned result = 0;
  for (int i = 0; i < n->shape.rank; i++) {
    int axis = n->attributes.axes.axis[i];
    if (bits & bit(to_result ? axis : i))
      result |= bit(to_result ? i : axis);
  }
  return result;
}

/* An axis of an operand of a product as that of the result; -1: it is summed over. */
static int product_axis(const node *n, int operand, int axis) {
  int rank = n->operands[operand]->shape.rank;
  if (axis == (operand == 0 ? rank - 1 : rank - 2))
    return -1;
  return operand == 1 && axis == rank - 1 ? n->shape.rank - 1 : axis;
}

static unsigned through_product(const packing *p, const node *n, int operand, unsigned bits, bool to_result) {
  const node *x = n->operands[operand];
  const padding *from = &p->padding[x->id], *to = &p->padding[n->id];
  bool shared = x->shape.rank < n->shape.rank; /* its axes in front are none of the result's */
  if (from->row >= 0 ? shared || product_axis(n, operand, from->row) != to->row || to->row < 0 : to->row >= 0)
    return 0;
  unsigned result = 0;
  for (int i = 0; i < x->shape.rank; i++) {
    int axis = shared && i < x->shape.rank - 1 ? -1 : product_axis(n, operand, i);
    if (axis >= 0 && (from->axes & bit(i)) && (to->axes & bit(axis)) && (bits & bit(to_result ? i : axis)))
      result |= bit(to_result ? axis : i);
  }
  return result;
}

/* Bits of the operand's axes as those of the result, or the other way round: axes where the same index means the same
 * padding. Operations that are not named keep their axes in place. */
static unsigned through(const packing *p, const node *n, int operand, unsigned bits, bool up) {
  const node *x = n->operands[operand];
  const padding *of_x = &p->padding[x->id], *of_n = &p->padding[n->id];
  if (n->op == OP_reshape)
    return up ? through_reshape(p, x, bits, n) : through_reshape(p, n, bits, x);
  if (n->op == OP_permute)
    return through_permute(n, bits, up) & (up ? of_n : of_x)->axes;
  if (n->op == OP_matmul)
    return through_product(p, n, operand, bits, up);
  if (n->op == OP_scatter_add || n->op == OP_random || (n->op == OP_gather && operand == 0))
    return 0; /* a gather has the index's axes in front */
  return of_x->row == of_n->row ? bits & of_x->axes & of_n->axes : 0;
}

static unsigned to_result(const packing *p, const node *n, int operand, unsigned bits) {
  return through(p, n, operand, bits, true);
}

static unsigned to_operand(const packing *p, const node *n, int operand, unsigned bits) {
  return through(p, n, operand, bits, false);
}

/* ---- what padding holds ---- */

static bool known(const packing *p, const node *n, const node *x, int operand, int axis, double *value) {
  if (x->op == OP_constant) {
    *value = x->attributes.number;
    return true;
  }
  const padding *of = &p->padding[x->id];
  *value = of->filler;
  return to_result(p, n, operand, of->filled) & bit(axis);
}

static bool filled_where(const packing *p, const node *n, int axis, double *value) {
  double condition, x, y;
  bool condition_known = known(p, n, n->operands[0], 0, axis, &condition);
  bool x_known = known(p, n, n->operands[1], 1, axis, &x), y_known = known(p, n, n->operands[2], 2, axis, &y);
  *value = condition_known && condition != 0 ? x : y;
  if (condition_known)
    return condition != 0 ? x_known : y_known;
  return x_known && y_known && x == y;
}

/* The value of a pointwise n in the padding of that axis. */
static bool filled_pointwise(const packing *p, const node *n, int axis, double *value) {
  double x[3] = {0};
  int count = 0;
  bool zero = false, lowest = false;
  if (n->op == OP_where)
    return filled_where(p, n, axis, value);
  for (int i = 0; i < n->operand_count; i++)
    if (known(p, n, n->operands[i], i, axis, &x[i])) {
      count++;
      zero = zero || (x[i] == 0 && (n->op != OP_div || i == 0));
      lowest = lowest || (x[i] == -INFINITY && i == 0);
    }
  *value = zero ? 0 : -INFINITY;
  if (zero && (n->op == OP_mul || n->op == OP_and || n->op == OP_div))
    return true;
  if (lowest && (n->op == OP_sub || n->op == OP_add)) /* minus something finite */
    return true;
  if (count == n->operand_count)
    *value = evaluate_pointwise(n->op, n->operands[n->operand_count - 1]->dtype, n->dtype, x);
  return count == n->operand_count && !isnan(*value);
}

static bool is_kept(const node *n) {
  return n->op == OP_expand || n->op == OP_reshape || n->op == OP_permute || n->op == OP_slice;
}

/* n takes along that axis the first element of each row of a larger tensor, or puts it there. Rows have one. */
static bool is_first(const packing *p, const node *n, int axis, const dim *const *low) {
  const node *large = n->op == OP_pad ? n : n->operands[0], *small = n->op == OP_pad ? n->operands[0] : n;
  const padding *of = &p->padding[large->id];
  int64_t size, start;
  return (of->axes & bit(axis)) && of->row >= 0 && small->shape.dims[of->row] == p->rows &&
         dim_is_constant(small->shape.dims[axis], &size) && size == 1 && dim_is_constant(low[axis], &start) &&
         start == 0;
}

/* … and leaves the other axes as they are. */
static bool is_first_alone(const packing *p, const node *n, const node *large, const dim *const *low) {
  token_axes t = packing_tokens(p, large);
  if (t.first != 0 || t.count != 2 || !is_first(p, n, 1, low))
    return false;
  for (int i = 2; i < n->shape.rank; i++)
    if (n->shape.dims[i] != n->operands[0]->shape.dims[i])
      return false;
  return true;
}

bool packing_takes_first(const packing *p, const node *n) {
  return n->op == OP_slice && is_first_alone(p, n, n->operands[0], n->attributes.slice.low);
}

bool packing_puts_first(const packing *p, const node *n) {
  return n->op == OP_pad && is_first_alone(p, n, n, n->attributes.pad.low);
}

static void fill_bit(padding *of, int axis, double value) {
  if (of->filled && of->filler != value)
    return;
  of->filled |= bit(axis);
  of->filler = value;
}

static void fill_axis(const packing *p, const node *n, int axis, padding *of) {
  double value = 0;
  bool sum = n->op == OP_reduce_sum || n->op == OP_matmul || n->op == OP_pad || n->op == OP_concat;
  if (op_describe(n->op)->class == CLASS_POINTWISE) {
    if (filled_pointwise(p, n, axis, &value))
      fill_bit(of, axis, value);
  } else if (is_kept(n)) {
    if (known(p, n, n->operands[0], 0, axis, &value))
      fill_bit(of, axis, value);
  } else if (sum) {
    int zeros = 0;
    for (int i = 0; i < n->operand_count; i++)
      zeros += known(p, n, n->operands[i], i, axis, &value) && value == 0;
    if (n->op == OP_matmul ? zeros > 0 : zeros == n->operand_count)
      fill_bit(of, axis, 0);
  }
  if (n->op == OP_pad && is_first(p, n, axis, n->attributes.pad.low))
    fill_bit(of, axis, 0);
}

/* ---- masks ---- */

/* iota < lengths, each along its axis */
static unsigned mask_here(const packing *p, const node *n, const padding *of) {
  if (n->op != OP_less || of->row < 0)
    return 0;
  const node *index = n->operands[0], *end = n->operands[1];
  if (index->op != OP_iota || end->op != OP_expand)
    return 0;
  int axis = index->attributes.axes.axis[0];
  const node *column = end->operands[0];
  const dim *one = dim_constant(p->from->dims, 1);
  for (int i = 0; i < column->shape.rank; i++)
    if (column->shape.dims[i] != (i == of->row ? p->rows : one))
      return 0;
  while (column->op == OP_reshape)
    column = column->operands[0];
  return column == p->lengths ? bit(axis) & of->axes : 0;
}

static unsigned mask_of(const packing *p, const node *n, const padding *of) {
  if (n->dtype != DTYPE_BOOL)
    return 0;
  if (n->op == OP_expand || n->op == OP_reshape || n->op == OP_permute)
    return to_result(p, n, 0, p->padding[n->operands[0]->id].mask);
  if (n->op == OP_and && p->padding[n->operands[0]->id].mask == p->padding[n->operands[1]->id].mask)
    return to_result(p, n, 0, p->padding[n->operands[0]->id].mask);
  return mask_here(p, n, of);
}

void packing_find_filled(packing *p) {
  for (int id = 0; id < p->from->node_count; id++) {
    const node *n = p->from->nodes[id];
    padding *of = &p->padding[id];
    find_axes(p, n, of);
    of->unneeded = of->alone = of->axes;
    of->mask = mask_of(p, n, of);
    for (int i = 0; i < n->shape.rank; i++)
      if (of->axes & bit(i)) {
        if (of->mask & bit(i))
          fill_bit(of, i, 0);
        else
          fill_axis(p, n, i, of);
      }
  }
}

/* ---- who looks ---- */

typedef struct looks { /* as in padding */
  unsigned unneeded, alone;
} looks;

/* Along these axes of n, operand i is not looked at, for another operand decides there: a condition, or a zero. Where
 * both operands are zero, the first one decides, so that one of them is real; where it is not, the second one. */
static looks decided_by_others(const packing *p, const node *n, int operand) {
  unsigned zeros[3] = {0};
  for (int i = 0; i < n->operand_count && i < 3; i++)
    zeros[i] = to_result(p, n, i, packing_zeros(p, n->operands[i]));
  bool product = n->op == OP_mul || n->op == OP_and;
  if ((product || n->op == OP_where) && operand == 1)
    return (looks){zeros[0], zeros[0]};
  if (product && operand == 0)
    return (looks){zeros[0] ? 0 : zeros[1], zeros[1] & ~zeros[0]};
  return (looks){0, 0};
}

/* A column of the second operand meets all rows of the first. Where nobody looks at the column but in rows that are
 * padding, and these are zero in the first operand, nobody looks at it; and the same the other way round, if not both
 * are zero. */
static unsigned multiplied_by_zeros(const packing *p, const node *n, int operand) {
  unsigned alone = p->padding[n->id].alone, all = p->padding[n->id].axes;
  unsigned zeros[2];
  for (int i = 0; i < 2; i++)
    zeros[i] = to_result(p, n, i, packing_zeros(p, n->operands[i]));
  if (operand == 0 && zeros[0])
    return 0;
  unsigned result = 0;
  for (int i = 0; i < n->shape.rank; i++)
    if ((alone & bit(i)) && (all & ~bit(i) & ~zeros[1 - operand]) == 0)
      result |= bit(i);
  return to_operand(p, n, operand, result);
}

/* The axis that a product sums over, as bits of the operand, when the other operand is zero in its padding. */
static unsigned summed_with_zeros(const packing *p, const node *n, int operand) {
  const node *x = n->operands[operand], *y = n->operands[1 - operand];
  const padding *of_x = &p->padding[x->id], *of_y = &p->padding[y->id];
  unsigned k_of[2] = {bit(n->operands[0]->shape.rank - 1), bit(n->operands[1]->shape.rank - 2)};
  bool same = x->shape.rank == y->shape.rank && of_x->row == of_y->row && (of_x->row < x->shape.rank - 2);
  unsigned own = of_x->axes & k_of[operand], zeros = zeros_of(of_y) & k_of[1 - operand];
  if (!same || !own || !zeros || (operand == 0 && (zeros_of(of_x) & own)))
    return 0;
  return own;
}

/* x[:, 0] looks at the first element of each row alone. */
static unsigned sliced_first(const packing *p, const node *n) {
  unsigned result = 0;
  for (int i = 0; i < n->shape.rank; i++)
    if (is_first(p, n, i, n->attributes.slice.low))
      result |= bit(i);
  return result;
}

static unsigned bit_count(unsigned bits) {
  unsigned count = 0;
  for (; bits; bits &= bits - 1)
    count++;
  return count;
}

/* Padding of the operand is padding of the result along the same axes and no other. */
static bool keeps_axes(const packing *p, const node *n, int operand) {
  unsigned all = p->padding[n->id].axes;
  return (op_describe(n->op)->class == CLASS_POINTWISE || n->op == OP_permute || n->op == OP_reshape) &&
         bit_count(to_operand(p, n, operand, all)) == bit_count(all);
}

static looks looked_at(const packing *p, const node *n, int operand) {
  looks result = {p->padding[n->id].unneeded, p->padding[n->id].alone};
  if (op_describe(n->op)->class == CLASS_POINTWISE) {
    looks decided = decided_by_others(p, n, operand);
    result.unneeded |= decided.unneeded;
    result.alone |= decided.alone;
  }
  result.unneeded = to_operand(p, n, operand, result.unneeded);
  result.alone = keeps_axes(p, n, operand) ? to_operand(p, n, operand, result.alone) : 0;
  if (n->op == OP_matmul)
    result.unneeded |= summed_with_zeros(p, n, operand) | multiplied_by_zeros(p, n, operand);
  if (n->op == OP_slice)
    result.unneeded |= sliced_first(p, n);
  return result;
}

void packing_need_operands(packing *p, const node *n) {
  for (int i = 0; i < n->operand_count; i++) {
    padding *of = &p->padding[n->operands[i]->id];
    looks at = looked_at(p, n, i);
    of->unneeded &= at.unneeded;
    of->alone &= at.alone | at.unneeded;
    if (bit_count(of->axes) == 1)
      of->unneeded = of->alone; /* there are no others */
  }
}
