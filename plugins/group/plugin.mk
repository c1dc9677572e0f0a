group_MODEL = yes
