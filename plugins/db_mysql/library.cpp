/* SPDX-License-Identifier: MIT
 * Initializes and ends the client library, for the process and for each thread. */
#include "db_mysql.h"

/* When it ends, Oracle's library waits for threads that have not called mysql_thread_end. */
struct thread_stay {
	thread_stay()
	{
		(void)mysql_thread_init();
	}
	~thread_stay()
	{
		mysql_thread_end();
	}
};

void mydb_library_enter(void)
{
	(void)mysql_library_init(0, nullptr, nullptr);
}

void mydb_thread_enter(void)
{
	static thread_local const thread_stay stay;

	(void)stay;
}

/* Runs when the plugin is unloaded or the process ends. Then no connection is open, and this thread has called
 * mysql_thread_end. It cannot be done in stop of an instance, because instances of workers end earlier. */
__attribute__((destructor)) static void library_leave(void)
{
	mysql_library_end();
}
