/* What a run writes into its folder beside the metrics: source, settings, models. */
#include "compiler/commands/run_state.h"
#include <string.h>

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

json_t *run_options_json(const run_options *o) {
  json_t *sets = json_array(), *loads = json_array();
  for (int i = 0; i < o->override_count; i++)
    json_array_append_new(sets, json_string(o->overrides[i]));
  for (int i = 0; i < o->load_count; i++)
    json_array_append_new(loads, json_string(o->loads[i]));
  return json_pack("{s:I, s:i, s:s?, s:b, s:o, s:o}", "seed", (json_int_t)o->seed, "threads", o->threads, "cpu",
                   o->compile.cpu, "interpret", (int)o->compile.interpret, "set", sets, "load", loads);
}

bool run_write_settings(run_state *r, const char *status, failure *f) {
  const char *file = program_path(r->program);
  json_t *settings = json_pack("{s:s, s:s, s:s, s:s}", "experiment", program_name(r->program), "file", base_name(file),
                               "status", status, "identity", run_identity(r));
  json_t *options = run_options_json(r->options);
  json_object_update(settings, options);
  json_decref(options);
  bool good = output_folder_write_json(r->output, "settings.json", settings, f) &&
              output_folder_copy(r->output, base_name(file), file, f) && run_write_results(r, settings, f);
  json_decref(settings);
  return good;
}

static json_t *setting_value(const struct model_setting *s) {
  switch (s->kind) {
  case SETTING_INT:
    return json_integer(s->integer);
  case SETTING_REAL:
    return json_real(s->real);
  case SETTING_BOOL:
    return json_boolean(s->integer);
  case SETTING_STRING:
    return json_string(s->string);
  }
  return json_null();
}

static bool save_model(run_state *r, int model, failure *f) {
  const program_model *m = program_model_at(r->program, model);
  json_t *config = json_object();
  json_object_set_new(config, "module", json_string(m->module));
  for (int i = 0; i < m->setting_count; i++)
    json_object_set_new(config, m->settings[i].name, setting_value(&m->settings[i]));
  bool good = output_folder_save_model(r->output, m->name, r->models[model], config, f);
  json_decref(config);
  return good;
}

bool run_save_models(run_state *r, failure *f) {
  bool good = true;
  for (int i = 0; i < program_model_count(r->program) && good; i++) {
    bool wanted = run_model_changed(r, i, r->stages_begun);
    for (int k = 0; k < program_export_count(r->program); k++)
      wanted |= program_export_at(r->program, k) == i;
    good = !wanted || save_model(r, i, f);
  }
  return good;
}
