# report.html of a run, and runs side by side.

# The page is well formed (every tag closed in its order), stands alone, and has all parts.
check_page() {
  awk 'BEGIN { RS = "<"; depth = 0 }
    NR == 1 || /^!DOCTYPE/ { next }
    !/>/ { print "an open angle bracket: " $0; bad = 1 }
    /^\// { name = substr($0, 2); sub(/[ >].*/, "", name)
      if (depth == 0 || open[depth] != name) { print "</" name "> closes <" open[depth] ">"; bad = 1 }
      depth--; next }
    /^[^>]*\/>/ { next }
    { name = $0; sub(/[ \/>\n].*/, "", name); open[++depth] = name }
    END { if (depth) { print "open at the end: " open[depth]; bad = 1 } exit bad }' "$1" || fail_test "$1 is not well formed"
  grep -nE '<(script|link|img|iframe|object)|(href|src)=|url\(|@import|https?:' "$1" && fail_test "$1 needs something else"
  grep -q "prefers-color-scheme: dark" "$1" || fail_test "$1 is not made for dark screens"
}

test_report_of_a_run() {
  make_task
  sed -i '1i # <script>alert("&")</script>' task.rt
  expect 0 "$RETORT" run task.rt --threads 1 --out kept --set stage.learn.epochs=2
  check_page kept/report.html
  expect_text kept/report.html "Results on test" "student distilled" "size of the weights" "time per sample" \
    "<h3>learn</h3>" "<h3>imitate</h3>" "30 steps" "60 steps" 'class="lines"' "Confusion" "stage.learn.epochs=2" \
    '&#60;script&#62;alert(&#34;&#38;&#34;)' "use pooled, losses, optimizers"
  # the matrix of each model counts all rows, right ones on its diagonal
  [ "$(grep -o '"counts"\|"confusion"' kept/confusion.json | wc -l)" = 2 ] || fail_test "two matrices expected"
  tr -d ' \n' <kept/results.json | grep -o '"accuracy":[0-9.]*' | cut -d: -f2 >scores
  grep -o '\[\[[0-9,]*\],\[[0-9,]*\]\]' kept/confusion.json | tr -c '0-9\n' ' ' >counts
  paste scores counts | awk '{ if ($2 + $3 + $4 + $5 != 240) bad = 1; d = ($2 + $5) / 240 - $1
    if (d > 1e-6 || d < -1e-6) bad = 1 } END { exit bad || NR != 2 }' || fail_test "$(cat scores counts)"
}

# TensorBoard's file holds each step's terms and the scores; the records follow each other to its end.
test_events_of_a_run() {
  make_task
  expect 0 "$RETORT" run task.rt --threads 1 --out kept --set stage.learn.epochs=1
  file=kept/events.out.tfevents.retort
  size=$(wc -c <$file) offset=0 records=0
  while [ $offset -lt $size ]; do
    length=$(od -A n -t u8 -j $offset -N 8 $file | tr -d ' ')
    offset=$((offset + length + 16)) records=$((records + 1))
  done
  [ $offset = $size ] || fail_test "the last record ends at $offset of $size"
  [ $records = 80 ] || fail_test "$records records, expected the version, 15 + 60 steps, 4 scores"
  for tag in learn/loss learn/cross_entropy imitate/loss "test/accuracy/student distilled"; do
    grep -qaF "$tag" $file || fail_test "$tag is not there"
  done
}

# A run that fails leaves its page too, with gaps where losses were no numbers.
test_report_of_a_run_that_diverges() {
  make_task
  expect 5 "$RETORT" run task.rt --threads 1 --out kept --set stage.imitate.optimizer.lr=1e38
  check_page kept/report.html
  expect_text kept/report.html "a loss was not finite" "<h3>learn</h3>"
}

test_compare() {
  make_task
  short="--threads 1 --set stage.learn.epochs=1 --set stage.imitate.epochs=1"
  expect 0 "$RETORT" run task.rt $short --out a
  expect 0 "$RETORT" run task.rt $short --out b --seed 4 --set student.width=4
  expect 0 "$RETORT" compare a b
  tr -s ' ' <out | sed 's/ $//' >lines
  for line in "what differs a b" "seed 1 4" "student.width 8 4" "on test a b"; do
    grep -qxF "$line" lines || fail_test "'$line' is not in: $(cat out)"
  done
  grep -qE '^(threads|source|teacher.width)' out && fail_test "what is the same is printed: $(cat out)"
  for run in a b; do # the scores are those of the runs
    tr -d ' \n' <$run/results.json | grep -o '"accuracy":[0-9.]*' | cut -d: -f2 | awk '{ printf "%.2f\n", 100 * $1 }' >$run.scores
  done
  [ "$(grep -A 1 '^accuracy' lines | awk '{ print $(NF - 1), $NF }')" = "$(paste -d ' ' a.scores b.scores)" ] ||
    fail_test "other scores: $(cat out a.scores b.scores)"
  expect 0 "$RETORT" compare --all a b
  expect_text out threads teacher.width
  # another text; an experiment's folder is all of its runs
  echo "# a comment" >>task.rt
  expect 0 "$RETORT" experiment task.rt $short --seeds 2 --out many
  expect 0 "$RETORT" compare a many
  tr -s ' ' <out | sed 's/ $//' | grep -qxF "source text 1 text 2 text 2" || fail_test "sources: $(cat out)"
}

test_compare_refuses() {
  make_task
  expect 0 "$RETORT" run task.rt --threads 1 --out a
  mkdir empty damaged
  echo '{"seed": 1' >damaged/settings.json
  expect 2 "$RETORT" compare
  expect 2 "$RETORT" compare a
  expect_text err "nothing to be compared with"
  expect 2 "$RETORT" compare --some a a
  for folder in empty missing damaged task.rt; do
    expect 3 "$RETORT" compare a $folder
    expect_text err "retort compare: " $folder
  done
}
