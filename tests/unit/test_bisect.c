/* The search for the pass that makes a result wrong, with results that are wrong on purpose. */
#include "compiler/link/bisect.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* Wrong when all of `wrong` passes are on (bits by number) and fusion makes more than `good_merges` merges. */
typedef struct machine {
  unsigned wrong;
  int good_merges, merges, asked;
} machine;

static const pass_switches all_on;

static bool agrees(void *context, const pass_switches *s) {
  machine *m = context;
  m->asked++;
  int merges = s->merge_limit && s->merge_limit - 1 < m->merges ? s->merge_limit - 1 : m->merges;
  return (m->wrong & s->without) != 0 || merges < m->good_merges + 1;
}

static void a_right_result_is_asked_for_once(void **unused) {
  (void)unused;
  machine m = {.wrong = 1, .good_merges = 10, .merges = 10};
  assert_int_equal(bisect_search(agrees, &m, &all_on, m.merges).outcome, BISECT_RIGHT);
  assert_int_equal(m.asked, 1);
}

static void each_wrong_pass_is_named(void **unused) {
  (void)unused;
  for (int i = 0; passes[i].name; i++) {
    machine m = {.wrong = 1U << i, .good_merges = -1, .merges = 10};
    bisect_result r = bisect_search(agrees, &m, &all_on, m.merges);
    assert_int_equal(r.outcome, BISECT_ONE);
    assert_string_equal(r.name, passes[i].name);
    assert_int_equal(r.right.without, 1U << i);
    assert_int_equal(r.merge, 0);
  }
}

static void the_wrong_merge_is_found(void **unused) {
  (void)unused;
  int pass_count = 0;
  while (passes[pass_count].name)
    pass_count++;
  for (int wrong = 1; wrong <= 100; wrong++) {
    machine m = {.good_merges = wrong - 1, .merges = 100};
    bisect_result r = bisect_search(agrees, &m, &all_on, m.merges);
    assert_int_equal(r.outcome, BISECT_ONE);
    assert_string_equal(r.name, "fuse");
    assert_int_equal(r.merge, wrong);
    assert_true(agrees(&m, &r.right));
    assert_true(m.asked < pass_count + 12); /* each once, and halves of 100 */
  }
}

static void a_fault_elsewhere_is_no_pass_s(void **unused) {
  (void)unused;
  machine m = {.good_merges = -1, .merges = 10};
  assert_int_equal(bisect_search(agrees, &m, &all_on, m.merges).outcome, BISECT_ELSEWHERE);
}

/* Either of two passes alone makes the result wrong. */
static bool agrees_without_two(void *context, const pass_switches *s) {
  unsigned both = *(unsigned *)context;
  return (s->without & both) == both;
}

static void the_first_of_two_wrong_passes_is_named(void **unused) {
  (void)unused;
  unsigned both = 1U << 1 | 1U << 3;
  bisect_result r = bisect_search(agrees_without_two, &both, &all_on, 5);
  assert_int_equal(r.outcome, BISECT_TOGETHER);
  assert_string_equal(r.name, passes[1].name);
  assert_true(agrees_without_two(&both, &r.right));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_right_result_is_asked_for_once), cmocka_unit_test(each_wrong_pass_is_named),
      cmocka_unit_test(the_wrong_merge_is_found), cmocka_unit_test(a_fault_elsewhere_is_no_pass_s),
      cmocka_unit_test(the_first_of_two_wrong_passes_is_named)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
