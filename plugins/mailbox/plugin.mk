mailbox_MODEL = yes

# The tests of the mailbox are linked with its objects and a model in memory, so that they can choose the schedule.
$(BUILD)/tests/plugin/test_mailbox_schedule: $(BUILD)/tests/plugin/mailbox_schedule_act.o \
	$(BUILD)/tests/plugin/mailbox_schedule_judge.o
$(patsubst tests/%.cpp,$(BUILD)/tests/%,$(wildcard tests/plugin/test_mailbox*.cpp)): \
	$(call room_objects,plugins/mailbox) $(BUILD)/tests/plugin/mailbox_model.o $(BUILD)/tests/plugin/mailbox_stage.o
$(BUILD)/tests/fuzz/replay_hint $(BUILD)/tests/fuzz/fuzz_hint: $(BUILD)/plugins/mailbox/hint.o
