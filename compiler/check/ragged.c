/* Which axes of a tensor are ragged, and the masks and counts of their real elements. See tensor.h for the invariants.
 */
#include "compiler/check/elaborate.h"
#include "compiler/check/tensor.h"

#include <math.h>
#include <string.h>

typedef struct node_record {
  bool known;
  ragged_axes axes;
  unsigned filled; /* bits of axes whose padding holds `filler` */
  double filler;
} node_record;

typedef struct symbol_record { /* one ragged dimension */
  const dim_symbol *symbol;
  node *lengths;       /* i32[rows], an input */
  node *lengths_f32;   /* NULL until it is wanted */
  node *mask;          /* bool[rows, T] */
  int placement_count; /* the mask among the axes of tensors */
  struct placement {
    int rank, row, axis;
    node *mask;
  } * placements;
} symbol_record;

struct ragged_state {
  int record_count;
  node_record *records; /* by node id */
  int symbol_count;
  symbol_record *symbols;
};

void ragged_begin(elaborator *e) {
  e->ragged = arena_new(e->arena, ragged_state);
}

ragged_axes ragged_none(void) {
  ragged_axes none;
  memset(none.rows, -1, sizeof none.rows);
  return none;
}

bool ragged_any(ragged_axes r) {
  for (int i = 0; i < RANK_MAX; i++)
    if (r.rows[i] >= 0)
      return true;
  return false;
}

static const dim_symbol *ragged_symbol(const dim *d) {
  const dim_symbol *symbol = dim_as_symbol(d);
  return symbol && symbol->of ? symbol : NULL;
}

ragged_axes ragged_by_shape(shape s) {
  ragged_axes r = ragged_none();
  for (int i = 0; i < s.rank; i++) {
    const dim_symbol *symbol = ragged_symbol(s.dims[i]);
    for (int row = 0; symbol && row < s.rank; row++)
      if (s.dims[row] == symbol->of && (row < i || r.rows[i] < 0))
        r.rows[i] = (int8_t)row;
  }
  return r;
}

/* ---- records ---- */

static node_record *record_of(elaborator *e, const node *n) {
  ragged_state *s = e->ragged;
  if (n->id >= s->record_count) {
    int count = s->record_count ? s->record_count : 256;
    while (count <= n->id)
      count *= 2;
    s->records = arena_grow(e->arena, s->records, sizeof *s->records * (size_t)s->record_count,
                            sizeof *s->records * (size_t)count);
    s->record_count = count;
  }
  node_record *r = &s->records[n->id];
  if (!r->known) { /* made outside of the checker: inputs are what their shape says */
    r->known = true;
    r->axes = n->op == OP_input ? ragged_by_shape(n->shape) : ragged_none();
  }
  return r;
}

ragged_axes ragged_of(elaborator *e, const node *n) {
  return record_of(e, n)->axes;
}

void ragged_set(elaborator *e, const node *n, ragged_axes r) {
  record_of(e, n)->axes = r;
}

unsigned ragged_to_mask(ragged_axes r, unsigned mixed) {
  unsigned bits = 0;
  for (int i = 0; i < RANK_MAX; i++)
    if (r.rows[i] >= 0 && ((mixed >> i | mixed >> r.rows[i]) & 1))
      bits |= 1u << i;
  return bits;
}

/* x has this dimension beside its rows and is dense in it: pad(x), mask(x) and what is made of them. */
static bool is_padded(elaborator *e, const node *x, const dim_symbol *symbol) {
  ragged_axes r = ragged_of(e, x);
  bool dense = false, rows = false;
  for (int i = 0; i < x->shape.rank; i++) {
    dense = dense || (r.rows[i] < 0 && dim_as_symbol(x->shape.dims[i]) == symbol);
    rows = rows || x->shape.dims[i] == symbol->of;
  }
  return dense && rows;
}

ragged_axes ragged_join(elaborator *e, shape s, ragged_axes r, int count, node *const *operands) {
  ragged_axes written = ragged_by_shape(s);
  for (int i = 0; i < s.rank; i++) {
    if (r.rows[i] >= 0 || written.rows[i] < 0)
      continue;
    bool padded = false;
    for (int n = 0; n < count; n++)
      padded = padded || is_padded(e, operands[n], ragged_symbol(s.dims[i]));
    if (!padded)
      r.rows[i] = written.rows[i];
  }
  return r;
}

