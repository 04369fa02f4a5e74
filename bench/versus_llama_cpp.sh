#!/usr/bin/env bash
# Times Weft beside llama.cpp on this machine: runs of both alternate, so that a noisy neighbour
# disturbs both alike. One JSON line a case: medians, their ratio, and the spread of each.
#
# usage: bench/versus_llama_cpp.sh LLAMA_BENCH [-m MODEL] [-p N] [-n N] [-t THREADS] [-r RUNS] [-w WEFT]
# e.g.   bench/versus_llama_cpp.sh ~/llama.cpp/build/bin/llama-bench -p 512 -n 128 -t 2 -r 5
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
model=${XDG_CACHE_HOME:-$HOME/.cache}/weft/models/SmolLM2-135M-Instruct.Q4_1.gguf
prompt=512 generate=128 threads=2 runs=5
weft=$root/weft
[[ $# -ge 1 && -x $1 ]] || { sed -n '5,6s/^# //p' "$0" >&2; exit 2; }
peer=$1
shift
while getopts m:p:n:t:r:w: option; do
  case $option in
    m) model=$OPTARG ;; p) prompt=$OPTARG ;; n) generate=$OPTARG ;;
    t) threads=$OPTARG ;; r) runs=$OPTARG ;; w) weft=$OPTARG ;;
    *) exit 2 ;;
  esac
done

# One line "case tok_s" for each case of one run.
run_peer() {
  "$peer" -m "$model" -p "$prompt" -n "$generate" -t "$threads" -ngl 0 -r 1 -o jsonl 2>/dev/null |
    python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    case = "pp%d" % r["n_prompt"] if r["n_prompt"] else "tg%d" % r["n_gen"]
    print(case, r["avg_ts"])'
}
run_weft() {
  "$weft" bench -m "$model" -p "$prompt" -n "$generate" -t "$threads" --device cpu -r 1 --json |
    python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(r["case"], r["tok_s"])'
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for ((run = 1; run <= runs; run++)); do
  echo "run $run of $runs" >&2
  run_peer | sed 's/^/llama.cpp /' >>"$results"
  run_weft | sed 's/^/weft /' >>"$results"
done

python3 - "$results" "$(basename "$model")" "$threads" <<'PYTHON'
import collections
import json
import statistics
import sys

rates = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[1]):
    engine, case, rate = line.split()
    rates[case][engine].append(float(rate))
for case, engines in rates.items():
    row = {"case": case, "model": sys.argv[2], "threads": int(sys.argv[3])}
    for engine, values in engines.items():
        row[engine] = {"tok_s": round(statistics.median(values), 2), "min": round(min(values), 2),
                       "max": round(max(values), 2), "runs": len(values)}
    row["ratio"] = round(row["weft"]["tok_s"] / row["llama.cpp"]["tok_s"], 3)
    print(json.dumps(row))
PYTHON
