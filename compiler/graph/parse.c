/* Graph text to a graph: line by line, each checked as it is read. Safe on any bytes. */
#include "compiler/graph/graph.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
  arena *arena;
  graph *graph; /* the one being filled: the outer one, or what it prepares */
  bool inside_prepare;
  const char *at; /* in a copy of the content with a zero behind it */
  const char *start, *end;
  const char *error;       /* the first */
  const source_file *file; /* of the last span */
} parser;

static bool fail(parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(parser *p, const char *format, ...) {
  if (p->error)
    return false;
  int line = 1;
  for (const char *c = p->start; c < p->at; c++)
    line += *c == '\n';
  text t = {0};
  char *message = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&message, format, arguments) < 0)
    message = NULL;
  va_end(arguments);
  text_add(&t, "line %d: %s", line, message ? message : "");
  free(message);
  p->error = arena_copy(p->arena, t.data, t.length);
  text_free(&t);
  return false;
}

/* ---- words ---- */

static void skip_spaces(parser *p) {
  while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r')
    p->at++;
}

static bool accept(parser *p, char c) {
  skip_spaces(p);
  if (*p->at != c)
    return false;
  p->at++;
  return true;
}

static bool expect(parser *p, char c) {
  return accept(p, c) || fail(p, "expected '%c'", c);
}

static bool is_word_character(char c) {
  return isalnum((unsigned char)c) || (c && strchr("_.-/", c));
}

static bool read_string(parser *p, const char **result) {
  if (!expect(p, '"'))
    return false;
  text t = {0};
  text_add(&t, "%s", "");
  for (; *p->at != '"'; p->at++) {
    char c = *p->at;
    if (c == '\n' || p->at == p->end || c == 0)
      break;
    if (c == '\\') {
      c = *++p->at;
      if (c == 'x' && isxdigit((unsigned char)p->at[1]) && isxdigit((unsigned char)p->at[2])) {
        c = (char)strtol((char[]){p->at[1], p->at[2], 0}, NULL, 16);
        p->at += 2;
      } else if (c != '"' && c != '\\')
        c = 0;
      if (c == 0)
        break;
    }
    text_add_bytes(&t, &c, 1);
  }
  bool closed = *p->at == '"';
  if (closed)
    *result = arena_copy(p->arena, t.data, t.length);
  text_free(&t);
  if (!closed)
    return fail(p, "a string is not closed, or has an unknown escape");
  p->at++;
  return true;
}

/* A plain word or a string. */
static bool read_word(parser *p, const char **result) {
  skip_spaces(p);
  if (*p->at == '"')
    return read_string(p, result);
  const char *from = p->at;
  while (is_word_character(*p->at))
    p->at++;
  if (p->at == from)
    return fail(p, "expected a word");
  *result = arena_copy(p->arena, from, (size_t)(p->at - from));
  return true;
}

/* The word given, followed by something else than a letter. */
static bool accept_word(parser *p, const char *word) {
  skip_spaces(p);
  size_t length = strlen(word);
  if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0 || is_word_character(p->at[length]))
    return false;
  p->at += length;
  return true;
}

static bool read_integer(parser *p, int64_t low, int64_t high, int64_t *result) {
  bool negative = accept(p, '-');
  skip_spaces(p);
  if (!isdigit((unsigned char)*p->at))
    return fail(p, "expected a number");
  int64_t value = 0;
  bool fits = true;
  for (; isdigit((unsigned char)*p->at); p->at++) {
    int digit = *p->at - '0';
    fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
           !__builtin_add_overflow(value, negative ? -digit : digit, &value);
  }
  if (!fits || value < low || value > high)
    return fail(p, "a number is out of range");
  *result = value;
  return true;
}

static bool read_real(parser *p, double *result) {
  skip_spaces(p);
  if (isspace((unsigned char)*p->at))
    return fail(p, "expected a number");
  char *behind;
  *result = strtod(p->at, &behind);
  if (behind == p->at)
    return fail(p, "expected a number");
  if (isnan(*result))
    *result = NAN; /* one NaN, without sign or payload */
  p->at = behind;
  return true;
}

/* Spaces, a comment, the end of the line. */
static bool at_line_end(parser *p) {
  skip_spaces(p);
  if (*p->at == '#')
    while (p->at < p->end && *p->at != '\n')
      p->at++;
  return p->at == p->end || *p->at == '\n';
}