/* ---- lengths and masks ---- */

static node *find_or_make_lengths(elaborator *e, const dim_symbol *symbol, span where) {
  node *n = graph_find_input(e->graph, symbol->lengths);
  shape rows = {.rank = 1, .dims = {symbol->of}};
  return n ? n : graph_input(e->graph, INPUT_DATA, symbol->lengths, DTYPE_I32, rows, where);
}

static symbol_record *symbol_of(elaborator *e, const dim_symbol *symbol, span where) {
  ragged_state *s = e->ragged;
  for (int i = 0; i < s->symbol_count; i++)
    if (s->symbols[i].symbol == symbol)
      return &s->symbols[i];
  symbol_record r = {.symbol = symbol, .lengths = find_or_make_lengths(e, symbol, where)};
  arena_append(e->arena, s->symbols, s->symbol_count, r);
  return &s->symbols[s->symbol_count - 1];
}

static symbol_record *axis_symbol(elaborator *e, const node *x, int axis, span where) {
  return symbol_of(e, ragged_symbol(x->shape.dims[axis]), where);
}

static const dim *symbol_dim(elaborator *e, const dim_symbol *symbol) {
  return dim_named(e->graph->dims, symbol->name);
}

static node *symbol_mask(elaborator *e, symbol_record *r, span where) {
  if (r->mask)
    return r->mask;
  graph *g = e->graph;
  shape s = {.rank = 2, .dims = {r->symbol->of, symbol_dim(e, r->symbol)}};
  shape column = {.rank = 2, .dims = {r->symbol->of, dim_constant(g->dims, 1)}};
  node_attributes along = {.axes = {.count = 1, .axis = {1}}};
  node *position = graph_add(g, OP_iota, 0, NULL, &along, DTYPE_I32, &s, where);
  node *end = graph_expand(g, graph_reshape(g, r->lengths, column, where), s, where);
  return r->mask = graph_binary(g, OP_less, position, end, where);
}

/* The mask with the rows at axis `row` and the elements at `axis` of `rank` axes, the others of size 1. */
static node *place_mask(elaborator *e, symbol_record *r, int rank, int row, int axis, span where) {
  for (int i = 0; i < r->placement_count; i++)
    if (r->placements[i].rank == rank && r->placements[i].row == row && r->placements[i].axis == axis)
      return r->placements[i].mask;
  graph *g = e->graph;
  shape s = {.rank = rank};
  for (int i = 0; i < rank; i++)
    s.dims[i] = i == row ? r->symbol->of : i == axis ? symbol_dim(e, r->symbol) : dim_constant(g->dims, 1);
  node *mask = symbol_mask(e, r, where);
  if (row > axis)
    mask = graph_transpose(g, mask, where);
  struct placement placed = {rank, row, axis, graph_reshape(g, mask, s, where)};
  arena_append(e->arena, r->placements, r->placement_count, placed);
  return placed.mask;
}

/* What is real of x along the ragged axes in `axes`; other axes have size 1. */
static node *axes_mask(elaborator *e, const node *x, ragged_axes r, unsigned bits, span where) {
  node *all = NULL;
  for (int i = 0; i < x->shape.rank; i++) {
    if (!(bits >> i & 1) || r.rows[i] < 0)
      continue;
    node *one = place_mask(e, axis_symbol(e, x, i, where), x->shape.rank, r.rows[i], i, where);
    shape s;
    if (all && shape_broadcast(all->shape, one->shape, &s, e->graph->dims))
      one = graph_binary(e->graph, OP_and, graph_broadcast(e->graph, all, s, where),
                         graph_broadcast(e->graph, one, s, where), where);
    all = one;
  }
  return all;
}

unsigned ragged_filled(elaborator *e, const node *x, double filler) {
  const node_record *r = record_of(e, x);
  return r->filler == filler ? r->filled : 0;
}

void ragged_note_filled(elaborator *e, const node *x, unsigned bits, double filler) {
  node_record *r = record_of(e, x);
  r->filled = 0;
  for (int i = 0; i < RANK_MAX; i++)
    if (r->axes.rows[i] >= 0 && (bits >> i & 1))
      r->filled |= 1u << i;
  r->filler = filler;
}

