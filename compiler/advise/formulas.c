/* Checks by what values are (kinds.h): formulas that run and are not what their names say. */
#include "compiler/advise/checks.h"

/* The live nodes whose operation looks like that mistake. */
static const node *next_odd(const judged *j, oddity what, int *from) {
  for (; *from < j->graph->node_count; ++*from)
    if (j->live[*from] && j->kinds[*from].odd == what)
      return j->graph->nodes[(*from)++];
  return NULL;
}

/* Where the probabilities came up that lead to n by its first operands. */
static const node *origin_of(const judged *j, const node *n) {
  while (n->operand_count > 0 && j->kinds[n->operands[0]->id].form == FORM_PROBABILITIES)
    n = n->operands[0];
  return n;
}

void check_softmax_of_distribution(judged *j) {
  int from = 0;
  for (const node *n; (n = next_odd(j, ODD_SOFTMAX, &from));) {
    diagnostic *w = warn_at(j, n, "a softmax of what is a distribution already");
    if (!w)
      continue;
    note_made(w, j, n, "the second softmax is here");
    const node *x = n->operands[0]->op == OP_exp ? n->operands[0]->operands[0] : n->operands[0];
    diagnostic_note(w, warning_place(j, origin_of(j, x)), "the distribution comes from here");
    diagnostic_note(w, (span){0}, "of values between 0 and 1 it is nearly uniform, and its gradients are small");
    diagnostic_hint(w, "give the logits to what takes logits, or leave this softmax out");
  }
}

void check_log_of_logits(judged *j) {
  int from = 0;
  for (const node *n; (n = next_odd(j, ODD_LOG, &from));) {
    bool logs = j->kinds[n->operands[0]->id].form == FORM_LOG_PROBABILITIES;
    diagnostic *w = warn_at(j, n, logs ? "a logarithm of what are logarithms already" : "a logarithm of logits");
    if (!w)
      continue;
    note_made(w, j, n, "the logarithm is here");
    diagnostic_note(w, (span){0},
                    logs ? "logarithms of probabilities are 0 or less: theirs is NaN"
                         : "logits can be any numbers: the logarithm of a negative one is NaN");
    diagnostic_hint(w, logs ? "leave one of them out" : "the logarithms of the probabilities are log_softmax(logits)");
  }
}

static void explain_unnormalized(diagnostic *w) {
  diagnostic_note(w, (span){0}, "log(e^a / e^b) is a - b, so a loss -sum(p log(e^a / e^b)) is linear in the logits:");
  diagnostic_note(w, (span){0}, "it has no minimum, and its gradient is p or -p however near the student is");
  diagnostic_hint(w, "a divergence compares log_softmax of both: kl_divergence(student, teacher)");
}

/* log(e^yT / e^yS), and the same with the logarithm taken by hand. */
void check_unnormalized(judged *j) {
  int from = 0;
  for (const node *n; (n = next_odd(j, ODD_UNNORMAL, &from));) {
    diagnostic *w = warn_at(j, n, "a logarithm of e^logits that no sum over the classes divides");
    if (!w)
      continue;
    note_made(w, j, n, "the logarithm is here");
    explain_unnormalized(w);
  }
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *n = j->graph->nodes[i];
    if (!j->live[i] || n->op != OP_mul)
      continue;
    for (int k = 0; k < 2; k++) {
      const kind *p = &j->kinds[n->operands[k]->id], *d = &j->kinds[n->operands[1 - k]->id];
      if (p->form != FORM_PROBABILITIES || d->form != FORM_DIFFERENCE || d->of != FORM_EXPONENTIAL || d->odd)
        continue;
      diagnostic *w = warn_at(j, n, "probabilities times a difference of logits, which are no log-probabilities");
      if (w)
        explain_unnormalized(w);
    }
  }
}

static bool is_log(const kind *k) {
  return k->form == FORM_LOG_PROBABILITIES || (k->form == FORM_DIFFERENCE && k->of == FORM_PROBABILITIES);
}

bool is_cross_term(const judged *j, const node *n, const node **target, const node **log) {
  if (n->op != OP_mul || n->operands[0] == n->operands[1])
    return false;
  const node *a = n->operands[0], *b = n->operands[1];
  const kind *ka = &j->kinds[a->id], *kb = &j->kinds[b->id];
  bool both = is_log(ka) && is_log(kb);
  if (both && (ka->form == FORM_DIFFERENCE || kb->form == FORM_DIFFERENCE || ka->source == kb->source))
    return false;
  bool first = both ? j->reached[a->id] : is_log(ka); /* of two logarithms the trained one is the student's */
  *log = first ? a : b;
  *target = first ? b : a;
  return first || is_log(kb);
}

void check_target(judged *j) {
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *target, *log;
    if (!j->live[i] || !is_cross_term(j, j->graph->nodes[i], &target, &log) || !j->reached[log->id])
      continue;
    form f = j->kinds[target->id].form;
    const char *what = f == FORM_LOGITS              ? "logits"
                       : f == FORM_LOG_PROBABILITIES ? "logarithms of probabilities"
                       : f == FORM_EXPONENTIAL       ? "e^x that no sum divides"
                                                     : NULL;
    diagnostic *w = what ? warn_at(j, j->graph->nodes[i], "the target of this cross entropy is no distribution") : NULL;
    if (!w)
      continue;
    diagnostic_note(w, (span){0}, "its values are %s, which do not sum to 1:", what);
    diagnostic_note(w, (span){0}, "the least cross entropy is not where student and target agree");
    diagnostic_hint(w, f == FORM_LOG_PROBABILITIES ? "take exp of them" : "take softmax of the logits");
  }
}
