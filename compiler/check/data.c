/* Data items: `data train, dev = tsv("{split}.tsv", …) + lines(…) |> split(dev: 0.1) |> wordpiece("vocab.txt", …)`. */
#include "compiler/check/experiment.h"

#include <string.h>

/* The signatures of sources and tokenizers, in the language itself; a tokenizer's source comes by the pipe. A column is
 * its number or its name in the header. */
static const char signatures[] =
    "function tsv(path: string, text = 0, label = -1, classes: int = 0, pair = -1, header: bool = false, target = -1, "
    "encoding: string = \"utf8\") = 0\n"
    "function csv(path: string, text = 0, label = -1, classes: int = 0, pair = -1, header: bool = false, target = -1, "
    "encoding: string = \"utf8\") = 0\n"
    "function jsonl(path: string, text = \"text\", label = -1, classes: int = 0, pair = -1, target = -1) = 0\n"
    "function lines(path: string, class = -1, classes: int = 0, encoding: string = \"utf8\") = 0\n"
    "function wordpiece(vocabulary: string, length: int = 128, lower: bool = true) = 0\n";
static const char *const source_names[] = {"tsv", "csv", "jsonl", "lines"};
enum { SOURCE_NAME_COUNT = sizeof source_names / sizeof *source_names, CLASSES_MAX = 1 << 20 };
static const char *const tokenizer_names[] = {"wordpiece"};