node *ragged_fill(elaborator *e, node *x, unsigned bits, double filler, span where) {
  node_record record = *record_of(e, x);
  bits &= (1u << RANK_MAX) - 1;
  for (int i = 0; i < RANK_MAX; i++)
    if (record.axes.rows[i] < 0)
      bits &= ~(1u << i);
  if (!bits || (record.filler == filler && (bits & ~record.filled) == 0))
    return x;
  graph *g = e->graph;
  node *mask = graph_broadcast(g, axes_mask(e, x, record.axes, bits, where), x->shape, where);
  node *other = graph_constant(g, filler, x->dtype, (shape){0}, where);
  node *filled = graph_where(g, mask, x, other, where);
  ragged_set(e, filled, record.axes);
  ragged_note_filled(e, filled, bits, filler);
  return filled;
}

node *ragged_view(elaborator *e, node *x, ragged_axes r, span where) {
  node *n = graph_add(e->graph, OP_reshape, 1, &x, NULL, x->dtype, &x->shape, where);
  ragged_set(e, n, r);
  return n;
}

node *ragged_clear(elaborator *e, node *x, span where) {
  return ragged_fill(e, x, ~0u, 0, where);
}

/* ---- counting ---- */

static node *multiply(elaborator *e, node *x, node *y, span where) {
  if (!x || !y)
    return x ? x : y;
  shape s;
  if (x->shape.rank > 0 && y->shape.rank > 0 && shape_broadcast(x->shape, y->shape, &s, e->graph->dims)) {
    x = graph_broadcast(e->graph, x, s, where);
    y = graph_broadcast(e->graph, y, s, where);
  }
  return graph_binary(e->graph, OP_mul, x, y, where);
}

static node *lengths_f32(elaborator *e, symbol_record *r, span where) {
  if (!r->lengths_f32)
    r->lengths_f32 = graph_cast(e->graph, r->lengths, DTYPE_F32, where);
  return r->lengths_f32;
}

/* Product of the lengths of the reduced axes over the rows at `row`, f32[rows]; NULL when there are none. */
static node *row_lengths(elaborator *e, const node *x, ragged_axes r, unsigned bits, int row, span where) {
  node *product = NULL;
  for (int i = 0; i < x->shape.rank; i++)
    if (r.rows[i] == row && (bits >> i & 1))
      product = multiply(e, product, lengths_f32(e, axis_symbol(e, x, i, where), where), where);
  return product;
}

static unsigned axes_over(ragged_axes r, int row) {
  unsigned bits = 0;
  for (int i = 0; i < RANK_MAX; i++)
    if (r.rows[i] == row)
      bits |= 1u << i;
  return bits;
}

/* f32[rows] as a tensor of `rank` axes with the rows at `row`. */
static node *place_rows(elaborator *e, node *rows, int rank, int row, span where) {
  shape s = {.rank = rank};
  for (int i = 0; i < rank; i++)
    s.dims[i] = i == row ? rows->shape.dims[0] : dim_constant(e->graph->dims, 1);
  return graph_reshape(e->graph, rows, s, where);
}

/* The number of real elements of the axes over the rows at `row` (and of these rows, if they are reduced themselves).
 */
static node *count_over_rows(elaborator *e, const node *x, ragged_axes r, unsigned bits, int row, span where) {
  graph *g = e->graph;
  int rank = x->shape.rank;
  node *product = row_lengths(e, x, r, bits, row, where);
  if (!(bits >> row & 1))
    return product ? place_rows(e, product, rank, row, where) : NULL;
  unsigned kept = axes_over(r, row) & ~bits;
  if (!kept)
    return graph_reshape(g, graph_reduce(g, OP_reduce_sum, product, (axes){.count = 1}, where), (shape){0}, where);
  /* Rows are reduced, some of their axes are not: at each position the rows that reach it count; at least 1, for the
   * positions behind all rows */
  node *mask = axes_mask(e, x, r, kept, where);
  node *each = product ? graph_broadcast(g, place_rows(e, product, rank, row, where), mask->shape, where)
                       : graph_scalar(g, 1, where);
  node *counted = graph_where(g, mask, each, graph_scalar(g, 0, where), where);
  node *total = graph_reduce(g, OP_reduce_sum, counted, (axes){.count = 1, .axis = {row}}, where);
  return graph_binary(g, OP_maximum, total, graph_scalar(g, 1, where), where);
}

