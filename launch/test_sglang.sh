#!/usr/bin/env bash
# The conformance tests against a real SGLang on a CPU and against our engine, over the same tiny checkpoints.
#   bash launch/test_sglang.sh [PYTEST-FLAGS]      for example -k sglang: only the real one
# Its environment is .venv_sglang, or EFT_SGLANG_VENV: made where it is not there (2.4 GB, one to two minutes).
set -euo pipefail
cd "$(dirname "$0")/.."
. launch/venv.sh
venv=${EFT_SGLANG_VENV:-.venv_sglang}
python=$(find_python 3.11) || { echo "error: Python 3.11 not found, which SGLang's wheel is for; set EFT_PYTHON." >&2; exit 2; }
begin=$SECONDS
# members FIELD VALUE: the living processes whose parent (1) or group (2) is VALUE
members() {
  python - "$@" <<'END'
import pathlib, sys
for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
  try:
    state, *fields = path.read_text().rpartition(")")[2].split()
  except OSError:
    continue
  if state != "Z" and fields[int(sys.argv[1]) - 1] == sys.argv[2]:
    print(path.parent.name)
END
}
stage() { echo "=== [$((SECONDS - begin)) s] $*" >&2; }

stage "environments"
use_venv .venv "$python" test
use_sglang "$venv" "$python"

stage "checkpoints"
dir=$(mktemp -d)
server=
finish() {
  local status=$?
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ $status = 0 ] || { [ ! -f "$dir/serve/sglang.log" ] || tail -n 40 "$dir/serve/sglang.log" >&2; }
  [ -z "$server" ] || wait "$server" || true
  rm -rf "$dir"
}
trap finish EXIT
PYTHONPATH=. python tests/serve/checkpoints.py "$dir/models"

stage "a real SGLang starts"
python launch/serve.py --config.engine=sglang --config.model="$dir/models/first" --config.port=0 \
  --config.max_length=1024 --config.slots=8 --config.sglang.python="$venv/bin/python" \
  --config.sglang.start_seconds=600 --workdir="$dir/serve" &
server=$!
until [ -f "$dir/serve/server.json" ]; do
  kill -0 $server 2>/dev/null || { echo "error: SGLang did not start." >&2; exit 1; }
  sleep 0.5
done
group=$(members 1 $server)
EFT_SGLANG_URL=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["url"])' "$dir/serve/server.json")
export EFT_SGLANG_URL EFT_SGLANG_MODELS=$dir/models

stage "the tests"
python -m pytest -q tests/serve/test_contract.py tests/serve/test_conformance.py --durations=10 "$@"

stage "SGLang ends"
kill $server
wait $server || { echo "error: launch/serve.py ended with code $?, expected 0 after SIGTERM." >&2; exit 1; }
server=
left=$(members 2 "$group")
[ -z "$left" ] || { echo "error: processes of SGLang are left: $left" >&2; exit 1; }
stage "done"
