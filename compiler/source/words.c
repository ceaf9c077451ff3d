#include "compiler/source/words.h"
#include "compiler/source/syntax.h"
#include "grammar/parser.h"
#define YYSTYPE PARSER_STYPE /* as the lexer's header wants to see them */
#define YYLTYPE PARSER_LTYPE
#include "grammar/lexer.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

span word_place(word_reader *r, int length) {
  span where = {r->file, r->line, r->column, r->line, r->column + length};
  r->column += length;
  return where;
}

void word_newline(word_reader *r) {
  r->line++;
  r->column = 1;
}

const char *word_copy(word_reader *r, const char *word, int length) {
  return arena_copy(r->arena, word, (size_t)length);
}

/* One row a keyword. */
#define KEYWORDS(ROW)         \
  ROW(use, USE)               \
  ROW(module, MODULE)         \
  ROW(function, FUNCTION)     \
  ROW(objective, OBJECTIVE)   \
  ROW(optimizer, OPTIMIZER)   \
  ROW(experiment, EXPERIMENT) \
  ROW(param, PARAM)           \
  ROW(buffer, BUFFER)         \
  ROW(state, STATE)           \
  ROW(let, LET)               \
  ROW(tap, TAP)               \
  ROW(update, UPDATE)         \
  ROW(return, RETURN)         \
  ROW(loss, LOSS)             \
  ROW(weight, WEIGHT)         \
  ROW(for, FOR)               \
  ROW(in, IN)                 \
  ROW(if, IF)                 \
  ROW(then, THEN)             \
  ROW(else, ELSE)             \
  ROW(and, AND)               \
  ROW(or, OR)                 \
  ROW(not, NOT)               \
  ROW(true, TRUE)             \
  ROW(false, FALSE)           \
  ROW(of, OF)                 \
  ROW(new, NEW)               \
  ROW(data, DATA)             \
  ROW(model, MODEL)           \
  ROW(stage, STAGE)           \
  ROW(train, TRAIN)           \
  ROW(distill, DISTILL)       \
  ROW(with, WITH)             \
  ROW(on, ON)                 \
  ROW(as, AS)                 \
  ROW(validate, VALIDATE)     \
  ROW(every, EVERY)           \
  ROW(keep, KEEP)             \
  ROW(evaluate, EVALUATE)     \
  ROW(export, EXPORT)

#define ROW_NAME(word, kind) #word,
#define ROW_KIND(word, kind) TOKEN_##kind,
static const char *const names[] = {KEYWORDS(ROW_NAME)};
static const int kinds[] = {KEYWORDS(ROW_KIND)};
enum { KEYWORD_COUNT = sizeof names / sizeof *names };

int word_keyword(const char *word) {
  for (int i = 0; i < KEYWORD_COUNT; i++)
    if (!strcmp(word, names[i]))
      return kinds[i];
  return TOKEN_NAME;
}

const char *const *keyword_names(int *count) {
  *count = KEYWORD_COUNT;
  return names;
}

enum { PROBLEMS_MAX = 1000, WORDS_MAX = 4 * 1024 * 1024 };

static void add_problem(word_reader *r, span where, const char *message, const char *hint) {
  if (r->words->problem_count >= PROBLEMS_MAX)
    return;
  token_problem problem = {.before = r->words->count, .where = where, .message = message, .hint = hint};
  arena_append(r->arena, r->words->problems, r->words->problem_count, problem);
}

int word_integer(word_reader *r, const char *word, span where, int64_t *value) {
  errno = 0;
  *value = strtoll(word, NULL, 10);
  if (errno == ERANGE)
    add_problem(r, where, "this number is larger than 9223372036854775807", NULL);
  return TOKEN_INT;
}

int word_real(word_reader *r, const char *word, span where, double *value) {
  *value = strtod(word, NULL);
  if (isinf(*value))
    add_problem(r, where, "this number is too large", NULL);
  return TOKEN_REAL;
}

int word_bad_number(word_reader *r, const char *word, span where, int64_t *value) {
  add_problem(r, where, arena_print(r->arena, "'%s' is neither a number nor a name", word),
              "a name begins with a letter or '_'");
  *value = 0;
  return TOKEN_INT;
}

const char *word_string(word_reader *r, const char *word, int length, span where) {
  char *content = arena_allocate(r->arena, (size_t)length + 1), *to = content;
  for (int i = 0; i < length; i++) {
    char c = word[i];
    if (c == '\\') {
      c = word[++i];
      if (c == 'n')
        c = '\n';
      else if (c == 't')
        c = '\t';
      else if (c != '"' && c != '\\')
        add_problem(r, (span){r->file, where.line, where.column + i, where.line, where.column + i + 2},
                    "unknown escape in a string", "known are \\n \\t \\\" \\\\");
    }
    *to++ = c;
  }
  for (int i = 0; content[i];) {
    utf8proc_int32_t code;
    utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)content + i, to - content - i, &code);
    if (bytes <= 0) {
      add_problem(r, where, "this string is not UTF-8", NULL);
      break;
    }
    i += (int)bytes;
  }
  return content;
}

const char *word_unended(word_reader *r, const char *word, int length, span where) {
  add_problem(r, where, "this string has no end on its line", "close it with '\"'; a line break is written \\n");
  return word_copy(r, word, length);
}

void word_problem(word_reader *r, const char *word, span where, const char *hint) {
  utf8proc_int32_t code;
  int length = where.end_column - where.column;
  bool printable = word[0] >= 0x20 && word[0] < 0x7f;
  if (!printable && utf8proc_iterate((const utf8proc_uint8_t *)word, length, &code) > 0)
    printable = code >= 0xa0;
  const char *message = printable ? arena_print(r->arena, "unexpected '%.*s'", length, word)
                                  : arena_print(r->arena, "unexpected byte 0x%02x", (unsigned char)word[0]);
  add_problem(r, where, message, hint);
}

token_list read_words(arena *a, const source_file *file) {
  token_list words = {0};
  word_reader reader = {.arena = a, .file = file, .line = 1, .column = 1, .words = &words};
  yyscan_t scanner;
  if (lexer_lex_init_extra(&reader, &scanner))
    memory_exhausted();
  YY_BUFFER_STATE buffer = lexer__scan_bytes(file->text, (int)file->length, scanner);
  int kind;
  do {
    PARSER_STYPE value = {0};
    span where = {0};
    kind = lexer_lex(&value, &where, scanner);
    token t = {.kind = kind, .match = -1, .outer = -1, .where = where};
    if (kind == TOKEN_INT)
      t.value.integer = value.integer;
    else if (kind == TOKEN_REAL)
      t.value.real = value.real;
    else
      t.value.name = value.name;
    if (!kind) /* the lexer gives the end no place */
      t.where = (span){file, reader.line, reader.column, reader.line, reader.column};
    if (words.count >= WORDS_MAX && kind) {
      add_problem(&reader, where, "this file has more than four million words", NULL);
      t.kind = kind = 0;
    }
    arena_append(a, words.items, words.count, t);
  } while (kind);
  lexer__delete_buffer(buffer, scanner);
  lexer_lex_destroy(scanner);
  return words;
}
