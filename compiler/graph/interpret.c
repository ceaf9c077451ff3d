/* The reference interpreter: every operation a plain loop in float64, in the order of the table's meaning. It shares
 * nothing with the emitter but the table and the random numbers. */
#include "compiler/graph/evaluate.h"
#include "runtime/core/retort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS_MAX = 1 << 30 };

typedef struct sizes {
  int rank;
  int64_t size[RANK_MAX];
} sizes;

typedef struct interpreter {
  const int64_t *bindings;
  const tensor_value *inputs;
  tensor_value *values;
  bool single;
} interpreter;

static sizes sizes_of(const interpreter *in, shape s) {
  sizes result = {.rank = s.rank};
  for (int i = 0; i < s.rank; i++)
    result.size[i] = dim_evaluate(s.dims[i], in->bindings);
  return result;
}

static int64_t product(const sizes *s, int from, int to) {
  int64_t count = 1;
  for (int i = from; i < to; i++)
    count *= s->size[i];
  return count;
}

/* -1: negative or more than memory would hold. */
static int64_t checked_count(const sizes *s) {
  int64_t count = 1;
  for (int i = 0; i < s->rank; i++)
    if (s->size[i] < 0 || s->size[i] > ELEMENTS_MAX || (count *= s->size[i]) > ELEMENTS_MAX)
      return -1;
  return count;
}

static void row_major(const sizes *s, int64_t *strides) {
  int64_t stride = 1;
  for (int i = s->rank - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= s->size[i];
  }
}

/* Steps through all positions of `s` in order, keeping the offset in another tensor with the given strides. */
typedef struct walk {
  sizes s;
  int64_t strides[RANK_MAX], at[RANK_MAX];
  int64_t offset;
} walk;

static void walk_next(walk *w) {
  for (int i = w->s.rank - 1; i >= 0; i--) {
    w->offset += w->strides[i];
    if (++w->at[i] < w->s.size[i])
      return;
    w->offset -= w->strides[i] * w->s.size[i];
    w->at[i] = 0;
  }
}

/* ---- one function a class ---- */

static const tensor_value *operand(const interpreter *in, const node *n, int index) {
  return &in->values[n->operands[index]->id];
}

static void run_pointwise(const interpreter *in, const node *n, tensor_value *r) {
  const double *data[3];
  int64_t stride[3];
  for (int k = 0; k < n->operand_count; k++) {
    data[k] = operand(in, n, k)->data;
    stride[k] = n->operands[k]->shape.rank > 0;
  }
  dtype from = n->operands[n->operand_count - 1]->dtype;
  for (int64_t i = 0; i < r->count; i++) {
    double x[3];
    for (int k = 0; k < n->operand_count; k++)
      x[k] = data[k][i * stride[k]];
    r->data[i] = evaluate_pointwise(n->op, from, n->dtype, x);
  }
}

static void run_reduce(const interpreter *in, const node *n, tensor_value *r) {
  const tensor_value *x = operand(in, n, 0);
  sizes to = sizes_of(in, n->shape);
  walk w = {.s = sizes_of(in, n->operands[0]->shape)};
  row_major(&to, w.strides);
  for (int i = 0; i < n->attributes.axes.count; i++)
    w.strides[n->attributes.axes.axis[i]] = 0;
  double start = n->op == OP_reduce_sum ? 0 : n->op == OP_reduce_max ? -INFINITY : INFINITY;
  op step = n->op == OP_reduce_sum ? OP_add : n->op == OP_reduce_max ? OP_maximum : OP_minimum;
  for (int64_t i = 0; i < r->count; i++)
    r->data[i] = start;
  for (int64_t i = 0; i < x->count; i++, walk_next(&w))
    r->data[w.offset] = evaluate_pointwise(step, DTYPE_F32, DTYPE_F32, (double[]){r->data[w.offset], x->data[i]});
  for (int64_t i = 0; i < r->count; i++)
    r->data[i] = evaluate_pointwise(OP_stop_gradient, n->dtype, n->dtype, &r->data[i]); /* integers wrap */
}

