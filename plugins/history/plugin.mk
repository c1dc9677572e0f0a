history_MODEL = yes
history_SHARED = message
