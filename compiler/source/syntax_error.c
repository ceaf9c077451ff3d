#include "compiler/source/parse.h"
#include "compiler/source/words.h"
#include <string.h>

/* ---- what was expected ---- */

enum { SHOWN_MAX = 5 };

typedef struct wanted {
  const char *const *names;
  int count;
} wanted;

static bool wants(wanted w, const char *name) {
  for (int i = 0; i < w.count; i++)
    if (!strcmp(w.names[i], name))
      return true;
  return false;
}

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names; names++)
    if (!strcmp(name, *names))
      return true;
  return false;
}

/* A group of tokens that together are called something. */
typedef struct group {
  const char *called;          /* NULL: leave them out */
  const char *const *sign;     /* when all of these are expected … */
  const char *const *absorbed; /* … these are meant by the name */
} group;

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define VALUES "name", "string", "whole number", "number", "'if'", "'not'", "'true'", "'false'", "'('", "'['", "'-'"

static const group groups[] = {
    {"a declaration (module, function, objective, optimizer, experiment)", NAMES("'experiment'"),
     NAMES("'use'", "'module'", "'function'", "'objective'", "'optimizer'", "'experiment'", "end of file")},
    {"a statement", NAMES("'return'"),
     NAMES("'let'", "'tap'", "'update'", "'return'", "'loss'", "'for'", "'}'", VALUES)},
    {"a member (param, buffer, let, a submodule, a function, …)", NAMES("'param'"),
     NAMES("'param'", "'buffer'", "'state'", "'let'", "'tap'", "'update'", "'loss'", "'for'", "function's name", "'}'",
           VALUES)},
    {"let, data, model, stage, evaluate, export or if", NAMES("'stage'"),
     NAMES("'let'", "'data'", "'model'", "'stage'", "'evaluate'", "'export'", "'if'", "'}'")},
    {"a setting", NAMES("'optimizer'", "'on'", "'}'"), NAMES("'optimizer'", "'on'", "name")},
    {NULL, NAMES("'+'"),
     NAMES("'or'", "'and'", "'<'", "'>'", "'<='", "'>='", "'=='", "'!='", "'..'", "'+'", "'-'", "'*'", "'/'", "'//'",
           "'%'", "'@'", "'**'", "'|>'", "'.'", "'('", "'['")},
    {NULL, NAMES("'.'", "'('", "'['"), NAMES("'.'", "'('", "'['")},
    {NULL, NAMES("'['"), NAMES("'['")}, /* of a type */
    {NULL, NAMES("'|>'"), NAMES("'|>'")},
    {"an expression", NAMES("whole number"), NAMES(VALUES, "'...'", "'new'")},
    {"a type", NAMES("name", "'module'"), NAMES("name", "'module'", "'function'")},
};
enum { GROUP_COUNT = sizeof groups / sizeof *groups };

static bool applies(const group *g, wanted w) {
  for (const char *const *name = g->sign; *name; name++)
    if (!wants(w, *name))
      return false;
  return true;
}

static const char *called(const char *name) {
  return !strcmp(name, "name") ? "a name" : !strcmp(name, "string") ? "a string" : name;
}

/* The expected tokens in few words: groups by their names, the rest as they are. */
static void add_expected(text *t, wanted w) {
  const char *shown[GROUP_COUNT + SHOWN_MAX];
  bool absorbed[512] = {false};
  int count = 0;
  for (int i = 0; i < GROUP_COUNT; i++) {
    if (!applies(&groups[i], w))
      continue;
    bool some = false;
    for (int j = 0; j < w.count && j < 512; j++)
      if (!absorbed[j] && is_one_of(w.names[j], groups[i].absorbed))
        some = absorbed[j] = true;
    if (some && groups[i].called)
      shown[count++] = groups[i].called;
  }
  for (int j = 0; j < w.count && j < 512 && count < SHOWN_MAX; j++)
    if (!absorbed[j])
      shown[count++] = called(w.names[j]);
  for (int i = 0; i < count; i++)
    text_add(t, "%s%s", !i ? "" : i == count - 1 ? " or " : ", ", shown[i]);
  if (!count)
    text_add(t, "the end of the statement");
}

/* ---- what was found ---- */

static void add_found(text *t, const token *found) {
  int length;
  const char *bytes = span_text(found->where, &length);
  if (!found->kind)
    text_add(t, "end of file");
  else if (found->kind == TOKEN_STRING)
    text_add(t, "a string");
  else if (!length || bytes[0] == '\n')
    text_add(t, "end of line");
  else
    text_add(t, "'%.*s'", length, bytes);
}

/* ---- what may help ---- */

typedef struct situation {
  const token *tokens;
  int at;    /* the token found */
  int first; /* of its statement */
  wanted wanted;
} situation;

static int kind_at(situation s, int index) {
  return index < 0 ? TOKEN_END : s.tokens[index].kind;
}

