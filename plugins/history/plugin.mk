history_MODEL = yes