node *ragged_count(elaborator *e, node *x, unsigned bits, int64_t *known, span where) {
  ragged_axes r = ragged_of(e, x);
  const dim *dense = dim_constant(e->graph->dims, 1);
  node *count = NULL;
  for (int i = 0; i < x->shape.rank; i++) {
    unsigned over = axes_over(r, i);
    if (over && ((bits & over) || (bits >> i & 1)))
      count = multiply(e, count, count_over_rows(e, x, r, bits, i, where), where);
    else if (!over && (bits >> i & 1) && r.rows[i] < 0)
      dense = dim_multiply(e->graph->dims, dense, x->shape.dims[i]);
  }
  *known = 1;
  if (dim_is_constant(dense, known) && !count)
    return NULL;
  if (*known == 1 && dim_is_constant(dense, NULL))
    return count;
  node *size = tensor_of_size(e, dense, DTYPE_F32, where);
  if (!size)
    *known = -1;
  return size ? multiply(e, count, size, where) : NULL;
}

node *ragged_reached(elaborator *e, const node *x, unsigned kept, unsigned reduced, span where) {
  graph *g = e->graph;
  ragged_axes r = ragged_of(e, x);
  axes rows = {0};
  for (int i = 0; i < x->shape.rank; i++)
    if ((reduced >> i & 1) && (axes_over(r, i) & kept))
      rows.axis[rows.count++] = i;
  node *real = graph_cast(g, axes_mask(e, x, r, kept, where), DTYPE_F32, where);
  return graph_binary(g, OP_less, graph_scalar(g, 0, where), graph_reduce(g, OP_reduce_sum, real, rows, where), where);
}

/* ---- what the language asks for ---- */

/* The one ragged dimension of x. */
static symbol_record *only_symbol(elaborator *e, const node *x, span where) {
  ragged_axes r = ragged_of(e, x);
  const dim_symbol *only = NULL;
  for (int i = 0; i < x->shape.rank; i++) {
    const dim_symbol *symbol = r.rows[i] >= 0 ? ragged_symbol(x->shape.dims[i]) : NULL;
    if (symbol && only && symbol != only) {
      elaborate_failed(e, elaborate_error(e, where, "%s has more than one ragged dimension: %s and %s",
                                          node_describe(e, x), only->name, symbol->name));
      return NULL;
    }
    only = symbol ? symbol : only;
  }
  if (!only) {
    diagnostic *d = elaborate_error(e, where, "%s has no ragged dimension", node_describe(e, x));
    diagnostic_hint(d, "a ragged one is declared as `T of B`; behind pad(x) it is dense");
    elaborate_failed(e, d);
  }
  return only ? symbol_of(e, only, where) : NULL;
}

node *ragged_mask(elaborator *e, node *x, span where) {
  symbol_record *r = only_symbol(e, x, where);
  return r ? symbol_mask(e, r, where) : NULL;
}

node *ragged_lengths(elaborator *e, node *x, span where) {
  symbol_record *r = only_symbol(e, x, where);
  return r ? r->lengths : NULL;
}

node *ragged_tokens(elaborator *e, node *x, span where) {
  if (!only_symbol(e, x, where))
    return NULL;
  ragged_axes r = ragged_of(e, x);
  unsigned bits = 0;
  for (int i = 0; i < RANK_MAX; i++)
    if (r.rows[i] >= 0)
      bits |= 1u << i | 1u << r.rows[i];
  int64_t known = 0;
  return ragged_count(e, x, bits, &known, where);
}

bool ragged_counts_padding(elaborator *e, const node *x, unsigned bits) {
  ragged_axes r = ragged_of(e, x);
  for (int i = 0; i < x->shape.rank; i++) {
    const dim_symbol *symbol = bits >> i & 1 && r.rows[i] < 0 ? ragged_symbol(x->shape.dims[i]) : NULL;
    for (int row = 0; symbol && row < x->shape.rank; row++)
      if (x->shape.dims[row] == symbol->of)
        return true;
  }
  return false;
}
