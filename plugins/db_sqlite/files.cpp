/* SPDX-License-Identifier: MIT
 * How SQLite reaches the files of a locked store: by the functions of its VFS "unix", under a name of this store. */
#include "db_sqlite.h"

#include <cstdio>
#include <string>

struct sqlite_files {
	sqlite3_vfs vfs; /* first: SQLite holds a pointer to it */
	std::string name;
	sqlite3_vfs *system;
	sqlite_checkpoint *checkpoint;
};

static sqlite_files *db_sqlite_files_of(sqlite3_vfs *vfs)
{
	return reinterpret_cast<sqlite_files *>(vfs);
}

/* The address of the option struct is unique for each server. */
static std::string db_sqlite_files_name(const sqlite_conf *conf)
{
	char name[64];

	snprintf(name, sizeof(name), "chatserverd-%p", static_cast<const void *>(conf));
	return name;
}

static int db_sqlite_files_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_r)
{
	sqlite3_vfs *system = db_sqlite_files_of(vfs)->system;

	return system->xOpen(system, name, file, flags, flags_r);
}

/* All functions but xOpen are those of the system: they do not look at the VFS that they belong to. */
sqlite_files *sqlite_files_begin(const sqlite_conf *conf, sqlite_checkpoint *checkpoint)
{
	auto files = std::make_unique<sqlite_files>();

	files->system = sqlite3_vfs_find("unix");
	files->checkpoint = checkpoint;
	files->name = db_sqlite_files_name(conf);
	files->vfs = *files->system;
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
