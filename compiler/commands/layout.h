/* `--layout`, the same for all commands that compile: how rows that have lengths lie in memory. */
#ifndef RETORT_LAYOUT_H
#define RETORT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  LAYOUT_AUTO,   /* packed where that pays */
  LAYOUT_PADDED, /* to a common length */
  LAYOUT_PACKED  /* their tokens end to end */
} layout_choice;

/* Reads the word of --layout: `auto`, `padded` or `packed`; NULL leaves *layout as it is. False after a message on
 * stderr («retort show: …»). */
bool layout_read(const char *of, const char *word, layout_choice *layout);
const char *layout_name(layout_choice layout);

/* The share of padding in a batch above which `auto` packs its tokens. */
#define LAYOUT_PADDING_LEAST 0.05

/* Whether batches of so many rows, of whose numbers so large a share is padding, are to be packed. */
bool layout_is_packed(layout_choice layout, int64_t rows, double padding);

#endif