static bool starts_statement(situation s, int index) {
  int before = kind_at(s, index - 1);
  return before == TOKEN_END || before == '{' || before == '}';
}

static void note_open_bracket(situation s, diagnostic *e) {
  for (int i = s.at - 1; i >= s.first; i--)
    if ((s.tokens[i].kind == '(' || s.tokens[i].kind == '[') && s.tokens[i].match < 0) {
      diagnostic_note(e, s.tokens[i].where, "this '%c' is not closed", s.tokens[i].kind);
      return;
    }
}

/* A keyword with a slip of the pen: the word found, or the one before it at the start of the statement. */
static const char *meant_keyword(situation s) {
  int count, at = kind_at(s, s.at) == TOKEN_NAME && starts_statement(s, s.at) ? s.at : s.at - 1;
  if (at < 0 || kind_at(s, at) != TOKEN_NAME || !starts_statement(s, at))
    return NULL;
  const char *const *names = keyword_names(&count);
  return nearest_name(s.tokens[at].value.name, names, count);
}

static void add_hint(situation s, diagnostic *e) {
  const token *found = &s.tokens[s.at];
  int before = kind_at(s, s.at - 1), first = kind_at(s, s.first);
  const char *keyword = meant_keyword(s);
  if (keyword)
    diagnostic_hint(e, "did you mean '%s'?", keyword);
  else if (found->kind == TOKEN_NAME && starts_statement(s, s.at) && word_keyword(found->value.name) != TOKEN_NAME)
    diagnostic_hint(e, "behind '%s' a name is missing", found->value.name);
  else if (found->kind >= TOKEN_USE && found->kind <= TOKEN_EXPORT && wants(s.wanted, "name") &&
           !starts_statement(s, s.at))
    diagnostic_hint(e, "'%s' is a keyword; a name has to be another word", found->value.name);
  else if (found->kind == '=' && (first == TOKEN_IF || first == TOKEN_ELSE))
    diagnostic_hint(e, "'==' compares");
  else if (found->kind == '=' && wants(s.wanted, "'=='"))
    diagnostic_hint(e, "only a name stands before '='; 'update' gives a buffer or a state its new value");
  else if (found->kind == '{' && before == TOKEN_THEN)
    diagnostic_hint(e, "a block follows its condition without 'then'");
  else if (found->kind == TOKEN_FUNCTION_NAME)
    diagnostic_hint(e, "a function stands in a module or, with 'function', by itself");
  else if ((before == '.' && kind_at(s, s.at - 2) == TOKEN_INT) ||
           (found->kind == '.' && wants(s.wanted, "whole number")))
    diagnostic_hint(e, "a number has digits on both sides of its point");
}

/* ---- going on ---- */

static bool heads_block(int kind) {
  return kind == TOKEN_MODULE || kind == TOKEN_FUNCTION || kind == TOKEN_OBJECTIVE || kind == TOKEN_OPTIMIZER ||
         kind == TOKEN_EXPERIMENT || kind == TOKEN_STAGE || kind == TOKEN_FUNCTION_NAME || kind == TOKEN_IF ||
         kind == TOKEN_FOR || kind == TOKEN_ELSE;
}

/* The next token to read: the end of the statement, with the blocks in it left out, or the block that it heads. The
 * token found is already the parser's. */
static int recovery_point(situation s, int count) {
  bool headed = heads_block(kind_at(s, s.first)) && s.at > s.first;
  int at = s.at, depth = 0;
  for (; at < count - 1; at++) {
    int kind = s.tokens[at].kind;
    if (kind == TOKEN_END && !depth)
      break;
    if (kind == '{' && headed && !depth)
      break;
    if (kind == '}' && !depth && at > s.at)
      break;
    depth += kind == '{' ? 1 : kind == '}' && depth ? -1 : 0;
  }
  return at > s.at ? at : s.at + (s.at < count - 1);
}

void syntax_error(parser *p, const char *const *expected, int count) {
  situation s = {.tokens = p->tokens.items, .wanted = {expected, count}};
  s.at = p->last;
  s.first = s.at;
  while (s.first > 0 && !starts_statement(s, s.first))
    s.first--;
  p->next = recovery_point(s, p->tokens.count);
  if (p->problem >= s.first) /* the statement's text is wrong already */
    return;
  if (diagnostics_error_count(p->diagnostics) >= DIAGNOSTIC_ERRORS_MAX) {
    diagnostic_error(p->diagnostics, s.tokens[s.at].where, "syntax error"); /* only counted */
    return;
  }
  text message = {0};
  text_add(&message, "expected ");
  add_expected(&message, s.wanted);
  text_add(&message, ", found ");
  add_found(&message, &s.tokens[s.at]);
  diagnostic *e = diagnostic_error(p->diagnostics, s.tokens[s.at].where, "%s", message.data);
  text_free(&message);
  note_open_bracket(s, e);
  add_hint(s, e);
}
