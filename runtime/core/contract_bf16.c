/* Matrix products of operands rounded to bf16, with sums in float32: the blocks, the packing and the threads of
 * contract.c over words of two numbers that follow each other in depth.
 *
 * A row of the left operand is rounded while it is packed, a panel of rows at a time. What is said of bits there holds
 * here: an element does not depend on threads, nor on the rows and columns beside it. */
#include "runtime/core/retort.h"

enum {
  DEPTH_MAX = 768, /* of a block, in numbers: a panel of the left operand takes 24 KiB of the first-level cache */
  LEFT_LANES = 16,
  LEFT_WORDS = DEPTH_MAX / 2 * LEFT_LANES,
  RIGHT_WORDS = (int)(RETORT_PACKING_BYTES / sizeof(float)) - LEFT_WORDS,
  WORK_PER_PART = 1 << 18 /* multiplications: less is not worth waking a thread */
};

typedef struct product {
  const retort_bf16_tiles *tiles;
  float *packing;
  int transpose_a, transpose_b, accumulate;
  int64_t m, n, k, a_stride, b_stride, c_stride;
  const float *a, *b;
  float *c;
} product;

typedef struct block { /* depths [l, l + depth) of the product; columns [j, j + width) */
  int64_t l, depth, j, width;
  float *left, *right;
} block;

static int64_t lesser(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* ---- one thread ---- */

static void pack_right(const product *p, const block *b) {
  const retort_bf16_tiles *t = p->tiles;
  int64_t words = divide_up(b->depth, 2);
  float *to = b->right;
  for (int64_t column = 0; column < b->width; column += t->columns, to += words * t->columns)
    for (int64_t lane = 0; lane < t->columns; lane += t->lanes) {
      int64_t first = b->j + column + lane, count = lesser(t->lanes, p->n - first);
      if (count < 1)
        continue; /* what is there is multiplied, but not stored */
      if (p->transpose_b)
        t->along(p->b + first * p->b_stride + b->l, p->b_stride, count, b->depth, to + lane, t->columns);
      else
        t->across(p->b + b->l * p->b_stride + first, p->b_stride, b->depth, count, to + lane, t->columns);
    }
}

static void pack_left(const product *p, const block *b, int64_t row, int64_t rows) {
  if (p->transpose_a)
    p->tiles->across(p->a + b->l * p->a_stride + row, p->a_stride, b->depth, rows, b->left, LEFT_LANES);
  else
    p->tiles->along(p->a + row * p->a_stride + b->l, p->a_stride, rows, b->depth, b->left, LEFT_LANES);
}

static retort_tile *tile_for(const retort_bf16_tiles *t, int64_t rows) {
  int i = t->count - 1;
  while (t->heights[i] < rows)
    i--;
  return t->tiles[i];
}

static void multiply_panel(const product *p, const block *b, int64_t row, int64_t rows) {
  const retort_bf16_tiles *t = p->tiles;
  pack_left(p, b, row, rows);
  retort_tile *tile = tile_for(t, rows);
  int64_t words = divide_up(b->depth, 2), accumulate = p->accumulate || b->l > 0;
  const float *right = b->right;
  float *c = p->c + row * p->c_stride + b->j;
  for (int64_t column = 0; column < b->width; column += t->columns, right += words * t->columns)
    tile(b->left, LEFT_LANES, right, t->columns, words, c + column, p->c_stride, rows,
         lesser(t->columns, b->width - column), accumulate, right, 0);
}

static void multiply(const product *p) {
  const retort_bf16_tiles *t = p->tiles;
  int64_t depth = divide_up(divide_up(p->k, divide_up(p->k, DEPTH_MAX)), 2) * 2;
  int64_t fitting = RIGHT_WORDS / (depth / 2) / t->columns * t->columns;
  for (int64_t j = 0; j < p->n; j += fitting)
    for (int64_t l = 0; l < p->k; l += depth) {
      block b = {.l = l,
                 .depth = lesser(depth, p->k - l),
                 .j = j,
                 .width = lesser(fitting, p->n - j),
                 .left = p->packing,
                 .right = p->packing + LEFT_WORDS};
      pack_right(p, &b);
      for (int64_t row = 0; row < p->m; row += t->heights[0])
        multiply_panel(p, &b, row, lesser(t->heights[0], p->m - row));
    }
}

/* ---- several threads ---- */

static void multiply_rows(void *context, int64_t begin, int64_t end, int64_t worker) {
  product part = *(const product *)context;
  int64_t from = begin * part.tiles->heights[0], to = lesser(end * part.tiles->heights[0], part.m);
  part.a += part.transpose_a ? from : from * part.a_stride;
  part.c += from * part.c_stride;
  part.m = to - from;
  part.packing += worker * (int64_t)(RETORT_PACKING_BYTES / sizeof(float));
  multiply(&part);
}

static void multiply_columns(void *context, int64_t begin, int64_t end, int64_t worker) {
  product part = *(const product *)context;
  int64_t from = begin * part.tiles->columns, to = lesser(end * part.tiles->columns, part.n);
  part.b += part.transpose_b ? from * part.b_stride : from;
  part.c += from;
  part.n = to - from;
  part.packing += worker * (int64_t)(RETORT_PACKING_BYTES / sizeof(float));
  multiply(&part);
}

void retort_contract_bf16(const retort_bf16_tiles *tiles, void *packing, int transpose_a, int transpose_b, int64_t m,
                          int64_t n, int64_t k, float alpha, const float *a, int64_t a_stride, const float *b,
                          int64_t b_stride, float beta, float *c, int64_t c_stride, int threads) {
  if (m < 1 || n < 1)
    return;
  if (alpha != 1 || (beta != 0 && beta != 1) || k < 1) {
    retort_sgemm(transpose_a, transpose_b, m, n, k, alpha, a, a_stride, b, b_stride, beta, c, c_stride, threads);
    return;
  }
  product p = {.tiles = tiles,
               .packing = packing,
               .transpose_a = transpose_a,
               .transpose_b = transpose_b,
               .accumulate = beta != 0,
               .m = m,
               .n = n,
               .k = k,
               .a_stride = a_stride,
               .b_stride = b_stride,
               .c_stride = c_stride,
               .a = a,
               .b = b,
               .c = c};
  int64_t rows = divide_up(m, tiles->heights[0]), columns = divide_up(n, tiles->columns);
  int64_t parts = lesser(threads, m * n * k / WORK_PER_PART);
  if (parts <= 1)
    multiply(&p);
  else if (rows >= columns)
    retort_parallel(multiply_rows, &p, rows, (int)parts);
  else
    retort_parallel(multiply_columns, &p, columns, (int)parts);
}
