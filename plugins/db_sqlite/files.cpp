/* SPDX-License-Identifier: MIT
 * How SQLite reaches the files of a locked store: by the functions of its VFS "unix", under a name of this store. What
 * goes to the write-ahead log is gathered, and given to the kernel in few calls.
 *
 * SQLite writes each page of a transaction to the log by two calls: 24 bytes, and the page. Here they are copied into
 * memory, and written when the memory is full, and before any sync.
 *
 * This is as safe as SQLite, because what waits in memory belongs to a transaction that is not committed:
 * - sqlite3WalFrames (wal.c) writes the pages of a transaction, syncs the log, and only then tells of them in the
 *   shared index (walIndexWriteHdr). So before others can see a page, and before a commit is acknowledged, xSync has
 *   written it, and has answered for each write. This needs synchronous = FULL: with NORMAL, a commit has no sync, and
 *   nothing is gathered. It also needs that nothing is written after that sync; SQLite does so only to fill up a
 *   sector, on systems without SQLITE_IOCAP_POWERSAFE_OVERWRITE (padToSectorBoundary), and there nothing is
 *   gathered.
 *   If a statement sets NORMAL nevertheless, xShmBarrier writes what waits: walIndexWriteHdr calls it before anybody
 *   can accept the new index. It cannot say that the write failed, so it then ends the process, before the commit is
 *   told. The index is half written, so the others read the log again, and the transaction is not in it.
 * - Other connections and processes read the log only up to the last page in the index (sqlite3WalFindFrame,
 *   walCheckpoint), or, after a crash, all of it, but then nobody writes (walIndexRecover takes the writer's lock).
 *   After a crash the log looks as if the process had been killed a moment earlier, before SQLite wrote. What is
 *   written in part is found by its checksum, as ever.
 * - This connection may read pages that it has written for lack of memory: a read of them first writes what waits.
 * - What waits is dropped when the writer's lock is given back (xShmLock). After a commit nothing waits. After a
 *   rollback it must not be written: another connection may have written to this place of the log since then.
 * - If a write fails, xWrite or xSync says so as SQLite's own function has said it, and all further ones of the
 *   transaction, too. SQLite rolls the transaction back (pager_error, sqlite3VdbeHalt). */
#include "db_sqlite.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

/* unixWrite cannot write 128 KiB in one call. */
static constexpr int db_sqlite_gather_most = 124 << 10;

struct sqlite_files {
	sqlite3_vfs vfs; /* first: SQLite holds a pointer to it */
	std::string name;
	sqlite3_vfs *system;
	sqlite_checkpoint *checkpoint;
	bool gathers;
};

/* A database or a log. SQLite allocates it and never constructs it. */
struct sqlite_file {
	sqlite3_file base; /* first: SQLite holds a pointer to it */
	sqlite3_file *system; /* lies behind this struct */
	sqlite_file *log; /* of a database that is open for writing in WAL mode, else null */
	sqlite_file *database; /* of a log whose writes are gathered, else null */
	char *bytes; /* what waits */
	sqlite3_int64 offset; /* where it belongs in the file */
	int size;
	int failed; /* result of the write that failed, until the transaction ends */
};

static sqlite_files *db_sqlite_files_of(sqlite3_vfs *vfs)
{
	return reinterpret_cast<sqlite_files *>(vfs);
}

static sqlite_file *db_sqlite_file_of(sqlite3_file *file)
{
	return reinterpret_cast<sqlite_file *>(file);
}

/* The address of the option struct is unique for each server. */
static std::string db_sqlite_files_name(const sqlite_conf *conf)
{
	char name[64];

	snprintf(name, sizeof(name), "chatserverd-%p", static_cast<const void *>(conf));
	return name;
}

/* ---- what waits */

static int db_sqlite_gather_flush(sqlite_file *f)
{
	if (f->failed || !f->size)
		return f->failed;
	f->failed = f->system->pMethods->xWrite(f->system, f->bytes, f->size, f->offset);
	if (!f->failed)
		f->size = 0;
	return f->failed;
}

