/* From a graph to its step: groups in order become calls; kernels with equal text are one. */
#include "compiler/kernel/lower.h"
#include <string.h>

/* ---- the signature ---- */

static void add_tensor(arena *a, step_tensor **list, int *count, const char *name, const node *n) {
  step_tensor made = {.name = name, .dtype = n->dtype, .shape = n->shape};
  arena_append(a, *list, *count, made);
}

static void describe_signature(step *s, const graph *g) {
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op != OP_input)
      continue;
    switch (n->attributes.input.kind) {
    case INPUT_WEIGHT:
      add_tensor(g->arena, &s->weights, &s->weight_count, n->attributes.input.name, n);
      break;
    case INPUT_DATA:
      add_tensor(g->arena, &s->inputs, &s->input_count, n->attributes.input.name, n);
      break;
    case INPUT_STATE:
      add_tensor(g->arena, &s->states, &s->state_count, n->attributes.input.name, n);
      break;
    }
  }
  for (int i = 0; i < g->output_count; i++)
    if (!g->outputs[i].state)
      add_tensor(g->arena, &s->outputs, &s->output_count, g->outputs[i].name, g->outputs[i].value);
}

/* ---- buffers ---- */

static buffer_kind kind_of(buffer_place where) {
  switch (where) {
  case PLACE_WEIGHT:
    return BUFFER_WEIGHT;
  case PLACE_INPUT:
    return BUFFER_INPUT;
  case PLACE_STATE:
    return BUFFER_STATE;
  case PLACE_OUTPUT:
    return BUFFER_OUTPUT;
  case PLACE_WORKSPACE:
    break;
  }
  return BUFFER_WORKSPACE;
}

static void describe_buffers(step *s, const fusion *f) {
  arena *a = f->graph->arena;
  dim_table *t = f->graph->dims;
  for (int i = 0; i < f->buffer_count; i++) {
    const buffer *b = &f->buffers[i];
    step_buffer made = {.kind = kind_of(b->place), .slot = b->slot, .dtype = b->dtype};
    arena_append(a, s->buffers, s->buffer_count, made);
    if (b->place != PLACE_WORKSPACE)
      continue;
    step_workspace space = {.bytes = dim_multiply(t, b->elements, dim_constant(t, (int64_t)dtype_size(b->dtype))),
                            .per_thread = b->per_thread,
                            .first = b->first,
                            .last = b->last};
    arena_append(a, s->workspace, s->workspace_count, space);
  }
}

/* ---- kernels ---- */

typedef struct known_kernel {
  uint64_t hash;
  const char *text;
  kernel *kernel;
} known_kernel;

typedef struct collection {
  step *step;
  arena *arena;
  int count;
  known_kernel *known;
} collection;

static uint64_t hash_text(const char *content) {
  uint64_t hash = UINT64_C(1469598103934665603); /* FNV-1a */
  for (; *content; content++)
    hash = (hash ^ (unsigned char)*content) * UINT64_C(1099511628211);
  return hash;
}

/* A letter or digit of a C identifier for each of the text's. */
static const char *identifier(arena *a, const char *content) {
  char *made = arena_copy(a, content, strlen(content));
  for (char *c = made; *c; c++)
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *c))
      *c = '_';
  return made;
}

static kernel *share_kernel(collection *c, kernel *k, const char *what) {
  text printed = {0};
  kernel_print(k, &printed);
  for (int i = 0; i < k->register_count; i++) /* the text does not say them */
    text_add(&printed, " %s", dtype_name(k->register_dtypes[i]));
  uint64_t hash = hash_text(printed.data);
  for (int i = 0; i < c->count; i++)
    if (c->known[i].hash == hash && strcmp(c->known[i].text, printed.data) == 0) {
      text_free(&printed);
      return c->known[i].kernel;
    }
  known_kernel made = {.hash = hash, .text = arena_copy(c->arena, printed.data, printed.length), .kernel = k};
  text_free(&printed);
  arena_append(c->arena, c->known, c->count, made);
  k->name = arena_print(c->arena, "%s_k%d_%s", identifier(c->arena, c->step->name), c->step->kernel_count, what);
  arena_append(c->arena, c->step->kernels, c->step->kernel_count, k);
  return k;
}

static const node *most_telling(const group *g) {
  if (g->contraction)
    return g->contraction->node;
  for (int i = 0; i < g->root_count; i++)
    if (op_describe(g->roots[i]->node->op)->class == CLASS_REDUCTION)
      return g->roots[i]->node;
  return g->roots[g->root_count - 1]->node;
}

/* «matmul, add, reduce_sum»; a value's name where the source has one. */
static const char *reason_of(arena *a, const group *g) {
  text t = {0};
  for (int i = 0; i < g->root_count; i++) {
    const node *n = g->roots[i]->node;
    text_add(&t, "%s%s", i ? ", " : "", n->name ? n->name : op_describe(n->op)->name);
  }
  const char *made = arena_copy(a, t.data, t.length);
  text_free(&t);
  return made;
}

static void add_call(collection *c, kernel_builder *b, const char *what, const char *reason) {
  step_call call = {.reason = reason, .where = builder_kernel(b)->where};
  builder_call(b, &call);
  call.kernel = share_kernel(c, builder_kernel(b), what);
  arena_append(c->arena, c->step->calls, c->step->call_count, call);
}

/* A state whose new value could not be written in place. */
static void lower_copy(collection *c, const fusion *f, const state_copy *copy) {
  const node *n = copy->from->node;
  kernel_builder *b = builder_create(c->arena, f->graph->dims);
  builder_kernel(b)->where = n->where;
  const subscript *elements = builder_size(b, shape_elements(f->graph->dims, n->shape), true);
  phase *p = builder_phase(b, NULL, elements, n->where);
  p->work = elements;
  int from = builder_buffer(b, copy->from->buffer, n->dtype, false);
  int to = builder_buffer(b, f->input_buffer[copy->state->id], n->dtype, true);
  const subscript *i = subscript_variable(b, builder_variable(b));
  builder_loop(b, i->number, subscript_variable(b, VARIABLE_BEGIN), subscript_variable(b, VARIABLE_END), 1, true);
  builder_store(b, to, i, value_load(b, from, i));
  builder_end(b);
  add_call(c, b, "copy", arena_print(c->arena, "copy to %s", copy->state->attributes.input.name));
}

step *step_create(const graph *g) {
  return step_create_limited(g, 0);
}

step *step_create_limited(const graph *g, int merge_limit) {
  fusion *f = fusion_create_limited(g, merge_limit);
  schedule_groups(f);
  plan_memory(f);
  step *s = arena_new(g->arena, step);
  s->name = g->name;
  s->dims = g->dims;
  s->is_preparation = g->is_preparation;
  describe_signature(s, f->graph);
  describe_buffers(s, f);
  collection c = {.step = s, .arena = g->arena};
  lowering *l = lowering_create(f);
  for (int i = 0; i < f->group_count; i++) {
    lower_group(l, f->groups[i]);
    add_call(&c, l->b, op_describe(most_telling(f->groups[i])->op)->name, reason_of(g->arena, f->groups[i]));
  }
  for (int i = 0; i < f->copy_count; i++)
    lower_copy(&c, f, &f->copies[i]);
  return s;
}
