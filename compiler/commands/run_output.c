/* What a run writes into its folder beside the metrics: source, settings, models. */
#include "compiler/commands/run_state.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

json_t *run_text_json(const char *bytes) {
  json_t *value = json_string(bytes);
  if (value)
    return value;
  text escaped = {0};
  for (; *bytes; bytes++)
    text_add(&escaped, (unsigned char)*bytes < 0x80 ? "%c" : "%%%02X", (unsigned char)*bytes);
  value = json_string(escaped.data);
  text_free(&escaped);
  return value;
}

json_t *run_options_json(const run_options *o) {
  json_t *sets = json_array(), *loads = json_array(), *precisions = json_array();
  for (int i = 0; i < o->override_count; i++)
    json_array_append_new(sets, run_text_json(o->overrides[i]));
  for (int i = 0; i < o->load_count; i++)
    json_array_append_new(loads, run_text_json(o->loads[i]));
  for (int i = 0; i < o->precision_count; i++)
    json_array_append_new(precisions, json_string(o->precisions[i]));
  return json_pack("{s:I, s:i, s:s?, s:s, s:b, s:b, s:s, s:o, s:s, s:o, s:o}", "seed", (json_int_t)o->seed, "threads",
                   o->threads, "cpu", o->compile.cpu, "contractions", contractions_name(o->compile.contractions),
                   "interpret", (int)o->compile.interpret, "reproducible", (int)o->compile.reproducible, "layout",
                   layout_name(o->layout), "precision", precisions, "teacher_outputs", o->teacher_form, "set", sets,
                   "load", loads);
}

bool run_write_settings(run_state *r, const char *status, failure *f) {
  const char *file = program_path(r->program);
  json_t *settings = json_pack("{s:s, s:o, s:s, s:s}", "experiment", program_name(r->program), "file",
                               run_text_json(base_name(file)), "status", status, "identity", run_identity(r));
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

/* The same settings under the names that other programs read. */
static void add_published_keys(const program_model *m, json_t *config) {
  if (m->published_type)
    json_object_set_new(config, "model_type", json_string(m->published_type));
  for (int i = 0; i < m->published_key_count; i++)
    for (int k = 0; k < m->setting_count; k++)
      if (strcmp(m->settings[k].name, m->published_keys[i].setting) == 0)
        json_object_set_new(config, m->published_keys[i].key, setting_value(&m->settings[k]));
}

/* The vocabulary that the model's texts were read with: of the sets, when all have the same; else of its folder. */
static bool copy_vocabulary(const run_state *r, const program_model *m, failure *f) {
  char *own = m->folder ? memory_print("%s/vocab.txt", m->folder) : NULL;
  const char *from = r->tokenizer_count == 1 ? r->tokenizers[0].path : own && access(own, R_OK) == 0 ? own : NULL;
  char *to = memory_print("%s/vocab.txt", m->name);
  bool good = !from || output_folder_copy(r->output, to, from, f);
  free(to);
  free(own);
  return good;
}

static bool save_model(run_state *r, int model, failure *f) {
  const program_model *m = program_model_at(r->program, model);
  json_t *config = json_object();
  json_object_set_new(config, "module", json_string(m->module));
  for (int i = 0; i < m->setting_count; i++)
    json_object_set_new(config, m->settings[i].name, setting_value(&m->settings[i]));
  add_published_keys(m, config);
  bool good = output_folder_save_model(r->output, m->name, r->models[model], config, f) && copy_vocabulary(r, m, f);
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
