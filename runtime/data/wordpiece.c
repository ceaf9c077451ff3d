#include "runtime/data/wordpiece.h"
#include "runtime/data/file.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <xxhash.h>

enum { WORD_CHARACTERS_MAX = 200, PIECE_PREFIX = 2 /* ## */ };

typedef enum { ASCII_OTHER, ASCII_LETTER, ASCII_SPACE, ASCII_PUNCTUATION, ASCII_DROPPED } ascii_kind;

struct wordpiece {
  mapped_file file; /* holds the tokens' texts */
  bool lower;
  int32_t count;
  struct token {
    const char *text;
    size_t length;
  } * tokens;
  uint64_t *slots; /* open addressing by hash of the text: its upper half beside the token's id; SLOT_FREE: none */
  uint64_t slot_mask;
  unsigned char kinds[128]; /* ascii_kind; what most text is made of needs no Unicode tables */
  char folded[128];
  int32_t punctuation[128]; /* the token of each character by itself, unknown or not */
  size_t longest;           /* token, in bytes */
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

#define SLOT_FREE UINT64_MAX
#define SLOT_TAG 0xFFFFFFFF00000000

static bool is_token(const wordpiece *w, uint64_t slot, uint64_t hash, const char *text, size_t length) {
  if ((slot ^ hash) & SLOT_TAG)
    return false;
  const struct token *t = &w->tokens[(uint32_t)slot];
  return t->length == length && memcmp(t->text, text, length) == 0;
}

static int32_t find(const wordpiece *w, const char *text, size_t length) {
  uint64_t hash = XXH3_64bits(text, length);
  for (uint64_t at = hash & w->slot_mask;; at = (at + 1) & w->slot_mask) {
    uint64_t slot = w->slots[at];
    if (slot == SLOT_FREE)
      return -1;
    if (is_token(w, slot, hash, text, length))
      return (int32_t)(uint32_t)slot;
  }
}

int32_t wordpiece_find(const wordpiece *w, const char *token) {
  return find(w, token, strlen(token));
}
char *wordpiece_text(const wordpiece *w, int32_t id) {
  return memory_copy_text(w->tokens[id].text, w->tokens[id].length);
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
  while (slots < 2 * (uint64_t)w->count) /* half full at most: it stays in the cache */
    slots *= 2;
  w->slot_mask = slots - 1;
  w->slots = memory_resize(NULL, slots, sizeof *w->slots);
  memset(w->slots, -1, slots * sizeof *w->slots);
  for (int32_t id = 0; id < w->count; id++) {
    uint64_t hash = XXH3_64bits(w->tokens[id].text, w->tokens[id].length), at = hash & w->slot_mask;
    while (w->slots[at] != SLOT_FREE && !is_token(w, w->slots[at], hash, w->tokens[id].text, w->tokens[id].length))
      at = (at + 1) & w->slot_mask;
    /* Of a token that stands twice the last line counts, as in the published reader. An id is below INT32_MAX, so a
     * slot that is taken is never SLOT_FREE. */
    w->slots[at] = (hash & SLOT_TAG) | (uint32_t)id;
  }
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

/* The word that is being read. Of one that is too long only the number of characters counts. */
typedef struct word_buffer {
  char bytes[PIECE_PREFIX + 4 * WORD_CHARACTERS_MAX]; /* the word stands behind room for the ## of its first piece */
  size_t length;                                      /* of the word */
  int characters;
} word_buffer;

static void word_add(word_buffer *w, int32_t c) {
  if (w->characters++ < WORD_CHARACTERS_MAX)
    w->length += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)w->bytes + PIECE_PREFIX + w->length);
}

static size_t character_start(const word_buffer *word, size_t at) { /* the last one before `at` */
  do
    at--;
  while (at > 0 && ((unsigned char)word->bytes[PIECE_PREFIX + at] & 0xC0) == 0x80);
  return at;
}

/* The longest piece of the vocabulary that begins at `start`, its end in *end; -1 when there is none. Pieces inside a
 * word are written with ## in front, over what was found before. */
static int32_t longest_piece(const wordpiece *w, word_buffer *word, size_t start, size_t *end) {
  size_t prefix = start > 0 ? PIECE_PREFIX : 0;
  char *piece = word->bytes + PIECE_PREFIX + start - prefix;
  memcpy(piece, "##", prefix);
  size_t stop = word->length;
  while (stop > start && stop - start + prefix > w->longest)
    stop = character_start(word, stop);
  for (; stop > start; stop = character_start(word, stop)) {
    int32_t id = find(w, piece, stop - start + prefix);
    if (id >= 0) {
      *end = stop;
      return id;
    }
  }
  return -1;
}

