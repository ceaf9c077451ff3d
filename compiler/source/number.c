#include "compiler/source/number.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add_real(text *t, double value) {
  char digits[40];
  for (int precision = 1; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value)
      break;
  }
  text_add(t, "%s%s", digits, strpbrk(digits, ".en") ? "" : ".0"); /* n: inf and nan */
}

void text_add_quoted(text *t, const char *content) {
  text_add(t, "\"");
  for (const char *c = content; *c; c++) {
    if (*c == '\n' || *c == '\t')
      text_add(t, *c == '\n' ? "\\n" : "\\t");
    else if (*c == '"' || *c == '\\')
      text_add(t, "\\%c", *c);
    else
      text_add_bytes(t, c, 1);
  }
  text_add(t, "\"");
}
