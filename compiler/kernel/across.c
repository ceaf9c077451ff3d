/* Sums (and extremes) across all rows. Each part has a share of its own and the shares are added in order when all
 * parts are done, so the result depends on the number of threads alone. Within a part, chunks of rows are summed by
 * themselves and then added, so that the error grows slowly with the number of rows. */
#include "compiler/kernel/lower.h"

enum {
  CHUNK_ROWS = 512,      /* of rows with loops of their own */
  CHUNK_ELEMENTS = 4096, /* of rows that are one element */
  CHUNK_BATCH = 4        /* of rows that are matrices */
};

bool sums_to_number(const lowering *l, const root *r) {
  return r->reduce == REDUCE_ACROSS && dim_is_one(shape_elements(l->f->graph->dims, r->node->shape));
}

bool group_sums_across(const group *g) {
  for (int i = 0; i < g->root_count; i++)
    if (g->roots[i]->reduce == REDUCE_ACROSS)
      return true;
  return false;
}

const subscript *share_start(lowering *l, const root *r, const subscript *worker, bool chunk) {
  kernel_builder *b = l->b;
  const subscript *size = subscript_dim(b, l->f->buffers[r->scratch].elements);
  const subscript *start = subscript_multiply(b, worker, size);
  return chunk ? subscript_add(b, start, subscript_dim(b, across_share(l->f, r))) : start;
}

static const subscript *worker(lowering *l) {
  return subscript_variable(l->b, VARIABLE_WORKER);
}

/* A loop over the elements of r's result; the element. */
static const subscript *open_elements(lowering *l, const root *r) {
  int variable = builder_variable(l->b);
  const dim *elements = shape_elements(l->f->graph->dims, r->node->shape);
  builder_loop(l->b, variable, subscript_constant(l->b, 0), subscript_dim(l->b, elements), 1, true);
  return subscript_variable(l->b, variable);
}

/* to[e] = to[e] + from[e], by r's operation. */
static void add_element(lowering *l, const root *r, int to, const subscript *at, int from, const subscript *added) {
  const value *both[] = {value_load(l->b, to, at), value_load(l->b, from, added)};
  builder_store(l->b, to, at, value_op(l->b, step_operation(r->node), r->node->dtype, 2, both));
}

/* Clears the register or the half of the share that rows (or, with `chunk`, the rows of a chunk) add to. */
static void clear(lowering *l, const root *r, bool chunk) {
  builder_where(l->b, r->node->where);
  if (sums_to_number(l, r)) {
    l->parts[r->index] = builder_register(l->b, r->node->dtype);
    builder_set(l->b, l->parts[r->index], identity_of(l, r->node));
    return;
  }
  const subscript *e = open_elements(l, r);
  builder_store(l->b, scratch_parameter(l, r, true), subscript_add(l->b, share_start(l, r, worker(l), chunk), e),
                identity_of(l, r->node));
  builder_end(l->b);
}

void lower_part_begin(lowering *l) {
  for (int i = 0; i < l->g->root_count; i++)
    if (l->g->roots[i]->reduce == REDUCE_ACROSS)
      clear(l, l->g->roots[i], false);
}

void lower_part_end(lowering *l) {
  for (int i = 0; i < l->g->root_count; i++) {
    const root *r = l->g->roots[i];
    if (!sums_to_number(l, r))
      continue;
    builder_where(l->b, r->node->where);
    builder_store(l->b, scratch_parameter(l, r, true), share_start(l, r, worker(l), false),
                  value_register(l->b, l->parts[r->index]));
  }
}

static void begin_chunk(lowering *l) {
  for (int i = 0; i < l->g->root_count; i++) {
    const root *r = l->g->roots[i];
    if (r->reduce != REDUCE_ACROSS)
      continue;
    l->chunks[r->index] = l->parts[r->index];
    clear(l, r, true);
  }
}

static void end_chunk(lowering *l) {
  kernel_builder *b = l->b;
  for (int i = 0; i < l->g->root_count; i++) {
    const root *r = l->g->roots[i];
    if (r->reduce != REDUCE_ACROSS)
      continue;
    builder_where(b, r->node->where);
    if (sums_to_number(l, r)) {
      builder_accumulate(b, l->chunks[r->index], step_operation(r->node), value_register(b, l->parts[r->index]));
      l->parts[r->index] = l->chunks[r->index];
      continue;
    }
    int share = scratch_parameter(l, r, true);
    const subscript *e = open_elements(l, r);
    add_element(l, r, share, subscript_add(b, share_start(l, r, worker(l), false), e), share,
                subscript_add(b, share_start(l, r, worker(l), true), e));
    builder_end(b);
  }
}

static void lower_plain_rows(lowering *l, const subscript *from, const subscript *to) {
  l->row = subscript_variable(l->b, builder_variable(l->b));
  builder_loop(l->b, l->row->number, from, to, 1, rows_are_vector(l));
  lower_row(l);
  builder_end(l->b);
}

void lower_row_loop(lowering *l, const subscript *from, const subscript *to) {
  kernel_builder *b = l->b;
  if (!group_sums_across(l->g)) {
    lower_plain_rows(l, from, to);
    return;
  }
  int rows = rows_are_vector(l) ? CHUNK_ELEMENTS : l->g->batched ? CHUNK_BATCH : CHUNK_ROWS;
  const subscript *first = subscript_variable(b, builder_variable(b));
  builder_loop(b, first->number, from, to, rows, false);
  begin_chunk(l);
  const subscript *end = subscript_add(b, first, subscript_constant(b, rows));
  lower_plain_rows(l, first, subscript_binary(b, SUBSCRIPT_MINIMUM, to, end));
  end_chunk(l);
  builder_end(b);
}

/* out[e] = share 0, then each further share is added in order. */
static void finish_root(lowering *l, const root *r) {
  kernel_builder *b = l->b;
  int out = root_parameter(l, r, true), shares = scratch_parameter(l, r, false);
  builder_where(b, r->node->where);
  const subscript *e = open_elements(l, r);
  const subscript *first = share_start(l, r, subscript_constant(b, 0), false);
  builder_store(b, out, e, value_load(b, shares, subscript_add(b, first, e)));
  builder_end(b);
  const subscript *part = subscript_variable(b, builder_variable(b));
  builder_loop(b, part->number, subscript_constant(b, 1), subscript_variable(b, VARIABLE_PARTS), 1, false);
  e = open_elements(l, r);
  add_element(l, r, out, e, shares, subscript_add(b, share_start(l, r, part, false), e));
  builder_end(b);
  builder_end(b);
}

void lower_finish(lowering *l) {
  if (!group_sums_across(l->g))
    return;
  builder_phase(l->b, NULL, NULL, l->g->roots[0]->node->where);
  for (int i = 0; i < l->g->root_count; i++)
    if (l->g->roots[i]->reduce == REDUCE_ACROSS)
      finish_root(l, l->g->roots[i]);
}