static void run_argmax(const interpreter *in, const node *n, tensor_value *r) {
  const tensor_value *x = operand(in, n, 0);
  sizes s = sizes_of(in, n->operands[0]->shape);
  int axis = n->attributes.axes.axis[0];
  int64_t inner = product(&s, axis + 1, s.rank), length = s.size[axis];
  for (int64_t i = 0; i < r->count; i++) {
    const double *line = x->data + i / inner * length * inner + i % inner;
    int64_t best = 0;
    for (int64_t k = 1; k < length && !isnan(line[best * inner]); k++)
      if (isnan(line[k * inner]) || line[k * inner] > line[best * inner])
        best = k;
    r->data[i] = (double)best;
  }
}

/* expand, permute and slice read their operand at an offset that is linear in the result's position. */
static void run_view(const interpreter *in, const node *n, tensor_value *r) {
  sizes from = sizes_of(in, n->operands[0]->shape);
  walk w = {.s = sizes_of(in, n->shape)};
  int64_t strides[RANK_MAX] = {0};
  row_major(&from, strides);
  bool outside = false;
  for (int i = 0; i < w.s.rank; i++) {
    if (n->op == OP_permute)
      w.strides[i] = strides[n->attributes.axes.axis[i]];
    else if (n->op == OP_expand)
      w.strides[i] = from.size[i] == 1 ? 0 : strides[i];
    else {
      int64_t low = dim_evaluate(n->attributes.slice.low[i], in->bindings), step = n->attributes.slice.step[i];
      outside |= low < 0 || low >= from.size[i] || (w.s.size[i] - 1) > (from.size[i] - 1 - low) / step;
      w.strides[i] = outside ? 0 : strides[i] * step;
      w.offset += outside ? 0 : strides[i] * low;
    }
  }
  const double *x = operand(in, n, 0)->data;
  for (int64_t i = 0; i < r->count; i++, walk_next(&w))
    r->data[i] = outside ? NAN : x[w.offset];
}

static void run_pad(const interpreter *in, const node *n, tensor_value *r) {
  sizes to = sizes_of(in, n->shape);
  walk w = {.s = sizes_of(in, n->operands[0]->shape)};
  int64_t strides[RANK_MAX] = {0};
  row_major(&to, strides);
  bool outside = false;
  for (int i = 0; i < to.rank; i++) {
    int64_t low = dim_evaluate(n->attributes.pad.low[i], in->bindings), step = n->attributes.pad.interior[i] + 1;
    outside |= low < 0 || dim_evaluate(n->attributes.pad.high[i], in->bindings) < 0;
    w.strides[i] = outside ? 0 : strides[i] * step;
    w.offset += outside ? 0 : strides[i] * low;
  }
  for (int64_t i = 0; i < r->count; i++)
    r->data[i] = outside ? NAN : 0;
  const tensor_value *x = operand(in, n, 0);
  for (int64_t i = 0; i < x->count && !outside; i++, walk_next(&w))
    r->data[w.offset] = x->data[i];
}

static void run_concat(const interpreter *in, const node *n, tensor_value *r) {
  sizes to = sizes_of(in, n->shape);
  int axis = n->attributes.axes.axis[0];
  int64_t outer = product(&to, 0, axis), row = product(&to, axis, to.rank), at = 0;
  for (int k = 0; k < n->operand_count; k++) {
    sizes from = sizes_of(in, n->operands[k]->shape);
    int64_t part = product(&from, axis, from.rank);
    for (int64_t o = 0; o < outer && part; o++)
      memcpy(r->data + o * row + at, operand(in, n, k)->data + o * part, sizeof(double) * (size_t)part);
    at += part;
  }
}

/* A number as the contraction n multiplies it. */
static double multiplied(const node *n, double x) {
  return n->attributes.bf16 ? evaluate_round_bf16(x) : x;
}

static void run_matmul(const interpreter *in, const node *n, tensor_value *r) {
  sizes x = sizes_of(in, n->operands[0]->shape), y = sizes_of(in, n->operands[1]->shape);
  int64_t rows = x.size[x.rank - 2], inner = x.size[x.rank - 1], columns = y.size[y.rank - 1];
  int64_t batch = product(&x, 0, x.rank - 2), y_step = y.rank > 2 ? inner * columns : 0;
  for (int64_t i = 0; i < r->count; i++)
    r->data[i] = 0;
  for (int64_t p = 0; p < batch; p++)
    for (int64_t i = 0; i < rows; i++)
      for (int64_t k = 0; k < inner; k++) {
        double left = multiplied(n, operand(in, n, 0)->data[(p * rows + i) * inner + k]);
        const double *right = operand(in, n, 1)->data + p * y_step + k * columns;
        double *sum = r->data + (p * rows + i) * columns;
        for (int64_t j = 0; j < columns; j++)
          sum[j] += left * multiplied(n, right[j]);
      }
}

