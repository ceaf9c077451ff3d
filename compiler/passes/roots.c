/* Chooses the roots: which values are computed once.
 *
 * Always: reductions, contractions, scatters, outputs, tables of gathers, keys of random sites, operands of
 * contractions and indices of scatters that strides cannot serve. By cost: see keep_worthy. */
#include "compiler/passes/panels.h"
#include "compiler/passes/ragged.h"

/* In units of an addition, of one element. */
enum {
  COST_KEEP = 40,      /* a value read more than once is kept when computing it again costs more than this */
  COST_TENTATIVE = 10, /* … and is kept within one group when it costs this much */
  COST_REPEAT = 8,     /* a number that is repeated is kept when it costs this much */
  COST_EXPAND = 4,     /* … and a tensor that is repeated along an axis */
  COST_MOST = 240,     /* no expression grows beyond this */
  LEAVES_KNOWN = 6
};

/* What an inlined expression reads, and what it costs to evaluate one element of it. */
typedef struct inlined {
  int cost;
  int leaf_count;
  const node *leaves[LEAVES_KNOWN];
} inlined;

static root *make_root(fusion *f, node *n) {
  if (f->root_of[n->id])
    return f->root_of[n->id];
  root *r = arena_new(f->graph->arena, root);
  r->node = n;
  r->order = row_major(n->shape.rank);
  r->buffer = r->scratch = -1;
  f->root_of[n->id] = r;
  return r;
}

/* ---- outputs ---- */

typedef struct preparation {
  node **made;
} preparation;

static node *remember(void *context, graph *to, const node *old, node **operands) {
  preparation *p = context;
  return p->made[old->id] = graph_copy_node(to, old, operands);
}

static bool may_be_output(const node *n) {
  op_class class = op_describe(n->op)->class;
  return class == CLASS_POINTWISE || class == CLASS_REDUCTION || class == CLASS_CONTRACTION || class == CLASS_SCATTER;
}

/* A copy of the graph in which each output has a node of its own that computes it; a stop_gradient copies. */
graph *prepare_outputs(const graph *g) {
  preparation p = {.made = arena_array(g->arena, node *, g->node_count)};
  graph *to = graph_rewrite(g, NULL, remember, &p);
  bool *taken = arena_array(g->arena, bool, to->node_count + to->output_count + 1);
  for (int i = 0; i < to->output_count; i++) {
    node *value = to->outputs[i].value;
    if (!may_be_output(value) || taken[value->id])
      to->outputs[i].value = value = graph_unary(to, OP_stop_gradient, value, value->where);
    taken[value->id] = true;
  }
  return to;
}

bool root_is_output(const fusion *f, const root *r) {
  for (int i = 0; i < f->graph->output_count; i++)
    if (f->graph->outputs[i].value == r->node)
      return true;
  return false;
}

/* ---- what must be a root ---- */

static node *behind_movement(node *n) {
  while (op_describe(n->op)->class == CLASS_MOVEMENT && n->op != OP_concat && n->op != OP_pad)
    n = n->operands[0];
  return n;
}

/* … and behind what a ragged group reads as a view, or has stored packed. */
static node *behind_tokens(const fusion *f, const node *reader, node *n) {
  bool batch =
      reader->op == OP_matmul && reader->shape.rank > 2 && reader->operands[1]->shape.rank == reader->shape.rank;
  for (;;) {
    n = behind_movement(n);
    if (batch && ragged_is_unpacked(f, n))
      n = n->operands[n->op == OP_where];
    else if (ragged_is_packed(f, n) && f->packed[behind_movement(n->operands[0])->id])
      n = n->operands[0];
    else
      return n;
  }
}

static void keep_base(fusion *f, const node *reader, node *operand) {
  node *n = behind_tokens(f, reader, operand);
  if (n->op != OP_input)
    make_root(f, n);
}

/* How many operands must lie in memory. */
static int operands_in_memory(const node *n) {
  switch (op_describe(n->op)->class) {
  case CLASS_CONTRACTION:
    return 2;
  case CLASS_SCATTER: /* the index; updates are computed where they are added, each by one part */
  case CLASS_RANDOM:
    return 1;
  case CLASS_GATHER: /* of a table of random numbers, those that are read are made where they are */
    return behind_movement(n->operands[0])->op != OP_random;
  case CLASS_LEAF:
  case CLASS_POINTWISE:
  case CLASS_REDUCTION:
  case CLASS_MOVEMENT:
    break;
  }
  return 0;
}

/* What a comparison compares with itself at other places, as ranks do, or with its own extreme, is computed once:
 * copies could be rounded differently, and then a value would not equal itself. */
