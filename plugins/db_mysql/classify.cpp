/* SPDX-License-Identifier: MIT
 * Translates error numbers to the classes of db.h, and selects the part of an error text that may be logged. */
#include "db_mysql.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

/* The numbers are those of the server's manual. They are written out because the headers of the two libraries
 * differ. */
static int db_mysql_server_class(unsigned number)
{
	switch (number) {
	case 1205: /* lock wait time-out */
	case 1213: /* deadlock */
	case 1020: /* the row has changed since it was read */
	case 1317: /* the query was interrupted */
	case 1615: /* the statement must be prepared again */
	case 1637: /* too many transactions at once */
	case 1969: /* max_statement_time */
	case 3024: /* max_execution_time */
	case 3101: /* group replication rolled it back */
	case 3572: return CS_DB_RETRY; /* a lock that was not waited for */
	case 1062: /* duplicate entry */
	case 1586: return CS_DB_DUPLICATE;
	case 1021: /* disk full */
	case 1037: /* out of memory */
	case 1038: /* out of sort memory */
	case 1041: /* out of resources */
	case 1114: /* the table is full */
	case 1223: /* a global read lock */
	case 1290: /* --read-only */
	case 1792: /* a read-only transaction */
	case 1836: return CS_DB_FULL; /* running in read-only mode */
	case 1048: /* NULL in a column that allows none */
	case 1153: /* larger than max_allowed_packet */
	case 1264: /* out of range */
	case 1265: /* data truncated */
	case 1292: /* incorrect value */
	case 1300: /* invalid character string */
	case 1366: /* incorrect value for a column */
	case 1406: /* too long */
	case 1690: /* a value out of range in an expression */
	case 3819: /* a check constraint, MySQL */
	case 4025: return CS_DB_BAD_VALUE; /* the same, MariaDB */
	default: return CS_DB_FAILED;
	}
}

/* The connection cannot be used any more, and it is unknown whether the last statement was done. */
static bool db_mysql_is_lost(unsigned number)
{
	switch (number) {
	case 1040: /* too many connections */
	case 1042: /* the host's name cannot be found */
	case 1043: /* bad handshake */
	case 1053: /* the server shuts down */
	case 1077:
	case 1078:
	case 1079:
	case 1080:
	case 1129: /* too many errors from this host */
	case 1152: /* aborted connection */
	case 1158: /* network errors */
	case 1159:
	case 1160:
	case 1161:
	case 1184: /* aborted connection */
	case 1203: /* too many connections of this user */
	case 1226: /* a limit of this user */
	case 1243: /* a prepared statement that the server does not know */
	case 1927: /* the connection was killed */
	case 4031: return true; /* closed for inactivity */
	case 2020: return false; /* the limit of the library for a packet */
	default: return number >= 2000 && number < 3000; /* numbers of the library: errors of the connection */
	}
}

int mydb_class(unsigned number)
{
	if (number == 0)
		return CS_DB_OK;
	if (number == 2020)
		return CS_DB_BAD_VALUE;
	return db_mysql_is_lost(number) ? CS_DB_UNKNOWN : db_mysql_server_class(number);
}

/* The packet is too large, for the server or the library. This text contains no value. */
static bool db_mysql_is_too_large(unsigned number)
{
	return number == 1153 || number == 2020;
}

/* The text of the server contains the bad value; the name of the key or the column comes after it. Returns the text
 * without the value. */
static std::string_view db_mysql_without_value(std::string_view text)
{
	size_t at = text.rfind(" for key ");

	if (at == text.npos)
		at = text.rfind(" for column ");
	return at == text.npos ? std::string_view() : text.substr(at);
}

int mydb_fail(mydb *db, unsigned number, const char *text)
{
	const int result = number ? mydb_class(number) : CS_DB_FAILED;
	std::string_view shown = text;

	if (result == CS_DB_DUPLICATE || (result == CS_DB_BAD_VALUE && !db_mysql_is_too_large(number)))
		shown = db_mysql_without_value(shown);
	snprintf(db->message, sizeof(db->message), "error %u%s%.*s", number,
	         shown.empty() || shown.front() == ' ' ? "" : ": ", static_cast<int>(shown.size()), shown.data());
	if (result == CS_DB_UNKNOWN || number == 1153)
		db->dead = true; /* after 1153 the server closes the connection */
	if (db->base.depth > 0 && (result == CS_DB_RETRY || result == CS_DB_UNKNOWN))
		db->lost = result;
	return result;
}

int mydb_fail_text(mydb *db, const char *text)
{
	snprintf(db->message, sizeof(db->message), "%s", text);
	return CS_DB_FAILED;
}
