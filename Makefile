# The commands of a newcomer; Meson does the work. Each installs what it needs first (scripts/setup).
BUILD = build
.PHONY: all demo check run bench fuzz torture lint install clean

all:
	@scripts/setup build
	@[ -f $(BUILD)/release/build.ninja ] || meson setup $(BUILD)/release -Dbuildtype=release -Db_ndebug=false -Dtests=false >/dev/null
	@ninja -C $(BUILD)/release

check:
	@scripts/setup check
	@scripts/check $(BUILD)/check

clean:
	rm -rf $(BUILD)
