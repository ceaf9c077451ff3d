/* By which code a contraction is computed. */
#include "runtime/core/retort.h"

enum { ROWS = 128, ROWS_UNIT = 4 };

static int64_t round_up(int64_t a, int64_t unit) {
  return (a + unit - 1) / unit * unit;
}

double retort_cost_of(const retort_cost *cost, int64_t m, int64_t n, int64_t k) {
  double rows = (double)m, columns = (double)n, depth = (double)k;
  double multiplied = (double)round_up(m, ROWS_UNIT) * (double)round_up(n, (int64_t)cost->unit) * depth;
  return cost->call + cost->multiply * multiplied + cost->right * columns * depth + cost->left * rows * depth +
         cost->result * rows * columns;
}

/* Without costs, a rule; measured on one thread of an AMD EPYC (Zen 5) with AVX-512, on a machine with other work, the
 * best of 5 runs, in GFLOP/s: OpenBLAS 0.3.21 with its kernels for AVX2 / with those for AVX-512 / tiles for AVX-512 /
 * tiles for AVX2 / both with the right operand in panels. Multiply-add alone reaches 270 to 285 with AVX-512. t: right
 * operand transposed, a t: left.
 *
 *   m x n x k         AVX2  AVX-512   tiles   tiles for AVX2   in panels (AVX-512, AVX2)
 *   4096x256x1024      126      218     255              119                   252   121
 *   768x768x768        128      237     262              127                   275   131
 *   128x312x312 t      123      213     245              122                   262   128
 *   128x1200x312 t     121      221     249              122                   275   129
 *   32x312x312 t       102      145     210              105                   264   119
 *   32x1200x312 t      103      149     209              106                   274   123
 *   8x312x312 t         61       63     129               67                   256    97
 *   128x128x26 t       113      186     219              113                   243   119
 *   128x26x128         102      156     171               88                   172    90
 *   128x26x128 a t      98      191     218               99                   215   103
 *   64x64x64           119      264     224              113                   224   113
 *   64x64x64 t         109      172     204              105
 *   9x26x26             49       99      97               58                    98    67
 *   64x16x64            99      192     145               88                   143    88
 *   64x8x64             83      157      72               54                    72    55
 *   9x20x9              31       59      25               29                    25    32
 *
 * What has at most a vector of columns, or not a vector of depth, is the library's by this rule. Of the rest, tiles for
 * AVX-512 win against its kernels for AVX2, and against those for AVX-512 but for some small products; which kernels it
 * runs is not known here. Where only AVX2 is, the library stays unless costs were measured (target.c). */
int retort_chooses_tiles(const retort_cost *costs, int64_t lanes, int64_t n, int64_t k) {
  if (!costs)
    return n > lanes && k >= lanes;
  return retort_cost_of(&costs[0], ROWS, n, k) <= retort_cost_of(&costs[1], ROWS, n, k);
}
