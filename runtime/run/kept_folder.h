/* The folder of all teachers' outputs that are kept: in it a folder each, named by its key, with about.json and the
 * files of kept_rows.h. When it was last used is about.json's time. */
#ifndef RETORT_KEPT_FOLDER_H
#define RETORT_KEPT_FOLDER_H
#include "runtime/run/kept_rows.h"
#include <jansson.h>
#include <time.h>

typedef struct kept_entry {
  char name[KEPT_NAME_SIZE];
  int64_t bytes;
  time_t used;
  json_t *about; /* an object, perhaps an empty one:
                    {"file", "experiment", "stage", "teacher", "data", "settings", "form", "rows"} */
} kept_entry;

typedef struct kept_list {
  int count;
  kept_entry *entries; /* the last used one first */
  int64_t bytes;
} kept_list;

void kept_name(const kept_key *key, char name[KEPT_NAME_SIZE]);
/* Without a folder there is nothing in it. */
kept_list kept_list_read(const char *folder);
void kept_list_free(kept_list *l);

/* Makes the entry's folder and writes what it is about. */
bool kept_entry_begin(const char *folder, const char *name, const json_t *about, failure *f);
/* It has been used now. */
void kept_entry_use(const char *folder, const char *name);
/* Removes an entry: what this program writes there, and nothing else. False when something is left. */
bool kept_entry_remove(const char *folder, const char *name);

/* Removes what belongs to the same (all of `about` but form and rows are equal), under other keys and in any form:
 * data, weights or program have changed since. How many. */
int kept_drop_older(const char *folder, const char *name, const json_t *about);
/* Removes entries other than `name`, the longest unused ones first, until `bytes` more stay within the limit. False
 * when they cannot. */
bool kept_make_room(const char *folder, const char *name, int64_t bytes, int64_t limit);

#endif
