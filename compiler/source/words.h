/* What the lexer (grammar/lexer.l) does with the words that it finds. For compiler/source/ and the lexer alone. */
#ifndef RETORT_WORDS_H
#define RETORT_WORDS_H

#include "compiler/source/tokens.h"

typedef struct word_reader {
  arena *arena;
  const source_file *file;
  int line, column; /* of the next byte */
  token_list *words;
} word_reader;

/* The place of a word of `length` bytes; moves on behind it. */
span word_place(word_reader *r, int length);
void word_newline(word_reader *r);
const char *word_copy(word_reader *r, const char *word, int length);
/* The keyword's token, or TOKEN_NAME. */
int word_keyword(const char *word);
/* All keywords, for «did you mean». */
const char *const *keyword_names(int *count);
/* Numbers: the token; one that does not fit is a problem. */
int word_integer(word_reader *r, const char *word, span where, int64_t *value);
int word_real(word_reader *r, const char *word, span where, double *value);
int word_bad_number(word_reader *r, const char *word, span where, int64_t *value);
/* A string's content without its escapes. */
const char *word_string(word_reader *r, const char *word, int length, span where);
/* A string without its end on the line. */
const char *word_unended(word_reader *r, const char *word, int length, span where);
/* «unexpected X», with a hint unless that is NULL. */
void word_problem(word_reader *r, const char *word, span where, const char *hint);

#endif
