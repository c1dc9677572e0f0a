mailbox_MODEL = yes

# The tests of the mailbox are linked with its objects and a model in memory, so that they can choose the schedule. Where
# the model is one object, its functions are there, too: then the first ones, those of the test, are taken.
mailbox_tests := $(patsubst tests/%.cpp,$(BUILD)/tests/%,$(wildcard tests/plugin/test_mailbox*.cpp))
$(mailbox_tests): private TEST_LIBS += $(if $(joins_rooms),-Wl$(comma)-z$(comma)muldefs)
$(BUILD)/tests/plugin/test_mailbox_schedule: $(BUILD)/tests/plugin/mailbox_schedule_act.o \
	$(BUILD)/tests/plugin/mailbox_schedule_judge.o
$(mailbox_tests): \
	$(call room_objects,plugins/mailbox) $(BUILD)/tests/plugin/mailbox_model.o $(BUILD)/tests/plugin/mailbox_stage.o
$(BUILD)/tests/fuzz/replay_hint $(BUILD)/tests/fuzz/fuzz_hint: $(BUILD)/plugins/mailbox/hint.o
