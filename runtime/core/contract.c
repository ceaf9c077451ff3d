/* Matrix products by emitted register tiles: blocks, packing, threads.
 *
 * After K. Goto, R. van de Geijn, «Anatomy of high-performance matrix multiplication», TOMS 34 (2008). A block of the
 * right operand is packed, panel by panel of as many columns as a tile has, so that it fits the second-level cache;
 * then a panel of the left operand is packed into the first-level cache, and meets every panel of the right one.
 *
 * Operands that are rounded to bf16 are words of two numbers that follow each other in depth: the product is one over
 * half the depth, and only packing knows. It rounds; panels hold words already.
 *
 * Each element of the result is the sum over k in rising order, cut into the same blocks of depth wherever the element
 * lies, so it depends neither on threads nor on how many rows and columns there are beside it. Of reproducible code the
 * blocks do not depend on k either, so that zeros behind the last number change nothing. */
#include "runtime/core/retort.h"
#include <string.h>

enum {
  DEPTH_MAX = 384, /* of a block: a panel of 12 rows takes 24 KiB of the first-level cache */
  LEFT_LANES_MAX = 16,
  LEFT_FLOATS = DEPTH_MAX * LEFT_LANES_MAX,
  ALL_FLOATS = (int)(RETORT_PACKING_BYTES / sizeof(float)),
  RIGHT_FLOATS = ALL_FLOATS - LEFT_FLOATS,
  ONE_PANEL_FLOATS = DEPTH_MAX * RETORT_PANEL_COLUMNS,
  LEFT_PANELS_MAX = 40,
  IN_PLACE_ROWS = 64,     /* up to so many rows, packing the right operand costs more than it gives */
  IN_PLACE_STRIDE = 256,  /* and when several rows of it lie in a page of memory */
  IN_PLACE_COLUMNS = 64,  /* up to so many columns, the same of a left operand that lies as tiles read it */
  ROWS_UNIT = 4,          /* rows are shared out by so many */
  WORK_PER_PART = 1 << 17 /* multiplications: less is not worth waking a thread */
};

typedef struct product {
  const retort_tiles *tiles;
  const retort_bf16_tiles *bf16; /* NULL: float32. Else k counts words, */
  int64_t numbers;               /* of so many numbers in depth; strides of a and b are theirs, but for panels */
  float *packing;
  int transpose_a, accumulate;
  retort_form form_b;
  int64_t m, n, k, a_stride, b_stride, c_stride;
  const float *a, *b;
  float *c;
} product;

