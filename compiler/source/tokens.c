#include "compiler/source/tokens.h"
#include "compiler/source/syntax.h"
#include "compiler/source/words.h"
#include "grammar/parser.h"

/* ---- what kinds of words there are ---- */

bool ends_operand(int kind) {
  return kind == TOKEN_NAME || kind == TOKEN_INT || kind == TOKEN_REAL || kind == TOKEN_STRING || kind == TOKEN_TRUE ||
         kind == TOKEN_FALSE || kind == ')' || kind == ']';
}

static bool is_keyword(int kind) {
  return kind >= TOKEN_USE && kind <= TOKEN_EXPORT;
}

/* Keywords within a statement, that follow a value: `loss x = a weight b`, `T of B`, `for i in`. */
static bool is_infix_word(int kind) {
  return kind == TOKEN_WEIGHT || kind == TOKEN_OF || kind == TOKEN_WITH || kind == TOKEN_ON || kind == TOKEN_AS ||
         kind == TOKEN_IN || kind == TOKEN_EVERY;
}

/* Keywords that begin a statement or a setting and are followed by a name. */
static bool is_leading_word(int kind) {
  return kind == TOKEN_STATE || kind == TOKEN_DATA || kind == TOKEN_MODEL || kind == TOKEN_STAGE ||
         kind == TOKEN_TRAIN || kind == TOKEN_DISTILL || kind == TOKEN_EVALUATE || kind == TOKEN_EXPORT ||
         kind == TOKEN_LOSS || kind == TOKEN_OPTIMIZER || kind == TOKEN_ON || kind == TOKEN_VALIDATE ||
         kind == TOKEN_KEEP;
}

static bool may_be_name(int kind) {
  return kind == TOKEN_NAME || kind == TOKEN_NEW || is_infix_word(kind) || is_leading_word(kind);
}

/* A line that ends in one of these goes on in the next. */
static bool continues_line(int kind) {
  switch (kind) {
  case '+':
  case '-':
  case '*':
  case '/':
  case '%':
  case '@':
  case '<':
  case '>':
  case '=':
  case ',':
  case '(':
  case '[':
  case '{':
  case TOKEN_FLOOR_DIVIDE:
  case TOKEN_POWER:
  case TOKEN_LESS_EQUAL:
  case TOKEN_GREATER_EQUAL:
  case TOKEN_EQUAL:
  case TOKEN_NOT_EQUAL:
  case TOKEN_RANGE:
  case TOKEN_ARROW:
  case TOKEN_PIPE:
  case TOKEN_AND:
  case TOKEN_OR:
  case TOKEN_NOT:
  case TOKEN_THEN:
  case TOKEN_ELSE:
    return true;
  default:
    return false;
  }
}

static bool is_declaring_word(int kind) {
  return kind == TOKEN_USE || kind == TOKEN_MODULE || kind == TOKEN_FUNCTION || kind == TOKEN_OBJECTIVE ||
         kind == TOKEN_EXPERIMENT;
}

/* ---- brackets ---- */

enum { SEARCH_MAX = 1000 }; /* unclosed brackets that a closing one looks behind */

/* Brackets that are open, linked through `outer`: the innermost is `top`. */
typedef struct bracket_reader {
  token *words;
  int top;
} bracket_reader;

static bool closes(int opening, int closing) {
  return (opening == '(' && closing == ')') || (opening == '[' && closing == ']') || (opening == '{' && closing == '}');
}

/* A closing bracket meets the nearest opening one of its kind; a round or square one does not look behind a brace. */
static void close_bracket(bracket_reader *r, int index) {
  int at = r->top, kind = r->words[index].kind;
  for (int steps = 0; at >= 0 && !closes(r->words[at].kind, kind); steps++) {
    if (r->words[at].kind == '{' || steps == SEARCH_MAX)
      return;
    at = r->words[at].outer;
  }
  if (at < 0)
    return;
  r->words[at].match = index;
  r->words[index].match = at;
  r->top = r->words[at].outer;
}

/* `module`, … at the start of a line and before a name: whatever is still open lacks its end. */
static bool begins_declaration(const token_list *words, int index) {
  if (!is_declaring_word(words->items[index].kind) || !may_be_name(words->items[index + 1].kind))
    return false;
  return index == 0 || words->items[index - 1].kind == TOKEN_NEWLINE || words->items[index - 1].kind == TOKEN_END;
}

/* Sets `match` of all brackets. A brace that is open where a declaration begins is closed there: its match is that
 * word's place. */
static void match_brackets(token_list *words) {
  bracket_reader r = {words->items, -1};
  for (int i = 0; i < words->count; i++) {
    int kind = words->items[i].kind;
    if (kind == '(' || kind == '[' || kind == '{') {
      words->items[i].outer = r.top;
      r.top = i;
    } else if (kind == ')' || kind == ']' || kind == '}') {
      close_bracket(&r, i);
    } else if (!kind || begins_declaration(words, i)) {
      for (; r.top >= 0; r.top = words->items[r.top].outer)
        if (words->items[r.top].kind == '{')
          words->items[r.top].match = i;
    }
  }
}

/* Sets `match` of line ends to the next word that is none. */
static void link_lines(token_list *words) {
  for (int i = words->count - 2; i >= 0; i--)
    if (words->items[i].kind == TOKEN_NEWLINE)
      words->items[i].match = words->items[i + 1].kind == TOKEN_NEWLINE ? words->items[i + 1].match : i + 1;
}

/* ---- from words to tokens ---- */

typedef struct token_filter {
  arena *arena;
  token_list *words;
  token_list out;
  int bracket; /* the innermost open bracket that has a partner, among the words; -1: none */
  int problem; /* the next of the words' problems */
} token_filter;

