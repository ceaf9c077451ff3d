/* Settings of a stage beyond its length: what is frozen, what is measured while it runs, by what weights are chosen. */
#include "compiler/check/experiment.h"

#include <fnmatch.h>
#include <string.h>

/* ---- accumulate ---- */

void stage_read_accumulate(program *p, experiment *x, stage_record *s) {
  const expression *from = stage_setting_value(p, x, s->syntax, "accumulate");
  int64_t count = experiment_positive_int(p, x, from, "accumulate", 1);
  s->about.accumulate = count <= s->about.batch ? (int)count : 1;
  if (count > s->about.batch)
    diagnostic_error(p->elaborator->diagnostics, from->where, "a batch of %d rows cannot be computed in %lld parts",
                     s->about.batch, (long long)count);
}

void stage_read_by_length(program *p, experiment *x, stage_record *s) {
  const expression *from = stage_setting_value(p, x, s->syntax, "by_length");
  s->about.by_length = from ? experiment_positive_int(p, x, from, "by_length", 0) : 0;
}

void stage_cut(program *p, stage_record *s) {
  elaborator *e = p->elaborator;
  diagnostics *d = e->diagnostics;
  if (s->about.term_count == 0) {
    diagnostic_error(d, s->syntax->name_where, "stage '%s' has no loss whose gradients could be accumulated",
                     s->about.name);
    return;
  }
  e->diagnostics = diagnostics_create(p->arena); /* what there is to say of the stage is said */
  const graph *joint = stage_elaborate(p, s, GRAPH_GRADIENTS);
  e->diagnostics = d;
  accumulation_problem problem = {0};
  if (!joint || accumulate(joint, &s->parts, &problem))
    return;
  diagnostic *error =
      diagnostic_error(d, problem.at->where.file ? problem.at->where : s->syntax->name_where, "%s", problem.message);
  diagnostic_note(error, s->syntax->name_where, "stage '%s' accumulates gradients", s->about.name);
}

/* ---- freeze ---- */

static void add_pattern(program *p, stage_record *s, const expression *from, const value *v) {
  if (v->kind == VALUE_STRING)
    arena_append(p->arena, s->frozen, s->frozen_count, ((frozen_pattern){v->as.string, from->where, false}));
  else if (v->kind != VALUE_ERROR)
    diagnostic_hint(diagnostic_error(p->elaborator->diagnostics, from->where,
                                     "'freeze' takes a pattern of paths, or a list of them; this is %s",
                                     value_describe(p->elaborator, *v)),
                    "as in freeze \"encoder.layer.0.*\"");
}

void stage_read_frozen(program *p, experiment *x, stage_record *s) {
  const expression *from = stage_setting_value(p, x, s->syntax, "freeze");
  if (!from)
    return;
  value v = elaborate_expression(p->elaborator, x->scope, from);
  for (int i = 0; v.kind == VALUE_LIST && i < v.as.list->count; i++)
    add_pattern(p, s, from, &v.as.list->items[i]);
  if (v.kind != VALUE_LIST)
    add_pattern(p, s, from, &v);
}

bool stage_freezes(stage_record *s, const model_parameter *about) {
  bool frozen = false;
  for (int i = 0; i < s->frozen_count; i++)
    if (fnmatch(s->frozen[i].text, about->path, 0) == 0 || fnmatch(s->frozen[i].text, about->input, 0) == 0)
      frozen = s->frozen[i].matched = true;
  return frozen;
}

/* The path nearest to a pattern that matches none, by what stands before its first wildcard. */
static const char *nearest_path(stage_build *b, const char *pattern) {
  const instance_root *root = stage_student(b, 0)->root;
  const char **paths = arena_array(b->elaborator->arena, const char *, root->parameter_count);
  for (int i = 0; i < root->parameter_count; i++)
    paths[i] = root->parameters[i]->about.path;
  const char *nearest = nearest_name(pattern, paths, root->parameter_count);
  return nearest ? nearest : root->parameter_count > 0 ? paths[0] : NULL;
}

bool stage_check_frozen(stage_build *b) {
  diagnostics *d = b->elaborator->diagnostics;
  const stage_record *s = b->stage;
  for (int i = 0; i < s->frozen_count; i++) {
    const frozen_pattern *pattern = &s->frozen[i];
    if (pattern->matched)
      continue;
    diagnostic *e = diagnostic_error(d, pattern->where, "no parameter that stage '%s' would train is called '%s'",
                                     s->about.name, pattern->text);
    const char *nearest = nearest_path(b, pattern->text);
    if (nearest)
      diagnostic_hint(e, "paths are like '%s'; '*' stands for any characters", nearest);
    return false;
  }
  if (s->frozen_count == 0 || b->trained_count > 0)
    return true;
  diagnostic_error(d, s->frozen[0].where, "stage '%s' freezes all that it would train", s->about.name);
  return false;
}

/* ---- validation and choice ---- */

static const setting *find_setting(const item *what, const char *name) {
  for (int i = 0; i < what->setting_count; i++)
    if (strcmp(what->settings[i].name, name) == 0)
      return &what->settings[i];
  return NULL;
}

