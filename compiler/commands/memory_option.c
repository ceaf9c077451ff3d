#include "compiler/commands/memory_option.h"
#include "compiler/commands/run_state.h"
#include "compiler/commands/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool memory_read(const char *of, const char *word, double *bytes) {
  int64_t size = 0;
  if (!word)
    return true;
  if (!parse_size(word, &size) || size < 1) {
    fprintf(stderr, "retort %s: --memory %s: expected a size, as 512M or 1.5GiB\n", of, word);
    return false;
  }
  *bytes = (double)size;
  return true;
}

/* ---- what was done ---- */

typedef struct repeated { /* values of one place in the source */
  const node *first;
  int count;
  double bytes;
} repeated;

static bool is_alike(const node *a, const node *b) {
  return a->op == b->op && a->where.file == b->where.file && a->where.line == b->where.line &&
         a->where.column == b->where.column;
}

static int by_bytes(const void *a, const void *b) {
  const repeated *x = a, *y = b;
  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  return x->first->id < y->first->id ? -1 : 1;
}

static int collect(arena *a, const rematerialization *r, repeated **found) {
  int count = 0;
  *found = NULL;
  for (int i = 0; i < r->value_count; i++) {
    int k = 0;
    while (k < count && !is_alike((*found)[k].first, r->values[i]))
      k++;
    if (k == count) {
      repeated one = {.first = r->values[i]};
      arena_append(a, *found, count, one);
    }
    (*found)[k].count++;
    (*found)[k].bytes += r->bytes[i];
  }
  if (count)
    qsort(*found, (size_t)count, sizeof **found, by_bytes);
  return count;
}

void memory_describe(arena *a, const rematerialization *r, text *to) {
  enum { LISTED_MOST = 12 };
  if (!r->value_count)
    return;
  repeated *list;
  int count = collect(a, r, &list), values = 0;
  text_add(to, "recomputed: %d values; the step takes %s in place of %s, for %.1f%% more operations\n", r->value_count,
           bytes_text(a, r->after), bytes_text(a, r->before),
           100 * r->repeated / (r->operations > 0 ? r->operations : 1));
  for (int i = 0; i < count && i < LISTED_MOST; i++) {
    const node *n = list[i].first;
    const char *slash = n->where.file ? strrchr(n->where.file->path, '/') : NULL;
    text_add(to, "  %4d x %-12s %10s", list[i].count, op_describe(n->op)->name, bytes_text(a, list[i].bytes));
    if (n->where.file)
      text_add(to, "  %s:%d:%d", slash ? slash + 1 : n->where.file->path, n->where.line, n->where.column);
    text_add(to, "\n");
    values += list[i].count;
  }
  if (values < r->value_count)
    text_add(to, "  and %d more\n", r->value_count - values);
}