/* For calls whose SQLITE_FULL would end only one statement: SQLite must roll the whole transaction back. */
static int db_sqlite_gather_flush_for_read(sqlite_file *f)
{
	return db_sqlite_gather_flush(f) ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static void db_sqlite_gather_drop(sqlite_file *f)
{
	f->size = 0;
	f->failed = SQLITE_OK;
}

static bool db_sqlite_gather_touches(const sqlite_file *f, int size, sqlite3_int64 offset)
{
	return f->size && offset < f->offset + f->size && offset + size > f->offset;
}

static int db_sqlite_gather(sqlite_file *f, const void *bytes, int size, sqlite3_int64 offset)
{
	const bool follows = offset == f->offset + f->size && f->size + size <= db_sqlite_gather_most;

	if (f->size && !follows)
		(void)db_sqlite_gather_flush(f);
	if (f->failed)
		return f->failed;
	if (!f->size)
		f->offset = offset;
	memcpy(f->bytes + f->size, bytes, static_cast<size_t>(size));
	f->size += size;
	return SQLITE_OK;
}

static bool db_sqlite_gathers(sqlite_file *f, int size)
{
	if (!f->database || size > db_sqlite_gather_most)
		return false;
	if (!f->bytes)
		f->bytes = static_cast<char *>(sqlite3_malloc(db_sqlite_gather_most));
	return f->bytes != nullptr;
}

/* ---- the functions of a file */

static int db_sqlite_file_close(sqlite3_file *file)
{
	sqlite_file *f = db_sqlite_file_of(file);

	if (f->database)
		f->database->log = nullptr;
	sqlite3_free(f->bytes);
	return f->system->pMethods->xClose(f->system);
}

static int db_sqlite_file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset)
{
	sqlite_file *f = db_sqlite_file_of(file);

	if (db_sqlite_gather_touches(f, size, offset) && db_sqlite_gather_flush_for_read(f))
		return SQLITE_IOERR_WRITE;
	return f->system->pMethods->xRead(f->system, bytes, size, offset);
}

static int db_sqlite_file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
	sqlite_file *f = db_sqlite_file_of(file);

	if (db_sqlite_gathers(f, size))
		return db_sqlite_gather(f, bytes, size, offset);
	const int code = db_sqlite_gather_flush(f);
	return code ? code : f->system->pMethods->xWrite(f->system, bytes, size, offset);
}

static int db_sqlite_file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite_file *f = db_sqlite_file_of(file);
	const int code = db_sqlite_gather_flush_for_read(f);

	return code ? code : f->system->pMethods->xTruncate(f->system, size);
}

static int db_sqlite_file_sync(sqlite3_file *file, int flags)
{
	sqlite_file *f = db_sqlite_file_of(file);
	const int code = db_sqlite_gather_flush(f);

	return code ? code : f->system->pMethods->xSync(f->system, flags);
}

static int db_sqlite_file_size(sqlite3_file *file, sqlite3_int64 *size_r)
{
	sqlite_file *f = db_sqlite_file_of(file);
	const int code = db_sqlite_gather_flush_for_read(f);

	return code ? code : f->system->pMethods->xFileSize(f->system, size_r);
}

/* Byte 0 of the index is the writer's lock, WAL_WRITE_LOCK. */
static int db_sqlite_file_shm_lock(sqlite3_file *file, int first, int count, int flags)
{
	sqlite_file *f = db_sqlite_file_of(file);

	if (f->log && first == 0 && (flags & SQLITE_SHM_UNLOCK))
		db_sqlite_gather_drop(f->log);
	return f->system->pMethods->xShmLock(f->system, first, count, flags);
}

static int db_sqlite_file_lock(sqlite3_file *file, int level)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xLock(system, level);
}

static int db_sqlite_file_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xUnlock(system, level);
}

static int db_sqlite_file_check_lock(sqlite3_file *file, int *locked_r)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xCheckReservedLock(system, locked_r);
}

static int db_sqlite_file_control(sqlite3_file *file, int order, void *arg)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xFileControl(system, order, arg);
}

static int db_sqlite_file_sector_size(sqlite3_file *file)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xSectorSize(system);
}

static int db_sqlite_file_device(sqlite3_file *file)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xDeviceCharacteristics(system);
}

static int db_sqlite_file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **map_r)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xShmMap(system, page, size, extend, map_r);
}

