/* Graphs as text; parse.c reads it back. The form stands in graph.h. */
#include "compiler/graph/graph.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_string(const char *s, text *to) {
  text_add(to, "\"");
  for (const unsigned char *c = (const unsigned char *)s; *c; c++)
    if (*c == '"' || *c == '\\')
      text_add(to, "\\%c", *c);
    else if (*c < 0x20 || *c == 0x7f)
      text_add(to, "\\x%02x", *c);
    else
      text_add_bytes(to, (const char *)c, 1);
  text_add(to, "\"");
}

static bool is_plain_word(const char *s) {
  for (const char *c = s; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("_.-/", *c))
      return false;
  return *s;
}

static void print_word(const char *s, text *to) {
  if (is_plain_word(s))
    text_add(to, "%s", s);
  else
    print_string(s, to);
}

/* The shortest decimal that reads back the same. */
static void print_number(double number, text *to) {
  if (isnan(number)) {
    text_add(to, "nan");
    return;
  }
  char digits[40];
  for (int precision = 1; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number)
      break;
  }
  text_add(to, "%s", digits);
}

static void print_dims(const char *name, const dim *const *dims, int count, text *to) {
  shape s = {.rank = count};
  memcpy(s.dims, dims, sizeof *dims * (size_t)count);
  text_add(to, " %s ", name);
  shape_print(s, to);
}

static void print_integers(const char *name, const int64_t *numbers, int count, text *to) {
  text_add(to, " %s [", name);
  for (int i = 0; i < count; i++)
    text_add(to, "%s%" PRId64, i ? ", " : "", numbers[i]);
  text_add(to, "]");
}

static void print_axes(const axes *a, text *to) {
  text_add(to, " axes [");
  for (int i = 0; i < a->count; i++)
    text_add(to, "%s%d", i ? ", " : "", a->axis[i]);
  text_add(to, "]");
}

static void print_attributes(const node *n, text *to) {
  const node_attributes *a = &n->attributes;
  int rank = n->shape.rank;
  switch (op_describe(n->op)->attribute) {
  case ATTRIBUTE_NUMBER:
    text_add(to, " ");
    print_number(a->number, to);
    break;
  case ATTRIBUTE_INPUT:
    text_add(to, " ");
    print_string(a->input.name, to);
    break;
  case ATTRIBUTE_AXES:
    print_axes(&a->axes, to);
    break;
  case ATTRIBUTE_SITE:
    text_add(to, " site %" PRIu32 " ", a->site.number);
    print_string(a->site.name, to);
    break;
  case ATTRIBUTE_SLICE:
    print_dims("low", a->slice.low, rank, to);
    print_integers("step", a->slice.step, rank, to);
    break;
  case ATTRIBUTE_PAD:
    print_dims("low", a->pad.low, rank, to);
    print_integers("interior", a->pad.interior, rank, to);
    print_dims("high", a->pad.high, rank, to);
    break;
  case ATTRIBUTE_PRECISION:
    text_add(to, "%s", a->bf16 ? " bf16" : "");
    break;
  case ATTRIBUTE_NONE:
  case ATTRIBUTE_DTYPE:
  case ATTRIBUTE_SHAPE:
    break;
  }
}

static void print_node(const node *n, bool spans, text *to) {
  static const char *const kinds[] = {[INPUT_DATA] = "data", [INPUT_WEIGHT] = "weight", [INPUT_STATE] = "state"};
  text_add(to, "%%%d = %s", n->id, op_describe(n->op)->name);
  if (n->op == OP_input)
    text_add(to, " %s", kinds[n->attributes.input.kind]);
  text_add(to, " %s", dtype_name(n->dtype));
  shape_print(n->shape, to);
  for (int i = 0; i < n->operand_count; i++)
    text_add(to, " %%%d", n->operands[i]->id);
  print_attributes(n, to);
  if (n->recomputed)
    text_add(to, " recomputed");
  if (spans && n->name) {
    text_add(to, " as ");
    print_string(n->name, to);
  }
  if (spans && n->where.file) {
    text_add(to, " @ ");
    print_word(n->where.file->path, to);
    text_add(to, ":%d:%d-%d:%d", n->where.line, n->where.column, n->where.end_line, n->where.end_column);
  }
  text_add(to, "\n");
}

static void print_body(const graph *g, bool spans, const char *indent, text *to) {
  for (int i = 0; i < g->node_count; i++) {
    text_add(to, "%s", indent);
    print_node(g->nodes[i], spans, to);
  }
  for (int i = 0; i < g->output_count; i++) {
    text_add(to, "%s%s ", indent, g->outputs[i].state ? "update" : "output");
    print_string(g->outputs[i].name, to);
    text_add(to, " %%%d\n", g->outputs[i].value->id);
  }
}

void graph_print(const graph *g, bool spans, text *to) {
  text_add(to, "graph ");
  print_word(g->name ? g->name : "", to);
  text_add(to, " {\n");
  for (int i = 0; i < dim_symbol_count(g->dims); i++) {
    const dim_symbol *s = dim_symbol_at(g->dims, i);
    text_add(to, "  dim %s", s->name);
    if (s->of) {
      text_add(to, " of ");
      dim_print(s->of, to);
      text_add(to, " lengths ");
      print_string(s->lengths, to);
    }
    if (s->sum) {
      text_add(to, " sum ");
      print_string(s->sum, to);
    }
    text_add(to, "\n");
  }
  print_body(g, spans, "  ", to);
  if (g->prepare) {
    text_add(to, "  prepare {\n");
    print_body(g->prepare, spans, "    ", to);
    text_add(to, "  }\n");
  }
  text_add(to, "}\n");
}