static bool expect_line_end(parser *p) {
  return at_line_end(p) || fail(p, "expected the end of the line");
}

static void skip_empty_lines(parser *p) {
  while (p->at < p->end && at_line_end(p) && p->at < p->end)
    p->at++;
}

/* ---- dims and lists ---- */

static bool read_dim(parser *p, const dim **result) {
  dim_table *t = p->graph->dims;
  int known = dim_symbol_count(t);
  skip_spaces(p);
  *result = dim_parse(t, &p->at);
  if (!*result)
    return fail(p, "expected a size");
  if (dim_symbol_count(t) > known)
    return fail(p, "unknown dim '%s'", dim_symbol_at(t, known)->name);
  return true;
}

static bool read_dims(parser *p, const dim **dims, int *count) {
  *count = 0;
  if (!expect(p, '['))
    return false;
  if (accept(p, ']'))
    return true;
  do {
    if (*count == RANK_MAX)
      return fail(p, "a list of sizes has more than %d", RANK_MAX);
    if (!read_dim(p, &dims[(*count)++]))
      return false;
  } while (accept(p, ','));
  return expect(p, ']');
}

static bool read_integers(parser *p, int64_t low, int64_t high, int64_t *numbers, int *count) {
  *count = 0;
  if (!expect(p, '['))
    return false;
  if (accept(p, ']'))
    return true;
  do {
    if (*count == RANK_MAX)
      return fail(p, "a list has more than %d numbers", RANK_MAX);
    if (!read_integer(p, low, high, &numbers[(*count)++]))
      return false;
  } while (accept(p, ','));
  return expect(p, ']');
}

static bool expect_word(parser *p, const char *word) {
  return accept_word(p, word) || fail(p, "expected '%s'", word);
}

static bool read_axis_dims(parser *p, const char *word, int rank, const dim **dims) {
  int count;
  return expect_word(p, word) && read_dims(p, dims, &count) &&
         (count == rank || fail(p, "'%s' needs a size for each of %d axes", word, rank));
}

static bool read_axis_integers(parser *p, const char *word, int rank, int64_t *numbers) {
  int count;
  return expect_word(p, word) && read_integers(p, 0, INT64_MAX, numbers, &count) &&
         (count == rank || fail(p, "'%s' needs a number for each of %d axes", word, rank));
}

/* ---- a node ---- */

static bool read_axes(parser *p, axes *a) {
  int64_t numbers[RANK_MAX];
  if (!expect_word(p, "axes") || !read_integers(p, 0, RANK_MAX, numbers, &a->count))
    return false;
  for (int i = 0; i < a->count; i++)
    a->axis[i] = (int)numbers[i];
  return true;
}

static bool read_site(parser *p, node_attributes *a) {
  int64_t number;
  if (!expect_word(p, "site") || !read_integer(p, 0, UINT32_MAX, &number) || !read_string(p, &a->site.name))
    return false;
  a->site.number = (uint32_t)number;
  return true;
}

static bool read_attributes(parser *p, op o, int rank, node_attributes *a) {
  switch (op_describe(o)->attribute) {
  case ATTRIBUTE_NUMBER:
    return read_real(p, &a->number);
  case ATTRIBUTE_INPUT:
    return read_string(p, &a->input.name);
  case ATTRIBUTE_AXES:
    return read_axes(p, &a->axes);
  case ATTRIBUTE_SITE:
    return read_site(p, a);
  case ATTRIBUTE_SLICE:
    return read_axis_dims(p, "low", rank, a->slice.low) && read_axis_integers(p, "step", rank, a->slice.step);
  case ATTRIBUTE_PAD:
    return read_axis_dims(p, "low", rank, a->pad.low) && read_axis_integers(p, "interior", rank, a->pad.interior) &&
           read_axis_dims(p, "high", rank, a->pad.high);
  case ATTRIBUTE_PRECISION:
    a->bf16 = accept_word(p, "bf16");
    return true;
  case ATTRIBUTE_NONE:
  case ATTRIBUTE_DTYPE:
  case ATTRIBUTE_SHAPE:
    break;
  }
  return true;
}

