#include "compiler/commands/run_measured.h"
#include "compiler/check/view.h"
#include "runtime/data/equal_rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fewer equal rows than one in so many are chance, and change no result: SST-2 has some. */
enum { EQUAL_ROWS_SHARE = 200 };
static const double least_share = 0.01, largest_share = 0.99;

/* Prints warnings beneath what the progress shows. */
static void print_warnings(run_state *r, const diagnostics *d) {
  char *written = NULL;
  size_t size = 0;
  FILE *to = diagnostics_warning_count(d) > 0 ? open_memstream(&written, &size) : NULL;
  if (!to)
    return;
  diagnostics_print(d, to, r->colour);
  fclose(to);
  while (size > 0 && written[size - 1] == '\n')
    written[--size] = '\0';
  progress_say(r->progress, "%s", written);
  free(written);
}

/* ---- rows ---- */

/* The first stage that learns from a set; -1: none does. */
static int stage_on(const program *p, int data) {
  for (int i = 0; i < program_stage_count(p); i++)
    if (program_stage_at(p, i)->data == data && program_stage_at(p, i)->term_count > 0)
      return i;
  return -1;
}

static void compare_sets(run_state *r, const program_evaluation *v, int trained, diagnostics *d) {
  const program *p = r->program;
  int learning = stage_on(p, trained);
  const program_data *test = program_data_at(p, v->data), *train = program_data_at(p, trained);
  if (learning < 0 || !r->data[trained] || trained == v->data || !r->data[trained]->labels || !r->data[v->data]->labels)
    return; /* text without labels teaches nothing that the test asks for */
  int64_t first, all = r->data[v->data]->count;
  int64_t count = dataset_count_equal(r->data[v->data], r->data[trained], &first);
  if (count * EQUAL_ROWS_SHARE < all)
    return;
  diagnostic *w = advise_measured(CHECK_EQUAL_ROWS, &r->options->checks, d, test->where,
                                  "%lld of the %lld rows of '%s' are also in '%s'", (long long)count, (long long)all,
                                  test->name, train->name);
  if (!w)
    return;
  diagnostic_note(w, program_stage_view(p, learning)->objective, "stage '%s' learns from '%s'",
                  program_stage_at(p, learning)->name, train->name);
  diagnostic_note(w, v->where, "results are measured on '%s': on rows learned by heart they are too good", test->name);
  diagnostic_note(w, (span){0}, "the first of them is %s:%lld", dataset_file_of(r->data[v->data], first),
                  (long long)r->data[v->data]->lines[first]);
  diagnostic_hint(w, "leave them out of what is learned from");
}

int run_warn_equal_rows(run_state *r) {
  diagnostics *d = diagnostics_create(r->arena);
  const program *p = r->program;
  for (int i = 0; i < program_evaluation_count(p); i++) {
    const program_evaluation *v = program_evaluation_at(p, i);
    bool before = false;
    for (int k = 0; k < i; k++)
      before |= program_evaluation_at(p, k)->data == v->data;
    for (int t = 0; t < program_data_count(p) && !before; t++)
      compare_sets(r, v, t, d);
  }
  print_warnings(r, d);
  return diagnostics_warning_count(d);
}

/* ---- terms ---- */

/* The one weight of a term's addends; NaN: there are several, or it changes. */
static double weight_of(const stage_view *v, const char *term, span *where) {
  double factor = NAN;
  bool seen = false;
  for (int i = 0; i < v->loss_count; i++) {
    const viewed_loss *l = &v->losses[i];
    if (strcmp(l->name, term) != 0)
      continue;
    if (!l->weight_known || (seen && l->weight != factor))
      return NAN;
    factor = l->weight;
    *where = seen ? *where : l->name_where;
    seen = true;
  }
  return factor;
}

static void warn_share(run_state *r, const program_stage *s, const stage_view *v, int term, span where, double share,
                       diagnostics *d) {
  bool small = share < least_share;
  bool own = strcmp(where.file->path, v->file) == 0;
  diagnostic *w =
      advise_measured(CHECK_TERM_SHARE, &r->options->checks, d, own ? where : v->objective,
                      "loss '%s' is %s %.2g %% of the sum at the first step of stage '%s'", s->terms[term].name,
                      small ? "only" : "all but", small ? 100 * share : 100 * (1 - share), s->name);
  if (!w)
    return;
  if (!own)
    diagnostic_note(w, where, "it is here");
  diagnostic_note(w, (span){0}, small ? "the student learns by the others" : "the others do next to nothing");
  diagnostic_hint(w, "give it another weight: loss %s = … weight %s", s->terms[term].name, small ? "10.0" : "0.1");
}

void run_warn_term_shares(run_state *r, int index, const double *terms) {
  const program_stage *s = program_stage_at(r->program, index);
  const stage_view *v = program_stage_view(r->program, index);
  if (!v || s->term_count < 2)
    return;
  double *weighted = arena_array(r->arena, double, s->term_count), sum = 0;
  span *where = arena_array(r->arena, span, s->term_count);
  for (int i = 0; i < s->term_count; i++) {
    weighted[i] = fabs(weight_of(v, s->terms[i].name, &where[i]) * terms[i]);
    sum += weighted[i];
  }
  if (!isfinite(sum) || sum == 0)
    return;
  diagnostics *d = diagnostics_create(r->arena);
  bool large = false; /* then that one is said, not those that it leaves nothing to */
  for (int i = 0; i < s->term_count; i++)
    large |= weighted[i] > largest_share * sum;
  for (int i = 0; i < s->term_count; i++)
    if (large ? weighted[i] > largest_share * sum : weighted[i] < least_share * sum)
      warn_share(r, s, v, i, where[i], weighted[i] / sum, d);
  print_warnings(r, d);
}
