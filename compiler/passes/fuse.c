/* Groups roots into kernels.
 *
 * Every root begins as a group of its own. Roots are taken in order, producers first, and the group of each is merged
 * with those of its producers, the latest first, so that what it reads is still in registers or in cache; afterwards
 * groups that read the same large value are merged. Two groups can be merged when
 *   - there is a number of rows that all roots of both can have, and it leaves as many rows to run in parallel
 *     (see keeps_parallel);
 *   - what one computes and the other reads is read at the reader's own row, and is no sum across rows, which is
 *     complete only at the end;
 *   - no third group stands between them: groups stay without cycles;
 *   - values as large as all pairs of positions are of one stage of the step (recompute.c);
 *   - at most one of them has a contraction, or all have products of a batch, which becomes the rows; a scatter stays
 *     alone. */
#include "compiler/passes/pass.h"
#include "compiler/passes/ragged.h"
#include <stdlib.h>

enum {
  ROOTS_MOST = 40,         /* of one group */
  ROW_SHRINK_MOST = 4096,  /* constant factor by which rows may become fewer and longer */
  SMALL_SPACE = 16384,     /* elements so few that one thread may compute them alone */
  MERGE_DISTANCE_MOST = 64 /* readers of one value that are tried with each other */
};

/* ---- rows ---- */

static void add_candidate(const dim **candidates, int *count, const dim *rows) {
  for (int i = 0; i < *count; i++)
    if (candidates[i] == rows)
      return;
  candidates[(*count)++] = rows;
}

/* One product for each place of the leading axes, on both sides. */
static bool is_batch(const node *n) {
  return n->op == OP_matmul && n->shape.rank > 2 && n->operands[1]->shape.rank == n->shape.rank;
}

const dim *contraction_batch(const fusion *f, const root *r) {
  const node *n = r->node;
  return is_batch(n) ? dims_product(f->graph->dims, n->shape.dims, n->shape.rank - 2) : NULL;
}

/* Whether the first k axes of r's space may be its rows. */
static bool legal_outer(const root *r, int k, bool *across) {
  const node *n = r->node;
  *across = false;
  switch (op_describe(n->op)->class) {
  case CLASS_REDUCTION: {
    const axes *over = &n->attributes.axes;
    if (over->count == 0 || k <= over->axis[0])
      return true;
    *across = true;
    if (n->op == OP_argmax || over->count < k)
      return false;
    for (int i = 0; i < k; i++)
      if (over->axis[i] != i)
        return false;
    return true;
  }
  case CLASS_CONTRACTION:
    return k == n->shape.rank - 1 || (k == n->shape.rank - 2 && is_batch(n));
  case CLASS_SCATTER:
    return k == 1;
  case CLASS_POINTWISE:
  case CLASS_MOVEMENT:
  case CLASS_LEAF:
  case CLASS_RANDOM:
  case CLASS_GATHER:
    break;
  }
  return true;
}

int root_candidates(const fusion *f, const root *r, const dim **candidates) {
  int count = 0;
  bool across;
  for (int k = 0; k <= r->space.rank; k++)
    if (legal_outer(r, k, &across))
      add_candidate(candidates, &count, dims_product(f->graph->dims, r->space.dims, k));
  return count;
}

int root_outer(const fusion *f, const root *r, const dim *rows, bool *across) {
  int best = -1;
  bool is_across;
  for (int k = 0; k <= r->space.rank; k++)
    if (legal_outer(r, k, &is_across) && dims_product(f->graph->dims, r->space.dims, k) == rows &&
        (best < 0 || !is_across)) {
      best = k;
      *across = is_across;
    }
  return best;
}

static const dim *largest_space(const fusion *f, const group *g) {
  const dim *largest = dim_constant(f->graph->dims, 1);
  for (int i = 0; i < g->root_count; i++) {
    const dim *elements = shape_elements(f->graph->dims, g->roots[i]->space);
    if (!dim_divide_exact(f->graph->dims, largest, elements))
      largest = elements;
  }
  return largest;
}

