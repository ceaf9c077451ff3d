/* The inside of the pass `pack`: only pack*.c include this.
 *
 * Ragged rows are padded to a common length. Here a position is *padding along an axis* when the axis is the ragged
 * symbol's T and the index is not below the length of its row (the index along the tensor's one axis of size B), or
 * when the axis is B and T as one, B*T, and the same holds for the two indices it is made of. */
#ifndef RETORT_PACK_H
#define RETORT_PACK_H

#include "compiler/graph/graph.h"

typedef struct padding {
  int row;           /* the one axis of size B; -1: none, then at most the one axis of size B*T has padding */
  unsigned axes;     /* bits of the axes that have padding */
  unsigned filled;   /* bits of the axes along whose padding the value is known to be `filler`, */
  double filler;     /* wherever anybody looks */
  unsigned mask;     /* the bit of the axis along which n, a bool, is true exactly where there is no padding; or 0 */
  unsigned unneeded; /* bits of the axes along whose padding nobody looks, */
  unsigned alone;    /* or nobody where it is no padding along the others too; these and more */
} padding;

typedef struct packing {
  const graph *from;
  const dim_symbol *symbol;
  const dim *rows, *width, *both, *tokens; /* B, T, B*T, N */
  node *lengths;                           /* in `from` */
  padding *padding;                        /* by id */
  bool *packed;                            /* by id: computed for tokens alone */
  /* the new graph */
  graph *to;
  node **dense, **tokens_of; /* by old id: the node in either form; NULL: not made (yet) */
  node *ends, *row, *position, *place, *token, *first, *mask;
} packing;

/* ---- pack_padding.c ---- */

/* Fills in `padding` but for `unneeded`, from operands to users. */
void packing_find_filled(packing *p);
/* What a dense node n asks of its operands: narrows their `unneeded`. */
void packing_need_operands(packing *p, const node *n);
/* Bits of the axes along which n's padding is zero. */
unsigned packing_zeros(const packing *p, const node *n);

/* ---- where the tokens are ---- */

typedef struct token_axes {
  int first, count; /* the axis of B*T; or that of B and, behind it, that of T. count 0: there are none */
} token_axes;

/* Of n, when its tokens are the only padding that it has. */
token_axes packing_tokens(const packing *p, const node *n);
/* The bit in `axes` of these tokens. */
unsigned token_bit(token_axes t);

/* ---- pack_index.c: small tensors over the lengths, made once ---- */

node *packing_row(packing *p);      /* i32[N]: the row of each token */
node *packing_position(packing *p); /* i32[N]: its index in its row */
node *packing_place(packing *p);    /* i32[N]: its index among all positions, row * T + position */
node *packing_token(packing *p);    /* i32[B, T]: the token at each position, some token where there is none */
node *packing_first(packing *p);    /* i32[B]: the first token of each row */
node *packing_mask(packing *p);     /* bool[B, T]: where there is one */

/* ---- pack_value.c: a value in its two forms, in the new graph ---- */

node *packing_dense(packing *p, const node *old);
node *packing_packed(packing *p, const node *old);
/* The shape s with the axes t as one axis of N. */
shape packing_shape(const packing *p, shape s, token_axes t);

/* ---- pack_rule.c: what is computed for tokens alone ---- */

/* n has tokens, and its tokens follow from its operands' ones. */
bool packing_by_token(const packing *p, const node *n);
/* n is the first element of each row, x[:, 0]; or that x, put into rows of zeros. */
bool packing_takes_first(const packing *p, const node *n);
bool packing_puts_first(const packing *p, const node *n);
/* n has none, but reads the first of each row, or sums over those of its operands, whose padding adds nothing. */
bool packing_over_tokens(const packing *p, const node *n);
/* Such an n in the new graph: packed; as it was. */
node *packing_make_by_token(packing *p, const node *n);
node *packing_make_over_tokens(packing *p, const node *n);

#endif
