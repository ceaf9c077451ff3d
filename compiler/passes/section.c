/* Sections of a batched group: within a row, products and loops take turns.
 *
 * A root comes behind what it needs. It shares a section with what it reads when both go by lines, the rows of
 * matrices, and it reads no other line than its own; then only a line lies between them. Loops that do not go by lines
 * run over whole matrices. */
#include "compiler/passes/fusion.h"

typedef enum { BY_PRODUCT, BY_LINES, BY_ROWS, WAYS } way;

typedef struct order { /* by position in the group */
  way *way;
  int *number; /* which turn */
} order;

static way find_way(const fusion *f, const group *g, root *r) {
  bool across = false, across_lines = false;
  r->batch = r->outer = root_outer(f, r, g->rows, &across);
  if (r->node->op == OP_matmul) {
    r->batch = r->outer = r->node->shape.rank - 2;
    return BY_PRODUCT;
  }
  int outer = root_outer(f, r, g->line_rows, &across_lines);
  if (dim_is_one(g->lines) || outer <= r->batch || across != across_lines)
    return BY_ROWS;
  r->outer = outer;
  return BY_LINES;
}

static int position(const group *g, const root *r) {
  int i = 0;
  while (g->roots[i] != r)
    i++;
  return i;
}

/* Whether a root may have the turn of the one that it reads. */
static bool in_one_turn(const group *g, way reader, way producer, const reading *in) {
  if (reader != producer || reader == BY_PRODUCT)
    return false;
  return reader == BY_ROWS || reads_same_row(in, g->line_rows);
}

static void find_turns(const group *g, order *o) {
  for (int i = 0; i < g->root_count; i++)
    for (int k = 0; k < g->roots[i]->reading_count; k++) {
      const reading *in = &g->roots[i]->readings[k];
      if (!in->producer || in->producer->group != g)
        continue;
      int p = position(g, in->producer), least = o->number[p] + !in_one_turn(g, o->way[i], o->way[p], in);
      o->number[i] = least > o->number[i] ? least : o->number[i];
    }
}

/* What goes by lines waits for its first reader, so that no more than a line of it is kept. */
static void delay_turns(const fusion *f, const group *g, order *o) {
  int *most = arena_array(f->graph->arena, int, g->root_count + 1); /* plus 1; 0: nobody reads it */
  for (int i = g->root_count - 1; i >= 0; i--) {
    if (o->way[i] == BY_LINES && most[i] - 1 > o->number[i])
      o->number[i] = most[i] - 1;
    for (int k = 0; k < g->roots[i]->reading_count; k++) {
      const reading *in = &g->roots[i]->readings[k];
      if (!in->producer || in->producer->group != g)
        continue;
      int p = position(g, in->producer), limit = o->number[i] - !in_one_turn(g, o->way[i], o->way[p], in) + 1;
      most[p] = most[p] == 0 || limit < most[p] ? limit : most[p];
    }
  }
}

static void add_section(fusion *f, group *g, root *const *roots, int count, section s) {
  for (int i = 0; i < count; i++)
    roots[i]->section = g->section_count;
  if (count > 0)
    arena_append(f->graph->arena, g->sections, g->section_count, s);
}

static void add_turn(fusion *f, group *g, const order *o, int number) {
  root **roots = arena_array(f->graph->arena, root *, g->root_count);
  for (way w = 0; w < WAYS; w++) {
    int count = 0;
    for (int i = 0; i < g->root_count; i++) {
      if (o->number[i] != number || o->way[i] != w)
        continue;
      roots[count++] = g->roots[i];
      if (w == BY_PRODUCT) {
        add_section(f, g, roots, 1, (section){.product = g->roots[i]});
        count = 0;
      }
    }
    add_section(f, g, roots, count, (section){.lines = w == BY_LINES});
  }
}

void make_sections(fusion *f, group *g) {
  dim_table *t = f->graph->dims;
  const node *n = g->contraction->node;
  g->lines = n->shape.dims[n->shape.rank - 2];
  g->line_rows = dim_multiply(t, g->rows, g->lines);
  order o = {.way = arena_array(f->graph->arena, way, g->root_count),
             .number = arena_array(f->graph->arena, int, g->root_count)};
  for (int i = 0; i < g->root_count; i++)
    o.way[i] = find_way(f, g, g->roots[i]);
  find_turns(g, &o);
  delay_turns(f, g, &o);
  int last = 0;
  for (int i = 0; i < g->root_count; i++)
    last = o.number[i] > last ? o.number[i] : last;
  for (int number = 0; number <= last; number++)
    add_turn(f, g, &o, number);
}