/* The most rows that leave a loop to run within the row; if that is one row, a row for each element. */
const dim *group_best_rows(const fusion *f, const group *g) {
  const dim *whole = largest_space(f, g), *best = NULL;
  for (int i = 0; i < g->candidate_count; i++)
    if (g->candidates[i] != whole)
      best = g->candidates[i];
  const dim *last = g->candidates[g->candidate_count - 1];
  return !best || (dim_is_one(best) && last == whole) ? last : best;
}

/* Rows are what threads share: a merge may not trade many rows for few. */
static bool keeps_parallel(const fusion *f, const group *before, const group *after) {
  dim_table *t = f->graph->dims;
  const dim *old = group_best_rows(f, before), *new = group_best_rows(f, after);
  int64_t value;
  if (after->contraction_count > 1) /* a product of a batch is work enough for a thread */
    return true;
  if (dim_is_constant(largest_space(f, after), &value) && value <= SMALL_SPACE)
    return true;
  if (dim_divide_exact(t, new, old))
    return true;
  const dim *factor = dim_divide_exact(t, old, new);
  return factor && dim_is_constant(factor, &value) && value <= ROW_SHRINK_MOST && !dim_is_one(new);
}

/* ---- cycles ---- */

/* Whether `from` needs, over any way, what `to` computes. */
static bool reaches(group *from, const group *to, int mark) {
  if (from == to)
    return true;
  if (from->mark == mark)
    return false;
  from->mark = mark;
  for (int i = 0; i < from->root_count; i++)
    for (int k = 0; k < from->roots[i]->reading_count; k++) {
      root *p = from->roots[i]->readings[k].producer;
      if (p && p->group != from && reaches(p->group, to, mark))
        return true;
    }
  return false;
}

/* Whether a needs b by way of a third group. */
static bool needs_indirectly(group *a, const group *b, int *mark) {
  ++*mark;
  a->mark = *mark;
  for (int i = 0; i < a->root_count; i++)
    for (int k = 0; k < a->roots[i]->reading_count; k++) {
      root *p = a->roots[i]->readings[k].producer;
      if (p && p->group != a && p->group != b && reaches(p->group, b, *mark))
        return true;
    }
  return false;
}

/* ---- merging ---- */

static bool is_alone(const group *g) {
  return g->roots[0]->node->op == OP_scatter_add;
}

/* Removes from `merged` the numbers of rows with which `reader` cannot read from `other`. */
static void restrict_by_readings(const fusion *f, group *merged, const group *reader, const group *other) {
  for (int i = 0; i < reader->root_count; i++)
    for (int k = 0; k < reader->roots[i]->reading_count; k++) {
      const reading *r = &reader->roots[i]->readings[k];
      if (!r->producer || r->producer->group != other)
        continue;
      int count = 0;
      for (int c = 0; c < merged->candidate_count; c++) {
        bool across = false;
        root_outer(f, r->producer, merged->candidates[c], &across);
        if (!across && reads_same_row(r, merged->candidates[c]))
          merged->candidates[count++] = merged->candidates[c];
      }
      merged->candidate_count = count;
    }
}

static void append_roots(arena *a, group *to, const group *from) {
  for (int i = 0; i < from->root_count; i++)
    arena_append(a, to->roots, to->root_count, from->roots[i]);
}

static int by_index(const void *a, const void *b) {
  const root *const *x = a, *const *y = b;
  return (*x)->index < (*y)->index ? -1 : 1;
}

/* Several contractions in a group are products of one batch, which is its rows. */
static void restrict_to_batch(const fusion *f, group *merged, const group *with) {
  for (int i = 0; i < with->root_count; i++) {
    if (with->roots[i]->node->op != OP_matmul)
      continue;
    const dim *batch = contraction_batch(f, with->roots[i]);
    int count = 0;
    for (int c = 0; c < merged->candidate_count; c++)
      if (merged->candidates[c] == batch)
        merged->candidates[count++] = batch;
    merged->candidate_count = count;
  }
}

static bool has_recomputed(const group *g) {
  for (int i = 0; i < g->root_count; i++)
    if (g->roots[i]->node->recomputed)
      return true;
  return false;
}

/* What is recomputed is there to be computed late: with nothing that is computed before the first of its kind. */
static bool would_come_early(const fusion *f, const group *recomputed, const group *other) {
  return has_recomputed(recomputed) && other->roots[0]->node->id < f->recomputed_from;
}