static int last_kind(const token_filter *f) {
  return f->out.count ? f->out.items[f->out.count - 1].kind : TOKEN_END;
}

static bool at_start(const token_filter *f) {
  return last_kind(f) == TOKEN_END || last_kind(f) == '{';
}

static void add_token(token_filter *f, token t) {
  arena_append(f->arena, f->out.items, f->out.count, t);
}

/* Ends the statement before `t`, if one is there. */
static void add_end(token_filter *f, token t) {
  if (at_start(f))
    return;
  t.kind = TOKEN_END;
  add_token(f, t);
}

static int kind_at(const token_filter *f, int index) {
  return index < f->words->count ? f->words->items[index].kind : 0;
}

static int bracket_kind(const token_filter *f) {
  return f->bracket < 0 ? 0 : f->words->items[f->bracket].kind;
}

/* The first word from `index` on that is no line end. */
static int word_behind_lines(const token_filter *f, int index) {
  return kind_at(f, index) == TOKEN_NEWLINE ? f->words->items[index].match : index;
}

static bool newline_counts(const token_filter *f, int index) {
  if (bracket_kind(f) == '(' || bracket_kind(f) == '[' || continues_line(last_kind(f)))
    return false;
  int next = kind_at(f, word_behind_lines(f, index + 1));
  return next != TOKEN_PIPE && next != TOKEN_ELSE && next != '{';
}

/* Whether the keyword at `index` is one there, by its neighbours. */
static bool is_keyword_here(const token_filter *f, int index) {
  int kind = kind_at(f, index), before = last_kind(f), after = kind_at(f, index + 1);
  if (before == '.')
    return false;
  if (after == ':' && bracket_kind(f) == '(' && (before == '(' || before == ','))
    return false;
  if (kind == TOKEN_NEW)
    return bracket_kind(f) == '[' && f->bracket > 0 && ends_operand(kind_at(f, f->bracket - 1)) &&
           (before == '[' || before == ',') && (after == ',' || after == ']');
  if (is_infix_word(kind) && ends_operand(before))
    return true;
  if (is_leading_word(kind))
    return (at_start(f) || ends_operand(before)) && may_be_name(after);
  return !is_infix_word(kind);
}

/* A name at the start of a statement whose parentheses are followed by a result or a body. */
static bool declares_function(const token_filter *f, int index) {
  if (!at_start(f) || kind_at(f, index + 1) != '(' || f->words->items[index + 1].match < 0)
    return false;
  int close = f->words->items[index + 1].match, after = kind_at(f, close + 1);
  return after == TOKEN_ARROW || after == '=' || kind_at(f, word_behind_lines(f, close + 1)) == '{';
}

/* Braces whose partner is missing end before the word at `index`. */
static void close_missing(token_filter *f, int index, token t) {
  bool reported = false;
  while (f->bracket >= 0 && bracket_kind(f) == '{' && f->words->items[f->bracket].match == index) {
    add_end(f, t);
    if (!reported) {
      token_problem problem = {.before = f->out.count,
                               .where = t.where,
                               .message = t.kind ? arena_print(f->arena, "expected '}', found '%s'", t.value.name)
                                                 : "expected '}', found end of file",
                               .opened = f->words->items[f->bracket].where};
      arena_append(f->arena, f->out.problems, f->out.problem_count, problem);
      reported = true;
    }
    token brace = t;
    brace.kind = '}';
    add_token(f, brace);
    f->bracket = f->words->items[f->bracket].outer;
  }
  add_end(f, t);
}

/* Links only brackets that have partners: an unclosed `(` does not make the lines behind it one. */
static void track_bracket(token_filter *f, int index) {
  token *t = &f->words->items[index];
  if (t->match < 0)
    return;
  if (t->kind == '(' || t->kind == '[' || t->kind == '{') {
    t->outer = f->bracket;
    f->bracket = index;
  } else {
    f->bracket = f->words->items[t->match].outer;
  }
}

static void filter_word(token_filter *f, int index) {
  token t = f->words->items[index];
  if (!t.kind && f->out.count) { /* the end is shown behind the last word, not on the empty line after it */
    span last = f->out.items[f->out.count - 1].where;
    t.where = (span){last.file, last.end_line, last.end_column, last.end_line, last.end_column};
    if (last_kind(f) == TOKEN_END)
      t.where.column = t.where.end_column = last.column;
  }
  if (t.kind == TOKEN_NEWLINE || t.kind == TOKEN_END) {
    if (t.kind == TOKEN_END || newline_counts(f, index))
      add_end(f, t);
    return;
  }
  if (!t.kind || begins_declaration(f->words, index))
    close_missing(f, index, t);
  if (t.kind == '}')
    add_end(f, t);
  if (is_keyword(t.kind) && !is_keyword_here(f, index))
    t.kind = TOKEN_NAME;
  if (t.kind == TOKEN_NAME && declares_function(f, index))
    t.kind = TOKEN_FUNCTION_NAME;
  track_bracket(f, index);
  add_token(f, t);
}

token_list read_tokens(arena *a, const source_file *file) {
  token_list words = read_words(a, file);
  match_brackets(&words);
  link_lines(&words);
  token_filter f = {.arena = a, .words = &words, .bracket = -1};
  for (int i = 0; i < words.count; i++) {
    for (; f.problem < words.problem_count && words.problems[f.problem].before <= i; f.problem++) {
      token_problem problem = words.problems[f.problem];
      problem.before = f.out.count;
      arena_append(a, f.out.problems, f.out.problem_count, problem);
    }
    filter_word(&f, i);
  }
  return f.out;
}
