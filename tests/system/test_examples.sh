# What the examples promise.

test_pooled_example_learns() {
  expect 0 "$RETORT" run "$root/examples/pooled.rt" --threads 1 --out kept
  losses_fall kept/metrics.jsonl teach 0.7
  losses_fall kept/metrics.jsonl distill 0.7
  # five topics: chance is 20 %
  awk '$1 == "teacher" && $2 < 60 { exit 1 }' out || fail_test "the teacher is near chance: $(cat out)"
  awk '/^student distilled/ && $3 < 50 { exit 1 }' out || fail_test "the student is near chance: $(cat out)"
}

# The published mistake in the same experiment: the cross entropy of the labels and the teacher's output.
test_pooled_example_with_the_mistake_does_not_compile() {
  cat >mistake.rt <<'RT'
use pooled, losses, optimizers

objective published(teacher, student, label: i32[B]) {
  loss labels = cross_entropy(student.result, label)
  loss teacher_ce = cross_entropy(teacher.result, label)
}
experiment mistake {
  data train = tsv("pooled/train.tsv", text: 0, label: 1, classes: 5) |> wordpiece("pooled/vocab.txt", length: 128)
  model teacher = pooled(vocabulary: 1000, width: 128, classes: 5)
  model student = pooled(vocabulary: 1000, width: 16, classes: 5)
  stage distill { distill teacher -> student with published  epochs 1  batch 32  optimizer adam(lr: 3e-3) }
}
RT
  cat >wanted <<'TEXT'
mistake.rt:5:8: error: loss 'teacher_ce' does not depend on any parameter being trained
    5 |   loss teacher_ce = cross_entropy(teacher.result, label)
      |        ^~~~~~~~~~
   note: mistake.rt:9:9: 'teacher' is frozen in stage 'distill'
    9 |   model teacher = pooled(vocabulary: 1000, width: 128, classes: 5)
      |         ^~~~~~~
   hint: a value of the model being trained has to be in it, as 'student.result'
TEXT
  for command in check run; do
    expect 1 env RETORT_DATA="$root/examples" "$RETORT" $command mistake.rt
    expect_same err wanted
    [ -s out ] && fail_test "$command prints: $(cat out)"
  done
  return 0
}

# A few steps of each stage of the demo: everything that `make demo` does, down to the table.
test_demo_example_runs() {
  expect 0 "$RETORT" run "$root/examples/demo.rt" --threads 1 --out kept --set stage.teach.steps=60 \
    --set stage.labels.steps=60 --set stage.imitate.steps=60 --set stage.predict.steps=60
  losses_fall kept/metrics.jsonl imitate 0.7
  expect_text out teacher "student alone" "student distilled" accuracy f1 parameters MB ms/sample smaller faster
  expect_text kept/metrics.jsonl '"attention":' '"hidden":' '"embedding":' '"prediction":'
  [ -s kept/student/model.safetensors ] && [ -s kept/student/config.json ] || fail_test "the student is not exported"
}

# The examples' data is what their generators make, byte for byte.
test_example_data_can_be_made_again() {
  for set in demo pooled; do
    mkdir $set
    ${CC:-cc} -std=c17 -O1 -o make_$set "$root/examples/${set}_data.c" -lm || fail_test "${set}_data.c does not compile"
    expect 0 ./make_$set $set
    for file in "$root/examples/$set"/*; do
      expect_same "$file" "$set/$(basename "$file")"
    done
    size=$(cat $set/* | wc -c)
    [ "$size" -lt 300000 ] || fail_test "the data of $set has $size bytes"
  done
}
