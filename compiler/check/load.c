/* Reading a file and what it uses. */
#include "compiler/check/experiment.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct reading { /* a file that was found */
  loaded_file file;
  const char *identity; /* its absolute path without links */
  bool finished;        /* false while its own uses are being read */
} reading;

typedef struct loader {
  arena *arena;
  diagnostics *diagnostics;
  const char *models;
  int count;
  reading **readings; /* in order of reading */
  int depth;
  reading **path; /* files being read, outermost first */
} loader;

static const char *folder_of(arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash)
    return ".";
  return slash == path ? "/" : arena_copy(a, path, (size_t)(slash - path));
}

static const char *join(arena *a, const char *folder, const char *name) {
  return strcmp(folder, ".") == 0 ? arena_print(a, "%s.rt", name) : arena_print(a, "%s/%s.rt", folder, name);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static const char *identity_of(arena *a, const char *path) {
  char resolved[PATH_MAX];
  return realpath(path, resolved) ? arena_copy(a, resolved, strlen(resolved)) : path;
}

static void add_files_of(arena *a, const char *folder, name_list *names) {
  DIR *directory = opendir(folder);
  if (!directory)
    return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    size_t length = strlen(entry->d_name);
    if (length > 3 && strcmp(entry->d_name + length - 3, ".rt") == 0)
      name_add(a, names, arena_copy(a, entry->d_name, length - 3));
  }
  closedir(directory);
}

static void report_not_found(loader *l, const use_syntax *use, const char *folder) {
  diagnostic *e = diagnostic_error(l->diagnostics, use->where, "there is no file for '%s'", use->name);
  diagnostic_note(e, (span){0}, "looked for %s", join(l->arena, folder, use->name));
  if (l->models && strcmp(l->models, folder) != 0)
    diagnostic_note(e, (span){0}, "looked for %s", join(l->arena, l->models, use->name));
  name_list names = {0};
  add_files_of(l->arena, folder, &names);
  if (l->models)
    add_files_of(l->arena, l->models, &names);
  const char *nearest = nearest_name(use->name, names.items, names.count);
  if (nearest)
    diagnostic_hint(e, "did you mean '%s'?", nearest);
}

static void report_cycle(loader *l, const use_syntax *use, const reading *again) {
  text round = {0};
  bool inside = false;
  for (int i = 0; i < l->depth; i++) {
    if (l->path[i] == again)
      inside = true;
    if (inside)
      text_add(&round, "%s -> ", base_name(l->path[i]->file.path));
  }
  text_add(&round, "%s", base_name(again->file.path));
  diagnostic_error(l->diagnostics, use->where, "files use each other in a cycle: %s", round.data);
  text_free(&round);
}

static reading *read_file(loader *l, const char *path, const source_file *source);

static const loaded_file *follow(loader *l, const loaded_file *from, const use_syntax *use) {
  const char *folder = folder_of(l->arena, from->path);
  const char *path = join(l->arena, folder, use->name);
  /* a file may have the name of what it uses: it does not mean itself */
  bool own = access(path, F_OK) == 0 && strcmp(identity_of(l->arena, path), identity_of(l->arena, from->path)) != 0;
  const char *installed = l->models ? join(l->arena, l->models, use->name) : path;
  if (!own && (access(path, F_OK) != 0 || access(installed, F_OK) == 0))
    path = installed;
  if (access(path, F_OK) != 0) {
    report_not_found(l, use, folder);
    return NULL;
  }
  const char *identity = identity_of(l->arena, path);
  for (int i = 0; i < l->count; i++) {
    reading *r = l->readings[i];
    if (strcmp(r->identity, identity) != 0)
      continue;
    if (r->finished)
      return &r->file;
    report_cycle(l, use, r);
    return NULL;
  }
  const char *error = NULL;
  const source_file *source = source_read(l->arena, path, &error);
  if (!source) {
    diagnostic_error(l->diagnostics, use->where, "%s", error);
    return NULL;
  }
  return &read_file(l, path, source)->file;
}

