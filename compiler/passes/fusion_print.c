/* Groups, their order and their memory as text; and what a person would call a missed fusion. */
#include "compiler/passes/fusion.h"

static void print_rows(const group *g, text *to) {
  text_add(to, "rows ");
  dim_print(g->rows, to);
  if (g->flat)
    text_add(to, " flat");
  if (g->batched) {
    text_add(to, g->ragged ? " batched, ragged, lines " : " batched, lines ");
    dim_print(g->lines, to);
  }
}

static void print_reading(const reading *r, text *to) {
  text_add(to, " %%%d", r->source->id);
}

static void print_storage(const fusion *f, const root *r, fusion_detail detail, text *to) {
  static const char *const names[] = {[STORAGE_LOCAL] = "local",
                                      [STORAGE_REGISTER] = "register",
                                      [STORAGE_SCRATCH] = "scratch",
                                      [STORAGE_FULL] = "stored"};
  static const char *const places[] = {[PLACE_WORKSPACE] = "workspace",
                                       [PLACE_WEIGHT] = "weight",
                                       [PLACE_INPUT] = "input",
                                       [PLACE_STATE] = "state",
                                       [PLACE_OUTPUT] = "output"};
  text_add(to, " %s", names[r->storage]);
  if (r->reduce == REDUCE_ACROSS)
    text_add(to, " across");
  if (detail == FUSION_MEMORY && r->buffer >= 0)
    text_add(to, " in %s%d", places[f->buffers[r->buffer].place], f->buffers[r->buffer].slot);
}

static void print_root(const fusion *f, const root *r, fusion_detail detail, text *to) {
  text_add(to, "    %%%d = %s ", r->node->id, op_describe(r->node->op)->name);
  node_type_print(r->node, to);
  text_add(to, " of");
  for (int i = 0; i < r->reading_count; i++)
    print_reading(&r->readings[i], to);
  if (r->nest >= 0 && r->group->batched)
    text_add(to, "; section %d", r->section);
  if (r->nest >= 0)
    text_add(to, "; nest %d", r->nest);
  text_add(to, ";");
  print_storage(f, r, detail, to);
  if (r->node->name)
    text_add(to, "  # %s", r->node->name);
  text_add(to, "\n");
}

static void print_group(const fusion *f, const group *g, fusion_detail detail, text *to) {
  text_add(to, "  group %d ", g->id);
  print_rows(g, to);
  if (detail != FUSION_GROUPS && g->later_count > 0) {
    text_add(to, " after");
    for (int i = 0; i < g->later_count; i++)
      text_add(to, " %d", g->later[i]->id);
  }
  text_add(to, " {\n");
  for (int i = 0; i < g->root_count; i++)
    print_root(f, g->roots[i], detail, to);
  text_add(to, "  }\n");
}

static void print_updates(const fusion *f, text *to) {
  for (int i = 0; i < f->graph->node_count; i++)
    if (f->update[i])
      text_add(to, "  \"%s\" in place by %%%d\n", f->graph->nodes[i]->attributes.input.name, f->update[i]->node->id);
  for (int i = 0; i < f->copy_count; i++)
    text_add(to, "  \"%s\" copied from %%%d at the end\n", f->copies[i].state->attributes.input.name,
             f->copies[i].from->node->id);
}

static void print_buffers(const fusion *f, text *to) {
  for (int i = 0; i < f->buffer_count; i++) {
    const buffer *b = &f->buffers[i];
    if (b->place != PLACE_WORKSPACE)
      continue;
    text_add(to, "  workspace%d: %s x ", b->slot, dtype_name(b->dtype));
    dim_print(b->elements, to);
    text_add(to, "%s, groups %d .. %d\n", b->per_thread ? " a thread" : "", b->first, b->last);
  }
}

/* ---- missed fusions ---- */

static bool computes_update(const fusion *f, const group *g) {
  for (int i = 0; i < f->graph->output_count; i++)
    if (f->graph->outputs[i].state && f->root_of[f->graph->outputs[i].value->id]->group == g)
      return true;
  return false;
}

/* Loops over a tensor that neither reduce nor contract. */
static bool is_loose(const fusion *f, const group *g) {
  bool tensor = false;
  for (int i = 0; i < g->root_count; i++) {
    op_class class = op_describe(g->roots[i]->node->op)->class;
    if (class == CLASS_CONTRACTION || class == CLASS_SCATTER || class == CLASS_REDUCTION)
      return false;
    tensor = tensor || !dim_is_one(shape_elements(f->graph->dims, g->roots[i]->space));
  }
  return tensor;
}

static bool reads_contraction(const group *g) {
  for (int i = 0; i < g->root_count; i++)
    for (int k = 0; k < g->roots[i]->reading_count; k++) {
      const root *p = g->roots[i]->readings[k].producer;
      if (p && p->group->contraction && (!p->group->batched || p->node->op == OP_matmul))
        return true;
    }
  return false;
}

static bool feeds_contraction(const fusion *f, const group *g) {
  for (int i = 0; i < f->root_count; i++)
    for (int k = 0; k < f->roots[i]->reading_count; k++) {
      const root *p = f->roots[i]->readings[k].producer;
      if (p && p->group == g && f->roots[i]->group->contraction)
        return true;
    }
  return false;
}

int fusion_loose_groups(const fusion *f) {
  int count = 0;
  for (int i = 0; i < f->group_count; i++) {
    const group *g = f->groups[i];
    if (is_loose(f, g) && !computes_update(f, g) && reads_contraction(g) && feeds_contraction(f, g))
      count++;
  }
  return count;
}

/* ---- */

void fusion_print(const fusion *f, fusion_detail detail, text *to) {
  static const char *const names[] = {
      [FUSION_GROUPS] = "fusion", [FUSION_SCHEDULE] = "schedule", [FUSION_MEMORY] = "memory"};
  text_add(to, "%s %s {\n", names[detail], f->graph->name);
  for (int i = 0; i < f->group_count; i++)
    print_group(f, f->groups[i], detail, to);
  if (detail == FUSION_SCHEDULE)
    print_updates(f, to);
  if (detail == FUSION_MEMORY)
    print_buffers(f, to);
  int loose = fusion_loose_groups(f);
  text_add(to, "}\n%d values, %d groups; %d loose pointwise\n", f->root_count, f->group_count, loose);
}
