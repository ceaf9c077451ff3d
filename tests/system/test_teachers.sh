# Several teachers and students, models that an objective updates, steps that an objective counts.

make_teachers_task() {
  make_task
  cat >objectives.rt <<'RT'
use nn, losses, teachers
objective average(teacher, student, label: i32[B], share: real = 1.0) {
  loss labels = cross_entropy(student.result, label)
  follow(teacher, student, share)
}
# the teacher is what the student was before step `at`
objective keep_at(teacher, student, label: i32[B], step: f32, at: int = 1) {
  loss labels = cross_entropy(student.result, label)
  follow(teacher, student, f32(step == at))
}
objective by_epoch(teacher, student, label: i32[B], epoch: f32, step: f32, steps: f32) {
  loss labels = cross_entropy(student.result, label)
  loss soft = kl_divergence(student.result, teacher.result) weight floor(epoch)
  loss counted = square(mean(student.result)) * 0 + stop_gradient(step / steps + epoch * 100)
}
RT
  cat >several.rt <<'RT'
use pooled, losses, optimizers, teachers, starts, objectives
experiment several {
  data train, dev, test = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model one = pooled(vocabulary: 13, width: 32, classes: 2)
  model other = pooled(vocabulary: 13, width: 16, classes: 2)
  model student = pooled(vocabulary: 13, width: 8, classes: 2)
  model follower = pooled(vocabulary: 13, width: 8, classes: 2)
RT
}

test_mutual_students_and_several_teachers() {
  make_teachers_task
  cat >>several.rt <<'RT'
  stage together { train one, other with mutual  epochs 4  batch 16  optimizer adam(lr: 1e-2) }
  stage imitate { distill one, other -> student with mean_of_teachers(temperature: 2)  epochs 4  batch 16  optimizer adam(lr: 1e-2) }
  evaluate one, other, student on test with accuracy
}
RT
  expect 0 "$RETORT" run several.rt --out kept
  expect_text err "together: train one, other with mutual" "imitate: distill one, other -> student with mean_of_teachers"
  awk '/^(one|other|student) / && $2 < 80 { exit 1 }' out || fail_test "one did not learn: $(cat out)"
  for model in one other student; do
    [ -s kept/$model/model.safetensors ] || fail_test "kept/$model was not saved"
  done
}

# A stage without a loss copies; widths are cut.
test_start_from_the_teacher() {
  make_teachers_task
  cat >>several.rt <<'RT'
  stage learn { train student with classify  steps 10  batch 16  optimizer adam(lr: 1e-2) }
  stage start { distill student -> follower with start_from_model  steps 1 }
  export student, follower
}
RT
  expect 0 "$RETORT" run several.rt --out copied
  expect_same copied/student/model.safetensors copied/follower/model.safetensors
  expect 0 "$RETORT" run several.rt --out cut --set follower.width=4
  expect 1 "$RETORT" check several.rt --set follower.width=9
  expect_text err "a weight of size 8 cannot be cut to 9"
}

test_moving_average() {
  make_teachers_task
  cat >>several.rt <<'RT'
  stage learn { train one with classify  steps 3  batch 16  optimizer adam(lr: 1e-2) }
  stage follow { distill follower -> student with average(share: 1.0)  steps 5  batch 16  optimizer adam(lr: 1e-2) }
  export student, follower
}
RT
  # the follower is the student before the last step
  expect 0 "$RETORT" run several.rt --out five
  expect 0 "$RETORT" run several.rt --out four --set stage.follow.steps=4
  expect_same five/follower/model.safetensors four/student/model.safetensors
  expect_different five/follower/model.safetensors five/student/model.safetensors
  expect 0 "$RETORT" run several.rt --out none --set stage.follow.objective.share=0.0
  expect_different none/follower/model.safetensors five/follower/model.safetensors
  sed 's/with average(share: 1.0)/with keep_at(at: 4)/' several.rt >kept.rt
  expect 0 "$RETORT" run kept.rt --out kept
  expect 0 "$RETORT" run kept.rt --out three --set stage.follow.steps=3
  expect_same kept/follower/model.safetensors three/student/model.safetensors
}

# 240 rows in batches of 64: 4 steps an epoch.
test_steps_and_epochs() {
  make_teachers_task
  cat >>several.rt <<'RT'
  stage learn { distill one -> student with by_epoch  epochs 2  batch 64  optimizer adam(lr: 1e-2) }
}
RT
  expect 0 "$RETORT" run several.rt --out kept
  sed -n 's/.*"counted":\([0-9.]*\).*/\1/p' kept/metrics.jsonl >counted
  printf '%s\n' 0.125 25.25 50.375 75.5 100.625 125.75 150.875 176 >wanted
  expect_same counted wanted
}
