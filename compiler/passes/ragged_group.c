/* Which groups may end at their rows' own lengths. */
#include "compiler/passes/pack.h"
#include "compiler/passes/ragged.h"
#include <math.h>

static bool has_width(const ragged *r, shape s, int first) {
  for (int i = first; i < s.rank; i++)
    if (s.dims[i] == r->width)
      return true;
  return false;
}

/* ---- places ---- */

/* T remains an axis of its own. */
static bool keeps_width(const fusion *f, shape from, shape to) {
  const ragged *r = f->ragged;
  reshape_run runs[2 * RANK_MAX];
  int count = reshape_runs(f->graph->dims, from, to, runs);
  if (count < 0)
    return !has_width(r, from, 0) && !has_width(r, to, 0);
  for (int i = 0; i < count; i++) {
    int widths[2] = {0, 0}, others[2] = {0, 0};
    for (int k = runs[i].from; k < runs[i].from_end; k++)
      *(from.dims[k] == r->width ? &widths[0] : &others[0]) += !dim_is_one(from.dims[k]);
    for (int k = runs[i].to; k < runs[i].to_end; k++)
      *(to.dims[k] == r->width ? &widths[1] : &others[1]) += !dim_is_one(to.dims[k]);
    if (widths[0] != widths[1] || widths[0] > 1 || (widths[0] && (others[0] || others[1])))
      return false;
  }
  return true;
}

/* Along T, an element of n is made of those at the same place. */
static bool is_in_place(const fusion *f, const node *n) {
  const ragged *r = f->ragged;
  switch (op_describe(n->op)->class) {
  case CLASS_MOVEMENT:
    if (n->op == OP_permute || n->op == OP_expand)
      return true;
    if (n->op == OP_reshape)
      return keeps_width(f, n->operands[0]->shape, n->shape);
    for (int k = 0; k < n->operand_count; k++)
      if (has_width(r, n->operands[k]->shape, 0))
        return false;
    return !has_width(r, n->shape, 0);
  case CLASS_GATHER:
    return r->token[n->operands[1]->id] || !has_width(r, n->operands[0]->shape, 0);
  case CLASS_POINTWISE:
  case CLASS_LEAF:
  case CLASS_RANDOM:
  case CLASS_REDUCTION:
  case CLASS_CONTRACTION:
    return true;
  case CLASS_SCATTER:
    break;
  }
  return false;
}

static bool reads_in_place(const fusion *f, bool *seen, const node *n) {
  for (int k = 0; k < n->operand_count; k++) {
    const node *x = n->operands[k];
    if (n->op == OP_gather && k == 1 && f->ragged->token[x->id])
      continue;
    if (seen[x->id] || f->root_of[x->id] || x->op == OP_input)
      continue;
    seen[x->id] = true;
    if (!is_in_place(f, x) || !reads_in_place(f, seen, x))
      return false;
  }
  return true;
}

/* ---- sums ---- */

static bool adds_nothing(const fusion *f, const node *x, int axis, double neutral) {
  const padding *p = &f->ragged->padding->padding[x->id];
  return (p->filled >> axis & 1) && p->filler == neutral;
}

static bool sums_are_bounded(const fusion *f, const node *n) {
  const ragged *r = f->ragged;
  const node *x = n->operand_count ? n->operands[0] : NULL;
  if (n->op == OP_matmul) {
    int k = x->shape.rank - 1;
    return x->shape.dims[k] != r->width || adds_nothing(f, x, k, 0) || adds_nothing(f, n->operands[1], k - 1, 0);
  }
  if (op_describe(n->op)->class != CLASS_REDUCTION)
    return true;
  double neutral = n->op == OP_reduce_sum ? 0 : n->op == OP_reduce_max ? -INFINITY : INFINITY;
  for (int i = 0; i < n->attributes.axes.count; i++) {
    int axis = n->attributes.axes.axis[i];
    if (x->shape.dims[axis] == r->width && (n->op == OP_argmax || !adds_nothing(f, x, axis, neutral)))
      return false;
    if (x->shape.dims[axis] == r->rows && has_width(r, n->shape, 0))
      return false;
  }
  return true;
}

