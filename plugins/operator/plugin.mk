operator_MODEL = yes
operator_SHARED = object
