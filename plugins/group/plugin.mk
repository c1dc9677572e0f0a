group_MODEL = yes
group_SHARED = field message name
