/* What a root's expression reads, and at which places relative to its own.
 *
 * Each axis of a node on the way is known as a piece of the reader's place: with the reader's space counted through in
 * row-major order, axis = (number / divide) % size. Reshapes split and merge pieces; so rows are recognized through any
 * reshape. */
#include "compiler/passes/fusion.h"

typedef struct piece {
  enum { PIECE_OTHER, PIECE_ZERO, PIECE_PLACE } kind; /* PIECE_ZERO: an axis of size 1 */
  const dim *divide, *size;
} piece;

typedef struct mapping {
  piece axis[RANK_MAX];
} mapping;

typedef struct visit {
  mapping with;
  struct visit *next;
} visit;

typedef struct walk {
  const fusion *f;
  dim_table *dims;
  arena *scratch;
  root *reader;
  visit **visits; /* by node id: with which mappings it has been seen */
} walk;

static mapping map_all(shape s, piece p) {
  mapping m = {0};
  for (int i = 0; i < s.rank; i++)
    m.axis[i] = dim_is_one(s.dims[i]) ? (piece){.kind = PIECE_ZERO} : p;
  return m;
}

static mapping map_identity(dim_table *t, shape s) {
  mapping m = {0};
  const dim *divide = dim_constant(t, 1);
  for (int i = s.rank - 1; i >= 0; i--) {
    bool one = dim_is_one(s.dims[i]);
    m.axis[i] = one ? (piece){.kind = PIECE_ZERO} : (piece){PIECE_PLACE, divide, s.dims[i]};
    divide = dim_multiply(t, divide, s.dims[i]);
  }
  return m;
}

/* The pieces of axes [first, end) as one; PIECE_ZERO when all are. */
static piece merge_pieces(dim_table *t, const mapping *m, int first, int end) {
  piece all = {.kind = PIECE_ZERO};
  for (int i = end - 1; i >= first; i--) {
    piece p = m->axis[i];
    if (p.kind == PIECE_ZERO)
      continue;
    if (p.kind == PIECE_OTHER)
      return p;
    if (all.kind == PIECE_ZERO)
      all = p;
    else if (p.divide == dim_multiply(t, all.divide, all.size))
      all.size = dim_multiply(t, all.size, p.size);
    else
      return (piece){.kind = PIECE_OTHER};
  }
  return all;
}

static void split_piece(dim_table *t, piece all, shape s, int first, int end, mapping *to) {
  const dim *divide = all.divide;
  for (int i = end - 1; i >= first; i--) {
    if (dim_is_one(s.dims[i]))
      to->axis[i] = (piece){.kind = PIECE_ZERO};
    else if (all.kind != PIECE_PLACE)
      to->axis[i] = (piece){.kind = PIECE_OTHER};
    else {
      to->axis[i] = (piece){PIECE_PLACE, divide, s.dims[i]};
      divide = dim_multiply(t, divide, s.dims[i]);
    }
  }
}

static mapping map_reshape(dim_table *t, shape from, shape to, const mapping *m) {
  mapping result = {0};
  reshape_run runs[2 * RANK_MAX];
  int count = reshape_runs(t, from, to, runs);
  if (count < 0) {
    count = 1;
    runs[0] = (reshape_run){.from_end = from.rank, .to_end = to.rank};
  }
  for (int i = 0; i < count; i++) {
    piece all = merge_pieces(t, m, runs[i].to, runs[i].to_end);
    split_piece(t, all, from, runs[i].from, runs[i].from_end, &result);
  }
  return result;
}

static bool moved(const node *n, int axis) {
  const node_attributes *a = &n->attributes;
  if (n->op == OP_slice)
    return !dim_is_zero(a->slice.low[axis]) || a->slice.step[axis] != 1 ||
           n->shape.dims[axis] != n->operands[0]->shape.dims[axis];
  if (n->op == OP_pad)
    return !dim_is_zero(a->pad.low[axis]) || !dim_is_zero(a->pad.high[axis]) || a->pad.interior[axis] != 0;
  return n->op == OP_concat && axis == a->axes.axis[0];
}

static mapping map_movement(dim_table *t, const node *n, const node *x, const mapping *m) {
  if (n->op == OP_reshape)
    return map_reshape(t, x->shape, n->shape, m);
  mapping result = *m;
  for (int i = 0; i < n->shape.rank; i++) {
    int from = n->op == OP_permute ? n->attributes.axes.axis[i] : i;
    result.axis[from] = m->axis[i];
    if (dim_is_one(x->shape.dims[from]))
      result.axis[from] = (piece){.kind = PIECE_ZERO};
    else if (moved(n, i))
      result.axis[from] = (piece){.kind = PIECE_OTHER};
  }
  return result;
}