static void keep_compared(fusion *f, const node *n) {
  if (n->op != OP_equal && n->op != OP_not_equal && n->op != OP_less && n->op != OP_less_equal)
    return;
  for (int side = 0; side < 2; side++) {
    node *x = behind_movement(n->operands[side]), *other = behind_movement(n->operands[!side]);
    if (other->op == OP_reduce_max || other->op == OP_reduce_min)
      other = behind_movement(other->operands[0]);
    if (x == other && x->dtype == DTYPE_F32 && op_describe(x->op)->class == CLASS_POINTWISE)
      make_root(f, x);
  }
}

static void force_roots(fusion *f) {
  graph *g = f->graph;
  for (int i = 0; i < g->node_count; i++) {
    node *n = g->nodes[i];
    op_class class = op_describe(n->op)->class;
    if (class == CLASS_REDUCTION || class == CLASS_CONTRACTION || class == CLASS_SCATTER)
      make_root(f, n);
    for (int k = 0; k < operands_in_memory(n); k++)
      if (n->op != OP_matmul || k == 0 || !view_panels(f, n))
        keep_base(f, n, n->operands[k]);
    keep_compared(f, n);
  }
  for (int i = 0; i < g->output_count; i++)
    make_root(f, g->outputs[i].value);
}

/* ---- layout: a value whose reader permutes it is stored in that order, so that the permutation costs nothing ---- */

static void choose_order(fusion *f, bool *chosen, const node *permutation) {
  root *r = f->root_of[permutation->operands[0]->id];
  if (!r || chosen[r->node->id] || root_is_output(f, r))
    return;
  chosen[r->node->id] = true;
  op_class class = op_describe(r->node->op)->class;
  axes order = permutation->attributes.axes;
  if ((class == CLASS_CONTRACTION || class == CLASS_POINTWISE) && order.axis[order.count - 1] == order.count - 1)
    r->order = order;
}

static void choose_orders(fusion *f) {
  graph *g = f->graph;
  bool *chosen = arena_array(g->arena, bool, g->node_count);
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_permute)
      choose_order(f, chosen, g->nodes[i]);
}

/* Products whose results are gathered to tokens are stored so, where B lies around T. */
static void choose_packed(fusion *f) {
  for (int i = 0; i < f->graph->node_count; i++) {
    root *r = f->root_of[i];
    if (!f->packed[i] || !r)
      continue;
    for (int k = 0; k + 1 < r->order.count; k++)
      r->packed = r->packed || (r->node->shape.dims[r->order.axis[k]] == f->ragged->rows &&
                                r->node->shape.dims[r->order.axis[k + 1]] == f->ragged->width);
  }
}

/* ---- operands that no view can serve are copied ---- */

/* A product of a batch finds its row: one of the batch's axes is B, with the stride that it has as a view. */
static bool serves_rows(const fusion *f, const node *reader, const node *x, const view *v) {
  if (reader->op != OP_matmul || x->shape.rank < 3 || reader->operands[1]->shape.rank != x->shape.rank)
    return false;
  int axis = ragged_row_axis(f->ragged, x->shape, x->shape.rank - 2);
  return axis >= 0 && (!v->token || v->stride[axis] == dim_multiply(f->graph->dims, v->token, f->ragged->width));
}

static bool is_servable(const fusion *f, const node *reader, const node *x) {
  view v;
  if (reader->op == OP_matmul && x == reader->operands[1] && view_panels(f, reader))
    return true;
  if (!view_of(f, x, &v) || (v.bounded && !serves_rows(f, reader, x, &v)))
    return false;
  if (reader->op == OP_matmul)
    return x->dtype != DTYPE_F32 || view_is_matrix(&v, x->shape);
  return op_describe(reader->op)->class == CLASS_GATHER || (dim_is_zero(v.offset) && view_is_dense(f, &v, x->shape));
}

static void copy_unservable(fusion *f) {
  graph *g = f->graph;
  for (int i = 0; i < g->node_count; i++) {
    node *n = g->nodes[i];
    for (int k = 0; k < operands_in_memory(n); k++)
      if (!is_servable(f, n, n->operands[k]))
        make_root(f, n->operands[k])->order = row_major(n->operands[k]->shape.rank);
  }
}

/* ---- what is worth keeping ---- */

static int operation_cost(const node *n) {
  op o = n->op;
  if (o == OP_random || o == OP_pow)
    return COST_KEEP;
  if (o == OP_exp || o == OP_log || o == OP_erf || o == OP_tanh)
    return 14;
  if (o == OP_sin || o == OP_cos)
    return 20;
  if (o == OP_div || o == OP_sqrt || o == OP_rsqrt || o == OP_reciprocal)
    return 4;
  if (o == OP_concat || o == OP_pad || o == OP_gather)
    return 3;
  return op_describe(o)->class == CLASS_POINTWISE ? 1 : 0;
}

