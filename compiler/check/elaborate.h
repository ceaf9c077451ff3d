/* Inside the checker: values, scopes, module instances, and the evaluation of the language at compile time.
 *
 * Elaboration evaluates a program with tensors that are nodes of the graph under construction. Everything else
 * (numbers, sizes, lists, functions, module instances) is known then and leaves no trace in the graph. What was wrong
 * is reported once and gives VALUE_ERROR, which every operation passes on in silence, so one run finds many errors. */
#ifndef RETORT_ELABORATE_H
#define RETORT_ELABORATE_H

#include "compiler/check/view.h"

typedef struct elaborator elaborator;
typedef struct instance instance;
typedef struct instance_root instance_root;
typedef struct instance_parameter instance_parameter;
typedef struct scope scope;
typedef struct loaded_file loaded_file;
typedef struct value value;

enum {
  CALL_DEPTH_MAX = 200,      /* calls within calls; deeper is recursion without end */
  LIST_LENGTH_MAX = 1 << 20, /* of a list or a range */
  NODE_COUNT_MAX = 1 << 21,  /* of a graph */
  STEP_COUNT_MAX = 1 << 22   /* statements and calls of one graph or one model: more is a loop without end */
};

/* ---- values (value.c) ---- */

typedef enum {
  VALUE_ERROR, /* what went wrong is reported already */
  VALUE_NONE,  /* of a call that returns nothing */
  VALUE_INT,
  VALUE_REAL,
  VALUE_BOOL,
  VALUE_STRING,
  VALUE_SIZE, /* a run-time dimension; one that is constant is a VALUE_INT */
  VALUE_TENSOR,
  VALUE_LIST,
  VALUE_FUNCTION,  /* of a file or of an instance */
  VALUE_BUILTIN,   /* a built-in function */
  VALUE_MODULE,    /* a declaration: of a module, objective, optimizer or experiment */
  VALUE_INSTANCE,  /* of a module */
  VALUE_PARAMETER, /* a param or buffer of an instance: only inside scopes and lists; reading it gives a tensor */
  VALUE_FAMILY     /* something of the experiment's own (a data source, …); see experiment.c */
} value_kind;

typedef struct value_list {
  int count;
  value *items;
} value_list;

typedef struct function_value {
  const function_syntax *syntax;
  const loaded_file *file; /* where it is declared */
  instance *self;          /* of an instance's; else NULL */
} function_value;

typedef struct module_value {
  const declaration *declaration;
  const loaded_file *file;
} module_value;

typedef struct builtin builtin; /* a row of the table in builtin.c */

struct value {
  value_kind kind;
  union {
    int64_t integer;
    double real;
    bool boolean;
    const char *string;
    const dim *size;
    node *tensor; /* in the elaborator's graph; raggedness is in its dims */
    const value_list *list;
    const function_value *function;
    const builtin *builtin;
    const module_value *module;
    instance *instance;
    instance_parameter *parameter;
    const void *family;
  } as;
};

value value_error(void);
value value_none(void);
value value_int(int64_t i);
value value_real(double r);
value value_bool(bool b);
value value_string(const char *s);
value value_size(const dim *d); /* a VALUE_INT when d is constant */
value value_tensor(node *n);
value value_list_of(elaborator *e, int count, const value *items); /* copies the items */
value value_instance(instance *i);

/* What a value is, for messages: `f32[B, T, 128]`, `int 3`, `function gelu`, `a list of 4`. In the arena. */
const char *value_describe(elaborator *e, value v);
const char *node_describe(elaborator *e, const node *n); /* `f32[B, T, 128]` */
const char *dim_describe(elaborator *e, const dim *d);

/* ---- scopes (scope.c) ---- */

typedef struct binding {
  const char *name;
  value value;
  span where;
  node *state; /* what `update NAME` writes: an INPUT_STATE input; NULL: it cannot be updated. After an update `value`
                  is the new one */
} binding;

struct scope {
  scope *parent;           /* NULL: the names of `file`, then the built-in ones */
  const loaded_file *file; /* never NULL */
  instance *self;          /* whose members are visible behind this scope's own names; else NULL */
  int count;
  binding *items;
};

