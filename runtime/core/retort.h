/* What emitted code and its callers agree on. This header is all that a shipped object needs, with libretort-core.a.
 *
 * An emitted function computes one graph: it reads weights and inputs, writes outputs and updates states in place. It
 * allocates nothing, keeps nothing, and is reentrant: everything comes in by a retort_call. */
#ifndef RETORT_H
#define RETORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum retort_status {
  RETORT_OK = 0,
  RETORT_WORKSPACE_TOO_SMALL = 1,
  RETORT_BAD_DIMENSION = 2 /* a run-time dimension is below 1, or breaks a condition: retort_broken_condition */
} retort_status;

typedef enum retort_dtype { RETORT_BOOL, RETORT_I32, RETORT_I64, RETORT_F32 } retort_dtype;

/* All arrays are in the order of the function's retort_signature. Tensors are dense and row-major; alignment of their
 * element. */
typedef struct retort_call {
  const void *const *weights;
  const void *const *inputs;
  void *const *outputs;
  void *const *states; /* read and written */
  const int64_t *dims; /* run-time dimensions */
  void *workspace;     /* aligned to 64 bytes; contents before and after are of no meaning */
  size_t workspace_size;
  int threads; /* 1 or more */
} retort_call;

typedef int retort_function(const retort_call *call);

/* A size as a small program in postfix over the run-time dimensions: pairs (operation, value). */
typedef enum retort_size_operation {
  RETORT_SIZE_CONSTANT, /* push value */
  RETORT_SIZE_DIM,      /* push dims[value]; value == number of dims: the threads */
  RETORT_SIZE_ADD,
  RETORT_SIZE_MULTIPLY,
  RETORT_SIZE_FLOOR_DIVIDE /* pop a; push floor(a / value) */
} retort_size_operation;

typedef struct retort_size {
  int32_t count; /* of pairs */
  const int64_t *code;
} retort_size;

enum { RETORT_RANK_MAX = 8 };

typedef struct retort_tensor {
  const char *name;
  int32_t dtype; /* retort_dtype */
  int32_t rank;
  const retort_size *dims;
} retort_tensor;

/* The memory plan: buffers with a size in bytes, living from kernel `first` to kernel `last`. */
typedef struct retort_buffer {
  retort_size size;
  int32_t first, last;
} retort_buffer;

/* What run-time dimensions must fulfil so that the function reads and writes within its tensors: size >= least. */
typedef struct retort_condition {
  retort_size size;
  int64_t least;
  int64_t sign; /* 1, or -1 where the message speaks of the size's negative: «expected T to be 512 or less» */
  /* «f.rt:3:9: 'slice' takes elements 0 to 3 of axis 1, which has T: expected T to be 4 or more» */
  const char *message;
} retort_condition;

typedef struct retort_plan {
  int32_t dim_count;
  int32_t buffer_count;
  const retort_buffer *buffers; /* by rising `first` */
  size_t scratch;               /* bytes for the function's own tables, in front of the buffers */
  size_t scratch_per_thread;    /* bytes for operands of retort_contract, one share a thread, behind the tables */
  int32_t condition_count;
  int32_t parts; /* into how many parts work is cut, on which sums depend, whatever the threads; 0: one a thread */
  const retort_condition *conditions;
} retort_plan;

typedef struct retort_signature {
  const char *name;
  int32_t dim_count, weight_count, input_count, output_count, state_count;
  const char *const *dim_names;
  const char *const *dim_sums; /* of each: the i32 input whose elements it sums up (lengths of rows), or NULL */
  const retort_tensor *weights, *inputs, *outputs, *states;
  const retort_plan *plan;
} retort_signature;

/* The first condition that these dimensions do not fulfil, with *found, what the message speaks of; NULL when they
 * fulfil all. The function itself checks this too, at every call. */
const retort_condition *retort_broken_condition(const retort_plan *plan, const int64_t *dims, int64_t *found);
/* Whether all dimensions are 1 or more and fulfil all conditions. */
int retort_dims_fit(const retort_plan *plan, const int64_t *dims);

/* Sets the dims that are sums of inputs; the others are set already, the inputs are in the order of the signature. */
void retort_bind_sums(const retort_signature *s, const void *const *inputs, int64_t *dims);

int64_t retort_size_evaluate(const retort_size *size, const int64_t *dims, int dim_count, int threads);

/* Places the buffers for given dimensions: first fit by lifetime, each aligned to 64 bytes. Writes buffer_count offsets
 * and then the buffer_count sizes in bytes to `table`, which has room for both, and returns the bytes used.
 * Deterministic, so the size is exact. */
