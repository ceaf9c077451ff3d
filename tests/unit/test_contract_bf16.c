/* Contractions of operands rounded to bf16 against a plain loop over numbers that this file rounds by itself. */
#include "compiler/emit/emit.h"
#include "compiler/link/jit.h"
#include "tests/unit/contraction_problem.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS_MAX = 3 };

/* To nearest, ties to even, by looking at both neighbours. */
static double rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (!isfinite(x))
    return (double)x;
  uint32_t below = bits & 0xffff0000u, above = below + 0x10000u;
  float low, high;
  memcpy(&low, &below, sizeof low);
  memcpy(&high, &above, sizeof high);
  double next = isinf(high) ? copysign(0x1p128, (double)x) : (double)high; /* beyond it there is infinity */
  double down = fabs((double)x - (double)low), up = fabs(next - (double)x);
  bool even = !(below & 0x10000u);
  return down < up || (down == up && even) ? (double)low : (double)high;
}

static problem make(int64_t m, int64_t n, int64_t k, int kind, int64_t gap) {
  return problem_make(m, n, k, kind & 1, kind & 2 ? RETORT_TRANSPOSED : RETORT_ROWS, kind & 4, gap);
}

static void problem_run(problem *p, const retort_bf16_tiles *tiles, void *packing, int threads) {
  problem_reset(p);
  retort_contract_bf16(tiles, packing, p->transpose_a, p->form_b, p->m, p->n, p->k, 1, p->a, p->a_stride, p->b,
                       p->b_stride, p->beta, p->c, p->c_stride, threads);
}

static void check_shape(const retort_bf16_tiles *tiles, void *packing, int64_t m, int64_t n, int64_t k, int kind) {
  problem p = make(m, n, k, kind, problem_draw(2) ? (int64_t)problem_draw(9) : 0);
  problem_run(&p, tiles, packing, 1);
  problem_check(&p, rounded);
  problem_free(&p);
}

/* ---- the tests ---- */

typedef struct fixture {
  arena *arena;
  target *target;
  linked_object *linked;
  const retort_bf16_tiles *tiles;
  void *packing;
} fixture;

static int set_up(void **context) {
  fixture *f = calloc(1, sizeof *f);
  const char *wrong = NULL;
  assert_non_null(f);
  f->arena = arena_create();
  f->target = target_create(f->arena, "native", &wrong);
  *context = f;
  if (!f->target || !target_multiplies_bf16(f->target))
    return 0;
  text object = {0};
  assert_null(emit_bf16_tiles_alone(f->arena, f->target, "tiles_alone", &object));
  f->linked = jit_link(f->arena, object.data, object.length, &wrong);
  text_free(&object);
  assert_non_null(f->linked);
  f->tiles = jit_symbol(f->linked, f->arena, "tiles_alone", &wrong);
  assert_non_null(f->tiles);
  f->packing = problem_packing(THREADS_MAX);
  return 0;
}

static int tear_down(void **context) {
  fixture *f = *context;
  free(f->packing);
  jit_unlink(f->linked);
  target_destroy(f->target);
  arena_destroy(f->arena);
  free(f);
  return 0;
}

static const fixture *fixture_of(void **context) {
  const fixture *f = *context;
  if (!f->tiles) {
    print_message("this CPU does not multiply bf16\n");
    skip();
  }
  return f;
}

static void test_small(void **context) {
  const fixture *f = fixture_of(context);
  for (int64_t m = 1; m <= 40; m += 1 + (m > 16))
    for (int64_t n = 1; n <= 40; n++)
      for (int kind = 0; kind < 8; kind++)
        check_shape(f->tiles, f->packing, m, n, 1 + (int64_t)problem_draw(70), kind);
}

static void test_blocks(void **context) {
  const fixture *f = fixture_of(context);
  static const int64_t shapes[][3] = {{5, 7, 768},    {70, 33, 769},  {25, 700, 1541}, {13, 1500, 40},
                                      {130, 9, 1200}, {128, 128, 26}, {128, 26, 128},  {64, 64, 64}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < 8; kind++)
      check_shape(f->tiles, f->packing, shapes[i][0], shapes[i][1], shapes[i][2], kind);
}

/* One number that is not finite is in its row and its column, and nowhere else. */
static void test_not_finite(void **context) {
  const fixture *f = fixture_of(context);
  for (int kind = 0; kind < 8; kind++)
    for (int times = 0; times < 40; times++) {
      problem p =
          make(1 + (int64_t)problem_draw(40), 1 + (int64_t)problem_draw(70), 1 + (int64_t)problem_draw(40), kind, 0);
      static const float values[] = {NAN, INFINITY, -INFINITY};
      p.a[problem_draw((uint64_t)p.a_count)] = values[problem_draw(3)];
      p.b[problem_draw((uint64_t)p.b_count)] = values[problem_draw(3)];
      problem_run(&p, f->tiles, f->packing, 1);
      problem_check(&p, rounded);
      problem_free(&p);
    }
}

