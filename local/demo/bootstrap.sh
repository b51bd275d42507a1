#!/bin/sh
# The part of the set-up that runs before there is a Python to run the rest: makes .venv with
# Python 3.13 and puts into it what local/demo/install.py draws its progress with.
set -eu

is_313() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null
}

find_python() {
    for candidate in python3.13 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python \
        "$(uv python find --no-project 3.13 2>/dev/null || true)"; do
        if command -v "$candidate" >/dev/null 2>&1 && is_313 "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

fail() {
    echo "$1" >&2
    exit 2
}

if ! { [ -x .venv/bin/python ] && is_313 .venv/bin/python; }; then
    python=$(find_python) || fail "Python 3.13 is needed and was not found on the PATH, in pyenv or in uv: \
install it with 'uv python install 3.13' or 'pyenv install 3.13', then run this again."
    echo "Making .venv with $("$python" --version)"
    rm -rf .venv
    problem=$("$python" -m venv .venv 2>&1) || {
        rm -rf .venv
        "$python" -c 'import ensurepip' 2>/dev/null || fail "'$python -m venv' failed: on Debian, \
'apt-get install python3.13-venv' installs what is missing."
        fail "'$python -m venv' failed: ${problem##*
}"
    }
fi

if ! .venv/bin/python -c 'import rich' 2>/dev/null; then
    [ -t 2 ] || echo "Installing: what draws the progress" >&2
    awk '/^[^ ]/ { wanted = /^(rich|markdown-it-py|mdurl|pygments)==/ } wanted' locks/run.txt >.venv/first.txt
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps \
        -r .venv/first.txt >/dev/null 2>&1 ||
        fail "pip could not install its first packages: is the Python package registry reachable?"
fi