static void run_gather(const interpreter *in, const node *n, tensor_value *r) {
  const tensor_value *table = operand(in, n, 0), *index = operand(in, n, 1);
  sizes s = sizes_of(in, n->operands[0]->shape);
  int64_t width = product(&s, 1, s.rank);
  for (int64_t i = 0; i < r->count; i++) {
    double row = index->data[i / width];
    bool inside = row >= 0 && row < (double)s.size[0];
    r->data[i] = inside ? table->data[(int64_t)row * width + i % width] : NAN;
  }
}

static void run_scatter_add(const interpreter *in, const node *n, tensor_value *r) {
  const tensor_value *index = operand(in, n, 0), *updates = operand(in, n, 1);
  sizes s = sizes_of(in, n->shape);
  int64_t width = product(&s, 1, s.rank);
  for (int64_t i = 0; i < r->count; i++)
    r->data[i] = 0;
  for (int64_t i = 0; i < updates->count; i++) {
    double row = index->data[i / width];
    if (row >= 0 && row < (double)s.size[0])
      r->data[(int64_t)row * width + i % width] += updates->data[i];
  }
}

static int64_t key_word(double value) {
  return fabs(value) < 0x1p63 ? (int64_t)value : 0;
}

static void run_leaf(const interpreter *in, const node *n, tensor_value *r) {
  sizes s = sizes_of(in, n->shape);
  int64_t key[2] = {0}, inner = 1, length = 1;
  if (n->op == OP_random)
    for (int i = 0; i < 2; i++)
      key[i] = key_word(operand(in, n, 0)->data[i]);
  if (n->op == OP_iota) {
    inner = product(&s, n->attributes.axes.axis[0] + 1, s.rank);
    length = s.size[n->attributes.axes.axis[0]];
  }
  for (int64_t i = 0; i < r->count; i++)
    r->data[i] = n->op == OP_constant ? n->attributes.number
                 : n->op == OP_input  ? in->inputs[n->id].data[i]
                 : n->op == OP_iota   ? (double)(i / inner % length)
                                      : (double)retort_uniform(key, n->attributes.site.number, (uint64_t)i);
}

static void run(const interpreter *in, const node *n, tensor_value *r) {
  switch (op_describe(n->op)->class) {
  case CLASS_LEAF:
  case CLASS_RANDOM:
    run_leaf(in, n, r);
    break;
  case CLASS_POINTWISE:
    run_pointwise(in, n, r);
    break;
  case CLASS_REDUCTION:
    (n->op == OP_argmax ? run_argmax : run_reduce)(in, n, r);
    break;
  case CLASS_MOVEMENT:
    if (n->op == OP_reshape)
      memcpy(r->data, operand(in, n, 0)->data, sizeof(double) * (size_t)r->count);
    else
      (n->op == OP_pad ? run_pad : n->op == OP_concat ? run_concat : run_view)(in, n, r);
    break;
  case CLASS_CONTRACTION:
    run_matmul(in, n, r);
    break;
  case CLASS_GATHER:
    run_gather(in, n, r);
    break;
  case CLASS_SCATTER:
    run_scatter_add(in, n, r);
    break;
  }
  for (int64_t i = 0; in->single && n->dtype == DTYPE_F32 && i < r->count; i++)
    r->data[i] = (double)(float)r->data[i];
}

tensor_value *graph_interpret(const graph *g, const int64_t *bindings, const tensor_value *inputs, bool single) {
  interpreter in = {.bindings = bindings, .inputs = inputs, .single = single};
  in.values = calloc((size_t)g->node_count + 1, sizeof *in.values);
  if (!in.values)
    return NULL;
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    tensor_value *r = &in.values[i];
    sizes s = sizes_of(&in, n->shape);
    r->count = checked_count(&s);
    bool missing = n->op == OP_input && (!inputs[i].data || inputs[i].count != r->count);
    r->data = r->count < 0 || missing ? NULL : malloc(sizeof(double) * (size_t)(r->count + 1));
    if (!r->data) {
      interpret_free(g, in.values);
      return NULL;
    }
    run(&in, n, r);
  }
  return in.values;
}

void interpret_free(const graph *g, tensor_value *values) {
  for (int i = 0; values && i < g->node_count; i++)
    free(values[i].data);
  free(values);
}