static bool read_dtype(parser *p, dtype *result) {
  for (int d = DTYPE_BOOL; d <= DTYPE_F32; d++)
    if (accept_word(p, dtype_name((dtype)d))) {
      *result = (dtype)d;
      return true;
    }
  return fail(p, "expected an element type");
}

static bool read_reference(parser *p, node **result) {
  int64_t id;
  if (!expect(p, '%') || !read_integer(p, 0, INT32_MAX, &id))
    return false;
  if (id >= p->graph->node_count)
    return fail(p, "%%%d is used before it is there", (int)id);
  *result = p->graph->nodes[id];
  return true;
}

static bool read_kind(parser *p, input_kind *kind) {
  static const char *const kinds[] = {[INPUT_DATA] = "data", [INPUT_WEIGHT] = "weight", [INPUT_STATE] = "state"};
  for (int k = INPUT_DATA; k <= INPUT_STATE; k++)
    if (accept_word(p, kinds[k])) {
      *kind = (input_kind)k;
      return true;
    }
  return fail(p, "expected data, weight or state");
}

/* path:line:column-line:column */
static bool read_span(parser *p, span *where) {
  const char *path;
  int64_t numbers[4];
  const char separators[4] = {':', ':', '-', ':'};
  if (!read_word(p, &path))
    return false;
  for (int i = 0; i < 4; i++)
    if (!expect(p, separators[i]) || !read_integer(p, 0, INT32_MAX, &numbers[i]))
      return false;
  if (!p->file || strcmp(p->file->path, path) != 0)
    p->file = source_from_text(p->arena, path, "", 0);
  *where = (span){p->file, (int)numbers[0], (int)numbers[1], (int)numbers[2], (int)numbers[3]};
  return true;
}

static bool read_operands(parser *p, node ***operands, int *count) {
  *operands = NULL;
  *count = 0;
  skip_spaces(p);
  while (*p->at == '%') {
    node *n;
    if (!read_reference(p, &n))
      return false;
    arena_append(p->arena, *operands, *count, n);
    skip_spaces(p);
  }
  return true;
}

static bool add_node(parser *p, const node *read) {
  dtype type = read->dtype;
  shape s = read->shape;
  const char *wrong =
      graph_check(p->graph, read->op, read->operand_count, read->operands, &read->attributes, &type, &s);
  if (wrong)
    return fail(p, "%s", wrong);
  if (type != read->dtype || !shape_equal(s, read->shape)) {
    node computed = {.dtype = type, .shape = s};
    text t = {0};
    node_type_print(&computed, &t);
    fail(p, "'%s' gives %s", op_describe(read->op)->name, t.data);
    text_free(&t);
    return false;
  }
  node *n =
      graph_add(p->graph, read->op, read->operand_count, read->operands, &read->attributes, type, &s, read->where);
  n->name = read->name;
  n->recomputed = read->recomputed;
  return true;
}

static bool read_node(parser *p) {
  int64_t id;
  node n = {0};
  const char *name;
  if (!read_integer(p, 0, INT32_MAX, &id))
    return false;
  if (id != p->graph->node_count)
    return fail(p, "expected %%%d", p->graph->node_count);
  if (!expect(p, '=') || !read_word(p, &name))
    return false;
  n.op = op_by_name(name);
  if (n.op == OP_COUNT)
    return fail(p, "unknown operation '%s'", name);
  if (n.op == OP_input && !read_kind(p, &n.attributes.input.kind))
    return false;
  if (!read_dtype(p, &n.dtype) || !read_dims(p, n.shape.dims, &n.shape.rank) ||
      !read_operands(p, &n.operands, &n.operand_count) || !read_attributes(p, n.op, n.shape.rank, &n.attributes))
    return false;
  n.recomputed = accept_word(p, "recomputed");
  if (accept_word(p, "as") && !read_string(p, &n.name))
    return false;
  if (accept(p, '@') && !read_span(p, &n.where))
    return false;
  return add_node(p, &n);
}

/* ---- the other lines ---- */

