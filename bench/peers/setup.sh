#!/usr/bin/env bash
# Installs the learners that ours is compared with into bench/peers/.venv, from the package index that pip is set up with. Python 3.11 or later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
"${PYTHON:-python3}" -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt
.venv/bin/python -m vowpalwabbit --version
