/* The tensor graph: SSA nodes in an arena, operands before users.
 *
 * Shapes are dense; a ragged size is a symbol that knows its lengths (dim.h) and padding is masked by explicit nodes,
 * which the checker puts in. Nothing broadcasts by itself: `expand` is explicit, except that rank-0 operands of
 * pointwise operations meet any shape. Reductions keep their axes with size 1 (a reshape drops them). */
#ifndef RETORT_GRAPH_H
#define RETORT_GRAPH_H

#include "compiler/graph/dim.h"
#include "compiler/source/source.h"
#include "compiler/source/text.h"

enum { RANK_MAX = 8 };

typedef enum { DTYPE_BOOL, DTYPE_I32, DTYPE_I64, DTYPE_F32 } dtype;

typedef enum {
#define OP(name, ...) OP_##name,
#include "compiler/graph/ops.def"
#undef OP
  OP_COUNT
} op;

typedef enum {
  CLASS_LEAF,
  CLASS_RANDOM,
  CLASS_POINTWISE,
  CLASS_REDUCTION,
  CLASS_MOVEMENT,
  CLASS_CONTRACTION,
  CLASS_GATHER,
  CLASS_SCATTER
} op_class;

typedef enum {
  ATTRIBUTE_NONE,
  ATTRIBUTE_NUMBER,
  ATTRIBUTE_INPUT,
  ATTRIBUTE_AXES,
  ATTRIBUTE_SITE,
  ATTRIBUTE_DTYPE, /* the node's own dtype */
  ATTRIBUTE_SHAPE, /* the node's own shape */
  ATTRIBUTE_SLICE,
  ATTRIBUTE_PAD,
  ATTRIBUTE_PRECISION
} attribute_kind;

typedef struct shape {
  int rank;
  const dim *dims[RANK_MAX];
} shape;

typedef enum {
  INPUT_DATA,   /* of a batch, lengths, seed and step, scalars of a schedule */
  INPUT_WEIGHT, /* read only: a frozen model's, or any model's in inference */
  INPUT_STATE   /* read, and written by an update: trained weights, buffers, an optimizer's state */
} input_kind;

typedef struct axes {
  int count;
  int axis[RANK_MAX];
} axes;

typedef union node_attributes {
  double number; /* NUMBER */
  struct {
    input_kind kind;
    const char *name; /* unique among inputs */
  } input;
  axes axes; /* AXES: reduced axes ascending; permutation; concat's, argmax's and iota's one axis */
  struct {
    uint32_t number;  /* the site's place in the program: hash of name */
    const char *name; /* its path */
  } site;
  struct {
    const dim *low[RANK_MAX]; /* sizes are the node's shape */
    int64_t step[RANK_MAX];   /* 1 or more */
  } slice;
  struct {
    const dim *low[RANK_MAX], *high[RANK_MAX]; /* may be negative for neither */
    int64_t interior[RANK_MAX];
  } pad;
  bool bf16; /* PRECISION: operands are rounded to bf16 (to nearest, ties to even), products added up in f32 */
} node_attributes;

typedef struct node node;
struct node {
  int id; /* position in the graph */
  op op;
  dtype dtype;
  shape shape;
  int operand_count;
  node **operands;
  node_attributes attributes;
  span where;
  const char *name; /* what the source calls it (a tap, a variable), or NULL; for messages only */
  bool recomputed; /* once more, late, in place of keeping it (pass_rematerialize): never the same as an earlier node */
};

typedef struct graph_output {
  const char *name; /* of a value; of an update: the name of the INPUT_STATE input */
  node *value;
  node *state; /* update: the input that gets the value; else NULL */
} graph_output;

typedef struct graph {
  arena *arena;
  dim_table *dims;
  const char *name;
  int node_count;
  node **nodes;
  int output_count;
  graph_output *outputs;
  /* What pass_freeze folded: a graph over the same dims whose outputs "frozen.N" are the values of this graph's
   * INPUT_WEIGHT inputs of those names, to be computed once. NULL: nothing. */
  struct graph *prepare;
  bool is_preparation; /* it is itself such a graph: computed with dimensions of no meaning, by nodes without any */
} graph;

/* ---- the table ---- */

typedef struct op_information {
  const char *name;
  int operands; /* -1: one or more */
  op_class class;
  attribute_kind attribute;
  const char *meaning;
} op_information;

const op_information *op_describe(op o);
/* The operation of that name, or OP_COUNT. */
op op_by_name(const char *name);
const char *dtype_name(dtype d);
size_t dtype_size(dtype d);

/* ---- building: each node is appended at the end. Wrong shapes are a programming error here (assert with the text of
 * the shape rule); the checker asks graph_check first. ---- */

graph *graph_create(arena *a, dim_table *dims, const char *name);

/* The general builder: for the operations whose attribute is SHAPE, SLICE, DTYPE, NUMBER, INPUT, SITE or AXES of iota,
 * `declared` and `type` give shape and dtype (slice, expand, reshape: the shape; cast: the type); for others they are
 * computed and may be NULL and anything. `where` is the span of the source. */
node *graph_add(graph *g, op o, int operand_count, node *const *operands, const node_attributes *attributes, dtype type,
                const shape *declared, span where);
