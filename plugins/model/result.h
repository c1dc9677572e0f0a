/* SPDX-License-Identifier: MIT
 * Owns the answers of the model's functions beyond the database's own classes. It must not know SQL. */
#ifndef MODEL_RESULT_H
#define MODEL_RESULT_H

/* Every model function answers 0, an enum cs_db_result (below 0: nothing of it counts, the transaction is
 * to be rolled back), or one of these, which are outcomes and no failures. */
enum model_result {
	MODEL_NONE = 1,     /* no such account, group or conversation */
	MODEL_TAKEN = 2,    /* the name is taken, or it is so already */
	MODEL_NOT_MEMBER = 3,
	MODEL_FULL = 4,     /* the account has as many friends or groups as it may have */
	MODEL_GROUP_FULL = 5
};

#endif
