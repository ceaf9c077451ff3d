# What the system tests share. A test fails by fail_test or by a wrong expectation, is skipped by skip_test.

fail_test() {
  echo "$@"
  exit 1
}

skip_test() {
  echo "$@"
  exit 77
}

# status COMMAND…: runs it with its output in `out` and `err`, expects that exit status.
expect() {
  wanted=$1
  shift
  "$@" >out 2>err
  got=$?
  [ $got = "$wanted" ] || {
    cat out err
    fail_test "exit status $got, expected $wanted: $*"
  }
}

# Each word group must stand in the file.
expect_text() {
  searched=$1
  shift
  for text in "$@"; do
    grep -qF -- "$text" "$searched" || {
      cat "$searched"
      fail_test "'$text' is not in $searched"
    }
  done
}

expect_same() { cmp "$1" "$2" || fail_test "$1 and $2 differ"; }
expect_different() { cmp -s "$1" "$2" && fail_test "$1 and $2 are equal"; return 0; }

# METRICS STAGE FACTOR: the mean of a stage's last ten losses is below FACTOR times that of its first ten.
losses_fall() {
  sed -n "s/.*\"stage\":\"$2\".*\"loss\":\([0-9.e+-]*\).*/\1/p" "$1" >losses
  [ "$(wc -l <losses)" -ge 40 ] || fail_test "too few steps of $2: $(wc -l <losses)"
  first=$(head -n 10 losses | awk '{ s += $1 } END { print s / NR }')
  last=$(tail -n 10 losses | awk '{ s += $1 } END { print s / NR }')
  awk -v first="$first" -v last="$last" -v factor="$3" 'BEGIN { exit !(last < factor * first) }' ||
    fail_test "the loss of $2 went from $first to $last, expected below $3 of the first"
}

# A small task: whether a sentence says more good than bad words; a vocabulary, three sets, an experiment.
make_task() {
  printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' good fine bad poor film is a very not >vocab.txt
  for split in train dev test; do
    awk -v split_name=$split 'BEGIN {
      srand(split_name == "train" ? 1 : split_name == "dev" ? 2 : 3)
      split("good fine bad poor film is a very", words, " ")
      for (row = 0; row < 240; row++) {
        line = ""; score = 0
        for (i = 0; i < 3 + int(rand() * 8); i++) {
          k = 1 + int(rand() * 8); line = line (i ? " " : "") words[k]
          score += (k <= 2) - (k == 3 || k == 4)
        }
        printf "%s\t%d\n", line, (score > 0)
      }
    }' >$split.tsv
  done
  cat >task.rt <<'RT'
use pooled, losses, optimizers

experiment task {
  data train, dev, test = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model teacher = pooled(vocabulary: 13, width: 32, classes: 2)
  model student = pooled(vocabulary: 13, width: 8, classes: 2)
  stage learn   { train teacher with classify  epochs 4  batch 16  optimizer adam(lr: 1e-2) }
  stage imitate { distill teacher -> student with soft_labels(temperature: 2)  epochs 4  batch 16  optimizer adam(lr: 1e-2) }
  evaluate teacher, student as "student distilled" on test with accuracy, f1
  export student
}
RT
}

# Sets $unprivileged to what runs a command as a user whom permissions hold back: nothing, unless this is root.
as_user_without_rights() {
  unprivileged=
  [ "$(id -u)" = 0 ] || return 0
  command -v setpriv >/dev/null || skip_test "root may do everything, and there is no setpriv"
  unprivileged="setpriv --reuid 65534 --regid 65534 --clear-groups"
  chmod 755 . ..
  $unprivileged "$RETORT" --version >/dev/null 2>&1 || skip_test "the program cannot be run by another user"
}
