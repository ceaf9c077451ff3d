# Checks (compiler/advise) are silent where nothing is wrong; each one's bad example is a golden test (tests/golden/advise).

# Warnings of checks end in their name; others are not meant here.
silent() { # the command line
  expect 0 "$RETORT" "$@"
  grep -E '\[[a-z-]+\]$' err && fail_test "$*: $(cat err)"
  return 0
}

test_checks_silent_on_examples() {
  for file in "$root"/examples/*.rt; do
    silent check "$file"
    for task in $(sed -n 's/.* if task == "\([a-z0-9]*\)".*/\1/p' "$file"); do
      silent check "$file" --set task="$task"
    done
  done
}

# Every objective of models/. The one map that leaves out the teacher's last layer is the test's own choice.
test_checks_silent_on_methods() {
  . "$here/test_methods.sh"
  methods_experiment | sed 's/tinybert_attention(map: first_layers)/tinybert_attention/' >methods.rt
  silent check methods.rt
  methods_experiment >methods.rt
  expect 0 "$RETORT" check methods.rt
  expect_text err "[last-layer]"
}

# T^2 whichever way it is written, T of a schedule, soft labels alone, T = 1.
test_checks_silent_on_temperatures() {
  cat >temperatures.rt <<'RT'
use nn, losses, optimizers, pooled, outputs
objective apart(teacher, student, label: i32[B], temperature: real = 4.0) {
  let t = temperature
  loss soft = t * t * kl_divergence(student.result, teacher.result, t) weight 0.5
  loss hard = cross_entropy(student.result, label) weight 0.5
}
objective folded(teacher, student, label: i32[B], temperature: real = 2.0, alpha: real = 0.1) {
  let t = temperature
  loss all = alpha * t ** 2 * soft_cross_entropy(student.result, teacher.result, t) + (1 - alpha) * cross_entropy(student.result, label)
}
objective weighted(teacher, student, label: i32[B], temperature: real = 2.0) {
  loss soft = soft_cross_entropy(student.result, teacher.result, temperature) weight 2.0
  loss hard = cross_entropy(student.result, label) weight 0.5
}
objective changing(teacher, student, label: i32[B], step: f32, steps: f32) {
  loss soft = kl_divergence(student.result, teacher.result, linear_change(step, steps, 4.0, 2.0)) weight 0.5
  loss hard = cross_entropy(student.result, label) weight 0.5
}
objective alone(teacher, student) {
  loss soft = soft_cross_entropy(student.result, teacher.result, 2.0)
}
experiment temperatures {
  data train = tsv("train.tsv", text: 0, label: 1, classes: 3) |> wordpiece("vocab.txt", length: 8)
  model teacher = pooled(vocabulary: 20, width: 8, classes: 3)
  model student = pooled(vocabulary: 20, width: 4, classes: 3)
  stage s1 { distill teacher -> student with apart  epochs 1  optimizer adam }
  stage s2 { distill teacher -> student with folded  epochs 1  optimizer adam }
  stage s3 { distill teacher -> student with weighted  epochs 1  optimizer adam }
  stage s4 { distill teacher -> student with changing  epochs 1  optimizer adam }
  stage s5 { distill teacher -> student with alone  epochs 1  optimizer adam }
  stage s6 { distill teacher -> student with soft_labels(labels: 0.5, squared: false)  epochs 1  optimizer adam }
}
RT
  silent check temperatures.rt
}
