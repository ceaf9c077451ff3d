/* A stage's graph: models, objective, losses; then, for the joint graph, gradients and the optimizer's updates. */
#include "compiler/check/experiment.h"

#include <string.h>

model_record *stage_teacher(const stage_build *b, int index) {
  return b->experiment->models[b->stage->about.teachers[index]];
}

model_record *stage_student(const stage_build *b, int index) {
  return b->experiment->models[b->stage->about.students[index]];
}

static bool is_complete(const experiment *x, const stage_record *s) {
  bool complete = s->models_known && s->objective_declaration;
  for (int i = 0; complete && i < s->about.teacher_count; i++)
    complete = x->models[s->about.teachers[i]]->root;
  for (int i = 0; complete && i < s->about.student_count; i++)
    complete = x->models[s->about.students[i]]->root;
  return complete;
}

/* `m`: of a model, whose frozen parameters nobody has to miss; NULL: of fits. */
static void collect_trained(stage_build *b, const instance_root *root, model_record *m) {
  for (int i = 0; i < root->parameter_count; i++) {
    const instance_parameter *p = root->parameters[i];
    if (!p->about.trained)
      continue;
    if (stage_freezes(b->stage, &p->about)) {
      if (m)
        m->reached[i] = true;
    } else if (p->state && p->generation == b->elaborator->generation)
      arena_append(b->elaborator->arena, b->trained, b->trained_count, p->state);
  }
}

static void add_up_losses(stage_build *b) {
  graph *g = b->graph;
  for (int i = 0; i < b->loss_count; i++) {
    node *addend = b->losses[i].weighted;
    b->total = b->total ? graph_binary(g, OP_add, b->total, addend, addend->where) : addend;
  }
  if (!b->total) /* an objective that only updates */
    b->total = graph_scalar(g, 0, b->stage->objective->where);
  graph_output_add(g, "loss", b->total);
  program_term *terms = arena_array(g->arena, program_term, b->loss_count);
  int count = 0;
  for (int i = 0; i < b->loss_count; i++) {
    const char *name = b->losses[i].syntax->name;
    bool seen = false;
    for (int k = 0; k < count; k++)
      seen |= strcmp(terms[k].name, name) == 0;
    if (seen)
      continue;
    node *sum = b->losses[i].value;
    for (int k = i + 1; k < b->loss_count; k++)
      if (strcmp(b->losses[k].syntax->name, name) == 0)
        sum = graph_binary(g, OP_add, sum, b->losses[k].value, sum->where);
    terms[count] = (program_term){.name = name, .output = arena_print(g->arena, "loss.%s", name)};
    graph_output_add(g, terms[count++].output, sum);
  }
  b->stage->about.term_count = count;
  b->stage->about.terms = terms;
}

static void record_fits(stage_build *b) {
  model_parameter *fit = arena_array(b->graph->arena, model_parameter, b->fits->parameter_count);
  for (int i = 0; i < b->fits->parameter_count; i++)
    fit[i] = b->fits->parameters[i]->about;
  b->stage->about.fit_count = b->fits->parameter_count;
  b->stage->about.fit = fit;
}

/* Kinds of inputs and `training` for all that this stage runs. */
static void set_roles(stage_build *b) {
  const stage_record *s = b->stage;
  for (int i = 0; i < s->about.teacher_count; i++) {
    instance_root *teacher = stage_teacher(b, i)->root;
    teacher->kind = INPUT_WEIGHT;
    teacher->training = false;
  }
  for (int i = 0; i < s->about.student_count; i++) {
    instance_root *student = stage_student(b, i)->root;
    student->kind = INPUT_STATE;
    student->training = true;
  }
  b->fits = arena_new(b->elaborator->arena, instance_root);
  b->fits->prefix = s->about.name;
  b->fits->kind = INPUT_STATE;
  b->fits->training = true;
}

/* ---- what the experiment as a whole reads ---- */

static void note_tap(instance *i, void *context) {
  stage_build *b = context;
  experiment *x = b->experiment;
  if (i->generation != b->elaborator->generation)
    return;
  for (int t = 0; t < i->tap_count; t++) {
    const tap *from = &i->taps[t];
    int k = 0;
    while (k < x->tap_count && memcmp(&x->taps[k].where, &from->where, sizeof from->where) != 0)
      k++;
    if (k == x->tap_count)
      arena_append(b->elaborator->arena, x->taps, x->tap_count, *from);
    x->taps[k].read = x->taps[k].read || from->read;
  }
}

