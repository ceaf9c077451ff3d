/* `--set PATH=VALUE`: values from the command line in the place of what the file says. They become pieces of the syntax
 * tree, so that what is wrong with one is found and shown as if it stood in the file. */
#include "compiler/check/experiment.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static span columns(const source_file *source, size_t from, size_t to) {
  return (span){.file = source,
                .line = 1,
                .column = (int)from + 1,
                .end_line = 1,
                .end_column = (int)(to > from ? to : from + 1)};
}

static bool is_name(const char *s) {
  if (!isalpha((unsigned char)*s) && *s != '_')
    return false;
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && *s != '_')
      return false;
  return true;
}

/* Numbers as the language has them; what is none of them is a name or a string. */
static expression *read_value(arena *a, const char *word, span where) {
  expression *x = arena_new(a, expression);
  x->where = where;
  size_t length = strlen(word);
  char *end = NULL;
  errno = 0;
  long long integer = strtoll(word, &end, 10);
  if (length && !*end && errno == 0) {
    x->kind = EXPRESSION_INT;
    x->as.integer = integer;
    return x;
  }
  double real = strtod(word, &end);
  if (length && !*end && strpbrk(word, "0123456789")) {
    x->kind = EXPRESSION_REAL;
    x->as.real = real;
    return x;
  }
  if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
    x->kind = EXPRESSION_BOOL;
    x->as.boolean = *word == 't';
  } else if (is_name(word)) {
    x->kind = EXPRESSION_NAME;
    x->as.name = word;
  } else {
    x->kind = EXPRESSION_STRING;
    bool quoted = length >= 2 && word[0] == '"' && word[length - 1] == '"';
    x->as.string = quoted ? arena_copy(a, word + 1, length - 2) : word;
  }
  return x;
}

override_list overrides_parse(arena *a, const program_options *options, diagnostics *d) {
  override_list list = {0};
  for (int i = 0; i < options->override_count; i++) {
    const char *content = options->overrides[i];
    size_t length = strlen(content);
    const source_file *source = source_from_text(a, "--set", content, length);
    const char *equals = strchr(content, '=');
    size_t split = equals ? (size_t)(equals - content) : length;
    if (!equals || split == 0 || split + 1 == length) {
      diagnostic *e = diagnostic_error(d, columns(source, 0, length), "--set needs NAME=VALUE");
      diagnostic_hint(e, "as in --set student.layers=3");
      continue;
    }
    span value_where = columns(source, split + 1, length);
    override o = {.path = arena_copy(a, content, split),
                  .path_where = columns(source, 0, split),
                  .where = columns(source, 0, length),
                  .value = read_value(a, arena_copy(a, equals + 1, length - split - 1), value_where)};
    arena_append(a, list.items, list.count, o);
  }
  return list;
}

override *override_find(override_list *list, const char *prefix, const char *name) {
  size_t length = strlen(prefix);
  override *found = NULL; /* the last one wins */
  for (int i = 0; i < list->count; i++) {
    override *o = &list->items[i];
    if (strncmp(o->path, prefix, length) == 0 && strcmp(o->path + length, name) == 0) {
      o->used = true;
      found = o;
    }
  }
  return found;
}

expression *override_value(arena *a, const override *o, const expression *replaced) {
  if (!replaced || replaced->kind != EXPRESSION_STRING || o->value->kind != EXPRESSION_NAME)
    return o->value;
  expression *string = arena_new(a, expression);
  *string = (expression){.kind = EXPRESSION_STRING, .where = o->value->where, .as.string = o->value->as.name};
  return string;
}

static void set_argument(arena *a, expression *call, int position, const char *name, const override *o) {
  argument set = {.where = o->where, .name = name, .value = o->value};
  int positional = 0;
  for (int i = 0; i < call->as.call.count; i++) {
    argument *old = &call->as.call.arguments[i];
    bool same = old->name ? strcmp(old->name, name) == 0 : positional++ == position;
    if (!same)
      continue;
    old->value = override_value(a, o, old->value);
    return;
  }
  int count = call->as.call.count;
  argument *all = arena_array(a, argument, count + 1);
  if (count)
    memcpy(all, call->as.call.arguments, sizeof *all * (size_t)count);
  all[count] = set;
  call->as.call.arguments = all;
  call->as.call.count = count + 1;
}

expression *override_call(arena *a, override_list *list, const char *prefix, expression *x, int parameter_count,
                          const char *const *parameters) {
  expression *call = NULL;
  for (int i = 0; i < parameter_count; i++) {
    const override *o = override_find(list, prefix, parameters[i]);
    if (!o)
      continue;
    if (!call) {
      call = arena_new(a, expression);
      *call = *x;
      int count = x->kind == EXPRESSION_CALL ? x->as.call.count : 0;
      if (x->kind != EXPRESSION_CALL) { /* the bare name of what is called */
        *call = (expression){.kind = EXPRESSION_CALL, .where = x->where};
        call->as.call.callee = x;
      }
      argument *copy = arena_array(a, argument, count);
      if (count)
        memcpy(copy, x->as.call.arguments, sizeof *copy * (size_t)count);
      call->as.call.arguments = copy;
    }
    set_argument(a, call, i, parameters[i], o);
  }
  return call ? call : x;
}

/* The nearest path: names of the same group first («student.» something), then all. */
static const char *nearest_path(const char *path, int known_count, const char *const *known) {
  const char *dot = strrchr(path, '.');
  size_t group = dot ? (size_t)(dot - path) + 1 : 0;
  const char *best = NULL;
  for (int i = 0; i < known_count && group; i++) {
    if (strncmp(known[i], path, group) != 0 || strchr(known[i] + group, '.'))
      continue;
    const char *last = known[i] + group;
    if (nearest_name(path + group, &last, 1))
      best = known[i];
  }
  return best ? best : nearest_name(path, known, known_count);
}

void overrides_report_unused(const override_list *list, diagnostics *d, int known_count, const char *const *known) {
  for (int i = 0; i < list->count; i++) {
    const override *o = &list->items[i];
    if (o->used)
      continue;
    diagnostic *e = diagnostic_error(d, o->path_where, "there is no '%s' to set", o->path);
    const char *nearest = nearest_path(o->path, known_count, known);
    if (nearest)
      diagnostic_hint(e, "did you mean '%s'?", nearest);
  }
}
