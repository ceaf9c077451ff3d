/* Buffers of all stored roots: one arena by lifetime, places taken over where legal. */
#include "compiler/passes/fusion.h"

static int add_buffer(fusion *f, buffer b) {
  arena_append(f->graph->arena, f->buffers, f->buffer_count, b);
  return f->buffer_count - 1;
}

static buffer_place place_of_input(const node *n) {
  switch (n->attributes.input.kind) {
  case INPUT_WEIGHT:
    return PLACE_WEIGHT;
  case INPUT_DATA:
    return PLACE_INPUT;
  case INPUT_STATE:
    break;
  }
  return PLACE_STATE;
}

static void place_inputs(fusion *f) {
  graph *g = f->graph;
  int slots[PLACE_OUTPUT + 1] = {0};
  f->input_buffer = arena_array(g->arena, int, g->node_count);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    f->input_buffer[i] = -1;
    if (n->op != OP_input)
      continue;
    buffer_place place = place_of_input(n);
    buffer b = {
        .place = place, .slot = slots[place]++, .dtype = n->dtype, .elements = shape_elements(g->dims, n->shape)};
    f->input_buffer[i] = add_buffer(f, b);
  }
}

static void place_outputs(fusion *f) {
  graph *g = f->graph;
  int slot = 0;
  for (int i = 0; i < g->output_count; i++) {
    root *r = f->root_of[g->outputs[i].value->id];
    const node *state = g->outputs[i].state;
    if (state && f->update[state->id] == r)
      r->buffer = f->input_buffer[state->id];
    else if (!state)
      r->buffer = add_buffer(f, (buffer){.place = PLACE_OUTPUT,
                                         .slot = slot++,
                                         .dtype = r->node->dtype,
                                         .elements = shape_elements(g->dims, r->node->shape)});
  }
}

/* ---- lifetimes ---- */

static int *find_last_uses(const fusion *f) {
  int *last = arena_array(f->graph->arena, int, f->root_count + 1);
  for (int i = 0; i < f->root_count; i++)
    last[i] = f->roots[i]->group->id;
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      const root *p = f->roots[i]->readings[k].producer;
      if (p && f->roots[i]->group->id > last[p->index])
        last[p->index] = f->roots[i]->group->id;
    }
  for (int i = 0; i < f->copy_count; i++)
    last[f->copies[i].from->index] = f->group_count + i;
  return last;
}

/* ---- taking over ---- */

static bool same_layout(const fusion *f, const root *p, const root *q) {
  if (p->node->dtype != q->node->dtype || p->packed || q->packed)
    return false;
  if (storage_is_row_major(p) && storage_is_row_major(q))
    return shape_elements(f->graph->dims, p->node->shape) == shape_elements(f->graph->dims, q->node->shape);
  if (!shape_equal(p->node->shape, q->node->shape))
    return false;
  for (int i = 0; i < p->order.count; i++)
    if (p->order.axis[i] != q->order.axis[i])
      return false;
  return true;
}

typedef struct planning {
  fusion *f;
  const int *last;       /* by root index */
  const root **occupant; /* by buffer: whose value lies there now */
} planning;

static bool may_take_over(const planning *plan, const root *p, const root *q) {
  const fusion *f = plan->f;
  if (!p || p == q || p->buffer < 0 || f->buffers[p->buffer].place != PLACE_WORKSPACE ||
      plan->occupant[p->buffer] != p || plan->last[p->index] != q->group->id || !same_layout(f, p, q))
    return false;
  if (p->group == q->group && (p->nest >= q->nest || p->reduce == REDUCE_ACROSS))
    return false;
  return may_overwrite(q, p->node);
}

/* The buffer of a value that ends in q's group, or -1. */
static int find_taken_over(const planning *plan, const root *q) {
  if (q->nest < 0 || q->reduce == REDUCE_ACROSS || dim_is_one(shape_elements(plan->f->graph->dims, q->node->shape)))
    return -1;
  const group *g = q->group;
  for (int i = 0; i < g->root_count; i++)
    for (int k = 0; k < g->roots[i]->reading_count; k++) {
      const root *p = g->roots[i]->readings[k].producer;
      if (may_take_over(plan, p, q))
        return p->buffer;
    }
  return -1;
}

/* The buffer of an output of the same group that will be stored over r, element by element; or -1. */
static int find_output_to_use(const planning *plan, const root *r) {
  const fusion *f = plan->f;
  const group *g = r->group;
  for (int i = 0; i < g->root_count; i++) {
    const root *q = g->roots[i];
    if (r->nest < 0 && q->nest >= 0 && q->reduce == REDUCE_NOT && q->buffer >= 0 &&
        f->buffers[q->buffer].place == PLACE_OUTPUT && !plan->occupant[q->buffer] && plan->last[r->index] == g->id &&
        same_layout(f, r, q) && may_overwrite(q, r->node))
      return q->buffer;
  }
  return -1;
}

