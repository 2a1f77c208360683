# Two commands for a fresh machine: `make try` and `make test`. Everything else is `invoke --list`.

PYTHON ?= python3

.PHONY: try test
try: .venv/ready
	@.venv/bin/invoke try

test: .venv/ready
	@.venv/bin/invoke test

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Skerry needs Python 3.10 or newer with venv (apt install python3-venv); PYTHON=python3.12 chooses another." >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@
