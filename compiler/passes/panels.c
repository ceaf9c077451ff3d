/* Panels: right operands of contractions that are read-only weights are stored once, before the first call, in the
 * order in which register tiles read them. In a step that updates something they stay as they are: its batches have so
 * many rows that packing costs little, and a second copy of a teacher's weights would cost memory. */
#include "compiler/passes/panels.h"
#include "compiler/passes/panels_words.h"
#include "compiler/passes/pass.h"
#include "runtime/core/retort.h"
#include <string.h>

/* ---- the form ---- */

static int64_t constant_size(const dim *d) {
  int64_t size;
  return dim_is_constant(d, &size) ? size : 0;
}

static node *padded(graph *g, node *matrix, int64_t columns) {
  int64_t missing = columns - constant_size(matrix->shape.dims[1]);
  if (!missing)
    return matrix;
  const dim *zero = dim_constant(g->dims, 0);
  node_attributes a = {.pad = {.low = {zero, zero}, .high = {zero, dim_constant(g->dims, missing)}}};
  return graph_add(g, OP_pad, 1, &matrix, &a, DTYPE_F32, NULL, matrix->where);
}

static shape kept_shape(dim_table *t, shape matrix) {
  int64_t panels = (constant_size(matrix.dims[1]) + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
  return (shape){.rank = 3, .dims = {dim_constant(t, panels), matrix.dims[0], dim_constant(t, PANEL_COLUMNS)}};
}

static const axes panels_outside = {.count = 3, .axis = {1, 0, 2}};

node *panels_keep(graph *g, node *matrix) {
  shape kept = kept_shape(g->dims, matrix->shape);
  node *wide = padded(g, matrix, constant_size(kept.dims[0]) * PANEL_COLUMNS);
  shape split = {.rank = 3, .dims = {kept.dims[1], kept.dims[0], kept.dims[2]}};
  return graph_permute(g, graph_reshape(g, wide, split, matrix->where), panels_outside, matrix->where);
}

node *panels_read(graph *g, node *kept, shape matrix, span where) {
  dim_table *t = g->dims;
  shape wide = {.rank = 2, .dims = {matrix.dims[0], dim_multiply(t, kept->shape.dims[0], kept->shape.dims[2])}};
  node *read = graph_reshape(g, graph_permute(g, kept, panels_outside, where), wide, where);
  if (shape_equal(wide, matrix))
    return read;
  const dim *zero = dim_constant(t, 0);
  node_attributes a = {.slice = {.low = {zero, zero}, .step = {1, 1}}};
  return graph_add(g, OP_slice, 1, &read, &a, DTYPE_F32, &matrix, where);
}

static bool cuts_columns_only(const node *slice) {
  const node_attributes *a = &slice->attributes;
  return slice->shape.rank == 2 && slice->shape.dims[0] == slice->operands[0]->shape.dims[0] &&
         dim_is_zero(a->slice.low[0]) && dim_is_zero(a->slice.low[1]) && a->slice.step[0] == 1 && a->slice.step[1] == 1;
}

enum { BETWEEN_MAX = 3 + WORDS_BETWEEN_MAX };

/* The nodes between, `n` among them, in `between`. */
static const node *match(const node *n, dtype type, const node **between, int *count) {
  const node *slice = n->op == OP_slice && cuts_columns_only(n) ? n : NULL, *wide = slice ? n->operands[0] : n;
  if (wide->op != OP_reshape || wide->shape.rank != 2 || wide->dtype != type)
    return NULL;
  const node *permuted = wide->operands[0];
  if (permuted->op != OP_permute || permuted->shape.rank != 3 ||
      memcmp(&permuted->attributes.axes.axis, &panels_outside.axis, 3 * sizeof(int)) != 0)
    return NULL;
  bool whole =
      permuted->shape.dims[0] == wide->shape.dims[0] && constant_size(permuted->shape.dims[2]) == PANEL_COLUMNS;
  const node *nodes[] = {wide, permuted, slice};
  *count = slice ? 3 : 2;
  for (int i = 0; i < *count; i++)
    between[i] = nodes[i];
  return whole ? permuted->operands[0] : NULL;
}

const node *panels_kept(const node *n) {
  const node *between[BETWEEN_MAX];
  int count;
  return match(n, DTYPE_F32, between, &count);
}

const node *view_panels(const fusion *f, const node *matmul) {
  const node *between[BETWEEN_MAX], *n = matmul->operands[1];
  int count = 0, further = 0;
  bool bf16 = matmul->attributes.bf16;
  const node *read = bf16 ? words_kept(n, between, &count) : n;
  const node *kept = read ? match(read, bf16 ? DTYPE_I32 : DTYPE_F32, between + count, &further) : NULL;
  count += further;
  for (int i = 0; kept && i < count; i++)
    if (f->root_of[between[i]->id])
      return NULL;
  const root *r = kept ? f->root_of[kept->id] : NULL;
  return kept && (r ? storage_is_row_major(r) : kept->op == OP_input) ? kept : NULL;
}

/* ---- the pass ---- */

typedef struct panelling {
  graph *prepare; /* under construction */
  node **kept[2]; /* in float32, in bf16, by id of a right operand: the input, of the new graph, with its panels */
} panelling;

static bool is_weight(const node *n) {
  return n->op == OP_input && n->attributes.input.kind == INPUT_WEIGHT;
}

static bool is_view(const node *n) {
  return op_describe(n->op)->class == CLASS_MOVEMENT && n->op != OP_pad && n->op != OP_concat;
}

static bool is_constant_view_of_weight(const node *n) {
  for (int i = 0; i < n->shape.rank; i++)
    if (!constant_size(n->shape.dims[i]))
      return false;
  return is_weight(n) || (is_view(n) && is_constant_view_of_weight(n->operands[0]));
}

static bool has_panels(const node *matmul) {
  const node *b = matmul->operands[1];
  if (b->shape.rank != 2 || b->dtype != DTYPE_F32 || !is_constant_view_of_weight(b))
    return false;
  if (matmul->attributes.bf16)
    return true;
  return !panels_kept(b) && retort_chooses_tiles(NULL, PANEL_COLUMNS / 2, constant_size(b->shape.dims[1]),
                                                 constant_size(b->shape.dims[0]));
}

/* The weight, or the view of it, in the graph of what is prepared. */
static node *imported(graph *prepare, const node *n) {
  if (!is_weight(n))
    return graph_copy_node(prepare, n, (node *[]){imported(prepare, n->operands[0])});
  for (int i = 0; i < prepare->output_count; i++)
    if (!strcmp(prepare->outputs[i].name, n->attributes.input.name))
      return prepare->outputs[i].value;
  node *found = graph_find_input(prepare, n->attributes.input.name);
  return found ? found : graph_copy_node(prepare, n, NULL);
}

static node *keep_in_panels(panelling *p, graph *to, const node *b, bool bf16) {
  if (p->kept[bf16][b->id])
    return p->kept[bf16][b->id];
  int number = 0;
  const char *name;
  do
    name = arena_print(to->arena, "panels.%d", number++);
  while (graph_find_input(p->prepare, name) || graph_find_input(to, name));
  node *matrix = imported(p->prepare, b);
  node *kept = panels_keep(p->prepare, bf16 ? words_keep(p->prepare, matrix) : matrix);
  graph_output_add(p->prepare, name, kept);
  return p->kept[bf16][b->id] = graph_input(to, INPUT_WEIGHT, name, kept->dtype, kept->shape, b->where);
}

static node *read_panels(void *context, graph *to, const node *old, node **operands) {
  panelling *p = context;
  if (old->op != OP_matmul || !has_panels(old))
    return graph_copy_node(to, old, operands);
  const node *b = old->operands[1];
  node *kept = keep_in_panels(p, to, b, old->attributes.bf16);
  if (old->attributes.bf16) {
    shape words = {.rank = 2, .dims = {kept->shape.dims[1], b->shape.dims[1]}};
    operands[1] = words_read(to, panels_read(to, kept, words, b->where), b->shape, b->where);
  } else {
    operands[1] = panels_read(to, kept, b->shape, b->where);
  }
  return graph_copy_node(to, old, operands);
}

/* Without what nobody reads any more. */
static graph *still_prepared(const graph *prepare, const graph *reader) {
  graph left = *prepare;
  left.outputs = NULL;
  left.output_count = 0;
  for (int i = 0; i < prepare->output_count; i++)
    if (graph_find_input(reader, prepare->outputs[i].name))
      graph_output_add(&left, prepare->outputs[i].name, prepare->outputs[i].value);
  return pass_dce(&left);
}

static bool has_work(const graph *g) {
  bool found = false;
  for (int i = 0; i < g->node_count; i++)
    found = found || (g->nodes[i]->op == OP_matmul && has_panels(g->nodes[i]));
  for (int i = 0; i < g->output_count; i++)
    found = found && !g->outputs[i].state;
  return found;
}

graph *pass_panels(const graph *g) {
  if (!has_work(g))
    return graph_rewrite(g, NULL, NULL, NULL);
  panelling p = {.kept = {arena_array(g->arena, node *, g->node_count), arena_array(g->arena, node *, g->node_count)}};
  p.prepare = g->prepare ? graph_rewrite(g->prepare, NULL, NULL, NULL)
                         : graph_create(g->arena, g->dims, arena_print(g->arena, "%s_prepare", g->name));
  p.prepare->is_preparation = true;
  graph *result = pass_dce(graph_rewrite(g, NULL, read_panels, &p));
  result->prepare = still_prepared(p.prepare, result);
  return result;
}