static int64_t lesser(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* ---- packing ---- */

static inline void copy_full(const float *from, int64_t from_stride, int64_t count, float *to, size_t width) {
  for (int64_t i = 0; i < count; i++)
    memcpy(to + i * (int64_t)width, from + i * from_stride, width * sizeof(float));
}

/* Rows of `columns` numbers into rows of `width`. What is missing to the width is of no meaning: the next row's
 * numbers, and zero in the last rows, behind which there may be none. */
static void copy_rows(const float *from, int64_t from_stride, int64_t count, int64_t columns, float *to,
                      int64_t width) {
  int64_t missing = width - columns;
  if (missing > 0 && from_stride > 0) {
    int64_t safe = count - divide_up(missing, from_stride);
    if (safe > 0) {
      copy_rows(from, from_stride, safe, width, to, width);
      from += safe * from_stride;
      to += safe * width;
      count -= safe;
    }
  }
  if (columns == width && width == 32)
    copy_full(from, from_stride, count, to, 32);
  else if (columns == width && width == 16)
    copy_full(from, from_stride, count, to, 16);
  else if (columns == width && width == 8)
    copy_full(from, from_stride, count, to, 8);
  else
    for (int64_t i = 0; i < count; i++) {
      memcpy(to + i * width, from + i * from_stride, (size_t)columns * sizeof(float));
      memset(to + i * width + columns, 0, (size_t)(width - columns) * sizeof(float));
    }
}

/* Column i of the `count` x `columns` numbers goes to row i of width `width`, a multiple of a vector; what is missing
 * to that width repeats the last row. */
static void transpose_rows(const retort_tiles *t, const float *from, int64_t from_stride, int64_t count,
                           int64_t columns, float *to, int64_t width) {
  for (int64_t first = 0; first < width; first += t->lanes) {
    int64_t row = lesser(first, count - 1), rows = lesser(count - row, t->lanes);
    const float *at = from + row * from_stride;
    if (columns >= t->lanes)
      t->transpose(at, from_stride, rows, columns, to + first, width);
    else
      for (int64_t j = 0; j < columns; j++)
        for (int64_t i = 0; i < t->lanes; i++)
          to[j * width + first + i] = at[lesser(i, rows - 1) * from_stride + j];
  }
}

/* ---- one thread ---- */

typedef struct block { /* depths [l, l + depth) of the product; columns [j, j + width) */
  int64_t l, depth, j, width;
  int64_t in_place; /* the stride of depths with which full panels of the right operand are read where they are, or 0 */
  float *left, *right;
} block;

/* What lies at (l, j + column) of the right operand. */
static const float *right_at(const product *p, const block *b, int64_t column) {
  int64_t j = b->j + column;
  switch (p->form_b) {
  case RETORT_TRANSPOSED:
    return p->b + j * p->b_stride + b->l;
  case RETORT_PANELS:
    return p->b + j / RETORT_PANEL_COLUMNS * p->b_stride + b->l * RETORT_PANEL_COLUMNS + j % RETORT_PANEL_COLUMNS;
  case RETORT_ROWS:
    break;
  }
  return p->b + b->l * p->b_stride + j;
}

/* Whether the panel of so many columns is read where it is. */
static int is_in_place(const product *p, const block *b, int64_t columns) {
  return b->in_place && (columns == p->tiles->columns || p->form_b == RETORT_PANELS || p->tiles->exact);
}

/* The numbers in depth of a block of words: the last word may hold one. */
static int64_t numbers_of(const product *p, const block *b) {
  return lesser(2 * b->depth, p->numbers - 2 * b->l);
}

static void pack_right_bf16(const product *p, const block *b) {
  const retort_tiles *t = p->tiles;
  int64_t numbers = numbers_of(p, b);
  float *to = b->right;
  for (int64_t column = 0; column < b->width; column += t->columns, to += t->columns * b->depth)
    for (int64_t lane = 0; lane < lesser(t->columns, b->width - column); lane += t->lanes) {
      int64_t j = b->j + column + lane, columns = lesser(t->lanes, p->n - j);
      if (p->form_b == RETORT_TRANSPOSED)
        p->bf16->along(p->b + j * p->b_stride + 2 * b->l, p->b_stride, columns, numbers, to + lane, t->columns);
      else
        p->bf16->across(p->b + 2 * b->l * p->b_stride + j, p->b_stride, numbers, columns, to + lane, t->columns);
    }
}

static void pack_right(const product *p, const block *b) {
  if (p->bf16 && p->form_b != RETORT_PANELS) {
    pack_right_bf16(p, b);
    return;
  }
  int64_t width = p->tiles->columns;
  float *to = b->right;
  for (int64_t column = 0; column < b->width; column += width) {
    int64_t columns = lesser(width, b->width - column);
    if (is_in_place(p, b, columns))
      continue;
    if (p->form_b == RETORT_TRANSPOSED)
      transpose_rows(p->tiles, right_at(p, b, column), p->b_stride, columns, b->depth, to, width);
    else
      copy_rows(right_at(p, b, column), p->b_stride, b->depth, columns, to, width);
    to += width * b->depth;
  }
}

typedef struct left_panel { /* rows of the left operand as tiles of a height read them */
  const float *at;
  int64_t stride, rows; /* of depths */
  int height;           /* which */
} left_panel;

static int64_t left_width(const retort_tiles *t) {
  return divide_up(t->heights[0], t->lanes) * t->lanes;
}

static int height_for(const retort_tiles *t, int64_t rows) {
  int i = t->count - 1;
  while (t->heights[i] < rows)
    i--;
  return i;
}

static left_panel pack_left_bf16(const product *p, const block *b, int64_t row, int64_t rows, float *room) {
  const retort_tiles *t = p->tiles;
  left_panel made = {.at = room, .stride = left_width(t), .rows = rows, .height = height_for(t, rows)};
  if (p->transpose_a)
    p->bf16->across(p->a + 2 * b->l * p->a_stride + row, p->a_stride, numbers_of(p, b), rows, room, made.stride);
  else
    p->bf16->along(p->a + row * p->a_stride + 2 * b->l, p->a_stride, rows, numbers_of(p, b), room, made.stride);
  return made;
}

static left_panel find_left(const product *p, const block *b, int64_t row, int64_t rows, float *room) {
  if (p->bf16)
    return pack_left_bf16(p, b, row, rows, room);
  const retort_tiles *t = p->tiles;
  left_panel found = {.at = room, .stride = left_width(t), .rows = rows, .height = height_for(t, rows)};
  if (!p->transpose_a) {
    transpose_rows(t, p->a + row * p->a_stride + b->l, p->a_stride, rows, b->depth, room, found.stride);
    return found;
  }
  const float *from = p->a + b->l * p->a_stride + row;
  if (rows == t->heights[found.height] && b->width <= IN_PLACE_COLUMNS) {
    found.at = from;
    found.stride = p->a_stride;
    return found;
  }
  /* What lies behind the rows is read with them where it is there: whole vectors are faster. */
  copy_rows(from, p->a_stride, b->depth, lesser(found.stride, p->m - row), room, found.stride);
  return found;
}

/* Where what is read after those columns begins, when it is in panels; it is fetched meanwhile. */
static const float *right_behind(const product *p, const block *b, int64_t column) {
  if (p->form_b != RETORT_PANELS)
    return NULL;
  if (column < b->width)
    return right_at(p, b, column);
  block next = *b;
  next.l += b->depth;
  return next.l < p->k ? right_at(p, &next, 0) : NULL;
}

/* The columns, as a tile has them, of all rows. Each tile fetches its part of what comes next. */
static void multiply_column(const product *p, const block *b, const left_panel *left, int count, const float *right,
                            int64_t right_stride, int64_t column, float *c) {
  const retort_tiles *t = p->tiles;
  int64_t columns = lesser(t->columns, b->width - column), accumulate = p->accumulate || b->l > 0;
  retort_tile *const *tiles = columns <= t->lanes ? t->narrow : t->tiles;
  const float *next = right_behind(p, b, column + t->columns);
  int64_t step = next ? RETORT_PANEL_COLUMNS / count : 0;
  for (int i = 0; i < count; i++) {
    tiles[left[i].height](left[i].at, left[i].stride, right, right_stride, b->depth, c, p->c_stride, left[i].rows,
                          columns, accumulate, next ? next : right, step);
    c += left[i].rows * p->c_stride;
    if (next)
      next += step * b->depth;
  }
}

/* Rows [row, row + rows) of the block: each panel of the right operand meets all of them while it is in the first-level
 * cache. */
static void multiply_rows_of_block(const product *p, const block *b, int64_t row, int64_t rows) {
  const retort_tiles *t = p->tiles;
  left_panel left[LEFT_PANELS_MAX];
  int count = 0;
  for (int64_t i = 0; i < rows; i += t->heights[0], count++)
    left[count] = find_left(p, b, row + i, lesser(t->heights[0], rows - i), b->left + count * b->depth * left_width(t));
  const float *packed = b->right;
  for (int64_t column = 0; column < b->width; column += t->columns) {
    float *c = p->c + row * p->c_stride + b->j + column;
    if (is_in_place(p, b, lesser(t->columns, b->width - column))) {
      multiply_column(p, b, left, count, right_at(p, b, column), b->in_place, column, c);
      continue;
    }
    multiply_column(p, b, left, count, packed, t->columns, column, c);
    packed += t->columns * b->depth;
  }
}

/* The block with its room: where the right operand is in place but for the columns behind its last whole panel, all
 * but a panel is the left one's. */
static block place_block(const product *p, block b) {
  float *second = p->packing + (b.in_place ? ONE_PANEL_FLOATS : LEFT_FLOATS);
  b.left = b.in_place ? second : p->packing;
  b.right = b.in_place ? p->packing : second;
  return b;
}

static int64_t rows_fitting(const product *p, const block *b) {
  const retort_tiles *t = p->tiles;
  if (!b->in_place)
    return t->heights[0];
  return lesser(LEFT_PANELS_MAX, (ALL_FLOATS - ONE_PANEL_FLOATS) / (b->depth * left_width(t))) * t->heights[0];
}

/* How many columns of so much depth are a block: as equal ones as whole panels allow. */
static int64_t block_columns(const product *p, int64_t depth) {
  int64_t fitting = RIGHT_FLOATS / depth / RETORT_PANEL_COLUMNS, panels = divide_up(p->n, RETORT_PANEL_COLUMNS);
  return divide_up(panels, divide_up(panels, fitting)) * RETORT_PANEL_COLUMNS;
}

static void multiply(const product *p) {
  int64_t depth = p->tiles->always > 1 ? lesser(p->k, DEPTH_MAX) : divide_up(p->k, divide_up(p->k, DEPTH_MAX));
  int in_rows = !p->bf16 && p->form_b == RETORT_ROWS && (p->m <= IN_PLACE_ROWS || p->b_stride <= IN_PLACE_STRIDE);
  int64_t in_place = p->form_b == RETORT_PANELS ? RETORT_PANEL_COLUMNS : in_rows ? p->b_stride : 0;
  int64_t columns = in_place ? p->n : block_columns(p, depth);
  for (int64_t j = 0; j < p->n; j += columns)
    for (int64_t l = 0; l < p->k; l += depth) {
      block b = place_block(p, (block){.l = l,
                                       .depth = lesser(depth, p->k - l),
                                       .j = j,
                                       .width = lesser(columns, p->n - j),
                                       .in_place = in_place});
      pack_right(p, &b);
      int64_t fitting = rows_fitting(p, &b);
      for (int64_t row = 0; row < p->m; row += fitting)
        multiply_rows_of_block(p, &b, row, lesser(fitting, p->m - row));
    }
}

/* ---- several threads ---- */

static void multiply_rows(void *context, int64_t begin, int64_t end, int64_t worker) {
  product part = *(const product *)context;
  int64_t from = begin * ROWS_UNIT, to = lesser(end * ROWS_UNIT, part.m);
  part.a += part.transpose_a ? from : from * part.a_stride;
  part.c += from * part.c_stride;
  part.m = to - from;
  part.packing += worker * (int64_t)(RETORT_PACKING_BYTES / sizeof(float));
  multiply(&part);
}

/* Columns [begin, end) in units of panels. */
static void multiply_columns(void *context, int64_t begin, int64_t end, int64_t worker) {
  product part = *(const product *)context;
  int64_t from = begin * RETORT_PANEL_COLUMNS, to = lesser(end * RETORT_PANEL_COLUMNS, part.n);
  part.b = right_at(&part, &(block){.j = from}, 0);
  part.c += from;
  part.n = to - from;
  part.packing += worker * (int64_t)(RETORT_PACKING_BYTES / sizeof(float));
  multiply(&part);
}

/* Each part reads the whole of one operand, and packs it: the smaller one, unless the parts differ too much. */
static int shares_columns(const product *p, int64_t parts) {
  int64_t panels = divide_up(p->n, RETORT_PANEL_COLUMNS), most = divide_up(panels, parts) * parts;
  int64_t rows = divide_up(p->m, ROWS_UNIT), most_rows = divide_up(rows, parts) * parts;
  int even = panels * 10 >= most * 9, even_rows = rows * 10 >= most_rows * 9;
  return even != even_rows ? even : p->n >= p->m;
}

static void multiply_parallel(product *p, int threads) {
  int64_t parts = lesser(threads, p->m * p->n * p->k / WORK_PER_PART);
  if (parts <= 1)
    multiply(p);
  else if (shares_columns(p, parts))
    retort_parallel(multiply_columns, p, divide_up(p->n, RETORT_PANEL_COLUMNS), (int)parts);
  else
    retort_parallel(multiply_rows, p, divide_up(p->m, ROWS_UNIT), (int)parts);
}

/* ---- */

/* What both forms of numbers have alike; the caller adds its tiles and k. */
static product product_of(void *packing, int transpose_a, int form_b, int64_t m, int64_t n, const float *a,
                          int64_t a_stride, const float *b, int64_t b_stride, float beta, float *c, int64_t c_stride) {
  return (product){.packing = packing,
                   .transpose_a = transpose_a,
                   .form_b = (retort_form)form_b,
                   .accumulate = beta != 0,
                   .m = m,
                   .n = n,
                   .a_stride = a_stride,
                   .b_stride = b_stride,
                   .c_stride = c_stride,
                   .a = a,
                   .b = b,
                   .c = c};
}

void retort_contract(const retort_tiles *tiles, void *packing, int transpose_a, int form_b, int64_t m, int64_t n,
                     int64_t k, float alpha, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                     float beta, float *c, int64_t c_stride, int threads) {
  int served = alpha == 1 && (beta == 0 || beta == 1) && k > 0;
  int chosen = served && (tiles->always || retort_chooses_tiles(tiles->costs, tiles->lanes, n, k));
  if (form_b != RETORT_PANELS && !chosen) {
    retort_sgemm(transpose_a, form_b == RETORT_TRANSPOSED, m, n, k, alpha, a, a_stride, b, b_stride, beta, c, c_stride,
                 threads);
    return;
  }
  product p = product_of(packing, transpose_a, form_b, m, n, a, a_stride, b, b_stride, beta, c, c_stride);
  p.tiles = tiles;
  p.k = k;
  multiply_parallel(&p, threads);
}

/* Measured as in choice.c, in GFLOP/s beside the peak of vdpbf16ps and of multiply-add in float32 of the same run, here
 * 555 and 276; right operand transposed (t), or in panels:
 *
 *   m x n x k        bf16  float32      m x n x k             bf16  float32
 *   4096x312x312 t    481      249      32x312x312 panels      500      260
 *   4096x1200x312 t   487      250      32x1200x312 panels     533      272
 *   128x768x768 t     454      239      32x312x1200 panels     490      246
 *   128x128x64 t      401      226      128x768x768 panels     528      264
 *   128x128x26 t      333      205      128x3072x768 panels    532      262
 *   32x312x312 t      350      199      128x768x3072 panels    513      258 */
void retort_contract_bf16(const retort_bf16_tiles *bf16, void *packing, int transpose_a, int form_b, int64_t m,
                          int64_t n, int64_t k, float alpha, const float *a, int64_t a_stride, const float *b,
                          int64_t b_stride, float beta, float *c, int64_t c_stride, int threads) {
  if (form_b != RETORT_PANELS && (alpha != 1 || (beta != 0 && beta != 1) || k < 1)) {
    retort_sgemm(transpose_a, form_b == RETORT_TRANSPOSED, m, n, k, alpha, a, a_stride, b, b_stride, beta, c, c_stride,
                 threads);
    return;
  }
  product p = product_of(packing, transpose_a, form_b, m, n, a, a_stride, b, b_stride, beta, c, c_stride);
  p.tiles = &bf16->tiles;
  p.bf16 = bf16;
  p.numbers = k;
  p.k = divide_up(k, 2);
  if (m > 0 && n > 0)
    multiply_parallel(&p, threads);
}
