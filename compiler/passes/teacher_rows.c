/* Which values of a step are the teacher's, row by row. Padding is told by what `pack` knows of it: two walks, from
 * operands to users for what it holds, and back for whether anybody looks. */
#include "compiler/graph/rows.h"
#include "compiler/passes/pack.h"
#include "compiler/passes/pass.h"
#include "compiler/passes/teacher.h"
#include <math.h>

typedef struct finding {
  const graph *graph;
  const dim *rows;
  int symbol_count;
  packing *padding; /* of each ragged symbol */
  teacher_values *of;
} finding;

/* ---- padding ---- */

static void find_padding(finding *f) {
  const graph *g = f->graph;
  int count = dim_symbol_count(g->dims);
  f->padding = arena_array(g->arena, packing, count + 1);
  for (int i = 0; i < count; i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    node *lengths = s->of ? graph_find_input(g, s->lengths) : NULL;
    if (!lengths)
      continue;
    packing *p = &f->padding[f->symbol_count++];
    *p = (packing){.from = g,
                   .symbol = s,
                   .rows = s->of,
                   .width = dim_named(g->dims, s->name),
                   .lengths = lengths,
                   .padding = arena_array(g->arena, padding, g->node_count + 1),
                   .packed = arena_array(g->arena, bool, g->node_count + 1)};
    p->both = dim_multiply(g->dims, p->rows, p->width);
    packing_find_filled(p);
    for (int k = 0; k < g->output_count; k++)
      p->padding[g->outputs[k].value->id].unneeded = p->padding[g->outputs[k].value->id].alone = 0;
    for (int id = g->node_count - 1; id >= 0; id--)
      packing_need_operands(p, g->nodes[id]);
  }
}

/* Which of the ragged symbols d is; -1: none. */
static int ragged(const finding *f, const dim *d) {
  for (int i = 0; i < f->symbol_count; i++)
    if (f->padding[i].width == d)
      return i;
  return -1;
}

/* The padding of x along that ragged axis is known to be `value`. */
static bool holds(const finding *f, const node *x, int axis, double value) {
  const padding *p = &f->padding[ragged(f, x->shape.dims[axis])].padding[x->id];
  return (p->filled & 1u << axis) && p->filler == value;
}

/* Zeros may stand in the place of x's padding. */
static bool zeros_will_do(const finding *f, const node *x) {
  for (int i = 0; i < x->shape.rank; i++) {
    int s = ragged(f, x->shape.dims[i]);
    if (s < 0)
      continue;
    const padding *p = &f->padding[s].padding[x->id];
    if (!(p->axes & 1u << i) || !(holds(f, x, i, 0) || (p->unneeded & 1u << i)))
      return false;
  }
  return true;
}

/* ---- whether what is real is the same in a wider batch ---- */

static double neutral(op o) {
  return o == OP_reduce_sum ? 0 : o == OP_reduce_min ? INFINITY : -INFINITY;
}

/* A sum over T is that over the row when the rest of it is zero. Of what has no rows, as iota(T), the batch decides. */
static bool reduction_is_narrow(const finding *f, const node *n) {
  const node *x = n->operands[0];
  for (int i = 0; i < n->attributes.axes.count; i++) {
    int axis = n->attributes.axes.axis[i];
    if (ragged(f, x->shape.dims[axis]) >= 0 && !holds(f, x, axis, neutral(n->op)))
      return false;
  }
  return true;
}

static bool product_is_narrow(const finding *f, const node *n) {
  const node *x = n->operands[0], *y = n->operands[1];
  int x_axis = x->shape.rank - 1, y_axis = y->shape.rank - 2;
  return ragged(f, x->shape.dims[x_axis]) < 0 || holds(f, x, x_axis, 0) || holds(f, y, y_axis, 0);
}

/* The elements in front keep their places, of a ragged axis the first one alone or all. */
static bool slice_is_narrow(const finding *f, const node *n) {
  for (int i = 0; i < n->shape.rank; i++) {
    bool from = ragged(f, n->operands[0]->shape.dims[i]) >= 0, to = ragged(f, n->shape.dims[i]) >= 0;
    int64_t low, size;
    if (!from && !to)
      continue;
    bool front = dim_is_constant(n->attributes.slice.low[i], &low) && low == 0 && n->attributes.slice.step[i] == 1;
    if (!front || (!to && !(dim_is_constant(n->shape.dims[i], &size) && size == 1)))
      return false;
  }
  return true;
}

static bool pad_is_narrow(const finding *f, const node *n) {
  for (int i = 0; i < n->shape.rank; i++)
    if (n->shape.dims[i] != n->operands[0]->shape.dims[i] &&
        (ragged(f, n->shape.dims[i]) >= 0 || ragged(f, n->operands[0]->shape.dims[i]) >= 0))
      return false;
  return true;
}

