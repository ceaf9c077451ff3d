#include "runtime/run/series.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static stage_series *find_stage(series *s, const char *name) {
  for (int i = s->count - 1; i >= 0; i--)
    if (strcmp(s->stages[i].name, name) == 0)
      return &s->stages[i];
  s->stages = memory_resize(s->stages, (size_t)s->count + 1, sizeof *s->stages);
  stage_series *stage = &s->stages[s->count++];
  *stage = (stage_series){.name = memory_print("%s", name)};
  return stage;
}

static void make_room(stage_series *s) {
  if (s->count < s->capacity)
    return;
  s->capacity = s->capacity ? s->capacity * 2 : 64;
  s->steps = memory_resize(s->steps, (size_t)s->capacity, sizeof *s->steps);
  for (int i = 0; i < s->term_count; i++)
    s->terms[i].values = memory_resize(s->terms[i].values, (size_t)s->capacity, sizeof *s->terms[i].values);
}

/* A term that is new has NAN in the steps before. */
static void need_term(stage_series *s, const char *name) {
  for (int i = 0; i < s->term_count; i++)
    if (strcmp(s->terms[i].name, name) == 0)
      return;
  s->terms = memory_resize(s->terms, (size_t)s->term_count + 1, sizeof *s->terms);
  struct series_term *term = &s->terms[s->term_count++];
  *term = (struct series_term){.name = memory_print("%s", name)};
  term->values = memory_allocate((size_t)s->capacity, sizeof *term->values);
  for (int i = 0; i < s->count; i++)
    term->values[i] = NAN;
}

/* `loss`: NULL for scores, which have no sum. */
static void add_step(stage_series *s, const json_t *line, const json_t *loss, json_t *terms) {
  const char *name;
  json_t *value;
  make_room(s);
  if (loss)
    need_term(s, "loss");
  json_object_foreach(terms, name, value) need_term(s, name);
  s->steps[s->count] = json_number_value(json_object_get(line, "step"));
  for (int i = 0; i < s->term_count; i++) {
    const json_t *number = loss && i == 0 ? loss : json_object_get(terms, s->terms[i].name);
    s->terms[i].values[s->count] = json_is_number(number) ? json_number_value(number) : NAN;
  }
  s->count++;
}

/* A line of a step, or of what was measured after one. */
static void add_line(series *s, const json_t *line) {
  const char *stage = json_string_value(json_object_get(line, "stage"));
  const char *model = json_string_value(json_object_get(line, "validate"));
  const char *set = json_string_value(json_object_get(line, "on"));
  const json_t *loss = json_object_get(line, "loss");
  if (!stage || !json_is_integer(json_object_get(line, "step")))
    return;
  if (loss)
    add_step(find_stage(s, stage), line, loss, json_object_get(line, "terms"));
  if (!model || !set)
    return;
  char *name = memory_print("%s: %s on %s", stage, model, set);
  add_step(find_stage(s, name), line, NULL, json_object_get(line, "scores"));
  free(name);
}

series series_read(const char *text, size_t size) {
  series s = {0};
  for (const char *end = text + size; text < end;) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    size_t length = newline ? (size_t)(newline - text) : (size_t)(end - text);
    json_t *line = json_loadb(text, length, 0, NULL);
    add_line(&s, line);
    json_decref(line);
    text += length + (newline != NULL);
  }
  return s;
}

void series_free(series *s) {
  for (int i = 0; i < s->count; i++) {
    stage_series *stage = &s->stages[i];
    for (int k = 0; k < stage->term_count; k++) {
      free(stage->terms[k].name);
      free(stage->terms[k].values);
    }
    free(stage->terms);
    free(stage->steps);
    free(stage->name);
  }
  free(s->stages);
  *s = (series){0};
}

/* Means of `group` neighbours; what is not a number does not count. */
static void thin(double *values, int count, int group) {
  for (int begin = 0, at = 0; begin < count; begin += group, at++) {
    double sum = 0;
    int numbers = 0;
    for (int i = begin; i < count && i < begin + group; i++)
      if (isfinite(values[i])) {
        sum += values[i];
        numbers++;
      }
    values[at] = numbers ? sum / numbers : NAN;
  }
}

int series_thin(stage_series *s, int width) {
  int group = (s->count + width - 1) / width;
  if (group <= 1)
    return 1;
  thin(s->steps, s->count, group);
  for (int i = 0; i < s->term_count; i++)
    thin(s->terms[i].values, s->count, group);
  s->count = (s->count + group - 1) / group;
  return group;
}
