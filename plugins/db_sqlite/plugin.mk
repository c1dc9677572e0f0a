db_sqlite_CFLAGS = $(SQLITE_CFLAGS) \
	-DCS_SQLITE_PATH='"$(localstatedir)/lib/chatserverd/chat.db"' \
	-DCS_SQLITE_SCHEMA='"$(datadir)/chatserverd/schema/sqlite"'
db_sqlite_LIBS = $(SQLITE_LIBS)
db_sqlite_SKIP = $(if $(filter no,$(WITH_SQLITE)),yes)
db_sqlite_SHARED = schema schema_own
