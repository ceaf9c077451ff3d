/* Kernels: loop nests with subscripts, the last representation of ours before LLVM. They know nothing of the
 * target: no vector width, no pool.
 *
 * A step is one graph: buffers, kernels and the calls of kernels in order. A kernel is a function of buffers
 * (pointers), sizes (integers that differ between calls of equal kernels), the run-time dimensions and the number of
 * threads. Kernels that print the same text are one kernel with several calls. */
#ifndef RETORT_KERNEL_H
#define RETORT_KERNEL_H

#include "compiler/graph/graph.h"

/* ---- subscripts: 64-bit integers ---- */

typedef enum {
  SUBSCRIPT_CONSTANT,  /* constant */
  SUBSCRIPT_DIM,       /* dim, over the run-time dimensions */
  SUBSCRIPT_SIZE,      /* sizes[number] of the call */
  SUBSCRIPT_VARIABLE,  /* variable `number`: one of variable_name, or a loop's */
  SUBSCRIPT_ADD,       /* a + b */
  SUBSCRIPT_SUBTRACT,  /* a - b */
  SUBSCRIPT_MULTIPLY,  /* a * b */
  SUBSCRIPT_DIVIDE,    /* a / b; a >= 0, b >= 1 */
  SUBSCRIPT_REMAINDER, /* a % b; a >= 0, b >= 1 */
  SUBSCRIPT_MINIMUM,   /* the lesser of a, b */
  SUBSCRIPT_MAXIMUM,
  SUBSCRIPT_VALUE /* an integer value (i32 or i64), as a gather's index */
} subscript_kind;

typedef struct value value;
typedef struct subscript subscript;
struct subscript {
  subscript_kind kind;
  int number;
  int64_t constant;
  const dim *dim;
  const subscript *a, *b;
  const value *value;
};

/* Variables that every phase has; loops number theirs from VARIABLE_FIRST_LOOP, each loop of a kernel its own. */
enum variable_name {
  VARIABLE_BEGIN, /* this part computes [begin, end) of the phase's extent; [0, 1) in a serial phase */
  VARIABLE_END,
  VARIABLE_WORKER,  /* the part's number, below `threads`; 0 in a serial phase */
  VARIABLE_THREADS, /* of the call, 1 or more */
  VARIABLE_PARTS,   /* into how many parts the last parallel phase of this kernel that ran was cut; 1 after a serial one
                     */
  VARIABLE_FIRST_LOOP
};

/* ---- values: scalars computed at one place of a loop. A value may be shared within a statement; it is computed once
 * per statement. ---- */

typedef enum {
  VALUE_NUMBER,   /* number */
  VALUE_LOAD,     /* buffer[index] */
  VALUE_REGISTER, /* what the register `number` holds now */
  VALUE_OP,       /* a pointwise operation of ops.def on operands; casts to dtype where op is cast */
  VALUE_INDEX,    /* index as i32 or i64 */
  VALUE_IN_RANGE, /* bool: 0 <= index < limit */
  VALUE_RANDOM /* f32: retort_uniform(buffer, site, index): the buffer is i64[2], site the size `number` of the call */
} value_kind;

struct value {
  value_kind kind;
  dtype dtype;
  op op;
  int operand_count;
  const value *operands[3];
  double number_value; /* VALUE_NUMBER */
  int number;          /* register, or size with the site */
  int buffer;          /* parameter of the kernel */
  const subscript *index, *limit;
};

/* ---- statements ---- */

typedef enum {
  STATEMENT_LOOP,       /* for variable in from .. to (step `step`): body */
  STATEMENT_SET,        /* register = value; a register that is read has been set before */
  STATEMENT_ACCUMULATE, /* register = register `op` value; op is add, maximum or minimum. Sums may be reassociated */
  STATEMENT_STORE,      /* buffer[index] = value, of the buffer's dtype */
  STATEMENT_MATMUL,     /* retort_sgemm, or retort_contract: as the target says */
  STATEMENT_WHEN        /* the body, when from <= index < to */
} statement_kind;

typedef enum {
  MATRIX_ROWS,       /* element (i, j) at buffer[offset + i*stride + j] */
  MATRIX_TRANSPOSED, /* i and j exchanged */
  MATRIX_PANELS      /* of a product's right operand: in the panels of retort_form, stride apart */
} matrix_form;

typedef struct matrix { /* an operand: f32 */
  int buffer;
  const subscript *offset, *stride;
  matrix_form form;
} matrix;

typedef struct statement statement;
typedef struct block {
  int count;
  statement **statements;
} block;

