/* The loops of one row. Within a nest's body: first values into registers and accumulations, then what is added to
 * memory, then stores; so a value may be stored over what the same element was computed from. */
#include "compiler/kernel/lower.h"
#include <math.h>

/* ---- reductions ---- */

op step_operation(const node *n) {
  return n->op == OP_reduce_sum ? OP_add : n->op == OP_reduce_min ? OP_minimum : OP_maximum;
}

/* What changes nothing; of argmax, what any number exceeds or equals. */
const value *identity_of(lowering *l, const node *n) {
  dtype type = n->operands[0]->dtype;
  double most = type == DTYPE_F32 ? INFINITY : type == DTYPE_I32 ? (double)INT32_MAX : (double)INT64_MAX;
  double least = type == DTYPE_F32 ? -INFINITY : type == DTYPE_I32 ? (double)INT32_MIN : (double)INT64_MIN;
  return value_number(l->b, n->op == OP_reduce_sum ? 0 : n->op == OP_reduce_min ? most : least, type);
}

static bool is_reduced(const node *n, int axis) {
  for (int i = 0; i < n->attributes.axes.count; i++)
    if (n->attributes.axes.axis[i] == axis)
      return true;
  return false;
}

/* Where the result of a reduction lies, for a place of its operand. */
static places result_place(lowering *l, const root *r, const places *at) {
  places p = *at;
  for (int i = 0; i < r->space.rank; i++)
    if (op_describe(r->node->op)->class == CLASS_REDUCTION && is_reduced(r->node, i))
      p.axis[i] = place_of(l->b, subscript_constant(l->b, 0));
  return p;
}

/* best = v, position = index where v is larger than all before; the first NaN wins. */
static void lower_argmax_step(lowering *l, int best, int position, const value *v, const value *index) {
  kernel_builder *b = l->b;
  const value *old = value_register(b, best);
  const value *larger = value_op(b, OP_less, DTYPE_BOOL, 2, (const value *[]){old, v});
  if (v->dtype == DTYPE_F32) {
    const value *nan = value_op(b, OP_not_equal, DTYPE_BOOL, 2, (const value *[]){v, v});
    const value *first = value_op(b, OP_equal, DTYPE_BOOL, 2, (const value *[]){old, old});
    const value *first_nan = value_op(b, OP_and, DTYPE_BOOL, 2, (const value *[]){nan, first});
    larger = value_op(b, OP_or, DTYPE_BOOL, 2, (const value *[]){larger, first_nan});
  }
  int take = builder_register(b, DTYPE_BOOL);
  builder_set(b, take, larger);
  const value *taken = value_register(b, take);
  const value *kept = value_register(b, position);
  builder_set(b, position, value_op(b, OP_where, index->dtype, 3, (const value *[]){taken, index, kept}));
  builder_set(b, best, value_op(b, OP_where, v->dtype, 3, (const value *[]){taken, v, old}));
}

/* ---- places ---- */

/* The places of the axes that are rows, or lines of rows. */
static places row_places(lowering *l, const root *r) {
  places at = {0};
  int rows = l->g->batched ? r->batch : r->outer;
  places_split(l->b, r->space.dims, rows, l->row, at.axis);
  if (r->outer > rows)
    places_split(l->b, r->space.dims + rows, r->outer - rows, l->line, at.axis + rows);
  return at;
}

/* The places of r's space: its rows by l->row and l->line, the axes behind by the loops' indices in order. */
static places space_places(lowering *l, const root *r, const subscript *const *indices) {
  places at = row_places(l, r);
  for (int i = r->outer; i < r->space.rank; i++)
    at.axis[i] = place_of(l->b, dim_is_one(r->space.dims[i]) ? subscript_constant(l->b, 0) : *indices++);
  return at;
}

/* ---- bodies ---- */