/* ---- scratch ---- */

/* Whether q has read what it needs of a line, or all, before r stores it. */
static bool reads_before(const reading *in, const root *q, const root *r) {
  const group *g = r->group;
  if (q->section != r->section)
    return q->section < r->section;
  if (g->sections[r->section].lines && (in->whole || !reads_same_row(in, g->line_rows)))
    return false;
  return q->nest < r->nest || (q->nest == r->nest && in->same_element && r->reduce == REDUCE_NOT);
}

/* The matrix of a thread that nobody reads any more when r is stored; or -1. */
static int find_scratch(const planning *plan, const root *r, const dim *elements) {
  const group *g = r->group;
  for (int i = 0; g->batched && r->held == r->batch && i < g->root_count; i++) {
    const root *p = g->roots[i];
    bool free = p != r && p->scratch >= 0 && p->storage == STORAGE_SCRATCH && p->held == p->batch &&
                p->nest < r->nest && plan->occupant[p->scratch] == p && p->node->dtype == r->node->dtype &&
                plan->f->buffers[p->scratch].elements == elements;
    for (int k = 0; free && k < g->root_count; k++)
      for (int m = 0; free && m < g->roots[k]->reading_count; m++)
        free = g->roots[k]->readings[m].producer != p || reads_before(&g->roots[k]->readings[m], g->roots[k], r);
    if (free)
      return p->scratch;
  }
  return -1;
}

enum { SHARE_ALIGNMENT = 16 }; /* elements: threads do not write the same cache line */

static const dim *aligned(dim_table *t, const dim *elements) {
  const dim *lines = dim_floor_divide(t, dim_add(t, elements, dim_constant(t, SHARE_ALIGNMENT - 1)), SHARE_ALIGNMENT);
  return dim_multiply(t, lines, dim_constant(t, SHARE_ALIGNMENT));
}

const dim *across_share(const fusion *f, const root *r) {
  return aligned(f->graph->dims, shape_elements(f->graph->dims, r->node->shape));
}

static void place_scratch(const planning *plan, root *r) {
  fusion *f = plan->f;
  dim_table *t = f->graph->dims;
  const dim *elements = r->reduce == REDUCE_ACROSS ? dim_multiply(t, across_share(f, r), dim_constant(t, 2))
                                                   : aligned(t, root_row_elements(f, r, r->held));
  buffer b = {
      .dtype = r->node->dtype, .elements = elements, .per_thread = true, .first = r->group->id, .last = r->group->id};
  if (r->reduce != REDUCE_ACROSS)
    r->scratch = find_scratch(plan, r, elements);
  if (r->scratch < 0)
    r->scratch = add_buffer(f, b);
  plan->occupant[r->scratch] = r;
}

static void place_root(planning *plan, root *r) {
  fusion *f = plan->f;
  if (r->storage == STORAGE_SCRATCH || r->reduce == REDUCE_ACROSS)
    place_scratch(plan, r);
  if (r->storage != STORAGE_FULL)
    return;
  if (r->buffer < 0)
    r->buffer = find_taken_over(plan, r);
  if (r->buffer < 0)
    r->buffer = find_output_to_use(plan, r);
  if (r->buffer < 0)
    r->buffer =
        add_buffer(f, (buffer){.dtype = r->node->dtype, .elements = root_elements(f, r), .first = r->group->id});
  buffer *b = &f->buffers[r->buffer];
  if (plan->last[r->index] > b->last)
    b->last = plan->last[r->index];
  plan->occupant[r->buffer] = r;
}

void plan_memory(fusion *f) {
  f->buffer_count = 0;
  place_inputs(f);
  place_outputs(f);
  planning plan = {.f = f, .last = find_last_uses(f)};
  plan.occupant = arena_array(f->graph->arena, const root *, f->buffer_count + 2 * f->root_count + 1);
  for (int i = 0; i < f->group_count; i++)
    for (int k = 0; k < f->groups[i]->root_count; k++)
      place_root(&plan, f->groups[i]->roots[k]);
  int slot = 0; /* groups come in order, so buffers are made by rising `first` */
  for (int i = 0; i < f->buffer_count; i++)
    if (f->buffers[i].place == PLACE_WORKSPACE)
      f->buffers[i].slot = slot++;
}
