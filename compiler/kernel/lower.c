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
  } else
    lower_row_loop(l, subscript_variable(b, VARIABLE_BEGIN), subscript_variable(b, VARIABLE_END));
  lower_part_end(l);
  p->work = subscript_multiply(b, l->rows, subscript_dim(b, l->row_work));
  lower_finish(l);
}

/* ---- scatter ---- */

static const node *scatter_source(lowering *l, const node *x) {
  view v;
  return view_of(l->f, x, &v) ? v.base : x; /* dense: roots.c has seen to it */
}

static void lower_scatter_f32(lowering *l, const root *r) {
  kernel_builder *b = l->b;
  dim_table *t = builder_dims(b);
  const node *n = r->node, *index = n->operands[0], *updates = n->operands[1];
  const dim *width = dims_product(t, n->shape.dims + 1, n->shape.rank - 1), *count = shape_elements(t, index->shape);
  const subscript *rows = subscript_dim(b, n->shape.dims[0]);
  phase *p = builder_phase(b, NULL, rows, n->where);
  const dim *moved = dim_add(t, dim_multiply(t, n->shape.dims[0], width), dim_multiply(t, count, width));
  p->work = subscript_dim(b, moved);
  statement *s = builder_statement(b, STATEMENT_SCATTER);
  s->scatter.out = root_parameter(l, r, true);
  s->scatter.indices = source_parameter(l, scatter_source(l, index));
  s->scatter.updates = source_parameter(l, scatter_source(l, updates));
  s->scatter.from = subscript_variable(b, VARIABLE_BEGIN);
  s->scatter.to = subscript_variable(b, VARIABLE_END);
  s->scatter.width = subscript_dim(b, width);
  s->scatter.count = subscript_dim(b, count);
}

/* Integers are added by one thread. */
static void lower_scatter_integers(lowering *l, const root *r) {
  kernel_builder *b = l->b;
  dim_table *t = builder_dims(b);
  const node *n = r->node, *index = n->operands[0], *updates = n->operands[1];
  const dim *width = dims_product(t, n->shape.dims + 1, n->shape.rank - 1), *count = shape_elements(t, index->shape);
  const subscript *zero = subscript_constant(b, 0), *columns = subscript_dim(b, width);
  builder_phase(b, NULL, NULL, n->where);
  int out = root_parameter(l, r, true), clear = builder_variable(b), from = builder_variable(b),
      each = builder_variable(b);
  int indices = source_parameter(l, scatter_source(l, index)), added = source_parameter(l, scatter_source(l, updates));
  builder_loop(b, clear, zero, subscript_dim(b, shape_elements(t, n->shape)), 1, true);
  builder_store(b, out, subscript_variable(b, clear), value_number(b, 0, n->dtype));
  builder_end(b);
  builder_loop(b, from, zero, subscript_dim(b, count), 1, false);
  builder_loop(b, each, zero, columns, 1, true);
  const subscript *i = subscript_variable(b, from), *j = subscript_variable(b, each);
  const subscript *row = subscript_of_value(b, value_load(b, indices, i));
  const subscript *to = subscript_add(b, subscript_multiply(b, row, columns), j);
  const value *both[] = {value_load(b, out, to),
                         value_load(b, added, subscript_add(b, subscript_multiply(b, i, columns), j))};
  builder_store(b, out, to, value_op(b, OP_add, n->dtype, 2, both));
  builder_end(b);
  builder_end(b);
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
  if (first->node->op == OP_scatter_add && first->node->dtype == DTYPE_F32)
    lower_scatter_f32(l, first);
  else if (first->node->op == OP_scatter_add)
    lower_scatter_integers(l, first);
  else if (g->contraction)
    lower_contraction(l);
  else
    lower_rows(l);
}
