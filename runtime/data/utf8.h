/* Text must be UTF-8 without zero bytes. */
#ifndef RETORT_UTF8_H
#define RETORT_UTF8_H
#include "runtime/data/memory.h"

/* Checks begin … end, which begins in `line` of `path`; a failure names the line of the first bad byte. */
bool utf8_check(const char *path, int64_t line, const char *begin, const char *end, failure *f);

#endif
