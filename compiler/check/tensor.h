/* Inside the checker: the parts that files of this folder share beyond elaborate.h, and operations on tensors.
 *
 * Ragged dimensions. Tensors are dense in the graph, rows filled up to the longest. Which axes of a node are ragged,
 * and which axis holds their rows, is kept beside the graph (ragged.c); `pad` forgets it. Two invariants make means,
 * softmax and gradients those of the real elements:
 *   - what mixes elements along a ragged axis (reductions, products that contract it, reductions over its rows) selects
 * the real ones first, by `where`, never by a product with a mask: so gradients of padding are exact zeros;
 *   - padding is finite: functions with poles or overflow (exp, log, division, ...) get a harmless operand there, again
 * by `where`, so that zero gradients stay zero instead of 0 * inf. */
#ifndef RETORT_TENSOR_H
#define RETORT_TENSOR_H

#include "compiler/check/elaborate.h"

typedef struct operand { /* a value and the place it was written at, for labels */
  value value;
  span where;
} operand;

const char *text_keep(elaborator *e, text *t); /* moves it to the arena */
const char *declaration_kind_name(declaration_kind kind);
value value_of_declaration(elaborator *e, const declaration *d, const loaded_file *owner);
binding *scope_find_member(scope *s, const char *name); /* among members of the instances around */

/* Counts a statement or a call; false (reported once) when there were too many, or while unwinding. */
bool elaborate_step(elaborator *e, span where);
/* False, reported, when no graph is under construction. */
bool elaborate_needs_graph(elaborator *e, span where);

/* ---- compile-time arithmetic (operator.c) ---- */

bool value_is_number(value v);                   /* int or real */
bool value_is_compile_time(value v);             /* int, real, bool or size */
double value_as_real(value v);                   /* of an int, real or bool */
const dim *value_as_dim(elaborator *e, value v); /* of an int or size; else NULL */
value apply_unary(elaborator *e, unary_operator o, operand x, span where);
/* left_text and right_text: how the operands were written, for messages; `around`: whose names explain sizes; may be
 * NULL. */
value apply_binary(elaborator *e, scope *around, binary_operator o, operand left, operand right,
                   const expression *written, span where);
/* A list of from .. to; reports one that is too long. */
value range_value(elaborator *e, int64_t from, int64_t to, span where);
value evaluate_index(elaborator *e, scope *s, const expression *x); /* expression_index.c */

/* ---- tensors (tensor.c, tensor_movement.c, tensor_contraction.c) ---- each gives NULL after an error ---- */

/* Checks by graph_check, reports what is wrong at `where`, else adds the node. */
node *tensor_make(elaborator *e, op o, int count, node *const *operands, const node_attributes *attributes, dtype type,
                  const shape *declared, span where);
/* A compile-time number or size as a rank-0 tensor of that type. */
node *tensor_of_number(elaborator *e, value v, dtype type, span where);
/* A tensor as it is; a number, bool or size as the type it has by itself: i32, f32 or bool. */
node *tensor_of_value(elaborator *e, operand x, const char *what);
/* A run-time size as an f32 or i32 scalar. */
node *tensor_of_size(elaborator *e, const dim *d, dtype type, span where);
/* Elementwise with numpy's broadcasting; numbers take the type they meet. `what` names the operation in messages. */
node *tensor_pointwise(elaborator *e, scope *around, op o, const char *what, int count, const operand *operands,
                       span where);
node *tensor_cast(elaborator *e, node *x, dtype type, span where);
/* Reductions over axes given as bits; mean: sum divided by the number of real elements. */
node *tensor_reduce(elaborator *e, op o, node *x, unsigned bits, bool keep, span where);
node *tensor_mean(elaborator *e, node *x, unsigned bits, bool keep, span where);

node *tensor_reshape(elaborator *e, node *x, shape s, span where);
node *tensor_permute(elaborator *e, node *x, axes order, span where);
node *tensor_transpose(elaborator *e, node *x, span where);
node *tensor_broadcast(elaborator *e, node *x, shape s, span where); /* x can be broadcast to s, as the caller knows */
node *tensor_slice(elaborator *e, node *x, const node_attributes *slice, shape sizes, span where);
node *tensor_concat(elaborator *e, int count, node *const *items, int axis, span where);
node *tensor_zero_pad(elaborator *e, node *x, int axis, const dim *before, const dim *after, span where);
node *tensor_matmul(elaborator *e, scope *around, operand left, operand right, span where);
node *tensor_gather(elaborator *e, node *table, node *ids, span where);
/* Zeros [rows, ...] and x's rows added where `ids` says. */
node *tensor_scatter_add(elaborator *e, node *x, node *ids, const dim *rows, span where);