size_t retort_plan_place(const retort_plan *plan, const int64_t *dims, int threads, size_t *table);

/* Bytes that retort_call.workspace needs: the table of retort_plan_place, the scratch, each rounded up to 64 bytes,
 * a share of a multiple of 64 bytes for each thread, then the buffers. SIZE_MAX when there is no memory to find out; 0
 * for dimensions with which the call will end in RETORT_BAD_DIMENSION. */
size_t retort_workspace_size(const retort_plan *plan, const int64_t *dims, int threads);

/* ---- what an emitted function consists of ---- */

typedef struct retort_context { /* what a kernel gets; it is the kernel's for the time of the call */
  void *const *pointers;        /* of all buffers of the step */
  const int32_t *buffers;       /* which of them are this call's */
  const int64_t *values;        /* of all sizes of the step */
  const int32_t *sizes;         /* which of them are this call's */
  const int64_t *dims;
  int64_t threads, parts; /* into how many work is cut at most, and into how many the last parallel phase was */
  void *packing;          /* the shares of retort_plan.scratch_per_thread; worker i's is the i-th */
  int64_t workers;        /* of the pool; threads, unless work is cut into retort_plan.parts */
} retort_context;
typedef void retort_kernel(retort_context *context);

enum { RETORT_PARTS = 16 }; /* retort_plan.parts of code whose results do not depend on threads */

typedef enum retort_memory { RETORT_WEIGHT, RETORT_INPUT, RETORT_OUTPUT, RETORT_STATE, RETORT_WORKSPACE } retort_memory;

typedef struct retort_slot { /* where a buffer is: a retort_memory and the position in it */
  int32_t memory, index;
} retort_slot;

typedef struct retort_kernel_call {
  retort_kernel *kernel;
  const int32_t *buffers, *sizes;
  const char *what; /* it computes, in the names of the source: for profiles */
} retort_kernel_call;

typedef struct retort_step {
  const retort_plan *plan;
  int32_t slot_count, size_count, call_count;
  const retort_slot *slots;
  const retort_size *sizes;
  const retort_kernel_call *calls;
} retort_step;

/* ---- called by emitted code ---- */

/* The body of every emitted function: checks the call, places the buffers, runs the kernels in order. */
int retort_step_run(const retort_step *step, const retort_call *call);

/* The same in pieces, for profiles: finds every buffer, then runs one kernel after the other, in order. */
int retort_step_begin(const retort_step *step, const retort_call *call, retort_context *context);
void retort_step_kernel(const retort_step *step, int32_t number, const retort_context *context);

/* Runs body(context, begin, end, worker) over [0, count) in at most `threads` contiguous parts of equal size (the first
 * `count % parts` one longer); part i is worker i. Parts run in parallel by OpenMP, the pool OpenBLAS uses too. */
typedef void retort_body(void *context, int64_t begin, int64_t end, int64_t worker);
void retort_parallel(retort_body *body, void *context, int64_t count, int threads);
/* The same cut into at most `parts` parts, run by at most `threads` threads. */
void retort_parallel_parts(retort_body *body, void *context, int64_t count, int parts, int threads);

/* c[m,n] = alpha a[m,k] b[k,n] + beta c, row-major with row strides; transposed: a is stored [k,m], b [n,k]. With beta
 * 0, c is not read. Uses up to `threads` of the pool when called outside retort_parallel, one thread inside. */
void retort_sgemm(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                  int64_t a_stride, const float *b, int64_t b_stride, float beta, float *c, int64_t c_stride,
                  int threads);

/* Register tiles of a target, emitted. A tile computes c[rows, columns], rows at most its height and columns at most
 * two vectors: c[i, j] = sum over l of a[l * a_stride + i] * b[l * b_stride + j] (+ c[i, j] where accumulate is not 0),
 * of depth 1 or more. It reads a for all its height, and b for all the columns of its vectors unless it is exact; of c
 * it touches none beyond rows and columns. Meanwhile it asks for two vectors at next + l * next_stride, for each l
 * below depth, to be fetched into a cache; nothing needs to be there. */
typedef void retort_tile(const float *a, int64_t a_stride, const float *b, int64_t b_stride, int64_t depth, float *c,
                         int64_t c_stride, int64_t rows, int64_t columns, int64_t accumulate, const float *next,
                         int64_t next_stride);
/* to[j * to_stride + i] = from[min(i, rows - 1) * from_stride + j], for j < columns and i below the floats of a vector;
 * there are at least as many columns, and 1 row. */
typedef void retort_transpose(const float *from, int64_t from_stride, int64_t rows, int64_t columns, float *to,
                              int64_t to_stride);
