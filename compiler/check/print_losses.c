/* `show --stage=losses`: each term of each stage as a formula, with its reduction, temperature, mask and weight. */
#include "compiler/check/experiment.h"
#include "compiler/check/formula.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ADDENDS_SHOWN = 3 };

typedef struct listed_term {
  const char *name;
  formula first; /* of its first addend */
  formula weight;
  int count;
  const char *others[ADDENDS_SHOWN]; /* formulas of those behind it; NULL: not shown */
  bool same_weight;
} listed_term;

struct loss_listing {
  int count;
  listed_term *terms;
};

static const char *written(elaborator *e, const expression *x) {
  text t = {0};
  expression_print(x, &t);
  const char *kept = arena_copy(e->arena, t.data, t.length);
  text_free(&t);
  return kept;
}

/* An addend behind the first, in a line with its parts where these are few. */
static const char *addend_text(elaborator *e, const formula *f) {
  enum { PARTS_SHOWN = 3 };
  text t = {0};
  text_add(&t, "%s", written(e, f->value));
  for (int i = f->part_count; i-- > 0 && f->part_count <= PARTS_SHOWN;)
    text_add(&t, "%s%s = %s", i == f->part_count - 1 ? "  where " : ", ", f->parts[i].name,
             written(e, f->parts[i].value));
  const char *kept = arena_copy(e->arena, t.data, t.length);
  text_free(&t);
  return kept;
}

void losses_note(stage_build *b, scope *s, const statement *what) {
  elaborator *e = b->elaborator;
  loss_listing *listing = b->program->listing;
  const member_list *members = &b->stage->objective_declaration->members;
  formula f = formula_of(e, s, members, what->value);
  static expression one = {.kind = EXPRESSION_INT, .as.integer = 1};
  formula weight = formula_of(e, s, members, what->weight ? what->weight : &one);
  for (int i = 0; i < listing->count; i++) {
    listed_term *t = &listing->terms[i];
    if (strcmp(t->name, what->name) != 0)
      continue;
    if (t->count < ADDENDS_SHOWN)
      t->others[t->count] = addend_text(e, &f);
    t->same_weight = t->same_weight && strcmp(written(e, t->weight.value), written(e, weight.value)) == 0;
    t->count++;
    return;
  }
  listed_term made = {.name = what->name, .first = f, .weight = weight, .count = 1, .same_weight = true};
  arena_append(e->arena, listing->terms, listing->count, made);
}

/* ---- printing ---- */

static void add_list(text *to, int count, const char *const *items, const char *between) {
  for (int i = 0; i < count; i++)
    text_add(to, "%s%s", i ? between : "", items[i]);
}

/* What stands in front of the term against what its temperature asks for. */
static void add_temperature(const formula *f, text *to) {
  if (f->temperature_count == 0) {
    text_add(to, "none");
    return;
  }
  add_list(to, f->temperature_count, f->temperatures, ", then ");
  char *end;
  double t = strtod(f->temperatures[0], &end);
  bool known = *end == 0 && f->temperature_count == 1;
  if (known && t != 1)
    text_add(to, fabs(f->factor - t * t) < 1e-6 * t * t ? "; its square in front" : "; its square is not in front");
  else if (!known)
    text_add(to, "; it changes");
}

static bool pads(elaborator *e, const formula *f) {
  bool found = strstr(written(e, f->value), "pad(");
  for (int i = 0; i < f->part_count; i++)
    found = found || strstr(written(e, f->parts[i].value), "pad(");
  return found;
}

static void add_mask(elaborator *e, const formula *f, text *to) {
  if (f->real_count) {
    text_add(to, "only real elements of ");
    add_list(to, f->real_count, f->real, ", ");
  } else if (f->padded_count) {
    text_add(to, "none: padding in ");
    add_list(to, f->padded_count, f->padded, ", ");
    text_add(to, " counts");
  } else if (pads(e, f)) {
    text_add(to, "none: padding counts, as zeros");
  } else {
    text_add(to, "none: nothing of varying length is reduced");
  }
}

static void add_parts(elaborator *e, const formula *f, text *to) {
  for (int i = f->part_count; i-- > 0;)
    text_add(to, "                 %s%s = %s\n", i == f->part_count - 1 ? "where " : "      ", f->parts[i].name,
             written(e, f->parts[i].value));
}

static void print_term(elaborator *e, const listed_term *t, text *to) {
  const formula *f = &t->first;
  text_add(to, "  loss %s\n    formula      %s\n", t->name, written(e, f->value));
  add_parts(e, f, to);
  for (int i = 1; i < t->count && i < ADDENDS_SHOWN; i++)
    text_add(to, "                 + %s\n", t->others[i]);
  if (t->count > ADDENDS_SHOWN)
    text_add(to, "                 + … (%d addends)\n", t->count);
  text_add(to, "    reduction    ");
  add_list(to, f->reduction_count, f->reductions, "; ");
  text_add(to, "%s\n    temperature  ", f->reduction_count ? "" : "none");
  add_temperature(f, to);
  text_add(to, "\n    mask         ");
  add_mask(e, f, to);
  text_add(to, "\n    weight       %s%s\n", written(e, t->weight.value),
           t->same_weight ? "" : " (of the first addend; others differ)");
  add_parts(e, &t->weight, to);
}

void program_print_losses(program *p, text *to, diagnostics *d) {
  elaborator *e = p->elaborator;
  e->diagnostics = d;
  for (int i = 0; p->experiment && i < p->experiment->stage_count; i++) {
    stage_record *s = p->experiment->stages[i];
    loss_listing listing = {0};
    p->listing = &listing;
    graph *g = stage_elaborate(p, s, GRAPH_FORWARD);
    p->listing = NULL;
    if (!g)
      continue;
    text_add(to, "stage %s: ", s->about.name);
    program_stage_models(p, &s->about, to);
    text_add(to, " with %s\n", s->about.objective);
    if (listing.count == 0)
      text_add(to, "  no loss: it only updates\n");
    for (int k = 0; k < listing.count; k++)
      print_term(e, &listing.terms[k], to);
  }
}