static void note_what_is_read(stage_build *b) {
  for (int i = 0; i < b->stage->about.student_count; i++)
    instance_walk(stage_student(b, i)->root->top, note_tap, b);
  for (int i = 0; i < b->stage->about.teacher_count; i++)
    instance_walk(stage_teacher(b, i)->root->top, note_tap, b);
}

/* A frozen model's weights that the objective updates are states: nothing may be folded or packed from them. */
static bool teachers_change(const stage_build *b) {
  bool change = false;
  for (int i = 0; i < b->stage->about.teacher_count; i++) {
    const instance_root *teacher = stage_teacher(b, i)->root;
    for (int k = 0; k < teacher->parameter_count; k++) {
      const instance_parameter *p = teacher->parameters[k];
      change |= p->generation == b->elaborator->generation && p->state && p->value != p->state;
    }
  }
  return change;
}

static void record_view(stage_build *b) {
  elaborator *e = b->elaborator;
  viewed_loss *losses = arena_array(e->arena, viewed_loss, b->loss_count);
  for (int i = 0; i < b->loss_count; i++) {
    const loss_addend *l = &b->losses[i];
    losses[i] = (viewed_loss){.name = l->syntax->name,
                              .name_where = l->syntax->name_where,
                              .where = l->syntax->value->where,
                              .value = l->value,
                              .weighted = l->weighted,
                              .weight_known = l->weight_known,
                              .weight = l->weight};
  }
  stage_view *view = b->stage->view = arena_new(e->arena, stage_view);
  *view = (stage_view){.graph = *b->graph,
                       .total = b->total,
                       .loss_count = b->loss_count,
                       .losses = losses,
                       .call_count = e->call_count,
                       .calls = e->calls,
                       .trained_count = b->trained_count,
                       .trained = b->trained,
                       .padded_count = e->padded_count,
                       .padded = e->padded,
                       .objective = b->stage->objective->where,
                       .declared = b->stage->objective_declaration->name_where,
                       .validate = stage_validate_where(b->stage),
                       .file = b->program->file->syntax->file->path};
}

graph *stage_elaborate(program *p, stage_record *stage, graph_extent extent) {
  elaborator *e = p->elaborator;
  if (!is_complete(p->experiment, stage))
    return NULL;
  int errors = diagnostics_error_count(e->diagnostics);
  stage_build b = {.program = p, .experiment = p->experiment, .stage = stage, .elaborator = e};
  b.graph = elaborator_begin(e, stage->about.name);
  b.scope = scope_create(e, scope_of_file(e, stage->objective_file));
  set_roles(&b);
  if (!objective_elaborate(&b))
    return NULL;
  record_fits(&b);
  note_what_is_read(&b);
  stage->about.teachers_change = teachers_change(&b);
  for (int i = 0; i < stage->about.student_count; i++)
    collect_trained(&b, stage_student(&b, i)->root, stage_student(&b, i));
  collect_trained(&b, b.fits, NULL);
  if (!stage_check_frozen(&b))
    return NULL;
  add_up_losses(&b);
  if (!losses_check(&b))
    return NULL;
  record_view(&b);
  if (extent != GRAPH_FORWARD && b.loss_count > 0 && !optimizer_elaborate(&b, extent == GRAPH_GRADIENTS))
    return NULL;
  return diagnostics_error_count(e->diagnostics) == errors ? b.graph : NULL;
}

/* ---- warnings ---- */

static void warn_unreached(program *p, const model_record *m) {
  enum { NAMED_MAX = 4 };
  text names = {0};
  int count = 0;
  for (int i = 0; i < m->about.parameter_count; i++) {
    if (!m->about.parameters[i].trained || m->reached[i])
      continue;
    if (count < NAMED_MAX)
      text_add(&names, "%s%s", count ? ", " : "", m->about.parameters[i].path);
    count++;
  }
  if (count > 0) {
    diagnostic *e = diagnostic_warning(p->elaborator->diagnostics, m->where, "no loss trains %d parameter%s of '%s'",
                                       count, count == 1 ? "" : "s", m->about.name);
    diagnostic_note(e, (span){0}, "%s%s", names.data, count > NAMED_MAX ? ", …" : "");
  }
  text_free(&names);
}

void experiment_warn(program *p) {
  experiment *x = p->experiment;
  for (int i = 0; i < x->model_count; i++)
    if (x->models[i]->root && x->models[i]->trained)
      warn_unreached(p, x->models[i]);
  for (int i = 0; i < x->tap_count; i++) {
    const tap *t = &x->taps[i];
    if (t->read || t->where.file != p->file->syntax->file) /* a library's taps are there for whoever wants them */
      continue;
    diagnostic_warning(p->elaborator->diagnostics, t->where, "no objective reads tap '%s'", t->name);
  }
}
