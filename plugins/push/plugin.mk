push_CFLAGS = $(CURL_CFLAGS) $(SODIUM_CFLAGS) $(CRYPTO_CFLAGS)
# nodelete: a thread of libcurl that still asks a name server at the end needs its code.
push_LIBS = -Wl,-z,nodelete $(CURL_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(CJSON_LIBS)
push_MODEL = yes
push_SHARED = name token
push_SKIP = $(if $(filter yes,$(WITH_PUSH)),$(if $(filter no,$(WITH_LOGIN)),yes),yes)

# The tests are linked with the objects of the plugin, so that they can ask its functions one by one.
push_tests = $(patsubst tests/%.cpp,$(BUILD)/tests/%,$(wildcard tests/unit/test_push*.cpp))
$(push_tests): $(patsubst %,$(BUILD)/plugins/push/%.o,address backoff document encrypt http notice sign) $(BUILD)/plugins/shared/object.o
$(push_tests): private TEST_LIBS += $(CURL_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS)
# Those with a server judge the signatures, and read what is encrypted.
push_server_tests = $(patsubst %,$(BUILD)/tests/%/test_push,server cluster)
$(push_server_tests): $(BUILD)/plugins/push/sign.o
$(push_server_tests): private TEST_LIBS += $(SODIUM_LIBS) $(CRYPTO_LIBS)
$(patsubst %,%.o,$(push_tests) $(push_server_tests)): private TEST_CFLAGS += $(SODIUM_CFLAGS) $(CRYPTO_CFLAGS)
