/* Groups of roots to kernels: the phases around the rows. */
#include "compiler/kernel/lower.h"

lowering *lowering_create(const fusion *f) {
  arena *a = f->graph->arena;
  lowering *l = arena_new(a, lowering);
  l->f = f;
  l->memos = arena_array(a, memo *, f->graph->node_count);
  l->registers = arena_array(a, int, f->root_count + 1);
  l->parts = arena_array(a, int, f->root_count + 1);
  l->chunks = arena_array(a, int, f->root_count + 1);
  for (int i = 0; i < f->root_count; i++)
    l->registers[i] = l->parts[i] = -1;
  return l;
}

/* Rows over all threads; one row, or none to share, is a serial phase. */
static void lower_rows(lowering *l) {
  kernel_builder *b = l->b;
  bool single = dim_is_one(l->g->rows);
  phase *p = builder_phase(b, NULL, single ? NULL : l->rows, l->g->roots[0]->node->where);
  lower_part_begin(l);
  if (single) {
    l->row = subscript_constant(b, 0);
    lower_row(l);
  } else {
    const subscript *from = subscript_variable(b, VARIABLE_BEGIN), *to = subscript_variable(b, VARIABLE_END);
    if (l->g->ragged)
      lower_ragged_part(l, &from, &to);
    lower_row_loop(l, from, to);
  }
  lower_part_end(l);
  p->work = subscript_multiply(b, l->rows, subscript_dim(b, l->row_work));
  lower_finish(l);
}

/* ---- scatter ---- */

static const node *scatter_source(lowering *l, const node *x) {
  view v;
  return view_of(l->f, x, &v) ? v.base : x; /* dense: roots.c has seen to it */
}

/* out[begin .. end,:] = 0. */
static void clear_rows(lowering *l, const root *r, const subscript *width) {
  kernel_builder *b = l->b;
  const subscript *each = subscript_variable(b, builder_variable(b));
  builder_loop(b, each->number, subscript_multiply(b, subscript_variable(b, VARIABLE_BEGIN), width),
               subscript_multiply(b, subscript_variable(b, VARIABLE_END), width), 1, true);
  builder_store(b, root_parameter(l, r, true), each, value_number(b, 0, r->node->dtype));
  builder_end(b);
}

/* out[row,:] += the i-th update, which is computed here. */
static void add_update(lowering *l, const root *r, const subscript *i, const subscript *row, const subscript *width) {
  kernel_builder *b = l->b;
  const node *n = r->node, *updates = n->operands[1];
  int out = root_parameter(l, r, true), first, rank = n->operands[0]->shape.rank;
  const subscript *j = subscript_variable(b, builder_variable(b));
  const subscript *to = subscript_add(b, subscript_multiply(b, row, width), j);
  places at = {0};
  places_split(b, updates->shape.dims, rank, i, at.axis);
  places_split(b, updates->shape.dims + rank, updates->shape.rank - rank, j, at.axis + rank);
  builder_loop(b, j->number, subscript_constant(b, 0), width, 1, true);
  first = builder_statement_count(b);
  const value *both[] = {value_load(b, out, to), lower_node(l, updates, &at)};
  builder_store(b, out, to, value_op(b, OP_add, n->dtype, 2, both));
  builder_share(b, first);
  builder_end(b);
}

/* Each part takes a range of the rows and, in the order of the index, the updates that fall into it. */
static void lower_scatter(lowering *l, const root *r) {
  kernel_builder *b = l->b;
  dim_table *t = builder_dims(b);
  const node *n = r->node, *index = n->operands[0];
  const dim *width = dims_product(t, n->shape.dims + 1, n->shape.rank - 1), *count = shape_elements(t, index->shape);
  const subscript *columns = subscript_dim(b, width), *i = subscript_variable(b, builder_variable(b));
  phase *p = builder_phase(b, NULL, subscript_dim(b, n->shape.dims[0]), n->where);
  builder_take_cost(b);
  clear_rows(l, r, columns);
  builder_loop(b, i->number, subscript_constant(b, 0), subscript_dim(b, count), 1, false);
  int number = builder_register(b, index->dtype);
  builder_set(b, number, value_load(b, source_parameter(l, scatter_source(l, index)), i));
  const subscript *row = subscript_of_value(b, value_register(b, number));
  builder_when(b, row, subscript_variable(b, VARIABLE_BEGIN), subscript_variable(b, VARIABLE_END));
  add_update(l, r, i, row, columns);
  builder_end(b);
  builder_end(b);
  const dim *updates = dim_multiply(t, dim_constant(t, 1 + builder_take_cost(b)), dim_multiply(t, count, width));
  p->work = subscript_dim(b, dim_add(t, dim_multiply(t, n->shape.dims[0], width), updates));
}

/* ---- */

void lower_group(lowering *l, group *g) {
  l->g = g;
  l->b = builder_create(l->f->graph->arena, l->f->graph->dims);
  l->generation++;
  const root *first = g->roots[0];
  /* equal flat kernels of different sizes are one kernel */
  l->rows = g->flat ? builder_size(l->b, g->rows, true) : subscript_dim(l->b, g->rows);
  builder_kernel(l->b)->where = first->node->where;
  builder_kernel(l->b)->sums_across = group_sums_across(g);
  if (first->node->op == OP_scatter_add)
    lower_scatter(l, first);
  else if (g->contraction && !g->batched)
    lower_contraction(l);
  else
    lower_rows(l);
}
