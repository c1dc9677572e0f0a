mailbox_MODEL = yes
