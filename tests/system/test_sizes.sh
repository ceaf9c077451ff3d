# A slice that some batches are too short for: refused at the call, by name and place, whoever computes.

make_slices() {
  make_task
  cat >first.rt <<'RT'
use nn
module first_words(vocabulary: int, width: int, classes: int, words: int = 8) {
  table = embedding(vocabulary, width, std: 0.1)
  head  = linear(width, classes)
  forward(ids: i32[B, T of B]) -> f32[B, classes] = head(mean(table(pad(ids))[:, 0:words], axis: 1))
}
RT
  sed -e 's/use pooled/use first, pooled/' -e 's/student = pooled(/student = first_words(/' task.rt >first_task.rt
}
refusal="first.rt:5:63: 'slice' takes elements 0 to 7 of axis 1, which has T: expected T to be 8 or more, found"

test_slices_beyond_a_batch() {
  make_slices
  awk -F'\t' 'NR > 1 { print "good bad\t" $2 }' test.tsv >short.tsv
  mv short.tsv test.tsv
  for how in "" --interpret "--layout packed"; do
    expect 3 "$RETORT" run first_task.rt $how --set stage.learn.epochs=1 --set stage.imitate.epochs=1
    expect_text err "$refusal 4"
  done
  cut -f 1,2 dev.tsv | awk -F'\t' '{ print "a very good film is a very fine film\t" $2 }' >test.tsv
  expect 0 "$RETORT" run first_task.rt --set stage.learn.epochs=1 --set stage.imitate.epochs=1
  expect 2 "$RETORT" bench first_task.rt --length 7 --runs 1
  expect_text err "$refusal 7"
  expect 0 "$RETORT" bench first_task.rt --length 8 --runs 1
  expect 2 "$RETORT" bisect first_task.rt --of student --length 7
  expect_text err "$refusal 7"
  expect 0 "$RETORT" bisect first_task.rt --of student --length 8
}

# With --reproducible the number of threads changes nothing, weights after training included.
test_reproducible_training() {
  make_task
  for threads in 1 2 3; do
    expect 0 "$RETORT" run task.rt --reproducible --threads $threads --out "kept$threads"
  done
  for threads in 2 3; do
    expect_same kept1/student/model.safetensors kept$threads/student/model.safetensors
    expect_same kept1/metrics.jsonl kept$threads/metrics.jsonl
  done
  grep -q '"reproducible": true' kept1/settings.json || fail_test "settings.json does not say so"
  expect 2 "$RETORT" run task.rt --reproducible --contractions blas
  expect_text err "--reproducible has contractions by emitted code"
  expect 0 "$RETORT" build task.rt --reproducible -o net
  expect 0 "$RETORT" build task.rt -o other
  expect_different net.o other.o
  expect 0 "$RETORT" bench task.rt --reproducible --runs 1
}

# What is prepared of a teacher's weights has no rows, so that a condition on rows does not concern it.
test_sizes_of_what_is_prepared() {
  make_task
  cat >pairs.rt <<'RT'
use pooled, losses, optimizers
objective first_rows(teacher, student) {
  loss near = mse(student.result[0:5], teacher.result[0:5])
}
experiment pairs {
  data train = tsv("train.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model teacher = pooled(vocabulary: 13, width: 64, classes: 64)
  model student = pooled(vocabulary: 13, width: 8, classes: 64)
  stage learn { distill teacher -> student with first_rows  epochs 1  batch 16  optimizer adam(lr: 1e-2) }
}
RT
  for kept in f32 off; do
    expect 0 "$RETORT" run pairs.rt --threads 1 --teacher-cache $kept
  done
  expect 3 "$RETORT" run pairs.rt --threads 1 --set stage.learn.batch=4
  expect_text err "expected B to be 5 or more, found 4"
}
