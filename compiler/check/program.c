/* A file made into a program: what program.h offers to the rest. */
#include "compiler/check/experiment.h"

/* Builds every stage once, so that all errors are found now. The graphs are handed out later. */
static void build_stages(program *p) {
  experiment *x = p->experiment;
  bool complete = true;
  for (int i = 0; i < x->stage_count; i++) {
    x->stages[i]->joint = stage_elaborate(p, x->stages[i], GRAPH_JOINT);
    complete = complete && x->stages[i]->joint;
    if (x->stages[i]->joint && x->stages[i]->about.accumulate > 1)
      stage_cut(p, x->stages[i]);
  }
  if (complete && x->stage_count > 0)
    experiment_warn(p);
}

program *program_load(arena *a, const char *path, const program_options *options, diagnostics *d) {
  program *p = arena_new(a, program);
  p->arena = a;
  p->path = path;
  p->options = options ? *options : (program_options){0};
  p->file = load_files(a, path, p->options.models, d, &p->file_count, &p->files);
  if (!p->file)
    return NULL;
  p->elaborator = elaborator_create(a, p->file, d);
  if (diagnostics_error_count(d) > 0) /* what was not read well would give errors that are none */
    return p;
  check_declarations(p);
  if (experiment_load(p))
    build_stages(p);
  if (diagnostics_error_count(d) == 0)
    check_names(p, p->file); /* behind what elaboration says: that knows more */
  return p;
}

const char *program_name(const program *p) {
  return p->experiment ? p->experiment->declaration->name : NULL;
}

const char *program_path(const program *p) {
  return p->path;
}

int program_model_count(const program *p) {
  return p->experiment ? p->experiment->model_count : 0;
}

const program_model *program_model_at(const program *p, int index) {
  return &p->experiment->models[index]->about;
}

int program_data_count(const program *p) {
  return p->experiment ? p->experiment->data_count : 0;
}

const program_data *program_data_at(const program *p, int index) {
  return p->experiment->data[index];
}

int program_stage_count(const program *p) {
  return p->experiment ? p->experiment->stage_count : 0;
}

const program_stage *program_stage_at(const program *p, int index) {
  return &p->experiment->stages[index]->about;
}

void program_stage_models(const program *p, const program_stage *s, text *to) {
  for (int i = 0; i < s->teacher_count; i++)
    text_add(to, "%s%s", program_model_at(p, s->teachers[i])->name, i + 1 < s->teacher_count ? ", " : " -> ");
  for (int i = 0; i < s->student_count; i++)
    text_add(to, "%s%s", i ? ", " : "", program_model_at(p, s->students[i])->name);
}

int program_evaluation_count(const program *p) {
  return p->experiment ? p->experiment->evaluation_count : 0;
}

const program_evaluation *program_evaluation_at(const program *p, int index) {
  return p->experiment->evaluations[index];
}

int program_export_count(const program *p) {
  return p->experiment ? p->experiment->export_count : 0;
}

int program_export_at(const program *p, int index) {
  return p->experiment->exports[index];
}

const stage_view *program_stage_view(const program *p, int stage) {
  return p->experiment->stages[stage]->view;
}

const accumulation *program_stage_parts(const program *p, int stage) {
  const stage_record *s = p->experiment->stages[stage];
  return s->parts.part ? &s->parts : NULL;
}

graph *program_stage_graph(program *p, int stage, graph_extent extent, diagnostics *d) {
  stage_record *s = p->experiment->stages[stage];
  graph *built = s->joint;
  if (extent == GRAPH_JOINT && built) {
    s->joint = NULL; /* others may append to it: the next caller gets a new one */
    return built;
  }
  p->elaborator->diagnostics = d;
  return stage_elaborate(p, s, extent);
}
