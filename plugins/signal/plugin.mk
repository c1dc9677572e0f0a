signal_MODEL = yes