struct statement {
  statement_kind kind;
  span where; /* the source line that debuggers show */
  union {
    struct {
      int variable;
      const subscript *from, *to;
      int64_t step;
      bool independent; /* iterations do not depend on each other but for accumulated registers: may run as vectors */
      block body;
    } loop;
    struct {
      int number;
      op op;
      const value *value;
      const subscript *about; /* SET, of a size that comes from data: about how large it is, to count costs; or NULL */
    } reg;
    struct {
      int buffer;
      const subscript *index;
      const value *value;
    } store;
    struct { /* c[m, n] = alpha a[m, k] b[k, n] + beta c; c is not transposed */
      const subscript *m, *n, *k;
      double alpha, beta;
      bool bf16; /* a and b are rounded to bf16; products are added up in f32 */
      matrix a, b, c;
    } matmul;
    struct {
      const subscript *index, *from, *to;
      block body;
    } when;
  };
};

/* ---- kernels ---- */

/* One run of the pool. Phases of a kernel run one after the other; all parts of a phase end before the next begins.
 * A parallel phase is cut as retort_parallel does, into min(threads, extent, max(1, work / KERNEL_WORK_PER_PART))
 * parts, so it depends on sizes alone; with one part the body runs on the calling thread, without the pool. In a serial
 * phase (extent NULL) matmuls have the pool to themselves.
 * extent, work and when use no loop variables and no values. */
typedef struct phase {
  const subscript *when;   /* the phase runs when this is > 0; NULL: always */
  const subscript *extent; /* NULL: serial */
  const subscript *work;   /* about how many operations */
  block body;
} phase;

/* Starting and ending a phase takes the pool about half a microsecond, in which vector code does some 70 000 of these
 * operations: with less than that for each part, one thread alone is done earlier. */
enum { KERNEL_WORK_PER_PART = 65536 };

typedef struct kernel {
  const char *name; /* unique in the step and a C identifier: for symbols */
  int buffer_count;
  struct kernel_buffer {
    dtype dtype;
    bool written; /* stored to; it may be loaded as well. Distinct buffers never overlap */
  } * buffers;
  int size_count;     /* sizes that calls give */
  int variable_count; /* VARIABLE_FIRST_LOOP + loops */
  int register_count;
  dtype *register_dtypes;
  bool sums_across; /* of rows of several parts: its results depend on how work is cut */
  int phase_count;
  phase *phases;
  span where; /* of its first root */
} kernel;

/* ---- steps ---- */

typedef enum { BUFFER_WEIGHT, BUFFER_INPUT, BUFFER_OUTPUT, BUFFER_STATE, BUFFER_WORKSPACE } buffer_kind;

typedef struct step_buffer {
  buffer_kind kind;
  int slot; /* which of the weights, inputs, outputs, states; of workspace: which of step.workspace */
  dtype dtype;
} step_buffer;

typedef struct step_workspace { /* a buffer of the memory plan */
  const dim *bytes;
  bool per_thread; /* bytes are for one thread, and one such share follows the other */
  int first, last; /* calls between which it lives, both included */
} step_workspace;

typedef struct step_call {
  const kernel *kernel;
  int *buffers;       /* kernel->buffer_count indices into step.buffers */
  const dim **sizes;  /* kernel->size_count */
  const char *reason; /* what it computes, for profiles and messages: names of values, «layer_norm (reduce_sum …)» */
  span where;
} step_call;

typedef struct step_tensor { /* of the signature */
  const char *name;
  dtype dtype;
  shape shape;
} step_tensor;

typedef struct step {
  const char *name;
  dim_table *dims;
  bool is_preparation; /* of a graph that is: the conditions of dims do not hold for it */
  int weight_count, input_count, output_count, state_count;
  step_tensor *weights, *inputs, *outputs, *states; /* in the order that executable.h states */
  int buffer_count;
  step_buffer *buffers;
  int workspace_count;
  step_workspace *workspace; /* by rising `first` */
  int kernel_count;
  kernel **kernels;
  int call_count;
  step_call *calls;
} step;

/* The whole way from a graph that has passed through the passes of pass.h to its step: fusion, schedule, memory,
 * kernels. Lives in the graph's arena. Every graph that verifies has a step. */
step *step_create(const graph *g);
/* The same with a limit to merges of groups: merge_limit of pass.h's pass_switches. */
step *step_create_limited(const graph *g, int merge_limit);

/* Readable text of kernels and calls (show --stage=kernels), and of buffers with lifetimes and sizes (--stage=memory).
 */
void step_print(const step *s, text *to);
void step_print_memory(const step *s, text *to);
/* One kernel; buffers are p0, p1, …, loop variables i5, i6, …, registers r0, r1, …, sizes that occur more than once
 * n0, n1, … */
void kernel_print(const kernel *k, text *to);

#endif
