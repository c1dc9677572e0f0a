chatclient_CFLAGS = $(EVENT_CFLAGS) $(CJSON_CFLAGS) $(EDIT_CFLAGS)
chatclient_LIBS = $(EVENT_LIBS) $(CJSON_LIBS) $(EDIT_LIBS)
chatclient_SKIP = $(if $(filter no,$(WITH_CLIENT)),yes)
