login_CFLAGS = $(SODIUM_CFLAGS)
login_LIBS = $(SODIUM_LIBS)
login_MODEL = yes
login_SHARED = name token
login_SKIP = $(if $(filter no,$(WITH_LOGIN)),yes)
$(BUILD)/plugins/shared/token.o: private CODE_CXXFLAGS += $(SODIUM_CFLAGS)
