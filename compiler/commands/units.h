/* Numbers as people read them. */
#ifndef RETORT_UNITS_H
#define RETORT_UNITS_H

#include "compiler/source/arena.h"

/* `12`, `4.39 M`, `1.20 G`: three digits or more, steps of 1000. In the arena. */
const char *count_text(arena *a, double number);
/* `12 B`, `1.5 KiB`, `42.6 MiB`, `1.27 GiB`: steps of 1024. In the arena. */
const char *bytes_text(arena *a, double bytes);

#endif
