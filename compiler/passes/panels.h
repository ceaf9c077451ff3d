/* Panels: how a matrix lies in memory that register tiles read as the right operand of a contraction, without packing.
 *
 * The graph says it by movement: [k, n] is kept as [panels, k, PANEL_COLUMNS], and read as
 *     slice(reshape(permute(kept, [1, 0, 2]), [k, panels * PANEL_COLUMNS]), [k, n])
 * without the slice where PANEL_COLUMNS divides n. Whoever does not know panels reads the same numbers. */
#ifndef RETORT_PANELS_H
#define RETORT_PANELS_H

#include "compiler/passes/fusion.h"
#include "runtime/core/retort.h"

enum { PANEL_COLUMNS = RETORT_PANEL_COLUMNS };

/* [k, n] into panels, and back. Both append to the graph; `kept` is the result of the first or an input like it. */
node *panels_keep(graph *g, node *matrix);
node *panels_read(graph *g, node *kept, shape matrix, span where);
/* What panels_read has made `n` from; NULL when n is nothing of that kind. */
const node *panels_kept(const node *n);

/* The same for code: the input or root that lies in memory in panels, dense and from its start, which `matmul` reads as
 * its right operand; else NULL. Of a contraction in bf16 panels hold words (panels_words.h). */
const node *view_panels(const fusion *f, const node *matmul);

#endif
