/* The table of checks, and what they share: switches, places, each line once. */
#include "compiler/advise/advise.h"
#include "compiler/advise/checks.h"
#include "compiler/grad/differentiate.h"

#include <stdarg.h>
#include <string.h>

typedef struct check {
  const char *name;
  const char *summary;
  check_function *run; /* NULL: a command asks for it, with what it has measured */
} check;

/* The measured ones first, in the order of their enum. */
static const check checks[] = {
    [CHECK_EQUAL_ROWS] = {"equal-rows", "rows to train on that are in a set that results are measured on (retort run)",
                          NULL},
    [CHECK_TERM_SHARE] = {"term-share", "a loss under 1 % or over 99 % of the sum at a stage's first step (retort run)",
                          NULL},
    {"softmax-of-distribution", "a softmax of what is a distribution already", check_softmax_of_distribution},
    {"log-of-logits", "a logarithm of logits, or of logarithms", check_log_of_logits},
    {"unnormalized", "a logarithm of e^logits that no sum over the classes divides", check_unnormalized},
    {"target-distribution", "a cross entropy whose target is no distribution", check_target},
    {"exchanged", "student and teacher in each other's place", check_exchanged},
    {"gradient-into-target", "a gradient that flows into the target as well", check_gradient_into_target},
    {"teacher-dropout", "random numbers in a frozen teacher", check_teacher_dropout},
    {"temperature-scale", "soft labels at T > 1 mixed with hard labels, without T^2", check_temperature_scale},
    {"padding-mean", "a mean that counts padding", check_padding_mean},
    {"wide-fit", "a helper of the objective with more parameters than the student", check_wide_fit},
    {"last-layer", "a layer map that leaves out the teacher's last layer", check_last_layer},
    {"test-choice", "a set watched in training that results are measured on", check_test_choice},
};
enum { CHECK_COUNT = sizeof checks / sizeof *checks };

typedef struct said {
  const char *check;
  span where;
} said;

struct advising {
  arena *arena;
  const check_switches *switches;
  diagnostics *diagnostics;
  int count;
  said *items;
};

/* ---- switches ---- */

void checks_print(text *to) {
  for (int i = 0; i < CHECK_COUNT; i++)
    text_add(to, "  %-24s %s\n", checks[i].name, checks[i].summary);
}

static bool has_word(int count, const char *const *words, const char *word) {
  for (int i = 0; i < count; i++)
    if (strcmp(words[i], word) == 0)
      return true;
  return false;
}

static const char *unknown_among(int count, const char *const *words, const char **nearest) {
  const char *names[CHECK_COUNT];
  for (int i = 0; i < CHECK_COUNT; i++)
    names[i] = checks[i].name;
  for (int i = 0; i < count; i++)
    if (strcmp(words[i], "all") != 0 && !has_word(CHECK_COUNT, names, words[i])) {
      *nearest = nearest_name(words[i], names, CHECK_COUNT);
      return words[i];
    }
  return NULL;
}

const char *checks_unknown(const check_switches *s, const char **nearest) {
  const char *unknown = unknown_among(s->off_count, s->off, nearest);
  return unknown ? unknown : unknown_among(s->on_count, s->on, nearest);
}

static bool is_on(const check_switches *s, const char *name) {
  if (has_word(s->on_count, s->on, name) || has_word(s->on_count, s->on, "all"))
    return true;
  return !has_word(s->off_count, s->off, name) && !has_word(s->off_count, s->off, "all");
}

/* Whether `words` (length bytes) has the name, between other characters than those of names. */
static bool names_check(const char *words, size_t length, const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
  for (size_t i = 0, word; i < length; i += word ? word : 1) {
    word = 0;
    while (i + word < length && strchr(letters, words[i + word]) && words[i + word])
      word++;
    if (word == strlen(name) && memcmp(words + i, name, word) == 0)
      return true;
  }
  return false;
}

/* `# no-warn NAME …` at the end of the line itself, or alone on the line above. */
static bool silenced_at(span where, const char *name) {
  static const char word[] = "no-warn ";
  for (int up = 0; up < 2 && where.file && where.line > up; up++) {
    int line = where.line - up, length;
    const char *content = span_text((span){where.file, line, 1, line + 1, 1}, &length);
    const char *comment = content ? memchr(content, '#', (size_t)length) : NULL;
    size_t left = comment ? (size_t)(content + length - comment) : 0;
    const char *found = comment ? memmem(comment, left, word, sizeof word - 1) : NULL;
    bool alone = comment && strspn(content, " \t") == (size_t)(comment - content);
    if (found && (up == 0 || alone) && names_check(found, (size_t)(content + length - found), name))
      return true;
  }
  return false;
}

