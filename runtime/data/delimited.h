/* Rows of tab- and comma-separated files.
 *
 *   tsv  a row a line, fields between tabs, quotes are ordinary characters
 *   csv  RFC 4180: fields may stand in double quotes, then hold commas, line breaks and "" for a quote
 *   lines  a row a line, of one field
 *
 * Empty lines are skipped, so is a byte order mark; lines end in \n or \r\n. Text must be UTF-8 without zero bytes. */
#ifndef RETORT_DELIMITED_H
#define RETORT_DELIMITED_H
#include "runtime/data/memory.h"

typedef enum { DELIMITED_TSV, DELIMITED_CSV, DELIMITED_LINES } delimited_format;

typedef struct field {
  const char *text; /* zero-terminated */
  size_t length;
} field;

typedef struct delimited delimited;

/* From memory that outlives the result; `path` is for messages. */
delimited *delimited_parse(const char *path, delimited_format format, const void *bytes, size_t size);
void delimited_close(delimited *d);

/* Reads the next row: the number of its fields, 0 at the end, -1 after a failure («path:line: …»). */
int delimited_next(delimited *d, failure *f);
/* Of the row that was read last; valid until the next one is read. */
field delimited_field(const delimited *d, int index);
int64_t delimited_line(const delimited *d); /* where it begins, from 1 */

#endif
