db_mysql_CFLAGS = $(MYSQL_CFLAGS) -DCS_MYSQL_SCHEMA='"$(datadir)/chatserverd/schema/mysql"'
db_mysql_LIBS = $(MYSQL_LIBS)
db_mysql_SKIP = $(if $(filter yes,$(WITH_MYSQL)),,yes)
db_mysql_SHARED = schema schema_own
