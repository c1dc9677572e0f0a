websocket_CFLAGS = $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS) -DCS_WEB_ROOT='"$(datadir)/chatserverd/web"'
websocket_LIBS = $(CRYPTO_LIBS) $(ZLIB_LIBS)
websocket_SKIP = $(if $(filter no,$(WITH_WEBSOCKET)),yes)

# The tests are linked with the objects of the plugin, so that they can ask its functions one by one.
websocket_tests = $(patsubst tests/%.cpp,$(BUILD)/tests/%,$(wildcard tests/unit/test_websocket*.cpp)) \
	$(BUILD)/tests/fuzz/replay_websocket $(BUILD)/tests/fuzz/fuzz_websocket
$(websocket_tests): $(call room_objects,plugins/websocket)
$(websocket_tests): private TEST_LIBS += $(CRYPTO_LIBS) $(ZLIB_LIBS)
