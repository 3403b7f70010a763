# make demo   sets everything up and takes the shipped tracker onto Loihi
# make test   sets everything up and runs the tests
#
# Needs Python 3.11, pip, make and a C compiler. PYTHON=... picks another interpreter,
# PIP_FLAGS=... is passed to every pip install (for instance an index with CPU builds of torch).

PYTHON ?= python3
PIP_FLAGS ?=
VENV ?= .venv
LAVA := lava-nc==0.10.0

PY := $(VENV)/bin/python
NM := $(VENV)/bin/nmcompile
STAMP := $(VENV)/.installed
PIP := $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)

export OMP_NUM_THREADS ?= 1
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format generated support bench-siamsnn clean bench-conversion bench-codings \
	bench-engine bench-synops bench-loihi bench-netx bench-truenorth bench-dvs bench-energy_check \
	bench-dashnet bench-tianjic bench-s4 bench-spiketrack bench-mapping bench-noc bench-scale \
	bench-compile conformance-lava gate

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -5
	@echo "targets: setup demo test gate conformance-lava lint format generated support clean, and bench-NAME:"
	@echo "  siamsnn conversion codings engine synops loihi netx truenorth dvs energy_check dashnet tianjic"
	@echo "  s4 spiketrack mapping noc scale compile"

setup: $(STAMP)

# the stamp is written last: an interrupted setup starts again
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else \
	    "nmcompile needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.11" % v)'
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable '.[loihi,events,partition,train,dev]'
	@$(PIP) --no-deps --ignore-requires-python --only-binary :all: $(LAVA)
	@touch $@

demo: $(STAMP)
	@rm -rf demo
	$(NM) build models/siamsnn/siamsnn.pt --target loihi -o demo/build >/dev/null
	$(NM) track demo/build --sequence models/siamsnn/sequence -o demo

# two workers share the cores: nobody takes a core to wait on it
test: $(STAMP)
	@OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(PY) -m pytest -q -n 2 --dist worksteal

# cores = Lava on 320 random networks, and everything else that needs Lava; ends with a verdict
conformance-lava: $(STAMP)
	@NMCOMPILE_LAVA_NETWORKS=320 $(PY) -m pytest -q -m lava tests/conformance

# the shipped models against ci/budgets.toml and ci/baseline.json; UPDATE=--update accepts
REPORTS := build/reports
gate: $(STAMP)
	@mkdir -p $(REPORTS)
	@for pair in siamsnn:loihi1 siamsnn:loihi2 siamsnn:tianjic siamsnn-truenorth:truenorth dashnet:tianjic \
	    s4:tianjic spiketrack:tianjic; do \
	    model=$${pair%:*}; target=$${pair#*:}; kept=$(REPORTS)/$$model-$$target.json; \
	    test -f $$kept && continue; \
	    $(NM) build models/$$model/$$model.pt --target $$target -o build/$$model-$$target >/dev/null \
	      && cp build/$$model-$$target/report.json $$kept || exit $$?; \
	done
	@$(NM) budget $(REPORTS)/*.json --file ci/budgets.toml --baseline ci/baseline.json $(UPDATE)

lint: $(STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

format: $(STAMP)
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

# files that are generated from code; a test fails when they are stale
generated: $(STAMP)
	@$(PY) -m nmcompile.target.documents

# the tables of SiamSNN beside ours (QUICK=1: short); needs the real sequences (NMCOMPILE_DATA)
bench-siamsnn: $(STAMP)
	$(PY) benchmarks/siamsnn/run.py

# what each choice of the conversion costs (QUICK=1: one model, six crops)
bench-conversion: $(STAMP)
	$(PY) benchmarks/siamsnn/conversion.py

# spike timing of the codings, SiamSNN's Fig. 4
bench-codings: $(STAMP)
	$(PY) benchmarks/codings/run.py

# speed of the integer engine beside a plain torch loop; needs the real sequences and weights
bench-engine: $(STAMP)
	$(PY) benchmarks/engine/run.py

# cores, packets and hops of the mapped trackers, and the simulated cores beside Lava (QUICK=1: less)
bench-loihi: $(STAMP)
	$(PY) benchmarks/loihi/run.py

# the simulator of crossbar cores, the shipped tracker on them, and what full-size SiamFC would take
bench-truenorth: $(STAMP)
	$(PY) benchmarks/truenorth/run.py

# lava-dl's networks read from .net files, beside lava-dl where it is installed
bench-netx: $(STAMP)
	$(PY) benchmarks/netx/run.py

# counted synaptic operations beside NeuroBench's and SpikingJelly's, where these are installed
bench-synops: $(STAMP)
	$(PY) benchmarks/synops/run.py

# frames to events: interpolation against held-out frames, and beside a pixel model (QUICK=1: less)
bench-dvs: $(STAMP)
	$(PY) benchmarks/dvs/run.py

# the cost model beside measurements of chips, with both tables of costs
bench-energy_check: $(STAMP)
	$(PY) benchmarks/energy_check/run.py

# DashNet: ANN, SNN and both together (QUICK=1: less); needs the real sequences
bench-dashnet: $(STAMP)
	$(PY) benchmarks/dashnet/run.py

# DashNet's Table 4 beside our own figures for the same two networks (QUICK=1: less)
bench-tianjic: $(STAMP)
	$(PY) benchmarks/tianjic/run.py

# SiamFC++ from three timesteps to one: accuracy, ablation of the distillation, energy (QUICK=1: less)
bench-s4: $(STAMP)
	$(PY) benchmarks/s4/run.py

# SpikeTrack's six variants beside the published energies, and the small one placed (QUICK=1: less)
bench-spiketrack: $(STAMP)
	$(PY) benchmarks/spiketrack/run.py

# placement beside baselines, bounds and known optima; partitions of 1e5 and 1e6 neurons
bench-mapping: $(STAMP)
	$(PY) benchmarks/mapping/run.py

# whether the mesh or the cores limit the frame rate, packet by packet
bench-noc: $(STAMP)
	$(PY) benchmarks/noc/run.py

# what datasets of LaSOT's and TrackingNet's size take, from measured constants (QUICK=1: less)
bench-scale: $(STAMP)
	$(PY) benchmarks/scale/run.py

# time and memory of a compilation, from 1e4 neurons to full-size trackers
bench-compile: $(STAMP)
	$(PY) benchmarks/compile/run.py

# which shipped model fits which chip: builds every pair (minutes) and writes the tables
support: $(STAMP)
	$(PY) models/support.py

clean:
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
