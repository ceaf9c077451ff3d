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

few_epochs="--set stage.teach.epochs=0.2 --set stage.labels.epochs=0.2 --set stage.imitate.epochs=0.2 --set stage.predict.epochs=0.2"

# Teacher and student side by side, found by the shapes of what their modules tap.
test_report_of_layers() {
  expect 0 "$RETORT" run "$root/examples/demo.rt" --threads 1 --out kept $few_epochs
  check_page kept/report.html
  expect_text kept/report.html "Layers of student beside teacher" "Distance of hidden states" "<th>encoder.layer.2.hidden</th>" "<figcaption>layer.2</figcaption>" "[CLS]"
  python3 - kept/layers.json <<'PY' || fail_test "layers.json is wrong"
import json, sys
pairs = json.load(open(sys.argv[1]))
assert len(pairs) == 1, pairs
pair = pairs[0]
distance = pair["distance"]
assert len(distance) == len(pair["student_states"]) == 2 and all(len(row) == len(pair["teacher_states"]) == 4 for row in distance)
assert all(0 <= x <= 1 for row in distance for x in row), distance
maps = pair["student_attention"] + pair["teacher_attention"]
assert len(maps) == 4
for m in maps:
    assert len(m["map"]) == len(pair["words"])
    for line in m["map"]:
        assert abs(sum(line) - 1) < 1e-3 and min(line) >= 0, line
PY
}

# PAGE WIDTH SCHEME: what a browser makes of a page in a frame so wide; scheme 0: dark, 1: light. Prints its width, the width
# of what is in it, pictures of no size, cards whose content juts out, its number of pictures, back and ink.
measure_page() {
  cat >frame.html <<EOF
<!DOCTYPE html><html><body><iframe id="page" src="file://$1" style="border:0;width:$2px;height:3000px"></iframe><script>
document.getElementById('page').onload = e => {
  const d = e.target.contentDocument, r = d.documentElement, all = s => [...d.querySelectorAll(s)];
  const flat = all('svg').filter(x => x.getBoundingClientRect().width < 5 || x.getBoundingClientRect().height < 5);
  const wide = all('.card').filter(x => x.scrollWidth > x.clientWidth + 1);
  const style = e.target.contentWindow.getComputedStyle(d.body), gray = c => c.match(/\d+/g).map(Number).reduce((a, b) => a + b) / 3;
  document.body.dataset.found = [r.clientWidth, r.scrollWidth, flat.length, wide.length, all('svg').length,
    Math.round(gray(style.backgroundColor)), Math.round(gray(style.color))].join(' ');
};</script></body></html>
EOF
  timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$PWD/chromium" --allow-file-access-from-files \
    --blink-settings=preferredColorScheme=$3 --window-size=1400,1000 --dump-dom "file://$PWD/frame.html" 2>chromium.log |
    sed -n 's/.*data-found="\([^"]*\)".*/\1/p'
}

test_report_in_a_browser() {
  command -v chromium >/dev/null || skip_test "chromium is not installed"
  expect 0 "$RETORT" run "$root/examples/demo.rt" --threads 1 --out kept $few_epochs
  for width in 400 1200; do
    for scheme in 0 1; do
      found=$(measure_page "$PWD/kept/report.html" $width $scheme)
      [ -n "$found" ] || fail_test "the page was not loaded: $(tail -n 5 chromium.log)"
      echo "$found" | awk -v width=$width -v scheme=$scheme '{
        good = $1 > width - 20 && $2 <= $1 && $3 == 0 && $4 == 0 && $5 >= 17
        good = good && (scheme ? $6 > 200 && $7 < 80 : $6 < 60 && $7 > 180) } END { exit !good }' ||
        fail_test "at width $width, scheme $scheme (width, content, flat pictures, jutting cards, pictures, back, ink): $found"
    done
  done
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
