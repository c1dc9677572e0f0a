bus_redis_CFLAGS = $(HIREDIS_CFLAGS)
bus_redis_LIBS = $(HIREDIS_LIBS)
bus_redis_SKIP = $(if $(filter yes,$(WITH_REDIS)),,yes)
