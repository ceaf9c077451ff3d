#include "compiler/commands/precision.h"
#include "compiler/emit/target.h"
#include "compiler/source/diagnostic.h"
#include <stdio.h>
#include <string.h>

static bool read_value(const char *word, bool *bf16) {
  *bf16 = !strcmp(word, "bf16");
  return *bf16 || !strcmp(word, "float32");
}

/* The place of that name among the choices, made when it is not there. */
static precision_choice *choice_of(precision_choice *choices, int *count, const char *name, int length) {
  for (int i = 0; i < *count; i++)
    if (choices[i].length == length && !strncmp(choices[i].name, name, (size_t)length))
      return &choices[i];
  choices[*count] = (precision_choice){.name = name, .length = length};
  return &choices[(*count)++];
}

bool precision_read(const char *of, int count, const char *const *words, precision_choice *choices,
                    pass_switches *switches) {
  switches->precisions = choices;
  switches->precision_count = 0;
  switches->bf16 = false;
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(words[i], '=');
    bool bf16, good = read_value(equals ? equals + 1 : words[i], &bf16);
    if (!good || equals == words[i] || switches->precision_count == PRECISION_NAMES_MAX) {
      fprintf(stderr, "retort %s: --precision %s: expected float32, bf16, NAME=float32 or NAME=bf16%s\n", of, words[i],
              good && equals != words[i] ? ", not so many" : "");
      return false;
    }
    if (equals) {
      choice_of(choices, &switches->precision_count, words[i], (int)(equals - words[i]))->bf16 = bf16;
    } else { /* of all, so what was said of one before is over */
      switches->bf16 = bf16;
      switches->precision_count = 0;
    }
  }
  return true;
}

static bool has_name(const program *p, const precision_choice *c, const char **names, int names_max, int *count) {
  *count = 0;
  for (int i = 0; i < program_model_count(p) && *count < names_max; i++)
    names[(*count)++] = program_model_at(p, i)->name;
  for (int i = 0; i < program_stage_count(p) && *count < names_max; i++)
    names[(*count)++] = program_stage_at(p, i)->name;
  for (int i = 0; i < *count; i++)
    if (strlen(names[i]) == (size_t)c->length && !strncmp(names[i], c->name, (size_t)c->length))
      return true;
  return false;
}

static void no_such_name(const char *of, const precision_choice *c, const char *const *names, int count) {
  char name[256];
  snprintf(name, sizeof name, "%.*s", c->length, c->name);
  const char *near = nearest_name(name, names, count);
  fprintf(stderr, "retort %s: --precision %s=%s: there is no model or stage '%s'", of, name,
          c->bf16 ? "bf16" : "float32", name);
  if (near)
    fprintf(stderr, "; did you mean '%s'?", near);
  else
    for (int i = 0; i < count; i++)
      fprintf(stderr, "%s %s", i ? "" : "; there are", names[i]);
  fputc('\n', stderr);
}

static bool asks_for_bf16(const pass_switches *s) {
  bool asks = s->bf16;
  for (int i = 0; i < s->precision_count; i++)
    asks = asks || s->precisions[i].bf16;
  return asks;
}

bool precision_check(const char *of, const program *p, const pass_switches *switches, const char *cpu, bool interpret) {
  enum { NAMES_MAX = 4096 };
  const char *names[NAMES_MAX], *error = NULL;
  int count;
  for (int i = 0; i < switches->precision_count; i++)
    if (!has_name(p, &switches->precisions[i], names, NAMES_MAX, &count)) {
      no_such_name(of, &switches->precisions[i], names, count);
      return false;
    }
  if (!asks_for_bf16(switches) || interpret)
    return true;
  arena *a = arena_create();
  target *t = target_create(a, cpu, &error);
  if (t && !target_multiplies_bf16(t))
    fprintf(stderr, "note: bf16 is not used, but float32: %s%s has no AVX512-BF16\n", cpu ? "code for " : "",
            cpu ? cpu : "this processor");
  target_destroy(t);
  arena_destroy(a);
  return true;
}
