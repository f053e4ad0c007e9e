#!/usr/bin/env bash
# Runs everything: ruff, all tests on Python 3.11, the fast ones on 3.12 where it is found. Prints each part's time.
# There is no torch on 3.12. Its tests run beside those of 3.11, which leave a core idle much of the time.
#   bash launch/test.sh              all
#   bash launch/test.sh fast         without the tests marked slow, without 3.12
set -euo pipefail
cd "$(dirname "$0")/.."
. launch/venv.sh
mode=${1:-all}
times=()
part() {  # part NAME COMMAND...: runs the command and notes its time
  local name=$1 start=$SECONDS
  shift
  echo "=== $name" >&2
  "$@"
  times+=("$(printf '%6d s  %s' $((SECONDS - start)) "$name")")
}

python=$(find_python 3.11 || find_python 3.12) || { echo "error: Python 3.11 or 3.12 not found; set EFT_PYTHON." >&2; exit 2; }
part "set-up" use_venv .venv "$python" test
part "ruff" ruff check .
if [ "$mode" = fast ]; then
  part "fast tests" python -m pytest -q -m "not slow"
else
  other= log=$(mktemp)
  trap 'rm -f "$log"; [ -z "$other" ] || kill "$other" 2>/dev/null || true' EXIT
  if next=$(find_python 3.12) && [ "$("$python" --version)" != "$("$next" --version)" ]; then
    (use_venv .venv312 "$next" check && exec python -m pytest -q -m "not slow") > "$log" 2>&1 &
    other=$!
  fi
  part "fast tests" python -m pytest -q -m "not slow" --durations=10
  part "slow tests" python -m pytest -q -m slow --durations=20
  part "real SGLang" bash launch/test_sglang.sh -k sglang
  beside() { local status=0; wait "$other" || status=$?; cat "$log"; return $status; }
  [ -z "$other" ] || part "rest of the fast tests on 3.12, which ran beside all others" beside
fi
echo "=== time of each part"
printf '%s\n' "${times[@]}"
