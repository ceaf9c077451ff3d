#include "compiler/source/diagnostic.h"
#include "compiler/source/excerpt.h"
#include <stdarg.h>
#include <string.h>

typedef enum { SEVERITY_ERROR, SEVERITY_WARNING } severity;

typedef struct note {
  bool hint;
  span where;
  const char *message;
} note;

struct diagnostic {
  arena *arena;
  severity severity;
  span where;
  const char *message;
  int label_count;
  excerpt_label *labels;
  int note_count;
  note *notes;
};

struct diagnostics {
  arena *arena;
  int errors, warnings;
  int count; /* kept */
  diagnostic **items;
};

diagnostics *diagnostics_create(arena *a) {
  diagnostics *d = arena_new(a, diagnostics);
  d->arena = a;
  return d;
}

static const char *format_message(arena *a, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *message = arena_allocate(a, (size_t)(length < 0 ? 0 : length) + 1);
  if (length > 0)
    vsnprintf(message, (size_t)length + 1, format, arguments);
  return message;
}

static diagnostic *report(diagnostics *d, severity s, span where, const char *message) {
  diagnostic *e = arena_new(d->arena, diagnostic);
  *e = (diagnostic){.arena = d->arena, .severity = s, .where = where, .message = message};
  int number = s == SEVERITY_ERROR ? ++d->errors : ++d->warnings;
  if (s == SEVERITY_WARNING || number <= DIAGNOSTIC_ERRORS_MAX)
    arena_append(d->arena, d->items, d->count, e);
  return e;
}

diagnostic *diagnostic_error(diagnostics *d, span where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = format_message(d->arena, format, arguments);
  va_end(arguments);
  return report(d, SEVERITY_ERROR, where, message);
}

diagnostic *diagnostic_warning(diagnostics *d, span where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = format_message(d->arena, format, arguments);
  va_end(arguments);
  return report(d, SEVERITY_WARNING, where, message);
}

void diagnostic_label(diagnostic *e, span where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = format_message(e->arena, format, arguments);
  va_end(arguments);
  if (where.file != e->where.file || where.line != e->where.line) { /* cannot stand beneath the same line */
    note n = {.where = where, .message = message};
    arena_append(e->arena, e->notes, e->note_count, n);
    return;
  }
  excerpt_label label = {where, message};
  arena_append(e->arena, e->labels, e->label_count, label);
}

void diagnostic_note(diagnostic *e, span where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  note n = {.where = where, .message = format_message(e->arena, format, arguments)};
  va_end(arguments);
  arena_append(e->arena, e->notes, e->note_count, n);
}

void diagnostic_hint(diagnostic *e, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  note n = {.hint = true, .message = format_message(e->arena, format, arguments)};
  va_end(arguments);
  arena_append(e->arena, e->notes, e->note_count, n);
}

int diagnostics_error_count(const diagnostics *d) {
  return d->errors;
}
int diagnostics_warning_count(const diagnostics *d) {
  return d->warnings;
}

/* ---- printing ---- */

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define MAGENTA "\033[1;35m"
#define CYAN "\033[1;36m"
#define GREEN "\033[1;32m"
#define PLAIN "\033[0m"

static void add_colored(text *t, bool colour, const char *code, const char *words) {
  text_add(t, "%s%s%s", colour ? code : "", words, colour ? PLAIN : "");
}

static void add_place(text *t, span where, bool colour) {
  if (where.file)
    text_add(t, "%s%s:%d:%d:%s ", colour ? BOLD : "", where.file->path, where.line, where.column, colour ? PLAIN : "");
}

/* The main range is underlined unless a label points at a part of it: then that part says more. */
static void add_excerpt(text *t, const diagnostic *e, bool colour) {
  bool pointed = false;
  for (int i = 0; i < e->label_count; i++)
    pointed |= e->labels[i].where.column >= e->where.column &&
               (e->where.end_line > e->where.line || e->labels[i].where.column < e->where.end_column ||
                e->labels[i].where.column == e->where.column);
  int count = 0;
  excerpt_label all[EXCERPT_LABELS_MAX];
  if (!pointed)
    all[count++] = (excerpt_label){e->where, NULL};
  for (int i = 0; i < e->label_count && count < EXCERPT_LABELS_MAX; i++)
    all[count++] = e->labels[i];
  excerpt_print(t, e->where.file, e->where.line, all, count, colour ? GREEN : NULL);
}

static void add_diagnostic(text *t, const diagnostic *e, bool colour) {
  add_place(t, e->where, colour);
  bool error = e->severity == SEVERITY_ERROR;
  add_colored(t, colour, error ? RED : MAGENTA, error ? "error:" : "warning:");
  text_add(t, " %s%s%s\n", colour ? BOLD : "", e->message, colour ? PLAIN : "");
  if (e->where.file)
    add_excerpt(t, e, colour);
  for (int i = 0; i < 2 * e->note_count; i++) { /* notes, then hints */
    const note *n = &e->notes[i % e->note_count];
    if (n->hint != (i >= e->note_count))
      continue;
    text_add(t, "   ");
    add_colored(t, colour, CYAN, n->hint ? "hint:" : "note:");
    text_add(t, " ");
    add_place(t, n->where, colour);
    text_add(t, "%s\n", n->message);
    if (n->where.file)
      excerpt_print(t, n->where.file, n->where.line, &(excerpt_label){n->where, NULL}, 1, colour ? CYAN : NULL);
  }
}

void diagnostics_print(const diagnostics *d, FILE *to, bool colour) {
  text t = {0};
  for (int i = 0; i < d->count; i++)
    add_diagnostic(&t, d->items[i], colour);
  int hidden = d->errors - DIAGNOSTIC_ERRORS_MAX;
  if (hidden > 0)
    text_add(&t, "and %d more error%s\n", hidden, hidden == 1 ? "" : "s");
  if (t.length)
    fwrite(t.data, 1, t.length, to);
  text_free(&t);
}
