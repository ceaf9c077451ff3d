/* Contractions with their epilogues.
 *
 * The product is computed by blocks of rows, and what follows on those rows comes while the block is in cache. A
 * library call packs the whole right operand, so blocks are large; where there are not rows enough for large blocks on
 * every thread, the product has the pool to itself and the epilogue follows in a phase of its own. Which it is depends
 * on sizes at run time, so both are in the kernel. Batches of small products are shared out over the threads whole. */
#include "compiler/kernel/lower.h"
#include "compiler/passes/panels.h"

enum {
  ROWS_LEAST = 256,        /* of a block, when the right operand is large */
  BLOCK_ELEMENTS = 262144, /* of the result: what fits in a second-level cache */
  BATCH_ROWS_LEAST = 64,   /* of a block of one of a batch of products */
  NARROW_RESULT = 32,      /* columns: such a result stays in cache anyway */
  WORK_DIVISOR = 8         /* a product does so many operations for one of the rest */
};

typedef struct product {
  const root *root;
  view a, b, c;
  bool panels; /* b is; its view says nothing else than where */
  int rank;
  bool merged;                  /* one product: all leading axes are rows */
  const dim *batch, *m, *n, *k; /* how many products, and their sizes */
  const dim *a_row, *c_row;     /* elements between rows */
} product;

/* The distance between rows when the leading `count` axes are one axis of rows; NULL when they are not evenly spaced.
 */
static const dim *merged_stride(dim_table *t, shape s, int count, const dim *const *strides) {
  const dim *stride = NULL, *expected = NULL;
  for (int i = count - 1; i >= 0; i--) {
    if (dim_is_one(s.dims[i]))
      continue;
    if (!stride)
      stride = strides[i];
    else if (strides[i] != expected)
      return NULL;
    expected = dim_multiply(t, strides[i], s.dims[i]);
  }
  return stride ? stride : dim_constant(t, 0);
}

static product describe(lowering *l, const root *r) {
  dim_table *t = builder_dims(l->b);
  const node *x = r->node->operands[0], *y = r->node->operands[1];
  product p = {.root = r, .rank = x->shape.rank};
  p.b.base = view_panels(l->f, r->node);
  p.panels = p.b.base != NULL;
  bool found = view_of(l->f, x, &p.a) && (p.panels || view_of(l->f, y, &p.b)); /* roots.c has seen to it */
  (void)found;
  p.c = (view){.base = r->node, .offset = dim_constant(t, 0)};
  root_strides(l->f, r, p.c.stride);
  if (r->packed)
    p.c.token = p.c.stride[p.rank - 2];
  p.k = x->shape.dims[p.rank - 1];
  p.n = r->node->shape.dims[p.rank - 1];
  p.m = dims_product(t, x->shape.dims, p.rank - 1);
  p.batch = dim_constant(t, 1);
  p.a_row = merged_stride(t, x->shape, p.rank - 1, p.a.stride);
  p.c_row = merged_stride(t, r->node->shape, p.rank - 1, p.c.stride);
  bool readable = p.a_row && (dim_is_one(p.a.stride[p.rank - 1]) || dim_is_one(p.k) || dim_is_one(p.a_row)) &&
                  (dim_is_one(p.m) || !dim_is_zero(p.a_row));
  p.merged = p.rank == 2 || (y->shape.rank == 2 && p.c_row && readable);
  if (!p.merged) {
    p.batch = dims_product(t, x->shape.dims, p.rank - 2);
    p.m = x->shape.dims[p.rank - 2];
  }
  if (!p.merged || p.rank == 2) {
    p.a_row = p.a.stride[p.rank - 2];
    p.c_row = p.c.stride[p.rank - 2];
  }
  return p;
}

/* A matrix of rows x columns whose elements lie `row` and `column` apart: one of them must be 1. */
static matrix make_matrix(lowering *l, const node *base, const subscript *offset, const dim *rows, const dim *columns,
                          const dim *row, const dim *column) {
  matrix x = {.buffer = source_parameter(l, base), .offset = offset};
  bool transposed = !dim_is_one(column) && !dim_is_one(columns);
  x.form = transposed ? MATRIX_TRANSPOSED : MATRIX_ROWS;
  const dim *stride = transposed ? column : dim_is_one(rows) ? columns : row;
  x.stride = subscript_dim(l->b, stride);
  return x;
}

/* Offset of the product numbered `unit` in a tensor whose leading axes are the batch's. */
static const subscript *batch_offset(lowering *l, const product *p, shape s, const view *v, const subscript *unit) {
  const subscript *start = subscript_dim(l->b, v->offset);
  const dim *own[RANK_MAX], *const *strides = v->stride;
  if (v->token) {
    int row = ragged_row_axis(l->f->ragged, s, s.rank - 2);
    for (int i = 0; i < s.rank; i++)
      own[i] = i == row ? dim_constant(builder_dims(l->b), 0) : strides[i];
    strides = own;
    start = subscript_add(l->b, start, subscript_multiply(l->b, l->start, subscript_dim(l->b, v->token)));
  }
  if (p->merged || s.rank != p->rank || !unit)
    return start;
  places at = {0};
  shape batch = s;
  batch.rank = p->rank - 2;
  places_split(l->b, s.dims, batch.rank, unit, at.axis);
  return places_offset(l->b, batch, &at, strides, start);
}