static void emit_word(const wordpiece *w, word_buffer *word, token_list *to) {
  int64_t before = to->count;
  size_t at = 0;
  bool known = word->characters <= WORD_CHARACTERS_MAX;
  while (known && at < word->length) {
    int32_t id = longest_piece(w, word, at, &at);
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

/* Appends a run of letters and the like, up to the first byte that is none; returns how many bytes. */
static size_t add_plain(const wordpiece *w, const unsigned char *bytes, size_t length, word_buffer *word) {
  size_t used = 0;
  for (; used < length && bytes[used] < 128 && w->kinds[bytes[used]] <= ASCII_LETTER; used++)
    if (word->characters++ < WORD_CHARACTERS_MAX)
      word->bytes[PIECE_PREFIX + word->length++] = w->folded[bytes[used]];
  return used;
}

/* A character that is not ASCII. */
static void add_other(const wordpiece *w, int32_t c, bool final_sigma, word_buffer *word, token_list *to) {
  if (is_space(c)) {
    emit_pending(w, word, to);
  } else if (is_cjk(c)) {
    emit_pending(w, word, to);
    add_folded(w, c, word, to);
    emit_pending(w, word, to);
  } else if (final_sigma) {
    add_character(w, 0x3C2, word, to);
  } else {
    add_folded(w, c, word, to);
  }
}

void wordpiece_encode(const wordpiece *w, const char *text, size_t length, token_list *to) {
  const unsigned char *bytes = (const unsigned char *)text;
  word_buffer word;
  word.length = 0;
  word.characters = 0;
  bool after_cased = false;
  for (size_t at = 0; at < length;) {
    if (bytes[at] < 128) {
      ascii_kind kind = (ascii_kind)w->kinds[bytes[at]];
      if (kind <= ASCII_LETTER) {
        at += add_plain(w, bytes + at, length - at, &word);
        after_cased = w->kinds[bytes[at - 1]] == ASCII_LETTER;
        continue;
      }
      if (kind == ASCII_SPACE || kind == ASCII_PUNCTUATION) {
        emit_pending(w, &word, to);
        after_cased = false;
      }
      if (kind == ASCII_PUNCTUATION)
        token_list_add(to, w->punctuation[bytes[at]]);
      at++;
      continue;
    }
    int32_t c = next_character(bytes, length, &at);
    if (c <= 0 || c == 0xFFFD || is_control(c))
      continue;
    add_other(w, c, c == 0x3A3 && w->lower && ends_cased_word(bytes, length, at, after_cased), &word, to);
    after_cased = is_cased(c) || (after_cased && utf8proc_category(c) == UTF8PROC_CATEGORY_MN);
  }
  emit_pending(w, &word, to);
}

/* ---- loading ---- */

static void describe_ascii(wordpiece *w) {
  for (int c = 0; c < 128; c++) {
    char text = (char)c;
    w->kinds[c] = c == 0 || is_control(c) ? ASCII_DROPPED
                  : is_space(c)           ? ASCII_SPACE
                  : is_punctuation(c)     ? ASCII_PUNCTUATION
                  : is_cased(c)           ? ASCII_LETTER
                                          : ASCII_OTHER;
    w->folded[c] = (char)(w->lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
    w->punctuation[c] = find(w, &text, 1);
    if (w->punctuation[c] < 0)
      w->punctuation[c] = w->unknown;
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
  describe_ascii(w);
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

/* ---- rows ---- */

/* [CLS] text [SEP] alone needs no second look: what is over the limit is cut off. */
static void encode_alone(const wordpiece *w, const char *text, size_t length, int64_t limit, token_list *ids) {
  int64_t begin = ids->count;
  token_list_add(ids, w->classify);
  wordpiece_encode(w, text, length, ids);
  if (ids->count - begin > limit - 1)
    ids->count = begin + limit - 1;
  token_list_add(ids, w->separator);
}

static void add_types(token_list *types, int64_t count, int32_t type) {
  for (int64_t i = 0; i < count; i++)
    token_list_add(types, type);
}

void wordpiece_encode_pair(const wordpiece *w, const char *a, size_t a_length, const char *b, size_t b_length,
                           int64_t limit, token_list *ids, token_list *types) {
  int64_t begin = ids->count;
  if (!b) {
    encode_alone(w, a, a_length, limit, ids);
    add_types(types, ids->count - begin, 0);
    return;
  }
  token_list first = {0}, second = {0};
  wordpiece_encode(w, a, a_length, &first);
  wordpiece_encode(w, b, b_length, &second);
  while (first.count + second.count > limit - 3 && first.count + second.count > 0) {
    if (first.count > second.count)
      first.count--;
    else
      second.count--;
  }
  token_list_add(ids, w->classify);
  for (int64_t i = 0; i < first.count; i++)
    token_list_add(ids, first.items[i]);
  token_list_add(ids, w->separator);
  for (int64_t i = 0; i < second.count; i++)
    token_list_add(ids, second.items[i]);
  token_list_add(ids, w->separator);
  add_types(types, first.count + 2, 0);
  add_types(types, second.count + 1, 1);
  free(first.items);
  free(second.items);
}
