# SPDX-License-Identifier: MIT
# Builds everything into $(BUILD). GNU make; runs ./configure by itself when config.mk is missing.
# Lines that begin with two # are what "make help" prints.
## make TARGET, on Debian 12. scripts/run installs the packages that "all" needs, scripts/check those of the others;
## scripts/packages has their names.
##
##   all          the default: server, plugins, chatclient, chatctl and chatbench, in build/; needs a C++20 compiler,
##                pkg-config, libevent and cJSON, and what ./configure does not leave out: SQLite, libsodium,
##                libedit, hiredis, libcurl, OpenSSL 3, the client library of MariaDB or MySQL
##   configure    makes ./configure, which a release has already; needs autoconf
##   install      as root, after all; DESTDIR=FOLDER puts it there
##   uninstall    takes that away again, but not what you have edited, and not the store
##
## Tests need CMocka.
##   check        the tests that need no server, in about a minute
##   check-all    all tests; needs MariaDB, Redis, HAProxy and what else scripts/packages lists
##   check-tests  the same without the bench
##   check-web    the tests of the page in headless Chromium; needs Node.js and npm; check-all runs it, too
##   check-packages  as root, in fresh Debian 12 roots: builds, installs, uses, upgrades and purges the packages, the image
##                of the Dockerfile, and the packages for arm64; check-long runs it, too
##   check-long   all faults of a cluster, roles of groups, the model of conversations at length, and what takes long
##                over TLS and WebSocket; takes hours
##   tests        builds the tests and runs none
##   asan, tsan   with AddressSanitizer, ThreadSanitizer; TESTS='unit/test_frame server/test_login' runs these alone
##   asan-programs, tsan-programs  build what these run, and run none
##   fuzz         FUZZ_TIME=60 seconds for each target; needs clang and its run-time library
##   bench        measures the server in ten minutes, into bench.txt in the build; with MariaDB if it is there
##   bench-short  a few ratios in a minute; fails if one is far out of its bounds; check-all runs it, too
##   bench-long   what more connections and more messages cost; makes stores of 12 GB, in build/, and takes long
##
##   dist         makes chatserverd-VERSION.tar.gz
##   distcheck    makes it, and builds, tests and installs what is in it
##   deb          makes the packages for Debian in build/deb/; needs what apt-get build-dep ./ installs
##   format       formats the sources; needs clang-format 14
##   clean        removes build/
##   distclean    removes what ./configure has made, too
##   help         prints this
##
## BUILD=FOLDER builds there, V=1 shows the commands, STRICT=1 turns warnings into errors (the checks do),
## SAN=address, thread or fuzz instruments the code (give it a BUILD of its own).
BUILD ?= build
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
comma := ,
# One short line per file, unless V=1.
quiet = $(if $(V),,@echo '$(1) $(patsubst $(BUILD)/%,%,$@)';)

# ---- configuration: configure.ac -> configure -> config.mk, config.h

ifneq ($(filter-out clean distclean configure format help,$(or $(MAKECMDGOALS),all)),)
include config.mk
endif

# The generated script removes core dumps ("rm -f core"), but here core is a folder: it would print an error and, worse,
# stop cleaning up. So "core" is replaced by a name that does not exist.
configure config.h.in &: configure.ac
	autoheader && touch config.h.in
	autoconf -o configure.new $<
	sed 's/rm -f core /rm -f core.dump /' configure.new >configure && chmod +x configure
	rm -rf configure.new autom4te.cache

# What is configured stays so: variables of this make (make fuzz has another compiler) do not count.
config.mk: config.mk.in config.h.in configure
	if test -x config.status; then \
		unset CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LIBS && ./config.status --recheck && ./config.status; \
	else ./configure; fi

config.h: config.mk

# ---- flags

ifneq ($(filter check check-%,$(MAKECMDGOALS)),)
STRICT ?= 1
endif
# With instrumented code gcc warns of overflows that cannot happen; the plain build shows the real warnings.
WARNINGS = $(if $(SAN),$(if $(filter address thread,$(SAN)),-Wno-stringop-overflow),-Wall -Wextra -Wformat=2 -Wundef -Wno-missing-field-initializers $(if $(STRICT),-Werror))
SAN_FLAGS_address = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_FLAGS_thread = -fsanitize=thread
SAN_FLAGS_fuzz = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_FLAGS = $(SAN_FLAGS_$(SAN))
# The hardening options that configure has found; builds with sanitizers do not use them. glibc can fortify only
# optimised code. A level that the user has set is kept.
user_flags = $(CXX) $(CPPFLAGS) $(CXXFLAGS)
fortify = $(if $(findstring _FORTIFY_SOURCE,$(user_flags)),,$(if $(filter-out -O0,$(lastword $(filter -O%,$(user_flags)))),$(HARDEN_FORTIFY)))
harden_flags = $(if $(SAN),,$(HARDEN_CXXFLAGS) $(fortify))
pie = $(if $(SAN),,$(HARDEN_PIE))
# hiredis wants _FILE_OFFSET_BITS; what is linked together must agree in it.
BUILD_FLAGS = -std=c++20 -D_FILE_OFFSET_BITS=64 -fno-exceptions -fno-rtti -fvisibility=hidden -fvisibility-inlines-hidden $(NO_UNIQUE) \
	-fPIC -pthread $(harden_flags) $(strip $(CPPFLAGS) $(CXXFLAGS)) $(SAN_FLAGS) -Iinclude -I.
