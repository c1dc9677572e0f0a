group_MODEL = yes
group_SHARED = message name