/* ---- warnings ---- */

diagnostic *advise_measured(measured_check which, const check_switches *s, diagnostics *d, span where,
                            const char *format, ...) {
  const char *name = checks[which].name;
  if (!is_on(s, name) || silenced_at(where, name))
    return NULL;
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return diagnostic_warning(d, where, "%s [%s]", message, name);
}

/* Of a line of the source a check speaks once. */
static bool said_before(advising *a, const char *name, span where) {
  for (int i = 0; i < a->count; i++)
    if (strcmp(a->items[i].check, name) == 0 && a->items[i].where.file == where.file &&
        a->items[i].where.line == where.line)
      return true;
  arena_append(a->arena, a->items, a->count, ((said){name, where}));
  return false;
}

static bool in_main_file(const judged *j, span where) {
  return where.file && strcmp(where.file->path, j->view->file) == 0;
}

const traced_call *call_around(const judged *j, const node *n) {
  const traced_call *found = NULL;
  for (int i = 0; i < j->view->call_count && j->view->calls[i].begin <= n->id; i++)
    if (n->id < j->view->calls[i].end && in_main_file(j, j->view->calls[i].where))
      found = &j->view->calls[i];
  return found;
}

span warning_place(const judged *j, const node *n) {
  const traced_call *call = in_main_file(j, n->where) ? NULL : call_around(j, n);
  if (call)
    return call->where;
  if (in_main_file(j, n->where))
    return n->where;
  for (int i = 0; i < j->view->call_count && j->view->calls[i].begin <= n->id; i++)
    if (n->id < j->view->calls[i].end)
      return j->view->calls[i].where; /* the outermost: the objective's line */
  return n->where;
}

static diagnostic *warn(judged *j, span where, const char *format, va_list arguments) {
  if (silenced_at(where, j->check) || silenced_at(j->view->objective, j->check) ||
      silenced_at(j->view->declared, j->check) || said_before(j->by, j->check, where))
    return NULL;
  char message[1024];
  vsnprintf(message, sizeof message, format, arguments);
  bool own = in_main_file(j, where);
  diagnostic *w =
      diagnostic_warning(j->by->diagnostics, own ? where : j->view->objective, "%s [%s]", message, j->check);
  if (!own)
    diagnostic_note(w, where, "it is here");
  return w;
}

diagnostic *warn_at(judged *j, const node *n, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  diagnostic *w = warn(j, warning_place(j, n), format, arguments);
  va_end(arguments);
  return w;
}

diagnostic *warn_where(judged *j, span where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  diagnostic *w = warn(j, where, format, arguments);
  va_end(arguments);
  return w;
}

void note_made(diagnostic *w, const judged *j, const node *n, const char *what) {
  if (n->where.file && !in_main_file(j, n->where))
    diagnostic_note(w, n->where, "%s", what);
}

/* ---- stages ---- */

static const bool *live_nodes(const stage_view *v) {
  bool *live = arena_array(v->graph.arena, bool, v->graph.node_count);
  live[v->total->id] = true;
  for (int i = v->total->id; i >= 0; i--)
    for (int k = 0; live[i] && k < v->graph.nodes[i]->operand_count; k++)
      live[v->graph.nodes[i]->operands[k]->id] = true;
  return live;
}

static void judge(const program *p, int index, advising *a) {
  const stage_view *view = program_stage_view(p, index);
  if (!view || view->loss_count == 0 || view->total->id >= view->graph.node_count)
    return;
  const program_stage *s = program_stage_at(p, index);
  graph g = view->graph;
  const char **teachers = arena_array(g.arena, const char *, s->teacher_count);
  for (int i = 0; i < s->teacher_count; i++)
    teachers[i] = program_model_at(p, s->teachers[i])->name;
  judged j = {.by = a,
              .program = p,
              .stage = s,
              .view = view,
              .graph = &view->graph,
              .kinds = kinds_of(view),
              .depends = dependences_of(view, s->teacher_count, teachers),
              .reached = gradient_reaches(&g, view->trained_count, view->trained),
              .live = live_nodes(view)};
  for (int i = 0; i < CHECK_COUNT; i++)
    if (checks[i].run && is_on(a->switches, checks[i].name)) {
      j.check = checks[i].name;
      checks[i].run(&j);
    }
}

void advise(const program *p, const check_switches *s, diagnostics *d) {
  advising a = {.arena = arena_create(), .switches = s, .diagnostics = d};
  for (int i = 0; i < program_stage_count(p); i++)
    judge(p, i, &a);
  arena_destroy(a.arena);
}
