/* Common subexpressions: nodes with equal operation, operands and attributes become one, the first of them. One hash
 * table over the new graph, so the time is linear. */
#include "compiler/passes/pass.h"
#include <string.h>

typedef struct node_table {
  int mask;     /* capacity - 1; capacity is a power of two above twice the nodes */
  node **slots; /* open addressing, linear probing */
} node_table;

static uint64_t mix(uint64_t hash, uint64_t item) {
  hash ^= item + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  return hash * 0xbf58476d1ce4e5b9u;
}

static uint64_t number_bits(double number) {
  uint64_t bits; /* as bits: 0 and -0 differ, NaN equals itself */
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

/* x op y = y op x, bit for bit. */
static bool commutes(op o) {
  return o == OP_add || o == OP_mul || o == OP_maximum || o == OP_minimum || o == OP_equal || o == OP_not_equal ||
         o == OP_and || o == OP_or;
}

static bool swapped(op o, node *const *operands) {
  return commutes(o) && operands[0]->id > operands[1]->id;
}

static uint64_t hash_attributes(uint64_t hash, const node *n, int rank) {
  const node_attributes *a = &n->attributes;
  switch (op_describe(n->op)->attribute) {
  case ATTRIBUTE_NUMBER:
    return mix(hash, number_bits(a->number));
  case ATTRIBUTE_AXES:
    for (int i = 0; i < a->axes.count; i++)
      hash = mix(hash, (uint64_t)a->axes.axis[i]);
    return hash;
  case ATTRIBUTE_SITE:
    return mix(hash, a->site.number);
  case ATTRIBUTE_SLICE:
    for (int i = 0; i < rank; i++)
      hash = mix(mix(hash, (uint64_t)a->slice.low[i]->id), (uint64_t)a->slice.step[i]);
    return hash;
  case ATTRIBUTE_PAD:
    for (int i = 0; i < rank; i++)
      hash = mix(mix(hash, (uint64_t)a->pad.low[i]->id), (uint64_t)a->pad.interior[i]);
    return hash;
  case ATTRIBUTE_PRECISION:
    return mix(hash, a->bf16);
  case ATTRIBUTE_NONE:
  case ATTRIBUTE_INPUT:
  case ATTRIBUTE_DTYPE:
  case ATTRIBUTE_SHAPE:
    break;
  }
  return hash;
}

static uint64_t hash_node(const node *n, node *const *operands) {
  uint64_t hash = mix((uint64_t)n->op, (uint64_t)n->dtype);
  for (int i = 0; i < n->shape.rank; i++)
    hash = mix(hash, (uint64_t)n->shape.dims[i]->id);
  bool swap = swapped(n->op, operands);
  for (int i = 0; i < n->operand_count; i++)
    hash = mix(hash, (uint64_t)operands[swap ? 1 - i : i]->id);
  hash = hash_attributes(hash, n, n->shape.rank);
  return hash ^ (hash >> 29);
}

static bool same_attributes(const node *a, const node *b) {
  const node_attributes *x = &a->attributes, *y = &b->attributes;
  bool same = true;
  switch (op_describe(a->op)->attribute) {
  case ATTRIBUTE_NUMBER:
    return number_bits(x->number) == number_bits(y->number);
  case ATTRIBUTE_INPUT:
    return false; /* each input is its own */
  case ATTRIBUTE_AXES:
    same = x->axes.count == y->axes.count;
    for (int i = 0; same && i < x->axes.count; i++)
      same = x->axes.axis[i] == y->axes.axis[i];
    return same;
  case ATTRIBUTE_SITE:
    return x->site.number == y->site.number && strcmp(x->site.name, y->site.name) == 0;
  case ATTRIBUTE_SLICE:
    for (int i = 0; same && i < a->shape.rank; i++)
      same = x->slice.low[i] == y->slice.low[i] && x->slice.step[i] == y->slice.step[i];
    return same;
  case ATTRIBUTE_PAD:
    for (int i = 0; same && i < a->shape.rank; i++)
      same = x->pad.low[i] == y->pad.low[i] && x->pad.high[i] == y->pad.high[i] &&
             x->pad.interior[i] == y->pad.interior[i];
    return same;
  case ATTRIBUTE_PRECISION:
    return x->bf16 == y->bf16;
  case ATTRIBUTE_NONE:
  case ATTRIBUTE_DTYPE:
  case ATTRIBUTE_SHAPE:
    break;
  }
  return same;
}

bool pass_same_operation(const node *a, const node *b) {
  return a->op == b->op && a->recomputed == b->recomputed && a->dtype == b->dtype &&
         a->operand_count == b->operand_count && shape_equal(a->shape, b->shape) && same_attributes(a, b);
}

static bool same_node(const node *a, const node *b, node *const *operands) {
  if (!pass_same_operation(a, b))
    return false;
  bool swap_a = swapped(a->op, a->operands), swap_b = swapped(b->op, operands);
  for (int i = 0; i < a->operand_count; i++)
    if (a->operands[swap_a ? 1 - i : i] != operands[swap_b ? 1 - i : i])
      return false;
  return true;
}

static node *find_or_copy(void *context, graph *to, const node *old, node **operands) {
  node_table *table = context;
  int at = (int)(hash_node(old, operands) & (uint64_t)table->mask);
  for (; table->slots[at]; at = (at + 1) & table->mask)
    if (same_node(table->slots[at], old, operands))
      return table->slots[at];
  return table->slots[at] = graph_copy_node(to, old, operands);
}

graph *pass_cse(const graph *g) {
  int capacity = 16;
  while (capacity < 2 * g->node_count)
    capacity *= 2;
  node_table table = {.mask = capacity - 1, .slots = arena_array(g->arena, node *, capacity)};
  return graph_rewrite(g, NULL, find_or_copy, &table);
}
