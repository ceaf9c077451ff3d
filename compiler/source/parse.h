/* What the generated parser (grammar/parser.y) calls. For compiler/source/ and the grammar alone. */
#ifndef RETORT_PARSE_H
#define RETORT_PARSE_H

#include "compiler/source/syntax.h"
#include "grammar/parser.h"

/* The next token; reports the problems of the text up to it. */
int parser_lex(PARSER_STYPE *value, PARSER_LTYPE *where, parser *p);
/* The parser's own limits: its stack is full. */
void parser_error(const PARSER_LTYPE *where, parser *p, const char *message);

/* The place just behind a span. */
span span_behind(span where);
void parser_use(parser *p, span where, const char *name);
void parser_declare(parser *p, declaration *d); /* NULL: it was wrong */
/* Reports a stage without work; `where` is its closing brace. */
void empty_stage(parser *p, span where);

/* «expected X or Y, found Z» at the token taken last, with what may help; then moves the parser's input to where it can
 * go on: the end of the statement, or the body of what the statement heads. */
void syntax_error(parser *p, const char *const *expected, int count);

#endif
