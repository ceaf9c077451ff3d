/* Numbers and strings as the language writes them. */
#ifndef RETORT_NUMBER_H
#define RETORT_NUMBER_H

#include "compiler/source/text.h"

/* The shortest digits that read back as the same double, always with a point or an exponent. */
void text_add_real(text *t, double value);
/* In double quotes, with the escapes \n \t \" \\. */
void text_add_quoted(text *t, const char *content);

#endif
