/* Finds in a graph what pack_index.c has put there. */
#include "compiler/passes/ragged.h"
#include "compiler/passes/pack.h"
#include <string.h>

/* ---- patterns ---- */

static bool is_iota(const node *n, int axis) {
  return n->op == OP_iota && n->attributes.axes.axis[0] == axis;
}

static bool is_integer(const node *n, double number) {
  return n->op == OP_constant && n->shape.rank == 0 && n->attributes.number == number;
}

/* The vector that n repeats along all axes but that one; or NULL. */
static const node *spread_along(const node *n, int axis) {
  if (n->op != OP_expand || n->operands[0]->op != OP_reshape)
    return NULL;
  const node *narrow = n->operands[0], *x = narrow->operands[0];
  for (int i = 0; i < narrow->shape.rank; i++)
    if (i != axis && !dim_is_one(narrow->shape.dims[i]))
      return NULL;
  return x->shape.rank == 1 && x->shape.dims[0] == n->shape.dims[axis] ? x : NULL;
}

/* What a reshaped sum over axis 1 sums up; or NULL. */
static const node *column_sum(const node *n) {
  if (n->op != OP_reshape || n->operands[0]->op != OP_reduce_sum)
    return NULL;
  const node *sum = n->operands[0];
  return sum->operands[0]->shape.rank == 2 && sum->attributes.axes.axis[0] == 1 ? sum->operands[0] : NULL;
}

static bool is_ends(const ragged *r, const node *n) {
  const node *counted = column_sum(n);
  if (!counted || counted->op != OP_where || !is_integer(counted->operands[2], 0))
    return false;
  const node *before = counted->operands[0];
  return before->op == OP_less_equal && is_iota(before->operands[0], 1) && is_iota(before->operands[1], 0) &&
         spread_along(counted->operands[1], 1) == r->lengths;
}

static bool is_starts(const ragged *r, const node *n) {
  return n->op == OP_sub && n->operands[1] == r->lengths && is_ends(r, n->operands[0]);
}

static bool is_token(ragged *r, const node *n) {
  if (n->op != OP_minimum || n->shape.rank != 2 || n->shape.dims[0] != r->rows || n->shape.dims[1] != r->width ||
      n->operands[0]->op != OP_add || !is_iota(n->operands[0]->operands[0], 1))
    return false;
  const node *starts = spread_along(n->operands[0]->operands[1], 0), *lasts = spread_along(n->operands[1], 0);
  if (!starts || !lasts || !is_starts(r, starts) || lasts->op != OP_maximum || lasts->operands[0]->op != OP_sub ||
      !is_integer(lasts->operands[0]->operands[1], 1) || lasts->operands[0]->operands[0] != starts->operands[0])
    return false;
  r->starts = (node *)starts;
  return true;
}

static bool is_row(const ragged *r, const node *n) {
  const node *behind = column_sum(n);
  if (!behind || behind->op != OP_cast || behind->operands[0]->op != OP_less_equal)
    return false;
  behind = behind->operands[0];
  const node *ends = spread_along(behind->operands[0], 1);
  return ends && is_ends(r, ends) && is_iota(behind->operands[1], 0);
}

static bool is_position(const ragged *r, const node *n, const node *row) {
  return n->op == OP_sub && is_iota(n->operands[0], 0) && n->operands[1]->op == OP_gather &&
         is_starts(r, n->operands[1]->operands[0]) && n->operands[1]->operands[1] == row;
}

/* The last of 0 … T - 1, and one. */
static bool is_width(const ragged *r, const node *n) {
  if (n->op != OP_add || n->operands[0]->op != OP_reshape || !is_integer(n->operands[1], 1))
    return false;
  const node *last = n->operands[0]->operands[0];
  return last->op == OP_slice && is_iota(last->operands[0], 0) && last->operands[0]->shape.dims[0] == r->width &&
         dim_is_one(last->shape.dims[0]);
}

static bool is_place(const ragged *r, const node *n) {
  if (n->op != OP_add || n->shape.rank != 1 || n->shape.dims[0] != r->tokens || n->operands[0]->op != OP_mul)
    return false;
  const node *row = n->operands[0]->operands[0];
  return is_row(r, row) && is_width(r, n->operands[0]->operands[1]) && is_position(r, n->operands[1], row);
}