/* Makes b part of a. */
static bool try_merge(fusion *f, group *a, group *b, int *mark) {
  bool stages = a->stage >= 0 && b->stage >= 0 && a->stage != b->stage;
  bool early = would_come_early(f, a, b) || would_come_early(f, b, a);
  if (a == b || stages || early || is_alone(a) || is_alone(b) || a->root_count + b->root_count > ROOTS_MOST ||
      (f->merge_limit && f->merge_count + 1 >= f->merge_limit))
    return false;
  group merged = *a;
  merged.contraction_count = a->contraction_count + b->contraction_count;
  merged.stage = a->stage > b->stage ? a->stage : b->stage;
  merged.candidate_count = 0;
  for (int i = 0; i < a->candidate_count; i++)
    for (int k = 0; k < b->candidate_count; k++)
      if (a->candidates[i] == b->candidates[k])
        merged.candidates[merged.candidate_count++] = a->candidates[i];
  restrict_by_readings(f, &merged, a, b);
  restrict_by_readings(f, &merged, b, a);
  if (merged.contraction_count > 1) {
    restrict_to_batch(f, &merged, a);
    restrict_to_batch(f, &merged, b);
  }
  if (merged.candidate_count == 0)
    return false;
  merged.roots = NULL;
  merged.root_count = 0;
  append_roots(f->graph->arena, &merged, a);
  append_roots(f->graph->arena, &merged, b);
  if (!keeps_parallel(f, a, &merged) || !keeps_parallel(f, b, &merged) || needs_indirectly(a, b, mark) ||
      needs_indirectly(b, a, mark))
    return false;
  f->merge_count++;
  f->last_merge[0] = a->roots[a->root_count - 1];
  f->last_merge[1] = b->roots[b->root_count - 1];
  qsort(merged.roots, (size_t)merged.root_count, sizeof *merged.roots, by_index);
  *a = merged;
  a->contraction = NULL;
  for (int i = a->root_count - 1; i >= 0; i--) {
    a->roots[i]->group = a;
    if (a->roots[i]->node->op == OP_matmul)
      a->contraction = a->roots[i];
  }
  b->root_count = 0;
  return true;
}

/* ---- numbers that many need ---- */

bool group_is_numbers(const fusion *f, const group *g) {
  for (int i = 0; i < g->root_count; i++)
    if (!dim_is_one(shape_elements(f->graph->dims, g->roots[i]->space)))
      return false;
  return true;
}

/* Single numbers that other groups than `reader` read as well, as a bias correction of all updates: in one group with
 * the reader they would hold these back until all that the reader needs is there, and with them what they read. */
static bool holds_back(const fusion *f, const group *numbers, const group *reader) {
  if (!group_is_numbers(f, numbers) || group_is_numbers(f, reader))
    return false;
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      const root *p = f->roots[i]->readings[k].producer;
      const group *g = f->roots[i]->group;
      if (p && p->group == numbers && g != numbers && g != reader)
        return true;
    }
  return false;
}

static bool reads_inputs_alone(const group *g) {
  for (int i = 0; i < g->root_count; i++)
    for (int k = 0; k < g->roots[i]->reading_count; k++)
      if (g->roots[i]->readings[k].producer && g->roots[i]->readings[k].producer->group != g)
        return false;
  return true;
}

/* Numbers that depend on inputs alone are one group. */
static void merge_numbers(fusion *f, int *mark) {
  group *first = NULL;
  for (int i = 0; i < f->group_count; i++) {
    group *g = f->groups[i];
    if (g->root_count == 0 || !group_is_numbers(f, g) || !reads_inputs_alone(g))
      continue;
    if (first)
      try_merge(f, first, g, mark);
    else
      first = g;
  }
}

static void merge_with_producers(fusion *f, root *r, int *mark) {
  for (int before = r->index; before > 0;) {
    int latest = -1;
    for (int k = 0; k < r->reading_count; k++) {
      const root *p = r->readings[k].producer;
      if (p && p->index < before && p->index > latest)
        latest = p->index;
    }
    if (latest < 0)
      return;
    if (!holds_back(f, f->roots[latest]->group, r->group))
      try_merge(f, r->group, f->roots[latest]->group, mark);
    before = latest;
  }
}

