# Teachers' outputs that are kept between runs.

# A teacher worth keeping, of more than one file of rows; the student is small.
make_taught_task() {
  make_task
  for i in 1 2 3 4 5 6; do cat train.tsv train.tsv train.tsv; done >more.tsv
  mv more.tsv train.tsv
  RETORT_CACHE=$PWD/kept-between
  export RETORT_CACHE
  cat >task.rt <<'RT'
use nn, bert, tinybert, losses, optimizers

experiment task {
  data train, dev = tsv("{split}.tsv", text: 0, label: 1, classes: 2) |> wordpiece("vocab.txt", length: 16)
  model teacher = bert_classifier(classes: 2, vocabulary: 13, layers: 2, hidden: 64, heads: 4, ff: 128, positions: 16, std: 0.05)
  model student = bert_classifier(classes: 2, vocabulary: 13, layers: 1, hidden: 16, heads: 4, ff: 32, positions: 16, std: 0.05)
  stage imitate { distill teacher -> student with tinybert_intermediate  epochs 1  batch 64  optimizer adam(lr: 1e-3) }
  stage predict { distill teacher -> student with soft_labels(temperature: 2)  epochs 1  batch 64  optimizer adam(lr: 1e-3) }
}
RT
}

# OPTIONS…: a run into `out.N`, whose folder is replaced.
run_task() {
  rm -rf run
  expect 0 "$RETORT" run task.rt --threads 1 --out run "$@"
}

same_student() { expect_same run/student/model.safetensors "$1/student/model.safetensors"; }

# Bytes of the student's weights: made, found again, without any, in the other layout, in parts of a batch.
test_same_bytes_from_the_cache() {
  make_taught_task
  for layout in padded packed; do
    run_task --layout $layout
    expect_text err "imitate  teacher outputs: 4320 rows" "predict  teacher outputs: 4320 rows, 33.9 KiB" "kept in"
    mv run made
    run_task --layout $layout
    expect_text err "imitate  teacher outputs: 4320 rows" "from cache"
    grep -q "kept in" err && fail_test "made twice: $(cat err)"
    same_student made
    expect_same run/metrics.jsonl made/metrics.jsonl
    run_task --layout $layout --teacher-cache off
    grep -q "teacher outputs" err && fail_test "kept although off: $(cat err)"
    same_student made
    rm -rf made
  done
  # a row's bits do not depend on the threads: what one thread has made serves two
  run_task --reproducible
  rm -rf run
  expect 0 "$RETORT" run task.rt --threads 2 --reproducible --out run
  expect_text err "imitate  teacher outputs: 4320 rows" "from cache"
  rm -rf made
  sed -i 's/batch 64 /batch 64  accumulate 3 /' task.rt
  run_task --teacher-cache off
  mv run without
  run_task
  same_student without
  rm -rf without
}

# A folder and a file whose names are no UTF-8, as JSON's texts are.
test_names_that_are_not_utf8() {
  folder=$(printf 'caf\351')
  mkdir "$folder" 2>/dev/null || skip_test "the file system takes names in UTF-8 only"
  cd "$folder" || exit 1
  make_taught_task
  mv task.rt "$folder.rt"
  for how in "kept in" "from cache"; do
    rm -rf run
    expect 0 "$RETORT" run "$folder.rt" --threads 1 --out run
    expect_text err "predict  teacher outputs: 4320 rows" "$how"
    expect_text run/settings.json '"file": "caf%E9.rt"'
  done
  expect 0 "$RETORT" cache list
  expect 0 "$RETORT" experiment "$folder.rt" --threads 1 --seeds 1 --out all
  expect 0 "$RETORT" bench "$folder.rt" --threads 1 --runs 1 --json
}

# Who belongs to whom: other weights, other rows, another teacher's graph.
test_outputs_of_something_else() {
  make_taught_task
  run_task
  [ "$(ls kept-between/teachers | wc -l)" = 2 ] || fail_test "$(ls kept-between/teachers)"
  run_task --seed 2
  grep -q "from cache" err && fail_test "of other weights: $(cat err)"
  [ "$(ls kept-between/teachers | wc -l)" = 4 ] || fail_test "two seeds: $(ls kept-between/teachers)"
  echo "good bad film	1" >>train.tsv
  run_task
  expect_text err "4321 rows" "weights, data, program or options have changed; those of before are dropped"
  grep -q "from cache" err && fail_test "of other rows: $(cat err)"
  [ "$(ls kept-between/teachers | wc -l)" = 4 ] || fail_test "not dropped: $(ls kept-between/teachers)"
  run_task --set teacher.ff=64
  grep -q "from cache" err && fail_test "of another graph: $(cat err)"
  # a temperature is the objective's: what the teacher gives is the same
  run_task
  run_task --set stage.predict.objective.temperature=3
  expect_text err "predict  teacher outputs: 4321 rows, 33.9 KiB, from cache"
}

