/* SPDX-License-Identifier: MIT
 * Owns when the client library is set up and torn down, for the process and for each thread. It must not know
 * a connection. */
#include "db_mysql.h"

/* Oracle's library waits at its end for threads that have not taken leave. */
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

/* When the plugin is unloaded or the process ends: no connection is open then, and this thread's stay has
 * ended. Idle instances of workers end earlier, so it cannot be done in their stop. */
__attribute__((destructor)) static void library_leave(void)
{
	mysql_library_end();
}
