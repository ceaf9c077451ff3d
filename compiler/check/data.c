/* Data items: `data train, dev = tsv("{split}.tsv", …) |> wordpiece("vocab.txt", …)`. */
#include "compiler/check/experiment.h"

#include <string.h>

/* The signatures of sources and tokenizers, in the language itself; a tokenizer's source comes by the pipe. */
static const char signatures[] = "function tsv(path: string, text: int = 0, label: int = -1, classes: int = 0, pair: "
                                 "int = -1, header: bool = false) = 0\n"
                                 "function csv(path: string, text: int = 0, label: int = -1, classes: int = 0, pair: "
                                 "int = -1, header: bool = false) = 0\n"
                                 "function wordpiece(vocabulary: string, length: int = 128, lower: bool = true) = 0\n";
static const char *const source_names[] = {"tsv", "csv"};
static const char *const tokenizer_names[] = {"wordpiece"};

typedef struct reading { /* of one data item */
  program *program;
  experiment *experiment;
  const file_syntax *signatures;
  program_data *set;
  const char *prefix; /* of its overrides: "data.train." */
} reading;

static const function_syntax *signature_of(const reading *r, const char *name) {
  for (int i = 0; i < r->signatures->declaration_count; i++)
    if (strcmp(r->signatures->declarations[i]->name, name) == 0)
      return r->signatures->declarations[i]->function;
  return NULL;
}

/* The name of what x calls, one of `names`; NULL after an error. */
static const char *called(const reading *r, const expression *x, const char *what, const char *example, int count,
                          const char *const *names) {
  diagnostics *d = r->program->elaborator->diagnostics;
  if (x->kind != EXPRESSION_CALL || x->as.call.callee->kind != EXPRESSION_NAME) {
    diagnostic *e = diagnostic_error(d, x->where, "this is no %s", what);
    diagnostic_hint(e, "as in %s", example);
    return NULL;
  }
  const char *name = x->as.call.callee->as.name;
  for (int i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0)
      return name;
  report_unknown(d, x->as.call.callee->where, what, name, count, names);
  return NULL;
}

/* Binds a call's arguments, overrides included, to the signature of what it calls. `piped`: its first argument is the
 * source. */
static scope *bind(const reading *r, expression *call, const char *name, bool piped) {
  program *p = r->program;
  elaborator *e = p->elaborator;
  const function_syntax *f = signature_of(r, name);
  const char **names = arena_array(p->arena, const char *, f->parameter_count + 1);
  names[0] = "";
  for (int i = 0; i < f->parameter_count; i++) {
    names[i + piped] = f->parameters[i].name;
    name_add(p->arena, &r->experiment->settable, arena_print(p->arena, "%s%s", r->prefix, f->parameters[i].name));
  }
  override_list *overrides = &r->experiment->overrides;
  call = override_call(p->arena, overrides, r->prefix, call, f->parameter_count + piped, names);
  call_argument *arguments = NULL;
  int count = call->as.call.count - piped;
  scope *into = scope_create(e, scope_of_file(e, p->file));
  bool good = evaluate_arguments(e, r->experiment->scope, count, call->as.call.arguments + piped, &arguments);
  good = bind_arguments(e, name, f->parameter_count, f->parameters, count, arguments, call->where, into, NULL) && good;
  return good ? into : NULL;
}

static int64_t bound_int(scope *s, const char *name) {
  return scope_find(s, name)->value.as.integer;
}

static const char *fill_split(arena *a, const char *path, const char *split) {
  const char *at = strstr(path, "{split}");
  return at ? arena_print(a, "%.*s%s%s", (int)(at - path), path, split, at + strlen("{split}")) : path;
}

static bool in_range(const reading *r, span where, const char *name, int64_t given, int64_t low, int64_t high) {
  if (given >= low && given <= high)
    return true;
  diagnostic_error(r->program->elaborator->diagnostics, where, "'%s' is %lld; it can be %lld to %lld", name,
                   (long long)given, (long long)low, (long long)high);
  return false;
}