/* Notes that say which names around have this size, and where they got it. */
void note_sizes(elaborator *e, diagnostic *d, scope *around, int count, const value *sizes);
/* «hidden = 128 was bound here», or «B was bound here» for a size of its own. */
void note_size(elaborator *e, diagnostic *d, const char *name, value size, span where);

/* ---- ragged dimensions (ragged.c) ---- */

typedef struct ragged_axes {
  int8_t rows[RANK_MAX]; /* of each axis: the axis of its rows, or -1 where it is dense */
} ragged_axes;

void ragged_begin(elaborator *e); /* forgets the last graph's */
ragged_axes ragged_none(void);
bool ragged_any(ragged_axes r);
ragged_axes ragged_of(elaborator *e, const node *n);
void ragged_set(elaborator *e, const node *n, ragged_axes r);
/* What a shape written with ragged symbols means: each is ragged over the nearest axis in front that is its rows'. */
ragged_axes ragged_by_shape(shape s);
/* r with what the operands' meeting makes ragged: a dimension of one that has no rows (iota(T), [T, hidden]) beside the
 * rows of another. Not where an operand is dense in that dimension beside its rows: that was said by pad(x). */
ragged_axes ragged_join(elaborator *e, shape s, ragged_axes r, int count, node *const *operands);
/* Bits of the ragged axes of x that have to be masked before `mixed` axes (bits) are mixed: those that are mixed, and
 * those whose rows are. */
unsigned ragged_to_mask(ragged_axes r, unsigned mixed);
/* where(real, x, filler) for the ragged axes in `bits`; x itself when there are none. */
node *ragged_fill(elaborator *e, node *x, unsigned bits, double filler, span where);
/* Bits of the ragged axes whose padding is known to hold `filler`; and notes that it is so. */
unsigned ragged_filled(elaborator *e, const node *x, double filler);
void ragged_note_filled(elaborator *e, const node *x, unsigned bits, double filler);
/* x as another node, ragged as r says. */
node *ragged_view(elaborator *e, node *x, ragged_axes r, span where);
/* Where the ragged axes `kept` of x are reached by any row when their rows, among `reduced`, are: false behind the
 * longest. */
node *ragged_reached(elaborator *e, const node *x, unsigned kept, unsigned reduced, span where);
/* How many real elements of x a reduction over `axes` takes: *known for compile-time numbers (then NULL), else an f32
 * tensor that broadcasts with the reduced value (rank of x, axes kept). NULL and *known -1 after an error. */
node *ragged_count(elaborator *e, node *x, unsigned bits, int64_t *known, span where);
/* Whether one of the axes in `bits` is a ragged dimension that pad() made dense. */
bool ragged_counts_padding(elaborator *e, const node *x, unsigned bits);
/* bool[rows, T], i32[rows] of a tensor's ragged dimension; NULL after an error (none, or several different ones). */
node *ragged_mask(elaborator *e, node *x, span where);
node *ragged_lengths(elaborator *e, node *x, span where);
node *ragged_tokens(elaborator *e, node *x, span where); /* f32 scalar */

/* ---- instances (module.c) ---- */

void instance_refresh(elaborator *e, instance *self); /* forgets taps of another graph */

/* ---- types (type.c, call.c) ---- */

/* The value as something of that type holds it (an int as a real); false when it is of another kind. */
bool value_coerce(const type_syntax *t, value *v);
const char *type_kind_name(const type_syntax *t); /* «an int» */

const char *type_describe(elaborator *e, const type_syntax *t); /* as written */
/* Checks the tensor arguments bound in `s` against f's signature and binds its dimensions there; then the result. */
typedef struct signature signature;
signature *signature_bind(elaborator *e, scope *s, const function_syntax *f, const char *callee); /* NULL: error */
value signature_result(signature *g, value result, span where);

/* ---- built-in functions (builtin.c) ---- */

enum { BUILTIN_PARAMETERS_MAX = 4 };

typedef struct builtin_call {
  elaborator *e;
  scope *around; /* the caller's, for messages */
  const builtin *row;
  value values[BUILTIN_PARAMETERS_MAX]; /* VALUE_NONE: not given */
  span wheres[BUILTIN_PARAMETERS_MAX];
  span where;
} builtin_call;

typedef value builtin_function(const builtin_call *c);

struct builtin {
  const char *name;
  const char *parameters[BUILTIN_PARAMETERS_MAX]; /* a `?` at the end: may be left out */
  builtin_function *run;
  op op;                    /* of rows that stand for one operation */
  double (*number)(double); /* the same for a compile-time number; NULL: there is none */
};

const builtin *builtin_find(const char *name);
const builtin *builtin_at(int index); /* NULL behind the last */
const char *builtin_name(const builtin *b);
value builtin_apply(elaborator *e, const builtin *b, int count, const call_argument *arguments, span where);

#endif
