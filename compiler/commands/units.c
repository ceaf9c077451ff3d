#include "compiler/commands/units.h"

const char *count_text(arena *a, double number) {
  static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
  int unit = 0;
  for (; number >= 1000 && unit < 6; unit++)
    number /= 1000;
  int digits = !unit || number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return arena_print(a, "%.*f%s", digits, number, units[unit]);
}

const char *bytes_text(arena *a, double bytes) {
  if (bytes >= 1024.0 * 1024 * 1024)
    return arena_print(a, "%.2f GiB", bytes / (1024.0 * 1024 * 1024));
  if (bytes >= 1024.0 * 1024)
    return arena_print(a, "%.1f MiB", bytes / (1024.0 * 1024));
  return bytes >= 1024 ? arena_print(a, "%.1f KiB", bytes / 1024) : arena_print(a, "%.0f B", bytes);
}