typedef struct body { /* of one nest */
  const nest *nest;
  int variables[RANK_MAX];
  const subscript *indices[RANK_MAX];  /* of the variables */
  const value **values;                /* by position in the nest: what reductions accumulate */
  int *accumulators, *argmax_position; /* registers */
} body;

static void store_result(lowering *l, const root *r, const places *at, const value *v) {
  if (r->storage == STORAGE_FULL)
    builder_store(l->b, root_parameter(l, r, true), root_offset(l, r, at), v);
  else if (r->storage == STORAGE_SCRATCH)
    builder_store(l->b, scratch_parameter(l, r, true), scratch_offset(l, r, at), v);
}

static void compute_pointwise(lowering *l, const root *r, const places *at) {
  const value *v = lower_expression(l, r->node, at);
  int number = builder_register(l->b, r->node->dtype);
  builder_set(l->b, number, v);
  l->registers[r->index] = number;
}

static void accumulate(lowering *l, const root *r, const body *in, int i, const places *at) {
  const value *v = lower_node(l, r->node->operands[0], at);
  in->values[i] = v;
  if (in->accumulators[i] < 0)
    return;
  if (r->node->op == OP_argmax) {
    const subscript *index = place_subscript(l->b, at->axis[r->node->attributes.axes.axis[0]]);
    lower_argmax_step(l, in->accumulators[i], in->argmax_position[i], v, value_index(l->b, index, DTYPE_I32));
  } else
    builder_accumulate(l->b, in->accumulators[i], step_operation(r->node), v);
}

/* Where a sum in memory is: a row's own result, or this part's share of a sum across rows. */
static int memory_place(lowering *l, const root *r, const places *at, const subscript **offset) {
  places to = result_place(l, r, at);
  bool own = r->reduce == REDUCE_ACROSS || r->storage == STORAGE_SCRATCH;
  *offset = own ? scratch_offset(l, r, &to) : root_offset(l, r, &to);
  return own ? scratch_parameter(l, r, true) : root_parameter(l, r, true);
}

static const value *memory_result(lowering *l, const root *r, const places *at) {
  const subscript *offset;
  int parameter = memory_place(l, r, at, &offset);
  return value_load(l->b, parameter, offset);
}

static void store_memory_result(lowering *l, const root *r, const places *at, const value *v) {
  const subscript *offset;
  int parameter = memory_place(l, r, at, &offset);
  builder_store(l->b, parameter, offset, v);
}

static void accumulate_in_memory(lowering *l, const root *r, const value *v, const places *at) {
  const value *both[] = {memory_result(l, r, at), v};
  store_memory_result(l, r, at, value_op(l->b, step_operation(r->node), r->node->dtype, 2, both));
}

static void lower_body(lowering *l, const body *in) {
  const nest *n = in->nest;
  int first = builder_statement_count(l->b);
  for (int i = 0; i < n->root_count; i++) {
    const root *r = n->roots[i];
    places at = space_places(l, r, in->indices);
    builder_where(l->b, r->node->where);
    if (r->reduce == REDUCE_NOT)
      compute_pointwise(l, r, &at);
    else
      accumulate(l, r, in, i, &at);
  }
  for (int i = 0; i < n->root_count; i++) {
    const root *r = n->roots[i];
    places at = space_places(l, r, in->indices);
    builder_where(l->b, r->node->where);
    if (r->reduce != REDUCE_NOT && in->accumulators[i] < 0)
      accumulate_in_memory(l, r, in->values[i], &at);
  }
  for (int i = 0; i < n->root_count; i++) {
    const root *r = n->roots[i];
    places at = space_places(l, r, in->indices);
    builder_where(l->b, r->node->where);
    if (r->reduce == REDUCE_NOT)
      store_result(l, r, &at, value_register(l->b, l->registers[r->index]));
  }
  builder_share(l->b, first);
}

/* ---- nests ---- */

