tls_openssl_CFLAGS = $(OPENSSL_CFLAGS)
tls_openssl_LIBS = $(OPENSSL_LIBS)
tls_openssl_SKIP = $(if $(filter no,$(WITH_TLS)),yes)

# The tests of the stream are the clients.
tls_tests = $(patsubst tests/%.cpp,$(BUILD)/tests/%,$(wildcard tests/plugin/test_tls*.cpp))
$(tls_tests:%=%.o) $(BUILD)/tests/plugin/tls_stage.o: private TEST_CFLAGS += $(OPENSSL_CFLAGS)
$(tls_tests): private TEST_LIBS += $(OPENSSL_LIBS)
$(tls_tests): $(BUILD)/tests/plugin/tls_stage.o
