/* From tensor graph to kernels: which nodes are computed where.
 *
 * A *root* is a node whose value is computed once: every reduction, contraction and scatter, every output, operands of
 * contractions, and pointwise nodes that would cost more to compute again than to keep. All other nodes are *inlined*:
 * their expression is part of each root that reads them.
 * A *group* is a list of roots that one kernel computes. It runs over *rows*: the leading axes of each root's space,
 * taken as one axis; rows are independent of each other, except for sums across them, which are finished when all rows
 * are done. Roots with different shapes can share rows ([B*T, 64] and [B, T, 8, 8] have B*T rows in common). A
 * contraction stands at the head of its group, by blocks of rows, and what follows on its rows is its epilogue.
 * Within a row, a group is a sequence of *nests*: loops over the rest of the axes that compute several roots at once.
 * Contractions that are products of a batch, as attention's are, can be several in a group that is *batched*: its rows
 * are the batch, and within a row whole products and loops take turns, in *sections*; what lies between them is a
 * matrix of the thread's own, which stays in its cache.
 *
 * The way: fusion_create (roots.c: which values; reads.c: what they read; fuse.c: groups; nest.c: rows and loops) ->
 * schedule_groups (schedule.c: order) -> plan_memory (memory.c: buffers) -> compiler/kernel. */
#ifndef RETORT_FUSION_H
#define RETORT_FUSION_H

#include "compiler/graph/graph.h"

typedef struct group group;
typedef struct root root;

typedef enum {
  STORAGE_LOCAL,    /* a register within its nest */
  STORAGE_REGISTER, /* one number a row: a register of the row */
  STORAGE_SCRATCH,  /* one row, per thread */
  STORAGE_FULL      /* in memory, in a buffer of the plan */
} root_storage;

/* How a reduction accumulates. */
typedef enum {
  REDUCE_NOT,
  REDUCE_ROW,    /* everything within the row: one register */
  REDUCE_OUTER,  /* a nest of its own: kept axes outside, a register inside */
  REDUCE_MEMORY, /* within the row, kept axes inside: into a buffer */
  REDUCE_ACROSS  /* over all rows: each thread into a share of its own, added in order at the end */
} reduce_way;

/* One source of a root's expression: a root or an input, and at which rows it is read. */
typedef struct reading {
  const node *source;
  root *producer; /* NULL when the source is an input */
  int match_count;
  const dim
      *match[RANK_MAX + 1]; /* with so many rows in reader and source, row r of the source is read in row r only */
  bool same_element;        /* every element is read by the element at the same place alone */
  bool whole;               /* read by a contraction, scatter or random, as a matrix and not by element, */
  bool batch;               /* but, with rows of `match`, only what belongs to the row */
} reading;

struct root {
  node *node;
  int index;      /* in fusion.roots */
  bool tentative; /* cheap enough to compute again in another group: kept only when all its readers are in its own */
  shape space;    /* what it iterates over: the operand's shape of a reduction, else its own */
  axes order;     /* storage: order.axis[0] is the outermost axis */
  bool packed;    /* … and B and T of a ragged dimension are one axis, of its tokens */
  int reading_count;
  reading *readings;
  group *group;
  int outer; /* how many leading axes of the space are rows (of its section); of a reduction across rows, all these are
                reduced */
  int batch; /* of a batched group: how many of them are the group's rows; the others are its section's lines */
  reduce_way reduce;
  int nest;    /* index in the group; -1: before all rows' nests (contraction at the head, scatter) */
  int section; /* index in the group */
  root_storage storage;
  int held;    /* STORAGE_SCRATCH: how many leading axes are at one place alone */
  int buffer;  /* of STORAGE_FULL, in fusion.buffers; else -1 */
  int scratch; /* STORAGE_SCRATCH, and the shares of REDUCE_ACROSS: in fusion.buffers; else -1 */
};

