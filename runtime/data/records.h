/* The rows of a text file, one after the other, of any format: each row's text, label, second text and target.
 *
 *   tsv, csv  delimited.h; a csv file's rows must have equally many fields
 *   jsonl     one JSON object a line; columns are its keys
 *   lines     each line that is not empty is a text */
#ifndef RETORT_RECORDS_H
#define RETORT_RECORDS_H
#include "runtime/data/delimited.h"
#include "runtime/data/text_file.h"

typedef enum { RECORDS_TSV, RECORDS_CSV, RECORDS_JSONL, RECORDS_LINES } record_format;
typedef enum { RECORD_TEXT, RECORD_LABEL, RECORD_PAIR, RECORD_TARGET, RECORD_PARTS } record_part;
extern const char *const record_part_names[RECORD_PARTS]; /* "text", … */

typedef struct record_column {
  const char *name; /* of the header's field, the object's key; NULL: by number */
  int number;       /* from 0; -1: there is none */
} record_column;

typedef struct record_source {
  const char *path;
  record_format format;
  record_column columns[RECORD_PARTS]; /* of lines only the text is looked at */
  bool header;                         /* the first row is one; a column with a name says so too */
  const char *class;                   /* the label of all rows; NULL: from the column */
  text_encoding encoding;
} record_source;

bool record_source_has(const record_source *s, record_part part);

typedef struct records records;

/* The source must outlive the result. NULL after a failure. */
records *records_open(const record_source *source, failure *f);
/* The same from memory. */
records *records_parse(const record_source *source, const void *bytes, size_t size, failure *f);
void records_close(records *r);
/* Reads the next row: 1, 0 at the end, -1 after a failure («path:line: …»). */
int records_next(records *r, failure *f);
/* Of the row that was read last, valid until the next; an empty text of length 0 for what the source does not have. */
field records_field(const records *r, record_part part);
int64_t records_line(const records *r);

#endif
