/* Words of bf16: how a matrix [k, n] lies in memory whose numbers are rounded to bf16, two that follow each other in k
 * in an i32: [(k + 1) / 2, n]. The graph says it: words are kept as bf16_words(even rows, odd rows), and read as
 *     slice(reshape(concat([reshape(bf16_lower(words)), reshape(bf16_upper(words))], axis 1), [2 * words, n]), [k, n])
 * without the slice where k is even. */
#ifndef RETORT_PANELS_WORDS_H
#define RETORT_PANELS_WORDS_H

#include "compiler/passes/fusion.h"

/* [k, n], f32, of known sizes into words, and back; both append to the graph. */
node *words_keep(graph *g, node *matrix);
node *words_read(graph *g, node *words, shape matrix, span where);
/* What words_read has made `n` from, and the nodes between, n among them; NULL when n is nothing of that kind. */
enum { WORDS_BETWEEN_MAX = 7 };
const node *words_kept(const node *n, const node **between, int *count);

#endif
