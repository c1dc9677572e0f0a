login_CFLAGS = $(SODIUM_CFLAGS)
login_LIBS = $(SODIUM_LIBS)
login_MODEL = yes
login_SHARED = name
login_SKIP = $(if $(filter no,$(WITH_LOGIN)),yes)