/* Accumulators in memory must not change with the innermost loop, if that is to run as a vector. */
static bool is_independent(const lowering *l, const nest *n) {
  for (int i = 0; i < n->root_count; i++) {
    const root *r = n->roots[i];
    if (r->node->op == OP_argmax)
      return false;
    int last = r->space.rank - 1;
    while (last >= 0 && dim_is_one(r->space.dims[last]))
      last--;
    bool in_memory = r->reduce == REDUCE_MEMORY || (r->reduce == REDUCE_ACROSS && !sums_to_number(l, r));
    if (in_memory && last >= 0 && is_reduced(r->node, last))
      return false;
  }
  return true;
}

static void start_accumulator(lowering *l, const root *r, body *in, int i) {
  in->accumulators[i] = builder_register(l->b, r->node->operands[0]->dtype);
  builder_set(l->b, in->accumulators[i], identity_of(l, r->node));
  if (r->node->op == OP_argmax) {
    in->argmax_position[i] = builder_register(l->b, DTYPE_I32);
    builder_set(l->b, in->argmax_position[i], value_number(l->b, 0, DTYPE_I32));
  }
}

static int result_register(const root *r, const body *in, int i) {
  return r->node->op == OP_argmax ? in->argmax_position[i] : in->accumulators[i];
}

/* The outermost `count` loops; the innermost of the nest may be independent. */
static void open_loops(lowering *l, const nest *n, const int *variables, int count, bool independent) {
  for (int i = 0; i < count; i++)
    builder_loop(l->b, variables[i], subscript_constant(l->b, 0), bound_of(l, n->dims[i]), 1,
                 independent && i == n->rank - 1);
}

static void close_loops(lowering *l, int count) {
  for (int i = 0; i < count; i++)
    builder_end(l->b);
}

/* Loops over what r keeps of a row (with REDUCE_MEMORY: its result), storing the identity. */
static void clear_result(lowering *l, const root *r) {
  places at = row_places(l, r);
  int loops = 0;
  for (int i = r->outer; i < r->space.rank; i++) {
    at.axis[i] = place_of(l->b, subscript_constant(l->b, 0));
    if (dim_is_one(r->space.dims[i]) || is_reduced(r->node, i))
      continue;
    int variable = builder_variable(l->b);
    at.axis[i] = place_of(l->b, subscript_variable(l->b, variable));
    builder_loop(l->b, variable, subscript_constant(l->b, 0), bound_of(l, r->space.dims[i]), 1, true);
    loops++;
  }
  store_result(l, r, &at, identity_of(l, r->node));
  close_loops(l, loops);
}

/* Before the loops: registers and memory that are accumulated into. */
static void begin_nest(lowering *l, body *in) {
  for (int i = 0; i < in->nest->root_count; i++) {
    const root *r = in->nest->roots[i];
    in->accumulators[i] = -1;
    builder_where(l->b, r->node->where);
    if (r->reduce == REDUCE_MEMORY)
      clear_result(l, r);
    else if (r->reduce == REDUCE_ROW)
      start_accumulator(l, r, in, i);
    else if (sums_to_number(l, r) && in->nest->rank == 0)
      in->accumulators[i] = l->parts[r->index];
    else if (sums_to_number(l, r))
      start_accumulator(l, r, in, i);
  }
}

static void end_nest(lowering *l, const body *in) {
  const subscript *zero[RANK_MAX];
  for (int i = 0; i < RANK_MAX; i++)
    zero[i] = subscript_constant(l->b, 0);
  for (int i = 0; i < in->nest->root_count; i++) {
    const root *r = in->nest->roots[i];
    builder_where(l->b, r->node->where);
    if (r->reduce == REDUCE_NOT && in->nest->rank > 0)
      l->registers[r->index] = -1;
    if (sums_to_number(l, r) && in->nest->rank > 0)
      builder_accumulate(l->b, l->parts[r->index], step_operation(r->node), value_register(l->b, in->accumulators[i]));
    if (r->reduce != REDUCE_ROW)
      continue;
    places at = space_places(l, r, zero), to = result_place(l, r, &at);
    l->registers[r->index] = result_register(r, in, i);
    store_result(l, r, &to, value_register(l->b, l->registers[r->index]));
  }
}

