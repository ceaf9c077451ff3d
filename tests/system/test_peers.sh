# What `make bench-peers` makes of its measurements: tests/bench/peers_page.py, outputs.py.

write_measured() {
  cat >peers.json <<'END'
{"cpu": "a processor", "date": "2026-01-02T03:04:05+00:00", "threads": 2, "peers": "PyTorch 1, ONNX Runtime 2",
 "lengths": "SST-2", "openblas": {"used": "x", "kernels": "Haswell"}, "rows": [
 {"work": "pooled", "variant": "32 x 128", "peer": "PyTorch", "peer_ms": 1.5, "ours_ms": 0.06, "ratio": 25.0, "target": 20, "training": true,
  "peer_mib": 250.4, "ours_mib": 60.2, "planned_mib": 59.9, "floor_ms": 0.0123},
 {"work": "infer", "variant": "1 x 32 <b>", "peer": "ONNX Runtime", "peer_ms": 1.2, "ours_ms": 1.5, "ratio": 0.8, "target": 1.3,
  "peer_mib": 170, "ours_mib": 160, "planned_mib": 160, "floor_ms": 0.9},
 {"work": "infer", "variant": "bf16", "peer": "ONNX Runtime", "peer_ms": null, "ours_ms": null, "ratio": null, "target": 2.2,
  "peer_mib": null, "ours_mib": null, "floor_ms": null, "note": "not measured: a reason"}]}
END
}

test_peers_table_says_what_falls_short() {
  write_measured
  printf 'before\n<!-- bench-peers -->\nold\n<!-- bench-peers end -->\nbehind\n' >page.md
  expect 0 python3 "$root/tests/bench/peers_page.py" table peers.json page.md
  expect_text page.md "before" "behind" "Measured 2026-01-02 on a processor, 2 threads" "1 of 2 rows reach" "do not: infer 1 x 32" \
    "at most half of PyTorch's in all rows" "Sentences have lengths of SST-2" \
    "| pooled | 32 x 128 | PyTorch | 1.5 ms | 0.06 ms | 25.00 | 20 | 0.0123 ms | 250 / 60 |" "| 0.80 (short) |" \
    "| not measured: a reason |" "| pooled, 32 x 128 | 59.9 | 60.2 | 1.005 |"
  grep -q old page.md && fail_test "the old table is still there"
  cp page.md once.md
  expect 0 python3 "$root/tests/bench/peers_page.py" table peers.json page.md
  cmp -s page.md once.md || fail_test "written twice it is another page"
  echo nothing >page.md
  expect 1 python3 "$root/tests/bench/peers_page.py" table peers.json page.md
  expect_text err "the marks <!-- bench-peers -->"
}

test_peers_chart_is_a_picture() {
  write_measured
  expect 0 python3 "$root/tests/bench/peers_page.py" chart peers.json chart.svg
  expect_text chart.svg "pooled: 32 x 128" "25.00" "&lt;b&gt;" "not measured: a reason" "prefers-color-scheme: dark"
  expect 0 python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("chart.svg")'
}

# A bench of two programs that compute different things would measure nothing.
test_peers_outputs_are_compared() {
  expect 0 python3 - "$root/tests/bench" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from outputs import difference
one = [[{"loss": [2.0, -4.0]}]]
assert difference(one, [[{"loss": [2.0, -4.0], "more": [1.0]}]]) == 0
assert abs(difference(one, [[{"loss": [2.1, -4.0]}]]) - 0.025) < 1e-6
for other in [], [[]], [[{}]], [[{"loss": [2.0]}]], [[{"loss": [float("nan"), -4.0]}]], [[{"loss": [2.0, float("inf")]}]]:
    assert difference(one, other) == float("inf"), other
END
}
