chat_MODEL = yes
chat_SHARED = field message
