/* Join: contractions of one value with several read-only weights, as query, key and value of attention, become one with
 * the weights side by side, and slices of its result. The left operand is read and packed once, and the threads start
 * once. Freeze computes the wide weight once; in a step that updates something it would be a second copy of a teacher's
 * weights, and batches there are large enough anyway. */
#include "compiler/passes/fusion.h"
#include "compiler/passes/pass.h"

enum {
  COLUMNS_MOST = 4096, /* of the result: beyond, each alone is work enough */
  MEMBERS_MOST = 16
};

typedef struct joining {
  const graph *from;
  node **made;     /* by id: new nodes that were needed before their turn */
  node **products; /* by id of a group's first product: the wide one */
} joining;

static int64_t constant_size(const dim *d) {
  int64_t size;
  return dim_is_constant(d, &size) ? size : 0;
}

static bool is_view(const node *n) {
  return op_describe(n->op)->class == CLASS_MOVEMENT && n->op != OP_pad && n->op != OP_concat && n->op != OP_expand;
}

static bool is_view_of_weight(const node *n) {
  return n->op == OP_input ? n->attributes.input.kind == INPUT_WEIGHT : is_view(n) && is_view_of_weight(n->operands[0]);
}

static int64_t columns_of(const node *product) {
  return constant_size(product->shape.dims[product->shape.rank - 1]);
}

static bool is_candidate(const node *n) {
  if (n->op != OP_matmul || n->operands[1]->shape.rank != 2 || is_view_of_weight(n->operands[0]))
    return false;
  return columns_of(n) && constant_size(n->operands[1]->shape.dims[0]) && is_view_of_weight(n->operands[1]);
}

/* The products of n's group, n among them, in the graph's order; 0 when there is none. */
static int find_members(const graph *g, const node *n, const node **members) {
  int count = 0;
  int64_t columns = 0;
  bool found = false;
  for (int i = 0; i < g->node_count && count < MEMBERS_MOST; i++) {
    const node *other = g->nodes[i];
    if (!is_candidate(other) || other->operands[0] != n->operands[0] || other->attributes.bf16 != n->attributes.bf16)
      continue;
    columns += columns_of(other);
    members[count++] = other;
    found = found || other == n;
  }
  return found && count > 1 && columns <= COLUMNS_MOST ? count : 0;
}

static node *made_now(joining *j, graph *to, const node *old) {
  if (!j->made[old->id]) {
    node *operand = old->op == OP_input ? NULL : made_now(j, to, old->operands[0]);
    j->made[old->id] = graph_copy_node(to, old, &operand);
  }
  return j->made[old->id];
}

static node *wide_product(joining *j, graph *to, node *x, int count, const node *const *members) {
  node *weights[MEMBERS_MOST];
  for (int i = 0; i < count; i++)
    weights[i] = made_now(j, to, members[i]->operands[1]);
  node_attributes side_by_side = {.axes = {.count = 1, .axis = {1}}};
  span where = members[0]->where;
  node *wide = graph_add(to, OP_concat, count, weights, &side_by_side, DTYPE_F32, NULL, where);
  node *operands[] = {x, wide};
  return graph_add(to, OP_matmul, 2, operands, &members[0]->attributes, DTYPE_F32, NULL, where);
}

static node *part_of(graph *to, node *wide, const node *old, int64_t first) {
  int rank = old->shape.rank;
  node_attributes a = {.slice = {.low = {NULL}}};
  for (int i = 0; i < rank; i++) {
    a.slice.low[i] = dim_constant(to->dims, i == rank - 1 ? first : 0);
    a.slice.step[i] = 1;
  }
  node *part = graph_add(to, OP_slice, 1, &wide, &a, DTYPE_F32, &old->shape, old->where);
  part->name = old->name;
  return part;
}

static node *rewrite(void *context, graph *to, const node *old, node **operands) {
  joining *j = context;
  if (j->made[old->id])
    return j->made[old->id];
  const node *members[MEMBERS_MOST];
  int count = is_candidate(old) ? find_members(j->from, old, members) : 0;
  if (!count)
    return j->made[old->id] = graph_copy_node(to, old, operands);
  node **wide = &j->products[members[0]->id];
  if (!*wide)
    *wide = wide_product(j, to, operands[0], count, members);
  int64_t first = 0;
  for (int i = 0; members[i] != old; i++)
    first += columns_of(members[i]);
  return part_of(to, *wide, old, first);
}

graph *pass_join(const graph *g) {
  joining j = {.from = g,
               .made = arena_array(g->arena, node *, g->node_count + 1),
               .products = arena_array(g->arena, node *, g->node_count + 1)};
  bool updates = false;
  for (int i = 0; i < g->output_count; i++)
    updates = updates || g->outputs[i].state;
  if (updates) /* nothing is a candidate */
    j.from = graph_create(g->arena, g->dims, g->name);
  return pass_dce(graph_rewrite(g, NULL, rewrite, &j));
}