ALL_CXXFLAGS = $(BUILD_FLAGS) $(WARNINGS) -MMD -MP
# A third of the time that a file takes goes into the standard headers, so the tests and all of a build with a sanitizer
# get them precompiled; if gcc cannot use that, because it was upgraded, it takes the copy beside it. The plain build of
# the rest shows that each file includes what it uses.
code_headers := $(if $(filter address thread,$(SAN)),$(BUILD)/precompiled/code.h.gch)
test_headers := $(if $(or $(filter fuzz,$(SAN)),$(findstring clang,$(CXX))),,$(BUILD)/precompiled/tests.h.gch)
use_headers = $(addprefix -Winvalid-pch -Wno-error=invalid-pch -include ,$(1:.gch=))
CODE_CXXFLAGS = $(ALL_CXXFLAGS) $(call use_headers,$(code_headers))
# The tests are compiled quickly. UBSan is for the code: in the tests it would double the time of make asan.
test_speed = $(if $(filter address,$(SAN)),-O0 -fno-sanitize=undefined,$(if $(filter -O2,$(CXXFLAGS)),-O1 $(patsubst -g,-g1,$(filter -g,$(CXXFLAGS)))))
TEST_CXXFLAGS = $(ALL_CXXFLAGS) $(TEST_CFLAGS) $(test_speed)
ALL_LDFLAGS = -pthread $(if $(SAN),,$(HARDEN_LDFLAGS)) $(LDFLAGS) $(SAN_FLAGS)

CORE_CFLAGS = $(EVENT_CFLAGS) $(CJSON_CFLAGS) -DCS_VERSION='"$(VERSION)"' \
	-DCS_PLUGIN_DIR='"$(plugin_dir)"' -DCS_SYSCONF_DIR='"$(sysconfdir)/chatserverd"' \
	-DCS_DATA_DIR='"$(datadir)/chatserverd"' -DCS_STATE_DIR='"$(localstatedir)/lib/chatserverd"' \
	-DCS_SCHEMA_FILES='"$(sort $(notdir $(basename $(wildcard conf/schema/*/*.sql))))"'
CORE_LIBS = $(EVENT_LIBS) $(CJSON_LIBS) -ldl $(LIBS)

# Objects are made again when compiler or flags change (warnings aside).
flags = $(CC) $(CXX) $(BUILD_FLAGS) $(CORE_CFLAGS) $(test_speed)
flags_file := $(BUILD)/flags
$(flags_file): FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call shell_quote,$(flags)) | cmp -s - $@ || printf '%s\n' $(call shell_quote,$(flags)) >$@
shell_quote = '$(subst ','\'',$(1))'
FORCE:

# ---- what there is