/* ---- groups that read the same large value ---- */

typedef struct readers {
  int count;
  root **roots;
} readers;

/* Whether r reads the source element by element, so that two such readers read it once between them. */
static bool reads_by_element(const root *r, const node *source) {
  for (int i = 0; i < r->reading_count; i++)
    if (r->readings[i].source == source)
      return r->readings[i].same_element && !r->readings[i].whole;
  return false;
}

static void merge_readers(fusion *f, const node *source, const readers *all, int *mark) {
  for (int i = 0; i < all->count; i++)
    for (int k = i + 1; k < all->count && k - i < MERGE_DISTANCE_MOST; k++) {
      group *a = all->roots[i]->group, *b = all->roots[k]->group;
      if (a == b || has_recomputed(a) != has_recomputed(b))
        continue;
      a->rows = group_best_rows(f, a);
      b->rows = group_best_rows(f, b);
      if (a->rows == b->rows && reads_by_element(all->roots[i], source) && reads_by_element(all->roots[k], source))
        try_merge(f, a, b, mark);
    }
}

static void merge_siblings(fusion *f, int *mark) {
  graph *g = f->graph;
  readers *all = arena_array(g->arena, readers, g->node_count);
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      readers *to = &all[f->roots[i]->readings[k].source->id];
      arena_append(g->arena, to->roots, to->count, f->roots[i]);
    }
  for (int i = 0; i < g->node_count; i++)
    if (all[i].count > 1 && !dim_is_one(shape_elements(g->dims, g->nodes[i]->shape)))
      merge_readers(f, g->nodes[i], &all[i], mark);
}

/* ---- */

static group *start_group(fusion *f, root *r) {
  group *g = arena_new(f->graph->arena, group);
  g->candidate_count = root_candidates(f, r, g->candidates);
  if (r->node->op == OP_matmul) {
    g->contraction = r;
    g->contraction_count = 1;
  }
  arena_append(f->graph->arena, g->roots, g->root_count, r);
  g->stage = f->stage[r->node->id];
  r->group = g;
  return g;
}

void group_roots(fusion *f) {
  arena *a = f->graph->arena;
  int mark = 0, count = 0;
  f->merge_count = 0;
  f->group_count = 0;
  f->groups = NULL;
  for (int i = 0; i < f->root_count; i++) {
    group *g = start_group(f, f->roots[i]);
    arena_append(a, f->groups, f->group_count, g);
    merge_with_producers(f, f->roots[i], &mark);
  }
  merge_siblings(f, &mark);
  merge_numbers(f, &mark);
  for (int i = 0; i < f->group_count; i++)
    if (f->groups[i]->root_count > 0) {
      f->groups[count] = f->groups[i];
      f->groups[count]->id = count;
      count++;
    }
  f->group_count = count;
}

/* ---- */

/* Tentative roots that another group reads are computed again there instead; returns whether there were any. */
static bool deny_tentative(fusion *f, bool all) {
  bool any = false;
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      const root *p = f->roots[i]->readings[k].producer;
      if (p && p->tentative && (all || p->group != f->roots[i]->group))
        any = f->denied[p->node->id] = true;
    }
  return any;
}

enum { TRIES_MOST = 4 };

fusion *fusion_create(const graph *g) {
  return fusion_create_limited(g, 0);
}

fusion *fusion_create_limited(const graph *g, int merge_limit) {
  fusion *f = arena_new(g->arena, fusion);
  f->merge_limit = merge_limit;
  f->graph = prepare_outputs(g);
  f->recomputed_from = 0;
  while (f->recomputed_from < f->graph->node_count && !f->graph->nodes[f->recomputed_from]->recomputed)
    f->recomputed_from++;
  f->denied = arena_array(g->arena, bool, f->graph->node_count);
  f->plain = arena_array(g->arena, bool, f->graph->node_count);
  f->ragged = ragged_find(f);
  f->stage = large_stages(f->graph);
  for (int try = 0;; try++) {
    choose_roots(f);
    group_roots(f);
    bool again = deny_tentative(f, try == TRIES_MOST);
    if (!ragged_decide(f, try >= TRIES_MOST) && !again)
      break;
  }
  nest_groups(f);
  return f;
}
