#include "compiler/link/bisect.h"

static int pass_count(void) {
  int count = 0;
  while (passes[count].name)
    count++;
  return count;
}

/* Number `count` is fusion. */
static const char *name_of(int number) {
  return number < pass_count() ? passes[number].name : "fuse";
}

/* The least number of merges with which the result is wrong: with none it is right, with `wrong` it is not. */
static int first_wrong_merge(bisect_agrees *agrees, void *context, pass_switches switches, int wrong) {
  int right = 0;
  while (wrong - right > 1) {
    int middle = right + (wrong - right) / 2;
    switches.merge_limit = middle + 1;
    if (agrees(context, &switches))
      right = middle;
    else
      wrong = middle;
  }
  return wrong;
}

static bisect_result found(bisect_agrees *agrees, void *context, bisect_outcome outcome, int number,
                           pass_switches right, pass_switches wrong, int merges) {
  bisect_result r = {.outcome = outcome, .name = name_of(number), .right = right};
  if (number == pass_count() && merges > 0) {
    r.merge = first_wrong_merge(agrees, context, wrong, merges);
    r.right.merge_limit = r.merge;
  }
  return r;
}

bisect_result bisect_search(bisect_agrees *agrees, void *context, const pass_switches *start, int merges) {
  int count = pass_count();
  pass_switches all_on = *start, switches = all_on;
  if (agrees(context, &all_on))
    return (bisect_result){.outcome = BISECT_RIGHT};
  for (int i = 0; i <= count; i++) {
    switches = all_on;
    passes_switch_off(&switches, name_of(i));
    if (agrees(context, &switches))
      return found(agrees, context, BISECT_ONE, i, switches, all_on, merges);
  }
  for (int i = 0; i <= count; i++)
    passes_switch_off(&switches, name_of(i));
  if (!agrees(context, &switches))
    return (bisect_result){.outcome = BISECT_ELSEWHERE, .right = switches};
  for (int i = 0; i <= count; i++) {
    pass_switches right = switches;
    if (i < count)
      switches.without &= ~(1U << i);
    else
      switches.merge_limit = 0;
    if (i == count || !agrees(context, &switches))
      return found(agrees, context, BISECT_TOGETHER, i, right, switches, merges);
  }
  return (bisect_result){.outcome = BISECT_ELSEWHERE};
}