static bool read_symbol(parser *p) {
  dim_table *t = p->graph->dims;
  const char *name, *lengths;
  const dim *of;
  skip_spaces(p);
  if (!isalpha((unsigned char)*p->at) && *p->at != '_')
    return fail(p, "expected a name");
  const char *from = p->at;
  while (is_word_character(*p->at) && *p->at != '-' && *p->at != '/')
    p->at++;
  name = arena_copy(p->arena, from, (size_t)(p->at - from));
  if (dim_symbol_find(t, name))
    return fail(p, "dim '%s' is there twice", name);
  if (accept_word(p, "sum"))
    return read_string(p, &lengths) && dim_sum(t, name, lengths);
  if (!accept_word(p, "of")) {
    dim_named(t, name);
    return true;
  }
  if (!read_dim(p, &of) || !expect_word(p, "lengths") || !read_string(p, &lengths))
    return false;
  if (!dim_as_symbol(of))
    return fail(p, "'%s' is ragged over something that is no dim's name", name);
  dim_ragged(t, name, of, lengths);
  return true;
}

static int by_name(const void *a, const void *b) {
  node *const *x = a, *const *y = b;
  return strcmp((*x)->attributes.input.name, (*y)->attributes.input.name);
}

/* Gives each update that stands in the outputs without its state the input of its name. */
static bool find_states(parser *p, const bool *is_update) {
  graph *g = p->graph;
  node **inputs = NULL;
  int count = 0;
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_input)
      arena_append(p->arena, inputs, count, g->nodes[i]);
  if (count)
    qsort(inputs, (size_t)count, sizeof *inputs, by_name);
  for (int i = 0; i < g->output_count; i++) {
    if (!is_update[i])
      continue;
    node wanted = {.attributes = {.input = {.name = g->outputs[i].name}}}, *key = &wanted;
    node **found = count ? bsearch(&key, inputs, (size_t)count, sizeof *inputs, by_name) : NULL;
    if (!found)
      return fail(p, "\"%s\" is updated, but is no input", g->outputs[i].name);
    g->outputs[i].state = *found;
  }
  return true;
}

static bool read_output(parser *p) {
  const char *name;
  node *value;
  if (!read_string(p, &name) || !read_reference(p, &value))
    return false;
  graph_output_add(p->graph, name, value);
  return true;
}

static bool read_prepare(parser *p);

/* Lines up to the closing brace. */
static bool read_body(parser *p) {
  bool *is_update = NULL;
  for (int updates = 0;;) {
    skip_empty_lines(p);
    if (accept(p, '}'))
      return find_states(p, is_update) && expect_line_end(p);
    bool update = false, good;
    if (accept(p, '%'))
      good = read_node(p);
    else if (accept_word(p, "dim"))
      good = read_symbol(p);
    else if (accept_word(p, "output") || (update = accept_word(p, "update"))) {
      arena_append(p->arena, is_update, updates, update);
      good = read_output(p);
    } else if (accept_word(p, "prepare"))
      good = read_prepare(p);
    else
      good = fail(p, "expected a node, dim, output, update, prepare or '}'");
    if (!good || !expect_line_end(p))
      return false;
  }
}

static bool read_prepare(parser *p) {
  graph *outer = p->graph;
  if (p->inside_prepare || outer->prepare)
    return fail(p, "'prepare' is there twice");
  if (!expect(p, '{') || !expect_line_end(p))
    return false;
  graph *inner = graph_create(p->arena, outer->dims, outer->name);
  inner->is_preparation = true;
  p->graph = outer->prepare = inner;
  p->inside_prepare = true;
  bool good = read_body(p);
  p->inside_prepare = false;
  p->graph = outer;
  return good;
}

static bool read_graph(parser *p, dim_table *dims) {
  const char *name;
  skip_empty_lines(p);
  if (!expect_word(p, "graph") || !read_word(p, &name) || !expect(p, '{') || !expect_line_end(p))
    return false;
  p->graph = graph_create(p->arena, dims, name);
  if (!read_body(p))
    return false;
  skip_empty_lines(p);
  return p->at == p->end || fail(p, "text behind the graph");
}

graph *graph_parse(arena *a, const char *content, size_t length, const char **error) {
  const char *copy = arena_copy(a, content, length);
  parser p = {.arena = a, .at = copy, .start = copy, .end = copy + length};
  *error = NULL;
  if (!read_graph(&p, dim_table_create(a))) {
    *error = p.error;
    return NULL;
  }
  *error = graph_verify(p.graph);
  return *error ? NULL : p.graph;
}
