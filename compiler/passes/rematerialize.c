/* Computes values once more in place of keeping them, until a step fits a budget of memory.
 *
 * The plan of the step says where its peak is. What lives across the peak without being read there is a candidate: it
 * may die before, and whoever reads it afterwards reads it as computed once more. That costs the operations of the
 * value and of all in its way that is no longer there by then; it gains its bytes. The candidates that gain most for
 * their cost are taken, a few at a time; then the step is planned again, since each changes what is fused and where
 * the peak is. Reads of a value before and behind the peak are told apart by their place in the given graph, so the
 * decisions hold while the graph changes (recomputing.since).
 *
 * Random numbers depend on their site and position alone, so they come out the same (dropout). */
#include "compiler/passes/rematerialize.h"
#include "compiler/graph/flops.h"
#include <stdlib.h>

enum {
  ROUNDS_MOST = 100,
  FUTILE_MOST = 12,   /* rounds without a lower peak */
  CLOSURE_MOST = 200, /* values on the way to one */
  TAKEN_LEAST = 3,    /* candidates of a round: these, and one more for … */
  TAKEN_PART = 6,     /* … so many that there are */
  READ_COST = 8,      /* operations that stand for reading an element */
  SMALL_PART = 8      /* what is so much smaller is kept longer, not computed again */
};

typedef struct candidate {
  int id; /* of the given graph */
  int since;
  double bytes, cost;
  int way_count; /* what else is computed again for it */
  int *way;
} candidate;

typedef struct search {
  const graph *graph;
  const memory_budget *budget;
  const int64_t *bindings;
  int merge_limit;
  recomputing decided;
  int *previous, *last_but_one; /* decided.since of the last plan and of the one before */
  int *best;                    /* … of the lowest workspace */
  double fixed, first, lowest;
} search;

/* One round: the plan of what is decided so far. */
typedef struct round {
  search *search;
  arena *arena;
  recomputed_graph now;
  planned_step plan;
  int *last;    /* by root index: the last group that reads it */
  int *visited; /* by root index: the candidate that it was looked at for */
  int mark;
} round;

static int origin_of(const round *r, const root *q) {
  return q->node->id < r->now.graph->node_count ? r->now.origin[q->node->id]->id : -1;
}

/* Where q stands in the given graph; what copies outputs stands behind all. */
static int place_of(const round *r, const root *q) {
  return q->node->id < r->now.graph->node_count ? r->now.at[q->node->id] : r->search->graph->node_count;
}

static double bytes_of(const round *r, const node *n) {
  dim_table *t = r->search->graph->dims;
  return (double)dtype_size(n->dtype) * (double)dim_evaluate(shape_elements(t, n->shape), r->search->bindings);
}

static double cost_of(const round *r, const root *q) {
  dim_table *t = r->search->graph->dims;
  double elements = (double)dim_evaluate(shape_elements(t, q->space), r->search->bindings);
  double computed = (double)dim_evaluate(node_cost(t, q->node).operations, r->search->bindings);
  return computed + READ_COST * elements * (1 + q->reading_count);
}

static bool lies_in_workspace(const round *r, const root *q) {
  return q->storage == STORAGE_FULL && q->buffer >= 0 && r->plan.fusion->buffers[q->buffer].place == PLACE_WORKSPACE;
}

/* Too small to be worth anything. */
static bool is_number(const round *r, const root *q) {
  return dim_is_one(shape_elements(r->search->graph->dims, q->node->shape)) && q->storage == STORAGE_FULL;
}

/* ---- what a value costs ---- */

/* Adds what must be computed again to have q in a group from `when` on, for roots from `since` on; false when that is
 * too much or cannot be. */
static bool add_cost(round *r, candidate *c, const root *q, int when) {
  if (r->visited[q->index] == r->mark)
    return true;
  r->visited[q->index] = r->mark;
  int id = origin_of(r, q);
  if (id < 0 || c->way_count > CLOSURE_MOST)
    return false;
  c->cost += cost_of(r, q);
  if (id != c->id)
    arena_append(r->arena, c->way, c->way_count, id);
  for (int i = 0; i < q->reading_count; i++) {
    const root *p = q->readings[i].producer;
    if (!p || p->node->recomputed || is_number(r, p) || (p->storage == STORAGE_FULL && r->last[p->index] >= when))
      continue;
    double bytes = bytes_of(r, p->node);
    int source = origin_of(r, p);
    if (source >= 0 && r->search->decided.since[source] <= c->since)
      continue;
    if (lies_in_workspace(r, p) && bytes * SMALL_PART <= bytes_of(r, q->node))
      c->bytes -= bytes;
    else if (!add_cost(r, c, p, when))
      return false;
  }
  return true;
}

