/* Packing saves in proportion to the padding. What it costs was measured with nothing to save (all rows equally long;
 * one thread, AVX-512): encoders with attention gain by it even then, by 0 to 10 %; networks that mix over positions by
 * matrices, which have to gather rows and tokens in turn, lose up to 5 %. So it pays for sure from that share of
 * padding on. A batch of one row has none. */
#include "compiler/commands/layout.h"
#include <stdio.h>
#include <string.h>

static const char *const names[] = {[LAYOUT_AUTO] = "auto", [LAYOUT_PADDED] = "padded", [LAYOUT_PACKED] = "packed"};

bool layout_read(const char *of, const char *word, layout_choice *layout) {
  if (!word)
    return true;
  for (int i = LAYOUT_AUTO; i <= LAYOUT_PACKED; i++)
    if (strcmp(word, names[i]) == 0) {
      *layout = (layout_choice)i;
      return true;
    }
  fprintf(stderr, "retort %s: --layout %s: expected auto, padded or packed; retort %s --help says more\n", of, word,
          of);
  return false;
}

const char *layout_name(layout_choice layout) {
  return names[layout];
}

bool layout_is_packed(layout_choice layout, int64_t rows, double padding) {
  return layout == LAYOUT_PACKED || (layout == LAYOUT_AUTO && rows > 1 && padding > LAYOUT_PADDING_LEAST);
}
