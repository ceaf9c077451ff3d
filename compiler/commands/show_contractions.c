/* Of `retort show --stage=schedule`: the contractions, their sizes, and by which code they are computed. */
#include "compiler/commands/show.h"
#include "compiler/commands/tune.h"
#include "compiler/passes/panels.h"

enum { ROWS_ASSUMED = 128 }; /* where their number is known at run time only: as retort_chooses_tiles does */

static int64_t size_or(const dim *d, int64_t otherwise) {
  int64_t size;
  return dim_is_constant(d, &size) ? size : otherwise;
}

static void print_costs(const retort_cost *costs, const dim *rows, int64_t n, int64_t k, text *to) {
  int64_t m = size_or(rows, 0);
  text_add(to, m ? "; expected on one thread" : "; expected on one thread for %d rows", ROWS_ASSUMED);
  m = m ? m : ROWS_ASSUMED;
  text_add(to, ": tiles %.1f us, library %.1f us", retort_cost_of(&costs[0], m, n, k) * 1e-3,
           retort_cost_of(&costs[1], m, n, k) * 1e-3);
}

static void print_choice(const fusion *f, const target *t, const node *product, const dim *rows, text *to) {
  const retort_cost *costs = target_costs(t);
  int64_t n = size_or(product->shape.dims[product->shape.rank - 1], 0), k;
  const shape *left = &product->operands[0]->shape;
  k = size_or(left->dims[left->rank - 1], 0);
  bool bf16 = product->attributes.bf16;
  if (view_panels(f, product))
    text_add(to, bf16 ? "tiles in bf16, in panels" : "tiles, in panels");
  else if (bf16)
    text_add(to, "tiles in bf16");
  else if (target_contractions(t) != CONTRACTIONS_AUTO)
    text_add(to, target_contractions(t) == CONTRACTIONS_LIBRARY ? "library" : "tiles");
  else if (!n || !k)
    text_add(to, "as sizes are");
  else
    text_add(to, retort_chooses_tiles(costs, target_vector_floats(t), n, k) ? "tiles" : "library");
  if (costs && n && k)
    print_costs(costs, rows, n, k, to);
}

/* «%4: B*12 of T x T x 26: tiles» */
static void print_contraction(const fusion *f, const target *t, const node *product, text *to) {
  dim_table *dims = f->graph->dims;
  shape s = product->shape, left = product->operands[0]->shape;
  bool merged = product->operands[1]->shape.rank == 2;
  const dim *batch = dims_product(dims, s.dims, merged ? 0 : s.rank - 2);
  const dim *rows = merged ? dims_product(dims, s.dims, s.rank - 1) : s.dims[s.rank - 2];
  text_add(to, "  %%%d: ", product->id);
  if (!dim_is_one(batch)) {
    dim_print(batch, to);
    text_add(to, " of ");
  }
  dim_print(rows, to);
  text_add(to, " x ");
  dim_print(s.dims[s.rank - 1], to);
  text_add(to, " x ");
  dim_print(left.dims[left.rank - 1], to);
  text_add(to, ": ");
  print_choice(f, t, product, rows, to);
  text_add(to, "\n");
}

int show_contractions(const show_options *o, arena *a, const fusion *f, text *to) {
  const char *error = NULL;
  target *t = target_create(a, o->cpu, &error);
  if (!t)
    return show_failed(o, STATUS_USAGE_WRONG, "--cpu: %s", error);
  compile_options options = {.cpu = o->cpu, .contractions = o->contractions};
  tune_options(a, &options, false);
  target_set_contractions(t, o->contractions);
  target_set_costs(t, options.costs);
  bool any = false;
  for (int i = 0; i < f->group_count; i++)
    for (int k = 0; k < f->groups[i]->root_count; k++) {
      const node *n = f->groups[i]->roots[k]->node;
      if (n->op != OP_matmul)
        continue;
      text_add(to, any ? "" : "contractions, rows x columns x depth {\n");
      any = true;
      print_contraction(f, t, n, to);
    }
  text_add(to, any ? "}\n" : "");
  target_destroy(t);
  return STATUS_DONE;
}
