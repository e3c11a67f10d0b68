# The commands of a newcomer; Meson does the work. Each installs what it needs first (scripts/setup).
BUILD = build
.PHONY: all demo check run bench fuzz torture lint install clean

all:
	@scripts/setup build
	@[ -f $(BUILD)/release/build.ninja ] || meson setup $(BUILD)/release -Dbuildtype=release -Db_ndebug=false -Db_lto=true -Dtests=false \
		-Dwerror=false >/dev/null
	@ninja -C $(BUILD)/release

# Two MTAs, a message and its reports; make demo KEEP=1 leaves them running.
demo: all
	@KEEP=$(KEEP) scripts/demo $(BUILD)

# One MTA for a first real use, with the configuration in ./chasqui.conf
run: all
	@[ -f chasqui.conf ] || { $(BUILD)/release/src/mhsd/mhsd --write-config chasqui.conf && \
		sed -i 's/^run-as = .*/run-as = ""        # a trial: no other user need reach this folder/' chasqui.conf; }
	@mkdir -p var
	@echo "Stop it with Ctrl-C. In another terminal:"
	@echo "  export PATH=$(CURDIR)/$(BUILD)/release/src/mhs:\$$PATH CHASQUI_SOCKET=$(CURDIR)/var/mhsd.sock"
	@echo "  mhs status"
	@exec $(BUILD)/release/src/mhsd/mhsd -c chasqui.conf

install: all
	@[ "$(DESTDIR)" ] || [ "$$(id -u)" -eq 0 ] || \
		{ echo "make install: it writes to /usr/local: run it as root, or give DESTDIR=FOLDER" >&2; exit 1; }
	@meson install -C $(BUILD)/release --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

lint:
	@scripts/setup lint
	@scripts/lint $(BUILD)/lint

check:
	@scripts/setup check
	@scripts/check $(BUILD)/check

# make bench, or make bench ONLY=relay-2k-32
bench:
	@scripts/setup bench
	@scripts/bench $(BUILD) $(ONLY)

# make torture ROUNDS=300, with ENGINE=postgresql or ENGINE=both the stores are in servers; ONLY="kill recover" runs these alone
ROUNDS = 300
ENGINE = sqlite
torture:
	@scripts/setup check
	@scripts/torture $(BUILD)/check $(ROUNDS) $(ENGINE) $(ONLY)

# make fuzz SECONDS=600, each target; make fuzz JOBS=2 runs two at a time
SECONDS = 60
JOBS = 1
fuzz:
	@scripts/setup check
	@JOBS=$(JOBS) scripts/fuzz $(BUILD)/fuzz $(SECONDS)

clean:
	rm -rf $(BUILD)