/* Where a thread's own copy of the base begins, if it has one. */
static const subscript *base_start(lowering *l, const node *base) {
  const root *r = l->f->root_of[base->id];
  if (!r || r->storage != STORAGE_SCRATCH)
    return subscript_constant(l->b, 0);
  return share_start(l, r, subscript_variable(l->b, VARIABLE_WORKER), false);
}

static matrix right_operand(lowering *l, const product *p, const subscript *unit) {
  dim_table *t = builder_dims(l->b);
  if (p->panels) {
    const dim *panel = dim_multiply(t, p->b.base->shape.dims[1], dim_constant(t, PANEL_COLUMNS));
    return (matrix){.buffer = source_parameter(l, p->b.base),
                    .offset = subscript_constant(l->b, 0),
                    .stride = subscript_dim(l->b, panel),
                    .form = MATRIX_PANELS};
  }
  shape s = p->root->node->operands[1]->shape;
  int last = s.rank - 1;
  const subscript *offset = batch_offset(l, p, s, &p->b, unit);
  offset = subscript_add(l->b, offset, base_start(l, p->b.base));
  return make_matrix(l, p->b.base, offset, p->k, p->n, p->b.stride[last - 1], p->b.stride[last]);
}

/* Rows [first, first + count) of the product numbered `unit`. */
static void lower_product(lowering *l, const product *p, const subscript *unit, const subscript *first,
                          const subscript *count) {
  kernel_builder *b = l->b;
  const node *n = p->root->node, *x = n->operands[0];
  builder_where(b, n->where);
  statement *s = builder_statement(b, STATEMENT_MATMUL);
  s->matmul.m = count;
  s->matmul.n = bound_of(l, p->n);
  s->matmul.k = bound_of(l, p->k);
  s->matmul.alpha = 1;
  s->matmul.bf16 = n->attributes.bf16;
  const subscript *a = batch_offset(l, p, x->shape, &p->a, unit);
  a = subscript_add(b, a, subscript_multiply(b, first, subscript_dim(b, p->a_row)));
  a = subscript_add(b, a, base_start(l, p->a.base));
  s->matmul.a = make_matrix(l, p->a.base, a, p->m, p->k, p->a_row, p->a.stride[p->rank - 1]);
  s->matmul.b = right_operand(l, p, unit);
  const subscript *c = batch_offset(l, p, n->shape, &p->c, unit);
  c = subscript_add(b, c, subscript_multiply(b, first, subscript_dim(b, p->c_row)));
  c = subscript_add(b, c, base_start(l, n));
  bool scratch = p->root->storage == STORAGE_SCRATCH;
  s->matmul.c.buffer = scratch ? scratch_parameter(l, p->root, true) : root_parameter(l, p->root, true);
  s->matmul.c.offset = c;
  s->matmul.c.stride = subscript_dim(b, dim_is_one(p->m) ? p->n : p->c_row);
}

const dim *lower_batched(lowering *l, const root *r) {
  dim_table *t = builder_dims(l->b);
  product p = describe(l, r);
  lower_product(l, &p, l->row, subscript_constant(l->b, 0), bound_of(l, p.m));
  return dim_floor_divide(t, dim_multiply(t, p.m, dim_multiply(t, p.n, p.k)), WORK_DIVISOR);
}

/* ---- phases ---- */

static bool has_epilogue(const group *g) {
  return g->root_count > 1;
}

static const subscript *operations(lowering *l, const product *p) {
  dim_table *t = builder_dims(l->b);
  const dim *count = dim_multiply(t, dim_multiply(t, p->batch, p->m), dim_multiply(t, p->n, p->k));
  return subscript_dim(l->b, dim_floor_divide(t, count, WORK_DIVISOR));
}

/* A register that holds the number, for places that use it often. */
static const subscript *named(lowering *l, const subscript *s) {
  if (s->kind == SUBSCRIPT_CONSTANT || s->kind == SUBSCRIPT_DIM || s->kind == SUBSCRIPT_VARIABLE)
    return s;
  int number = builder_register(l->b, DTYPE_I64);
  builder_set(l->b, number, value_index(l->b, s, DTYPE_I64));
  return subscript_of_value(l->b, value_register(l->b, number));
}

/* Units are blocks of rows of products, `blocks` of `size` rows for each product. With `switched` 0 at run time the
 * products are there already. */