static const dim *elements_behind(const finding *f, shape s, int axis) {
  const dim *all = dim_constant(f->graph->dims, 1);
  for (int i = axis + 1; i < s.rank; i++)
    all = dim_multiply(f->graph->dims, all, s.dims[i]);
  return all;
}

/* Each ragged axis of one is an axis of the other, with the same elements behind it. */
static bool reshape_is_narrow(const finding *f, const node *n) {
  shape from = n->operands[0]->shape, to = n->shape;
  int k = 0;
  for (int i = 0; i < from.rank; i++) {
    if (ragged(f, from.dims[i]) < 0)
      continue;
    while (k < to.rank && ragged(f, to.dims[k]) < 0)
      k++;
    if (k == to.rank || to.dims[k] != from.dims[i] || elements_behind(f, from, i) != elements_behind(f, to, k))
      return false;
    k++;
  }
  for (; k < to.rank; k++)
    if (ragged(f, to.dims[k]) >= 0)
      return false;
  return true;
}

static bool is_narrow(const finding *f, const node *n) {
  if (op_describe(n->op)->class == CLASS_REDUCTION)
    return reduction_is_narrow(f, n);
  if (n->op == OP_matmul)
    return product_is_narrow(f, n);
  if (n->op == OP_slice)
    return slice_is_narrow(f, n);
  if (n->op == OP_pad)
    return pad_is_narrow(f, n);
  return n->op != OP_reshape || reshape_is_narrow(f, n);
}

/* Every size is a number, the rows (once), or the width of ragged rows. */
static bool has_plain_shape(const finding *f, const node *n) {
  if (rows_axis(n, f->rows) == -2)
    return false;
  for (int i = 0; i < n->shape.rank; i++) {
    const dim *d = n->shape.dims[i];
    if (d != f->rows && !dim_is_constant(d, NULL) && ragged(f, d) < 0)
      return false;
  }
  return true;
}

/* ---- values ---- */

static teacher_rows of_leaf(const finding *f, const node *n) {
  int axis = rows_axis(n, f->rows);
  if (n->op == OP_input) {
    if (n->attributes.input.kind == INPUT_DATA)
      return axis == 0 ? ROWS_APART : ROWS_RANDOM; /* a scalar of the schedule, the key */
    return n->attributes.input.kind == INPUT_WEIGHT ? ROWS_SAME : ROWS_NONE;
  }
  if (n->op == OP_iota && n->attributes.axes.axis[0] == axis)
    return ROWS_MIXED;
  return axis >= 0 ? ROWS_APART : ROWS_SAME;
}

static teacher_rows of_operands(const finding *f, const node *n) {
  bool *by_row = arena_array(f->graph->arena, bool, n->operand_count + 1), any = false;
  teacher_rows worst = n->op == OP_random ? ROWS_RANDOM : ROWS_SAME;
  for (int i = 0; i < n->operand_count; i++) {
    teacher_rows its = f->of->rows[n->operands[i]->id];
    if (its == ROWS_NONE)
      return ROWS_NONE;
    worst = its > worst ? its : worst;
    by_row[i] = its == ROWS_APART;
    any = any || by_row[i];
  }
  if (worst >= ROWS_RANDOM)
    return worst;
  if (!is_narrow(f, n))
    return ROWS_MIXED;
  if (!any) /* a value for all may be spread over the rows */
    return rows_axis(n, f->rows) < 0 ? ROWS_SAME : n->op == OP_expand ? ROWS_APART : ROWS_MIXED;
  return rows_apart(n, f->rows, by_row) ? ROWS_APART : ROWS_MIXED;
}

teacher_values teacher_values_find(const graph *g) {
  teacher_values result = {.graph = g,
                           .rows = arena_array(g->arena, teacher_rows, g->node_count + 1),
                           .weighs = arena_array(g->arena, bool, g->node_count + 1),
                           .can_be_kept = arena_array(g->arena, bool, g->node_count + 1)};
  finding f = {.graph = g, .rows = dim_named(g->dims, "B"), .of = &result};
  find_padding(&f);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    teacher_rows rows = n->operand_count ? of_operands(&f, n) : of_leaf(&f, n);
    if (rows != ROWS_NONE && !has_plain_shape(&f, n))
      rows = ROWS_MIXED;
    result.rows[id] = rows;
    result.weighs[id] = n->op == OP_input && n->attributes.input.kind == INPUT_WEIGHT;
    for (int i = 0; i < n->operand_count; i++)
      result.weighs[id] = result.weighs[id] || result.weighs[n->operands[i]->id];
    result.can_be_kept[id] =
        rows == ROWS_APART && result.weighs[id] && rows_axis(n, f.rows) == 0 && zeros_will_do(&f, n);
  }
  return result;
}