static void add_leaf(inlined *e, const node *leaf) {
  for (int i = 0; i < e->leaf_count; i++)
    if (e->leaves[i] == leaf)
      return;
  if (e->leaf_count < LEAVES_KNOWN)
    e->leaves[e->leaf_count++] = leaf;
}

static void add_operand(const fusion *f, inlined *to, const inlined *all, const node *x) {
  if (f->root_of[x->id] || x->op == OP_input) {
    add_leaf(to, x);
    return;
  }
  to->cost += all[x->id].cost;
  if (x->op == OP_gather) /* read by rows of its own size, whatever the table's */
    add_leaf(to, x);
  else
    for (int i = 0; i < all[x->id].leaf_count; i++)
      add_leaf(to, all[x->id].leaves[i]);
}

/* How many values of n's own size the expression reads; smaller ones come from a cache. */
static int large_leaves(const fusion *f, const inlined *e, const node *n) {
  int count = 0;
  const dim *elements = shape_elements(f->graph->dims, n->shape);
  for (int i = 0; i < e->leaf_count; i++)
    count += shape_elements(f->graph->dims, e->leaves[i]->shape) == elements;
  return count;
}

static bool is_number(const fusion *f, const node *n) {
  return dim_is_one(shape_elements(f->graph->dims, n->shape));
}

/* For each node, whether it is repeated: read by an expand, or as a number by a larger value. */
static bool *find_repeated(const fusion *f) {
  graph *g = f->graph;
  bool *repeated = arena_array(g->arena, bool, g->node_count);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    for (int k = 0; k < n->operand_count; k++)
      if (n->op == OP_expand || (is_number(f, n->operands[k]) && !is_number(f, n)))
        repeated[n->operands[k]->id] = true;
  }
  return repeated;
}

static int *count_users(const graph *g) {
  int *users = arena_array(g->arena, int, g->node_count);
  for (int i = 0; i < g->node_count; i++)
    for (int k = 0; k < g->nodes[i]->operand_count; k++)
      users[g->nodes[i]->operands[k]->id]++;
  return users;
}

static void keep_worthy(fusion *f) {
  graph *g = f->graph;
  int *users = count_users(g);
  bool *repeated = find_repeated(f);
  inlined *all = arena_array(g->arena, inlined, g->node_count);
  for (int i = 0; i < g->node_count; i++) {
    node *n = g->nodes[i];
    inlined *e = &all[i];
    op_class class = op_describe(n->op)->class;
    bool matrix = class == CLASS_REDUCTION || class == CLASS_CONTRACTION || class == CLASS_SCATTER;
    if (matrix || class == CLASS_LEAF)
      continue;
    for (int k = 0; k < n->operand_count; k++)
      add_operand(f, e, all, n->operands[k]);
    e->cost += operation_cost(n);
    int repeat = f->stage[i] >= 0 ? COST_KEEP : is_number(f, n) ? COST_REPEAT : COST_EXPAND;
    bool keep = e->cost > COST_MOST || (repeated[i] && e->cost >= repeat);
    if (users[i] > 1 && class == CLASS_POINTWISE && !is_number(f, n))
      keep = keep || large_leaves(f, e, n) > 1 || e->cost > COST_KEEP;
    if (keep)
      make_root(f, n);
    else if (users[i] > 1 && class == CLASS_POINTWISE && e->cost >= COST_TENTATIVE && !f->denied[i] && !f->root_of[i])
      make_root(f, n)->tentative = true;
  }
}

/* ---- */

void choose_roots(fusion *f) {
  graph *g = f->graph;
  f->root_of = arena_array(g->arena, root *, g->node_count);
  f->root_count = 0;
  f->roots = NULL;
  ragged_find_results(f);
  force_roots(f);
  choose_orders(f);
  choose_packed(f);
  copy_unservable(f);
  keep_worthy(f);
  copy_unservable(f); /* a new root in the middle of a chain of views has a layout of its own */
  for (int i = 0; i < g->node_count; i++) {
    root *r = f->root_of[i];
    if (!r)
      continue;
    op_class class = op_describe(r->node->op)->class;
    r->space = class == CLASS_REDUCTION ? r->node->operands[0]->shape : r->node->shape;
    r->index = f->root_count;
    arena_append(g->arena, f->roots, f->root_count, r);
  }
  for (int i = 0; i < f->root_count; i++)
    find_readings(f, f->roots[i]);
}