/* ---- candidates ---- */

/* The readers of all roots. */
typedef struct uses {
  int before, behind;    /* the last group that reads it before the peak, the first behind it */
  int place, late_place; /* the last place of a reader before, the first of one behind */
  bool at_peak;
} uses;

static uses *find_uses(round *r) {
  const fusion *f = r->plan.fusion;
  uses *all = arena_array(r->arena, uses, f->root_count + 1);
  for (int i = 0; i < f->root_count; i++)
    all[i] = (uses){.before = f->roots[i]->group->id,
                    .behind = NEVER,
                    .place = place_of(r, f->roots[i]),
                    .late_place = NEVER,
                    .at_peak = f->roots[i]->group->id >= r->plan.peak};
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      const root *p = f->roots[i]->readings[k].producer;
      if (!p)
        continue;
      uses *u = &all[p->index];
      int time = f->roots[i]->group->id, place = place_of(r, f->roots[i]);
      r->last[p->index] = time > r->last[p->index] ? time : r->last[p->index];
      if (time == r->plan.peak)
        u->at_peak = true;
      else if (time < r->plan.peak)
        u->place = place > u->place ? place : u->place;
      else {
        u->behind = time < u->behind ? time : u->behind;
        u->late_place = place < u->late_place ? place : u->late_place;
      }
    }
  for (int i = 0; i < f->copy_count; i++)
    all[f->copies[i].from->index].at_peak = true; /* copied at the end: it lives on anyway */
  return all;
}

static bool is_candidate(const round *r, const root *q, const uses *u) {
  int id = origin_of(r, q);
  return lies_in_workspace(r, q) && !is_number(r, q) && id >= 0 && !q->node->recomputed && !u->at_peak &&
         u->behind != NEVER && u->place < u->late_place && u->late_place < r->search->decided.since[id] &&
         !root_is_output(r->plan.fusion, q);
}

static int by_worth(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  double worth_x = x->bytes / x->cost, worth_y = y->bytes / y->cost;
  if (worth_x != worth_y)
    return worth_x > worth_y ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* Those that gain something, the best first. */
static int find_candidates(round *r, candidate **found) {
  const fusion *f = r->plan.fusion;
  r->last = arena_array(r->arena, int, f->root_count + 1);
  r->visited = arena_array(r->arena, int, f->root_count + 1);
  const uses *all = find_uses(r);
  int count = 0;
  *found = NULL;
  for (int i = 0; i < f->root_count; i++) {
    const root *q = f->roots[i];
    if (!is_candidate(r, q, &all[i]))
      continue;
    candidate c = {.id = origin_of(r, q), .since = all[i].late_place, .bytes = bytes_of(r, q->node)};
    r->mark++;
    if (add_cost(r, &c, q, all[i].behind) && c.bytes > 0)
      arena_append(r->arena, *found, count, c);
  }
  if (count)
    qsort(*found, (size_t)count, sizeof **found, by_worth);
  return count;
}

/* ---- the search ---- */

static void take(search *s, const candidate *c) {
  int *since = s->decided.since;
  since[c->id] = c->since;
  for (int i = 0; i < c->way_count; i++)
    since[c->way[i]] = c->since < since[c->way[i]] ? c->since : since[c->way[i]];
}

/* All of a round, or no more than it needs by their bytes. */
static void take_candidates(search *s, const candidate *list, int count, double excess, bool sparing) {
  int most = TAKEN_LEAST + count / TAKEN_PART;
  for (int i = 0; i < count && i < most && (excess > 0 || !sparing); i++) {
    if (s->decided.since[list[i].id] <= list[i].since)
      continue; /* already, in the way of a better one */
    take(s, &list[i]);
    excess -= list[i].bytes;
  }
}

static void keep(const search *s, int *since, const int *from) {
  for (int i = 0; i < s->graph->node_count; i++)
    since[i] = from[i];
}

/* Plans what is decided, and while that does not fit decides more; *workspace: of the plan. Whether there was anything
 * left to try. */
static bool go_round(search *s, bool sparing, double *workspace) {
  arena *a = arena_create();
  round r = {.search = s, .arena = a, .now = recompute(&s->decided, a)};
  r.plan = plan_step(r.now.graph, a, s->budget, s->merge_limit);
  *workspace = r.plan.workspace;
  double excess = s->fixed + *workspace - s->budget->bytes;
  candidate *list = NULL;
  int count = excess <= 0 ? 0 : find_candidates(&r, &list);
  keep(s, s->previous, s->decided.since);
  take_candidates(s, list, count, excess, sparing);
  arena_destroy(a);
  return count > 0;
}

/* Rounds until it fits, the same for every budget, so that the least that is reached can be asked for. Then the last
 * one again, sparingly. */
static void search_fit(search *s) {
  double workspace;
  bool more = go_round(s, false, &workspace);
  s->first = s->lowest = workspace;
  keep(s, s->best, s->previous);
  for (int i = 1, futile = 0; i < ROUNDS_MOST && futile < FUTILE_MOST && more; i++) {
    keep(s, s->last_but_one, s->previous);
    more = go_round(s, false, &workspace);
    futile = workspace < s->lowest ? 0 : futile + 1;
    if (workspace < s->lowest) {
      s->lowest = workspace;
      keep(s, s->best, s->previous);
    }
  }
  if (s->first == s->lowest || s->fixed + s->lowest > s->budget->bytes)
    return;
  keep(s, s->decided.since, s->last_but_one);
  go_round(s, true, &workspace);
  go_round(s, true, &workspace);
  if (s->fixed + workspace <= s->budget->bytes) {
    s->lowest = workspace;
    keep(s, s->best, s->previous);
  }
}

static const bool *find_roots(const graph *g, arena *scratch, int merge_limit) {
  graph own = *g;
  own.arena = scratch;
  const fusion *f = fusion_create_limited(&own, merge_limit);
  bool *is_root = arena_array(g->arena, bool, g->node_count + 1);
  for (int i = 0; i < g->node_count; i++)
    is_root[i] = f->root_of[i] != NULL;
  return is_root;
}

/* ---- what was done ---- */

static double repeated_operations(const graph *g, const int64_t *bindings) {
  double total = 0;
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->recomputed)
      total += (double)dim_evaluate(node_cost(g->dims, g->nodes[i]).operations, bindings);
  return total;
}

