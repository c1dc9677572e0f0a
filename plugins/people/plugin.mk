people_MODEL = yes
