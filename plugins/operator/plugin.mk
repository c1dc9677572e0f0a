operator_MODEL = yes
