/* Contractions by emitted tiles against a plain loop: on every kind of target that this machine runs. */
#include "compiler/emit/emit.h"
#include "compiler/link/jit.h"
#include "tests/unit/contraction_problem.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS_MAX = 3, KINDS = 12 };

static problem make(int64_t m, int64_t n, int64_t k, int kind, int64_t gap) {
  return problem_make(m, n, k, kind & 1, (retort_form)(kind / 4), kind & 2, gap);
}

static void problem_run(problem *p, const retort_tiles *tiles, void *packing, int threads) {
  problem_reset(p);
  retort_contract(tiles, packing, p->transpose_a, p->form_b, p->m, p->n, p->k, p->alpha, p->a, p->a_stride, p->b,
                  p->b_stride, p->beta, p->c, p->c_stride, threads);
}

static void check_shape(const retort_tiles *tiles, void *packing, int64_t m, int64_t n, int64_t k, int kind) {
  problem p = make(m, n, k, kind, problem_draw(2) ? (int64_t)problem_draw(9) : 0);
  problem_run(&p, tiles, packing, 1);
  problem_check(&p, NULL);
  problem_free(&p);
}

/* ---- the tests, for each target ---- */

static void test_small(const retort_tiles *tiles, void *packing) {
  for (int64_t m = 1; m <= 40; m += 1 + (m > 16))
    for (int64_t n = 1; n <= 40; n++)
      for (int kind = 0; kind < KINDS; kind++)
        check_shape(tiles, packing, m, n, 1 + (int64_t)problem_draw(40), kind);
}

static void test_blocks(const retort_tiles *tiles, void *packing) {
  static const int64_t shapes[][3] = {{5, 7, 384},    {70, 33, 385},  {65, 700, 769}, {13, 1500, 40},
                                      {130, 9, 1200}, {128, 128, 26}, {128, 26, 128}, {64, 64, 64}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < KINDS; kind++)
      check_shape(tiles, packing, shapes[i][0], shapes[i][1], shapes[i][2], kind);
}

/* One number that is not finite is in its row and its column, and nowhere else. */
static void test_not_finite(const retort_tiles *tiles, void *packing) {
  for (int kind = 0; kind < KINDS; kind++)
    for (int times = 0; times < 40; times++) {
      problem p =
          make(1 + (int64_t)problem_draw(40), 1 + (int64_t)problem_draw(70), 1 + (int64_t)problem_draw(40), kind, 0);
      static const float values[] = {NAN, INFINITY, -INFINITY};
      p.a[problem_draw((uint64_t)p.a_count)] = values[problem_draw(3)];
      p.b[problem_draw((uint64_t)p.b_count)] = values[problem_draw(3)];
      problem_run(&p, tiles, packing, 1);
      problem_check(&p, NULL);
      problem_free(&p);
    }
}

/* The same bits with every number of threads and in every run. */
static void test_threads(const retort_tiles *tiles, void *packing) {
  static const int64_t shapes[][3] = {{300, 90, 50}, {24, 500, 400}, {33, 130, 700}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < KINDS; kind++) {
      problem p = make(shapes[i][0], shapes[i][1], shapes[i][2], kind, 3);
      problem_run(&p, tiles, packing, 1);
      problem_check(&p, NULL);
      float *alone = malloc((size_t)p.c_count * sizeof *alone);
      assert_non_null(alone);
      memcpy(alone, p.c, (size_t)p.c_count * sizeof *alone);
      for (int threads = 1; threads <= THREADS_MAX; threads++) {
        problem_run(&p, tiles, packing, threads);
        assert_memory_equal(alone, p.c, (size_t)p.c_count * sizeof *alone);
      }
      free(alone);
      problem_free(&p);
    }
}

/* The same bits in whatever form the right operand lies: what is prepared does not change a result. */
static void test_forms(const retort_tiles *tiles, void *packing) {
  static const int64_t shapes[][3] = {{70, 90, 50}, {5, 520, 800}, {33, 24, 9}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    int64_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
    problem p = make(m, n, k, 0, 0), q = make(m, n, k, 8, 0);
    memcpy(q.a, p.a, (size_t)p.a_count * sizeof *p.a);
    for (int64_t l = 0; l < k; l++)
      for (int64_t j = 0; j < n; j++)
        q.b[problem_place_of_b(&q, l, j)] = p.b[problem_place_of_b(&p, l, j)];
    problem_run(&p, tiles, packing, 1);
    problem_run(&q, tiles, packing, 2);
    assert_memory_equal(p.c, q.c, (size_t)p.c_count * sizeof *p.c);
    problem_free(&p);
    problem_free(&q);
  }
}

/* A row does not depend on which other rows there are. */
static void test_rows(const retort_tiles *tiles, void *packing) {
  problem p = make(150, 45, 500, 4, 0);
  problem_run(&p, tiles, packing, 1);
  for (int64_t row = 0; row < 150; row += 7) {
    problem one = p;
    one.c = problem_numbers(p.n);
    one.m = 1;
    one.a = p.a + row * p.a_stride;
    one.c_count = p.n;
    problem_run(&one, tiles, packing, 1);
    assert_memory_equal(one.c, p.c + row * p.c_stride, (size_t)p.n * sizeof *p.c);
    free(one.c);
  }
  problem_free(&p);
}

/* What the tiles do not serve: the library's. */
static void test_others(const retort_tiles *tiles, void *packing) {
  problem p = make(20, 30, 40, 2, 1);
  p.alpha = 0.5f;
  p.beta = 1;
  problem_run(&p, tiles, packing, 1);
  problem_check(&p, NULL);
  problem_free(&p);
}

static void run_all(void **unused) {
  (void)unused;
  static const char *const cpus[] = {"native", "x86-64", "haswell", "skylake-avx512"};
  int ran = 0;
  for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
    arena *a = arena_create();
    const char *wrong = NULL;
    target *t = target_create(a, cpus[i], &wrong);
    if (t && target_is_runnable(t)) {
      target_set_contractions(t, CONTRACTIONS_EMITTED);
      text object = {0};
      wrong = emit_tiles_alone(a, t, "tiles_alone", &object);
      assert_null(wrong);
      linked_object *linked = jit_link(a, object.data, object.length, &wrong);
      assert_non_null(linked);
      const retort_tiles *tiles = jit_symbol(linked, a, "tiles_alone", &wrong);
      assert_non_null(tiles);
      assert_int_equal(tiles->heights[tiles->count - 1], 1);
      assert_int_equal(tiles->always, 1);
      void *packing = problem_packing(THREADS_MAX);
      test_small(tiles, packing);
      test_blocks(tiles, packing);
      test_not_finite(tiles, packing);
      test_threads(tiles, packing);
      test_forms(tiles, packing);
      test_rows(tiles, packing);
      test_others(tiles, packing);
      free(packing);
      jit_unlink(linked);
      text_free(&object);
      ran++;
    }
    target_destroy(t);
    arena_destroy(a);
  }
  assert_true(ran > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(run_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