/* A reduction whose kept axes are loops of their own, outside. */
static void lower_outer_reduction(lowering *l, body *in) {
  const nest *n = in->nest;
  const root *r = n->roots[0];
  int axis[RANK_MAX], count = 0, kept = 0;
  for (int i = r->outer; i < r->space.rank; i++)
    if (!dim_is_one(r->space.dims[i]))
      axis[count++] = i;
  builder_where(l->b, r->node->where);
  for (int i = 0; i < count; i++)
    if (!is_reduced(r->node, axis[i])) {
      builder_loop(l->b, in->variables[i], subscript_constant(l->b, 0), bound_of(l, n->dims[i]), 1, false);
      kept++;
    }
  start_accumulator(l, r, in, 0);
  int last = count - 1;
  while (last >= 0 && !is_reduced(r->node, axis[last]))
    last--;
  for (int i = 0; i < count; i++)
    if (is_reduced(r->node, axis[i]))
      builder_loop(l->b, in->variables[i], subscript_constant(l->b, 0), bound_of(l, n->dims[i]), 1,
                   i == last && r->node->op != OP_argmax);
  lower_body(l, in);
  close_loops(l, count - kept);
  places at = space_places(l, r, in->indices), to = result_place(l, r, &at);
  store_result(l, r, &to, value_register(l->b, result_register(r, in, 0)));
  close_loops(l, kept);
}

/* ---- sums into memory, several terms at a time ---- */

enum { JAM = 4 };

/* The loop over terms that may be run JAM at a time, so that what is summed into is loaded and stored once for them:
 * all of the nest adds to memory, and the loop is reduced, just outside the innermost, which is not. -1: none. */
static int jammed_loop(const nest *n) {
  if (n->alone || n->rank < 2)
    return -1;
  for (int i = 0; i < n->root_count; i++) {
    const root *r = n->roots[i];
    int axis[RANK_MAX], count = 0;
    for (int k = r->outer; k < r->space.rank; k++)
      if (!dim_is_one(r->space.dims[k]))
        axis[count++] = k;
    if (r->reduce != REDUCE_MEMORY || is_reduced(r->node, axis[count - 1]) || !is_reduced(r->node, axis[count - 2]))
      return -1;
  }
  return n->rank - 2;
}

/* The innermost loop with `terms` terms of the sums from the jammed loop's index on. The order of additions is that of
 * one term at a time. */
static void lower_terms(lowering *l, body *in, int jammed, int terms) {
  kernel_builder *b = l->b;
  const subscript *first = in->indices[jammed];
  int last = in->nest->rank - 1;
  builder_loop(b, in->variables[last], subscript_constant(b, 0), bound_of(l, in->nest->dims[last]), 1, true);
  int begin = builder_statement_count(b);
  for (int i = 0; i < in->nest->root_count; i++) {
    const root *r = in->nest->roots[i];
    builder_where(b, r->node->where);
    const value *sum = NULL;
    for (int k = 0; k < terms; k++) {
      in->indices[jammed] = subscript_add(b, first, subscript_constant(b, k));
      places at = space_places(l, r, in->indices);
      const value *v = lower_node(l, r->node->operands[0], &at);
      sum = value_op(b, step_operation(r->node), r->node->dtype, 2,
                     (const value *[]){sum ? sum : memory_result(l, r, &at), v});
    }
    places at = space_places(l, r, in->indices);
    store_memory_result(l, r, &at, sum);
  }
  in->indices[jammed] = first;
  builder_share(b, begin);
  builder_end(b);
}