typedef struct nest {
  int section, stage; /* nests of one stage do not need each other */
  bool alone;
  int rank; /* loops: axes of the space behind the rows, without those of size 1 */
  const dim *dims[RANK_MAX];
  int root_count;
  root **roots;
} nest;

/* A part of a row's work that comes behind what it needs of other sections. */
typedef struct section {
  bool lines;     /* by lines: loops over the rows of matrices, with nests for each; a line needs no other one */
  root *product;  /* a contraction, the section's only root; else NULL */
  int first, end; /* nests of the group */
} section;

struct group {
  int id; /* position in execution order, after schedule_groups */
  int candidate_count;
  const dim *candidates[RANK_MAX + 1]; /* numbers of rows that all its roots can have, rising */
  const dim *rows;
  bool flat;                    /* a row is one element, and all that is read lies at the same place */
  bool batched;                 /* contractions are sections of a row */
  bool ragged;                  /* … and what goes along the ragged dimension ends at the row's own length */
  const dim *lines, *line_rows; /* of a batched group: how many a row has, and all rows */
  int root_count;
  root **roots;      /* producers first */
  int stage;         /* of fusion.stage; -1: none */
  root *contraction; /* the first one, which stands at the head unless the group is batched; or NULL */
  int contraction_count;
  int nest_count;
  nest *nests;
  int section_count; /* 1 unless the group is batched */
  section *sections;
  int mark; /* for searches */
  int later_count;
  group **later; /* groups that must run before this one without being read: they read what it overwrites */
};

typedef enum { PLACE_WORKSPACE, PLACE_WEIGHT, PLACE_INPUT, PLACE_STATE, PLACE_OUTPUT } buffer_place;

typedef struct buffer {
  buffer_place place;
  int slot; /* the position among weights, inputs, states or outputs; of workspace: in order of `first` */
  dtype dtype;
  const dim *elements;
  bool per_thread;
  int first, last; /* workspace: groups (by id) between which it lives */
} buffer;

typedef struct state_copy { /* after all groups: a state whose new value could not be written in place */
  const node *state;
  const root *from;
} state_copy;

typedef struct fusion {
  graph *graph;          /* prepared: every output is a root of its own */
  struct ragged *ragged; /* the packed dimension (ragged.h), or NULL */
  root **root_of;        /* by node id; NULL for inlined nodes */
  bool *denied;          /* by node id: tried as a root to share it within a group, but other groups read it */
  bool *packed;          /* by node id: products that may be stored packed */
  int *stage;            /* large_stages of pass.h */
  bool *plain;           /* by node id: tried as a bounded view or a packed result, but its group is not ragged */
  int root_count;
  root **roots;
  int group_count;
  group **groups;
  int recomputed_from;       /* the id of the first node that is recomputed; the number of nodes when none is */
  int merge_limit;           /* as in pass_switches */
  int merge_count;           /* merges that were made */
  const root *last_merge[2]; /* the groups of these were merged last */
  int buffer_count;
  buffer *buffers;
  int *input_buffer;   /* by node id of an input: its buffer, else -1 */
  const root **update; /* by node id of a state: the root of its new value when that is written in place, else NULL */
  int copy_count;
  state_copy *copies;
} fusion;

/* Roots and groups. The graph has passed through the passes of pass.h. Lives in the graph's arena. */
fusion *fusion_create(const graph *g);
/* The same with a limit to merges: merge_limit of pass_switches. */
fusion *fusion_create_limited(const graph *g, int merge_limit);
/* Puts groups in an order that respects who reads what and lets values die early; decides which states are updated in
 * place. */
void schedule_groups(fusion *f);
/* Gives every stored root a buffer and every workspace buffer its lifetime; a root may take over the buffer of a value
 * that dies in its group and is read at the same place only. */
void plan_memory(fusion *f);

/* Text of the stages fuse, schedule and memory. */
typedef enum { FUSION_GROUPS, FUSION_SCHEDULE, FUSION_MEMORY } fusion_detail;
void fusion_print(const fusion *f, fusion_detail detail, text *to);

