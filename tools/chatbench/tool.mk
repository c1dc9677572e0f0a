chatbench_CFLAGS = $(EVENT_CFLAGS)
chatbench_LIBS = $(EVENT_LIBS)
$(BUILD)/tests/unit/test_chatbench_histogram: $(BUILD)/tools/chatbench/histogram.o
$(BUILD)/tests/unit/test_chatbench_plot: $(BUILD)/tools/chatbench/histogram.o $(BUILD)/tools/chatbench/plot.o
