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

# A run that fails leaves its page too, with gaps where losses were no numbers.
test_report_of_a_run_that_diverges() {
  make_task
  expect 5 "$RETORT" run task.rt --threads 1 --out kept --set stage.imitate.optimizer.lr=1e38
  check_page kept/report.html
  expect_text kept/report.html "a loss was not finite" "<h3>learn</h3>"
}
