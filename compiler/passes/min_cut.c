#include "compiler/passes/min_cut.h"

typedef struct cut_edge {
  int to, next; /* next: of the same node; -1: none */
  int64_t left; /* capacity that is not used; its reverse is edge ^ 1 */
} cut_edge;

struct min_cut {
  arena *arena;
  int count, edge_count;
  cut_edge *edges;
  int *first; /* of each node */
  int *level, *next, *queue;
};

min_cut *min_cut_create(arena *a, int count) {
  min_cut *c = arena_new(a, min_cut);
  c->arena = a;
  c->count = count;
  c->first = arena_array(a, int, count);
  c->level = arena_array(a, int, count);
  c->next = arena_array(a, int, count);
  c->queue = arena_array(a, int, count);
  for (int i = 0; i < count; i++)
    c->first[i] = -1;
  return c;
}

static void add_half(min_cut *c, int from, int to, int64_t capacity) {
  arena_append(c->arena, c->edges, c->edge_count, ((cut_edge){.to = to, .next = c->first[from], .left = capacity}));
  c->first[from] = c->edge_count - 1;
}

void min_cut_edge(min_cut *c, int from, int to, int64_t capacity) {
  add_half(c, from, to, capacity);
  add_half(c, to, from, 0);
}

/* Distances from the source over edges with capacity left; false when the sink is not reached. */
static bool find_levels(min_cut *c) {
  for (int i = 0; i < c->count; i++)
    c->level[i] = -1;
  int begin = 0, end = 0;
  c->level[0] = 0;
  c->queue[end++] = 0;
  while (begin < end) {
    int from = c->queue[begin++];
    for (int e = c->first[from]; e >= 0; e = c->edges[e].next)
      if (c->edges[e].left > 0 && c->level[c->edges[e].to] < 0) {
        c->level[c->edges[e].to] = c->level[from] + 1;
        c->queue[end++] = c->edges[e].to;
      }
  }
  return c->level[1] >= 0;
}

/* One path from the source to the sink along rising levels; without recursion, for graphs are deep. path: the edges. */
static bool push(min_cut *c, int *path) {
  int length = 0, at = 0;
  while (at != 1) {
    int e = c->next[at];
    while (e >= 0 && (c->edges[e].left <= 0 || c->level[c->edges[e].to] != c->level[at] + 1))
      e = c->edges[e].next;
    c->next[at] = e;
    if (e >= 0) {
      path[length++] = e;
      at = c->edges[e].to;
    } else if (length == 0) {
      return false;
    } else { /* a dead end: the edge that led here is done */
      e = path[--length];
      at = c->edges[e ^ 1].to;
      c->next[at] = c->edges[e].next;
    }
  }
  int64_t least = MIN_CUT_UNBOUNDED;
  for (int i = 0; i < length; i++)
    least = c->edges[path[i]].left < least ? c->edges[path[i]].left : least;
  for (int i = 0; i < length; i++) {
    c->edges[path[i]].left -= least;
    c->edges[path[i] ^ 1].left += least;
  }
  return true;
}

void min_cut_run(min_cut *c, bool *behind) {
  int *path = arena_array(c->arena, int, c->count + 1);
  while (find_levels(c)) {
    for (int i = 0; i < c->count; i++)
      c->next[i] = c->first[i];
    while (push(c, path))
      ;
  }
  /* Backwards from the sink: what can still reach it. */
  int begin = 0, end = 0;
  for (int i = 0; i < c->count; i++)
    behind[i] = false;
  behind[1] = true;
  c->queue[end++] = 1;
  while (begin < end) {
    int to = c->queue[begin++];
    for (int e = c->first[to]; e >= 0; e = c->edges[e].next)
      if (c->edges[e ^ 1].left > 0 && !behind[c->edges[e].to]) {
        behind[c->edges[e].to] = true;
        c->queue[end++] = c->edges[e].to;
      }
  }
}
