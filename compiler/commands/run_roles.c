/* What part each model has in an experiment, and which one another is measured by. */
#include "compiler/commands/run_state.h"
#include <string.h>

static bool teaches(const program_stage *s, int model) {
  for (int i = 0; i < s->teacher_count; i++)
    if (s->teachers[i] == model)
      return true;
  return false;
}

static bool is_distilled(const program *p, int model) {
  for (int i = 0; i < program_stage_count(p); i++) {
    const program_stage *s = program_stage_at(p, i);
    for (int k = 0; s->teacher_count && k < s->student_count; k++)
      if (s->students[k] == model)
        return true;
  }
  return false;
}

static bool is_teacher(const program *p, int model) {
  for (int i = 0; i < program_stage_count(p); i++)
    if (teaches(program_stage_at(p, i), model))
      return true;
  return false;
}

const char *run_role(const program *p, int model) {
  return is_distilled(p, model) ? "distilled" : is_teacher(p, model) ? "teacher" : "trained";
}

static bool same_setting(const struct model_setting *a, const struct model_setting *b) {
  if (a->kind != b->kind || strcmp(a->name, b->name) != 0)
    return false;
  switch (a->kind) {
  case SETTING_INT:
  case SETTING_BOOL:
    return a->integer == b->integer;
  case SETTING_REAL:
    return a->real == b->real;
  case SETTING_STRING:
    return strcmp(a->string, b->string) == 0;
  }
  return false;
}

static bool built_alike(const program_model *a, const program_model *b) {
  bool same = strcmp(a->module, b->module) == 0 && a->setting_count == b->setting_count;
  for (int i = 0; same && i < a->setting_count; i++)
    same = same_setting(&a->settings[i], &b->settings[i]);
  return same;
}

const char *run_baseline(const program *p, const program_evaluation *v, int index) {
  int model = v->models[index].model;
  if (!is_distilled(p, model))
    return NULL;
  for (int i = 0; i < v->model_count; i++) {
    int other = v->models[i].model;
    if (!is_distilled(p, other) && !is_teacher(p, other) &&
        built_alike(program_model_at(p, model), program_model_at(p, other)))
      return v->models[i].label;
  }
  return NULL;
}

int run_reference(const program *p, const program_evaluation *v) {
  for (int i = 0; i < v->model_count; i++)
    if (is_teacher(p, v->models[i].model))
      return i;
  return -1;
}