/* What a contraction takes by one code on one thread, in nanoseconds, as fitted to what a machine was measured to do: a
 * call, each multiplication (rows rounded up to 4, columns to `unit`), each number of the operands and of the result.
 */
typedef struct retort_cost {
  double call, multiply, right, left, result, unit;
} retort_cost;
double retort_cost_of(const retort_cost *cost, int64_t m, int64_t n, int64_t k);
/* Whether tiles with vectors of so many floats are to be taken rather than the library: by costs[0], theirs, and
 * costs[1], the library's, or by a rule where costs is NULL. It does not depend on the number of rows, so that a row's
 * bits do not. */
int retort_chooses_tiles(const retort_cost *costs, int64_t lanes, int64_t n, int64_t k);

typedef struct retort_tiles {
  int32_t lanes, columns; /* floats of a vector, of two */
  int32_t count;          /* of heights */
  int32_t always;         /* never the library; 2: and with blocks whose depth does not depend on k */
  int32_t exact;          /* of b, no column is read beyond those asked for */
  const int32_t *heights; /* falling; the last is 1 */
  retort_tile *const *tiles;
  retort_tile *const *narrow; /* of columns for one vector */
  retort_transpose *transpose;
  const retort_cost *costs; /* of tiles and of the library, or NULL */
} retort_tiles;

enum { RETORT_PACKING_BYTES = 1 << 19 }; /* one thread's share of `packing` */

/* How the right operand b[k, n] of a contraction lies in memory. In panels, column after column of a row is found in
 * panels of RETORT_PANEL_COLUMNS columns each, as tiles read them: (l, j) at
 * b[j / RETORT_PANEL_COLUMNS * b_stride + l * RETORT_PANEL_COLUMNS + j % RETORT_PANEL_COLUMNS]; b_stride is the
 * distance of panels. The last panel has all its columns in memory; what the columns from n on hold is of no meaning.
 * The columns of a tile divide those of a panel. */
typedef enum retort_form { RETORT_ROWS, RETORT_TRANSPOSED, RETORT_PANELS } retort_form;
enum { RETORT_PANEL_COLUMNS = 32 };

/* The same as retort_sgemm, by tiles where the sizes are such that they are faster, always if they say so or if b is in
 * panels; then alpha is 1, beta 0 or 1, and k 1 or more. `packing` is RETORT_PACKING_BYTES for each of the threads,
 * aligned to 64. */
void retort_contract(const retort_tiles *tiles, void *packing, int transpose_a, int form_b, int64_t m, int64_t n,
                     int64_t k, float alpha, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                     float beta, float *c, int64_t c_stride, int threads);

/* Tiles of operands rounded to bf16, to nearest with ties to even, whose products are added up in float32. Each element
 * of a tile's a and b is a word of two numbers, the lower half of the lesser depth, and depth counts words. Words are
 * made of float32 (the last of an odd depth has a zero above):
 *   along:   to[l * to_stride + i] = words of from[min(i, rows - 1) * from_stride + 2l] and … + 2l + 1], 2l < width
 *   across:  to[l * to_stride + i] = words of from[2l * from_stride + i] and from[(2l + 1) * from_stride + i],
 *            2l < rows; zero for i >= width
 * for i below `lanes`; there is 1 row at least and 1 number in it. */
typedef void retort_bf16_pack(const float *from, int64_t from_stride, int64_t rows, int64_t width, float *to,
                              int64_t to_stride);
typedef struct retort_bf16_tiles {
  retort_tiles tiles; /* of words; without a way to transpose */
  retort_bf16_pack *along, *across;
} retort_bf16_tiles;
/* The same as retort_contract of operands rounded to bf16. Panels hold words, half as many as k, rounded up. What alpha
 * or beta excludes there is computed in float32. */
void retort_contract_bf16(const retort_bf16_tiles *tiles, void *packing, int transpose_a, int form_b, int64_t m,
                          int64_t n, int64_t k, float alpha, const float *a, int64_t a_stride, const float *b,
                          int64_t b_stride, float beta, float *c, int64_t c_stride, int threads);

/* Philox 4x32-10 (Salmon et al., SC 2011): the uniform number in [0,1) with 24 bits at `position` of `site` under
 * key[0] = seed, key[1] = step. counter = (position / 4, step low, site, step high), key = seed; word position % 4.
 * Emitted code inlines the same. */
float retort_uniform(const int64_t key[2], uint32_t site, uint64_t position);
/* The numbers at positions 4 block … 4 block + 3. */
void retort_uniform_block(const int64_t key[2], uint32_t site, uint64_t block, float numbers[4]);

#ifdef __cplusplus
}
#endif
#endif
