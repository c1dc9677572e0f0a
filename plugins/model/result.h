/* SPDX-License-Identifier: MIT
 * The results of the model's functions, besides those of the database. */
#ifndef MODEL_RESULT_H
#define MODEL_RESULT_H

/* A model function answers 0, an enum cs_db_result (below 0: roll the transaction back, nothing of it counts), or one
 * of these. These are outcomes, not failures. */
enum model_result {
	MODEL_NONE = 1, /* no such account, group or conversation */
	MODEL_TAKEN = 2, /* the name is in use, or the account is a member already */
	MODEL_NOT_MEMBER = 3,
	MODEL_FULL = 4, /* the account has the most contacts or groups that are allowed */
	MODEL_GROUP_FULL = 5,
	MODEL_MUTED = 6, /* the member may not write now */
	MODEL_REFUSED = 7, /* by the effect of an entry, which knows why */
	MODEL_UNWANTED = 8, /* the other account blocks the sender, or takes nothing from strangers */
	MODEL_OTHER_CID = 9, /* the sender's cid is that of an entry of another msgid in the conversation */
	MODEL_NO_ENTRY = 20 /* the effect of an entry has done all that is to be done */
};

#endif
