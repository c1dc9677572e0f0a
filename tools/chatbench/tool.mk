chatbench_TLS = $(if $(filter no,$(WITH_TLS)),,yes)
chatbench_CFLAGS = $(EVENT_CFLAGS) $(if $(chatbench_TLS),$(OPENSSL_CFLAGS) -DCHATBENCH_TLS)
chatbench_LIBS = $(EVENT_LIBS) $(if $(chatbench_TLS),$(OPENSSL_LIBS))
$(BUILD)/tests/unit/test_chatbench_histogram: $(BUILD)/tools/chatbench/histogram.o
$(BUILD)/tests/unit/test_chatbench_plot: $(BUILD)/tools/chatbench/histogram.o $(BUILD)/tools/chatbench/plot.o