scope *scope_create(elaborator *e, scope *parent);
scope *scope_of_file(elaborator *e, const loaded_file *file);
/* The binding stays where it is until the next scope_bind of this scope. */
binding *scope_bind(elaborator *e, scope *s, const char *name, value v, span where);
/* In this scope and those around it, not in members, files and built-ins; NULL when there is none. */
binding *scope_find(scope *s, const char *name);
/* A name as an expression reads it: bindings, members, the file's names, built-ins; reports unknown ones with the
 * nearest. */
value scope_read(elaborator *e, scope *s, const char *name, span where);

/* ---- files (load.c) ---- */

struct loaded_file {
  const char *path; /* as messages show it */
  const file_syntax *syntax;
  int use_count;
  const loaded_file **uses; /* NULL where one could not be read */
};

/* A declaration that `file` sees: its own, or of a file that it uses. *owner: the file it is in. */
const declaration *file_find(const loaded_file *file, const char *name, const loaded_file **owner);

/* ---- module instances (module.c) ---- */

struct instance_parameter {
  model_parameter about; /* about.path: behind the root's prefix; about.input: PREFIX/path */
  const instance *owner;
  node *state; /* its input in the graph of `generation`, else stale */
  node *value; /* the same, or what an `update` in this graph made of it */
  int generation;
};

typedef struct tap {
  const char *name;
  value value;
  span where;
  bool read; /* by an objective */
} tap;

struct instance {
  instance_root *root;
  const module_value *module;
  const char *path; /* "" for the root's own */
  scope *members;   /* arguments, lets, submodules (or lists of them), functions, params and buffers */
  span where;       /* of the call that made it */
  int tap_count;    /* of the graph of `generation` */
  tap *taps;
  value result; /* what forward returned in the graph of `generation` */
  int generation;
  int random_count; /* random sites so far in that graph */
};

/* A model (or a `fit` module of an objective): the tree of instances under one prefix. */
struct instance_root {
  const char *prefix; /* "student": inputs are "student/path" */
  instance *top;
  int parameter_count;
  instance_parameter **parameters; /* in order of declaration */
  /* Set before each graph: */
  input_kind kind; /* of trained parameters' and buffers' inputs: INPUT_STATE or INPUT_WEIGHT */
  bool training;   /* what `training` means inside; buffers are updated only where it is true */
};

/* ---- the elaborator (elaborate.c) ---- */

typedef struct call_frame {
  const struct call_frame *caller;
  const char *name; /* of the called function */
  span where;       /* of the call */
  instance *self;   /* the called function's, or its caller's nearest */
} call_frame;

typedef struct ragged_state ragged_state; /* masks made so far (ragged.c) */

struct elaborator {
  arena *arena;
  diagnostics *diagnostics;
  diagnostics *muted; /* takes a repeated error at the same place (a loop's later rounds) */
  int reported_count;
  span *reported;
  const loaded_file *file; /* the main one */
  graph *graph;            /* NULL while only compile-time values are wanted */
  int generation;          /* counts graphs: taps and inputs of other graphs are stale */
  const call_frame *frame;
  int depth;
  ragged_state *ragged;
  bool objective;   /* fields of instances are looked for among taps first */
  scope *around;    /* of the call that is being made, for messages; may be NULL */
  int step_count;   /* since the start of the graph or model */
  int random_count; /* random sites outside of instances, in this graph */
  int call_count;   /* what made the graph's nodes, for program_stage_view */
  traced_call *calls;
  int padded_count;
  node **padded;
  bool unwinding; /* recursion went too deep: nothing more is called until the outermost call is left */
  /* Runs `loss` and other statements that a function cannot have; NULL: they are errors. */
  void (*statement_hook)(elaborator *e, scope *s, const statement *what, void *context);
  void *hook_context;
};

elaborator *elaborator_create(arena *a, const loaded_file *file, diagnostics *d);
/* Starts a graph, with its own dims; everything elaborated from now on goes there. */
graph *elaborator_begin(elaborator *e, const char *name);
/* Goes on in a graph that others have appended to. */
void elaborator_attach(elaborator *e, graph *g);

/* What a ragged tensor holds behind its rows' ends is unspecified (and finite): this makes it zero. Others are returned
 * as they are. Every value that leaves a graph goes through it, so results are the same for every width of padding. */
node *ragged_clear(elaborator *e, node *x, span where);

