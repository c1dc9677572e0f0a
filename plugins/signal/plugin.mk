signal_MODEL = yes
signal_SHARED = message