/* How many groups of pointwise roots alone, over tensors (not single numbers), stand between contractions: they read
 * what the group of one computes, and the group of another reads what they compute. Those that update a state are not
 * counted. */
int fusion_loose_groups(const fusion *f);

/* ---- between the files of this folder and compiler/kernel ---- */

graph *prepare_outputs(const graph *g);
void choose_roots(fusion *f);
/* Fills r->readings: what its expression reads without going into other roots. */
void find_readings(const fusion *f, root *r);
/* Whether with `rows` rows, row r of the source is read by row r only. */
bool reads_same_row(const reading *r, const dim *rows);
void group_roots(fusion *f);
/* Chooses rows and nests of each group, and where each root is kept. */
void nest_groups(fusion *f);
/* Sections of a batched group, and how each root's axes are taken by its section (section.c). */
void make_sections(fusion *f, group *g);
/* Elements of a root that is stored. */
const dim *root_elements(const fusion *f, const root *r);
/* How many leading axes of r's space make `rows` rows in a way that is legal for r; -1: none. *across: all of them are
 * reduced. */
int root_outer(const fusion *f, const root *r, const dim *rows, bool *across);
/* All numbers of rows that are legal for r, rising; returns how many. */
int root_candidates(const fusion *f, const root *r, const dim **candidates);
/* The number of rows of a contraction's batch when it is computed in a batched group; NULL: it cannot be. */
const dim *contraction_batch(const fusion *f, const root *r);
/* The number of rows that g has when it need not be flat. */
const dim *group_best_rows(const fusion *f, const group *g);
/* Whether all that g computes, and computes it from, is single numbers. */
bool group_is_numbers(const fusion *f, const group *g);
/* Elements of what r keeps in one row: behind `outer` axes. */
const dim *root_row_elements(const fusion *f, const root *r, int outer);
/* Elements of half the scratch of a sum across rows: a part's total, or what a chunk of its rows adds up to. */
const dim *across_share(const fusion *f, const root *r);
bool root_is_output(const fusion *f, const root *r);
/* Whether q, in the course of its group, may overwrite a value that lies element by element where q will: every
 * reading of it (source) in the group comes earlier in the same row. */
bool may_overwrite(const root *q, const node *source);
bool storage_is_row_major(const root *r);

bool dim_is_one(const dim *d);
bool dim_is_zero(const dim *d);
/* Of the first `count` dims. */
const dim *dims_product(dim_table *t, const dim *const *dims, int count);

/* ---- views: a node whose elements are those of a root or input at affine places ---- */

typedef struct view {
  const node *base;
  const dim *offset; /* elements */
  const dim *stride[RANK_MAX];
  bool bounded;     /* good below the lengths of ragged rows alone, for a ragged group; */
  const dim *token; /* then, when rows are packed, the distance between tokens: the axis of B has T of them for stride,
                       but row b begins at its first token */
} view;

/* False when n is not reached by movement alone, or by a reshape that strides cannot say. */
bool view_of(const fusion *f, const node *n, view *result);
/* Strides of r where it is kept: in its buffer, or in a thread's scratch. */
void root_strides(const fusion *f, const root *r, const dim **strides);
/* Strides of a dense tensor whose axes are stored in `order`, outermost first. */
void storage_strides(dim_table *t, shape s, axes order, const dim **strides);
axes row_major(int rank);
/* What a contraction can read: one of the last two axes has stride 1 and the other is no repetition. */
bool view_is_matrix(const view *v, shape s);
bool view_is_dense(const fusion *f, const view *v, shape s);

/* One run of axes of two shapes with as many elements: from[*i0, *i) and to[*j0, *j). */
typedef struct reshape_run {
  int from, from_end, to, to_end;
} reshape_run;
/* Cuts two shapes of equal elements into the smallest runs; returns how many (at most 2 * RANK_MAX), or -1 when their
 * dims cannot be compared term by term: then they count as one run of everything. */
int reshape_runs(dim_table *t, shape from, shape to, reshape_run *runs);

#endif