typedef struct reading { /* of one data item */
  program *program;
  experiment *experiment;
  const file_syntax *signatures;
  const item *item;
  program_data *set;
  program_source *sources; /* of the set */
  int index;               /* of the set among the item's names */
  const char *prefix;      /* of its overrides: "data.train." */
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

/* ---- sources ---- */

/* A parameter that is a column: its number, or with `named` the name of a header's field or a key. */
static bool read_column(const reading *r, span where, scope *s, const char *parameter, bool keys, program_column *to) {
  enum { COLUMNS_MAX = 10000 };
  const binding *found = scope_find(s, parameter);
  *to = (program_column){.number = -1};
  if (!found)
    return true;
  const value *v = &found->value;
  if (v->kind == VALUE_STRING) {
    to->name = v->as.string;
    return true;
  }
  if (v->kind == VALUE_INT && !keys) {
    to->number = (int)v->as.integer;
    return in_range(r, where, parameter, v->as.integer, strcmp(parameter, "text") == 0 ? 0 : -1, COLUMNS_MAX);
  }
  if (v->kind == VALUE_INT && v->as.integer == -1 && strcmp(parameter, "text") != 0)
    return true; /* not given */
  diagnostic_error(r->program->elaborator->diagnostics, where, "'%s' must be %s", parameter,
                   keys ? "a key: a string" : "a column: its number, or its name in the header");
  return false;
}

/* `class: 0` or `class: "objective"`: the label of every row. */
static bool read_class(const reading *r, span where, scope *s, const char **class) {
  const binding *found = scope_find(s, "class");
  *class = NULL;
  if (!found)
    return true;
  const value *v = &found->value;
  if (v->kind == VALUE_STRING && *v->as.string)
    *class = v->as.string;
  else if (v->kind == VALUE_INT && v->as.integer >= -1 && v->as.integer < CLASSES_MAX)
    *class = v->as.integer < 0 ? NULL : arena_print(r->program->arena, "%lld", (long long)v->as.integer);
  else {
    diagnostic_error(r->program->elaborator->diagnostics, where, "'class' must be a class's number or its name");
    return false;
  }
  return true;
}

static bool read_encoding(const reading *r, span where, scope *s, const char **encoding) {
  const binding *found = scope_find(s, "encoding");
  *encoding = found ? found->value.as.string : "utf8";
  if (strcmp(*encoding, "utf8") == 0 || strcmp(*encoding, "latin1") == 0)
    return true;
  static const char *const known[] = {"utf8", "latin1"};
  report_unknown(r->program->elaborator->diagnostics, where, "encoding", *encoding, 2, known);
  return false;
}

static bool mark(const reading *r, span where, const char *what, bool first, bool *has, bool given) {
  if (first || *has == given) {
    *has = given;
    return true;
  }
  diagnostic_error(r->program->elaborator->diagnostics, where,
                   "sources that are joined either all have a %s or none has", what);
  return false;
}

static bool add_source(reading *r, span where, const program_source *source, int classes) {
  program_data *set = r->set;
  bool first = set->source_count == 0;
  bool labelled = source->label.name || source->label.number >= 0 || source->class;
  bool paired = source->pair.name || source->pair.number >= 0;
  bool targeted = source->target.name || source->target.number >= 0;
  if (!mark(r, where, "label", first, &set->labelled, labelled) ||
      !mark(r, where, "pair", first, &set->paired, paired) ||
      !mark(r, where, "target", first, &set->targeted, targeted))
    return false;
  if (!first && classes != set->classes) {
    diagnostic_error(r->program->elaborator->diagnostics, where,
                     "sources that are joined have the same classes: here %d, before %d", classes, set->classes);
    return false;
  }
  set->classes = classes;
  arena_append(r->program->arena, r->sources, set->source_count, *source);
  set->sources = r->sources;
  return true;
}

static bool read_file(reading *r, expression *call) {
  const char *format =
      called(r, call, "data source", "tsv(\"{split}.tsv\", text: 0, label: 1)", SOURCE_NAME_COUNT, source_names);
  scope *s = format ? bind(r, call, format, false) : NULL;
  if (!s)
    return false;
  program_source source = {.format = format};
  source.path = fill_split(r->program->arena, scope_find(s, "path")->value.as.string, r->set->name);
  source.header = scope_find(s, "header") && scope_find(s, "header")->value.as.boolean;
  int64_t classes = bound_int(s, "classes");
  bool keys = strcmp(format, "jsonl") == 0;
  if (!read_column(r, call->where, s, "text", keys, &source.text) ||
      !read_column(r, call->where, s, "label", keys, &source.label) ||
      !read_column(r, call->where, s, "pair", keys, &source.pair) ||
      !read_column(r, call->where, s, "target", keys, &source.target) ||
      !read_class(r, call->where, s, &source.class) || !read_encoding(r, call->where, s, &source.encoding) ||
      !in_range(r, call->where, "classes", classes, 0, CLASSES_MAX))
    return false;
  if (strcmp(format, "lines") == 0)
    source.text.number = 0;
  return add_source(r, call->where, &source, (int)classes);
}

/* Files that `+` puts behind each other. */
static bool read_files(reading *r, expression *x) {
  if (x->kind == EXPRESSION_BINARY && x->as.binary.operator== BINARY_ADD)
    return read_files(r, x->as.binary.left) && read_files(r, x->as.binary.right);
  return read_file(r, x);
}

/* ---- shares: `source |> split(dev: 0.1, seed: 1)` ---- */

static bool is_split(const expression *x) {
  return x->kind == EXPRESSION_CALL && x->as.call.callee->kind == EXPRESSION_NAME &&
         strcmp(x->as.call.callee->as.name, "split") == 0;
}

/* Each of the item's names is a parameter; -1 where it was not given. */
static const function_syntax *split_signature(const reading *r) {
  text t = {0};
  text_add(&t, "function split(");
  for (int i = 0; i < r->item->name_count; i++)
    text_add(&t, "%s: real = -1.0, ", r->item->names[i].name);
  text_add(&t, "seed: int = 1) = 0\n");
  const char *own = arena_print(r->program->arena, "%s", t.data);
  text_free(&t);
  const source_file *source = source_from_text(r->program->arena, "built-in", own, strlen(own));
  const file_syntax *file = parse_file(r->program->arena, source, r->program->elaborator->diagnostics);
  return file->declaration_count == 1 ? file->declarations[0]->function : NULL;
}

/* The shares follow each other in the order of the names; the one that is not said gets what is left. */
static bool take_shares(const reading *r, span where, scope *s) {
  diagnostics *d = r->program->elaborator->diagnostics;
  int count = r->item->name_count, rest = -1;
  double total = 0, *shares = arena_array(r->program->arena, double, count);
  for (int i = 0; i < count; i++) {
    shares[i] = scope_find(s, r->item->names[i].name)->value.as.real;
    if (shares[i] == -1 && rest < 0) {
      rest = i;
      continue;
    }
    if (!(shares[i] > 0 && shares[i] < 1)) {
      diagnostic *e = diagnostic_error(d, where, "the share of '%s' is %s; it lies between 0 and 1",
                                       r->item->names[i].name, shares[i] == -1 ? "not said" : "out of range");
      diagnostic_hint(e, "one set may be left out: it gets the rest, as in split(dev: 0.1, test: 0.1)");
      return false;
    }
    total += shares[i];
  }
  if (total > 1 + 1e-9 || (rest >= 0 && total > 1 - 1e-9)) {
    diagnostic_error(d, where, "the shares sum to %g; %s", total,
                     rest >= 0 ? "nothing is left for the set that is not named" : "they can be 1 at the most");
    return false;
  }
  if (rest >= 0)
    shares[rest] = 1 - total;
  r->set->share_begin = 0;
  for (int i = 0; i < r->index; i++)
    r->set->share_begin += shares[i];
  r->set->share_end = r->set->share_begin + shares[r->index];
  return true;
}

static bool read_split(reading *r, expression *x) {
  diagnostics *d = r->program->elaborator->diagnostics;
  elaborator *e = r->program->elaborator;
  const function_syntax *f = split_signature(r);
  if (!f)
    return false;
  if (x->as.call.count == 0 || x->as.call.arguments[0].name) {
    diagnostic *error = diagnostic_error(d, x->where, "'split' has no source");
    diagnostic_hint(error, "as in tsv(…) |> split(dev: 0.1, seed: 1)");
    return false;
  }
  for (int i = 1; i < x->as.call.count; i++)
    if (!x->as.call.arguments[i].name) {
      diagnostic_error(d, x->as.call.arguments[i].where, "a share is given by its set's name, as in split(dev: 0.1)");
      return false;
    }
  call_argument *arguments = NULL;
  int count = x->as.call.count - 1;
  scope *into = scope_create(e, scope_of_file(e, r->program->file));
  bool good = evaluate_arguments(e, r->experiment->scope, count, x->as.call.arguments + 1, &arguments);
  good = bind_arguments(e, "split", f->parameter_count, f->parameters, count, arguments, x->where, into, NULL) && good;
  if (!good || !read_files(r, x->as.call.arguments[0].value))
    return false;
  r->set->share_seed = bound_int(into, "seed");
  return in_range(r, x->where, "seed", r->set->share_seed, 0, INT64_MAX) && take_shares(r, x->where, into);
}

static bool read_source(reading *r, expression *x) {
  return is_split(x) ? read_split(r, x) : read_files(r, x);
}

/* ---- sets ---- */

/* Whether a call or --set gives the parameter, which is the `position`-th by order (the source being the 0-th). */
static bool says(reading *r, const expression *call, const char *name, int position) {
  int by_order = 0;
  for (int i = 0; i < call->as.call.count; i++) {
    const char *by_name = call->as.call.arguments[i].name;
    if (by_name ? strcmp(by_name, name) == 0 : by_order++ == position)
      return true;
  }
  return override_find(&r->experiment->overrides, r->prefix, name);
}

static bool read_set(reading *r, expression *x) {
  enum { LENGTH_MIN = 3, LENGTH_MAX = 1 << 20 }; /* [CLS], one token, [SEP] */
  const char *example = "tsv(…) |> wordpiece(\"vocab.txt\", length: 64)";
  if (is_split(x) || (x->kind == EXPRESSION_BINARY && x->as.binary.operator== BINARY_ADD) ||
      (x->kind == EXPRESSION_CALL && x->as.call.callee->kind == EXPRESSION_NAME &&
       signature_of(r, x->as.call.callee->as.name) && strcmp(x->as.call.callee->as.name, "wordpiece") != 0)) {
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
  r->set->lower_said = says(r, x, "lower", 3);
  r->set->length = (int)length;
  return good && in_range(r, x->where, "length", length, LENGTH_MIN, LENGTH_MAX);
}

void experiment_read_data(program *p, experiment *x, const item *what) {
  diagnostics *d = p->elaborator->diagnostics;
  const source_file *source = source_from_text(p->arena, "built-in", signatures, sizeof signatures - 1);
  reading r = {.program = p, .experiment = x, .item = what, .signatures = parse_file(p->arena, source, d)};
  bool broken = false;
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
    r.sources = NULL;
    r.index = i;
    r.prefix = arena_print(p->arena, "data.%s.", n->name);
    /* What is wrong for one of the names is wrong for all: it is said once. */
    int before = diagnostics_error_count(d);
    if (broken || !read_set(&r, what->value))
      set->source_count = 0; /* reported; the name stays known */
    broken |= diagnostics_error_count(d) > before;
    arena_append(p->arena, x->data, x->data_count, set);
  }
}