test_listed_and_cleared() {
  make_taught_task
  expect 0 "$RETORT" cache list
  expect_text out "0 sets of teacher outputs"
  run_task
  expect 0 "$RETORT" cache list
  expect_text out "2 sets of teacher outputs" "4320  float32   just now" "task.rt: imitate, teacher on train" "compiled code: "
  name=$(sed -n 's/^\([0-9a-f]*\) .*: predict, .*/\1/p' out)
  expect 0 "$RETORT" cache clear "$name"
  expect_text out "removed: 1 set of teacher outputs, 3"
  expect 3 "$RETORT" cache clear "$name"
  expect_text err "nothing that is kept has the name or belongs to '$name'"
  expect 0 "$RETORT" cache clear --older-than 1
  expect_text out "removed: 0 sets"
  touch -d "3 days ago" kept-between/teachers/*/about.json
  echo "somebody else's" >kept-between/teachers/note
  expect 0 "$RETORT" cache list
  expect_text out "3 days ago"
  expect 0 "$RETORT" cache clear --older-than 2.5
  expect_text out "removed: 1 set"
  run_task
  expect 0 "$RETORT" cache clear
  expect_text out "removed: 2 sets"
  left=$(find kept-between -type f ! -name "contractions-*.costs") # measured costs of this machine stay
  [ "$left" = kept-between/teachers/note ] || fail_test "left: $left"
  expect 2 "$RETORT" cache
  expect 2 "$RETORT" cache delete
  expect 2 "$RETORT" cache clear --older-than soon
  RETORT_CACHE='' expect 0 "$RETORT" cache list
  expect_text out "nothing is kept"
  RETORT_CACHE='' expect 0 "$RETORT" run task.rt --threads 1
  grep -q "teacher outputs" err && fail_test "kept where nothing should be: $(cat err)"
  return 0
}

test_limit_of_bytes() {
  make_taught_task
  run_task --teacher-cache off
  mv run without
  run_task --cache-limit 1M
  expect_text err "imitate  warning: teacher outputs are not kept: they would take" "a row), and --cache-limit is 1.0 MiB" \
    "predict  teacher outputs: 4320 rows"
  same_student without
  [ "$(ls kept-between/teachers | wc -l)" = 1 ] || fail_test "$(ls kept-between/teachers)"
  # what was not used for longest makes room
  touch -d "1 day ago" kept-between/teachers/*/about.json
  run_task --seed 2 --cache-limit 50K
  [ "$(ls kept-between/teachers | wc -l)" = 1 ] || fail_test "no room was made: $(ls kept-between/teachers)"
  expect_text err "predict  teacher outputs: 4320 rows, 33.9 KiB, kept in"
  expect 2 "$RETORT" run task.rt --cache-limit much
  expect 2 "$RETORT" run task.rt --teacher-cache top-0
}

# Stages that read the same of the same teacher share what is kept.
test_stages_share_outputs() {
  make_taught_task
  sed -i 's/^  stage imitate .*/  model other = bert_classifier(classes: 2, vocabulary: 13, layers: 1, hidden: 32, heads: 4, ff: 32, positions: 16, std: 0.05)/
    s/^\(  stage predict .*\)$/\1\n  stage again   { distill teacher -> other with match_logits  epochs 1  batch 32  optimizer adam(lr: 1e-3) }/' task.rt
  run_task
  expect_text err "predict  teacher outputs: 4320 rows, 33.9 KiB, kept in" "again  teacher outputs: 4320 rows, 33.9 KiB, from cache"
  [ "$(ls kept-between/teachers | wc -l)" = 1 ] || fail_test "$(ls kept-between/teachers)"
}

# A file that is cut off, changed, of another version or another's is said, made again, and nothing else is.
test_damaged_outputs() {
  make_taught_task
  run_task
  mv run made
  file=$(find kept-between/teachers -name '000000004096.rows' -size -8k)
  size=$(wc -c <"$file")
  cp "$file" good
  for kind in cut cut_short flipped version other; do
    case $kind in
    cut) head -c $((size - 1)) good >"$file" ;;
    cut_short) head -c 20 good >"$file" ;;
    flipped) (head -c $((size / 2)) good && printf '\377\376' && tail -c +$((size / 2 + 3)) good) >"$file" ;;
    version) (head -c 8 good && printf '\002' && tail -c +10 good) >"$file" ;;
    other) (head -c 16 good && printf '\001\002' && tail -c +19 good) >"$file" ;;
    esac
    run_task
    expect_text err "warning: teacher outputs that cannot be used are made again: $PWD/$file: it" \
      "predict  teacher outputs: 4320 rows, 33.9 KiB, 4096 from cache, 224 kept in"
    expect_same "$file" good
    same_student made
  done
  expect_text err "it is of something else"
}

# Killed while it fills, over and over: each run goes on with what there is, and the end is the same.
test_killed_while_filling() {
  make_taught_task
  run_task
  mv run made
  rm -r kept-between/teachers
  for wait in 0.1 0.2 0.3 0.4; do
    "$RETORT" run task.rt --threads 1 >out 2>err &
    process=$!
    sleep $wait
    kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
  done
  run_task
  same_student made
  run_task
  grep -q "kept in" err && fail_test "not whole after a whole run: $(cat err)"
  same_student made
}

