/* Checks of what scales a loss: the temperature's square, padding in a mean. */
#include "compiler/advise/checks.h"

#include <math.h>
#include <string.h>

enum { FACTORS_MAX = 12 };

typedef struct factors { /* on the way from a node to the total loss */
  int count;
  double items[FACTORS_MAX];
  bool known; /* the way is linear, and all factors are numbers known now */
} factors;

/* ---- the way from a product to the total ---- */

static bool same_place(span a, span b) {
  return a.file == b.file && a.line == b.line && a.column == b.column && a.end_column == b.end_column;
}

/* The sum divided by its number of elements, both made by one call of `mean`. */
static bool is_mean(const node *n) {
  return n->op == OP_div && n->operands[0]->op == OP_reduce_sum && same_place(n->where, n->operands[0]->where);
}

static void add_factor(factors *f, double factor) {
  if (f->count < FACTORS_MAX)
    f->items[f->count++] = factor;
  else
    f->known = false;
}

/* What `user` does to x; false when it is not linear in it. */
static bool pass_through(const node *user, const node *x, factors *f) {
  double number;
  switch ((int)user->op) {
  case OP_add:
  case OP_sub:
  case OP_neg:
  case OP_reduce_sum:
  case OP_reshape:
  case OP_expand:
  case OP_permute:
  case OP_slice:
  case OP_where:
    return true;
  case OP_mul:
    if (user->operands[0] == user->operands[1])
      return false;
    if (constant_everywhere(user->operands[user->operands[0] == x], &number))
      add_factor(f, number);
    else
      f->known = false;
    return true;
  case OP_div:
    if (user->operands[0] != x)
      return false;
    if (is_mean(user))
      return true;
    if (constant_everywhere(user->operands[1], &number) && number != 0)
      add_factor(f, 1 / number);
    else
      f->known = false;
    return true;
  default:
    return false;
  }
}

/* The first user of each value that the loss depends on leads there; where there are several, all are the same sum. */
static factors factors_of(const judged *j, const node *n) {
  factors f = {.known = true};
  for (int i = n->id + 1; i < j->graph->node_count && n != j->view->total; i++) {
    const node *user = j->graph->nodes[i];
    bool uses = false;
    for (int k = 0; k < user->operand_count; k++)
      uses |= user->operands[k] == n;
    if (!uses || !j->live[i])
      continue;
    f.known = f.known && pass_through(user, n, &f);
    n = user;
  }
  return f;
}

static double product(const factors *f) {
  double all = 1;
  for (int i = 0; i < f->count; i++)
    all *= f->items[i];
  return all;
}

static bool nearly(double a, double b) {
  return fabs(a - b) <= 1e-5 * fabs(b);
}

/* Whether some of the factors are `wanted` together. */
static bool contains(const factors *f, double wanted) {
  for (unsigned set = 1; set < 1u << f->count; set++) {
    double some = 1;
    for (int i = 0; i < f->count; i++)
      some *= set >> i & 1 ? f->items[i] : 1;
    if (nearly(some, wanted))
      return true;
  }
  return false;
}

/* ---- T^2 ---- */

typedef struct soft_term {
  const node *at;
  double temperature;
  factors factors;
} soft_term;

static double temperature_of(const judged *j, const node *log) {
  const kind *k = &j->kinds[log->id];
  return k->form == FORM_DIFFERENCE && !j->reached[k->source->id] ? k->temperature2 : k->temperature;
}

/* -log q[label]: the product with the one-hot label, at T = 1. NULL: there is none. */
static const node *hard_term(const judged *j) {
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *target, *log;
    if (j->live[i] && is_cross_term(j, j->graph->nodes[i], &target, &log) && j->reached[log->id] &&
        !j->reached[target->id] && j->depends[target->id] & DEPENDS_LABELS &&
        !(j->depends[target->id] & DEPENDS_TEACHER) && temperature_of(j, log) == 1)
      return j->graph->nodes[i];
  }
  return NULL;
}

/* Whether the soft term is smaller than its formula's by T^2 beside the hard one. */
static bool lacks_square(const soft_term *soft, const factors *hard) {
  double square = soft->temperature * soft->temperature;
  if (!soft->factors.known || !hard->known || contains(&soft->factors, square))
    return false;
  double s = fabs(product(&soft->factors)), h = fabs(product(hard));
  return s <= 1 && !nearly(s / square + h, 1); /* T^2 multiplied into its weight */
}

void check_temperature_scale(judged *j) {
  const node *hard = hard_term(j);
  if (!hard)
    return;
  factors of_hard = factors_of(j, hard);
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *target, *log, *n = j->graph->nodes[i];
    if (!j->live[i] || !is_cross_term(j, n, &target, &log) || !j->reached[log->id] ||
        !(j->depends[target->id] & DEPENDS_TEACHER) || j->kinds[target->id].form != FORM_PROBABILITIES)
      continue;
    soft_term soft = {.at = n, .temperature = temperature_of(j, log), .factors = factors_of(j, n)};
    if (soft.temperature <= 1 || !lacks_square(&soft, &of_hard))
      continue;
    double t = soft.temperature;
    diagnostic *w = warn_at(j, n, "soft labels at temperature %g beside hard labels, without the factor T^2", t);
    if (!w)
      continue;
    diagnostic_note(w, warning_place(j, hard), "the hard labels are here");
    diagnostic_note(w, (span){0}, "the soft labels' gradients shrink with T^2: they count %g times too little", t * t);
    diagnostic_hint(w, "multiply the soft labels' loss by T^2 = %g, as soft_label_divergence does", t * t);
  }
}

/* ---- padding ---- */

void check_padding_mean(judged *j) {
  for (int i = 0; i < j->view->padded_count; i++) {
    const node *n = j->view->padded[i];
    if (n->id >= j->graph->node_count || !j->live[n->id])
      continue;
    diagnostic *w = warn_at(j, n, "a mean that counts padding");
    if (!w)
      continue;
    note_made(w, j, n, "the mean is here");
    diagnostic_note(w, (span){0},
                    "pad() makes all rows as long as the longest of the batch, and zeros count in the mean:");
    diagnostic_note(w, (span){0}, "how much a row weighs depends on which others are beside it");
    diagnostic_hint(w, "take the mean before pad(): it is then over real elements");
  }
}