/* An error at `where`; labels, notes and hints may be added, then elaborate_failed ends it. */
diagnostic *elaborate_error(elaborator *e, span where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds the calls that led here as notes (the innermost and the outermost one) and returns VALUE_ERROR. */
value elaborate_failed(elaborator *e, diagnostic *error);

value elaborate_expression(elaborator *e, scope *s, const expression *x);
/* Convenience: evaluates and checks the kind; false after an error. `what` names the place in messages («the range of a
 * for»). */
bool elaborate_int(elaborator *e, scope *s, const expression *x, const char *what, int64_t *result);
bool elaborate_real(elaborator *e, scope *s, const expression *x, const char *what, double *result);
bool elaborate_condition(elaborator *e, scope *s, const expression *x, bool *result);

/* Runs statements; true when one returned (*result is set; VALUE_ERROR counts). */
bool elaborate_block(elaborator *e, scope *s, const block *b, value *result);
void elaborate_statement(elaborator *e, scope *s, const statement *what, bool *returned, value *result);

/* object.name: parameters, submodules, lets, functions of an instance; in an objective its taps (and `result`) first;
 * `.T` of a tensor. */
value elaborate_field(elaborator *e, value object, const char *name, span where);

typedef struct call_argument {
  const char *name; /* NULL: by position */
  value value;
  span where;
} call_argument;

/* Calls a function, a built-in, an instance (its forward), or a module (a new instance, which then has no path of its
 * own: an error outside the places where one has a name). `where` is the call's span. */
value elaborate_call(elaborator *e, value callee, int count, const call_argument *arguments, span where);
/* The named function of an instance. */
value elaborate_method(elaborator *e, instance *self, const char *function, int count, const call_argument *arguments,
                       span where);

/* Gives arguments to compile-time parameters (of a module, objective or optimizer) and binds them in `into`: order,
 * names, defaults, kinds. `declared`: the file that says the defaults. False after an error. TYPE_ANY and TYPE_TENSOR
 * parameters are bound as they come. `optional[i]` (may be NULL): no error when parameter i has neither argument nor
 * default; it stays unbound. */
bool bind_arguments(elaborator *e, const char *callee, int parameter_count, const parameter_syntax *parameters,
                    int count, const call_argument *arguments, span where, scope *into, const bool *optional);
/* Evaluates a call's arguments in the caller's scope. False after an error (all are evaluated still). */
bool evaluate_arguments(elaborator *e, scope *s, int count, const argument *arguments, call_argument **result);

/* A new tree of instances. `module` is a VALUE_MODULE. NULL after an error. */
instance_root *instantiate_model(elaborator *e, const module_value *module, const char *prefix, int count,
                                 const call_argument *arguments, span where);
/* An instance from a `name = module(...)` expression, under a root whose parameters it joins; path: of the new
 * instance. */
value instantiate_expression(elaborator *e, scope *s, const expression *x, instance_root *root, const char *path);
/* The parameter's tensor in the current graph: its input, made on first use, or what an update made of it. */
node *parameter_read(elaborator *e, instance_parameter *p, span where);
/* The function of an instance by name, or NULL. */
const function_syntax *instance_function(const instance *self, const char *name);
tap *instance_tap(elaborator *e, instance *self, const char *name); /* of the current graph; NULL when there is none */
void instance_tap_add(elaborator *e, instance *self, const char *name, value v, span where);
/* Submodules and arrays of them, in order: calls `visit` for self and all below. */
void instance_walk(instance *self, void (*visit)(instance *i, void *context), void *context);

/* Inputs of the current graph for a function's tensor parameters, from their written types: dimensions that are names
 * become symbols of that name, `T of B` ragged ones with the lengths of the first parameter that has them
 * (NAME.lengths). Fills one argument for each such parameter; parameters with defaults and no tensor type are left out.
 * -1 after an error. */
int signature_inputs(elaborator *e, const function_value *f, call_argument **arguments);
/* A type in the graph's terms, as signature_inputs reads it; `owner` names the lengths' input. False after an error. */
bool type_to_shape(elaborator *e, scope *s, const type_syntax *type, const char *owner, dtype *element, shape *result);

/* ---- the program's common parts ---- */

typedef struct loss_listing loss_listing; /* print_losses.c */

struct program {
  arena *arena;
  const char *path;
  program_options options;
  const loaded_file *file; /* the main one */
  int file_count;          /* all, in order of reading */
  const loaded_file **files;
  elaborator *elaborator;
  int model_count; /* of the experiment */
  instance_root **models;
  struct experiment *experiment; /* NULL for a library; see experiment.c */
  loss_listing *listing;         /* set while losses are to be listed */
};

#endif
