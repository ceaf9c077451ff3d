/* Checks of who is teacher and who is student: by the names of parameters, and by where gradients flow. */
#include "compiler/advise/checks.h"

#include <string.h>

static bool is_live(const judged *j, const traced_call *c) {
  return c->result && j->live[c->result->id];
}

static const traced_argument *find_argument(const traced_call *c, const char *name) {
  for (int i = 0; i < c->argument_count; i++)
    if (strcmp(c->arguments[i].name, name) == 0)
      return &c->arguments[i];
  return NULL;
}

static bool only_teachers(const judged *j, const node *n) {
  return !j->reached[n->id] && j->depends[n->id] & DEPENDS_TEACHER;
}

/* A cross entropy alone: with the entropy beside it, it would be a reverse divergence. */
static bool has_entropy_of(const judged *j, const kind *p) {
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *target, *log;
    if (!j->live[i] || !is_cross_term(j, j->graph->nodes[i], &target, &log))
      continue;
    const kind *l = &j->kinds[log->id], *t = &j->kinds[target->id];
    if (l->form == FORM_LOG_PROBABILITIES && t->source == p->source && l->source == p->source)
      return true;
  }
  return false;
}

static void exchanged_in_formulas(judged *j) {
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *target, *log;
    if (!j->live[i] || !is_cross_term(j, j->graph->nodes[i], &target, &log))
      continue;
    const kind *p = &j->kinds[target->id], *l = &j->kinds[log->id];
    if (p->form != FORM_PROBABILITIES || l->form != FORM_LOG_PROBABILITIES || !j->reached[target->id] ||
        !only_teachers(j, log) || has_entropy_of(j, p))
      continue;
    diagnostic *w = warn_at(j, j->graph->nodes[i], "a cross entropy whose target is the student");
    if (!w)
      continue;
    diagnostic_note(w, (span){0},
                    "the least of -sum(q log p) over q puts all of q on the teacher's first class, "
                    "whatever else the teacher says");
    diagnostic_hint(w, "the teacher's probabilities are the target: -sum(p log q), as in soft_cross_entropy");
  }
}

void check_exchanged(judged *j) {
  const traced_call *reported = NULL;
  for (int i = 0; i < j->view->call_count; i++) {
    const traced_call *c = &j->view->calls[i];
    const traced_argument *student = find_argument(c, "student"), *teacher = find_argument(c, "teacher");
    bool within = reported && c->begin < reported->end;
    if (!student || !teacher || within || !is_live(j, c) || !only_teachers(j, student->value) ||
        !j->reached[teacher->value->id])
      continue;
    reported = c;
    diagnostic *w =
        warn_where(j, c->where, "'%s' takes student and teacher, and gets them in each other's place", c->callee);
    if (!w)
      continue;
    diagnostic_label(w, student->where, "'student': only a frozen model");
    diagnostic_label(w, teacher->where, "'teacher': what is trained");
    diagnostic_note(w, (span){0}, "a divergence is not symmetric: exchanged it is another one, with another gradient");
    diagnostic_hint(w, "if the reverse divergence is meant, say so: reverse_kl_divergence(student, teacher)");
  }
  exchanged_in_formulas(j);
}

/* ---- gradients into targets ---- */

static void explain_target(diagnostic *w) {
  diagnostic_note(w, (span){0}, "what is imitated moves towards who imitates: both can meet where nothing is learned");
  diagnostic_hint(w, "hold it still: stop_gradient(...)");
}

static void into_arguments(judged *j) {
  static const char *const targets[] = {"teacher", "target", "targets"};
  for (int i = 0; i < j->view->call_count; i++) {
    const traced_call *c = &j->view->calls[i];
    for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
      const traced_argument *target = find_argument(c, targets[k]);
      bool other = false;
      for (int n = 0; n < c->argument_count; n++)
        other |= &c->arguments[n] != target && j->reached[c->arguments[n].value->id];
      if (!target || !other || c->model || !is_live(j, c) || !j->reached[target->value->id])
        continue;
      diagnostic *w = warn_where(j, target->where, "a gradient flows into the %s of '%s'", targets[k], c->callee);
      if (w)
        explain_target(w);
    }
  }
}

static void into_distributions(judged *j) {
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *target, *log;
    if (!j->live[i] || !is_cross_term(j, j->graph->nodes[i], &target, &log))
      continue;
    const kind *p = &j->kinds[target->id], *l = &j->kinds[log->id];
    bool ratio = l->form == FORM_DIFFERENCE;
    const node *compared = ratio ? l->other : l->source;
    bool of_target = !ratio || l->source == p->source; /* p log(p / q) */
    if (p->form != FORM_PROBABILITIES || !of_target || compared == p->source || !j->reached[target->id] ||
        !j->reached[compared->id])
      continue;
    diagnostic *w = warn_at(j, j->graph->nodes[i], "a gradient flows into the target of this cross entropy");
    if (!w)
      continue;
    diagnostic_label(w, warning_place(j, target), "this is the target, and trained too");
    explain_target(w);
  }
}

void check_gradient_into_target(judged *j) {
  into_arguments(j);
  into_distributions(j);
}

/* ---- dropout ---- */

void check_teacher_dropout(judged *j) {
  for (int i = 0; i < j->graph->node_count; i++) {
    const node *n = j->graph->nodes[i];
    for (int t = 0; t < j->stage->teacher_count && n->op == OP_random && j->live[i]; t++) {
      const char *teacher = program_model_at(j->program, j->stage->teachers[t])->name, *site = n->attributes.site.name;
      size_t length = strlen(teacher);
      if (strncmp(site, teacher, length) != 0 || site[length] != '/')
        continue;
      diagnostic *w = warn_where(j, n->where, "'%s' is a frozen teacher and draws random numbers", teacher);
      if (!w)
        continue;
      diagnostic_note(w, j->view->objective, "it teaches in stage '%s'", j->stage->name);
      diagnostic_note(w, (span){0}, "the student then learns another target for the same row each time");
      diagnostic_hint(w, "put it under `if training`, which is false in a frozen teacher; dropout of nn.rt is");
    }
  }
}