/* ---- groups ---- */

/* How many rows of the batch come for each of B: the axes in front of B's, multiplied; NULL: there is no such axis. */
static const dim *before_rows(const fusion *f, shape s, int count) {
  int axis = ragged_row_axis(f->ragged, s, count);
  return axis < 0 ? NULL : dims_product(f->graph->dims, s.dims, axis);
}

static bool root_may_be_ragged(const fusion *f, const root *r, const dim *batch, const dim *before) {
  const ragged *of = f->ragged;
  bool across = false;
  int outer = root_outer(f, r, batch, &across);
  if (r->node->op == OP_matmul)
    outer = r->node->shape.rank - 2;
  for (int i = 0; i < r->space.rank; i++)
    if (r->space.dims[i] == of->padding->both || (i < outer && r->space.dims[i] == of->width))
      return false;
  if (!has_width(of, r->space, 0) && !has_width(of, r->node->shape, 0))
    return true;
  if (outer < 0 || before_rows(f, r->space, outer) != before)
    return false;
  if (!r->packed && root_is_output(f, r) && has_width(of, r->node->shape, 0))
    return false;
  bool *seen = arena_array(f->graph->arena, bool, f->graph->node_count);
  return sums_are_bounded(f, r->node) && is_in_place(f, r->node) && reads_in_place(f, seen, r->node);
}

static bool may_be_ragged(const fusion *f, const group *g) {
  const dim *batch = contraction_batch(f, g->contraction), *before = NULL;
  bool found = false;
  for (int i = 0; i < g->candidate_count; i++)
    found = found || g->candidates[i] == batch;
  if (batch)
    before = before_rows(f, g->contraction->node->shape, g->contraction->node->shape.rank - 2);
  for (int i = 0; found && before && i < g->root_count; i++)
    found = root_may_be_ragged(f, g->roots[i], batch, before) &&
            (g->roots[i]->node->op != OP_matmul || contraction_batch(f, g->roots[i]) == batch);
  return found && before;
}

/* It reads or writes packed tokens. */
static bool wants_ragged(const fusion *f, const group *g) {
  for (int i = 0; i < g->root_count; i++) {
    const root *r = g->roots[i];
    view v;
    if (r->packed)
      return true;
    for (int k = 0; r->node->op == OP_matmul && k < 2; k++)
      if (!f->root_of[r->node->operands[k]->id] && view_of(f, r->node->operands[k], &v) && v.bounded)
        return true;
  }
  return false;
}

/* What a ragged group leaves of its values' padding is of no meaning: only groups that do not look may read it. */
static bool drop_observed(const fusion *f) {
  bool any = false;
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      root *p = f->roots[i]->readings[k].producer;
      if (!p || !p->group->ragged || p->packed || f->roots[i]->group->ragged ||
          !has_width(f->ragged, p->node->shape, 0))
        continue;
      p->group->ragged = false;
      any = true;
    }
  return any;
}

static void mark_plain(fusion *f, const node *n) {
  for (; !f->root_of[n->id] && n->operand_count > 0; n = n->operands[n->op == OP_where]) {
    if (ragged_is_unpacked(f, n))
      f->plain[n->id] = true;
  }
}

bool ragged_decide(fusion *f, bool all) {
  bool again = false;
  if (!f->ragged)
    return false;
  for (int i = 0; i < f->group_count; i++) {
    group *g = f->groups[i];
    g->ragged = g->contraction && wants_ragged(f, g) && !all && may_be_ragged(f, g);
  }
  while (drop_observed(f))
    ;
  for (int i = 0; i < f->group_count; i++) {
    const group *g = f->groups[i];
    if (g->ragged || !g->contraction || !wants_ragged(f, g))
      continue;
    again = true;
    for (int k = 0; k < g->root_count; k++) {
      const node *n = g->roots[k]->node;
      f->plain[n->id] = f->plain[n->id] || g->roots[k]->packed;
      for (int m = 0; n->op == OP_matmul && m < 2; m++)
        mark_plain(f, n->operands[m]);
    }
  }
  return again;
}
