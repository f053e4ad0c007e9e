#!/usr/bin/env bash
# The whole loop on a laptop CPU: scripted search, data set, mid-training, serving, model-served search, base vs EFT.
#   bash launch/quickstart.sh [DIR]        default DIR: runs/quickstart; the same command continues where it stopped
#   EFT_QUICKSTART=smoke bash launch/quickstart.sh DIR    the same chain with tiny budgets: shows that all parts fit
set -euo pipefail
cd "$(dirname "$0")/.."
. launch/venv.sh
dir=${1:-runs/quickstart}
families=golomb_ruler,labs_merit_factor,online_bin_packing,oscillator_regression,thomson_energy  # all: launch/corpus.py
search_steps=200 eval_steps=32 eval_tokens=128 serve_steps=8 train_flags=()
if [ "${EFT_QUICKSTART:-}" = smoke ]; then
  search_steps=40 eval_steps=8 eval_tokens=16 serve_steps=4
  train_flags=(--config.steps=2 --config.data.validation_rows=4 --config.data.batch_size=2)
fi
python=$(find_python 3.11 || find_python 3.12) || { echo "error: Python 3.11 or 3.12 not found; set EFT_PYTHON." >&2; exit 2; }
use_venv .venv "$python"
begin=$SECONDS
stage() { echo "=== [$((SECONDS - begin)) s] $*" >&2; }

stage "1/5 scripted search on tasks of five training families"
for task in $(python launch/tasks.py --action=list --json |
    python -c 'import json, sys; print(*(t["name"] for t in json.load(sys.stdin) if t["family"] in sys.argv[1].split(",")))' \
    "$families"); do
  python launch/search.py --config=configs/search.py --config.task="$task" --config.proposer=scripted \
    --config.prompt.profile=compact --config.steps=$search_steps --config.seed=0 --workdir="$dir/search/scripted/$task"
done

stage "2/5 attempts to data set"
python launch/build_dataset.py --config=configs/finch.py --config.source="$dir/search/scripted" --workdir="$dir/finch"

stage "3/5 mid-training SmolLM2-135M on the improving steps"
python launch/train.py --config=configs/smollm2_cpu.py --config.data.path="$dir/finch" "${train_flags[@]}" \
  --workdir="$dir/train"

stage "4/5 the trained model, served over HTTP, proposes; its attempts join the others in $dir/search"
rm -f "$dir/serve/server.json"
python launch/serve.py --config=configs/serve.py --config.model="$dir/train/export" --config.port=0 \
  --workdir="$dir/serve" &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until [ -f "$dir/serve/server.json" ]; do
  kill -0 $server 2>/dev/null || { echo "error: the server did not start." >&2; exit 1; }
  sleep 0.5
done
url=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["url"])' "$dir/serve/server.json")
python launch/search.py --config=configs/search.py --config.task=thomson_energy_20 --config.proposer=llm \
  --config.server.url="$url" --config.server.model="$dir/train/export" --config.prompt.profile=compact \
  --config.steps=$serve_steps --config.batch=4 --config.lag=1 --config.sampling.max_new_tokens=$eval_tokens \
  --workdir="$dir/search/model/thomson_energy_20"
kill $server
wait $server || true
trap - EXIT

stage "5/5 base against EFT on held-out families, the same budget for both"
python launch/evaluate.py --config=configs/evaluate.py --config.models="base=smollm2_135m,eft=$dir/train/export" \
  --config.steps=$eval_steps --config.batch=$((eval_steps / 2)) --config.sampling.max_new_tokens=$eval_tokens \
  --workdir="$dir/evaluate"
stage "done; all of it is in $dir, the curves are in $dir/evaluate/curves.png"