static ragged *find_symbol(const fusion *f, const dim_symbol *symbol) {
  graph *g = f->graph;
  ragged *r = arena_new(g->arena, ragged);
  *r = (ragged){.rows = symbol->of,
                .width = dim_named(g->dims, symbol->name),
                .tokens = dim_tokens(g->dims, symbol),
                .lengths = graph_find_input(g, symbol->lengths),
                .token = arena_array(g->arena, bool, g->node_count),
                .place = arena_array(g->arena, bool, g->node_count)};
  for (int i = 0; r->lengths && i < g->node_count; i++) {
    r->token[i] = is_token(r, g->nodes[i]);
    r->place[i] = is_place(r, g->nodes[i]);
  }
  if (!r->starts)
    return NULL;
  packing *p = arena_new(g->arena, packing);
  *p = (packing){.from = g,
                 .symbol = symbol,
                 .rows = r->rows,
                 .width = r->width,
                 .both = dim_multiply(g->dims, r->rows, r->width),
                 .tokens = r->tokens,
                 .lengths = r->lengths,
                 .padding = arena_array(g->arena, padding, g->node_count + 1)};
  packing_find_filled(p);
  r->padding = p;
  return r;
}

ragged *ragged_find(const fusion *f) {
  ragged *found = NULL;
  const dim_table *t = f->graph->dims;
  int symbols = dim_symbol_count(t);
  for (int i = 0; i < symbols; i++) {
    const dim_symbol *symbol = dim_symbol_at(t, i);
    bool packed = false;
    for (int k = 0; symbol->of && k < symbols; k++)
      packed = packed || (dim_symbol_at(t, k)->sum && strcmp(dim_symbol_at(t, k)->sum, symbol->lengths) == 0);
    ragged *r = packed ? find_symbol(f, symbol) : NULL;
    if (r && found)
      return NULL;
    found = r ? r : found;
  }
  return found;
}

/* ---- what is read and written ---- */

bool ragged_is_unpacked(const fusion *f, const node *n) {
  const ragged *r = f->ragged;
  if (!r || f->plain[n->id])
    return false;
  if (n->op == OP_gather)
    return r->token[n->operands[1]->id];
  return n->op == OP_where && n->operands[1]->shape.rank > 0 && ragged_is_mask(f, n->operands[0]);
}

bool ragged_is_packed(const fusion *f, const node *n) {
  return f->ragged && n->op == OP_gather && f->ragged->place[n->operands[1]->id];
}

bool ragged_is_mask(const fusion *f, const node *n) {
  return f->ragged && n->dtype == DTYPE_BOOL && f->ragged->padding->padding[n->id].mask;
}

int ragged_row_axis(const ragged *r, shape s, int count) {
  int axis = -1;
  for (int i = 0; i < count; i++)
    if (s.dims[i] == r->rows) {
      if (axis >= 0)
        return -1;
      axis = i;
    }
  return axis;
}

/* One axis of B among the batch's, and one of T behind. */
static bool may_be_packed(const fusion *f, const node *n) {
  const ragged *r = f->ragged;
  if (n->op != OP_matmul || n->shape.rank < 3 || n->operands[1]->shape.rank != n->shape.rank || f->plain[n->id])
    return false;
  int rank = n->shape.rank;
  return ragged_row_axis(r, n->shape, rank) >= 0 && ragged_row_axis(r, n->shape, rank - 2) >= 0 &&
         n->shape.dims[rank - 2] == r->width && n->shape.dims[rank - 1] != r->width;
}

void ragged_find_results(fusion *f) {
  graph *g = f->graph;
  f->packed = arena_array(g->arena, bool, g->node_count);
  if (!f->ragged)
    return;
  bool *good = arena_array(g->arena, bool, g->node_count), *used = arena_array(g->arena, bool, g->node_count);
  for (int i = 0; i < g->node_count; i++)
    good[i] = true;
  for (int i = 0; i < g->output_count; i++)
    good[g->outputs[i].value->id] = false;
  for (int i = g->node_count - 1; i >= 0; i--) {
    const node *n = g->nodes[i];
    for (int k = 0; k < n->operand_count; k++) {
      bool movement = n->op == OP_permute || n->op == OP_reshape, gathers = k == 0 && ragged_is_packed(f, n);
      used[n->operands[k]->id] = true;
      good[n->operands[k]->id] = good[n->operands[k]->id] && (gathers || (movement && good[i]));
    }
    f->packed[i] = good[i] && used[i] && may_be_packed(f, n);
  }
}
