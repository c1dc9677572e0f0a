bus_redis_CFLAGS = $(HIREDIS_CFLAGS)
bus_redis_LIBS = $(HIREDIS_LIBS)
bus_redis_SKIP = $(if $(filter yes,$(WITH_REDIS)),,yes)

$(BUILD)/tests/fuzz/fuzz_redis_message.o: private TEST_CFLAGS += $(HIREDIS_CFLAGS)
$(BUILD)/tests/fuzz/replay_redis_message $(BUILD)/tests/fuzz/fuzz_redis_message: $(BUILD)/plugins/bus_redis/message.o
