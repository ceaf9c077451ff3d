/* Rows and loops of each group, and where each root is kept.
 *
 * A root goes into the earliest nest that it can: the one of a producer when it has the same loops and reads the
 * producer at its own element, else a later stage. In a batched group the same holds within a section (section.c). */
#include "compiler/passes/fusion.h"

enum { NARROW_AXIS = 8 }; /* a last axis this short is no loop worth having */

/* ---- rows ---- */

static bool is_number(const fusion *f, shape s) {
  return dim_is_one(shape_elements(f->graph->dims, s));
}

/* Everything that r reads and writes lies at the same place, so that all of its space is one long axis. */
static bool is_flat(const fusion *f, const root *r, const dim *rows, bool strict) {
  bool across = false;
  if (root_outer(f, r, rows, &across) < 0 || shape_elements(f->graph->dims, r->space) != rows)
    return false;
  op_class class = op_describe(r->node->op)->class;
  if (class == CLASS_CONTRACTION || class == CLASS_SCATTER || (class == CLASS_REDUCTION && !across) ||
      (across && !is_number(f, r->node->shape)))
    return false;
  if (!storage_is_row_major(r))
    return false;
  for (int i = 0; i < r->reading_count; i++) {
    const reading *in = &r->readings[i];
    if (is_number(f, in->source->shape))
      continue;
    if (strict && (!in->same_element || (in->producer && !storage_is_row_major(in->producer))))
      return false;
  }
  return true;
}

static bool last_axis_is_narrow(const group *g) {
  for (int i = 0; i < g->root_count; i++) {
    shape s = g->roots[i]->space;
    int64_t value = 1;
    if (s.rank > 0 && (!dim_is_constant(s.dims[s.rank - 1], &value) || value >= NARROW_AXIS))
      return false;
  }
  return true;
}

/* Several contractions; or one that reads what is computed in its rows, or whose rows are its batch. */
static bool is_batched(const fusion *f, const group *g) {
  if (g->contraction_count != 1 || g->ragged)
    return g->contraction_count > 0;
  const root *r = g->contraction;
  for (int i = 0; i < r->reading_count; i++)
    if (r->readings[i].producer && r->readings[i].producer->group == g)
      return true;
  return g->rows != dims_product(f->graph->dims, r->node->shape.dims, r->node->shape.rank - 1);
}

static void choose_rows(const fusion *f, group *g) {
  g->rows = g->ragged ? contraction_batch(f, g->contraction) : group_best_rows(f, g);
  const dim *most = g->candidates[g->candidate_count - 1];
  bool strict = !last_axis_is_narrow(g) && g->rows != most;
  g->flat = !g->contraction && !dim_is_one(most);
  g->batched = is_batched(f, g);
  for (int i = 0; i < g->root_count && g->flat; i++)
    g->flat = is_flat(f, g->roots[i], most, strict);
  if (g->flat)
    g->rows = most;
}

/* ---- loops ---- */

/* Axes of the space behind the rows, without those of size 1. */
static int inner_axes(const root *r, int *axis) {
  int count = 0;
  for (int i = r->outer; i < r->space.rank; i++)
    if (!dim_is_one(r->space.dims[i]))
      axis[count++] = i;
  return count;
}

static bool is_reduced(const root *r, int axis) {
  const axes *over = &r->node->attributes.axes;
  for (int i = 0; i < over->count; i++)
    if (over->axis[i] == axis)
      return true;
  return false;
}

static reduce_way how_to_reduce(const root *r, bool across) {
  if (op_describe(r->node->op)->class != CLASS_REDUCTION)
    return REDUCE_NOT;
  if (across)
    return REDUCE_ACROSS;
  int axis[RANK_MAX], count = inner_axes(r, axis), kept = 0;
  bool kept_behind = false; /* a kept axis inside a reduced one */
  for (int i = 0; i < count; i++) {
    kept += !is_reduced(r, axis[i]);
    kept_behind = kept_behind || (!is_reduced(r, axis[i]) && i > 0 && is_reduced(r, axis[i - 1]));
  }
  if (kept == 0)
    return REDUCE_ROW;
  return kept_behind && r->node->op != OP_argmax ? REDUCE_MEMORY : REDUCE_OUTER;
}

static bool same_loops(const nest *n, int rank, const dim *const *dims) {
  if (n->rank != rank)
    return false;
  for (int i = 0; i < rank; i++)
    if (n->dims[i] != dims[i])
      return false;
  return true;
}

/* The stage of r: behind everything that it needs complete. */
static int stage_of(const group *g, const root *r, bool alone, int rank, const dim *const *dims) {
  int stage = 0;
  for (int i = 0; i < r->reading_count; i++) {
    const reading *in = &r->readings[i];
    const root *p = in->producer;
    if (!p || p->group != g || p->nest < 0 || p->section != r->section)
      continue;
    const nest *at = &g->nests[p->nest];
    bool together = p->reduce == REDUCE_NOT && in->same_element && !alone && !at->alone && same_loops(at, rank, dims);
    int needed = together ? at->stage : at->stage + 1;
    stage = needed > stage ? needed : stage;
  }
  return stage;
}