static void db_sqlite_file_shm_barrier(sqlite3_file *file)
{
	const sqlite_file *f = db_sqlite_file_of(file);

	if (f->log && f->log->size && db_sqlite_gather_flush(f->log))
		abort();
	f->system->pMethods->xShmBarrier(f->system);
}

static int db_sqlite_file_shm_unmap(sqlite3_file *file, int remove)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xShmUnmap(system, remove);
}

static int db_sqlite_file_fetch(sqlite3_file *file, sqlite3_int64 offset, int size, void **page_r)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xFetch(system, offset, size, page_r);
}

static int db_sqlite_file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
	sqlite3_file *system = db_sqlite_file_of(file)->system;

	return system->pMethods->xUnfetch(system, offset, page);
}

static const sqlite3_io_methods db_sqlite_file_methods = {
	.iVersion = 3,
	.xClose = db_sqlite_file_close,
	.xRead = db_sqlite_file_read,
	.xWrite = db_sqlite_file_write,
	.xTruncate = db_sqlite_file_truncate,
	.xSync = db_sqlite_file_sync,
	.xFileSize = db_sqlite_file_size,
	.xLock = db_sqlite_file_lock,
	.xUnlock = db_sqlite_file_unlock,
	.xCheckReservedLock = db_sqlite_file_check_lock,
	.xFileControl = db_sqlite_file_control,
	.xSectorSize = db_sqlite_file_sector_size,
	.xDeviceCharacteristics = db_sqlite_file_device,
	.xShmMap = db_sqlite_file_shm_map,
	.xShmLock = db_sqlite_file_shm_lock,
	.xShmBarrier = db_sqlite_file_shm_barrier,
	.xShmUnmap = db_sqlite_file_shm_unmap,
	.xFetch = db_sqlite_file_fetch,
	.xUnfetch = db_sqlite_file_unfetch,
};

/* ---- the VFS */

/* The database of a log was opened before it, also by this VFS. */
static void db_sqlite_file_join(sqlite_file *log, const char *name)
{
	sqlite_file *database = db_sqlite_file_of(sqlite3_database_file_object(name));

	if ((db_sqlite_file_device(&database->base) & SQLITE_IOCAP_POWERSAFE_OVERWRITE) == 0)
		return;
	database->log = log;
	log->database = database;
}

static int db_sqlite_files_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_r)
{
	const sqlite_files *files = db_sqlite_files_of(vfs);
	sqlite_file *f = db_sqlite_file_of(file);

	if (!files->gathers || (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0)
		return files->system->xOpen(files->system, name, file, flags, flags_r);
	*f = {};
	f->system = &(f + 1)->base;
	const int code = files->system->xOpen(files->system, name, f->system, flags, flags_r);
	if (f->system->pMethods) /* else there is nothing to close */
		f->base.pMethods = &db_sqlite_file_methods;
	if (code == SQLITE_OK && (flags & SQLITE_OPEN_WAL))
		db_sqlite_file_join(f, name);
	return code;
}

/* All functions but xOpen are those of the system: they do not look at the VFS that they belong to. */
sqlite_files *sqlite_files_begin(const sqlite_conf *conf, sqlite_checkpoint *checkpoint)
{
	auto files = std::make_unique<sqlite_files>();

	files->system = sqlite3_vfs_find("unix");
	files->checkpoint = checkpoint;
	files->gathers = conf->synchronous == 0;
	files->name = db_sqlite_files_name(conf);
	files->vfs = *files->system;
	files->vfs.szOsFile += static_cast<int>(sizeof(sqlite_file));
	files->vfs.pNext = nullptr;
	files->vfs.zName = files->name.c_str();
	files->vfs.xOpen = db_sqlite_files_open;
	sqlite3_vfs_register(&files->vfs, 0);
	return files.release();
}

void sqlite_files_end(sqlite_files *files)
{
	const std::unique_ptr<sqlite_files> owned(files);

	sqlite3_vfs_unregister(&files->vfs);
}

const char *sqlite_files_find(const sqlite_conf *conf, sqlite_checkpoint **checkpoint_r)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(db_sqlite_files_name(conf).c_str());

	*checkpoint_r = vfs ? db_sqlite_files_of(vfs)->checkpoint : nullptr;
	return vfs ? vfs->zName : nullptr;
}
