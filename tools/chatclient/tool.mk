chatclient_TLS = $(if $(filter no,$(WITH_TLS)),,yes)
chatclient_CFLAGS = $(EVENT_CFLAGS) $(CJSON_CFLAGS) $(EDIT_CFLAGS) $(if $(chatclient_TLS),$(OPENSSL_CFLAGS) -DCHATCLIENT_TLS)
chatclient_LIBS = $(EVENT_LIBS) $(CJSON_LIBS) $(EDIT_LIBS) $(if $(chatclient_TLS),$(OPENSSL_LIBS))
chatclient_SKIP = $(if $(filter no,$(WITH_CLIENT)),yes)

$(BUILD)/tests/unit/test_chatclient_websocket: private TEST_LIBS += $(chatclient_LIBS)
$(BUILD)/tests/unit/test_chatclient_websocket: $(addprefix $(BUILD)/tools/chatclient/,address.o text.o tls.o websocket.o)