static void lower_jammed(lowering *l, body *in, int jammed) {
  kernel_builder *b = l->b;
  begin_nest(l, in);
  open_loops(l, in->nest, in->variables, jammed, false);
  const subscript *all = bound_of(l, in->nest->dims[jammed]), *jam = subscript_constant(b, JAM);
  const subscript *whole = subscript_multiply(b, subscript_binary(b, SUBSCRIPT_DIVIDE, all, jam), jam);
  builder_loop(b, in->variables[jammed], subscript_constant(b, 0), whole, JAM, false);
  lower_terms(l, in, jammed, JAM);
  builder_end(b);
  in->variables[jammed] = builder_variable(b);
  in->indices[jammed] = subscript_variable(b, in->variables[jammed]);
  in->variables[jammed + 1] = builder_variable(b);
  in->indices[jammed + 1] = subscript_variable(b, in->variables[jammed + 1]);
  builder_take_cost(b); /* counted once, by what follows */
  builder_loop(b, in->variables[jammed], whole, all, 1, false);
  lower_terms(l, in, jammed, 1);
  builder_end(b);
  close_loops(l, jammed);
}

static void lower_nest(lowering *l, const nest *n) {
  arena *a = builder_arena(l->b);
  body in = {.nest = n};
  in.values = arena_array(a, const value *, n->root_count);
  in.accumulators = arena_array(a, int, n->root_count);
  in.argmax_position = arena_array(a, int, n->root_count);
  for (int i = 0; i < n->rank; i++) {
    in.variables[i] = builder_variable(l->b);
    in.indices[i] = subscript_variable(l->b, in.variables[i]);
  }
  l->generation++;
  builder_take_cost(l->b);
  int jammed = jammed_loop(n);
  if (n->alone)
    lower_outer_reduction(l, &in);
  else if (jammed >= 0)
    lower_jammed(l, &in, jammed);
  else {
    begin_nest(l, &in);
    open_loops(l, n, in.variables, n->rank, is_independent(l, n));
    lower_body(l, &in);
    close_loops(l, n->rank);
    end_nest(l, &in);
  }
  dim_table *t = l->f->graph->dims;
  const dim *cost = dim_constant(t, 1 + builder_take_cost(l->b));
  const dim *times = dims_product(t, n->dims, n->rank);
  if (l->g->sections[n->section].lines)
    times = dim_multiply(t, times, l->g->lines);
  l->row_work = dim_add(t, l->row_work, dim_multiply(t, cost, times));
}

static void lower_section(lowering *l, const section *s) {
  if (s->product) {
    l->row_work = dim_add(l->f->graph->dims, l->row_work, lower_batched(l, s->product));
    return;
  }
  if (s->lines) {
    l->line = subscript_variable(l->b, builder_variable(l->b));
    builder_loop(l->b, l->line->number, subscript_constant(l->b, 0), bound_of(l, l->g->lines), 1, false);
  }
  for (int i = s->first; i < s->end; i++)
    lower_nest(l, &l->g->nests[i]);
  if (s->lines)
    builder_end(l->b);
  for (int i = 0; i < l->g->root_count; i++)
    l->registers[l->g->roots[i]->index] = -1;
}

void lower_row(lowering *l) {
  if (l->g->ragged)
    lower_ragged_row(l);
  l->row_work = dim_constant(l->f->graph->dims, 0);
  for (int i = 0; i < l->g->section_count; i++)
    lower_section(l, &l->g->sections[i]);
}

bool rows_are_vector(const lowering *l) {
  if (l->g->batched)
    return false;
  for (int i = 0; i < l->g->nest_count; i++)
    if (l->g->nests[i].rank > 0)
      return false;
  for (int i = 0; i < l->g->root_count; i++) {
    const root *r = l->g->roots[i];
    if (r->node->op == OP_argmax || (r->reduce == REDUCE_ACROSS && !sums_to_number(l, r)))
      return false;
  }
  return true;
}