static rematerialization describe(const search *s, const recomputed_graph *made) {
  const graph *g = s->graph;
  const node **values = arena_array(g->arena, const node *, made->graph->node_count + 1);
  double *bytes = arena_array(g->arena, double, made->graph->node_count + 1);
  int count = 0;
  for (int i = 0; i < made->graph->node_count; i++) {
    const node *from = made->origin[i];
    if (!made->graph->nodes[i]->recomputed || !s->decided.is_root[from->id])
      continue;
    bytes[count] =
        (double)dtype_size(from->dtype) * (double)dim_evaluate(shape_elements(g->dims, from->shape), s->bindings);
    values[count++] = from;
  }
  return (rematerialization){.fits = s->fixed + s->lowest <= s->budget->bytes,
                             .value_count = count,
                             .values = values,
                             .bytes = bytes,
                             .before = s->fixed + s->first,
                             .after = s->fixed + s->lowest,
                             .operations = (double)graph_cost_at(g, s->bindings).operations,
                             .repeated = repeated_operations(made->graph, s->bindings)};
}

graph *pass_rematerialize(const graph *g, const pass_switches *asked) {
  const memory_budget *budget = &asked->budget;
  if (!(budget->bytes > 0))
    return graph_rewrite(g, NULL, NULL, NULL);
  search s = {.graph = g,
              .budget = budget,
              .bindings = budget_bindings(g, budget),
              .merge_limit = asked->merge_limit,
              .decided = {.graph = g, .since = arena_array(g->arena, int, g->node_count + 1)},
              .best = arena_array(g->arena, int, g->node_count + 1),
              .previous = arena_array(g->arena, int, g->node_count + 1),
              .last_but_one = arena_array(g->arena, int, g->node_count + 1)};
  s.fixed = fixed_bytes(g, s.bindings);
  arena *scratch = arena_create();
  s.decided.is_root = find_roots(g, scratch, asked->merge_limit);
  arena_destroy(scratch);
  for (int i = 0; i < g->node_count; i++)
    s.decided.since[i] = NEVER;
  search_fit(&s);
  s.decided.since = s.best;
  recomputed_graph made = recompute(&s.decided, g->arena);
  if (budget->result)
    *budget->result = describe(&s, &made);
  return made.graph;
}
