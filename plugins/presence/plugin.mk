presence_MODEL = yes
