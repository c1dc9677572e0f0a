chatbench_CFLAGS = $(EVENT_CFLAGS)
chatbench_LIBS = $(EVENT_LIBS)