static void lower_units(lowering *l, const product *p, const subscript *blocks, const subscript *size,
                        const subscript *switched) {
  kernel_builder *b = l->b;
  const subscript *m = subscript_dim(b, p->m), *batch = subscript_dim(b, p->batch);
  phase *made = builder_phase(b, NULL, subscript_multiply(b, batch, blocks), p->root->node->where);
  lower_part_begin(l);
  blocks = named(l, blocks);
  size = named(l, size);
  int variable = builder_variable(b);
  const subscript *unit = subscript_variable(b, variable);
  builder_loop(b, variable, subscript_variable(b, VARIABLE_BEGIN), subscript_variable(b, VARIABLE_END), 1, false);
  const subscript *which =
      p->merged ? subscript_constant(b, 0) : named(l, subscript_binary(b, SUBSCRIPT_DIVIDE, unit, blocks));
  const subscript *at = p->merged ? unit : subscript_binary(b, SUBSCRIPT_REMAINDER, unit, blocks);
  const subscript *first = named(l, subscript_binary(b, SUBSCRIPT_MINIMUM, subscript_multiply(b, at, size), m));
  const subscript *left = subscript_binary(b, SUBSCRIPT_SUBTRACT, m, first);
  const subscript *count = named(l, subscript_binary(b, SUBSCRIPT_MINIMUM, size, left));
  lower_product(l, p, which, first, subscript_multiply(b, count, switched));
  l->row_work = dim_constant(builder_dims(b), 0);
  if (has_epilogue(l->g)) {
    const subscript *from = subscript_add(b, subscript_multiply(b, which, m), first);
    lower_row_loop(l, from, subscript_add(b, from, count));
  }
  builder_end(b);
  lower_part_end(l);
  const subscript *rest = subscript_multiply(b, l->rows, subscript_dim(b, l->row_work));
  made->work = subscript_add(b, operations(l, p), rest);
}

/* As many blocks a product as give every thread one, if they are not too small. */
static void lower_batch(lowering *l, const product *p) {
  kernel_builder *b = l->b;
  const subscript *m = subscript_dim(b, p->m), *batch = subscript_dim(b, p->batch), *one = subscript_constant(b, 1);
  const subscript *wanted = subscript_parts(b, subscript_variable(b, VARIABLE_THREADS), batch);
  const subscript *most = subscript_binary(b, SUBSCRIPT_DIVIDE, m, subscript_constant(b, BATCH_ROWS_LEAST));
  const subscript *blocks =
      subscript_binary(b, SUBSCRIPT_MAXIMUM, one, subscript_binary(b, SUBSCRIPT_MINIMUM, wanted, most));
  lower_units(l, p, blocks, subscript_parts(b, m, blocks), one);
}

/* By blocks where there are rows enough; else the product has the pool to itself before, and the blocks, one a thread,
 * are left with the epilogue. */
static void lower_blocks(lowering *l, const product *p) {
  kernel_builder *b = l->b;
  const subscript *m = subscript_dim(b, p->m), *threads = subscript_variable(b, VARIABLE_THREADS);
  const subscript *one = subscript_constant(b, 1), *zero = subscript_constant(b, 0);
  const subscript *large = subscript_multiply(b, threads, subscript_constant(b, ROWS_LEAST));
  const subscript *missing = subscript_binary(b, SUBSCRIPT_SUBTRACT, large, m);
  const subscript *enough = subscript_binary(b, SUBSCRIPT_SUBTRACT, one, missing);
  enough = subscript_binary(b, SUBSCRIPT_MINIMUM, one, subscript_binary(b, SUBSCRIPT_MAXIMUM, zero, enough));
  builder_phase(b, missing, NULL, p->root->node->where);
  lower_product(l, p, NULL, zero, m);
  const subscript *fitting =
      subscript_binary(b, SUBSCRIPT_DIVIDE, subscript_constant(b, BLOCK_ELEMENTS), subscript_dim(b, p->n));
  const subscript *most = subscript_binary(b, SUBSCRIPT_MAXIMUM, subscript_constant(b, ROWS_LEAST), fitting);
  const subscript *each = subscript_parts(b, m, subscript_multiply(b, threads, most));
  const subscript *blocks = subscript_multiply(b, threads, each);
  lower_units(l, p, blocks, subscript_parts(b, m, blocks), enough);
}

/* The product with the pool to itself, then, if there is any, the epilogue over all threads. */
static void lower_whole(lowering *l, const product *p) {
  kernel_builder *b = l->b;
  builder_phase(b, NULL, NULL, p->root->node->where);
  lower_product(l, p, NULL, subscript_constant(b, 0), subscript_dim(b, p->m));
  if (!has_epilogue(l->g))
    return;
  phase *made = builder_phase(b, NULL, l->rows, p->root->node->where);
  lower_part_begin(l);
  lower_row_loop(l, subscript_variable(b, VARIABLE_BEGIN), subscript_variable(b, VARIABLE_END));
  lower_part_end(l);
  made->work = subscript_multiply(b, l->rows, subscript_dim(b, l->row_work));
}

static bool is_at_most(const dim *d, int64_t limit) {
  int64_t size;
  return dim_is_constant(d, &size) && size <= limit;
}

void lower_contraction(lowering *l) {
  product p = describe(l, l->g->contraction);
  if (!dim_is_one(p.batch))
    lower_batch(l, &p);
  else if (!has_epilogue(l->g) || is_at_most(p.n, NARROW_RESULT) || is_at_most(p.m, 2 * ROWS_LEAST))
    lower_whole(l, &p);
  else
    lower_blocks(l, &p);
  lower_finish(l);
}