static const declaration *own_declaration(const loaded_file *file, const char *name) {
  for (int i = 0; i < file->syntax->declaration_count; i++)
    if (file->syntax->declarations[i]->name && strcmp(file->syntax->declarations[i]->name, name) == 0)
      return file->syntax->declarations[i];
  return NULL;
}

/* A name may be declared once among a file and what it uses; experiments are nobody else's. */
static void check_declared_once(loader *l, const loaded_file *file) {
  for (int i = 0; i < file->syntax->declaration_count; i++) {
    const declaration *own = file->syntax->declarations[i];
    if (!own->name)
      continue;
    const declaration *other = own_declaration(file, own->name);
    for (int u = 0; u < file->use_count && other == own; u++) {
      const declaration *used = file->uses[u] ? own_declaration(file->uses[u], own->name) : NULL;
      if (used && used->kind != DECLARE_EXPERIMENT && own->kind != DECLARE_EXPERIMENT)
        other = used;
    }
    if (other == own)
      continue;
    diagnostic *e = diagnostic_error(l->diagnostics, own->name_where, "'%s' is declared twice", own->name);
    diagnostic_note(e, other->name_where, "the other one is here");
  }
  for (int u = 0; u < file->use_count; u++)
    for (int v = 0; v < u; v++) {
      if (!file->uses[u] || !file->uses[v] || file->uses[u] == file->uses[v])
        continue;
      for (int i = 0; i < file->uses[u]->syntax->declaration_count; i++) {
        const declaration *one = file->uses[u]->syntax->declarations[i];
        const declaration *other = one->name ? own_declaration(file->uses[v], one->name) : NULL;
        if (!other || one->kind == DECLARE_EXPERIMENT || other->kind == DECLARE_EXPERIMENT)
          continue;
        diagnostic *e = diagnostic_error(l->diagnostics, file->syntax->uses[u].where, "'%s' and '%s' both declare '%s'",
                                         file->syntax->uses[v].name, file->syntax->uses[u].name, one->name);
        diagnostic_note(e, other->name_where, "here");
        diagnostic_note(e, one->name_where, "and here");
      }
    }
}

static reading *read_file(loader *l, const char *path, const source_file *source) {
  reading *r = arena_new(l->arena, reading);
  r->identity = identity_of(l->arena, path);
  r->file.path = path;
  arena_append(l->arena, l->readings, l->count, r);
  arena_append(l->arena, l->path, l->depth, r);
  r->file.syntax = parse_file(l->arena, source, l->diagnostics);
  r->file.use_count = r->file.syntax->use_count;
  const loaded_file **uses = arena_array(l->arena, const loaded_file *, r->file.use_count);
  for (int i = 0; i < r->file.use_count; i++)
    uses[i] = follow(l, &r->file, &r->file.syntax->uses[i]);
  r->file.uses = uses;
  r->finished = true;
  l->depth--;
  check_declared_once(l, &r->file);
  return r;
}

const loaded_file *load_files(arena *a, const char *path, const char *models, diagnostics *d, int *count,
                              const loaded_file ***files) {
  loader l = {.arena = a, .diagnostics = d, .models = models};
  const char *error = NULL;
  const source_file *source = source_read(a, path, &error);
  *count = 0;
  if (!source) {
    diagnostic_error(d, (span){0}, "%s", error);
    return NULL;
  }
  reading *main_file = read_file(&l, path, source);
  const loaded_file **all = arena_array(a, const loaded_file *, l.count);
  for (int i = 0; i < l.count; i++)
    all[i] = &l.readings[i]->file;
  *count = l.count;
  *files = all;
  return &main_file->file;
}

const declaration *file_find(const loaded_file *file, const char *name, const loaded_file **owner) {
  const declaration *found = own_declaration(file, name);
  *owner = file;
  for (int i = 0; i < file->use_count && !found; i++) {
    if (!file->uses[i])
      continue;
    found = own_declaration(file->uses[i], name);
    if (found && found->kind == DECLARE_EXPERIMENT)
      found = NULL;
    *owner = file->uses[i];
  }
  return found;
}