/* A set whose labels something is measured by; -1 after an error. */
static int labelled_set(program *p, experiment *x, span where, const char *name, const char *wanting) {
  int found = experiment_find_data(p, x, where, name);
  if (found < 0 || x->data[found]->source_count == 0 || x->data[found]->labelled)
    return found;
  diagnostic *e =
      diagnostic_error(p->elaborator->diagnostics, where, "'%s' needs labels, and '%s' has none", wanting, name);
  diagnostic_note(e, x->data[found]->where, "it is declared here");
  return -1;
}

static void read_keep(program *p, experiment *x, stage_record *s) {
  diagnostics *d = p->elaborator->diagnostics;
  const expression *metric = stage_setting_value(p, x, s->syntax, "keep");
  const setting *keep = find_setting(s->syntax, "keep");
  if (!metric)
    return;
  if (!keep || strcmp(keep->choice ? keep->choice : "", "best") != 0) {
    diagnostic *e = diagnostic_error(d, keep ? keep->choice_where : metric->where, "what is kept is the best");
    diagnostic_hint(e, "as in keep best accuracy on dev");
    return;
  }
  if (metric->kind != EXPRESSION_NAME || !experiment_has_metric(metric->as.name, EXPERIMENT_KEPT_COUNT)) {
    report_unknown(d, metric->where, "metric", metric->kind == EXPRESSION_NAME ? metric->as.name : "",
                   EXPERIMENT_KEPT_COUNT, experiment_metrics);
    return;
  }
  s->about.keep_data = labelled_set(p, x, keep->on.where, keep->on.name, "keep");
  s->about.keep_metric = metric->as.name;
  if (s->about.student_count > 1)
    diagnostic_error(d, keep->where, "stage '%s' trains %d models: whose best is to be kept?", s->about.name,
                     s->about.student_count);
}

void stage_read_validation(program *p, experiment *x, stage_record *s) {
  diagnostics *d = p->elaborator->diagnostics;
  const item *what = s->syntax;
  s->about.validate_data = s->about.keep_data = -1;
  const expression *validate = stage_setting_value(p, x, what, "validate");
  if (validate && validate->kind != EXPRESSION_NAME)
    diagnostic_error(d, validate->where, "'validate' names a data set");
  else if (validate)
    s->about.validate_data = labelled_set(p, x, validate->where, validate->as.name, "validate");
  read_keep(p, x, s);
  const expression *every = stage_setting_value(p, x, what, "every");
  const expression *keep = stage_setting_value(p, x, what, "keep");
  s->about.validate_every = experiment_positive_int(p, x, every, "every", 0);
  if (every && !validate && !keep)
    diagnostic_hint(diagnostic_error(d, every->where, "every %lld steps of what?", (long long)s->about.validate_every),
                    "as in validate dev every 100");
  const expression *patience = stage_setting_value(p, x, what, "patience");
  s->about.patience = experiment_positive_int(p, x, patience, "patience", 0);
  if (patience && !keep)
    diagnostic_hint(diagnostic_error(d, patience->where, "'patience' needs something that should get better"),
                    "as in keep best accuracy on dev  patience 3");
}

/* Whether two sets have rows in common, as far as their sources say. */
static bool share_rows(const program_data *a, const program_data *b) {
  if (a == b)
    return true;
  bool shares = a->share_end > a->share_begin && b->share_end > b->share_begin && a->share_seed == b->share_seed;
  if (shares && (a->share_end <= b->share_begin || b->share_end <= a->share_begin))
    return false;
  for (int i = 0; i < a->source_count; i++)
    for (int k = 0; k < b->source_count; k++)
      if (strcmp(a->sources[i].path, b->sources[k].path) == 0)
        return true;
  return false;
}

bool program_data_overlaps(const program *p, int a, int b) {
  return share_rows(p->experiment->data[a], p->experiment->data[b]);
}

span stage_validate_where(const stage_record *s) {
  const setting *validate = find_setting(s->syntax, "validate");
  return validate && validate->value ? validate->value->where : (span){0};
}

/* The evaluation on what `data` has rows of; NULL: none. */
static const program_evaluation *evaluation_on(const experiment *x, int data) {
  for (int i = 0; i < x->evaluation_count; i++) {
    int other = x->evaluations[i]->data;
    if (other >= 0 && share_rows(x->data[other], x->data[data]))
      return x->evaluations[i];
  }
  return NULL;
}

void experiment_check_choices(program *p, const experiment *x) {
  for (int i = 0; i < x->stage_count; i++) {
    const stage_record *s = x->stages[i];
    const setting *keep = find_setting(s->syntax, "keep");
    const char *name = keep && s->about.keep_data >= 0 ? x->data[s->about.keep_data]->name : NULL;
    const program_evaluation *measured = name ? evaluation_on(x, s->about.keep_data) : NULL;
    if (!measured && !(name && strcmp(name, "test") == 0))
      continue;
    diagnostic *e = diagnostic_error(p->elaborator->diagnostics, keep->on.where,
                                     "stage '%s' would choose its weights by '%s', which results are measured on",
                                     s->about.name, name);
    if (measured)
      diagnostic_note(e, measured->where, "here");
    diagnostic_hint(e, "choose by a set that is used for nothing else, as dev");
  }
}
