/* Checks of what an experiment sets up: helpers beside the student, layers that are compared, data that is watched. */
#include "compiler/advise/checks.h"

#include <stdlib.h>
#include <string.h>

/* ---- helpers ---- */

static int64_t elements(const model_parameter *p) {
  int64_t count = 1;
  for (int i = 0; i < p->rank; i++)
    count *= p->sizes[i];
  return count;
}

static bool is_trained(const judged *j, const char *input) {
  for (int i = 0; i < j->view->trained_count; i++)
    if (j->live[j->view->trained[i]->id] && strcmp(j->view->trained[i]->attributes.input.name, input) == 0)
      return true;
  return false;
}

void check_wide_fit(judged *j) {
  int64_t fit = 0, student = 0;
  const model_parameter *largest = NULL;
  for (int i = 0; i < j->stage->fit_count; i++) {
    const model_parameter *p = &j->stage->fit[i];
    if (!is_trained(j, p->input))
      continue;
    fit += elements(p);
    if (!largest || elements(p) > elements(largest))
      largest = p;
  }
  for (int i = 0; i < j->stage->student_count; i++) {
    const program_model *m = program_model_at(j->program, j->stage->students[i]);
    for (int k = 0; k < m->parameter_count; k++)
      student += m->parameters[k].trained ? elements(&m->parameters[k]) : 0;
  }
  if (fit <= student)
    return;
  const char *name = program_model_at(j->program, j->stage->students[0])->name;
  diagnostic *w =
      warn_where(j, j->view->objective, "the objective's helpers have %lld parameters, more than the %lld of '%s'",
                 (long long)fit, (long long)student, name);
  if (!w)
    return;
  diagnostic_note(w, largest->where, "the largest is '%s', declared here", largest->path);
  diagnostic_note(w, (span){0}, "they can learn what the student should, and are left behind afterwards");
  diagnostic_hint(w, "one linear map is enough: fit = linear(student.hidden, teacher.hidden)");
}

/* ---- layers ---- */

/* `path` up to its first component that is a number: its length, and the number. False: there is none. */
static bool first_array(const char *path, size_t *length, long *number) {
  for (const char *c = path; c; c = strchr(c, '.') ? strchr(c, '.') + 1 : NULL) {
    char *end;
    *number = strtol(c, &end, 10);
    *length = (size_t)(c - path);
    if (end > c && (*end == '.' || !*end))
      return true;
  }
  return false;
}

typedef struct layer_use {
  long last, last_read; /* of the array; -1: none */
} layer_use;

static layer_use use_of(const judged *j, const program_model *m, const char *array, size_t length) {
  layer_use use = {-1, -1};
  for (int i = 0; i < m->parameter_count; i++) {
    const char *path = m->parameters[i].path;
    if (strncmp(path, array, length) != 0)
      continue;
    long number = strtol(path + length, NULL, 10);
    const node *input = graph_find_input(j->graph, m->parameters[i].input);
    if (number > use.last)
      use.last = number;
    if (input && j->live[input->id] && number > use.last_read)
      use.last_read = number;
  }
  return use;
}

/* The array of layers that the parameters begin with in which the losses read some, but not the last. */
static const char *cut_off_array(const judged *j, const program_model *m, size_t *length, layer_use *use) {
  const char *seen = "";
  size_t seen_length = 0;
  for (int i = 0; i < m->parameter_count; i++) {
    const char *path = m->parameters[i].path;
    long number;
    bool array = first_array(path, length, &number) && number == 0;
    if (!array || (*length == seen_length && strncmp(path, seen, seen_length) == 0))
      continue;
    seen = path;
    seen_length = *length;
    *use = use_of(j, m, path, *length);
    if (use->last_read >= 0 && use->last_read < use->last)
      return path;
  }
  return NULL;
}

/* Only where the student learns up to its own last layer: a hint for the middle is meant so. */
static bool student_is_cut_off(const judged *j) {
  size_t length;
  layer_use use;
  for (int i = 0; i < j->stage->student_count; i++)
    if (cut_off_array(j, program_model_at(j->program, j->stage->students[i]), &length, &use))
      return true;
  return false;
}

static void check_layers_of(judged *j, const program_model *m) {
  size_t length;
  layer_use use;
  const char *array = cut_off_array(j, m, &length, &use);
  diagnostic *w = array ? warn_where(j, j->view->objective, "stage '%s' learns nothing from the last layer of '%s'",
                                     j->stage->name, m->name)
                        : NULL;
  if (!w)
    return;
  diagnostic_note(w, (span){0}, "of '%.*s' (from 0) the losses read layers up to %ld; the last one is %ld",
                  (int)(length ? length - 1 : 0), array, use.last_read, use.last);
  diagnostic_note(w, (span){0}, "the student's last layer then imitates a value that the teacher still works on");
  diagnostic_hint(w, "let the map end there, as uniform_layers and last_layers do; or add a loss on '%s.result'",
                  m->name);
}

void check_last_layer(judged *j) {
  for (int i = 0; i < j->stage->teacher_count && !student_is_cut_off(j); i++)
    check_layers_of(j, program_model_at(j->program, j->stage->teachers[i]));
}

/* ---- data ---- */

void check_test_choice(judged *j) {
  int watched = j->stage->validate_data;
  for (int i = 0; watched >= 0 && i < program_evaluation_count(j->program); i++) {
    const program_evaluation *v = program_evaluation_at(j->program, i);
    if (v->data < 0 || !program_data_overlaps(j->program, v->data, watched))
      continue;
    span where = j->view->validate.file ? j->view->validate : j->view->objective;
    diagnostic *w = warn_where(j, where, "stage '%s' is watched on '%s', which results are measured on", j->stage->name,
                               program_data_at(j->program, watched)->name);
    if (!w)
      return;
    diagnostic_note(w, v->where, "here");
    diagnostic_note(w, (span){0}, "epochs or settings that are chosen by what this shows make the result too good");
    diagnostic_hint(w, "watch a set that is used for nothing else, as dev");
    return;
  }
}
