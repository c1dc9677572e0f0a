edit_MODEL = yes
edit_SHARED = message
