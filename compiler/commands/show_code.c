#include "compiler/commands/show.h"
#include "compiler/emit/emit.h"
#include "compiler/kernel/kernel.h"
#include "compiler/passes/fusion.h"

static const step *find_step(const show_options *o, arena *a, int *status) {
  const graph *g = show_find_graph(o, a, true, status);
  return g ? step_create_limited(g, o->switches.merge_limit) : NULL;
}

static int print_fusion(const show_options *o, arena *a, fusion_detail detail, text *to) {
  int status = STATUS_DONE;
  const graph *g = show_find_graph(o, a, true, &status);
  if (!g)
    return status;
  fusion *f = fusion_create_limited(g, o->switches.merge_limit);
  if (detail != FUSION_GROUPS)
    schedule_groups(f);
  fusion_print(f, detail, to);
  return detail == FUSION_SCHEDULE ? show_contractions(o, a, f, to) : status;
}

int show_fuse(const show_options *o, arena *a, text *to) {
  return print_fusion(o, a, FUSION_GROUPS, to);
}

/* Whether rows have lengths. */
static bool is_ragged(const graph *g) {
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    if (dim_symbol_at(g->dims, i)->lengths)
      return true;
  return false;
}

int show_schedule(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const graph *g = show_find_graph(o, a, true, &status);
  if (!g)
    return status;
  if (is_ragged(g))
    text_add(to, "# rows with lengths: %s\n",
             o->layout == LAYOUT_AUTO ? "padded; packed where more than 5 % of what batches hold is padding (auto)"
                                      : layout_name(o->layout));
  return print_fusion(o, a, FUSION_SCHEDULE, to);
}

int show_kernels(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const step *s = find_step(o, a, &status);
  if (s)
    step_print(s, to);
  return status;
}

int show_memory(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const step *s = find_step(o, a, &status);
  if (s)
    step_print_memory(s, to);
  return status;
}

static int emit(const show_options *o, arena *a, emit_form form, text *to) {
  const char *error;
  target *t = target_create(a, o->cpu, &error);
  if (!t)
    return show_failed(o, STATUS_USAGE_WRONG, "--cpu: %s", error);
  target_set_contractions(t, o->contractions);
  target_set_reproducible(t, o->reproducible);
  show_options own = *o;
  own.switches.library = target_contractions(t) == CONTRACTIONS_LIBRARY;
  own.switches.float32_only = !target_multiplies_bf16(t);
  int status = STATUS_DONE;
  const step *s = find_step(&own, a, &status);
  const char *wrong = s ? emit_step(a, s, t, form, to) : NULL;
  target_destroy(t);
  return wrong ? show_failed(o, STATUS_INTERNAL, "%s", wrong) : status;
}

int show_llvm(const show_options *o, arena *a, text *to) {
  return emit(o, a, EMIT_LLVM, to);
}
int show_optimized(const show_options *o, arena *a, text *to) {
  return emit(o, a, EMIT_OPTIMIZED, to);
}
int show_asm(const show_options *o, arena *a, text *to) {
  return emit(o, a, EMIT_ASSEMBLY, to);
}