static mapping map_operand(const walk *w, const node *n, int operand, const mapping *m) {
  const node *x = n->operands[operand];
  const piece other = {.kind = PIECE_OTHER};
  switch (op_describe(n->op)->class) {
  case CLASS_MOVEMENT:
    return map_movement(w->dims, n, x, m);
  case CLASS_GATHER: {
    mapping result = *m;
    if (operand == 1)
      return result;
    result = map_all(x->shape, other);
    for (int i = 1; i < x->shape.rank; i++)
      result.axis[i] = m->axis[n->operands[1]->shape.rank + i - 1];
    return result;
  }
  case CLASS_POINTWISE:
  case CLASS_REDUCTION: /* the reader's space has the operand's shape */
    return x->shape.rank == 0 ? map_all(x->shape, other) : *m;
  case CLASS_CONTRACTION: {
    mapping result = map_all(x->shape, other);
    for (int i = 0; x->shape.rank == n->shape.rank && i < n->shape.rank - 2; i++)
      result.axis[i] = m->axis[i];
    return result;
  }
  case CLASS_RANDOM:
  case CLASS_SCATTER:
  case CLASS_LEAF:
    break;
  }
  return map_all(x->shape, other);
}

/* ---- sources ---- */

static reading place_of(const walk *w, const node *source, const mapping *m) {
  dim_table *t = w->dims;
  const dim *total = shape_elements(t, w->reader->space), *left = total, *rows = dim_constant(t, 1);
  reading r = {.source = source, .producer = w->f->root_of[source->id], .same_element = true};
  r.match[r.match_count++] = rows;
  for (int i = 0; i < source->shape.rank && r.same_element; i++) {
    piece p = m->axis[i];
    if (p.kind == PIECE_ZERO)
      continue;
    r.same_element = p.kind == PIECE_PLACE && dim_multiply(t, p.divide, p.size) == left;
    if (!r.same_element)
      break;
    left = p.divide;
    rows = dim_multiply(t, rows, p.size);
    r.match[r.match_count++] = rows;
  }
  r.same_element = r.same_element && dim_is_one(left);
  return r;
}

static void keep_common(reading *r, const reading *other) {
  int count = 0;
  for (int i = 0; i < r->match_count; i++)
    for (int k = 0; k < other->match_count; k++)
      if (r->match[i] == other->match[k]) {
        r->match[count++] = r->match[i];
        break;
      }
  r->match_count = count;
  r->same_element = r->same_element && other->same_element;
  r->batch = (!r->whole || r->batch) && (!other->whole || other->batch);
  r->whole = r->whole || other->whole;
}

static void add_source(walk *w, const node *source, const mapping *m, bool whole) {
  reading r = place_of(w, source, m);
  r.whole = whole;
  r.batch = contraction_batch(w->f, w->reader) != NULL;
  for (int i = 0; i < w->reader->reading_count; i++)
    if (w->reader->readings[i].source == source) {
      keep_common(&w->reader->readings[i], &r);
      return;
    }
  arena_append(w->f->graph->arena, w->reader->readings, w->reader->reading_count, r);
}

static bool same_mapping(const mapping *a, const mapping *b, int rank) {
  for (int i = 0; i < rank; i++)
    if (a->axis[i].kind != b->axis[i].kind ||
        (a->axis[i].kind == PIECE_PLACE &&
         (a->axis[i].divide != b->axis[i].divide || a->axis[i].size != b->axis[i].size)))
      return false;
  return true;
}

static bool seen_before(walk *w, const node *n, const mapping *m) {
  for (visit *v = w->visits[n->id]; v; v = v->next)
    if (same_mapping(&v->with, m, n->shape.rank))
      return true;
  visit *v = arena_new(w->scratch, visit);
  *v = (visit){.with = *m, .next = w->visits[n->id]};
  w->visits[n->id] = v;
  return false;
}

/* A contraction and a scatter read their operands as whole matrices, a random site its key. */
static bool reads_whole(const node *n) {
  op_class class = op_describe(n->op)->class;
  return class == CLASS_CONTRACTION || class == CLASS_SCATTER || class == CLASS_RANDOM;
}

static void walk_operands(walk *w, const node *n, const mapping *m) {
  for (int k = 0; k < n->operand_count; k++) {
    const node *x = n->operands[k];
    mapping next = map_operand(w, n, k, m);
    if (w->f->root_of[x->id] || x->op == OP_input)
      add_source(w, x, &next, reads_whole(n) || reads_whole(w->reader->node));
    else if (!seen_before(w, x, &next))
      walk_operands(w, x, &next);
  }
}

void find_readings(const fusion *f, root *r) {
  walk w = {.f = f, .dims = f->graph->dims, .scratch = arena_create(), .reader = r};
  w.visits = arena_array(w.scratch, visit *, f->graph->node_count);
  r->reading_count = 0;
  r->readings = NULL;
  mapping identity = map_identity(w.dims, r->space);
  walk_operands(&w, r->node, &identity);
  arena_destroy(w.scratch);
}

bool reads_same_row(const reading *r, const dim *rows) {
  if (r->whole && !r->batch)
    return false;
  for (int i = 0; i < r->match_count; i++)
    if (r->match[i] == rows)
      return true;
  return false;
}