static void place_root(fusion *f, group *g, root *r) {
  int axis[RANK_MAX], rank = inner_axes(r, axis);
  const dim *dims[RANK_MAX];
  for (int i = 0; i < rank; i++)
    dims[i] = r->space.dims[axis[i]];
  bool alone = r->reduce == REDUCE_OUTER || r->node->op == OP_matmul;
  int stage = stage_of(g, r, alone, rank, dims), at = 0;
  while (at < g->nest_count && !(g->nests[at].section == r->section && g->nests[at].stage == stage && !alone &&
                                 !g->nests[at].alone && same_loops(&g->nests[at], rank, dims)))
    at++;
  if (at == g->nest_count) {
    nest n = {.section = r->section, .stage = stage, .alone = alone, .rank = rank};
    for (int i = 0; i < rank; i++)
      n.dims[i] = dims[i];
    arena_append(f->graph->arena, g->nests, g->nest_count, n);
  }
  r->nest = at;
  arena_append(f->graph->arena, g->nests[at].roots, g->nests[at].root_count, r);
}

/* Nests by section and stage; those of one stage in the order in which they were made. */
static void sort_nests(fusion *f, group *g) {
  nest *sorted = arena_array(f->graph->arena, nest, g->nest_count);
  int count = 0;
  for (int s = 0; s < g->section_count; s++) {
    g->sections[s].first = count;
    for (int stage = 0; stage < g->nest_count; stage++)
      for (int i = 0; i < g->nest_count; i++)
        if (g->nests[i].section == s && g->nests[i].stage == stage)
          sorted[count++] = g->nests[i];
    g->sections[s].end = count;
  }
  g->nests = sorted;
  for (int i = 0; i < g->nest_count; i++)
    for (int k = 0; k < sorted[i].root_count; k++)
      sorted[i].roots[k]->nest = i;
}

/* One section for all roots. */
static void make_section(fusion *f, group *g) {
  for (int i = 0; i < g->root_count; i++) {
    root *r = g->roots[i];
    bool across = false;
    r->outer = root_outer(f, r, g->rows, &across);
    r->section = 0;
  }
  arena_append(f->graph->arena, g->sections, g->section_count, (section){0});
}

static void make_nests(fusion *f, group *g) {
  if (g->batched)
    make_sections(f, g);
  else
    make_section(f, g);
  for (int i = 0; i < g->root_count; i++) {
    root *r = g->roots[i];
    bool across = false;
    op_class class = op_describe(r->node->op)->class;
    root_outer(f, r, g->rows, &across);
    r->reduce = how_to_reduce(r, across);
    r->nest = -1;
    if (g->batched || (class != CLASS_CONTRACTION && class != CLASS_SCATTER))
      place_root(f, g, r);
  }
  sort_nests(f, g);
}

/* ---- storage ---- */

const dim *root_row_elements(const fusion *f, const root *r, int outer) {
  const dim *elements = dim_constant(f->graph->dims, 1);
  for (int i = outer; i < r->node->shape.rank; i++)
    elements = dim_multiply(f->graph->dims, elements, r->node->shape.dims[i]);
  return elements;
}

typedef struct readership {
  bool outside; /* by another group, or as a whole in front of the rows */
  bool later;   /* by another nest of the same group, */
  bool beyond;  /* of another section */
} readership;

static void choose_storage(const fusion *f, root *r, readership who) {
  bool number = dim_is_one(root_row_elements(f, r, r->outer)); /* a number a row */
  r->held = who.beyond && r->group->batched ? r->batch : r->outer;
  if (r->nest < 0 || r->reduce == REDUCE_ACROSS || who.outside || root_is_output(f, r))
    r->storage = STORAGE_FULL;
  else if (number && !who.beyond && (r->reduce == REDUCE_ROW || r->group->nests[r->nest].rank == 0))
    r->storage = STORAGE_REGISTER;
  else if (r->reduce == REDUCE_NOT && !who.later)
    r->storage = STORAGE_LOCAL;
  else
    r->storage = STORAGE_SCRATCH;
}

static void choose_storages(fusion *f) {
  readership *all = arena_array(f->graph->arena, readership, f->root_count);
  for (int i = 0; i < f->root_count; i++) {
    const root *r = f->roots[i];
    for (int k = 0; k < r->reading_count; k++) {
      const root *p = r->readings[k].producer;
      if (!p)
        continue;
      all[p->index].outside |= p->group != r->group || (r->readings[k].whole && !r->group->batched);
      all[p->index].later |= p->nest != r->nest;
      all[p->index].beyond |= p->section != r->section;
    }
  }
  for (int i = 0; i < f->root_count; i++)
    choose_storage(f, f->roots[i], all[i]);
}

void nest_groups(fusion *f) {
  for (int i = 0; i < f->group_count; i++) {
    choose_rows(f, f->groups[i]);
    make_nests(f, f->groups[i]);
  }
  choose_storages(f);
}

/* ---- overwriting ---- */

bool may_overwrite(const root *q, const node *source) {
  const group *g = q->group;
  bool across = q->reduce == REDUCE_ACROSS; /* written when all rows are done */
  for (int i = 0; i < g->root_count; i++)
    for (int k = 0; k < g->roots[i]->reading_count; k++) {
      const reading *in = &g->roots[i]->readings[k];
      if (in->source != source || (across && !in->whole))
        continue;
      int when = g->roots[i]->nest;
      bool same = in->same_element && q->reduce != REDUCE_MEMORY;
      if (q->section == g->roots[i]->section && g->sections[q->section].lines && !reads_same_row(in, g->line_rows))
        return false;
      if (in->whole || !reads_same_row(in, g->rows) || when > q->nest || (when == q->nest && !same))
        return false;
    }
  return true;
}
