#include "runtime/data/wordpiece.h"
#include "runtime/data/file.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <xxhash.h>

enum { WORD_CHARACTERS_MAX = 200 };

struct wordpiece {
  mapped_file file; /* holds the tokens' texts */
  bool lower;
  int32_t count;
  struct token {
    const char *text;
    size_t length;
  } * tokens;
  int32_t *slots; /* open addressing by hash of the text; -1: free */
  uint64_t slot_mask;
  size_t longest; /* token, in bytes */
  int32_t unknown, classify, separator, padding;
};

void token_list_add(token_list *list, int32_t token) {
  if (list->count == list->capacity) {
    list->capacity = list->capacity ? list->capacity * 2 : 64;
    list->items = memory_resize(list->items, (size_t)list->capacity, sizeof *list->items);
  }
  list->items[list->count++] = token;
}

/* ---- the vocabulary ---- */

static int32_t find(const wordpiece *w, const char *text, size_t length) {
  for (uint64_t at = XXH3_64bits(text, length) & w->slot_mask;; at = (at + 1) & w->slot_mask) {
    int32_t id = w->slots[at];
    if (id < 0 || (w->tokens[id].length == length && memcmp(w->tokens[id].text, text, length) == 0))
      return id;
  }
}

int32_t wordpiece_find(const wordpiece *w, const char *token) {
  return find(w, token, strlen(token));
}
int32_t wordpiece_size(const wordpiece *w) {
  return w->count;
}
int32_t wordpiece_padding(const wordpiece *w) {
  return w->padding;
}

static bool split_lines(wordpiece *w, const char *path, failure *f) {
  const char *at = (const char *)w->file.bytes, *end = at + w->file.size;
  size_t lines = 1;
  for (const char *c = at; c < end; c++)
    lines += *c == '\n';
  if (lines > INT32_MAX / 4)
    return fail(f, "%s: a vocabulary of %zu tokens is too large", path, lines);
  w->tokens = memory_allocate(lines, sizeof *w->tokens);
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    if (!line_end)
      line_end = end;
    size_t length = (size_t)(line_end - at);
    if (length > 0 && at[length - 1] == '\r')
      length--;
    w->tokens[w->count].text = at;
    w->tokens[w->count++].length = length;
    if (length > w->longest)
      w->longest = length;
    at = line_end + 1;
  }
  return w->count > 0 ? true : fail(f, "%s: the vocabulary is empty", path);
}

static void hash_tokens(wordpiece *w) {
  uint64_t slots = 64;
  while (slots < 3 * (uint64_t)w->count)
    slots *= 2;
  w->slot_mask = slots - 1;
  w->slots = memory_resize(NULL, slots, sizeof *w->slots);
  memset(w->slots, -1, slots * sizeof *w->slots);
  for (int32_t id = 0; id < w->count; id++) {
    uint64_t at = XXH3_64bits(w->tokens[id].text, w->tokens[id].length) & w->slot_mask;
    while (w->slots[at] >= 0 && (w->tokens[w->slots[at]].length != w->tokens[id].length ||
                                 memcmp(w->tokens[w->slots[at]].text, w->tokens[id].text, w->tokens[id].length) != 0))
      at = (at + 1) & w->slot_mask;
    w->slots[at] = id; /* of a token that stands twice the last line counts, as in the published reader */
  }
}

static bool find_special(const wordpiece *w, const char *path, const char *token, int32_t *id, failure *f) {
  *id = wordpiece_find(w, token);
  return *id >= 0 ? true : fail(f, "%s: the vocabulary has no %s", path, token);
}

wordpiece *wordpiece_load(const char *path, bool lower, failure *f) {
  wordpiece *w = memory_allocate(1, sizeof *w);
  w->lower = lower;
  bool good = file_map(path, &w->file, f) && split_lines(w, path, f);
  if (good)
    hash_tokens(w);
  good = good && find_special(w, path, "[UNK]", &w->unknown, f) && find_special(w, path, "[CLS]", &w->classify, f) &&
         find_special(w, path, "[SEP]", &w->separator, f);
  if (!good) {
    wordpiece_free(w);
    return NULL;
  }
  w->padding = wordpiece_find(w, "[PAD]");
  if (w->padding < 0)
    w->padding = 0;
  return w;
}

void wordpiece_free(wordpiece *w) {
  if (!w)
    return;
  file_unmap(&w->file);
  free(w->tokens);
  free(w->slots);
  free(w);
}

/* ---- characters ---- */

static bool is_control(int32_t c) {
  if (c == '\t' || c == '\n' || c == '\r')
    return false;
  utf8proc_category_t category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF;
}

/* Line and paragraph separators are no white space for the cleaning, but words end at them. */
static bool is_space(int32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 ||
         utf8proc_category(c) == UTF8PROC_CATEGORY_ZS;
}

static bool is_punctuation(int32_t c) {
  if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126))
    return true;
  utf8proc_category_t category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

static bool is_cjk(int32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/* ---- words ---- */

typedef struct word_buffer {
  char *bytes;
  size_t length, capacity;
  int characters;
} word_buffer;

static void word_add(word_buffer *w, int32_t c) {
  if (w->length + 4 > w->capacity) {
    w->capacity = w->capacity ? w->capacity * 2 : 256;
    w->bytes = memory_resize(w->bytes, w->capacity, 1);
  }
  w->length += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)w->bytes + w->length);
  w->characters++;
}

static size_t character_start(const word_buffer *word, size_t at) { /* the last one before `at` */
  do
    at--;
  while (at > 0 && ((unsigned char)word->bytes[at] & 0xC0) == 0x80);
  return at;
}

