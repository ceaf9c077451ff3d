/* Pack: where rows of a ragged dimension are padded to a common length, computes the tokens that are there, laid end to
 * end, instead of all positions.
 *
 * Two walks say what may be packed. From operands to users: where is padding known to hold some number (pack_padding.c
 * knows the masks that the checker puts in)? From users to operands: does anybody look at it? What goes by tokens
 * (pack_rule.c), and whose padding is not looked at or known, is computed over [N] in place of [B, T]; N, the sum of
 * the lengths, is a dimension of its own, which callers bind. Sums over tokens whose padding is zero, gradients of
 * weights among them, run over N too. Between them and what needs rows, as attention does, lines are gathered to their
 * places and back (pack_value.c).
 *
 * It takes that zero times padding is zero, which the checker sees to; and what it gives for the first element of a row
 * that has none is the last token of a row before. */
#include "compiler/passes/pack.h"
#include "compiler/passes/pass.h"

static void find_sizes(packing *p, const dim_symbol *symbol) {
  dim_table *t = p->from->dims;
  p->symbol = symbol;
  p->rows = symbol->of;
  p->width = dim_named(t, symbol->name);
  p->both = dim_multiply(t, p->rows, p->width);
}

/* Nobody looks at the padding of n, or it is known. */
static bool may_lose_padding(const packing *p, const node *n) {
  const padding *of = &p->padding[n->id];
  return (of->unneeded | of->filled) & token_bit(packing_tokens(p, n));
}

/* How many products go by tokens: without one there is nothing to win. */
static int choose(packing *p) {
  const graph *g = p->from;
  int products = 0;
  for (int i = 0; i < g->output_count; i++)
    p->padding[g->outputs[i].value->id].unneeded = p->padding[g->outputs[i].value->id].alone = 0;
  for (int id = g->node_count - 1; id >= 0; id--) {
    const node *n = g->nodes[id];
    p->packed[id] = packing_by_token(p, n) && may_lose_padding(p, n);
    products += p->packed[id] && n->op == OP_matmul;
    if (!p->packed[id] && !packing_over_tokens(p, n))
      packing_need_operands(p, n);
  }
  return products;
}

static graph *rewrite(packing *p) {
  const graph *g = p->from;
  p->to = graph_create(g->arena, g->dims, g->name);
  p->to->prepare = g->prepare;
  p->dense = arena_array(g->arena, node *, g->node_count + 1);
  p->tokens_of = arena_array(g->arena, node *, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++) {
    if (g->nodes[id]->op == OP_input || !p->packed[id])
      packing_dense(p, g->nodes[id]);
    else
      packing_packed(p, g->nodes[id]);
  }
  for (int i = 0; i < g->output_count; i++) {
    const graph_output *o = &g->outputs[i];
    node *value = packing_dense(p, o->value);
    if (o->state)
      graph_update_add(p->to, packing_dense(p, o->state), value);
    else
      graph_output_add(p->to, o->name, value);
  }
  return pass_dce(p->to);
}

static const graph *pack_symbol(const graph *g, const dim_symbol *symbol) {
  packing p = {.from = g};
  find_sizes(&p, symbol);
  p.lengths = graph_find_input(g, symbol->lengths);
  if (!p.lengths)
    return g;
  p.padding = arena_array(g->arena, padding, g->node_count + 1);
  p.packed = arena_array(g->arena, bool, g->node_count + 1);
  packing_find_filled(&p);
  if (choose(&p) == 0)
    return g;
  p.tokens = dim_tokens(g->dims, symbol);
  return rewrite(&p);
}

graph *pass_pack(const graph *g) {
  const graph *packed = g;
  int symbols = dim_symbol_count(g->dims); /* it makes more */
  for (int i = 0; i < symbols; i++)
    if (dim_symbol_at(g->dims, i)->of)
      packed = pack_symbol(packed, dim_symbol_at(g->dims, i));
  return packed == g ? graph_rewrite(g, NULL, NULL, NULL) : (graph *)packed;
}