test_two_runs_fill_at_once() {
  make_taught_task
  run_task --teacher-cache off
  mv run without
  for number in 1 2 3; do
    "$RETORT" run task.rt --threads 1 --out run$number >out$number 2>err$number &
    eval "process$number=\$!"
  done
  for number in 1 2 3; do
    eval "wait \$process$number" || fail_test "run $number: $(cat err$number)"
    expect_same run$number/student/model.safetensors without/student/model.safetensors
  done
  run_task
  grep -q "kept in" err && fail_test "not whole: $(cat err)"
  same_student without
}

# A disk that is full: said, and the run goes on, to the same bytes.
test_disk_full_of_outputs() {
  make_taught_task
  run_task --teacher-cache off
  mv run without
  mkdir disk
  mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null || skip_test "no file system can be mounted"
  trap 'umount disk' EXIT
  cp kept-between/*.costs disk # the same choices of code
  RETORT_CACHE=$PWD/disk
  run_task
  expect_text err "imitate  warning: teacher outputs are not kept: the disk of" "the teacher runs with each batch"
  same_student without
  [ -z "$(find disk -name '*.rows' -size +100k)" ] || fail_test "what cannot be whole is left"
  rm -rf disk/teachers
  head -c 4000k /dev/zero >disk/other 2>/dev/null
  run_task
  expect_text err "predict  warning: teacher outputs are not kept" "No space left on device"
  same_student without
}

# In less room: steps read what was kept, so a run without a disk is the same one.
test_outputs_in_less_room() {
  make_taught_task
  run_task --teacher-cache f16
  expect_text err "float16: off by " "predict  teacher outputs: 4320 rows, 17.0 KiB, kept in"
  mv run half
  run_task --teacher-cache f16
  expect_text err "from cache; float16: off by"
  same_student half
  run_task --teacher-cache f16 --cache-limit 1
  same_student half
  run_task
  expect_different run/student/model.safetensors half/student/model.safetensors
  # 40 classes: of their logits the eight largest
  awk 'BEGIN { for (i = 0; i < 4000; i++) print "good film\t" i % 40 }' >train.tsv
  cp train.tsv dev.tsv
  sed -i 's/classes: 2/classes: 40/g; /stage imitate/d' task.rt
  run_task --teacher-cache top-8
  expect_text err "teacher outputs: 4000 rows, 265.7 KiB, kept in" "top 8: a mean KL of " "from the full distributions"
  mv run top
  run_task --teacher-cache top-8 --cache-limit 1
  same_student top
  run_task --teacher-cache top-39
  expect_text err "is kept whole: so few numbers take no less room as top-K"
  sed -i 's/soft_labels(temperature: 2)/match_logits/' task.rt
  run_task --teacher-cache top-8
  expect_text err "is kept whole: top-K is for logits that nothing but a softmax reads"
}

# Random numbers in the teacher, as of augmentation; a stage that sees less than all rows.
test_outputs_that_cannot_be_kept() {
  make_taught_task
  cat >>task.rt <<'RT'

objective noisy(teacher, student, ids: i32[B, T of B], types: i32[B, T of B]) {
  let changed = where(random(ids) < 0.2, 1, ids)
  loss soft = kl_divergence(student(changed, types), teacher(changed, types), 1.0)
}
RT
  sed -i 's/soft_labels(temperature: 2)/noisy/; /stage imitate/d' task.rt
  run_task
  expect_text err "predict  all of the teacher is computed with each batch, not kept: random numbers (dropout, augmentation) are in it" \
    "(task.rt:1"
  [ ! -e kept-between/teachers ] || fail_test "kept: $(ls kept-between/teachers)"
  sed -i 's/with noisy  epochs 1/with match_logits  steps 3/' task.rt
  run_task
  [ ! -e kept-between/teachers ] || fail_test "kept: $(ls kept-between/teachers)"
}

# A run that is cut off goes on from its checkpoint with what was kept, or without: the same bytes.
test_goes_on_with_the_cache() {
  make_taught_task
  sed -i 's/epochs 1 /epochs 2 /' task.rt
  run_task
  mv run made
  for cache in f32 off f32; do
    rm -rf cut cut.checkpoint cut.running
    [ $cache = off ] || rm -rf kept-between/teachers
    "$RETORT" run task.rt --threads 1 --out cut --checkpoint-steps 20 >out 2>err &
    process=$!
    tries=0
    until [ -e cut.checkpoint ] || ! kill -0 $process 2>/dev/null; do
      sleep 0.02
      tries=$((tries + 1))
      [ $tries -lt 3000 ] || fail_test "no checkpoint: $(cat err)"
    done
    kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
    expect 0 "$RETORT" run task.rt --threads 1 --resume cut --teacher-cache $cache
    expect_same cut/student/model.safetensors made/student/model.safetensors
  done
  expect 3 "$RETORT" run task.rt --threads 1 --resume made --teacher-cache f16
  expect_text err "made holds another run"
}
