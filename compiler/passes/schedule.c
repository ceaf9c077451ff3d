/* The order of groups, and which states are updated in place. */
#include "compiler/passes/fusion.h"

/* Whether `from` comes after `to`, over any way. */
static bool comes_after(group *from, const group *to, int mark) {
  if (from == to)
    return true;
  if (from->mark == mark)
    return false;
  from->mark = mark;
  for (int i = 0; i < from->later_count; i++)
    if (comes_after(from->later[i], to, mark))
      return true;
  for (int i = 0; i < from->root_count; i++)
    for (int k = 0; k < from->roots[i]->reading_count; k++) {
      root *p = from->roots[i]->readings[k].producer;
      if (p && p->group != from && comes_after(p->group, to, mark))
        return true;
    }
  return false;
}

static bool group_reads(const group *g, const node *source) {
  for (int i = 0; i < g->root_count; i++)
    for (int k = 0; k < g->roots[i]->reading_count; k++)
      if (g->roots[i]->readings[k].source == source)
        return true;
  return false;
}

/* In place when its own group has read what it overwrites, and all other readers can come before. */
static bool try_in_place(fusion *f, root *q, const node *state, int *mark) {
  if (!may_overwrite(q, state))
    return false;
  for (int i = 0; i < f->group_count; i++)
    if (f->groups[i] != q->group && group_reads(f->groups[i], state) && comes_after(f->groups[i], q->group, ++*mark))
      return false;
  for (int i = 0; i < f->group_count; i++)
    if (f->groups[i] != q->group && group_reads(f->groups[i], state))
      arena_append(f->graph->arena, q->group->later, q->group->later_count, f->groups[i]);
  f->update[state->id] = q;
  return true;
}

static void place_updates(fusion *f, int *mark) {
  graph *g = f->graph;
  f->update = arena_array(g->arena, const root *, g->node_count);
  for (int i = 0; i < g->output_count; i++) {
    const node *state = g->outputs[i].state;
    root *q = f->root_of[g->outputs[i].value->id];
    if (state && !try_in_place(f, q, state, mark)) {
      state_copy copy = {.state = state, .from = q};
      arena_append(g->arena, f->copies, f->copy_count, copy);
    }
  }
}

/* ---- order ---- */

typedef struct edges { /* who waits for a group */
  int count;
  int *waiting;
} edges;

static void add_edge(fusion *f, edges *all, int *missing, const group *before, const group *after) {
  arena_append(f->graph->arena, all[before->id].waiting, all[before->id].count, after->id);
  missing[after->id]++;
}

static void find_edges(fusion *f, edges *all, int *missing) {
  for (int i = 0; i < f->group_count; i++) {
    const group *g = f->groups[i];
    for (int k = 0; k < g->later_count; k++)
      add_edge(f, all, missing, g->later[k], g);
    for (int k = 0; k < g->root_count; k++)
      for (int m = 0; m < g->roots[k]->reading_count; m++) {
        const root *p = g->roots[k]->readings[m].producer;
        if (p && p->group != g)
          add_edge(f, all, missing, p->group, g);
      }
  }
}

/* Single numbers need no room and others may wait for them: they come as soon as they can. */
static int precedence(const fusion *f, const group *g) {
  return group_is_numbers(f, g) ? -1 : g->roots[0]->node->id;
}

/* Of the groups that wait for nothing, the one whose first root stands first in the graph: the graph's order is that of
 * the source, layer after layer, and its gradient's is the reverse, so values die as they would there. The first root,
 * because an update joined to the gradient of a weight would hold back what that reads until the end. */
void schedule_groups(fusion *f) {
  int mark = 1, done = 0, *missing = arena_array(f->graph->arena, int, f->group_count + 1);
  for (int i = 0; i < f->group_count; i++)
    f->groups[i]->mark = 0;
  place_updates(f, &mark);
  edges *all = arena_array(f->graph->arena, edges, f->group_count + 1);
  find_edges(f, all, missing);
  group **order = arena_array(f->graph->arena, group *, f->group_count + 1);
  while (done < f->group_count) {
    int best = -1;
    for (int i = 0; i < f->group_count; i++)
      if (missing[i] == 0 && (best < 0 || precedence(f, f->groups[i]) < precedence(f, f->groups[best])))
        best = i;
    order[done++] = f->groups[best];
    missing[best] = -1;
    for (int i = 0; i < all[best].count; i++)
      missing[all[best].waiting[i]]--;
  }
  for (int i = 0; i < f->group_count; i++)
    order[i]->id = i;
  f->groups = order;
}