/* The same computation without making a node: NULL when legal, else what is wrong («operands are f32[3] and f32[4]»).
 */
const char *graph_check(graph *g, op o, int operand_count, node *const *operands, const node_attributes *attributes,
                        dtype *type, shape *result);

node *graph_input(graph *g, input_kind kind, const char *name, dtype type, shape s, span where);
node *graph_constant(graph *g, double number, dtype type, shape s, span where);
node *graph_scalar(graph *g, double number, span where); /* f32, rank 0 */
node *graph_unary(graph *g, op o, node *x, span where);
node *graph_binary(graph *g, op o, node *x, node *y, span where);
node *graph_where(graph *g, node *condition, node *x, node *y, span where);
/* cast, expand, reshape: x itself when nothing is to do. */
node *graph_cast(graph *g, node *x, dtype type, span where);
node *graph_reduce(graph *g, op o, node *x, axes over, span where);
node *graph_expand(graph *g, node *x, shape s, span where);
node *graph_reshape(graph *g, node *x, shape s, span where);
node *graph_permute(graph *g, node *x, axes order, span where);
node *graph_matmul(graph *g, node *x, node *y, span where);
/* Permutes the last two axes. */
node *graph_transpose(graph *g, node *x, span where);
/* x to shape s as numpy broadcasts: adds axes in front by reshape, then expands; x itself when nothing is to do. */
node *graph_broadcast(graph *g, node *x, shape s, span where);
/* numpy's common shape of two; false when there is none. */
bool shape_broadcast(shape a, shape b, shape *result, dim_table *t);

void graph_output_add(graph *g, const char *name, node *value);
void graph_update_add(graph *g, node *state, node *value);
node *graph_find_input(const graph *g, const char *name); /* NULL when there is none */

bool shape_equal(shape a, shape b);
const dim *shape_elements(dim_table *t, shape s);
/* `f32[B, T, 256]` */
void node_type_print(const node *n, text *to);
void shape_print(shape s, text *to);

/* ---- rewriting: passes make a new graph from an old one ---- */

/* For each old node in order calls `rewrite(context, to, old, operands)`, operands being the new ones; it returns the
 * new node: a copy by graph_copy_node (all of them with rewrite NULL), or anything else already in `to`. Nodes with
 * keep[id] false are skipped (keep NULL: all). Outputs are carried over. */
typedef node *node_rewriter(void *context, graph *to, const node *old, node **operands);
graph *graph_rewrite(const graph *from, const bool *keep, node_rewriter *rewrite, void *context);
node *graph_copy_node(graph *to, const node *old, node **operands);

/* ---- text (print.c, parse.c) ----
 *   graph NAME {
 *     dim B
 *     dim T of B lengths "ids.lengths"
 *     dim T.tokens sum "ids.lengths"
 *     %0 = input state f32[30522, 256] "student.embeddings.weight"
 *     %1 = input data i32[B, T] "ids"
 *     %2 = gather f32[B, T, 256] %0 %1 @ models/nn.rt:12:5-12:30
 *     %3 = constant f32[] 0.5
 *     %4 = reduce_sum f32[B, 1, 256] %2 axes [1]
 *     %5 = slice f32[B, 1, 4] %4 low [0, 0, 2] step [1, 1, 1]
 *     %6 = matmul f32[B, T, 8] %2 %7 bf16
 *     output "loss" %5
 *     update "student.embeddings.weight" %2
 *     prepare {
 *       %0 = input weight f32[8, 8] "teacher.weight"
 *       ...
 *       output "frozen.0" %3
 *     }
 *   }
 * `#` starts a comment, to the end of the line. Behind the attributes of a node that is computed once more stands
 * `recomputed`.
 * Every number prints so that it reads back the same. Spans print when `spans` is set. */
void graph_print(const graph *g, bool spans, text *to);
/* NULL and *error («line 3: …», in the arena) when the text is no graph; what it returns has passed graph_verify. Safe
 * on any bytes. */
graph *graph_parse(arena *a, const char *content, size_t length, const char **error);

/* NULL, or what is wrong (in the graph's arena): operands before users, arity, dtypes, shapes by the table's rules,
 * ranks, axes in range and ascending, names unique, updates with the shape and dtype of their state and at most one
 * each, ragged symbols with their lengths. */
const char *graph_verify(const graph *g);

/* ---- the reference interpreter (interpret.c) ----
 * Evaluates in float64, node by node, with no optimization: the oracle. */
typedef struct tensor_value { /* row-major; every dtype as double (i64 up to 2^53) */
  int64_t count;
  double *data;
} tensor_value;

/* bindings[symbol index]; inputs[node id] for input nodes (data NULL elsewhere). Returns values by node id in memory
 * that interpret_free frees; an index out of range in gather and a slice that leaves its operand give NaN. With
 * `single` each result is rounded to float32. NULL when an input is missing or has another size, or memory does not
 * suffice (a tensor of more than 2^30 elements). */
tensor_value *graph_interpret(const graph *g, const int64_t *bindings, const tensor_value *inputs, bool single);
void interpret_free(const graph *g, tensor_value *values);

#endif
