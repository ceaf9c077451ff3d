# Input that cannot be used: a clear message, the right exit status, nothing written.

# status TEXT…: task.rt must end so, with all texts on stderr, without an output folder.
refused() {
  wanted=$1
  shift
  expect "$wanted" "$RETORT" run task.rt --out kept
  expect_text err "$@"
  [ ! -e kept ] || fail_test "an output folder was written"
  [ -z "$(ls -d kept.* 2>/dev/null)" ] || fail_test "something is left: $(ls -d kept.*)"
}

test_command_line() {
  make_task
  expect 2 "$RETORT" run
  expect 2 "$RETORT" run task.rt --colour
  expect_text err --colour
  expect 2 "$RETORT" run task.rt --threads 0
  expect_text err "--threads 0: expected a number from 1"
  expect 2 "$RETORT" run task.rt --seed x
  expect 2 "$RETORT" run task.rt --seed
  expect 2 "$RETORT" run task.rt other.rt
  expect 0 "$RETORT" run --help
  expect_text out "--set NAME=VALUE" "EXIT STATUS"
}

test_missing_source() {
  expect 3 "$RETORT" run nowhere.rt
  expect_text err "nowhere.rt" "No such file or directory"
}

test_syntax_and_shapes() {
  make_task
  sed 's/epochs 4  batch 16/epochs 4 batch/' task.rt >broken.rt
  expect 1 "$RETORT" run broken.rt
  expect_text err "broken.rt:7:" error "^"
  sed 's/width: 8, classes: 2/width: 8, classes: 3/' task.rt >shapes.rt
  expect 1 "$RETORT" run shapes.rt
  expect_text err "error" "f32[B, 2]" "classes = 3 was bound" "shapes.rt:8:"
}

test_overrides() {
  make_task
  expect 1 "$RETORT" run task.rt --set student.widht=3
  expect_text err "student.widht"
  expect 1 "$RETORT" run task.rt --set nothing=1
  expect_text err nothing
  expect 1 "$RETORT" run task.rt --set stage.imitate.epoch=1
  expect 1 "$RETORT" run task.rt --set student.width
  expect 1 "$RETORT" run task.rt --set student.width=wide
}

# A temperature of 0, shares and weights that leave nothing; teacher and student that do not go together.
test_objectives_that_mean_nothing() {
  make_task
  expect 1 "$RETORT" check task.rt --set stage.imitate.objective.temperature=0
  expect_text err "a temperature is more than 0, not 0" "task.rt:8:"
  expect 1 "$RETORT" check task.rt --set stage.imitate.objective.temperature=-2
  expect 1 "$RETORT" check task.rt --set stage.imitate.objective.labels=1.5
  expect_text err "a share is from 0 to 1, not 1.5"
  expect 0 "$RETORT" check task.rt --set stage.imitate.objective.labels=1
  sed 's/width: 8, classes: 2/width: 8, classes: 3/; s/soft_labels(temperature: 2)/match_logits/' task.rt >classes.rt
  expect 1 "$RETORT" check classes.rt
  expect_text err "S is [B, 3], not [B, 2]" "classes.rt:8:"
  sed 's/vocabulary: 13, width: 8/vocabulary: 9, width: 8/' task.rt >words.rt
  expect 3 "$RETORT" run words.rt --out kept
  expect_text err "outside the 9 rows of student/embedding.weight"
  [ ! -e kept ] || fail_test "an output folder was written"
}

test_missing_data() {
  make_task
  rm train.tsv
  refused 3 "cannot find train.tsv" RETORT_DATA
  export RETORT_DATA="$PWD/elsewhere"
  refused 3 "elsewhere/train.tsv"
  unset RETORT_DATA
  mkdir train.tsv
  refused 3 "train.tsv: it is a folder"
}

test_unreadable_data() {
  make_task
  chmod 000 train.tsv
  as_user_without_rights
  expect 3 $unprivileged "$RETORT" run task.rt
  expect_text err "cannot read" "train.tsv: Permission denied"
}

test_bad_rows() {
  make_task
  cp train.tsv good.tsv
  : >train.tsv
  refused 3 "train.tsv: no rows: the file is empty"
  { head -n 5 good.tsv && echo "a film"; } >train.tsv
  refused 3 "train.tsv:6: too few columns: the row has 1, and label is column 1"
  { head -n 5 good.tsv && printf 'a film\t2\n'; } >train.tsv
  refused 3 "train.tsv:6: label '2' is outside the classes 0 … 1"
  { head -n 5 good.tsv && printf 'a film\tgood\n'; } >train.tsv
  refused 3 "train.tsv:6: label 'good' is no number"
  { head -n 5 good.tsv && printf 'a f\351lm\t1\n'; } >train.tsv
  refused 3 "train.tsv:6: byte 0xe9 is not UTF-8 text"
  { head -n 5 good.tsv && printf 'a \0\t1\n'; } >train.tsv
  refused 3 "train.tsv:6: a zero byte"
  cp good.tsv train.tsv
  { head -n 3 good.tsv && printf 'a film\t7\n'; } >test.tsv # found before anything is trained
  refused 3 "test.tsv:4: label '7' is outside"
}

test_vocabulary() {
  make_task
  cp vocab.txt good.txt
  grep -v UNK good.txt >vocab.txt
  refused 3 "vocab.txt: the vocabulary has no [UNK]"
  : >vocab.txt
  refused 3 "vocab.txt: the vocabulary is empty"
  rm vocab.txt
  refused 3 "cannot find vocab.txt"
  cp good.txt vocab.txt
  sed -i 's/vocabulary: 13, width: 8/vocabulary: 9, width: 8/' task.rt
  refused 3 "train.tsv:" "outside the 9 rows of student/embedding.weight"
}

test_labels_and_classes() {
  make_task
  sed -i 's/, classes: 2) |>/) |>/' task.rt
  { cat train.tsv && printf 'a film\t2\n'; } >more.tsv
  mv more.tsv train.tsv
  refused 3 "train.tsv:241: label 2 is outside the model's 2 classes"
}

# model.safetensors of a width of 8, in various states
test_weights() {
  make_task
  expect 0 "$RETORT" run task.rt --out good --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  file=good/student/model.safetensors
  expect 3 "$RETORT" run task.rt --load teacher=$file
  expect_text err "does not fit the model" "embedding.weight: expected [13, 32], found [13, 8]"
  expect 3 "$RETORT" run task.rt --load pupil=$file
  expect_text err "no model 'pupil'"
  expect 3 "$RETORT" run task.rt --load student=nowhere
  expect_text err "nowhere: No such file or directory"
  head -c 300 $file >cut.safetensors
  expect 3 "$RETORT" run task.rt --load student=cut.safetensors
  expect_text err "cut.safetensors" truncated
  sed 's/dense.weight/dense.wait_t/' $file >named.safetensors
  expect 3 "$RETORT" run task.rt --load student=named.safetensors
  expect_text err "1 of its 3 names are missing" dense.weight
  printf '\377\377\377\377\377\377\377\177{}' >hostile.safetensors
  expect 3 "$RETORT" run task.rt --load student=hostile.safetensors
  expect_text err hostile.safetensors
  head -c 5 $file >tiny.safetensors
  expect 3 "$RETORT" run task.rt --load student=tiny.safetensors
}
