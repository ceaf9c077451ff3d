#include "compiler/source/diagnostic.h"
#include <string.h>

enum { LENGTH_MAX = 63 };

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its restricted form (optimal string alignment): insertions, deletions, substitutions
 * and swaps of neighbours, no piece edited twice. Both lengths are at most LENGTH_MAX. */
static int distance(const char *a, int a_length, const char *b, int b_length) {
  int rows[3][LENGTH_MAX + 1];
  int *before = rows[0], *last = rows[1], *row = rows[2];
  for (int j = 0; j <= b_length; j++)
    last[j] = j;
  for (int i = 1; i <= a_length; i++) {
    row[0] = i;
    for (int j = 1; j <= b_length; j++) {
      row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = least(row[j], before[j - 2] + 1);
    }
    int *oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  return last[b_length];
}

const char *nearest_name(const char *name, const char *const *names, int count) {
  size_t length = strlen(name);
  if (length > LENGTH_MAX)
    return NULL;
  const char *best = NULL;
  int allowed = (int)length / 3;
  for (int i = 0; i < count; i++) {
    size_t other = strlen(names[i]);
    if (other > LENGTH_MAX)
      continue;
    int d = distance(name, (int)length, names[i], (int)other);
    if (d > 0 && d <= allowed) {
      best = names[i];
      allowed = d - 1; /* only a nearer one replaces it: the first of equals stays */
    }
  }
  return best;
}
