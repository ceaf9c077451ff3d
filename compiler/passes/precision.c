/* Precision: marks the contractions whose operands are rounded to bf16, as the user asks for models by name.
 *
 * A contraction is a model's when its operands depend on that model's weights. A gradient's operands depend on more: on
 * the upstream side on whatever the losses read. So a contraction belongs to the models that both operands depend on,
 * or, where there are none, to all that one of them does; and where a trained model is among those, frozen ones are
 * not, since what is computed of trained weights is no frozen model's. It is rounded when all that it belongs to are
 * to be. */
#include "compiler/passes/pass.h"
#include <string.h>

/* Nothing is gained on fewer rows, columns or steps in depth: most of a tile would be empty. They stay in float32, as
 * the last layer of a classifier and its gradients. */
enum { SIDE_LEAST = 17, DEPTH_LEAST = 16 };

/* Bits of models: one for each that is named, then two for all others. */
typedef uint64_t model_set;
enum { OTHER_FROZEN = PRECISION_NAMES_MAX, OTHER_TRAINED };

typedef struct marking {
  const pass_switches *asked;
  model_set *reads; /* by id of the old graph */
  model_set trained;
} marking;

static model_set bit(int number) {
  return (model_set)1 << number;
}

static model_set owner_of(const marking *m, const node *input) {
  const char *name = input->attributes.input.name, *slash = strchr(name, '/');
  size_t length = slash ? (size_t)(slash - name) : strlen(name);
  for (int i = 0; i < m->asked->precision_count; i++) {
    const precision_choice *c = &m->asked->precisions[i];
    if (c->name && (size_t)c->length == length && !strncmp(c->name, name, length))
      return bit(i);
  }
  return bit(input->attributes.input.kind == INPUT_STATE ? OTHER_TRAINED : OTHER_FROZEN);
}

static void find_reads(marking *m, const graph *g) {
  m->reads = arena_array(g->arena, model_set, g->node_count + 1);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_input && n->attributes.input.kind != INPUT_DATA)
      m->reads[id] = owner_of(m, n);
    if (n->op == OP_input && n->attributes.input.kind == INPUT_STATE)
      m->trained |= m->reads[id];
    for (int i = 0; i < n->operand_count; i++)
      m->reads[id] |= m->reads[n->operands[i]->id];
  }
}

static bool is_below(const dim *d, int64_t least) {
  int64_t size;
  return dim_is_constant(d, &size) && size < least;
}

static model_set owners_of(const marking *m, const node *n) {
  model_set x = m->reads[n->operands[0]->id], y = m->reads[n->operands[1]->id];
  if ((x | y) & m->trained) {
    x &= m->trained;
    y &= m->trained;
  }
  return x & y ? x & y : x | y;
}

/* Of two choices for one model, the later. What depends on no model is as all are. */
static bool is_marked(const marking *m, const node *n) {
  int last = n->shape.rank - 1;
  if (is_below(n->shape.dims[last - 1], SIDE_LEAST) || is_below(n->shape.dims[last], SIDE_LEAST) ||
      is_below(n->operands[0]->shape.dims[last], DEPTH_LEAST))
    return false;
  model_set owners = owners_of(m, n), rounded = m->asked->bf16 ? bit(OTHER_FROZEN) | bit(OTHER_TRAINED) : 0;
  for (int i = 0; i < m->asked->precision_count; i++)
    rounded |= m->asked->precisions[i].bf16 ? bit(i) : 0;
  return owners ? !(owners & ~rounded) : m->asked->bf16;
}

static node *mark(void *context, graph *to, const node *old, node **operands) {
  const marking *m = context;
  node *n = graph_copy_node(to, old, operands);
  if (n->op == OP_matmul)
    n->attributes.bf16 = !m->asked->float32_only && (n->attributes.bf16 || is_marked(m, old));
  return n;
}

graph *pass_precision(const graph *g, const pass_switches *asked) {
  marking m = {.asked = asked};
  find_reads(&m, g);
  return graph_rewrite(g, NULL, mark, &m);
}