objects_of = $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard $(1)/*.cpp))
# The objects of a room, a folder of core, plugins or tools. A build with a sanitizer compiles it as one file, in less
# than half of the time; the files can be joined because a name stands once in the tree.
joins_rooms := $(filter address thread,$(SAN))
room_objects = $(if $(joins_rooms),$(BUILD)/$(1)/room.o,$(call objects_of,$(1)))
core_rooms := core $(addprefix core/,base conf net store bus session plugin)
core_library_objects := $(filter-out %/main.o,$(foreach room,$(core_rooms),$(call room_objects,$(room))))
core_objects := $(BUILD)/core/main.o $(core_library_objects)
# Everything but main(), for the tests.
core_library := $(BUILD)/core/libcore.a
model_library := $(BUILD)/plugins/model/libmodel.a

# A folder of plugins/ is a plugin if it holds a plugin.mk. That file may set NAME_CFLAGS, NAME_LIBS, NAME_MODEL = yes
# (links the model), NAME_SHARED (the sources of plugins/shared to link with), and NAME_SKIP = yes if configure left it
# out.
plugins := $(patsubst plugins/%/plugin.mk,%,$(wildcard plugins/*/plugin.mk))
-include $(wildcard plugins/*/plugin.mk)
left_out := $(foreach p,$(plugins),$(if $($(p)_SKIP),$(p)))
plugins := $(foreach p,$(plugins),$(if $($(p)_SKIP),,$(if $(wildcard plugins/$(p)/*.cpp),$(p))))
plugin_files := $(plugins:%=$(BUILD)/plugins/%.so)

# The fake host, for tests of plugins that are made elsewhere.
test_library := $(BUILD)/libchatserverd-test.a

tools := $(patsubst tools/%/tool.mk,%,$(wildcard tools/*/tool.mk))
-include $(wildcard tools/*/tool.mk)
tools := $(foreach t,$(tools),$(if $($(t)_SKIP),,$(t)))
tool_files := $(tools:%=$(BUILD)/%)

all: $(BUILD)/chatserverd $(plugin_files) $(tool_files) $(test_library)

# ---- how it is made

$(BUILD)/precompiled/code.h.gch: tests/precompiled.h $(flags_file)
	@mkdir -p $(@D)
	@cp $< $(@:.gch=)
	$(call quiet,CXX)$(CXX) $(ALL_CXXFLAGS) -x c++-header -c -o $@ $<

$(BUILD)/precompiled/tests.h.gch: tests/precompiled.h $(flags_file)
	@mkdir -p $(@D)
	@cp $< $(@:.gch=)
	$(call quiet,CXX)$(CXX) $(TEST_CXXFLAGS) -x c++-header -c -o $@ $<

$(BUILD)/chatserverd: $(core_objects)
	$(call quiet,LINK)$(CXX) $(pie) $(ALL_LDFLAGS) -o $@ $^ $(CORE_LIBS)

# The file that joins a room.
$(BUILD)/%/room.cpp: FORCE
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(filter-out core/main.cpp,$(wildcard $*/*.cpp)) | cmp -s - $@ || \
		printf '#include "%s"\n' $(filter-out core/main.cpp,$(wildcard $*/*.cpp)) >$@

$(core_library): $(core_library_objects)
	@mkdir -p $(@D)
	$(call quiet,AR)rm -f $@ && $(AR) rcs $@ $^

$(model_library): $(call room_objects,plugins/model) $(patsubst %,$(BUILD)/plugins/shared/%.o,name object)
	@mkdir -p $(@D)
	$(call quiet,AR)rm -f $@ && $(AR) rcs $@ $^

# The fake host reads frames and judges the names of figures as the server does.
$(test_library): $(filter $(BUILD)/tests/support/fake_host%,$(call objects_of,tests/support)) \
		$(patsubst %,$(BUILD)/core/net/%.o,adopt ban frame guess network) $(BUILD)/core/base/gauge.o \
		$(patsubst %,$(BUILD)/core/base/%.o,log log_file log_line log_way metric shared)
	$(call quiet,AR)rm -f $@ && $(AR) rcs $@ $^

define compile_core
@mkdir -p $(@D)
$(call quiet,CXX)$(CXX) $(CODE_CXXFLAGS) $(CORE_CFLAGS) -c -o $@ $<
endef
$(BUILD)/core/%.o: core/%.cpp $(flags_file) $(code_headers)
	$(compile_core)
$(core_rooms:%=$(BUILD)/%/room.o): %.o: %.cpp $(flags_file) $(code_headers)
	$(compile_core)

define compile_model
@mkdir -p $(@D)
$(call quiet,CXX)$(CXX) $(CODE_CXXFLAGS) -c -o $@ $<
endef
$(BUILD)/plugins/model/%.o: plugins/model/%.cpp $(flags_file) $(code_headers)
	$(compile_model)
$(BUILD)/plugins/model/room.o: %.o: %.cpp $(flags_file) $(code_headers)
	$(compile_model)

$(BUILD)/plugins/shared/%.o: plugins/shared/%.cpp $(flags_file) $(code_headers)
	@mkdir -p $(@D)
	$(call quiet,CXX)$(CXX) $(CODE_CXXFLAGS) -c -o $@ $<

# compile_part NAME: an object of a plugin or a tool.
define compile_part
@mkdir -p $(@D)
$(call quiet,CXX)$(CXX) $(CODE_CXXFLAGS) -DCS_VERSION='"$(VERSION)"' $($(1)_CFLAGS) -c -o $@ $<
endef
define plugin_rules
$(BUILD)/plugins/$(1)/%.o: plugins/$(1)/%.cpp $(flags_file) $(code_headers)
	$$(call compile_part,$(1))
$(BUILD)/plugins/$(1)/room.o: %.o: %.cpp $(flags_file) $(code_headers)
	$$(call compile_part,$(1))
$(BUILD)/plugins/$(1).so: $(call room_objects,plugins/$(1)) $($(1)_SHARED:%=$(BUILD)/plugins/shared/%.o) \
		$(if $($(1)_MODEL),$(model_library))
	$$(call quiet,LINK)$$(CXX) $$(ALL_LDFLAGS) -shared -Wl,--version-script=plugins/plugin.map $(if $(SAN),,-Wl$$(comma)-z$$(comma)defs) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach p,$(plugins),$(eval $(call plugin_rules,$(p))))

define tool_rules
$(BUILD)/tools/$(1)/%.o: tools/$(1)/%.cpp $(flags_file) $(code_headers)
	$$(call compile_part,$(1))
$(BUILD)/tools/$(1)/room.o: %.o: %.cpp $(flags_file) $(code_headers)
	$$(call compile_part,$(1))
$(BUILD)/$(1): $(call room_objects,tools/$(1))
	$$(call quiet,LINK)$$(CXX) $$(pie) $$(ALL_LDFLAGS) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach t,$(tools),$(eval $(call tool_rules,$(t))))

# ---- tests: tests/SUITE/test_*.cpp, one CMocka binary per file, linked with tests/support, the core
# library and the model; tests/plugin/*.c, plugins that tests load (bad_*.c must be refused); tests/fuzz/fuzz_*.cpp,
# libFuzzer targets, which the normal run links with a main() that replays their corpus.

suites = unit plugin server
support_library := $(BUILD)/tests/support/libsupport.a
# Tests with mysql in their names start a MariaDB. So do those of mysql_suite, which run once more with it.
test_sources = $(wildcard $(suites:%=tests/%/test_*.cpp))
# Tests with redis in their names load bus_redis, those with chatclient run it, and so on.
unwanted = $(if $(db_mysql_SKIP),mysql) $(if $(bus_redis_SKIP),redis) $(if $(chatclient_SKIP),chatclient) $(if $(tls_openssl_SKIP),tls chatclient_websocket inherit) $(if $(websocket_SKIP),websocket) $(if $(push_SKIP),push) \
	$(if $(tls_openssl_SKIP)$(websocket_SKIP),haproxy_web) $(if $(tls_openssl_SKIP)$(websocket_SKIP)$(bus_redis_SKIP),prometheus)
test_binaries = $(patsubst %.cpp,$(BUILD)/%,$(foreach t,$(test_sources),$(if $(strip $(foreach u,$(unwanted),$(findstring $(u),$(t)))),,$(t))))
mysql_suite = $(addprefix unit/test_,db db_migrate model model_append model_check model_contacts model_devices model_edits model_erasing model_follow model_groups model_history \
	model_inbox model_news model_register_invites model_retention model_tokens model_transfer) $(addprefix server/test_,accounts backup cid conversations crash edit erasing followers group_roles groups history invites limits load login offline operate people \
	post presence refusals reminders requests retention set_password stop store_verbs trouble)
# The tests of the protocol run once more over each other transport; see tests/support/transport.h. These do not:
# clients and a bench that are programs of their own;
transport_others = chat%
# transports, and proxies between them, that the test chooses;
transport_others += haproxy haproxy_web public_address tls websocket
# addresses and memory, below all transports;
transport_others += addresses slow_readers
# the process, its start, its pages and its memory;
transport_others += accounts admin bans control control_attack drain followers group_verbs idle_memory inherit invites logs operate prometheus replace_ours replace_plugin replace_refused sink slow_start watchdog watchdog_mysql
# the store and its files;
transport_others += backup erased erasing mysql retention store_copies store_lock store_verbs
# its own transport;
transport_others += push
# the bus.
transport_others += admin_redis operate_redis stop_redis
transport_suite = $(filter-out $(transport_others:%=$(BUILD)/tests/server/test_%),$(filter $(BUILD)/tests/server/%,$(test_binaries)))
# What waits for seconds or plays for minutes is left to check-long; the first two also run here, shortly.
transport_brief = $(patsubst %,$(BUILD)/tests/server/test_%,conversations crash)
transport_long = $(transport_brief) $(patsubst %,$(BUILD)/tests/server/test_%,attack_silent guessing people probe)
# wss is both of the others at once; what takes long there is left to them, and to check-long.
transport_long_ws = $(patsubst %,$(BUILD)/tests/server/test_%,load offline proxy)
transport_long_wss = $(patsubst %,$(BUILD)/tests/server/test_%,flood load peers proxy secrets stop)
# How the transports that were not left out run: $(1), $(2) and $(3) over tls, ws and wss.
transport_run = $(if $(tls_openssl_SKIP),,CS_TRANSPORT=tls $(1)) $(if $(websocket_SKIP),,CS_TRANSPORT=ws $(2)) \
	$(if $(tls_openssl_SKIP)$(websocket_SKIP),,CS_TRANSPORT=wss $(3)) CS_TRANSPORT=
transport_all = $(filter-out $(filter-out $(transport_brief),$(transport_long)),$(transport_suite))
transport_tests = CS_STEPS=200 CS_CRASH_KILLS=8 $(call transport_run,$(transport_all),$(filter-out \
	$(transport_long_ws),$(transport_all)),$(filter-out $(transport_long_wss),$(transport_all))) CS_STEPS= CS_CRASH_KILLS=
long_transport_tests = $(call transport_run,$(transport_long),$(transport_long) $(transport_long_ws),$(transport_long) $(transport_long_wss))
# Each starts a whole cluster and mostly waits; see tests/support/cluster.h for CS_LONG and CS_SWEEP.
cluster_binaries = $(if $(db_mysql_SKIP)$(bus_redis_SKIP),,$(patsubst %.cpp,$(BUILD)/%,$(filter-out $(if $(push_SKIP),%/test_push.cpp),$(wildcard tests/cluster/test_*.cpp))))
cluster_tests = $(if $(cluster_binaries),CS_DRIVER= $(cluster_binaries) TEST_JOBS=1 $(if $(chatclient_SKIP),,scripts/check-cluster))
mysql_tests = $(if $(db_mysql_SKIP),,CS_DRIVER=db_mysql $(mysql_suite:%=$(BUILD)/tests/%))
test_plugins := $(patsubst tests/plugin/%.c,$(BUILD)/tests/plugin/loaded/%.so,$(wildcard tests/plugin/*.c))
# Fuzz targets need only the fake host of it, and clang 14 cannot compile the rest.
fuzz_support := $(filter $(BUILD)/tests/support/fake_%,$(call objects_of,tests/support))
fuzz_names := $(patsubst tests/fuzz/fuzz_%.cpp,%,$(filter-out $(if $(bus_redis_SKIP),%_redis_message.cpp) $(if $(websocket_SKIP),%_websocket.cpp),$(wildcard tests/fuzz/fuzz_*.cpp)))
replay_binaries := $(fuzz_names:%=$(BUILD)/tests/fuzz/replay_%)
TEST_CFLAGS = $(CMOCKA_CFLAGS) $(CORE_CFLAGS) $(SQLITE_CFLAGS)
# The tests are linked with mold, if there is one: ld takes a second of a processor for each of 250 programs.
test_linker = $(eval test_linker := $$(if $$(shell $(CXX) -fuse-ld=mold -Wl,--version 2>/dev/null | grep -o ^mold),-fuse-ld=mold))$(test_linker)
TEST_LIBS = $(test_linker) $(CMOCKA_LIBS) $(CORE_LIBS) $(SQLITE_LIBS) $(if $(tls_openssl_SKIP),,$(OPENSSL_LIBS))
# The test client and the receiver of POST requests speak TLS.
$(patsubst %,$(BUILD)/tests/support/%.o,transport receiver): private TEST_CFLAGS += $(if $(tls_openssl_SKIP),,$(OPENSSL_CFLAGS) -DTEST_TLS)

$(BUILD)/tests/%.o: tests/%.cpp $(flags_file) $(test_headers)
	@mkdir -p $(@D)
	$(call quiet,CXX)$(CXX) $(TEST_CXXFLAGS) $(call use_headers,$(test_headers)) -c -o $@ $<

$(support_library): $(call objects_of,tests/support)
	@mkdir -p $(@D)
	$(call quiet,AR)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/plugin/loaded/%.so: tests/plugin/%.c $(flags_file)
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 $(CFLAGS) $(WARNINGS) -fPIC -fvisibility=hidden -Iinclude -MMD -MP -MF $(@:.so=.d) \
		-shared -o $@ $<

$(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(fuzz_support) \
		$(core_library) $(model_library)
	$(call quiet,LINK)$(CXX) $(ALL_LDFLAGS) -rdynamic -o $@ $^ $(TEST_LIBS)

$(BUILD)/tests/fuzz/fuzz_handlers: $(BUILD)/tests/fuzz/mutate_handlers.o
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(fuzz_support) $(core_library) $(model_library)
	$(call quiet,LINK)$(CXX) $(ALL_LDFLAGS) -fsanitize=fuzzer -rdynamic -o $@ $^ $(TEST_LIBS)

# What make bench compares with. It is compiled like the server.
bench_programs = $(BUILD)/tests/bench/floor $(BUILD)/tests/bench/statements
bench_objects = $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/bench/*.cpp))
$(bench_objects): private test_speed =
$(bench_objects): private test_headers =
$(BUILD)/tests/bench/bare_db.o: private TEST_CFLAGS += $(if $(db_mysql_SKIP),,-DBENCH_MYSQL $(MYSQL_CFLAGS))
$(BUILD)/tests/bench/floor: $(BUILD)/tests/bench/floor.o
	$(call quiet,LINK)$(CXX) $(ALL_LDFLAGS) -o $@ $^
$(BUILD)/tests/bench/statements: $(patsubst %,$(BUILD)/tests/bench/%.o,statements bare_db) $(BUILD)/tools/chatbench/histogram.o
	$(call quiet,LINK)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(SQLITE_LIBS) $(if $(db_mysql_SKIP),,$(MYSQL_LIBS))

# Libraries come last, because other objects of a test (see plugin.mk of mailbox) may need them too.
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(support_library) $(core_library) $(model_library)
	$(call quiet,LINK)$(CXX) $(ALL_LDFLAGS) -rdynamic -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS)

interop_scripts = $(if $(tls_openssl_SKIP)$(websocket_SKIP),,scripts/check-interop)
install_scripts = scripts/check-hardening scripts/check-service scripts/check-install scripts/check-readme
run_tests = CS_BUILD=$(BUILD) CC='$(CC)' CXX='$(CXX)' scripts/run-tests

ifneq ($(filter-out yes,$(HAVE_CMOCKA)),)
tests check check-all check-tests check-web check-long check-sanitized:
	@echo 'the tests need CMocka (Debian: apt-get install libcmocka-dev), then ./configure again' >&2; exit 1
else ifneq ($(db_sqlite_SKIP)$(login_SKIP),)
tests check check-all check-tests check-web check-long check-sanitized:
	@echo 'the tests need what was left out: ./configure without --without-sqlite and --without-login' >&2; exit 1
else
tests: all $(test_binaries) $(cluster_binaries) $(test_plugins) $(replay_binaries)

# The tests that need no server. They take about a minute; run them after every change.
source_scripts = scripts/check-layers scripts/check-names scripts/check-headers scripts/check-plugins scripts/check-globals scripts/check-libraries \
	scripts/check-docs
own_binaries = $(filter-out $(BUILD)/tests/server/% %_admin,$(foreach t,$(test_binaries),$(if $(strip \
	$(foreach server,mysql redis,$(findstring $(server),$(t)))),,$(t))))
check: all $(own_binaries) $(test_plugins) $(replay_binaries)
	TEST_JOBS=$${TEST_JOBS:-$$(nproc)} $(run_tests) $(source_scripts) $(replay_binaries) $(own_binaries)

# All tests, with every server that they need. The bench comes last and alone, because it measures.
check-all: check-tests
	$(MAKE) bench-short

check-tests: tests
	$(run_tests) scripts/check-format $(source_scripts) $(install_scripts) $(replay_binaries) $(test_binaries) CS_DRIVER= $(transport_tests) $(mysql_tests) \
		CS_DRIVER= $(if $(websocket_SKIP),,scripts/check-web) $(cluster_tests) \
		CS_DRIVER= $(interop_scripts)

# The tests of the page, with pictures of its screens in web-shots/ of the build.
check-web: all
	$(run_tests) scripts/check-web

# What takes long over TLS and WebSocket; the roles in groups with each driver, the model of conversations on one server,
# all faults of the cluster, which plays the model, too, the unit under a systemd of its own, the packages, and 1,000
# replacements of plugins under AddressSanitizer. It takes hours, and at the end it lists the failed ones.
long_tests = $(filter $(patsubst %,$(BUILD)/tests/%,unit/test_model_groups unit/test_model_mysql_groups server/test_conversations server/test_push server/test_store_copies server/test_store_verbs),$(test_binaries))
long_mysql_tests = $(if $(db_mysql_SKIP),,CS_DRIVER=db_mysql $(filter-out %_mysql_groups,$(long_tests)) CS_DRIVER=)
check-long: all $(test_plugins) $(long_tests) $(filter $(BUILD)/%,$(long_transport_tests)) $(cluster_binaries) $(BUILD)/tests/server/test_replace_plugin
	TEST_TIMEOUT=7200 $(run_tests) $(long_transport_tests) CS_LONG=1 $(long_tests) $(long_mysql_tests) \
		CS_SWEEP=off $(cluster_binaries) CS_SWEEP=on $(cluster_binaries) CS_SWEEP= scripts/check-systemd CS_LONG= $(package_scripts)
	+TEST_TIMEOUT=7200 CS_LONG=1 $(make_asan) TESTS=server/test_replace_plugin check-sanitized

# The packages, in roots of Debian made for it.
package_scripts = scripts/check-packages scripts/check-image scripts/check-arm64
check-packages: all
	TEST_TIMEOUT=7200 $(run_tests) $(package_scripts)

# The tests of make asan and make tsan, with one short test of a cluster; TESTS selects others. The memory that the
# server takes is not measured there, because a sanitizer takes more. Tests that start the server as a program are those
# of the plain build, OUTSIDE: only what they start is instrumented. test_mysql also loads the adapter itself. Those of
# mysql_suite that are instrumented run with MariaDB too, under AddressSanitizer. Those that mostly wait for a time to
# pass, or test the bench, are left out; test_conversations kills the server, too, as test_crash does.
waiting_tests = unit/test_conn_probe plugin/test_bus_redis_refused $(addprefix server/test_,addresses attack_silent chatbench chatbench_wrong \
	crash guessing haproxy haproxy_web probe prometheus proxy public_address replace_ours replace_refused retention sink slow_start store_copies tls watchdog watchdog_mysql)
sanitized_tests = $(or $(TESTS),$(fuzz_names:%=fuzz/replay_%) $(filter-out %_idle_memory $(waiting_tests),$(test_binaries:$(BUILD)/tests/%=%)) \
	$(filter %/test_second_login,$(cluster_binaries:$(BUILD)/tests/%=%)))
outside_tests = $(filter-out server/test_mysql,$(filter server/% cluster/%,$(sanitized_tests)))
inside_tests = $(patsubst %,$(BUILD)/tests/%,$(filter-out $(outside_tests),$(sanitized_tests)))
# One transport has both plugins.
sanitized_transport = $(if $(tls_openssl_SKIP)$(websocket_SKIP),,CS_TRANSPORT=wss $(patsubst %,$(OUTSIDE)/tests/server/test_%, \
	requests frames bad_frames login offline))
sanitized: $(if $(filter address,$(SAN))$(findstring test_chat,$(TESTS)),all,$(BUILD)/chatserverd $(BUILD)/chatctl $(plugin_files)) $(test_plugins) $(inside_tests)

check-sanitized: sanitized
	CS_TEST_PATIENCE=$${CS_TEST_PATIENCE:-4} $(run_tests) $(inside_tests) $(outside_tests:%=$(OUTSIDE)/tests/%) \
		$(if $(filter address,$(SAN)),$(if $(TESTS),,$(sanitized_transport)) CS_TRANSPORT= $(filter CS_DRIVER=% $(inside_tests),$(mysql_tests)))
endif

# For reports of sanitizers the line numbers of -g1 are enough. The goals ending in -programs only build.
make_asan = $(MAKE) BUILD=$(BUILD)/asan OUTSIDE=$(BUILD) SAN=address CXXFLAGS='-g1 -O1'
asan: $(outside_tests:%=$(BUILD)/tests/%)
	+$(make_asan) check-sanitized
asan-programs:
	+$(make_asan) sanitized

# All tests with threads: messages between workers, the session table, the store engine, the adapter, and the whole
# server. Not with MariaDB: its client library is not instrumented.
tsan_tests = $(or $(TESTS),$(patsubst tests/%.cpp,%,$(filter-out $(waiting_tests:%=tests/%.cpp) tests/server/test_chatclient% tests/server/test_chatbench% tests/server/test_chatctl% %_mysql.cpp %_idle_memory.cpp,$(wildcard \
	$(foreach name,loop worker session route route_bundle bus bus_life bus_session store store_hash store_engine store_engine_share host host_contract host_cluster host_cluster_sessions log log_places db db_sqlite db_sqlite_log address watchdog,tests/unit/test_$(name).cpp) \
	tests/server/test_*.cpp))))
make_tsan = $(MAKE) BUILD=$(BUILD)/tsan OUTSIDE=$(BUILD) SAN=thread CXXFLAGS='-g1 -O1' TESTS='$(tsan_tests)'
tsan: $(patsubst %,$(BUILD)/tests/%,$(filter server/% cluster/%,$(tsan_tests)))
	+$(make_tsan) check-sanitized
tsan-programs:
	+$(make_tsan) sanitized

FUZZ_TIME ?= 60
fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz SAN=fuzz CC=clang CXX=clang++ NO_UNIQUE= CXXFLAGS='-g -O1' \
		FUZZ_TIME=$(FUZZ_TIME) fuzz-run

fuzz-run: all $(fuzz_names:%=$(BUILD)/tests/fuzz/fuzz_%)
	CS_BUILD=$(BUILD) FUZZ_TIME=$(FUZZ_TIME) scripts/fuzz $(fuzz_names)

ifneq ($(db_sqlite_SKIP)$(login_SKIP),)
bench bench-short bench-long:
	@echo 'what is measured was left out: ./configure without --without-sqlite and --without-login' >&2; exit 1
else
bench: all $(bench_programs)
	CS_BUILD=$(BUILD) scripts/bench table

bench-short: all $(bench_programs)
	CS_BUILD=$(BUILD) scripts/check-bench

bench-long: all $(bench_programs)
	CS_BUILD=$(BUILD) scripts/bench-long
endif

# ---- install

INSTALL = install
conf_dir = $(sysconfdir)/chatserverd
plugin_dir = $(libdir)/chatserverd/plugins
schema_dir = $(datadir)/chatserverd/schema
web_dir = $(datadir)/chatserverd/web
example_dir = $(datadir)/doc/chatserverd/examples
state_dir = $(localstatedir)/lib/chatserverd
completion_dir = $(datadir)/bash-completion/completions
unit_dir = $(filter-out no,$(systemdsystemunitdir))
sysusers_dir = $(patsubst %/systemd/system,%/sysusers.d,$(unit_dir))
# Examples to copy: built and tested, but not part of a server.
examples = skeleton wordfilter reminders
installed_plugins := $(filter-out $(examples:%=$(BUILD)/plugins/%.so),$(plugin_files))
example_schema := $(wildcard $(examples:%=conf/schema/*/%-[0-9][0-9][0-9].sql))
installed_schema := $(filter-out $(example_schema),$(wildcard conf/schema/*/*.sql))
# The page is served by the plugin websocket.
page_files := $(if $(websocket_SKIP),,$(shell find tools/web -type f -not -name '.*'))
manuals := $(foreach page,$(wildcard man/*.[1-8]),$(if $(and $(filter man/chatclient.1,$(page)),$(chatclient_SKIP)),,$(page)))

# In the repository the sample is for a checkout. When it is installed, its paths are made absolute, and sections
# of plugins that were left out are removed.
$(BUILD)/chat.conf: conf/chat.conf $(flags_file) config.mk
	sed $(foreach p,$(left_out),-e '/^#* *\[$(p)\]/,/^\[/{/^#* *\[$(p)\]/d;/^\[/!d}') \
	    -e 's|^\(#* *\)plugin_dir = build/plugins|\1plugin_dir = $(plugin_dir)|' \
	    -e 's|^\(#* *\)path = var/chat.db|\1path = $(state_dir)/chat.db|' \
	    -e 's|^\(#* *\)root = tools/web|\1root = $(web_dir)|' \
	    -e 's|^\(#* *\)schema = conf/schema/|\1schema = $(schema_dir)/|' $< >$@

$(BUILD)/chatserverd.service: conf/chatserverd.service $(flags_file) config.mk
	sed -e 's|@sbindir@|$(sbindir)|g' -e 's|@conf_dir@|$(conf_dir)|g' $< >$@

$(BUILD)/%.pc: conf/%.pc.in $(flags_file) config.mk
	sed -e 's|@prefix@|$(prefix)|' -e 's|@includedir@|$(includedir)|' -e 's|@libdir@|$(libdir)|' \
	    -e 's|@plugin_dir@|$(plugin_dir)|' -e 's|@schema_dir@|$(schema_dir)|' \
	    -e 's|@VERSION@|$(VERSION)|' -e 's|@CJSON_LIBS@|$(CJSON_LIBS)|' $< >$@

# Installed, it makes plugins out of the examples.
$(BUILD)/chatserverd-new-plugin: scripts/new-plugin $(flags_file) config.mk
	sed -e 's|^examples=.*|examples=$(example_dir)|' $< >$@

# The pages name the default paths; installed, they name the real ones.
$(BUILD)/man/%: man/% $(flags_file) config.mk
	@mkdir -p $(@D)
	sed -e 's|/usr/local/etc/chatserverd|$(conf_dir)|g' -e 's|/usr/local/lib/chatserverd/plugins|$(plugin_dir)|g' \
	    -e 's|/usr/local/share/chatserverd/web|$(web_dir)|g' \
	    -e 's|/usr/local/share/chatserverd/schema|$(schema_dir)|g' -e 's|/var/lib/chatserverd|$(state_dir)|g' \
	    -e 's|/usr/local/share/doc/chatserverd/examples|$(example_dir)|g' \
	    $(if $(unit_dir),-e 's|/usr/local/lib/systemd/system|$(unit_dir)|g') $< >$@

# The user of the unit, whose group may read the passwords in chat.conf; a package makes it when it is installed.
make_user = $(if $(unit_dir),$(if $(DESTDIR),,@systemd-sysusers $(sysusers_dir)/chatserverd.conf || \
	echo 'make the system user chatserverd, and give $(conf_dir)/chat.conf to its group' >&2))
give_to_user = $(if $(unit_dir),$(if $(DESTDIR),,! getent group chatserverd >/dev/null || chgrp chatserverd $(1);))
install_conf = $(INSTALL) -m 640 $(BUILD)/chat.conf $(DESTDIR)$(conf_dir)/$(1); $(call give_to_user,$(conf_dir)/$(1))
install_page = $(INSTALL) -D -m 644 $(BUILD)/$(1) $(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1))

install: all $(BUILD)/chat.conf $(BUILD)/chatserverd.service $(BUILD)/chatserverd.pc $(BUILD)/chatserverd-test.pc \
		$(BUILD)/chatserverd-new-plugin $(manuals:%=$(BUILD)/%)
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) $(DESTDIR)$(plugin_dir) $(DESTDIR)$(conf_dir) \
		$(DESTDIR)$(includedir)/chatserverd $(DESTDIR)$(libdir)/pkgconfig
	$(INSTALL) -m 755 $(BUILD)/chatserverd $(DESTDIR)$(sbindir)
	$(foreach tool,$(tool_files),$(INSTALL) -m 755 $(tool) $(DESTDIR)$(bindir) &&) true
	$(INSTALL) -m 644 $(installed_plugins) $(DESTDIR)$(plugin_dir)
	$(INSTALL) -m 644 $(wildcard include/chatserverd/*.h) $(DESTDIR)$(includedir)/chatserverd
	$(INSTALL) -m 644 $(BUILD)/chatserverd.pc $(BUILD)/chatserverd-test.pc $(DESTDIR)$(libdir)/pkgconfig
	$(INSTALL) -m 644 $(test_library) $(DESTDIR)$(libdir)
	$(INSTALL) -m 755 $(BUILD)/chatserverd-new-plugin $(DESTDIR)$(bindir)
	for file in $(installed_schema); do \
		$(INSTALL) -D -m 644 $$file $(DESTDIR)$(datadir)/chatserverd/$${file#conf/} || exit 1; done
	for file in $(page_files); do \
		$(INSTALL) -D -m 644 $$file $(DESTDIR)$(web_dir)/$${file#tools/web/} || exit 1; done
	$(INSTALL) -D -m 644 conf/haproxy.cfg $(DESTDIR)$(example_dir)/haproxy.cfg
	$(INSTALL) -m 644 conf/haproxy-web.cfg conf/prometheus.yml conf/prometheus-alerts.yml conf/grafana-dashboard.json \
		conf/chatserverd.logrotate conf/chatserverd.socket $(DESTDIR)$(example_dir)
	$(INSTALL) -m 644 $(foreach e,$(examples),plugins/$(e)/$(e).cpp) plugins/skeleton/test_skeleton.c \
		$(DESTDIR)$(example_dir)
	for file in $(example_schema); do \
		$(INSTALL) -D -m 644 $$file $(DESTDIR)$(example_dir)/$${file#conf/} || exit 1; done
	$(foreach page,$(manuals),$(call install_page,$(page)) &&) true
	$(INSTALL) -D -m 644 conf/chatctl.bash $(DESTDIR)$(completion_dir)/chatctl
	$(if $(unit_dir),$(INSTALL) -D -m 644 $(BUILD)/chatserverd.service $(DESTDIR)$(unit_dir)/chatserverd.service)
	$(if $(unit_dir),$(INSTALL) -D -m 644 conf/chatserverd.sysusers $(DESTDIR)$(sysusers_dir)/chatserverd.conf)
	$(make_user)
	@if test -e $(DESTDIR)$(conf_dir)/chat.conf && ! cmp -s $(BUILD)/chat.conf $(DESTDIR)$(conf_dir)/chat.conf; then \
		$(call install_conf,chat.conf.new) \
		echo 'kept $(conf_dir)/chat.conf; the new sample is chat.conf.new beside it'; \
	else $(call install_conf,chat.conf) fi

# A chat.conf that somebody has edited stays, and so does the store.
uninstall: $(BUILD)/chat.conf
	rm -f $(DESTDIR)$(sbindir)/chatserverd $(tools:%=$(DESTDIR)$(bindir)/%)
	rm -f $(installed_plugins:$(BUILD)/plugins/%=$(DESTDIR)$(plugin_dir)/%) $(DESTDIR)$(libdir)/pkgconfig/chatserverd.pc
	rm -f $(DESTDIR)$(libdir)/pkgconfig/chatserverd-test.pc $(DESTDIR)$(libdir)/libchatserverd-test.a \
		$(DESTDIR)$(bindir)/chatserverd-new-plugin
	rm -f $(foreach page,$(manuals),$(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(DESTDIR)$(completion_dir)/chatctl
	$(if $(unit_dir),rm -f $(DESTDIR)$(unit_dir)/chatserverd.service $(DESTDIR)$(sysusers_dir)/chatserverd.conf)
	rm -rf $(DESTDIR)$(includedir)/chatserverd $(DESTDIR)$(datadir)/chatserverd $(DESTDIR)$(example_dir)
	rm -f $(DESTDIR)$(conf_dir)/chat.conf.new
	! cmp -s $(BUILD)/chat.conf $(DESTDIR)$(conf_dir)/chat.conf || rm -f $(DESTDIR)$(conf_dir)/chat.conf
	-rmdir $(DESTDIR)$(plugin_dir) $(DESTDIR)$(libdir)/chatserverd $(DESTDIR)$(conf_dir) \
		$(patsubst %/examples,%,$(DESTDIR)$(example_dir)) 2>/dev/null

# ---- releases

dist_name = chatserverd-$(VERSION)
dist_list = if test -e .git; then git ls-files; else find . -type f -not -path './$(BUILD)/*' -not -name '*.tar.gz' \
	-not -path './var/*' -not -name config.log -not -name config.status -not -name config.mk -not -name config.h; fi

# The files of the repository and the generated configure, so that a user needs no autoconf. All have the time of the
# release: the same files make the same tarball. There is no pipe: sh would not tell that its first program failed.
dist_time = $(shell sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)
dist: configure config.h.in
	rm -rf $(BUILD)/dist && mkdir -p $(BUILD)/dist/$(dist_name)
	$(dist_list) >$(BUILD)/dist/list
	tar -cf $(BUILD)/dist/files.tar -T $(BUILD)/dist/list
	tar -xf $(BUILD)/dist/files.tar -C $(BUILD)/dist/$(dist_name)
	cp -p config.h.in configure $(BUILD)/dist/$(dist_name)
	tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="$(dist_time)" \
		-cf $(BUILD)/dist/$(dist_name).tar -C $(BUILD)/dist $(dist_name)
	gzip -n <$(BUILD)/dist/$(dist_name).tar >$(BUILD)/dist/$(dist_name).tar.gz
	mv $(BUILD)/dist/$(dist_name).tar.gz .
	rm -rf $(BUILD)/dist

distcheck: dist
	scripts/check-dist $(dist_name)

# The packages are tested by check-packages and the code by check; so nothing is tested here.
deb_dir = $(BUILD)/deb
deb: dist
	rm -rf $(deb_dir) && mkdir -p $(deb_dir)
	tar -xf $(dist_name).tar.gz -C $(deb_dir)
	cd $(deb_dir)/$(dist_name) && unset MAKEFLAGS MAKELEVEL MFLAGS && \
		DEB_BUILD_OPTIONS="$${DEB_BUILD_OPTIONS:-nocheck parallel=$$(nproc)}" dpkg-buildpackage -us -uc
	@ls $(deb_dir)/*.deb

# ---- housekeeping

CLANG_FORMAT ?= clang-format-14
format:
	find include core plugins tools tests -name "*.[ch]" -o -name "*.cpp" | xargs $(CLANG_FORMAT) -i

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

clean:
	rm -rf $(BUILD)

distclean: clean
	rm -rf config.mk config.h config.log config.status config.cache autom4te.cache chatserverd-*.tar.gz

.PHONY: all tests check check-all check-tests check-web check-long check-packages deb sanitized check-sanitized asan asan-programs tsan tsan-programs fuzz fuzz-run bench bench-short bench-long install uninstall dist distcheck \
	format help clean distclean FORCE
.SECONDARY:
-include $(shell find $(BUILD) $(patsubst %,-path '$(BUILD)/%' -prune -o,asan tsan fuzz deb packages) -type f -name '*.d' -print 2>/dev/null)