/* The longest piece of the vocabulary that begins at `start`, its end in *end; -1 when there is none. Pieces inside a
 * word are written with ## in front, which `scratch` has room for. */
static int32_t longest_piece(const wordpiece *w, const word_buffer *word, size_t start, char *scratch, size_t *end) {
  size_t prefix = start > 0 ? 2 : 0, stop = word->length;
  memcpy(scratch, "##", prefix);
  memcpy(scratch + prefix, word->bytes + start, word->length - start);
  for (; stop > start; stop = character_start(word, stop)) {
    if (stop - start + prefix > w->longest)
      continue;
    int32_t id = find(w, scratch, stop - start + prefix);
    if (id >= 0) {
      *end = stop;
      return id;
    }
  }
  return -1;
}

static void emit_word(const wordpiece *w, word_buffer *word, token_list *to) {
  char scratch[4 * WORD_CHARACTERS_MAX + 2];
  int64_t before = to->count;
  size_t at = 0;
  bool known = word->characters <= WORD_CHARACTERS_MAX;
  while (known && at < word->length) {
    int32_t id = longest_piece(w, word, at, scratch, &at);
    known = id >= 0;
    if (known)
      token_list_add(to, id);
  }
  if (!known) {
    to->count = before;
    token_list_add(to, w->unknown);
  }
  word->length = 0;
  word->characters = 0;
}

static void emit_pending(const wordpiece *w, word_buffer *word, token_list *to) {
  if (word->length > 0)
    emit_word(w, word, to);
}

static void add_character(const wordpiece *w, int32_t c, word_buffer *word, token_list *to) {
  if (is_punctuation(c)) {
    emit_pending(w, word, to);
    word_add(word, c);
    emit_word(w, word, to);
  } else {
    word_add(word, c);
  }
}

static bool is_cased(int32_t c) {
  utf8proc_category_t category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT;
}

/* A character as lower-casing and stripping leave it: none, one or several. */
static void add_folded(const wordpiece *w, int32_t c, word_buffer *word, token_list *to) {
  if (!w->lower) {
    add_character(w, c, word, to);
    return;
  }
  if (c < 128) {
    add_character(w, c >= 'A' && c <= 'Z' ? c + 32 : c, word, to);
    return;
  }
  utf8proc_int32_t parts[32];
  int boundary = 0;
  utf8proc_ssize_t count = utf8proc_decompose_char(utf8proc_tolower(c), parts, 32, UTF8PROC_DECOMPOSE, &boundary);
  for (utf8proc_ssize_t i = 0; i < count; i++)
    if (utf8proc_category(parts[i]) != UTF8PROC_CATEGORY_MN)
      add_character(w, parts[i], word, to);
}

/* The next character, or -1 for bytes that are none; *at moves on. */
static int32_t next_character(const unsigned char *text, size_t length, size_t *at) {
  utf8proc_int32_t c;
  utf8proc_ssize_t used = utf8proc_iterate(text + *at, (utf8proc_ssize_t)(length - *at), &c);
  *at += used > 0 ? (size_t)used : 1;
  return used > 0 ? c : -1;
}

/* A capital sigma that ends its word is lower-cased to the final form. */
static bool ends_cased_word(const unsigned char *text, size_t length, size_t at, bool after_cased) {
  if (!after_cased)
    return false;
  while (at < length) {
    int32_t c = next_character(text, length, &at);
    if (c >= 0 && is_cased(c))
      return false;
    if (c < 0 || utf8proc_category(c) != UTF8PROC_CATEGORY_MN)
      return true;
  }
  return true;
}

void wordpiece_encode(const wordpiece *w, const char *text, size_t length, token_list *to) {
  const unsigned char *bytes = (const unsigned char *)text;
  word_buffer word = {0};
  bool after_cased = false;
  for (size_t at = 0; at < length;) {
    int32_t c = next_character(bytes, length, &at);
    if (c <= 0 || c == 0xFFFD || is_control(c))
      continue;
    if (is_space(c)) {
      emit_pending(w, &word, to);
    } else if (is_cjk(c)) {
      emit_pending(w, &word, to);
      add_folded(w, c, &word, to);
      emit_pending(w, &word, to);
    } else if (c == 0x3A3 && w->lower && ends_cased_word(bytes, length, at, after_cased)) {
      add_character(w, 0x3C2, &word, to);
    } else {
      add_folded(w, c, &word, to);
    }
    after_cased = is_cased(c) || (after_cased && utf8proc_category(c) == UTF8PROC_CATEGORY_MN);
  }
  emit_pending(w, &word, to);
  free(word.bytes);
}

/* ---- rows ---- */

void wordpiece_encode_pair(const wordpiece *w, const char *a, size_t a_length, const char *b, size_t b_length,
                           int64_t limit, token_list *ids, token_list *types) {
  token_list first = {0}, second = {0};
  wordpiece_encode(w, a, a_length, &first);
  if (b)
    wordpiece_encode(w, b, b_length, &second);
  int64_t room = limit - (b ? 3 : 2);
  while (first.count + second.count > room && first.count + second.count > 0) {
    if (first.count > second.count)
      first.count--;
    else
      second.count--;
  }
  int64_t begin = ids->count;
  token_list_add(ids, w->classify);
  for (int64_t i = 0; i < first.count; i++)
    token_list_add(ids, first.items[i]);
  token_list_add(ids, w->separator);
  int64_t boundary = ids->count;
  for (int64_t i = 0; i < second.count; i++)
    token_list_add(ids, second.items[i]);
  if (b)
    token_list_add(ids, w->separator);
  for (int64_t i = begin; i < ids->count; i++)
    token_list_add(types, i >= boundary);
  free(first.items);
  free(second.items);
}