/* A right operand that lies in panels, as it is prepared once: the same bits. */
static void test_panels(void **context) {
  const fixture *f = fixture_of(context);
  static const int64_t shapes[][3] = {{32, 90, 51}, {1, 500, 800}, {33, 130, 1401}, {7, 16, 1}, {600, 33, 64}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < 8; kind++) {
      problem p = make(shapes[i][0], shapes[i][1], shapes[i][2], kind, 3);
      problem_run(&p, f->tiles, f->packing, 1);
      float *expected_c = p.c;
      int64_t words = (p.k + 1) / 2, panels = (p.n + RETORT_PANEL_COLUMNS - 1) / RETORT_PANEL_COLUMNS;
      float *kept = problem_numbers(panels * words * RETORT_PANEL_COLUMNS);
      for (int64_t j = 0; j < p.n; j += f->tiles->tiles.lanes) {
        float *to = kept + j / RETORT_PANEL_COLUMNS * words * RETORT_PANEL_COLUMNS + j % RETORT_PANEL_COLUMNS;
        int64_t columns = p.n - j < f->tiles->tiles.lanes ? p.n - j : f->tiles->tiles.lanes;
        if (p.form_b == RETORT_TRANSPOSED)
          f->tiles->along(p.b + j * p.b_stride, p.b_stride, columns, p.k, to, RETORT_PANEL_COLUMNS);
        else
          f->tiles->across(p.b + j, p.b_stride, p.k, columns, to, RETORT_PANEL_COLUMNS);
      }
      p.c = problem_numbers(p.c_count);
      for (int threads = 1; threads <= THREADS_MAX; threads++) {
        problem_reset(&p);
        retort_contract_bf16(f->tiles, f->packing, p.transpose_a, RETORT_PANELS, p.m, p.n, p.k, 1, p.a, p.a_stride,
                             kept, words * RETORT_PANEL_COLUMNS, p.beta, p.c, p.c_stride, threads);
        assert_memory_equal(p.c, expected_c, (size_t)p.c_count * sizeof *p.c);
      }
      free(kept);
      free(expected_c);
      problem_free(&p);
    }
}

/* Every number of bf16's 16 bits and halfway between two, by a product with one. */
static void test_rounding(void **context) {
  const fixture *f = fixture_of(context);
  static const uint32_t behind[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  float one = 1, *a = malloc(65536 * sizeof *a), *c = malloc(65536 * sizeof *c);
  assert_true(a && c);
  for (size_t part = 0; part < sizeof behind / sizeof *behind; part++) {
    int64_t count = 0;
    for (uint32_t high = 0; high < 65536; high++) {
      uint32_t bits = high << 16 | behind[part];
      memcpy(&a[count], &bits, sizeof bits);
      count += isfinite(a[count]) && fabsf(a[count]) >= 0x1p-126f; /* denormals are zero */
    }
    retort_contract_bf16(f->tiles, f->packing, 0, 0, count, 1, 1, 1, a, 1, &one, 1, 0, c, 1, 1);
    for (int64_t i = 0; i < count; i++)
      if ((double)c[i] != rounded(a[i]))
        fail_msg("%a: expected %a, found %a", (double)a[i], rounded(a[i]), (double)c[i]);
  }
  free(a);
  free(c);
}

/* The same bits with every number of threads, and of a row whatever the others are. */
static void test_bits(void **context) {
  const fixture *f = fixture_of(context);
  static const int64_t shapes[][3] = {{300, 90, 50}, {24, 500, 800}, {33, 130, 1400}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < 8; kind++) {
      problem p = make(shapes[i][0], shapes[i][1], shapes[i][2], kind, 3);
      problem_run(&p, f->tiles, f->packing, 1);
      problem_check(&p, rounded);
      float *alone = malloc((size_t)p.c_count * sizeof *alone);
      assert_non_null(alone);
      memcpy(alone, p.c, (size_t)p.c_count * sizeof *alone);
      for (int threads = 2; threads <= THREADS_MAX; threads++) {
        problem_run(&p, f->tiles, f->packing, threads);
        assert_memory_equal(alone, p.c, (size_t)p.c_count * sizeof *alone);
      }
      for (int64_t row = 0; row < p.m && !p.transpose_a; row += 7) {
        problem one = p;
        one.a += row * p.a_stride;
        one.before += row * p.c_stride;
        one.m = 1;
        one.c_count = p.n;
        problem_run(&one, f->tiles, f->packing, 1);
        assert_memory_equal(alone + row * p.c_stride, p.c, (size_t)p.n * sizeof *p.c);
      }
      free(alone);
      problem_free(&p);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_small),      cmocka_unit_test(test_blocks),
                                     cmocka_unit_test(test_not_finite), cmocka_unit_test(test_rounding),
                                     cmocka_unit_test(test_panels),     cmocka_unit_test(test_bits)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