static bool read_source(const reading *r, expression *call) {
  enum { COLUMNS_MAX = 10000, CLASSES_MAX = 1 << 20 };
  const char *format = called(r, call, "data source", "tsv(\"{split}.tsv\", text: 0, label: 1)", 2, source_names);
  scope *s = format ? bind(r, call, format, false) : NULL;
  if (!s)
    return false;
  program_data *set = r->set;
  set->format = format;
  set->path = fill_split(r->program->arena, scope_find(s, "path")->value.as.string, set->name);
  set->header = scope_find(s, "header")->value.as.boolean;
  int64_t column = bound_int(s, "text"), label = bound_int(s, "label"), pair = bound_int(s, "pair");
  int64_t classes = bound_int(s, "classes");
  if (!in_range(r, call->where, "text", column, 0, COLUMNS_MAX) ||
      !in_range(r, call->where, "label", label, -1, COLUMNS_MAX) ||
      !in_range(r, call->where, "pair", pair, -1, COLUMNS_MAX) ||
      !in_range(r, call->where, "classes", classes, 0, CLASSES_MAX))
    return false;
  set->text = (int)column;
  set->label = (int)label;
  set->pair = (int)pair;
  set->classes = (int)classes;
  return true;
}

static bool read_set(const reading *r, expression *x) {
  enum { LENGTH_MIN = 3, LENGTH_MAX = 1 << 20 }; /* [CLS], one token, [SEP] */
  const char *example = "tsv(…) |> wordpiece(\"vocab.txt\", length: 64)";
  if (x->kind == EXPRESSION_CALL && x->as.call.callee->kind == EXPRESSION_NAME &&
      signature_of(r, x->as.call.callee->as.name) && strcmp(x->as.call.callee->as.name, "wordpiece") != 0) {
    diagnostic *e = diagnostic_error(r->program->elaborator->diagnostics, x->where, "the text needs a tokenizer");
    diagnostic_hint(e, "as in %s", example);
    return false;
  }
  const char *tokenizer = called(r, x, "tokenizer", example, 1, tokenizer_names);
  if (!tokenizer)
    return false;
  if (x->as.call.count == 0 || x->as.call.arguments[0].name) {
    diagnostic *e = diagnostic_error(r->program->elaborator->diagnostics, x->where, "'%s' has no source", tokenizer);
    diagnostic_hint(e, "as in %s", example);
    return false;
  }
  bool good = read_source(r, x->as.call.arguments[0].value);
  scope *s = bind(r, x, tokenizer, true);
  if (!s)
    return false;
  int64_t length = bound_int(s, "length");
  r->set->tokenizer = tokenizer;
  r->set->vocabulary = scope_find(s, "vocabulary")->value.as.string;
  r->set->lower = scope_find(s, "lower")->value.as.boolean;
  r->set->length = (int)length;
  return good && in_range(r, x->where, "length", length, LENGTH_MIN, LENGTH_MAX);
}

void experiment_read_data(program *p, experiment *x, const item *what) {
  diagnostics *d = p->elaborator->diagnostics;
  const source_file *source = source_from_text(p->arena, "built-in", signatures, sizeof signatures - 1);
  reading r = {.program = p, .experiment = x, .signatures = parse_file(p->arena, source, d)};
  for (int i = 0; i < what->name_count; i++) {
    const named *n = &what->names[i];
    if (experiment_data(x, n->name) >= 0) {
      diagnostic *e = diagnostic_error(d, n->where, "there are two data sets '%s'", n->name);
      diagnostic_note(e, x->data[experiment_data(x, n->name)]->where, "the other one is here");
      continue;
    }
    program_data *set = arena_new(p->arena, program_data);
    set->name = n->name;
    set->where = n->where;
    r.set = set;
    r.prefix = arena_print(p->arena, "data.%s.", n->name);
    if (!read_set(&r, what->value))
      set->format = NULL; /* reported; the name stays known */
    arena_append(p->arena, x->data, x->data_count, set);
  }
}
