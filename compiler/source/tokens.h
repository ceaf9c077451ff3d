/* Tokens as the parser gets them. The lexer (grammar/lexer.l) reads words; here it is settled
 *   - which line ends end a statement: TOKEN_END, which also stands before every `}` and before the end of the file, so
 *     that the grammar has one rule: statements end in TOKEN_END;
 *   - which words that could be keywords are names, by what stands beside them (`weight` in `layer.weight`);
 *   - which name begins a function's declaration, TOKEN_FUNCTION_NAME: `(`…`)` after it is followed by `->`, `=` or
 * `{`;
 *   - where a `}` is missing, so that an unfinished block does not swallow the next declaration. */
#ifndef RETORT_TOKENS_H
#define RETORT_TOKENS_H

#include "compiler/source/arena.h"
#include "compiler/source/source.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct token {
  int kind;  /* parser_token_kind_t of the grammar */
  int match; /* of a bracket: its partner's place among the words; of a line end: the next word's; -1: none */
  int outer; /* the innermost open bracket with a partner around this token, among the words; -1: none */
  span where;
  union {
    int64_t integer;
    double real;
    const char *name; /* a name's or keyword's text, a string's content */
  } value;
} token;

/* What is wrong with the text before or at a token: reported when the parser takes that token, so that errors come in
 * the order of the source. */
typedef struct token_problem {
  int before; /* a token's place in the list */
  span where;
  const char *message, *hint; /* hint may be NULL */
  span opened;                /* of a missing bracket: where its partner is; else file NULL */
} token_problem;

typedef struct token_list {
  int count;
  token *items; /* ends in the end of the file */
  int problem_count;
  token_problem *problems;
} token_list;

token_list read_tokens(arena *a, const source_file *file);

/* The words as the lexer makes them, line ends included. */
token_list read_words(arena *a, const source_file *file);

/* Whether a value can end with this token. */
bool ends_operand(int kind);

#endif
